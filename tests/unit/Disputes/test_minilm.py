"""What a dispute of MiniLM itself costs, all moves of both sides, as a real node's receipts have it: `make models`."""

from __future__ import annotations

import pytest

from scripts.dispute_gas import BUDGET, disputes, spread, world_of
from tests.conftest import DEEP
from tests.evm import TX_GAS_CAP
from tests.models import MINILM

EVERY = 1 if DEEP else 38


def test_disputes_of_minilm_are_within_their_budget(anvil_evm, gas_snapshot):
    """All ops when deep, then the distribution is in tests/gas.json; some of them else."""
    world = world_of(MINILM, anvil_evm)
    found = list(disputes(world, range(0, len(world.program.encoded), EVERY)))
    totals = [each.total for each in found]
    assert max(gas for each in found for _, gas in each.moves) < TX_GAS_CAP
    assert max(totals) <= BUDGET, "the median alone would do"
    if DEEP:
        for name, gas in zip(("least", "median", "90th percentile", "most"), spread(totals), strict=True):
            gas_snapshot(f"MiniLM's own dispute in any op: {name}", gas)


@pytest.mark.parametrize(
    ("values", "found"), [([5], (5, 5, 5, 5)), ([1, 2], (1, 2, 2, 2)), (list(range(1, 101)), (1, 51, 91, 100))]
)
def test_a_distribution_is_of_what_was_measured(values, found):
    assert spread(values) == found
