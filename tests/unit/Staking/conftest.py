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
def token(evm: Evm, admin, alice, bob, charlie, frank) -> Contract:
    """OPG; alice, bob, charlie and frank have a million each."""
    token = evm.deploy("OPG", admin)
    for who in (alice, bob, charlie, frank):
        token.transfer(who, 1_000_000 * OPG, sender=admin)
    return token


@pytest.fixture
def staking(evm: Evm, token: Contract, admin, alice, bob, charlie, dave, erin, frank) -> Contract:
    """bob and charlie are operators; dave and erin are modules that may lock and slash; alice and frank have stake to lend."""
    staking = deploy_staking(evm, token)
    for module in (dave, erin):
        for role in (staking.LOCKER_ROLE(), staking.SLASHER_ROLE()):
            staking.grantRole(role, module, sender=admin)
    for who in (alice, bob, charlie, frank):
        token.approve(staking, 2**256 - 1, sender=who)
    for who in (bob, charlie):
        staking.register(who, "https://example", sender=who)
    return staking
