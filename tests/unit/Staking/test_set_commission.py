"""What an operator keeps of its delegators' income, and how it changes. Attack 2: slowly, and known before."""

import pytest

from tests.evm import reverts
from tests.market import OPG, THAWING_SECONDS


def test_it_is_nothing_to_begin_with(staking, bob):
    assert staking.commissionOf(bob) == (0, 0, 0)


@pytest.mark.parametrize("bps", [5_001, 10_001, 2**16 + 1, 2**256 - 1])
def test_it_is_bounded(staking, bob, bps):
    """Attack 17: no share above the whole, no cast."""
    with reverts("OutOfBounds", "commissionBps", bps, 0, 5_000):
        staking.setCommission(bps, sender=bob)


def test_at_once_while_nobody_delegates(evm, staking, bob):
    event = staking.setCommission(5_000, sender=bob).event("CommissionSet")
    assert (event.operator, event.bps, event.since) == (bob.address, 5_000, evm.now)
    assert staking.commissionOf(bob).bps == 5_000


@pytest.fixture
def delegated(staking, alice, bob):
    """bob, at 10 %, with a delegator."""
    staking.setCommission(1_000, sender=bob)
    staking.delegate(bob, OPG, 1_000, sender=alice)


def test_more_comes_after_as_long_as_stake_thaws(evm, staking, bob, delegated):
    """Attack 2: whoever dislikes it has left by then."""
    event = staking.setCommission(1_500, sender=bob).event("CommissionSet")
    assert event.since == evm.now + THAWING_SECONDS
    assert staking.commissionOf(bob) == (1_000, 1_500, event.since)
    evm.sleep(THAWING_SECONDS - 1)
    assert staking.commissionOf(bob).bps == 1_000
    evm.sleep(1)
    assert staking.commissionOf(bob).bps == 1_500


def test_the_same_again_takes_an_announcement_back_at_once(evm, staking, bob, delegated):
    staking.setCommission(1_500, sender=bob)
    event = staking.setCommission(1_000, sender=bob).event("CommissionSet")
    assert event.since == evm.now
    assert staking.commissionOf(bob) == (1_000, 1_000, evm.now)


def test_it_rises_by_small_steps(evm, staking, bob, delegated):
    with reverts("CommissionStepTooLarge", 1_000, 1_501, 500):
        staking.setCommission(1_501, sender=bob)
    staking.setCommission(1_500, sender=bob)
    with reverts("CommissionStepTooLarge", 1_000, 1_501, 500):
        staking.setCommission(1_501, sender=bob)  # from the present one, not from the announced
    evm.sleep(THAWING_SECONDS)
    staking.setCommission(2_000, sender=bob)
    assert staking.commissionOf(bob).bps == 1_500


def test_announcing_again_begins_anew(evm, staking, bob, delegated):
    staking.setCommission(1_500, sender=bob)
    evm.sleep(THAWING_SECONDS - 1)
    staking.setCommission(1_400, sender=bob)
    evm.sleep(THAWING_SECONDS - 1)
    assert staking.commissionOf(bob).bps == 1_000
    evm.sleep(1)
    assert staking.commissionOf(bob).bps == 1_400


@pytest.mark.parametrize("bps", [999, 1_000])
def test_less_comes_at_once_and_undoes_what_was_announced(evm, staking, bob, delegated, bps):
    staking.setCommission(1_500, sender=bob)
    staking.setCommission(bps, sender=bob)
    assert staking.commissionOf(bob).bps == bps
    evm.sleep(THAWING_SECONDS)
    assert staking.commissionOf(bob).bps == bps


def test_delegators_who_thaw_are_delegators(staking, alice, bob, delegated):
    staking.undelegate(bob, OPG, sender=alice)
    with reverts("CommissionStepTooLarge"):
        staking.setCommission(5_000, sender=bob)


def test_a_raise_in_front_of_a_delegation_is_refused(evm, staking, alice, bob, frank):
    """Attack 17: present and announced."""
    staking.setCommission(300, sender=bob)
    with reverts("CommissionTooHigh", 300, 299):
        staking.delegate(bob, OPG, 299, sender=alice)
    staking.delegate(bob, OPG, 300, sender=alice)
    staking.setCommission(500, sender=bob)
    with reverts("CommissionTooHigh", 500, 499):
        staking.delegate(bob, OPG, 499, sender=frank)
    staking.delegate(bob, OPG, 500, sender=frank)
    staking.setCommission(100, sender=bob)
    with reverts("CommissionTooHigh", 100, 99):
        staking.delegate(bob, OPG, 99, sender=frank)
