"""A game against an answer that another game has refuted."""

import pytest

from opg.game import ChallengerMind, OperatorMind, Phase
from tests.evm import reverts
from tests.game_world import PENALTY, PURSE, STAKE, GameWorld, chain
from tests.liars import corrupted


@pytest.fixture
def other(world, match, dave):
    """dave's game against the same answer."""
    return world.open(match.answer, by=dave)


def test_an_unknown_game(match, alice):
    with reverts("NoSuchGame", b"\1" * 32):
        match.call("closeMoot", b"\1" * 32, match.answer, sender=alice)


def test_an_answer_that_is_not_refuted(world, match):
    with reverts("AnswerNotRefuted", world.inference.hashAnswer(match.answer)):
        match.close_moot()


def test_with_another_answer(world, match, other, alice, liar, challenger):
    """Attack 21: one that is refuted does not end a game about one that is not."""
    match.play(liar, challenger)
    second = world.open(world.answer(request=b"\1" * 32))
    with reverts("WrongAnswer", second.id):
        second.call("closeMoot", second.id, match.answer, sender=alice)


@pytest.mark.parametrize("phase", [p for p in Phase if p.waits_for_operator or p.waits_for_challenger])
def test_in_every_phase_the_bond_comes_back(evm, phase):
    world = GameWorld(evm, chain(op_count=257, words=65))
    lie = corrupted(world.honest, 100, 64)
    liar, challenger = OperatorMind(lie), ChallengerMind(world.honest)
    winner = world.against(lie)
    other = world.open(winner.answer, by=world.dave).play_until(phase, liar, challenger)
    winner.play(liar, challenger)
    event = other.close_moot(sender=world.charlie).event("Mooted")
    assert (event.gameId, event.answerHash) == (other.id, world.inference.hashAnswer(other.answer))
    assert other.won_by_challenger
    assert world.wealth(world.dave) == PURSE
    assert world.staking.stakeOf(world.bob).active == STAKE - PENALTY
    world.check_books()


def test_twice(match, other, liar, challenger):
    match.play(liar, challenger)
    other.close_moot()
    with reverts("WrongPhase", other.id, Phase.CHALLENGER_WON):
        other.close_moot()


def test_the_game_that_refuted_it(match, liar, challenger):
    match.play(liar, challenger)
    with reverts("WrongPhase", match.id, Phase.CHALLENGER_WON):
        match.close_moot()


def test_a_game_that_the_operator_has_won(world, match, other, liar, challenger):
    """Lost is lost: alice was silent while she could still have proven it."""
    match.play_until(Phase.BLAME, liar, challenger)
    match.time_out()
    other.play_until(Phase.REVEAL_TRACE, liar, challenger)
    other.claim()
    with reverts("WrongPhase", match.id, Phase.OPERATOR_WON):
        match.close_moot()
    world.check_books()


def test_the_moot_game_may_also_be_played_to_its_end(world, match, other, liar, challenger, dave):
    other.play_until(Phase.PROVE, liar, challenger)
    match.play(liar, challenger)
    other.play(liar, challenger)
    assert world.wealth(dave) == PURSE
    assert world.staking.stakeOf(world.bob).active == STAKE - PENALTY
    world.check_books()
