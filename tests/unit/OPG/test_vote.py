"""Votes count by timestamp."""

import pytest

from tests.evm import reverts


@pytest.fixture(autouse=True)
def bob_has_five(opg, alice, bob):
    opg.transfer(bob, 5, sender=alice)


def test_the_clock_is_the_timestamp(evm, opg):
    assert opg.clock() == evm.now
    assert opg.CLOCK_MODE() == "mode=timestamp"


def test_tokens_vote_once_they_are_delegated(opg, bob, charlie):
    assert opg.getVotes(bob) == 0
    opg.delegate(charlie, sender=bob)
    assert opg.getVotes(charlie) == 5


def test_votes_follow_the_tokens(opg, bob, charlie):
    opg.delegate(bob, sender=bob)
    opg.transfer(charlie, 2, sender=bob)
    assert opg.getVotes(bob) == 3
    opg.burn(1, sender=bob)
    assert opg.getVotes(bob) == 2


def test_past_votes_do_not_change(evm, opg, bob, charlie):
    opg.delegate(bob, sender=bob)
    then = evm.now
    evm.sleep(10)
    opg.transfer(charlie, 5, sender=bob)
    assert opg.getPastVotes(bob, then) == 5
    assert opg.getPastTotalSupply(then) == 10**27
    assert opg.getVotes(bob) == 0


def test_the_present_is_no_past(evm, opg, bob):
    with reverts("ERC5805FutureLookup", evm.now, evm.now):
        opg.getPastVotes(bob, evm.now)
