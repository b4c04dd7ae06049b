"""Silence loses."""

import pytest

from opg.game import ChallengerMind, OperatorMind, Phase
from tests.evm import reverts
from tests.game_world import BOND, BOUNTY, CLOCK_SECONDS, PENALTY, PURSE, STAKE, GameWorld, chain
from tests.liars import corrupted

OPERATORS = [Phase.REVEAL_TRACE, Phase.REVEAL_NODES, Phase.REVEAL_CHUNK]
CHALLENGERS = [Phase.BLAME, Phase.PICK_NODE, Phase.PROVE]


def test_an_unknown_game(match, alice):
    with reverts("NoSuchGame", b"\1" * 32):
        match.call("claimTimeout", b"\1" * 32, match.answer, sender=alice)


@pytest.mark.parametrize("phase", OPERATORS + CHALLENGERS)
def test_before_the_time_is_over(world, match, liar, challenger, phase):
    match.play_until(phase, liar, challenger)
    world.evm.sleep(CLOCK_SECONDS)
    with reverts("NotTimedOut", world.disputes.deadline(match.id)):
        match.claim()
    assert world.disputes.deadline(match.id) == world.evm.now


def test_with_another_answer(world, match, alice):
    """Attack 21: nobody else can be made to pay."""
    world.evm.sleep(CLOCK_SECONDS + 1)
    other = match.answer | {"operator": world.dave.address}
    with reverts("WrongAnswer", match.id):
        match.call("claimTimeout", match.id, other, sender=alice)


def test_an_operator_that_hides_the_rest_of_a_long_trace_loses(evm):
    world = GameWorld(evm, chain(op_count=257, words=1))
    lie = corrupted(world.honest, 200, 0)
    match = world.against(lie)
    match.play_until(Phase.REVEAL_TRACE_NODES, OperatorMind(lie), ChallengerMind(world.honest))
    match.time_out()
    assert match.won_by_challenger


@pytest.mark.parametrize("phase", OPERATORS)
def test_a_silent_operator_is_slashed(world, match, liar, challenger, phase):
    match.play_until(phase, liar, challenger)
    event = match.time_out().event("ChallengerWon")
    assert (event.slashed, event.bounty) == (PENALTY, BOUNTY)
    assert match.won_by_challenger
    assert world.wealth(world.alice) == PURSE + BOUNTY
    assert world.staking.stakeOf(world.bob).active == STAKE - PENALTY
    assert world.inference.answerState(event.answerHash).refuted
    world.check_books()


@pytest.mark.parametrize("phase", CHALLENGERS)
def test_a_silent_challenger_loses_its_bond_to_the_operator(world, match, liar, challenger, phase):
    """Attack 22: whoever is accused wrongly is paid for the trouble."""
    match.play_until(phase, liar, challenger)
    event = match.time_out().event("OperatorWon")
    assert (event.gameId, event.answerHash) == (match.id, world.inference.hashAnswer(match.answer))
    assert event.bond == BOND
    assert match.won_by_operator
    assert world.disputes.creditOf(world.bob) == BOND
    assert world.wealth(world.alice) == PURSE - BOND
    assert world.staking.stakeOf(world.bob).active == STAKE
    assert not world.inference.answerState(event.answerHash).refuted
    world.check_books()


def test_the_answer_can_become_final_after_the_operator_won(world, match, honest_operator, challenger):
    answer = world.answer()
    digest = world.surface(answer)
    game = world.open(answer, by=world.dave)
    game.send(honest_operator.move(game.state))
    world.evm.sleep(10 * CLOCK_SECONDS)
    assert not world.inference.isFinal(digest)
    game.claim()
    assert world.inference.isFinal(digest)


@pytest.mark.parametrize("who", ["alice", "bob", "charlie"])
def test_by_anyone(world, match, who):
    match.time_out(sender=getattr(world, who))
    assert match.won_by_challenger
    assert world.staking.creditOf(world.alice) == BOUNTY


def test_twice(match):
    match.time_out()
    with reverts("WrongPhase", match.id, Phase.CHALLENGER_WON):
        match.claim()


def test_no_move_is_possible_any_more(match):
    match.time_out()
    for verb, args in [("revealNodes", (match.id, [bytes(32)])), ("revealChunk", (match.id, bytes(256)))]:
        with reverts("WrongPhase", match.id, Phase.CHALLENGER_WON):
            match.call(verb, *args, sender=match.challenger)


def test_against_an_operator_who_is_refuted_already(world, match, dave, bob):
    """The bond comes back; nobody is slashed twice for one answer."""
    other = world.open(match.answer, by=dave)
    match.time_out()
    event = other.claim().event("ChallengerWon")
    assert (event.slashed, event.bounty) == (0, 0)
    assert world.wealth(dave) == PURSE
    assert world.staking.stakeOf(bob).active == STAKE - PENALTY
    world.check_books()


def test_a_challenger_who_fell_silent_over_a_refuted_answer_has_its_bond_back(world, match, liar, challenger, dave):
    """Attack 22."""
    other = world.open(match.answer, by=dave)
    other.play_until(Phase.PROVE, liar, challenger)
    match.play(liar, challenger)
    receipt = other.time_out()
    assert receipt.event("Mooted").gameId == other.id
    assert world.wealth(dave) == PURSE
    world.check_books()
