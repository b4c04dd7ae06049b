"""A `Staking` of its own, with bob as an operator who has nothing at stake yet."""

from __future__ import annotations

import pytest

from tests.evm import Contract, Evm
from tests.market import OPG, deploy_staking


@pytest.fixture
def admin(evm: Evm):
    """Deploys, and grants the roles."""
    return evm.accounts[0]


@pytest.fixture
def token(evm: Evm, admin, bob, charlie) -> Contract:
    """OPG; bob and charlie have a million each."""
    token = evm.deploy("OPG", admin)
    for who in (bob, charlie):
        token.transfer(who, 1_000_000 * OPG, sender=admin)
    return token


@pytest.fixture
def staking(evm: Evm, token: Contract, admin, bob, charlie, dave, erin) -> Contract:
    """bob and charlie are operators; dave and erin are modules that may lock and slash."""
    staking = deploy_staking(evm, token)
    for module in (dave, erin):
        for role in (staking.LOCKER_ROLE(), staking.SLASHER_ROLE()):
            staking.grantRole(role, module, sender=admin)
    for who in (bob, charlie):
        token.approve(staking, 2**256 - 1, sender=who)
        staking.register(who, "https://example", sender=who)
    return staking
