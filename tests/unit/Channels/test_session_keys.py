"""A key that signs vouchers and nothing else."""

import pytest

from tests.evm import reverts
from tests.unit.Channels.conftest import CLOSE_SECONDS


@pytest.fixture(autouse=True)
def until(evm, channels, alice, bob, erin):
    """Erin's key signs for Alice through this second, and Alice has a deposit for Bob."""
    channels.deposit(bob, 1_000, sender=alice)
    last = evm.now + 3 * CLOSE_SECONDS
    channels.authoriseKey(erin, last, sender=alice)
    return last


@pytest.fixture
def lasting(voucher):
    """Vouchers whose own deadline is far away."""
    return lambda total, **fields: voucher(total, deadline=2**64 - 1, **fields)


def test_a_key_signs_for_its_payer(redeem, lasting, erin):
    assert redeem(lasting(100), erin).value == 100


def test_payer_and_keys_count_the_same_total(redeem, lasting, alice, erin):
    redeem(lasting(100), erin)
    assert redeem(lasting(150), alice).value == 50


def test_a_key_signs_for_nobody_else(opg, channels, redeem, lasting, alice, bob, dave, erin):
    opg.transfer(dave, 100, sender=alice)
    opg.approve(channels, 100, sender=dave)
    channels.deposit(bob, 100, sender=dave)
    with reverts("NotAuthorised", 0, erin):
        redeem(lasting(100, payer=dave), erin)


def test_a_payer_signs_for_itself_whatever_the_key_says(channels, lasting, sign_voucher, alice, bob, erin):
    with reverts("BadSignature", 0, alice):
        channels.redeem(lasting(100), alice, sign_voucher(erin, lasting(100)), sender=bob)
    with reverts("BadSignature", 0, erin):
        channels.redeem(lasting(100), erin, sign_voucher(alice, lasting(100)), sender=bob)


def test_a_keys_time_ends(evm, redeem, lasting, until, erin):
    evm.sleep(until - evm.now)
    redeem(lasting(100), erin)
    evm.sleep(1)
    with reverts("NotAuthorised", 0, erin):
        redeem(lasting(200), erin)


def test_a_revoked_key_stays_good_for_what_it_signed(evm, channels, redeem, lasting, alice, erin):
    """Attack 13: a user who takes the key back in front of a redemption."""
    event = channels.revokeKey(erin, sender=alice).event("KeyAuthorised")
    assert (event.payer, event.key, event.until) == (alice.address, erin.address, evm.now + CLOSE_SECONDS)
    evm.sleep(CLOSE_SECONDS)
    redeem(lasting(100), erin)


def test_a_revoked_key_ends_after_the_thaw(evm, channels, redeem, lasting, alice, erin):
    """Attack 11: after a signer change."""
    channels.revokeKey(erin, sender=alice)
    evm.sleep(CLOSE_SECONDS + 1)
    with reverts("NotAuthorised", 0, erin):
        redeem(lasting(100), erin)


def test_revoking_never_lengthens(evm, channels, until, alice, erin):
    evm.sleep(until - evm.now - 5)
    channels.revokeKey(erin, sender=alice)
    assert channels.keyUntil(alice, erin) == until


def test_revoking_again_does_not_shorten_the_thaw(evm, channels, alice, erin):
    channels.revokeKey(erin, sender=alice)
    thawed = channels.keyUntil(alice, erin)
    evm.sleep(10)
    channels.revokeKey(erin, sender=alice)
    assert channels.keyUntil(alice, erin) == thawed


def test_no_authorisation_shortens_it_below_the_thaw(evm, channels, alice, erin):
    """Attack 2: the way around a thaw by setting the parameter anew."""
    earliest = evm.now + CLOSE_SECONDS
    with reverts("KeyTooShort", earliest - 1, earliest):
        channels.authoriseKey(erin, earliest - 1, sender=alice)
    channels.authoriseKey(erin, earliest, sender=alice)
    assert channels.keyUntil(alice, erin) == earliest


def test_a_key_can_be_authorised_again(evm, channels, redeem, lasting, alice, erin):
    channels.revokeKey(erin, sender=alice)
    evm.sleep(2 * CLOSE_SECONDS)
    channels.authoriseKey(erin, evm.now + CLOSE_SECONDS, sender=alice)
    redeem(lasting(100), erin)


def test_what_is_no_key_is_not_revoked(evm, channels, until, alice, bob, erin):
    with reverts("NotAKey", alice, bob):
        channels.revokeKey(bob, sender=alice)
    evm.sleep(until - evm.now + 1)
    with reverts("NotAKey", alice, erin):
        channels.revokeKey(erin, sender=alice)


def test_a_key_is_one_in_its_last_second(evm, channels, until, alice, erin):
    evm.sleep(until - evm.now)
    assert channels.revokeKey(erin, sender=alice).event("KeyAuthorised").until == until == evm.now


def test_nobody_is_no_key(channels, alice):
    with reverts("ZeroAddress", "key"):
        channels.authoriseKey("0x" + "00" * 20, 2**64 - 1, sender=alice)
