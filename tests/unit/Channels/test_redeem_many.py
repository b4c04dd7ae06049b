"""Many vouchers in one transaction."""

import pytest

from tests.evm import credits_of, reverts


@pytest.fixture(autouse=True)
def deposits(opg, channels, models, alice, bob, charlie, erin):
    """Alice and Erin both deposited for Bob; Charlie has a second model, without a share."""
    models.register("speech", 0, sender=charlie)
    opg.transfer(erin, 1_000, sender=alice)
    opg.approve(channels, 1_000, sender=erin)
    channels.deposit(bob, 500, sender=alice)
    channels.deposit(bob, 500, sender=erin)


def test_many_pay_like_one_after_another(channels, entry, voucher, bob, charlie, dave, erin, frank):
    entries = [
        entry(voucher(100)),
        entry(voucher(40, model=2)),
        entry(voucher(60, payer=erin), erin),
        entry(voucher(120)),
    ]
    receipt = channels.redeemMany(entries, sender=dave)
    assert receipt.value == 100 + 40 + 60 + 20
    assert (channels.creditOf(frank), channels.creditOf(charlie), channels.incomeOf(bob)) == (11, 45, 164)


def test_no_entries_pay_nothing(channels, dave):
    assert channels.redeemMany([], sender=dave).value == 0


def test_an_entry_that_was_redeemed_in_front_is_skipped(channels, entry, voucher, redeem, dave, erin):
    """Attack 14: anyone may redeem, so anyone could make a batch fail that way."""
    entries = [entry(voucher(100)), entry(voucher(60, payer=erin), erin)]
    redeem(voucher(100))
    assert channels.redeemMany(entries, sender=dave).value == 60


def test_the_same_entry_twice_pays_once(channels, entry, voucher, dave):
    """Attack 11: replay."""
    receipt = channels.redeemMany([entry(voucher(100))] * 3, sender=dave)
    assert receipt.value == receipt.event("Redeemed").paid == 100


def test_a_short_deposit_is_paid_in_order(channels, entry, voucher, alice, bob, dave):
    """Attack 12: over-committing."""
    entries = [entry(voucher(400)), entry(voucher(400, model=2)), entry(voucher(401))]
    assert channels.redeemMany(entries, sender=dave).value == 500
    assert [channels.redeemed(alice, bob, model) for model in (1, 2)] == [400, 100]


def test_a_bad_entry_is_named_and_nothing_is_paid(evm, channels, entry, voucher, alice, dave, erin):
    good = entry(voucher(100))
    stranger = entry(voucher(100), erin)
    forged = (voucher(100), alice, stranger[2])
    late = entry(voucher(100, deadline=evm.now - 1))
    for bad, error in [
        (stranger, ("NotAuthorised", 2, erin)),
        (forged, ("BadSignature", 2, alice)),
        (late, ("VoucherExpired", 2, evm.now - 1)),
    ]:
        with reverts(*error):
            channels.redeemMany([good, good, bad], sender=dave)
    assert credits_of(channels, evm.accounts) == 0
