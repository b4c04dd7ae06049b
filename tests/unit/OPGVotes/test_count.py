"""Votes of OPG, held or staked. Attack 25: no wei counts twice."""

import pytest

from tests.evm import reverts
from tests.market import NOBODY, OPG, THAWING_SECONDS


def test_it_shows_the_tokens_clock_supply_and_delegates(evm, votes, token, staking, alice, dave):
    evm.sleep(1)
    assert (votes.opg(), votes.staking()) == (token.address, staking.address)
    assert (votes.clock(), votes.CLOCK_MODE()) == (token.clock(), token.CLOCK_MODE())
    assert votes.getPastTotalSupply(evm.now - 1) == token.totalSupply()
    assert (votes.delegates(alice), votes.delegates(dave)) == (alice.address, NOBODY)


def test_one_delegates_on_the_token(votes, token, alice, bob):
    with reverts("DelegateOnToken", token):
        votes.delegate(bob, sender=alice, static=False)
    with reverts("DelegateOnToken", token):
        votes.delegateBySig(bob, 0, 2**40, 27, b"\1" * 32, b"\2" * 32, sender=alice, static=False)


def test_staking_keeps_ones_votes(evm, votes, staking, alice, bob):
    """What leaves the wallet votes from the stake, in the same second."""
    evm.sleep(1)
    before = evm.now - 1
    staking.stake(400 * OPG, sender=bob)
    staking.delegate(bob, 300 * OPG, 0, sender=alice)
    assert (votes.getVotes(alice), votes.getVotes(bob)) == (1_000 * OPG, 1_000 * OPG)
    evm.sleep(1)
    for time in (before, evm.now - 1):
        assert (votes.getPastVotes(alice, time), votes.getPastVotes(bob, time)) == (1_000 * OPG, 1_000 * OPG)


def test_the_staked_tokens_vote_for_nobody_themselves(votes, token, staking, bob):
    """Were the contract to delegate what it holds, each staked wei would count twice."""
    staking.stake(400 * OPG, sender=bob)
    assert token.delegates(staking) == NOBODY
    assert votes.getVotes(staking) == 0


def test_stake_votes_also_for_who_never_delegated(evm, votes, token, staking, charlie, bob):
    token.transfer(charlie, 10 * OPG, sender=evm.accounts[0])
    token.approve(staking, 2**256 - 1, sender=charlie)
    staking.delegate(bob, 4 * OPG, 0, sender=charlie)
    assert votes.getVotes(charlie) == 4 * OPG


def test_tokens_lent_to_another_s_vote_and_then_staked_count_once(evm, votes, token, staking, alice, bob):
    """Attack 25: the delegate on the token loses what the staker gains."""
    token.delegate(alice, sender=bob)
    assert votes.getVotes(alice) == 2_000 * OPG
    staking.stake(600 * OPG, sender=bob)
    assert (votes.getVotes(alice), votes.getVotes(bob)) == (1_400 * OPG, 600 * OPG)


def test_the_same_tokens_do_not_vote_from_two_wallets(evm, votes, token, staking, alice, bob, charlie):
    """Attack 25: staked, taken out, handed on, delegated, staked again: in each moment they count once."""
    times = []

    def moment():
        times.append(evm.now)
        evm.sleep(1)

    moment()
    staking.stake(1_000 * OPG, sender=bob)
    moment()
    thaw = staking.startThaw(1_000 * OPG, sender=bob).value
    moment()
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(thaw, sender=bob)
    moment()
    token.transfer(alice, 1_000 * OPG, sender=bob)
    moment()
    staking.delegate(bob, 2_000 * OPG, 0, sender=alice)
    moment()
    for time, both in zip(times, [2_000, 2_000, 1_000, 2_000, 2_000, 2_000], strict=True):
        assert votes.getPastVotes(alice, time) + votes.getPastVotes(bob, time) == both * OPG


@pytest.mark.parametrize("stake", ["own", "delegated"])
def test_borrowed_tokens_win_no_past_vote(evm, votes, token, staking, alice, bob, frank, stake):
    """Attack 25: what is borrowed, staked and returned within a second has no votes at its end."""
    evm.sleep(1)
    snapshot = evm.now - 1
    token.transfer(bob, 10**26, sender=evm.accounts[0])
    if stake == "own":
        staking.stake(10**26, sender=bob)
        staking.startThaw(10**26, sender=bob)
    else:
        staking.delegate(bob, 10**26, 0, sender=bob)
        staking.undelegate(bob, 10**26, sender=bob)
    assert votes.getVotes(bob) == 1_000 * OPG
    with reverts("ERC20InsufficientBalance"):
        token.transfer(evm.accounts[0], 10**26, sender=bob)
    with reverts("ERC5805FutureLookup", evm.now, evm.now):
        votes.getPastVotes(bob, evm.now)
    evm.sleep(1)
    assert votes.getPastVotes(bob, snapshot) == votes.getPastVotes(bob, evm.now - 1) == 1_000 * OPG


def test_what_is_slashed_votes_no_more(evm, votes, staking, bob, dave):
    """Neither at the victim's nor at anybody else's hand, burned or not."""
    staking.stake(1_000 * OPG, sender=bob)
    staking.slash(bob, 400 * OPG, dave, sender=dave)
    assert votes.getVotes(bob) == 600 * OPG
    assert votes.getVotes(dave) == votes.getVotes(staking) == 0
