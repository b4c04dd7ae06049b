"""The challenger names the operation that is wrong."""

from dataclasses import replace

import pytest

from opg.game import ChallengerMind, OperatorMind, Phase
from opg.tensor import op_proof
from tests.evm import reverts
from tests.game_world import CLOCK_SECONDS, GameWorld, chain
from tests.liars import corrupted


@pytest.fixture
def revealed(match, liar, challenger):
    """All four leaves of the trace stand there."""
    return match.play_until(Phase.BLAME, liar, challenger)


@pytest.fixture
def move(revealed, challenger):
    return challenger.move(revealed.state, revealed.revealed)


def test_an_unknown_game(revealed, move, alice):
    with reverts("NoSuchGame", b"\1" * 32):
        revealed.call("blame", *move.arguments(b"\1" * 32, revealed.answer), sender=alice)


def test_before_the_trace(world, match, alice):
    args = (0, b"\1" * 32, [], op_proof(world.program, 0))
    with reverts("WrongPhase", match.id, Phase.REVEAL_TRACE):
        match.call("blame", match.id, match.answer, *args, sender=alice)


@pytest.mark.parametrize("who", ["bob", "frank", "dave"])
def test_by_anybody_else(world, revealed, move, who):
    sender = getattr(world, who)
    with reverts("NotTheChallenger", sender):
        revealed.send(move, sender=sender)


def test_too_late(world, revealed, move):
    until = world.disputes.deadline(revealed.id)
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", until):
        revealed.send(move)


def test_of_another_answer(world, revealed, move, alice):
    """Attack 23: another version, to be judged by."""
    other = revealed.answer | {"version": world.publish(chain(op_count=3, words=7))}
    with reverts("WrongAnswer", revealed.id):
        revealed.call("blame", *move.arguments(revealed.id, other), sender=alice)


@pytest.mark.parametrize("child", [4, 2**32 - 1])
def test_a_child_that_there_is_not(revealed, move, child):
    with reverts("NoSuchChild", child, 4):
        revealed.send(replace(move, child=child))


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_path_of_another_length(revealed, move, length):
    with reverts("WrongPathLength", length, 2):
        revealed.send(replace(move, path=(move.path * 2)[:length]))


def test_a_tensor_root_that_is_not_in_the_trace(world, revealed, move):
    with reverts("WrongNode"):
        revealed.send(replace(move, tensor_root=world.honest.trees[1].tensor_root))


def test_padding_of_the_trace(revealed, move, lie):
    path = [lie.tree.layers[0][2], lie.tree.layers[1][0]]
    with reverts("NoSuchOp", 3, 3):
        revealed.send(replace(move, child=3, tensor_root=bytes(32), path=path))


def test_the_proof_of_another_operation(world, revealed, move):
    with reverts("WrongOp", 1):
        revealed.send(replace(move, op_proof=op_proof(world.program, 2)))


def test_the_proof_of_another_program(revealed, move):
    """Attack 23: a version swapped under the trace."""
    other = chain(op_count=3, words=151)
    with reverts("WrongProgram"):
        revealed.send(replace(move, op_proof=op_proof(other, 1)))


def test_the_tensor_is_to_be_opened(revealed, move, lie):
    event = revealed.send(move).event("Blamed")
    root = lie.trees[1].tensor_root
    assert (event.gameId, event.opIndex, event.tensorRoot, event.wordCount) == (revealed.id, 1, root, 150)
    game = revealed.state
    assert (game.phase, game.depth_left, game.index) == (Phase.REVEAL_NODES, 2, 0)
    assert (game.op_index, game.word_count, game.node) == (1, 150, root)


@pytest.mark.parametrize("words", [1, 63, 64])
def test_a_tensor_of_one_chunk_is_opened_at_once(evm, words):
    world = GameWorld(evm, chain(op_count=2, words=words))
    lie = corrupted(world.honest, 0, words - 1)
    match = world.against(lie)
    match.play_until(Phase.REVEAL_CHUNK, OperatorMind(lie), ChallengerMind(world.honest))
    assert [verb for verb, _ in match.gas] == ["open", "revealTrace", "blame"]


def test_in_a_long_trace(evm):
    world = GameWorld(evm, chain(op_count=257, words=1))
    lie = corrupted(world.honest, 200, 0)
    match = world.against(lie)
    match.play_until(Phase.REVEAL_CHUNK, OperatorMind(lie), ChallengerMind(world.honest))
    assert match.state.op_index == 200


def test_an_operation_that_is_not_well_formed_has_one_word(evm):
    """Nothing about malformed programs is arbitrated: they have a meaning."""
    program = chain(op_count=2, words=70)
    program.encoded[0] = b"\xff" * 5
    program.__post_init__()
    world = GameWorld(evm, program)
    lie = corrupted(world.honest, 0, 0)
    match = world.against(lie)
    match.play(OperatorMind(lie), ChallengerMind(world.honest))
    assert (match.state.op_index, match.state.word_count) == (0, 1)
    assert match.won_by_challenger
