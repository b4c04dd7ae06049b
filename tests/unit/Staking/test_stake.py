"""Putting stake in."""

from tests.evm import reverts
from tests.market import MIN_STAKE, OPG


def test_nothing_is_not_a_stake(staking, bob):
    with reverts("ZeroAmount"):
        staking.stake(0, sender=bob)


def test_only_operators_stake(staking, dave):
    with reverts("NotAnOperator", dave):
        staking.stake(1, sender=dave)


def test_stake_moves_into_the_contract(staking, token, bob):
    before = token.balanceOf(bob)
    receipt = staking.stake(5 * OPG, sender=bob)
    assert receipt.event("Staked").amount == 5 * OPG
    assert token.balanceOf(bob) == before - 5 * OPG
    assert token.balanceOf(staking) == 5 * OPG
    assert staking.stakeOf(bob) == (5 * OPG, 0, 0)


def test_stake_that_was_not_paid_does_not_count(staking, token, bob):
    token.approve(staking, OPG - 1, sender=bob)
    with reverts("ERC20InsufficientAllowance"):
        staking.stake(OPG, sender=bob)
    assert staking.stakeOf(bob) == (0, 0, 0)


def test_the_minimum_makes_an_operator_live(staking, bob):
    staking.stake(MIN_STAKE - 1, sender=bob)
    assert not staking.isLive(bob)
    staking.stake(1, sender=bob)
    assert staking.isLive(bob)


def test_more_than_an_account_can_hold_is_refused(staking, bob):
    """Attack 9: no cast cuts an amount short."""
    with reverts("SafeCastOverflowedUintDowncast", 96, 2**96 + 5):
        staking.stake(2**96 + 5, sender=bob)


def test_a_donation_belongs_to_nobody(staking, token, bob):
    """Attack 7: a gift to the contract changes no price."""
    staking.stake(10 * OPG, sender=bob)
    token.transfer(staking, 1_000 * OPG, sender=bob)
    staking.startThaw(OPG, sender=bob)
    assert staking.stakeOf(bob) == (9 * OPG, OPG, 0)


def test_the_wei_that_does_not_divide_burns(staking, bob, dave):
    """Attack 7: else it would lift the price of all other shares."""
    staking.stake(3, sender=bob)
    staking.slash(bob, 1, dave, sender=dave)
    assert staking.burnable() == 1
    assert staking.stake(1, sender=bob).event("Staked").shares == 1
    assert staking.stakeOf(bob) == (2, 0, 0)
    assert staking.burnable() == 2
