"""Stake keeps its votes. The clock is in seconds; the past is what was at the end of a second."""

import pytest

from tests.evm import account, reverts
from tests.market import OPG, THAWING_SECONDS


@pytest.fixture
def staked(evm, staking, alice, bob):
    """100 of bob's own, 40 of alice's with him; a second ago."""
    staking.stake(100 * OPG, sender=bob)
    staking.delegate(bob, 40 * OPG, 0, sender=alice)
    evm.sleep(1)
    return evm.now - 1


def test_its_clock_is_the_tokens(evm, staking, token):
    assert staking.clock() == token.clock() == evm.now
    assert staking.CLOCK_MODE() == token.CLOCK_MODE() == "mode=timestamp"


def test_own_and_delegated_stake_vote_at_once(staking, alice, bob, charlie):
    staking.stake(100 * OPG, sender=bob)
    staking.delegate(bob, 40 * OPG, 0, sender=alice)
    staking.delegate(charlie, 2 * OPG, 0, sender=alice)
    staking.delegate(charlie, 3 * OPG, 0, sender=bob)
    assert staking.getVotes(bob) == 103 * OPG
    assert staking.getVotes(alice) == 42 * OPG
    assert staking.getVotes(charlie) == 0


def test_the_past_is_known_the_present_is_not(evm, staking, alice, bob, staked):
    assert staking.getPastVotes(bob, staked) == 100 * OPG
    assert staking.getPastVotes(bob, staked - 1) == 0
    for time in (evm.now, evm.now + 1, 2**48, 2**256 - 1):
        with reverts("ERC5805FutureLookup", time, evm.now):
            staking.getPastVotes(bob, time)


def test_what_was_staked_later_has_no_past(evm, staking, alice, bob, staked):
    """Attack 25: a loan after the snapshot is worth nothing in it."""
    staking.stake(1_000 * OPG, sender=bob)
    staking.delegate(bob, 1_000 * OPG, 0, sender=alice)
    evm.sleep(1)
    assert (staking.getPastVotes(bob, staked), staking.getPastVotes(alice, staked)) == (100 * OPG, 40 * OPG)
    assert (staking.getPastVotes(bob, evm.now - 1), staking.getPastVotes(alice, evm.now - 1)) == (
        1_100 * OPG,
        1_040 * OPG,
    )


def test_what_thaws_votes_no_more_but_keeps_its_past(evm, staking, alice, bob, staked):
    staking.startThaw(60 * OPG, sender=bob)
    staking.undelegate(bob, 40 * OPG, sender=alice)
    assert (staking.getVotes(bob), staking.getVotes(alice)) == (40 * OPG, 0)
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(1, sender=bob)
    staking.finishThaw(2, sender=alice)
    assert staking.getPastVotes(bob, staked) == 100 * OPG
    assert staking.getVotes(bob) == 40 * OPG


def test_flash_loaned_stake_cannot_be_given_back(evm, staking, bob, staked):
    """Attack 25: in and out in one second leaves no votes, and the loan stays for as long as stake thaws."""
    staking.stake(1_000 * OPG, sender=bob)
    thaw = staking.startThaw(1_000 * OPG, sender=bob).value
    with reverts("ThawingNotOver"):
        staking.finishThaw(thaw, sender=bob)
    evm.sleep(1)
    assert staking.getPastVotes(bob, evm.now - 1) == 100 * OPG


def test_a_slash_takes_votes_also_of_the_past(evm, staking, alice, bob, dave, staked):
    """And touches no history, so that it costs the same whoever has stake."""
    staking.slash(bob, 25 * OPG, dave, sender=dave)
    assert staking.getVotes(bob) == staking.getPastVotes(bob, staked) == 75 * OPG
    staking.slash(bob, 85 * OPG, dave, sender=dave)
    assert staking.getVotes(bob) == staking.getPastVotes(bob, staked) == 0
    assert staking.getVotes(alice) == staking.getPastVotes(alice, staked) == 30 * OPG


def test_a_pool_that_begins_anew_revives_no_votes(evm, staking, alice, bob, dave, staked):
    """Attack 25: at half the price, then out, then in again at the full one."""
    staking.slash(bob, 120 * OPG, dave, sender=dave)
    later = evm.now
    evm.sleep(1)
    assert staking.getPastVotes(alice, later) == 20 * OPG
    staking.undelegate(bob, 20 * OPG, sender=alice)
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(1, sender=alice)
    staking.delegate(bob, 500 * OPG, 0, sender=alice)
    assert staking.getPastVotes(alice, later) == 0
    assert staking.getVotes(alice) == 500 * OPG


def test_the_odd_wei_lifts_no_price(evm, staking, bob, charlie, dave, frank):
    """Attack 25: were the wei that does not divide left in the pool, all but one share could leave and let that one share be worth a whole wei;
    then every vote of the past would count double."""
    staking.stake(2, sender=bob)
    staking.slash(bob, 1, dave, sender=dave)
    staking.stake(500 * OPG, sender=bob)
    evm.sleep(1)
    then = evm.now - 1
    worth = staking.getPastVotes(bob, then)
    assert worth <= 500 * OPG + 1
    thaw = staking.startThaw(500 * OPG, sender=bob).value
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(thaw, sender=bob)
    assert staking.getPastVotes(bob, then) <= worth


def test_an_operator_that_was_replaced_takes_its_votes_along(evm, staking, alice, bob, staked):
    """Never more than there were: who replaces one that it left forgets, and finds again what it returns to."""
    staking.undelegate(bob, 40 * OPG, sender=alice)
    for i in range(16):
        each = account(200 + i)
        evm.backend.fund(each.address)
        staking.register(each, "", sender=each)
        staking.delegate(each, OPG, 0, sender=alice)
    assert staking.getPastVotes(alice, staked) == 0
    assert staking.getVotes(alice) == 16 * OPG
    staking.undelegate(each, OPG, sender=alice)
    staking.delegate(bob, OPG, 0, sender=alice)
    assert staking.getPastVotes(alice, staked) == 40 * OPG
