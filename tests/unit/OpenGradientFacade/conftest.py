"""The facade on a market: alice has deposited, charlie has described his model and lists bob."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.evm import Contract, Evm, Receipt
from tests.market import INPUT_WORDS, OPG, PRICE, Market

CID = "cid"  # what `Market.publish` publishes under
DEPOSIT = 10 * OPG
SHAPE = [1, INPUT_WORDS]
PICTURE = {"name": "image", "integer": False, "low": 0, "high": 0, "shape": SHAPE}
MASK = {"name": "mask", "integer": True, "low": 0, "high": 1, "shape": [3]}


def tensor(name: str = "image", numbers: Any = None, shape: Any = None) -> dict:
    """A number tensor; (value, decimals) pairs."""
    numbers = [(i, 1) for i in range(INPUT_WORDS)] if numbers is None else numbers
    values = [{"value": value, "decimals": decimals} for value, decimals in numbers]
    return {"name": name, "values": values, "shape": SHAPE if shape is None else shape}


class Facade:
    """What people do with the facade."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.evm: Evm = market.evm
        self.at: Contract = self.evm.deploy(
            "OpenGradientFacade", market.token, market.models, market.staking, market.inference
        )
        for who in (market.alice, market.bob, market.dave):
            market.token.approve(self.at, 2**256 - 1, sender=who)
        self.at.describe(market.version, [PICTURE], sender=market.charlie)
        self.at.setOperators(market.version, [market.bob], sender=market.charlie)
        self.at.bind(market.version, sender=market.dave)
        self.escrow = self.deposit(market.alice)

    def deposit(self, who: Any, amount: int = DEPOSIT, max_fee: int = 2 * PRICE) -> Contract:
        """The purse that the money went into."""
        self.at.deposit(amount, max_fee, sender=who)
        return self.evm.at("Escrow", self.at.escrowOf(who))

    def run(self, *tensors: dict, sender: Any = None, model: str = CID, mode: int = 0, strings: Any = ()) -> Receipt:
        """alice asks, as the SDK does."""
        numbers = list(tensors) or [tensor()]
        given = {"numbers": numbers, "strings": list(strings)}
        return self.at.run(model, mode, given, sender=sender or self.market.alice)

    def operator(self, number: int, price: int, stake: int = 2_000 * OPG) -> Any:
        """One more operator that offers the version."""
        who, market = self.evm.accounts[number], self.market
        market.token.transfer(who, stake, sender=market.admin)
        market.token.approve(market.staking, stake, sender=who)
        market.staking.register(SimpleNamespace(address=f"0x{number:040x}"), "http://b", sender=who)
        market.staking.stake(stake, sender=who)
        market.inference.offer(market.version, price, sender=who)
        return who


@pytest.fixture
def market(evm: Evm) -> Market:
    return Market(evm)


@pytest.fixture
def facade(market: Market) -> Facade:
    return Facade(market)
