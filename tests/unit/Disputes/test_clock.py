"""The chess clock: a total for each side, and a minimum for each move."""

import pytest

from opg.game import ChallengerMind, OperatorMind, Phase
from tests.evm import reverts
from tests.game_world import CLOCK_SECONDS, MOVE_SECONDS, GameWorld, chain
from tests.liars import corrupted


def test_only_the_side_to_move_pays(world, match, liar, challenger):
    """Attack 20."""
    world.evm.sleep(100)
    match.step(liar, challenger)
    world.evm.sleep(30)
    match.step(liar, challenger)
    world.evm.sleep(7)
    match.step(liar, challenger)
    game = match.state
    assert game.operator_seconds == CLOCK_SECONDS - 107
    assert game.challenger_seconds == CLOCK_SECONDS - 30
    assert game.turn_since == world.evm.now


def test_the_total_runs_over_all_moves(world, match, liar, challenger):
    world.evm.sleep(CLOCK_SECONDS - 2 * MOVE_SECONDS)
    match.play_until(Phase.REVEAL_NODES, liar, challenger)
    assert world.disputes.deadline(match.id) == world.evm.now + 2 * MOVE_SECONDS


@pytest.mark.parametrize("left", [0, 1, MOVE_SECONDS - 1, MOVE_SECONDS])
def test_a_used_up_clock_leaves_the_minimum_for_every_move(world, match, liar, challenger, left):
    """Attack 20: the other side's last-second move leaves time to answer."""
    world.evm.sleep(CLOCK_SECONDS - left)
    match.play_until(Phase.REVEAL_NODES, liar, challenger)
    assert match.state.operator_seconds == left
    assert world.disputes.deadline(match.id) == world.evm.now + MOVE_SECONDS
    world.evm.sleep(MOVE_SECONDS)
    match.step(liar, challenger)
    assert match.state.operator_seconds == 0
    match.play_until(Phase.REVEAL_CHUNK, liar, challenger)
    world.evm.sleep(MOVE_SECONDS + 1)
    with reverts("TooLate", world.evm.now - 1):
        match.send(liar.move(match.state))


def test_a_minimum_above_the_total(evm):
    """Correspondence chess: every move has an hour, whatever the clock says."""
    world = GameWorld(evm, chain(op_count=1, words=5), clockSeconds=600, moveSeconds=MOVE_SECONDS)
    lie = corrupted(world.honest, 0, 0)
    match = world.against(lie)
    while not match.phase.is_over:
        world.evm.sleep(MOVE_SECONDS)
        assert match.step(OperatorMind(lie), ChallengerMind(world.honest))
    assert match.won_by_challenger


def test_a_move_that_is_refused_does_not_stop_the_clock(world, match, liar):
    world.evm.sleep(100)
    with reverts("WrongPhase"):
        match.call("revealChunk", match.id, bytes(256), sender=world.frank)
    assert match.state.operator_seconds == CLOCK_SECONDS
    assert world.disputes.deadline(match.id) == world.evm.now - 100 + CLOCK_SECONDS


def test_the_deadline_of_a_game_that_is_over_or_unknown_is_zero(world, match):
    match.time_out()
    assert world.disputes.deadline(match.id) == 0
    assert world.disputes.deadline(b"\1" * 32) == 0


def test_the_slowest_game_ends_within_the_bound(evm):
    """Attack 20: both sides play at the last second of every turn, through as many levels as there can be."""
    world = GameWorld(evm, chain(op_count=257, words=16_385, later=1))
    lie = corrupted(world.honest, 0, 9_999)
    match = world.against(lie)
    start = world.evm.now
    while not match.phase.is_over:
        world.evm.sleep(world.disputes.deadline(match.id) - world.evm.now)
        assert match.step(OperatorMind(lie), ChallengerMind(world.honest))
    assert match.won_by_challenger
    assert CLOCK_SECONDS * 2 < world.evm.now - start <= world.disputes.maxGameSeconds()
