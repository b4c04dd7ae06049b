"""The challenger shows one word to be wrong."""

from dataclasses import replace

import pytest
from eth_utils import keccak

from opg.game import ChallengerMind, OperatorMind, Phase
from opg.tensor import op_proof
from tests.evm import reverts
from tests.game_world import BOUNTY, CLOCK_SECONDS, PENALTY, PURSE, STAKE, GameWorld, chain
from tests.liars import corrupted


@pytest.fixture
def opened(match, liar, challenger):
    """The chunk with the wrong word 70 lies open."""
    return match.play_until(Phase.PROVE, liar, challenger)


@pytest.fixture
def move(opened, challenger):
    return challenger.move(opened.state, opened.revealed)


def test_an_unknown_game(opened, move, alice):
    with reverts("NoSuchGame", b"\1" * 32):
        opened.call("prove", *move.arguments(b"\1" * 32, opened.answer), sender=alice)


def test_before_the_chunk(world, match, alice):
    args = (op_proof(world.program, 1), 70, bytes(256), [])
    with reverts("WrongPhase", match.id, Phase.REVEAL_TRACE):
        match.call("prove", match.id, match.answer, *args, sender=alice)


@pytest.mark.parametrize("who", ["bob", "frank", "dave"])
def test_copied_by_somebody_else(world, opened, move, who):
    """Attack 14: the bounty cannot be snatched out of the mempool."""
    sender = getattr(world, who)
    with reverts("NotTheChallenger", sender):
        opened.send(move, sender=sender)


def test_too_late(world, opened, move):
    until = world.disputes.deadline(opened.id)
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", until):
        opened.send(move)


def test_of_another_answer(world, opened, move, alice):
    """Attack 23: another input, to be judged by."""
    other = opened.answer | {"input": b"\1" * 32}
    with reverts("WrongAnswer", opened.id):
        opened.call("prove", *move.arguments(opened.id, other), sender=alice)


def test_another_chunk(world, opened, move):
    right = world.honest.trees[1].chunks(1, 1)
    with reverts("WrongNode", keccak(right), opened.state.node):
        opened.send(replace(move, chunk=right))


@pytest.mark.parametrize("element", [0, 63, 128, 149, 150, 2**32 - 1])
def test_an_element_of_another_chunk(opened, move, element):
    with reverts("NotInChunk", element, 1):
        opened.send(replace(move, element=element))


def test_an_element_behind_the_end(world):
    lie = corrupted(world.honest, 2, 149)
    match, challenger = world.against(lie), ChallengerMind(world.honest)
    match.play_until(Phase.PROVE, OperatorMind(lie), challenger)
    move = challenger.move(match.state, match.revealed)
    with reverts("NoSuchElement", 150, 150):
        match.send(replace(move, element=150))


@pytest.mark.parametrize("element", [64, 69, 71, 127])
def test_an_element_that_is_right(opened, move, lie, element):
    """The operand's chunk that is open holds what this one reads, too."""
    with reverts("NoContradiction", element, int(lie.results[1][element])):
        opened.send(replace(move, element=element))


def test_the_proof_of_another_operation(world, opened, move):
    with reverts("WrongOp", 1):
        opened.send(replace(move, op_proof=op_proof(world.program, 2)))


def test_operands_out_of_another_trace(opened, move, world):
    """Attack 23: the operator is measured by its own results, not by anybody else's."""
    length, root, path, runs = move.operands[0]
    for wrong in (
        (length, keccak(root), path, runs),
        (length + 1, root, path, runs),
        (length, root, [keccak(path[0]), *path[1:]], runs),
        (length, root, path[:-1], runs),
    ):
        with reverts("WrongOperand", 0):
            opened.send(replace(move, operands=[wrong, move.operands[1]]))


def test_without_the_chunk_that_it_reads(opened, move):
    length, root, path, _ = move.operands[0]
    with reverts("ChunkNotOpened", 0, 1):
        opened.send(replace(move, operands=[(length, root, path, []), move.operands[1]]))


def test_a_forged_chunk_of_an_operand(opened, move):
    length, root, path, [(first, chunks, siblings)] = move.operands[0]
    forged = (first, bytes([chunks[0] ^ 1]) + chunks[1:], siblings)
    with reverts("WrongRun", 0, 0):
        opened.send(replace(move, operands=[(length, root, path, [forged]), move.operands[1]]))


def test_the_operator_is_slashed(world, opened, move, alice, bob, lie):
    receipt = opened.send(move)
    proven, won = receipt.event("Proven"), receipt.event("ChallengerWon")
    claimed, right = int(lie.results[1][70]), int(world.honest.results[1][70])
    assert (proven.gameId, proven.opIndex, proven.element) == (opened.id, 1, 70)
    assert (proven.claimed, proven.right) == (claimed, right)
    assert (won.gameId, won.slashed, won.bounty) == (opened.id, PENALTY, BOUNTY)
    assert world.staking.stakeOf(bob).active == STAKE - PENALTY
    assert opened.phase == Phase.CHALLENGER_WON
    assert world.disputes.deadline(opened.id) == 0
    world.check_books()


def test_the_challenger_has_its_bond_back_and_the_bounty(world, opened, move, alice):
    """Attack 22: whoever is right has more afterwards."""
    opened.send(move)
    assert world.wealth(alice) == PURSE + BOUNTY
    world.disputes.withdrawCredit(alice, sender=alice)
    world.staking.withdrawCredit(alice, sender=alice)
    assert world.token.balanceOf(alice) == PURSE + BOUNTY
    world.check_books()


def test_the_answer_is_refuted_for_ever(world, opened, move):
    opened.send(move)
    digest = world.inference.hashAnswer(opened.answer)
    state = world.inference.answerState(digest)
    assert (state.refuted, state.openGames) == (True, 0)
    assert not world.inference.isFinal(digest)


def test_stake_that_thaws_is_slashed_too(world, opened, move, bob):
    """Attack 1: unstaking between the fault and the verdict."""
    world.staking.startThaw(STAKE, sender=bob)
    opened.send(move)
    active, thawing, _ = world.staking.stakeOf(bob)
    assert active + thawing == STAKE - PENALTY
    world.check_books()


def test_less_stake_than_the_penalty(evm):
    """Attack 3: it takes what there is."""
    world = GameWorld(evm, chain(op_count=1, words=5), penalty=STAKE + 7)
    lie = corrupted(world.honest, 0, 0)
    match = world.against(lie)
    match.play(OperatorMind(lie), ChallengerMind(world.honest))
    assert world.staking.stakeOf(world.bob).active == 0
    assert world.wealth(world.alice) == PURSE + STAKE // 2
    world.check_books()


def test_twice(opened, move):
    opened.send(move)
    with reverts("WrongPhase", opened.id, Phase.CHALLENGER_WON):
        opened.send(move)


def test_a_wrong_word_that_nothing_was_computed_from(world):
    """The lie is in the last operation and in the middle; only the first is followed."""
    lie = corrupted(world.honest, op=0, element=149, continued=False)
    match = world.against(lie)
    match.play(OperatorMind(lie), ChallengerMind(world.honest))
    assert match.won_by_challenger
    assert (match.state.op_index, match.state.index) == (0, 2)
