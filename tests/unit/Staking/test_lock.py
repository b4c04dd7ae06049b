"""Stake set aside behind an obligation."""

import pytest

from tests.evm import reverts
from tests.market import OBLIGATION, OPG


@pytest.fixture(autouse=True)
def staked(staking, bob):
    staking.stake(10 * OPG, sender=bob)


def test_only_modules_lock(staking, bob, charlie):
    with reverts("AccessControlUnauthorizedAccount", charlie, staking.LOCKER_ROLE()):
        staking.lock(bob, 1, OBLIGATION, sender=charlie)


def test_lock_takes_free_stake(staking, bob, dave):
    assert staking.lock(bob, 4 * OPG, OBLIGATION, sender=dave).event("Locked").module == dave.address
    assert staking.stakeOf(bob) == (10 * OPG, 0, 4 * OPG)
    assert staking.freeStake(bob) == 6 * OPG
    assert staking.lockedBy(bob, dave) == 4 * OPG


def test_one_stake_never_stands_behind_two_obligations(staking, bob, dave, erin):
    """Attack 9."""
    staking.lock(bob, 6 * OPG, OBLIGATION, sender=dave)
    with reverts("NotEnoughStake", bob, 4 * OPG, 4 * OPG + 1):
        staking.lock(bob, 4 * OPG + 1, OBLIGATION, sender=erin)


def test_thawing_stake_stands_behind_nothing_new(staking, bob, dave):
    staking.startThaw(7 * OPG, sender=bob)
    with reverts("NotEnoughStake", bob, 3 * OPG, 3 * OPG + 1):
        staking.lock(bob, 3 * OPG + 1, OBLIGATION, sender=dave)


def test_a_module_unlocks_only_what_it_locked(staking, bob, dave, erin):
    """Attack 9."""
    staking.lock(bob, 4 * OPG, OBLIGATION, sender=dave)
    staking.lock(bob, 1 * OPG, OBLIGATION, sender=erin)
    assert staking.stakeOf(bob) == (10 * OPG, 0, 5 * OPG)
    with reverts("NotLocked", bob, erin, OPG, OPG + 1):
        staking.unlock(bob, OPG + 1, OBLIGATION, sender=erin)
    assert staking.unlock(bob, OPG, OBLIGATION, sender=erin).event("Unlocked").amount == OPG
    assert staking.lockedBy(bob, erin) == 0
    with reverts("NotLocked", bob, erin, 0, 1):
        staking.unlock(bob, 1, OBLIGATION, sender=erin)
    assert staking.freeStake(bob) == 6 * OPG
    assert staking.lockedBy(bob, dave) == 4 * OPG


def test_no_cast_cuts_a_huge_lock_short(staking, bob, dave):
    """Attack 9."""
    with reverts("NotEnoughStake", bob, 10 * OPG, 2**96):
        staking.lock(bob, 2**96, OBLIGATION, sender=dave)
    with reverts("NotLocked", bob, dave, 0, 2**96):
        staking.unlock(bob, 2**96, OBLIGATION, sender=dave)


def test_a_dismissed_module_still_gives_back(staking, bob, dave, admin):
    """Attack 15: taking a role away traps nobody's stake."""
    staking.lock(bob, OPG, OBLIGATION, sender=dave)
    staking.revokeRole(staking.LOCKER_ROLE(), dave, sender=admin)
    staking.unlock(bob, OPG, OBLIGATION, sender=dave)
    assert staking.freeStake(bob) == 10 * OPG


def test_a_slash_below_the_locks_leaves_nothing_free(staking, bob, dave):
    staking.lock(bob, 8 * OPG, OBLIGATION, sender=dave)
    staking.slash(bob, 5 * OPG, dave, sender=dave)
    assert staking.stakeOf(bob) == (5 * OPG, 0, 8 * OPG)
    assert staking.freeStake(bob) == 0
    with reverts("StakeLocked", 0, 1):
        staking.startThaw(1, sender=bob)
    staking.unlock(bob, 8 * OPG, OBLIGATION, sender=dave)
    assert staking.freeStake(bob) == 5 * OPG


def test_a_lock_says_what_it_is_for(staking, bob, dave):
    """In the module's own terms."""
    locked = staking.lock(bob, 2 * OPG, b"\2" * 32, sender=dave).event("Locked")
    assert (locked.operator, locked.module) == (bob.address, dave.address)
    assert (locked.obligation, locked.amount) == (b"\2" * 32, 2 * OPG)
    freed = staking.unlock(bob, 2 * OPG, b"\2" * 32, sender=dave).event("Unlocked")
    assert (freed.obligation, freed.amount) == (b"\2" * 32, 2 * OPG)
