"""A user can always leave; an operator always has the time to redeem first."""

import pytest

from tests.evm import reverts
from tests.unit.Channels.conftest import CLOSE_SECONDS


@pytest.fixture(autouse=True)
def deposit(channels, alice, bob):
    channels.deposit(bob, 1_000, sender=alice)


@pytest.fixture
def lasting(voucher):
    return lambda total: voucher(total, deadline=2**64 - 1)


def test_a_payer_leaves_with_the_rest(evm, opg, channels, redeem, lasting, alice, bob):
    redeem(lasting(300))
    event = channels.startClose(bob, sender=alice).event("CloseStarted")
    assert event.closableAt == evm.now + CLOSE_SECONDS == channels.channel(alice, bob).closableAt
    evm.sleep(CLOSE_SECONDS)
    before = opg.balanceOf(alice)
    receipt = channels.finishClose(bob, sender=alice)
    assert receipt.value == receipt.event("Closed").amount == opg.balanceOf(alice) - before == 700
    assert channels.channel(alice, bob) == (0, 0)


def test_not_a_second_earlier(evm, channels, alice, bob):
    """Attack 12."""
    channels.startClose(bob, sender=alice)
    closable_at = evm.now + CLOSE_SECONDS
    evm.sleep(CLOSE_SECONDS - 1)
    with reverts("ClosingNotOver", closable_at):
        channels.finishClose(bob, sender=alice)


def test_an_operator_redeems_while_the_payer_leaves(evm, channels, redeem, lasting, alice, bob):
    """Attack 12: draining a deposit ahead of redemption."""
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS - 1)
    assert redeem(lasting(300)).value == 300
    evm.sleep(10 * CLOSE_SECONDS)
    assert redeem(lasting(400)).value == 100
    assert channels.finishClose(bob, sender=alice).value == 600


def test_leaving_does_not_wait_for_the_operator(evm, channels, alice, bob):
    """Attack 15: nobody delivers. No call of anybody else is needed."""
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    assert channels.finishClose(bob, sender=alice).value == 1_000


def test_a_deposit_redeemed_to_the_end_still_closes(evm, channels, redeem, lasting, alice, bob):
    """Attack 15: no state without an exit."""
    channels.startClose(bob, sender=alice)
    redeem(lasting(1_000))
    evm.sleep(CLOSE_SECONDS)
    assert channels.finishClose(bob, sender=alice).value == 0
    channels.deposit(bob, 5, sender=alice)
    assert channels.channel(alice, bob) == (5, 0)


def test_nothing_is_redeemed_after_leaving(evm, channels, redeem, lasting, alice, bob):
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    channels.finishClose(bob, sender=alice)
    with reverts("NothingToRedeem"):
        redeem(lasting(300))


def test_leaving_is_announced_once(evm, channels, alice, bob):
    channels.startClose(bob, sender=alice)
    closable_at = evm.now + CLOSE_SECONDS
    evm.sleep(10)
    with reverts("ChannelClosing", closable_at):
        channels.startClose(bob, sender=alice)


def test_without_a_deposit_there_is_nothing_to_leave(channels, alice, bob, charlie):
    """Attack 12: a closing started ahead of the deposit would leave no time."""
    with reverts("NoDeposit", alice, charlie):
        channels.startClose(charlie, sender=alice)
    with reverts("NotClosing", alice, bob):
        channels.finishClose(bob, sender=alice)


def test_a_payer_stays_after_all(channels, alice, bob):
    channels.startClose(bob, sender=alice)
    event = channels.cancelClose(bob, sender=alice).event("CloseCancelled")
    assert (event.payer, event.operator) == (alice.address, bob.address)
    assert channels.channel(alice, bob) == (1_000, 0)
    with reverts("NotClosing", alice, bob):
        channels.finishClose(bob, sender=alice)
    with reverts("NotClosing", alice, bob):
        channels.cancelClose(bob, sender=alice)


def test_time_before_a_cancelled_closing_does_not_count(evm, channels, alice, bob):
    """Attack 12: thawing in advance."""
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    channels.cancelClose(bob, sender=alice)
    channels.deposit(bob, 1, sender=alice)
    channels.startClose(bob, sender=alice)
    with reverts("ClosingNotOver", evm.now + CLOSE_SECONDS):
        channels.finishClose(bob, sender=alice)


def test_nobody_closes_for_another(evm, channels, alice, bob, charlie):
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    for stranger in (bob, charlie):
        with reverts("NotClosing", stranger, bob):
            channels.finishClose(bob, sender=stranger)
    assert channels.channel(alice, bob).deposited == 1_000


def test_a_debt_outlives_the_channel(evm, channels, redeem, lasting, alice, bob):
    """What was signed and not covered is paid from a later deposit."""
    redeem(lasting(1_400))
    channels.deposit(bob, 100, sender=alice)
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    channels.finishClose(bob, sender=alice)
    channels.deposit(bob, 1_000, sender=alice)
    assert redeem(lasting(1_400)).value == 400
