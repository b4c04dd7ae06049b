"""Votes set the minimum for what begins later; the guardian pauses beginnings, never ends."""

import pytest

from tests.evm import account, reverts
from tests.market import DAY, MIN_STAKE, OBLIGATION, OPG, THAWING_SECONDS

STAKING = 2
GUARDIAN, VOTES = account(9), account(0)


@pytest.fixture
def brake(evm, staking):
    return evm.at("Guardian", staking.guardian())


def test_a_vote_sets_the_minimum(staking, bob):
    staking.stake(MIN_STAKE, sender=bob)
    assert staking.isLive(bob)
    event = staking.setMinStake(MIN_STAKE + 1, sender=VOTES).event("MinStakeSet")
    assert event.amount == staking.minStake() == MIN_STAKE + 1
    assert not staking.isLive(bob)
    staking.stake(1, sender=bob)
    assert staking.isLive(bob)


def test_the_smaller_minimum_is_enough_to_finish(evm, staking, bob):
    """Attack 25: for as long as anything that was asked before can be open; another vote takes nothing of that away."""
    staking.stake(MIN_STAKE, sender=bob)
    event = staking.setMinStake(MIN_STAKE + 1, sender=VOTES).event("MinStakeSet")
    assert (event.finishing, event.until) == (MIN_STAKE, evm.now + THAWING_SECONDS)
    evm.sleep(THAWING_SECONDS)
    assert staking.mayFinish(bob) and not staking.isLive(bob)
    evm.sleep(1)
    assert not staking.mayFinish(bob)
    staking.setMinStake(MIN_STAKE, sender=VOTES)
    assert staking.mayFinish(bob) and staking.isLive(bob)
    for more in (1, 2):
        staking.setMinStake(MIN_STAKE + more, sender=VOTES)
        evm.sleep(THAWING_SECONDS)
        assert staking.mayFinish(bob)


def test_a_later_vote_brings_no_older_minimum_back(evm, staking):
    staking.setMinStake(MIN_STAKE + 1, sender=VOTES)
    evm.sleep(THAWING_SECONDS + 1)
    assert staking.setMinStake(MIN_STAKE + 2, sender=VOTES).event("MinStakeSet").finishing == MIN_STAKE + 1


def test_nobody_finishes_with_less_than_the_first_minimum(evm, staking, bob):
    staking.stake(MIN_STAKE - 1, sender=bob)
    assert not staking.mayFinish(bob)


@pytest.mark.parametrize("amount", [0, 10_000_000 * OPG + 1, 2**256 - 1])
def test_the_minimum_has_bounds(staking, amount):
    with reverts("OutOfBounds", "minStake", amount, 1, 10_000_000 * OPG):
        staking.setMinStake(amount, sender=VOTES)


def test_nobody_but_the_votes_sets_it(staking, alice, bob):
    for who in (alice, bob, GUARDIAN):
        if who.address != VOTES.address:
            with reverts("NotGovernance", who):
                staking.setMinStake(1, sender=who)


def test_the_guardian_pauses_new_stake_and_no_exit(evm, staking, brake, bob, charlie):
    """Attack 25."""
    staking.stake(2 * MIN_STAKE, sender=bob)
    early = staking.startThaw(1, sender=bob).value
    until = brake.pause(STAKING, DAY, sender=GUARDIAN).event("Paused").until
    with reverts("BusinessPaused", STAKING, until):
        staking.stake(1, sender=bob)
    with reverts("BusinessPaused", STAKING, until):
        staking.delegate(bob, 1, 10_000, sender=charlie)
    late = staking.startThaw(1, sender=bob).value
    staking.register(account(33), "http://elsewhere", sender=bob)
    brake.resume(STAKING, sender=GUARDIAN)
    evm.sleep(THAWING_SECONDS)
    assert [staking.finishThaw(each, sender=bob).value for each in (early, late)] == [1, 1]


def test_who_still_owes_something_may_add_stake_while_others_may_not(staking, brake, bob, dave):
    """Attack 25."""
    staking.stake(MIN_STAKE, sender=bob)
    staking.lock(bob, 1, OBLIGATION, sender=dave)
    until = brake.pause(STAKING, DAY, sender=GUARDIAN).event("Paused").until
    staking.stake(1, sender=bob)
    staking.unlock(bob, 1, OBLIGATION, sender=dave)
    with reverts("BusinessPaused", STAKING, until):
        staking.stake(1, sender=bob)


def test_thaws_end_while_new_stake_is_paused(evm, staking, brake, bob):
    """Attack 25."""
    staking.stake(MIN_STAKE, sender=bob)
    thaw = staking.startThaw(1, sender=bob).value
    evm.sleep(THAWING_SECONDS)
    brake.pause(STAKING, DAY, sender=GUARDIAN)
    assert staking.finishThaw(thaw, sender=bob).value == 1
