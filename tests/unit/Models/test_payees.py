"""Whoever holds the token earns the share, of fees and of resales."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evm import Evm, account, reverts


def test_the_owner_is_paid(models, alice):
    assert models.payees(1) == ([alice.address], [2_500])


def test_a_sale_moves_the_share(models, alice, bob):
    models.transferFrom(alice, bob, 1, sender=alice)
    assert models.payees(1) == ([bob.address], [2_500])
    assert models.royaltyInfo(1, 10_000) == (bob.address, 2_500)


@pytest.mark.parametrize("model_id", [0, 2])
def test_no_model_has_no_payees(models, model_id):
    with reverts("NoSuchModel", model_id):
        models.payees(model_id)
    with reverts("NoSuchModel", model_id):
        models.royaltyInfo(model_id, 1)


@given(price=st.integers(0, 2**256 - 1), fee_bps=st.integers(0, 5_000))
def test_a_royalty_is_the_share_of_any_price(price, fee_bps):
    evm, owner = Evm(), account(1)
    models = evm.deploy("Models")
    models.register("digits", fee_bps, sender=owner)
    assert models.royaltyInfo(1, price) == (owner.address, price * fee_bps // 10_000)
