"""Beginning to take stake out."""

import pytest

from tests.evm import reverts
from tests.market import MIN_STAKE, OBLIGATION, OPG, THAWING_SECONDS


@pytest.fixture(autouse=True)
def staked(staking, bob):
    staking.stake(10 * OPG, sender=bob)


def test_nothing_cannot_thaw(staking, bob):
    with reverts("ZeroAmount"):
        staking.startThaw(0, sender=bob)


def test_no_more_than_there_is_thaws(staking, bob):
    with reverts("StakeLocked", 10 * OPG, 10 * OPG + 1):
        staking.startThaw(10 * OPG + 1, sender=bob)


def test_no_cast_cuts_a_huge_wish_short(staking, bob):
    """Attack 9."""
    with reverts("StakeLocked", 10 * OPG, 2**96 + 1):
        staking.startThaw(2**96 + 1, sender=bob)


def test_locked_stake_does_not_thaw(staking, bob, dave):
    staking.lock(bob, 4 * OPG, OBLIGATION, sender=dave)
    with reverts("StakeLocked", 6 * OPG, 6 * OPG + 1):
        staking.startThaw(6 * OPG + 1, sender=bob)
    staking.startThaw(6 * OPG, sender=bob)
    assert staking.stakeOf(bob) == (4 * OPG, 6 * OPG, 4 * OPG)


def test_thawing_stake_leaves_the_active(evm, staking, bob):
    receipt = staking.startThaw(3 * OPG, sender=bob)
    event = receipt.event("ThawStarted")
    assert (event.own, event.amount, event.shares, event.until) == (True, 3 * OPG, 3 * OPG, evm.now + THAWING_SECONDS)
    assert staking.stakeOf(bob) == (7 * OPG, 3 * OPG, 0)
    assert staking.thaw(receipt.value) == (bob.address, bob.address, True, 3 * OPG, evm.now + THAWING_SECONDS)


def test_thawing_stake_makes_nobody_live(staking, bob):
    staking.stake(MIN_STAKE - 10 * OPG, sender=bob)
    assert staking.isLive(bob)
    staking.startThaw(1, sender=bob)
    assert not staking.isLive(bob)


def test_thaws_of_all_operators_have_different_ids(staking, bob, charlie):
    """Attack 9: there is no queue and no key that two could share."""
    staking.stake(OPG, sender=charlie)
    ids = [staking.startThaw(1, sender=who).value for who in (bob, charlie, bob, bob)]
    assert len(set(ids)) == 4


def test_after_a_slash_new_shares_cost_what_old_ones_are_worth(staking, bob, dave):
    staking.startThaw(4 * OPG, sender=bob)
    staking.slash(bob, 5 * OPG, dave, sender=dave)
    second = staking.startThaw(OPG, sender=bob)
    assert second.event("ThawStarted").shares == 2 * OPG
    assert staking.thaw(second.value).amount == OPG


def test_many_thaws_cost_no_more_than_few(evm, staking, bob):
    """Attack 10: nothing loops, so a long queue hurts nobody."""
    receipts = []
    for _ in range(50):
        receipts.append(staking.startThaw(1, sender=bob))
        evm.sleep(1)
    assert receipts[-1].gas_used <= receipts[1].gas_used


def test_rounding_frees_no_locked_stake_but_a_wei_an_exit(evm, staking, bob, dave):
    """Attack 5: at an odd price each deed rounds, and all that an operator can nibble off what is locked is a wei each time it leaves."""
    staking.lock(bob, 4 * OPG, OBLIGATION, sender=dave)
    staking.slash(bob, 3 * OPG + 1, dave, sender=dave)
    thaws = []
    while staking.freeStake(bob):
        thaws.append(staking.startThaw(-(-staking.freeStake(bob) // 2), sender=bob).value)
    assert len(thaws) > 60
    assert staking.stakeOf(bob).active >= 4 * OPG - 1
    evm.sleep(THAWING_SECONDS)
    for done, thaw_id in enumerate(thaws, 1):
        staking.finishThaw(thaw_id, sender=bob)
        assert staking.stakeOf(bob).active >= 4 * OPG - 1 - done
    assert staking.slash(bob, 4 * OPG, dave, sender=dave).value.slashed >= 4 * OPG - 1 - len(thaws)
