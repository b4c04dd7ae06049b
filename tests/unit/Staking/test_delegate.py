"""Lending stake to an operator."""

import pytest

from tests.evm import account, reverts
from tests.market import MIN_STAKE, OBLIGATION, OPG, THAWING_SECONDS


def test_nothing_cannot_be_delegated(staking, alice, bob):
    with reverts("ZeroAmount"):
        staking.delegate(bob, 0, 0, sender=alice)


def test_only_operators_are_delegated_to(staking, alice, dave):
    with reverts("NotAnOperator", dave):
        staking.delegate(dave, OPG, 0, sender=alice)


def test_what_was_not_paid_does_not_count(staking, token, alice, bob):
    token.approve(staking, OPG - 1, sender=alice)
    with reverts("ERC20InsufficientAllowance"):
        staking.delegate(bob, OPG, 0, sender=alice)
    assert staking.delegationOf(bob, alice).active == 0


@pytest.mark.parametrize("amount", [2**96, 2**120 + 1, 2**208 + 1])
def test_no_cast_cuts_an_amount_short(staking, alice, bob, amount):
    """Attack 9."""
    with reverts("SafeCastOverflowedUintDowncast", 96, amount):
        staking.delegate(bob, amount, 0, sender=alice)


def test_it_is_at_stake_at_once_and_warms(evm, staking, token, alice, bob):
    event = staking.delegate(bob, 5 * OPG, 0, sender=alice).event("Delegated")
    assert (event.operator, event.delegator) == (bob.address, alice.address)
    assert (event.amount, event.shares, event.warmAt) == (5 * OPG, 5 * OPG, evm.now + THAWING_SECONDS)
    assert token.balanceOf(staking) == 5 * OPG
    assert staking.delegatedTo(bob) == (5 * OPG, 0, 0)
    assert staking.delegationOf(bob, alice) == (5 * OPG, 0, evm.now + THAWING_SECONDS, 0)
    assert staking.operatorsOf(alice) == [bob.address]


def test_it_is_nobody_elses(staking, alice, bob, charlie, frank):
    """Attack 10: the operator's own books, and all other delegators', stay as they are."""
    staking.delegate(bob, 5 * OPG, 0, sender=alice)
    assert staking.stakeOf(bob) == (0, 0, 0)
    assert staking.delegationOf(bob, frank)[:2] == (0, 0)
    assert staking.delegatedTo(charlie) == (0, 0, 0)


def test_it_makes_nobody_live_and_stands_behind_no_obligation(staking, alice, bob, dave):
    """Its owner leaves without asking the operator."""
    staking.delegate(bob, 2 * MIN_STAKE, 0, sender=alice)
    assert not staking.isLive(bob) and staking.freeStake(bob) == 0
    with reverts("NotEnoughStake", bob, 0, 1):
        staking.lock(bob, 1, OBLIGATION, sender=dave)


def test_after_a_slash_shares_cost_what_they_are_worth(staking, alice, bob, dave, frank):
    """Attack 7: who comes later pays for no loss of before."""
    staking.delegate(bob, 4 * OPG, 0, sender=alice)
    staking.slash(bob, 2 * OPG, dave, sender=dave)
    assert staking.delegate(bob, 3 * OPG, 0, sender=frank).event("Delegated").shares == 6 * OPG
    assert staking.delegationOf(bob, alice).active == 2 * OPG
    assert staking.delegationOf(bob, frank).active == 3 * OPG


def test_a_donation_in_front_of_the_first_delegator_takes_nothing(staking, token, alice, bob, frank):
    """Attack 7: the classic: one wei, then a gift, so that the next one's share rounds to none."""
    staking.delegate(bob, 1, 0, sender=frank)
    token.transfer(staking, 1_000 * OPG, sender=frank)
    token.approve(staking, 2**256 - 1, sender=frank)
    staking.reward(bob, 1_000 * OPG, sender=frank)
    staking.delegate(bob, 999 * OPG, 0, sender=alice)
    assert staking.delegationOf(bob, alice).active == 999 * OPG
    assert staking.delegationOf(bob, frank).active == 1


def test_a_pool_slashed_to_nothing_and_refilled_owes_nothing_to_the_old(evm, staking, alice, bob, dave, frank):
    """Attack 7: neither shares, nor thaws, nor income."""
    staking.delegate(bob, 8 * OPG, 0, sender=alice)
    thaw = staking.undelegate(bob, 3 * OPG, sender=alice).value
    staking.slash(bob, 2**256 - 1, dave, sender=dave)
    staking.delegate(bob, 2 * OPG, 0, sender=frank)
    assert staking.delegationOf(bob, frank).active == 2 * OPG
    assert staking.delegationOf(bob, alice)[:2] == (0, 0)
    assert staking.delegatedTo(bob) == (2 * OPG, 0, 0)
    evm.sleep(THAWING_SECONDS)
    assert staking.finishThaw(thaw, sender=alice).value == 0
    staking.settle(bob, alice, sender=alice)
    assert staking.settle(bob, frank, sender=alice).event("Settled").warmed == 2 * OPG
    assert staking.delegatedTo(bob) == (2 * OPG, 0, 2 * OPG)

    staking.delegate(bob, OPG, 0, sender=alice)
    assert staking.delegationOf(bob, alice).active == OPG
    with reverts("NotEnoughDelegated", OPG, OPG + 1):
        staking.undelegate(bob, OPG + 1, sender=alice)


def test_more_warms_anew_together_with_what_did_not_earn_yet(evm, staking, alice, bob):
    """Attack 8: no old wei warms a new one."""
    staking.delegate(bob, OPG, 0, sender=alice)
    evm.sleep(THAWING_SECONDS - 1)
    staking.delegate(bob, OPG, 0, sender=alice)
    evm.sleep(THAWING_SECONDS - 1)
    staking.settle(bob, alice, sender=alice)
    assert staking.delegationOf(bob, alice).earning == 0
    evm.sleep(1)
    staking.settle(bob, alice, sender=alice)
    assert staking.delegationOf(bob, alice).earning == 2 * OPG


def test_more_leaves_what_earns_earning(evm, staking, alice, bob):
    staking.delegate(bob, OPG, 0, sender=alice)
    evm.sleep(THAWING_SECONDS)
    staking.delegate(bob, 2 * OPG, 0, sender=alice)
    assert staking.delegationOf(bob, alice)[:2] == (3 * OPG, OPG)
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    assert staking.delegationOf(bob, alice)[:2] == (3 * OPG, 3 * OPG)
    assert staking.delegatedTo(bob).earning == 3 * OPG


@pytest.fixture
def operators(evm, staking):
    """Seventeen of them."""
    found = [account(100 + i) for i in range(17)]
    for each in found:
        evm.backend.fund(each.address)
        staking.register(each, "", sender=each)
    return found


def test_an_account_has_at_most_sixteen_operators(staking, alice, operators):
    """The bound of the sum that its votes are."""
    for each in operators[:16]:
        staking.delegate(each, OPG, 0, sender=alice)
    with reverts("TooManyOperators", 16):
        staking.delegate(operators[16], OPG, 0, sender=alice)
    staking.delegate(operators[3], OPG, 0, sender=alice)
    assert staking.operatorsOf(alice) == [each.address for each in operators[:16]]


@pytest.mark.parametrize("place", [0, 7, 15])
def test_an_operator_that_was_left_makes_place_for_another(staking, alice, operators, place):
    for each in operators[:16]:
        staking.delegate(each, OPG, 0, sender=alice)
    staking.undelegate(operators[place], OPG, sender=alice)
    staking.delegate(operators[16], 2 * OPG, 0, sender=alice)
    assert staking.operatorsOf(alice)[place] == operators[16].address
    assert staking.getVotes(alice) == 17 * OPG
    with reverts("TooManyOperators", 16):
        staking.delegate(operators[place], OPG, 0, sender=alice)
    staking.undelegate(operators[5], OPG, sender=alice)
    staking.delegate(operators[place], OPG, 0, sender=alice)
    assert len(set(staking.operatorsOf(alice))) == 16


def test_an_operator_that_lost_all_makes_place_for_another(staking, alice, operators, dave):
    for each in operators[:16]:
        staking.delegate(each, OPG, 0, sender=alice)
    staking.slash(operators[9], 2**256 - 1, dave, sender=dave)
    staking.delegate(operators[16], OPG, 0, sender=alice)
    assert staking.operatorsOf(alice)[9] == operators[16].address


def test_no_stranger_lengthens_the_list(staking, alice, bob, charlie, frank):
    """Attack 10."""
    staking.delegate(bob, OPG, 0, sender=frank)
    staking.settle(bob, alice, sender=frank)
    staking.settle(charlie, alice, sender=frank)
    assert staking.operatorsOf(alice) == []


def test_the_wei_that_does_not_divide_burns(staking, alice, bob, dave, frank):
    """Attack 7: else it would lift the price of all other shares."""
    staking.delegate(bob, 3, 0, sender=alice)
    staking.slash(bob, 1, dave, sender=dave)
    assert staking.burnable() == 1
    assert staking.delegate(bob, 1, 0, sender=frank).event("Delegated").shares == 1
    assert staking.delegatedTo(bob) == (2, 0, 0)
    assert staking.burnable() == 2
