"""The share maths of a pool by themselves."""

from __future__ import annotations

import pytest

from tests.evm import Contract, Evm


@pytest.fixture
def pools(evm: Evm) -> Contract:
    """Pools are tuples: wei, shares, epoch."""
    return evm.deploy("PoolsHarness")
