"""ERC-3009: a transfer that only its receiver can send."""

import pytest

from tests.evm import reverts
from tests.typed import vrs

NONCE = b"\x01" * 32


@pytest.fixture
def values(evm, alice, bob):
    """Alice sends Bob 5 wei, for a minute."""
    return (alice, bob, 5, 0, evm.now + 60, NONCE)


@pytest.fixture(params=["v, r, s", "bytes"])
def parts(request):
    return (lambda signature: [signature]) if request.param == "bytes" else vrs


def test_the_receiver_takes_it(opg, sign_receive, parts, values, alice, bob):
    opg.receiveWithAuthorization(*values, *parts(sign_receive(alice, values)), sender=bob)
    assert opg.balanceOf(bob) == 5
    assert opg.authorizationState(alice, NONCE)


def test_nobody_else_sends_it_in_front(opg, sign_receive, parts, values, alice, bob, charlie):
    """Attack 14: copied from the mempool."""
    with reverts("ERC20InvalidReceiver", bob):
        opg.receiveWithAuthorization(*values, *parts(sign_receive(alice, values)), sender=charlie)


def test_a_signature_to_transfer_is_none_to_receive(opg, sign_transfer, parts, values, alice, bob):
    with reverts("ERC3009InvalidSignature"):
        opg.receiveWithAuthorization(*values, *parts(sign_transfer(alice, values)), sender=bob)


def test_a_contract_wallet_signs_in_bytes(opg, sign_receive, values, wallet, bob, dave):
    values = (wallet, *values[1:])
    opg.receiveWithAuthorization(*values, sign_receive(dave, values), sender=bob)
    assert opg.balanceOf(bob) == 5


def test_both_kinds_share_their_nonces(opg, sign_receive, sign_transfer, parts, values, alice, bob):
    opg.receiveWithAuthorization(*values, *parts(sign_receive(alice, values)), sender=bob)
    with reverts("ERC3009UsedAuthorization", alice, NONCE):
        opg.transferWithAuthorization(*values, *parts(sign_transfer(alice, values)), sender=bob)
