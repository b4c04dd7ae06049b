"""How the gas of the in-process chain relates to a real receipt: equal when everything is cold, never above it."""

import pytest

from tests.evm import Evm, floor_gas


@pytest.fixture
def both(anvil_evm, alice):
    """The token on each engine: in process, and on a real node."""
    return [chain.deploy("OPG", alice, sender=alice) for chain in (Evm(), anvil_evm)]


def test_a_deployment_costs_the_same(both):
    in_process, real = both
    assert in_process.deploy_gas == real.deploy_gas


def test_a_transaction_that_touches_only_new_slots_costs_the_same(both, alice, bob):
    in_process, real = (token.approve(bob, 5, sender=alice).gas_used for token in both)
    assert in_process == real


def test_a_refund_is_applied_and_warm_slots_make_the_estimate_too_low(both, alice, bob):
    for token in both:
        token.approve(bob, 5, sender=alice)
    in_process, real = (token.approve(bob, 0, sender=alice).gas_used for token in both)
    assert 21_000 < in_process < real < 27_000


def test_calldata_has_a_floor(both, alice, bob):
    wide = b"\xff" * 40_000
    for token in both:
        chain = token._evm
        with_data = chain.backend.send(alice.address, bob.address, wide, 2_000_000)[1]
        assert with_data == floor_gas(wide) == 21_000 + 40 * len(wide)
