"""The share maths of a pool, for all small pools and for any large one: every claim that `Pools` makes at its head."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.evm import Evm

SUPPLY = 10**27
MAX_SHARES_PER_WEI = 10**9
DUST = 10**18
SMALL = 9

POOLS = Evm().deploy("PoolsHarness")
small_pools = [(t, s, 3) for s in range(1, SMALL) for t in range(1, s + 1)]


@st.composite
def pools(draw):
    """Any pool that can be: T ≤ S ≤ 10⁹·T, T no more than the supply."""
    tokens = draw(st.integers(1, SUPPLY) | st.integers(1, 1000) | st.sampled_from([DUST - 1, DUST, SUPPLY]))
    excess = draw(
        st.just(0) | st.integers(0, 100) | st.integers(0, tokens) | st.integers(0, tokens * (MAX_SHARES_PER_WEI - 1))
    )
    return tokens, tokens + excess, draw(st.integers(0, 5))


def check_add(pool, amount):
    tokens, shares, epoch = pool
    (tokens2, shares2, epoch2), got, odd = POOLS.add(pool, amount)
    assert epoch2 == epoch and shares2 == shares + got
    assert got == amount * shares // tokens and amount - odd == got * tokens // shares
    assert tokens + amount == tokens2 + odd and odd in (0, 1)
    assert got >= amount - odd
    assert tokens2 * shares <= tokens * shares2, "the price rose"
    assert tokens2 <= shares2, "the price is above one"
    assert POOLS.worth((tokens2, shares2, epoch2), got) <= amount, "worth more than was paid"
    assert POOLS.worth((tokens2, shares2, epoch2), shares) >= tokens - 1, "the others lost more than a wei"


def check_remove(pool, leaving):
    tokens, shares, epoch = pool
    (tokens2, shares2, epoch2), paid, odd = POOLS.remove(pool, leaving)
    assert (tokens2, paid) == ((shares - leaving) * tokens // shares, leaving * tokens // shares)
    assert tokens == tokens2 + paid + odd and odd in (0, 1)
    if epoch2 == epoch:
        assert shares2 == shares - leaving
        assert tokens2 * shares <= tokens * shares2, "the price rose"
        assert tokens2 > 0 or (leaving == shares and tokens == shares), "a pool without a wei and with a price"
    else:
        assert (tokens2, shares2, epoch2) == (0, 0, epoch + 1)
        assert (shares - leaving) * tokens < shares, "somebody had a wei"
        assert tokens < shares, "its price was one: nothing has to end"


def check_slash(pool, amount):
    tokens, shares, epoch = pool
    (tokens2, shares2, epoch2), taken, dust = POOLS.slash(pool, amount)
    assert taken == min(amount, tokens)
    assert tokens == tokens2 + taken + dust
    if epoch2 == epoch:
        assert dust == 0 and shares2 == shares and tokens2 > 0
    else:
        assert (tokens2, shares2, epoch2) == (0, 0, epoch + 1)
        assert dust < DUST and dust * MAX_SHARES_PER_WEI < shares


def check_shares_for(pool, amount, available):
    worth = POOLS.worth(pool, available)
    assume(0 < amount <= worth)
    shares = POOLS.sharesFor(pool, amount, available)
    assert 0 < shares <= available
    assert POOLS.worth(pool, shares) == amount, "not what was asked for"
    if amount == worth:
        assert shares == available, "shares stay behind that are worth nothing"
    else:
        assert POOLS.worth(pool, shares - 1) < amount, "more shares than needed"


@pytest.mark.parametrize("pool", small_pools, ids=str)
def test_all_small_pools(pool):
    """Attack 5: exhaustively: every amount and every number of shares up to beyond the whole."""
    for n in range(1, SMALL + 2):
        check_add(pool, n)
        check_slash(pool, n)
    for shares in range(pool[1] + 1):
        check_remove(pool, shares)
        for amount in range(1, shares * pool[0] // pool[1] + 1):
            check_shares_for(pool, amount, shares)


@given(pool=pools(), amount=st.integers(1, SUPPLY) | st.integers(1, 100))
def test_what_is_added_is_never_worth_more(pool, amount):
    """Attack 7."""
    check_add(pool, min(amount, max(SUPPLY - pool[0], 1)))


@given(pool=pools(), part=st.fractions(0, 1))
def test_leaving_pays_the_price(pool, part):
    """Attack 4."""
    check_remove(pool, int(pool[1] * part))


@given(pool=pools(), amount=st.integers(0, SUPPLY) | st.integers(0, 100) | st.just(2**256 - 1))
def test_a_slash_takes_what_it_says(pool, amount):
    """Attacks 3 and 5."""
    check_slash(pool, amount)
    check_slash(pool, max(pool[0] - amount, 0))


@given(pool=pools(), held=st.fractions(0, 1), part=st.fractions(0, 1))
def test_exact_amounts_can_be_taken_out(pool, held, part):
    """To the wei."""
    available = int(pool[1] * held)
    check_shares_for(pool, ceil(POOLS.worth(pool, available) * part), available)


@given(pool=pools(), left=st.fractions(0, 1), first=st.fractions(0, 1))
@example(pool=(10, 15, 0), left=1, first=0)
def test_the_order_of_exits_does_not_pay(pool, left, first):
    """Attack 4: going first or last differs by a wei at most, and both together never get more than all."""
    shares = int(pool[1] * left)
    one, two = int(shares * first), shares - int(shares * first)
    (after, early, _), late_alone = POOLS.remove(pool, one), POOLS.remove(pool, two)[1]
    late = POOLS.remove(after, two)[1] if after[2] == pool[2] else 0
    assert late_alone - 1 <= late <= late_alone
    assert early + late <= pool[0]


@given(
    pool=pools(),
    held=st.fractions(0, 1),
    deeds=st.lists(st.tuples(st.sampled_from("ars"), st.fractions(0, 1)), max_size=12),
)
def test_past_shares_are_never_worth_more_later(pool, held, deeds):
    """Attack 25: whatever is added, taken out and slashed, also when the pool ends and begins again. Votes rest on this."""
    mine, now = int(pool[1] * held), pool
    worth = POOLS.worth(pool, mine)
    for what, part in deeds:
        if what == "a" or now[1] == 0:
            if now[0] * MAX_SHARES_PER_WEI < now[1]:
                continue  # spent
            now = POOLS.add(now, max(int((SUPPLY - now[0]) * part), 1))[0]
        elif what == "r":
            now = POOLS.remove(now, int(now[1] * part))[0]
        else:
            now = POOLS.slash(now, int(now[0] * part))[0]
        before, worth = worth, POOLS.stampedWorth(pool, mine, now)
        assert worth <= before
