"""A market: every contract that an on-chain answer passes through."""

from __future__ import annotations

import pytest

from tests.evm import Contract, Evm
from tests.market import Market


@pytest.fixture
def market(evm: Evm) -> Market:
    """bob offers charlie's model; alice may ask."""
    return Market(evm)


@pytest.fixture
def inference(market: Market) -> Contract:
    """The contract under test."""
    return market.inference
