"""Jail, and the way out of it."""

import pytest

from tests.evm import reverts
from tests.market import JAIL_SECONDS, MIN_STAKE, OBLIGATION, OPG, THAWING_SECONDS


@pytest.fixture(autouse=True)
def staked(staking, bob):
    staking.stake(2 * MIN_STAKE, sender=bob)


@pytest.fixture
def jailed(evm, staking, bob, dave):
    """bob, slashed; the time at which he may rehabilitate."""
    staking.slash(bob, OPG, dave, sender=dave)
    return evm.now + JAIL_SECONDS


def test_who_was_not_slashed_is_not_in_jail(staking, bob):
    assert staking.jailedUntil(bob) == 0
    with reverts("NotJailed", bob):
        staking.rehabilitate(sender=bob)


def test_every_slash_jails(evm, staking, bob, dave):
    """Be it of nothing."""
    event = staking.slash(bob, 0, dave, sender=dave).event("Jailed")
    assert (event.operator, event.until) == (bob.address, evm.now + JAIL_SECONDS)
    assert staking.jailedUntil(bob) == evm.now + JAIL_SECONDS


def test_another_slash_begins_the_time_anew(evm, staking, bob, dave, jailed):
    evm.sleep(JAIL_SECONDS - 1)
    staking.slash(bob, OPG, dave, sender=dave)
    assert staking.jailedUntil(bob) == evm.now + JAIL_SECONDS > jailed


def test_in_jail_nothing_new_is_taken_on(staking, bob, dave, jailed):
    assert not staking.isLive(bob) and staking.mayFinish(bob)
    with reverts("OperatorJailed", bob, jailed):
        staking.lock(bob, 1, OBLIGATION, sender=dave)


def test_the_time_alone_does_not_end_it(evm, staking, bob, dave, jailed):
    evm.sleep(10 * JAIL_SECONDS)
    assert not staking.isLive(bob)
    with reverts("OperatorJailed", bob, jailed):
        staking.lock(bob, 1, OBLIGATION, sender=dave)


def test_it_ends_when_the_operator_says_so_after_the_time(evm, staking, bob, dave, jailed):
    evm.sleep(JAIL_SECONDS - 1)
    with reverts("OperatorJailed", bob, jailed):
        staking.rehabilitate(sender=bob)
    evm.sleep(1)
    assert staking.rehabilitate(sender=bob).event("Rehabilitated").operator == bob.address
    assert staking.isLive(bob) and staking.jailedUntil(bob) == 0
    staking.lock(bob, 1, OBLIGATION, sender=dave)


def test_it_ends_only_with_the_minimum_of_own_stake(evm, staking, alice, bob, dave):
    """Delegated stake does not count."""
    staking.slash(bob, MIN_STAKE + 1, dave, sender=dave)
    staking.delegate(bob, 2 * MIN_STAKE, 0, sender=alice)
    evm.sleep(JAIL_SECONDS)
    with reverts("BelowMinStake", MIN_STAKE - 1, MIN_STAKE):
        staking.rehabilitate(sender=bob)
    staking.stake(3, sender=bob)
    staking.rehabilitate(sender=bob)
    assert staking.isLive(bob)


def test_exactly_the_minimum_is_enough(evm, staking, bob, dave):
    staking.slash(bob, MIN_STAKE, dave, sender=dave)
    evm.sleep(JAIL_SECONDS)
    staking.rehabilitate(sender=bob)
    assert staking.isLive(bob)


def test_jail_blocks_no_exit(evm, staking, alice, bob, dave):
    """Attack 15: of nobody, of nothing."""
    staking.lock(bob, OPG, OBLIGATION, sender=dave)
    staking.delegate(bob, 5 * OPG, 0, sender=alice)
    staking.slash(bob, OPG, dave, sender=dave)
    staking.unlock(bob, OPG, OBLIGATION, sender=dave)
    thaws = [
        (bob, staking.startThaw(2 * MIN_STAKE - OPG, sender=bob).value),
        (alice, staking.undelegate(bob, 5 * OPG, sender=alice).value),
    ]
    evm.sleep(THAWING_SECONDS)
    assert [staking.finishThaw(thaw, sender=who).value for who, thaw in thaws] == [2 * MIN_STAKE - OPG, 5 * OPG]
