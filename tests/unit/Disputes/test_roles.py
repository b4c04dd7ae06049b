"""Governance takes a role while games run: every bond comes back all the same. Attack 19."""

import pytest

from opg.game import Phase
from tests.evm import Reverted, reverts
from tests.game_world import BOND, PENALTY, PURSE, STAKE


@pytest.fixture
def retire(world):
    """Governance dismisses the contract as a judge."""
    return lambda: world.inference.revokeRole(world.inference.DISPUTER_ROLE(), world.disputes, sender=world.admin)


@pytest.fixture
def disarm(world):
    """It may slash no longer."""
    return lambda: world.staking.revokeRole(world.staking.SLASHER_ROLE(), world.disputes, sender=world.admin)


def test_a_retired_judge_slashes_nobody_and_keeps_nothing(world, match, retire, alice):
    """Attack 15: the operator is silent; the challenger has its bond back."""
    retire()
    event = match.time_out().event("ChallengerWon")
    assert (event.slashed, event.bounty) == (0, 0)
    assert not world.inference.answerState(world.inference.hashAnswer(match.answer)).refuted
    assert world.wealth(alice) == PURSE
    assert world.staking.stakeOf(world.bob).active == STAKE


def test_a_retired_judge_still_gives_the_operator_its_due(world, match, liar, challenger, retire, bob):
    match.play_until(Phase.BLAME, liar, challenger)
    retire()
    assert match.time_out().event("OperatorWon").bond == BOND
    assert world.disputes.creditOf(bob) == BOND


def test_a_retired_judge_closes_moot_games(world, match, liar, challenger, retire, dave):
    other = world.open(match.answer, by=dave)
    match.play(liar, challenger)
    retire()
    other.close_moot()
    assert world.wealth(dave) == PURSE


def test_a_retired_judge_opens_no_game(world, lie, retire):
    retire()
    with reverts("AccessControlUnauthorizedAccount", world.disputes, world.inference.DISPUTER_ROLE()):
        world.against(lie)


@pytest.mark.parametrize("proven", [True, False])
def test_who_may_not_slash_still_judges(world, match, liar, challenger, disarm, alice, proven):
    """Attack 3's neighbour: the penalty is lost, the verdict and the bond are not."""
    disarm()
    match.play(liar, challenger) if proven else match.time_out()
    assert world.inference.answerState(world.inference.hashAnswer(match.answer)).refuted
    assert world.wealth(alice) == PURSE
    assert world.staking.stakeOf(world.bob).active == STAKE


@pytest.mark.parametrize("gas", [*range(60_000, 240_000, 20_000), *range(250_000, 700_000, 50_000)])
def test_no_liar_is_spared_by_too_little_gas(world, match, bob, gas):
    """Attack 16: the liar itself claims its own timeout, with gas that would not suffice for the penalty."""
    world.evm.sleep(world.disputes.deadline(match.id) + 1 - world.evm.now)
    try:
        receipt = world.disputes.claimTimeout(match.id, match.answer, sender=bob, gas=gas)
    except Reverted:
        assert match.phase == Phase.REVEAL_TRACE
        return
    assert receipt.event("ChallengerWon").slashed == PENALTY
