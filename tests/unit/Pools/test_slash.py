"""When a slash ends a pool, and what it leaves. Attack 5."""

import pytest

from tests.evm import reverts
from tests.market import OPG

BILLION = 10**9


def test_an_empty_pool_has_nothing(pools):
    """Attack 3."""
    assert pools.slash((0, 0, 7), 5) == ((0, 0, 7), 0, 0)


def test_more_than_there_is_takes_all_and_ends_the_pool(pools):
    """Attacks 3 and 7."""
    assert pools.slash((100, 150, 7), 2**256 - 1) == ((0, 0, 8), 100, 0)


@pytest.mark.parametrize(
    ("shares", "left", "ends"),
    [
        (100 * BILLION, 100, False),  # a billionth of a wei a share
        (100 * BILLION + 1, 100, True),
        (OPG * BILLION + 1, OPG, False),  # less than that, but an OPG
        (OPG * BILLION + 1, OPG - 1, True),
        (1, 1, False),
        (1, 0, True),
    ],
)
def test_a_pool_ends_when_it_is_dust(pools, shares, left, ends):
    """Attack 7: by its price and its size, both; nothing else than the dust is lost beyond what was asked for."""
    after = ((0, 0, 1), 40, left) if ends else ((left, shares, 0), 40, 0)
    assert pools.slash((left + 40, shares, 0), 40) == after


def test_a_spent_pool_takes_nothing_more(pools):
    """Else its shares would multiply until no number held them."""
    with reverts("PoolSpent", OPG, OPG * BILLION + 1):
        pools.add((OPG, OPG * BILLION + 1, 0), OPG)
    assert pools.add((OPG, OPG * BILLION, 0), OPG) == ((2 * OPG, 2 * OPG * BILLION, 0), OPG * BILLION, 0)


def test_no_number_overflows_at_the_greatest_price_and_supply(pools):
    """Attack 9: the whole supply, at a billion shares a wei."""
    supply = 10**27
    full = (supply, supply * BILLION, 2**40 - 2)
    assert pools.add((supply - 1, (supply - 1) * BILLION, 0), 1) == ((supply, supply * BILLION, 0), BILLION, 0)
    assert pools.worth(full, supply * BILLION) == supply
    assert pools.remove(full, supply * BILLION - 1) == ((0, 0, 2**40 - 1), supply - 1, 1)
    assert pools.sharesFor(full, supply - 1, supply * BILLION) == (supply - 1) * BILLION
    assert pools.stampedWorth(full, supply * BILLION, full) == supply
