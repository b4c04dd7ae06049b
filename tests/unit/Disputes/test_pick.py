"""The challenger picks a child of what was revealed."""

from dataclasses import replace

import pytest

from opg.game import ChallengerMind, OperatorMind, Phase, Pick
from opg.tensor.commitment import ListTree
from tests.evm import reverts
from tests.game_world import BOND, BOUNTY, CLOCK_SECONDS, GameWorld, chain
from tests.liars import corrupted, dirty_leaf


@pytest.fixture
def revealed(match, liar, challenger):
    """The four leaves of the blamed tensor stand there: three chunks and the padding."""
    return match.play_until(Phase.PICK_NODE, liar, challenger)


@pytest.fixture
def move(revealed, challenger):
    return challenger.move(revealed.state, revealed.revealed)


def test_an_unknown_game(revealed, move, alice):
    with reverts("NoSuchGame", b"\1" * 32):
        revealed.call("pick", *move.arguments(b"\1" * 32, revealed.answer), sender=alice)


def test_in_another_phase(match, challenger):
    with reverts("WrongPhase", match.id, Phase.REVEAL_TRACE):
        match.send(Pick(0, b"\1" * 32, []))


@pytest.mark.parametrize("who", ["bob", "frank", "dave"])
def test_by_anybody_else(world, revealed, move, who):
    """Attacks 14 and 21: nobody leads a challenger astray."""
    sender = getattr(world, who)
    with reverts("NotTheChallenger", sender):
        revealed.send(move, sender=sender)


def test_too_late(world, revealed, move):
    until = world.disputes.deadline(revealed.id)
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", until):
        revealed.send(move)


@pytest.mark.parametrize("child", [4, 5, 2**32 - 1])
def test_a_child_that_there_is_not(revealed, move, child):
    with reverts("NoSuchChild", child, 4):
        revealed.send(replace(move, child=child))


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_path_of_another_length(revealed, move, length):
    """Attack 23: a shorter path would end at a node, a longer one under a leaf."""
    with reverts("WrongPathLength", length, 2):
        revealed.send(replace(move, path=(move.path * 2)[:length]))


def test_another_place(revealed, move):
    with reverts("WrongNode"):
        revealed.send(replace(move, child=move.child ^ 1))


def test_another_node(revealed, move):
    with reverts("WrongNode"):
        revealed.send(replace(move, node=b"\1" * 32))


def test_a_node_of_another_tensor(revealed, move, world):
    """The right one, where the operator's is wrong."""
    with reverts("WrongNode"):
        revealed.send(replace(move, node=world.honest.trees[1].layers[0][1]))


def test_padding_that_is_zero(revealed):
    """There is nothing to prove there, so going there can only be a mistake."""
    path = ListTree(revealed.levels[-1]).path(3)
    with reverts("NothingThere", 3):
        revealed.send(Pick(3, bytes(32), path))


def test_padding_that_is_not_zero_loses_at_once(world, alice):
    lie = dirty_leaf(world.honest, 2)
    match, challenger = world.against(lie), ChallengerMind(world.honest)
    match.play_until(Phase.PICK_NODE, OperatorMind(lie), challenger)
    match.send(challenger.move(match.state, match.revealed))
    assert match.won_by_challenger
    assert world.disputes.creditOf(alice) == BOND
    assert world.staking.creditOf(alice) == BOUNTY
    world.check_books()


def test_padding_that_is_not_zero_is_judged_for_this_answer_alone(world):
    lie = dirty_leaf(world.honest, 2)
    match, challenger = world.against(lie), ChallengerMind(world.honest)
    match.play_until(Phase.PICK_NODE, OperatorMind(lie), challenger)
    move = challenger.move(match.state, match.revealed)
    other = match.answer | {"operator": world.dave.address}
    with reverts("WrongAnswer", match.id):
        match.call("pick", *move.arguments(match.id, other), sender=world.alice)


def test_the_operator_is_to_open_what_was_picked(revealed, move, lie):
    event = revealed.send(move).event("Picked")
    assert (event.gameId, event.index, event.node) == (revealed.id, 1, lie.trees[1].layers[0][1])
    game = revealed.state
    assert (game.phase, game.index, game.depth_left) == (Phase.REVEAL_CHUNK, 1, 0)
    assert game.node == event.node


def test_in_a_long_trace(evm):
    world = GameWorld(evm, chain(op_count=257, words=1))
    lie = corrupted(world.honest, 200, 0)
    match, challenger = world.against(lie), ChallengerMind(world.honest)
    match.play_until(Phase.PICK_TRACE, OperatorMind(lie), challenger)
    match.send(challenger.move(match.state, match.revealed))
    game = match.state
    assert (game.phase, game.index, game.depth_left) == (Phase.REVEAL_TRACE_NODES, 200 >> 4, 4)


def test_padding_of_the_trace_can_be_opened_but_not_blamed(evm):
    """An honest operator answers wherever a challenger goes."""
    world = GameWorld(evm, chain(op_count=257, words=1))
    match, operator = world.against(world.honest), OperatorMind(world.honest)
    match.send(operator.move(match.state))
    match.send(Pick(31, match.levels[0][31], ListTree(match.levels[0]).path(31)))
    match.send(operator.move(match.state))
    assert match.phase == Phase.BLAME


def test_padding_of_a_long_tensor_can_be_opened_down_to_its_leaves(evm):
    world = GameWorld(evm, chain(op_count=1, words=16_385))
    match, operator = world.against(world.honest), OperatorMind(world.honest)
    blame = ChallengerMind(corrupted(world.honest, 0, 0))
    match.play_until(Phase.PICK_NODE, operator, blame)
    match.send(Pick(31, match.levels[-1][31], ListTree(match.levels[-1]).path(31)))
    match.send(operator.move(match.state))
    assert match.levels[-1] == [bytes(32)] * 16
    with reverts("NothingThere", 31 * 16 + 5):
        match.send(Pick(5, bytes(32), ListTree(match.levels[-1]).path(5)))
