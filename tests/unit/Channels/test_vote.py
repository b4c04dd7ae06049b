"""Votes set the treasury's share, but not of what was signed before; the guardian pauses deposits, never payments or exits."""

import pytest

from tests.evm import account, reverts
from tests.unit.Channels.conftest import CLOSE_SECONDS

CHANNELS, DAY = 1, 86_400
GUARDIAN, VOTES = account(9), account(0)


def test_what_was_signed_before_can_be_redeemed_at_the_old_share(evm, channels, redeem, voucher, alice, bob, frank):
    """Attack 25."""
    channels.deposit(bob, 1_000, sender=alice)
    event = channels.setProtocolFeeBps(1_000, sender=VOTES).event("ProtocolFeeSet")
    assert (event.bps, event.since) == (1_000, evm.now + CLOSE_SECONDS)
    evm.sleep(CLOSE_SECONDS - 2)
    redeem(voucher(200, deadline=evm.now + DAY))
    assert channels.creditOf(frank) == 10
    assert channels.protocolFeeBps() == 500
    evm.sleep(event.since - evm.now)
    assert channels.protocolFeeBps() == 1_000
    redeem(voucher(400, deadline=evm.now + DAY))
    assert channels.creditOf(frank) == 30


def test_a_second_vote_does_not_hurry_the_first(evm, channels):
    """Attack 25."""
    channels.setProtocolFeeBps(1_000, sender=VOTES)
    evm.sleep(CLOSE_SECONDS // 2)
    channels.setProtocolFeeBps(0, sender=VOTES)
    evm.sleep(CLOSE_SECONDS // 2 + 1)
    assert channels.protocolFeeBps() == 500
    evm.sleep(CLOSE_SECONDS)
    assert channels.protocolFeeBps() == 0


def test_the_share_has_bounds(channels):
    with reverts("OutOfBounds", "protocolFeeBps", 1_001, 0, 1_000):
        channels.setProtocolFeeBps(1_001, sender=VOTES)


@pytest.mark.parametrize("number", [1, 9])
def test_nobody_but_the_votes_sets_it(channels, number):
    with reverts("NotGovernance", account(number)):
        channels.setProtocolFeeBps(0, sender=account(number))


def test_the_guardian_pauses_deposits_only(evm, opg, channels, guardian, redeem, voucher, alice, bob):
    """Attack 25."""
    channels.deposit(bob, 1_000, sender=alice)
    until = guardian.pause(CHANNELS, 3 * DAY, sender=GUARDIAN).event("Paused").until
    with reverts("BusinessPaused", CHANNELS, until):
        channels.deposit(bob, 1, sender=alice)
    redeem(voucher(200))
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    before = opg.balanceOf(alice)
    channels.finishClose(bob, sender=alice)
    assert guardian.isPaused(CHANNELS)
    assert opg.balanceOf(alice) - before == 800
