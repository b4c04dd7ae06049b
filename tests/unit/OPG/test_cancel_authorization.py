"""ERC-3009: taking back what was signed and not used."""

import pytest

from tests.evm import reverts
from tests.typed import vrs

NONCE = b"\x01" * 32


@pytest.fixture(params=["v, r, s", "bytes"])
def parts(request):
    return (lambda signature: [signature]) if request.param == "bytes" else vrs


def test_a_cancelled_nonce_is_not_used(evm, opg, sign_cancel, sign_transfer, parts, alice, bob):
    receipt = opg.cancelAuthorization(alice, NONCE, *parts(sign_cancel(alice, (alice, NONCE))), sender=bob)
    event = receipt.event("AuthorizationCanceled")
    assert (event.authorizer, event.nonce) == (alice.address, NONCE)
    values = (alice, bob, 5, 0, evm.now + 60, NONCE)
    with reverts("ERC3009UsedAuthorization", alice, NONCE):
        opg.transferWithAuthorization(*values, *parts(sign_transfer(alice, values)), sender=bob)


def test_nobody_cancels_for_another(opg, sign_cancel, parts, alice, bob):
    with reverts("ERC3009InvalidSignature"):
        opg.cancelAuthorization(alice, NONCE, *parts(sign_cancel(bob, (alice, NONCE))), sender=bob)
    assert not opg.authorizationState(alice, NONCE)


def test_a_cancelled_nonce_stays_cancelled(opg, sign_cancel, parts, alice):
    signature = parts(sign_cancel(alice, (alice, NONCE)))
    opg.cancelAuthorization(alice, NONCE, *signature, sender=alice)
    with reverts("ERC3009UsedAuthorization", alice, NONCE):
        opg.cancelAuthorization(alice, NONCE, *signature, sender=alice)


def test_a_contract_wallet_cancels(opg, sign_cancel, wallet, bob, dave):
    opg.cancelAuthorization(wallet, NONCE, sign_cancel(dave, (wallet, NONCE)), sender=bob)
    assert opg.authorizationState(wallet, NONCE)
