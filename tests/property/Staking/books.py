"""The books of `Staking` in plain Python: what each party has, by the rules of docs/protocol.md.

Beside every number that the contract keeps stands the exact one, a fraction that was never rounded.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

OPG = 10**18
ONE = 2**128
BILLION = 10**9


@dataclass
class Pool:
    """Wei and shares; `fair` is what each holder and each thaw should have, exactly."""

    tokens: int = 0
    shares: int = 0
    epoch: int = 0
    fair: dict[Any, Fraction] = field(default_factory=lambda: defaultdict(Fraction))

    @property
    def spent(self) -> bool:
        return self.tokens * BILLION < self.shares

    def worth(self, shares: int) -> int:
        return shares * self.tokens // self.shares if self.shares else shares

    def add(self, who: Any, amount: int) -> tuple[int, int]:
        """Shares, and the wei that burns."""
        shares = amount * self.shares // self.tokens if self.shares else amount
        worth = self.worth(shares)
        self.tokens, self.shares = self.tokens + worth, self.shares + shares
        self.fair[who] += amount
        return shares, amount - worth

    def shares_for(self, amount: int, available: int) -> int:
        return available if amount == self.worth(available) else -(-amount * self.shares // self.tokens)

    def move(self, owner: Any, thaw: Any, shares: int, of: int) -> None:
        """Some of the owner's shares thaw."""
        self.fair[thaw] = self.fair[owner] * shares / of
        self.fair[owner] -= self.fair[thaw]

    def remove(self, thaw: Any, shares: int) -> tuple[int, int]:
        """What it pays, and the wei that burns."""
        whole, before = self.tokens == self.shares, self.tokens
        paid, left = self.worth(shares), self.worth(self.shares - shares)
        self.tokens, self.shares = left, self.shares - shares
        self.fair.pop(thaw)
        if not left and not whole:
            self.end()
        return paid, before - left - paid

    def slash(self, amount: int) -> tuple[int, int]:
        """What it takes, and the dust that burns."""
        if not self.shares:
            return 0, 0
        taken = min(amount, self.tokens)
        for who in self.fair:
            self.fair[who] *= Fraction(self.tokens - taken, self.tokens)
        self.tokens -= taken
        dust = 0
        if self.spent and self.tokens < OPG:
            dust = self.tokens
            self.end()
        return taken, dust

    def end(self) -> None:
        self.tokens, self.shares, self.epoch = 0, 0, self.epoch + 1
        self.fair.clear()


@dataclass
class Delegation:
    earning: int = 0
    warming: int = 0
    warm_at: int = 0
    epoch: int = 0
    settled_at: int = 0
    listed: bool = False
    earned: Fraction = Fraction(0)  # exactly, credited or not
    credited: int = 0
    paid_in: list[tuple[int, int]] = field(default_factory=list)  # (when, how much)


@dataclass
class Thaw:
    owner: Any
    operator: Any
    own: bool
    shares: int
    epoch: int
    until: int


class Operator:
    """One operator: its own stake, its delegators, its key and its commission."""

    def __init__(self, modules: tuple):
        self.own, self.pool = Pool(), Pool()
        self.thawing = self.warming = self.warm_at = self.jailed_until = 0
        self.locked = dict.fromkeys(modules, 0)
        self.commission = self.next_commission = self.next_at = 0
        self.earning = self.thawing_delegated = self.income = 0
        self.final: dict[int, int] = defaultdict(int)
        self.delegations: dict[Any, Delegation] = defaultdict(Delegation)
        self.keys: list[tuple[str, int, int | None]] = []  # key, since, until

    # -- own stake ------------------------------------------------------------

    @property
    def active_shares(self) -> int:
        return self.own.shares - self.thawing

    @property
    def active(self) -> int:
        return self.own.worth(self.active_shares)

    @property
    def free(self) -> int:
        return max(self.active - sum(self.locked.values()), 0)

    def warming_shares(self, now: int) -> int:
        return self.warming if now < self.warm_at else 0

    def stake(self, who: Any, amount: int, now: int, warm_at: int) -> int:
        warming = self.warming_shares(now)
        shares, odd = self.own.add(who, amount)
        self.warming, self.warm_at = warming + shares, warm_at
        return odd

    def start_thaw(self, who: Any, thaw_id: int, amount: int, until: int) -> Thaw:
        shares = self.own.shares_for(amount, self.active_shares)
        self.own.move(who, thaw_id, shares, self.active_shares)
        self.warming = max(self.warming - shares, 0)
        self.thawing += shares
        return Thaw(who, who, True, shares, self.own.epoch, until)

    def commission_at(self, now: int) -> int:
        return self.commission if now < self.next_at else self.next_commission

    # -- delegated stake ------------------------------------------------------

    def active_of(self, d: Delegation) -> int:
        return d.earning + d.warming if d.epoch == self.pool.epoch else 0

    def income_of(self, d: Delegation) -> int:
        up_to = self.income if d.epoch == self.pool.epoch else self.final[d.epoch]
        return d.earning * (up_to - d.settled_at) // ONE

    def settle(self, who: Any, now: int) -> int:
        d = self.delegations[who]
        income = self.income_of(d)
        d.settled_at = self.income
        if d.epoch != self.pool.epoch:
            d.earning, d.warming, d.epoch = 0, 0, self.pool.epoch
        if d.warming and now >= d.warm_at:
            self.earning += d.warming
            d.earning, d.warming = d.earning + d.warming, 0
        d.credited += income
        return income

    def delegate(self, who: Any, amount: int, now: int, warm_at: int) -> int:
        d = self.delegations[who]
        shares, odd = self.pool.add(who, amount)
        d.warming, d.warm_at, d.listed = d.warming + shares, warm_at, True
        d.paid_in.append((now, amount))
        return odd

    def undelegate(self, who: Any, thaw_id: int, operator: Any, amount: int, until: int) -> Thaw:
        d = self.delegations[who]
        shares = self.pool.shares_for(amount, self.active_of(d))
        self.pool.move(who, thaw_id, shares, self.active_of(d))
        cold = min(shares, d.warming)
        d.warming -= cold
        d.earning -= shares - cold
        self.earning -= shares - cold
        self.thawing_delegated += shares
        return Thaw(who, operator, False, shares, self.pool.epoch, until)

    def delegators_part(self, income: int, now: int) -> int:
        """After commission, by what earns."""
        theirs = self.pool.worth(self.earning)
        if not self.earning or not theirs:
            return 0
        own = self.own.worth(self.active_shares - self.warming_shares(now))
        return income * theirs * (10_000 - self.commission_at(now)) // ((theirs + own) * 10_000)

    def reward(self, income: int, now: int) -> int:
        """The delegators' part."""
        part = self.delegators_part(income, now)
        if part:
            self.income += part * ONE // self.earning
            for d in self.delegations.values():
                if d.epoch == self.pool.epoch:
                    d.earned += Fraction(part * d.earning, self.earning)
        return part

    # -- both -----------------------------------------------------------------

    def pool_of(self, thaw: Thaw) -> Pool:
        return self.own if thaw.own else self.pool

    def worth(self, thaw: Thaw) -> int:
        pool = self.pool_of(thaw)
        return pool.worth(thaw.shares) if pool.epoch == thaw.epoch else 0

    def finish(self, thaw_id: int, thaw: Thaw) -> tuple[int, int]:
        """What it pays, and the wei that burns."""
        if self.pool_of(thaw).epoch != thaw.epoch:
            return 0, 0
        if thaw.own:
            self.thawing -= thaw.shares
        else:
            self.thawing_delegated -= thaw.shares
        return self._after(lambda: self.pool_of(thaw).remove(thaw_id, thaw.shares))

    def slash(self, amount: int) -> tuple[int, int, int]:
        """Of its own, of the delegators', and the dust that burns."""
        own, dust = self._after(lambda: self.own.slash(amount))
        delegated, more = self._after(lambda: self.pool.slash(amount - own))
        return own, delegated, dust + more

    def _after(self, deed: Any) -> tuple[int, int]:
        epochs = self.own.epoch, self.pool.epoch
        result = deed()
        if self.own.epoch != epochs[0]:
            self.thawing = self.warming = 0
        if self.pool.epoch != epochs[1]:
            self.final[epochs[1]] = self.income
            self.earning = self.thawing_delegated = 0
        return result
