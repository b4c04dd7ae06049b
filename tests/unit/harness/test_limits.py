"""Limits of the real network hold in process too."""

import pytest

from tests.evm import MAX_CODE, TX_GAS_CAP, Reverted


def returns_zeros(size: int) -> bytes:
    """Init code whose contract is `size` zero bytes: PUSH3 size, PUSH0, RETURN."""
    return b"\x62" + size.to_bytes(3, "big") + b"\x5f\xf3"


def test_the_largest_code_that_fits_is_deployed(evm, alice):
    address, _ = evm.backend.deploy(alice.address, returns_zeros(MAX_CODE))
    assert len(evm.backend.code(address)) == MAX_CODE


def test_code_is_what_was_deployed_and_nothing_more(evm, alice, bob):
    address, _ = evm.backend.deploy(alice.address, returns_zeros(1))
    assert evm.backend.code(address) == b"\0"
    assert evm.backend.code(bob.address) == b""


def test_one_byte_more_is_refused(evm, alice):
    with pytest.raises(Reverted, match="CreateContractSizeLimit"):
        evm.backend.deploy(alice.address, returns_zeros(MAX_CODE + 1))


def test_no_transaction_has_more_gas_than_the_network_allows(evm, alice, bob):
    token = evm.deploy("OPG", alice, sender=alice)
    with pytest.raises(AssertionError, match=str(TX_GAS_CAP)):
        token.transfer(bob, 1, sender=alice, gas=TX_GAS_CAP + 1)


def test_no_deployment_has_more_gas_than_the_network_allows(evm, alice):
    endless = b"\x5b\x5f\x56"  # JUMPDEST, PUSH0, JUMP: ends when the gas does
    with pytest.raises(Reverted):
        evm.backend.deploy(alice.address, endless)
    assert evm.backend.evm.result.gas_used == TX_GAS_CAP


def test_a_transaction_with_too_little_gas_changes_nothing(evm, alice, bob):
    token = evm.deploy("OPG", alice, sender=alice)
    with pytest.raises(Reverted, match="OutOfGas"):
        token.transfer(bob, 1, sender=alice, gas=30_000)
    assert token.balanceOf(bob) == 0
