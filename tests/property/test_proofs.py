"""The maths of shares and splits, proven for all numbers at once: z3 looks for integers that break a claim, and there are none.

The claims are those at the head of `Pools` and `Delegations`, of docs/protocol.md, "Shares of a fee", and of `Staking.slash`. A rounded quotient is a
variable between its bounds. That the contracts compute these quotients is for test_share_maths.py and unit/Models/test_split.py; that a proof is no empty one,
for the roundings turned round at the end, which it has to notice.
"""

from __future__ import annotations

from typing import Any

import pytest

z3 = pytest.importorskip("z3", reason="z3-solver is among the development requirements")

SUPPLY, MAX_SHARES_PER_WEI = 10**27, 10**9
BPS, PARTS, ONE = 10_000, 10**6, 2**128
ANCESTORS = 7
TIMEOUT_MS = 120_000


class Claims:
    """Premises, and what follows from them."""

    def __init__(self, *premises: Any) -> None:
        self.solver, self.count = z3.Solver(), 0
        self.solver.set("timeout", TIMEOUT_MS)
        self.given(*premises)

    def given(self, *premises: Any) -> None:
        self.solver.add(*premises)

    def _new(self) -> Any:
        self.count += 1
        return z3.Int(f"quotient {self.count}")

    def down(self, number: Any, by: Any) -> Any:
        """⌊number / by⌋, for a number that is not negative and a positive `by`."""
        quotient = self._new()
        self.given(quotient >= 0, quotient * by <= number, number < (quotient + 1) * by)
        return quotient

    def up(self, number: Any, by: Any) -> Any:
        """⌈number / by⌉."""
        quotient = self._new()
        self.given(quotient >= 0, (quotient - 1) * by < number, number <= quotient * by)
        return quotient

    def hold(self, *claims: Any) -> None:
        assert self.solver.check() == z3.sat, "the premises contradict each other, or are too hard"
        for claim in claims:
            assert self._counterexample(claim) == z3.unsat, claim

    def fail(self, claim: Any) -> None:
        assert self._counterexample(claim) == z3.sat, claim

    def _counterexample(self, claim: Any) -> Any:
        self.solver.push()
        self.solver.add(z3.Not(claim))
        found = self.solver.check()
        self.solver.pop()
        return found


T, S, a, r, q = z3.Ints("T S a r q")
POOL = z3.And(T > 0, T <= S)


def test_adding():
    """Attack 7: the price never rises and stays at one or below; what is added is never worth more than was paid; the others lose a wei at most."""
    c = Claims(POOL, a > 0)
    shares = c.down(a * S, T)
    kept = c.down(shares * T, S)
    tokens, after = T + kept, S + shares
    worth, others = c.down(shares * tokens, after), c.down(S * tokens, after)
    c.hold(kept <= a, kept >= a - 1, tokens * S <= T * after, tokens <= after, worth <= a, others >= T - 1)


def test_leaving():
    """Attack 4: the price never rises, nothing underflows, and a wei is lost at most."""
    c = Claims(POOL, r >= 0, r <= S)
    paid, left = c.down(r * T, S), c.down((S - r) * T, S)
    odd = T - left - paid
    c.hold(odd >= 0, odd <= 1, left * S <= T * (S - r), left <= S - r)


def test_the_order_of_exits():
    """Attack 4: who leaves second loses a wei at most by it, and both never have more than all."""
    c = Claims(POOL, r > 0, q > 0, r + q <= S)
    first, left, alone = c.down(r * T, S), c.down((S - r) * T, S), c.down(q * T, S)
    second = c.down(q * left, S - r)
    c.hold(second <= alone, second >= alone - 1, first + second <= T)


def test_slashing():
    """Attacks 3 and 5: exact, clamped, and the price never rises."""
    c = Claims(POOL, a >= 0)
    taken = z3.If(a < T, a, T)
    c.hold(taken <= a, T - taken >= 0, (T - taken) * S <= T * S, z3.Implies(a >= T, taken == T))


def test_exact_amounts():
    """The fewest shares that are worth so much, and never more than there are."""
    available = z3.Int("available")
    c = Claims(POOL, available > 0, available <= S, a > 0)
    c.given(a < c.down(available * T, S))
    shares = c.up(a * S, T)
    worth, fewer = c.down(shares * T, S), c.down((shares - 1) * T, S)
    c.hold(worth == a, shares <= available, fewer < a)


def test_past_shares():
    """Attack 25: where no price rises, no past share is worth more later; so no votes come from nowhere."""
    tokens, shares, mine, others = z3.Ints("tokens shares mine others")
    c = Claims(POOL, tokens > 0, shares > 0, tokens * S <= T * shares, mine >= 0, others >= 0, mine + others <= S)
    then, now = c.down(mine * T, S), c.down(mine * tokens, shares)
    c.hold(now <= then, then + c.down(others * T, S) <= T)


def test_nothing_overflows():
    """Shares fit into 120 bits, products into 256, for any pool that takes something."""
    c = Claims(POOL, T * MAX_SHARES_PER_WEI >= S, a > 0, T + a <= SUPPLY)
    shares = c.down(a * S, T)
    c.hold(S + shares < 2**120, shares <= a * MAX_SHARES_PER_WEI, S <= SUPPLY * MAX_SHARES_PER_WEI)
    assert 2**120 * 2**96 < 2**256  # any shares times any tokens


def test_income():
    """All delegators' parts of an income never exceed it, whoever settles when."""
    x, shares, one, two, three = z3.Ints("x shares one two three")
    c = Claims(x >= 0, one >= 0, two >= 0, three >= 0, shares > 0, one + two + three <= shares)
    per_share = c.down(x * ONE, shares)
    parts = [c.down(each * per_share, ONE) for each in (one, two, three)]
    c.hold(z3.Sum(parts) <= x)


def test_the_delegators_part():
    """Never more than the income, and never more than without a commission."""
    x, theirs, own, commission = z3.Ints("x theirs own commission")
    c = Claims(x >= 0, theirs > 0, own >= 0, commission >= 0, commission <= BPS // 2)
    part = c.down(x * theirs * (BPS - commission), (theirs + own) * BPS)
    c.hold(part <= x, part * (theirs + own) <= x * theirs)


def test_the_burn():
    """Attack 6: at least the burned part burns, so the bounty is never more than the rest of it."""
    own, burn = z3.Ints("own burn")
    c = Claims(own > 0, burn >= 1_000, burn <= 9_000)
    bounty = own - c.up(own * burn, BPS)
    c.hold(bounty >= 0, bounty * BPS <= own * (BPS - burn), bounty < own)


def split(c: Claims, fee: Any, protocol: Any, model: Any, parts: list[Any]) -> tuple[Any, Any, list[Any]]:
    """The treasury's share, the model's income, and its ancestors' parts of that."""
    income = c.down(fee * model, BPS)
    return c.down(fee * protocol, BPS), income, [c.down(income * each, PARTS) for each in parts]


def fee_claims() -> tuple[Claims, Any, Any, Any, list[Any]]:
    fee, protocol, model = z3.Ints("fee protocol model")
    parts = [z3.Int(f"part {i}") for i in range(ANCESTORS)]
    c = Claims(fee >= 0, protocol >= 0, protocol <= 1_000, model >= 0, model <= 5_000, z3.Sum(parts) <= PARTS)
    c.given(*(each > 0 for each in parts))
    return c, fee, protocol, model, parts


def test_a_fee():
    """Attack 17: no part is negative, all of them are the fee, and the dust of the lineage is less than a wei an ancestor."""
    c, fee, protocol, model, parts = fee_claims()
    treasury, income, ancestors = split(c, fee, protocol, model, parts)
    owner, operator = income - z3.Sum(ancestors), fee - treasury - income
    c.hold(owner >= 0, operator * BPS >= fee * (BPS - protocol - model))
    c.hold(owner * PARTS < income * (PARTS - z3.Sum(parts)) + ANCESTORS * PARTS)


def test_a_higher_fee():
    """Pays nobody less, but for the dust of the two who have it: the owner, an ancestor's wei each; the operator, two."""
    fee, higher, rate = z3.Ints("fee higher rate")
    c = Claims(fee >= 0, higher >= fee, rate >= 0, rate <= PARTS)
    low, high = c.down(fee * rate, PARTS), c.down(higher * rate, PARTS)
    c.hold(low <= high, high - low <= higher - fee, (high - low) * PARTS < (higher - fee) * rate + PARTS)


def test_a_lineage():
    """A promise is the parent's and its ancestors' together, to the millionth; all promises are a million at most."""
    share, other = z3.Ints("share other")
    above = [z3.Int(f"above {i}") for i in range(ANCESTORS)]
    c = Claims(share > 0, other >= 0, share + other <= BPS, z3.Sum(above) <= PARTS, *(each > 0 for each in above))
    promised = share * (PARTS // BPS)
    parts = [c.down(promised * each, PARTS) for each in above]
    c.hold(promised - z3.Sum(parts) >= 0, promised + other * (PARTS // BPS) <= PARTS)


def test_a_rounding_turned_round_is_noticed():
    """Else the proofs above would prove anything."""
    c = Claims(POOL, a > 0)
    c.fail((T + a) * S <= T * (S + c.down(a * S, T)))  # an odd wei that does not burn lifts the price
    c = Claims(POOL, r >= 0, r <= S)
    c.fail((T - c.down(r * T, S)) * S <= T * (S - r))  # who stays would have the odd wei
    c.fail(c.up(r * T, S) + c.up((S - r) * T, S) <= T)  # exits would pay more than there is
    c, fee, _, model, parts = fee_claims()
    income = c.down(fee * model, BPS)
    c.fail(z3.Sum([c.up(income * each, PARTS) for each in parts]) <= income)  # the owner's rest would underflow
    own, burn = z3.Ints("own burn")
    c = Claims(own > 0, burn >= 1_000, burn <= 9_000)
    c.fail((own - c.down(own * burn, BPS)) * BPS <= own * (BPS - burn))  # a wei at a time nothing would burn
