"""Token, stake, and the view of both that a governor counts by."""

from __future__ import annotations

import pytest

from tests.evm import Contract, Evm
from tests.market import OPG, deploy_staking


@pytest.fixture
def token(evm: Evm, alice, bob) -> Contract:
    """alice and bob have 1,000 each and have delegated to themselves; the rest votes for nobody."""
    token = evm.deploy("OPG", evm.accounts[0])
    for who in (alice, bob):
        token.transfer(who, 1_000 * OPG, sender=evm.accounts[0])
        token.delegate(who, sender=who)
    return token


@pytest.fixture
def staking(evm: Evm, token: Contract, alice, bob, dave) -> Contract:
    """bob is an operator, dave slashes."""
    staking = deploy_staking(evm, token)
    staking.grantRole(staking.SLASHER_ROLE(), dave, sender=evm.accounts[0])
    for who in (alice, bob):
        token.approve(staking, 2**256 - 1, sender=who)
    staking.register(bob, "", sender=bob)
    return staking


@pytest.fixture
def votes(evm: Evm, token: Contract, staking: Contract) -> Contract:
    return evm.deploy("OPGVotes", token, staking)
