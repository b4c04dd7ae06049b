"""ERC-2612."""

import pytest

from tests.evm import reverts
from tests.typed import malleated, sign, vrs

PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"


@pytest.fixture
def signed(evm, opg, alice, bob):
    """Alice lets Bob spend 5 wei, for one more minute."""
    values = (alice, bob, 5, opg.nonces(alice), evm.now + 60)
    return values, sign(alice, opg, "OPG", PERMIT, values)


def permit(opg, signed, sender):
    (owner, spender, value, _, deadline), signature = signed
    return opg.permit(owner, spender, value, deadline, *vrs(signature), sender=sender)


def test_anyone_sends_a_permit(opg, signed, alice, bob, charlie):
    permit(opg, signed, charlie)
    assert opg.allowance(alice, bob) == 5
    assert opg.nonces(alice) == 1


def test_a_permit_is_good_once(opg, signed, bob):
    permit(opg, signed, bob)
    with reverts("ERC2612InvalidSigner"):
        permit(opg, signed, bob)


def test_a_permit_ends(evm, opg, signed, bob):
    evm.sleep(61)
    with reverts("ERC2612ExpiredSignature", signed[0][4]):
        permit(opg, signed, bob)


def test_the_other_signature_over_a_permit_is_refused(opg, signed, bob):
    values, signature = signed
    with reverts("ECDSAInvalidSignatureS"):
        permit(opg, (values, malleated(signature)), bob)
