"""Deposits are for one operator each."""

import pytest

from tests.evm import reverts

NOBODY = "0x" + "00" * 20


def test_a_deposit_is_taken_and_announced(opg, channels, alice, bob):
    event = channels.deposit(bob, 100, sender=alice).event("Deposited")
    assert (event.payer, event.operator, event.amount, event.deposit) == (
        alice.address,
        bob.address,
        100,
        100,
    )
    assert channels.channel(alice, bob) == (100, 0)
    assert opg.balanceOf(channels) == 100


def test_a_deposit_is_topped_up(channels, alice, bob):
    channels.deposit(bob, 100, sender=alice)
    event = channels.deposit(bob, 20, sender=alice).event("Deposited")
    assert (event.amount, event.deposit) == (20, 120)
    assert channels.channel(alice, bob).deposited == 120


def test_each_operator_has_a_deposit_of_its_own(channels, alice, bob, charlie):
    channels.deposit(bob, 100, sender=alice)
    channels.deposit(charlie, 7, sender=alice)
    assert channels.channel(alice, bob).deposited == 100
    assert channels.channel(alice, charlie).deposited == 7
    assert channels.channel(bob, alice).deposited == 0


def test_a_deposit_is_for_somebody(channels, alice):
    with reverts("ZeroAddress", "operator"):
        channels.deposit(NOBODY, 1, sender=alice)


def test_a_deposit_is_something(channels, alice, bob):
    with reverts("ZeroAmount"):
        channels.deposit(bob, 0, sender=alice)


def test_a_deposit_needs_an_allowance_and_a_balance(opg, channels, alice, bob):
    with reverts("ERC20InsufficientAllowance", channels, 0, 5):
        channels.deposit(alice, 5, sender=bob)
    opg.approve(channels, 5, sender=bob)
    with reverts("ERC20InsufficientBalance", bob, 0, 5):
        channels.deposit(alice, 5, sender=bob)


@pytest.mark.parametrize("amount", [2**128, 2**256 - 1])
def test_an_amount_that_cannot_exist_is_no_small_one(channels, alice, bob, amount):
    """Attack 9: an unsafe cast."""
    channels.deposit(bob, 1, sender=alice)
    with reverts():
        channels.deposit(bob, amount, sender=alice)
    assert channels.channel(alice, bob).deposited == 1


def test_topping_up_does_not_undo_leaving(evm, channels, alice, bob):
    channels.deposit(bob, 100, sender=alice)
    channels.startClose(bob, sender=alice)
    with reverts("ChannelClosing", evm.now + channels.closeSeconds()):
        channels.deposit(bob, 1, sender=alice)
