"""ERC-3009: a transfer by signature, in both forms."""

import pytest

from tests.evm import reverts
from tests.typed import malleated, vrs

NONCE = b"\x01" * 32


@pytest.fixture
def values(evm, alice, bob):
    """Alice sends Bob 5 wei, good from the next second on, for a minute."""
    return (alice, bob, 5, evm.now - 1, evm.now + 60, NONCE)


@pytest.fixture(params=["v, r, s", "bytes"])
def transfer(opg, charlie, request):
    """Sends an authorization in one of the two forms."""

    def send(values, signature):
        parts = [signature] if request.param == "bytes" else vrs(signature)
        return opg.transferWithAuthorization(*values, *parts, sender=charlie)

    return send


def test_anyone_sends_an_authorization(opg, transfer, sign_transfer, values, alice, bob):
    receipt = transfer(values, sign_transfer(alice, values))
    assert opg.balanceOf(bob) == 5
    assert opg.authorizationState(alice, NONCE)
    event = receipt.event("AuthorizationUsed")
    assert (event.authorizer, event.nonce) == (alice.address, NONCE)


def test_a_nonce_is_good_once(transfer, sign_transfer, values, alice):
    transfer(values, sign_transfer(alice, values))
    with reverts("ERC3009UsedAuthorization", alice, NONCE):
        transfer(values, sign_transfer(alice, values))


def test_nonces_need_no_order(opg, transfer, sign_transfer, values, alice, bob):
    for nonce in (b"\xff" * 32, b"\x00" * 32, b"\x7f" * 32):
        each = (*values[:5], nonce)
        transfer(each, sign_transfer(alice, each))
    assert opg.balanceOf(bob) == 15


def test_every_field_is_signed(transfer, sign_transfer, values, alice, bob, charlie):
    """Attack 11: an unsigned field."""
    signature = sign_transfer(alice, values)
    for position, other in enumerate([bob, charlie, 6, values[3] - 1, values[4] + 1, b"\x02" * 32]):
        changed = (*values[:position], other, *values[position + 1 :])
        with reverts("ERC3009InvalidSignature"):
            transfer(changed, signature)


def test_another_chain_or_token_is_refused(transfer, sign_transfer, values, alice, bob):
    """Attack 11: replay on another chain or contract."""
    for elsewhere in ({"chainId": 8453}, {"verifyingContract": bob.address}, {"version": "2"}):
        with reverts("ERC3009InvalidSignature"):
            transfer(values, sign_transfer(alice, values, **elsewhere))


def test_a_signature_to_receive_is_none_to_transfer(transfer, sign_receive, values, alice):
    with reverts("ERC3009InvalidSignature"):
        transfer(values, sign_receive(alice, values))


def test_the_other_signature_is_refused(transfer, sign_transfer, values, alice):
    """Attack 11: a malleable signature."""
    with reverts():
        transfer(values, malleated(sign_transfer(alice, values)))


@pytest.mark.parametrize(("after", "before"), [(0, 60), (-60, 0), (1, 60), (2**47, 2**47 + 10**9)])
def test_it_is_good_strictly_between_its_times(evm, transfer, sign_transfer, values, alice, after, before):
    """The last pair has the bit by which the library would tell block numbers from seconds."""
    times = (evm.now + after, evm.now + before) if after < 2**47 else (after, before)
    values = (*values[:3], *times, NONCE)
    with reverts("ERC3009InvalidAuthorizationTime", *times):
        transfer(values, sign_transfer(alice, values))


def test_it_may_be_good_for_ever(opg, transfer, sign_transfer, values, alice, bob):
    values = (*values[:3], 0, 2**256 - 1, NONCE)
    transfer(values, sign_transfer(alice, values))
    assert opg.balanceOf(bob) == 5


def test_a_contract_wallet_signs_in_bytes(opg, sign_transfer, values, wallet, bob, charlie, dave):
    values = (wallet, *values[1:])
    signature = sign_transfer(dave, values)
    opg.transferWithAuthorization(*values, signature, sender=charlie)
    assert opg.balanceOf(bob) == 5


def test_a_stranger_does_not_sign_for_a_contract_wallet(opg, sign_transfer, values, wallet, charlie):
    values = (wallet, *values[1:])
    with reverts("ERC3009InvalidSignature"):
        opg.transferWithAuthorization(*values, sign_transfer(charlie, values), sender=charlie)
