"""Attack 11: a voucher is good for what it says, in one place, and its signature is its signer's."""

import pytest

from opg.chain.typed import recover
from tests.evm import reverts
from tests.typed import malleated, sign
from tests.unit.Channels.conftest import CLOSE_SECONDS, VOUCHER


@pytest.fixture(autouse=True)
def deposit(opg, channels, alice, bob, charlie, erin):
    opg.transfer(erin, 1_000, sender=alice)
    opg.approve(channels, 1_000, sender=erin)
    for payer, operator in [(alice, bob), (alice, charlie), (erin, bob)]:
        channels.deposit(operator, 500, sender=payer)


def test_the_digest_is_the_standard_one(channels, voucher, sign_voucher, alice):
    """eth_account made the signature; the contract's digest recovers to the same signer."""
    assert recover(channels.hashVoucher(voucher(5)), sign_voucher(alice, voucher(5))) == alice.address


def test_every_field_is_signed(evm, channels, voucher, sign_voucher, models, alice, bob, charlie, erin):
    """Attack 11: another payer, operator, model, amount or deadline."""
    models.register("speech", 0, sender=charlie)
    good = voucher(100)
    signature = sign_voucher(alice, good)
    for position, other in enumerate([erin.address, charlie.address, 2, 101, good[4] + 1]):
        changed = (*good[:position], other, *good[position + 1 :])
        for signer in (alice, erin):
            with reverts():
                channels.redeem(changed, signer, signature, sender=bob)
    channels.redeem(good, alice, signature, sender=bob)


def test_another_chain_is_refused(channels, voucher, sign_voucher, alice, bob):
    signature = sign_voucher(alice, voucher(100), chainId=8453)
    with reverts("BadSignature", 0, alice):
        channels.redeem(voucher(100), alice, signature, sender=bob)


def test_another_contract_is_refused(
    evm, opg, models, staking, guardian, channels, voucher, sign_voucher, alice, bob, frank
):
    """Two channels on one chain, both with a deposit."""
    other = evm.deploy("Channels", opg, models, staking, guardian, frank, 500, CLOSE_SECONDS)
    opg.approve(other, 500, sender=alice)
    other.deposit(bob, 500, sender=alice)
    with reverts("BadSignature", 0, alice):
        other.redeem(voucher(100), alice, sign_voucher(alice, voucher(100)), sender=bob)
    other.redeem(voucher(100), alice, sign(alice, other, "OPG Channels", VOUCHER, voucher(100)), sender=bob)


@pytest.mark.parametrize("elsewhere", [{"name": "OPG"}, {"name": "OPG Inference"}, {"version": "2"}])
def test_another_domain_is_refused(channels, voucher, sign_voucher, alice, bob, elsewhere):
    with reverts("BadSignature", 0, alice):
        channels.redeem(voucher(100), alice, sign_voucher(alice, voucher(100), **elsewhere), sender=bob)


def test_another_type_is_refused(channels, voucher, alice, bob):
    signature = sign(alice, channels, "OPG Channels", VOUCHER.replace("Voucher", "Receipt"), voucher(100))
    with reverts("BadSignature", 0, alice):
        channels.redeem(voucher(100), alice, signature, sender=bob)


def test_a_stranger_signs_for_nobody(channels, voucher, sign_voucher, alice, bob):
    signature = sign_voucher(bob, voucher(100))
    with reverts("BadSignature", 0, alice):
        channels.redeem(voucher(100), alice, signature, sender=bob)
    with reverts("NotAuthorised", 0, bob):
        channels.redeem(voucher(100), bob, signature, sender=bob)


def test_the_other_signature_is_refused(channels, voucher, sign_voucher, alice, bob):
    """Attack 11: a malleable signature."""
    with reverts("BadSignature", 0, alice):
        channels.redeem(voucher(100), alice, malleated(sign_voucher(alice, voucher(100))), sender=bob)


@pytest.mark.parametrize("cut", [0, 1, 64])
def test_a_piece_of_a_signature_is_none(channels, voucher, sign_voucher, alice, bob, cut):
    with reverts("BadSignature", 0, alice):
        channels.redeem(voucher(100), alice, sign_voucher(alice, voucher(100))[:cut], sender=bob)


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\x01" * 64 + b"\x1a"])
def test_nobody_is_no_payer(channels, voucher, bob, signature):
    """What recovers to no one is not the signature of the zero address."""
    nobody = "0x" + "00" * 20
    with reverts("BadSignature", 0, nobody):
        channels.redeem((nobody, *voucher(100)[1:]), nobody, signature, sender=bob)


def test_closing_and_opening_again_revives_no_voucher(evm, channels, redeem, voucher, alice, bob):
    redeem(voucher(400))
    channels.startClose(bob, sender=alice)
    evm.sleep(CLOSE_SECONDS)
    channels.finishClose(bob, sender=alice)
    channels.deposit(bob, 500, sender=alice)
    with reverts("NothingToRedeem"):
        redeem(voucher(400))
    assert redeem(voucher(450)).value == 50
