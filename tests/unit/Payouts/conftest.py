"""A Payouts with its inner functions open, rich enough for everything that the tests let it owe."""

import pytest

FUNDS = 10**27


@pytest.fixture
def opg(evm, alice):
    return evm.deploy("OPG", alice)


@pytest.fixture
def payouts(evm, opg, alice):
    made = evm.deploy("PayoutsHarness", opg)
    opg.transfer(made, FUNDS, sender=alice)
    return made


@pytest.fixture
def models(evm):
    return evm.deploy("Models")
