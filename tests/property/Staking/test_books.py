"""Staking against plain books in Python: whatever is staked, thawed, locked, slashed, fetched, in any order
and at any time, every number that the contract shows is the books', and what it owes is what it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.evm import Evm, account, reverts
from tests.market import BURN_BPS, MIN_STAKE, OPG, THAWING_SECONDS, deploy_staking

ADMIN, BOB, CHARLIE, DAVE, ERIN, ALICE = map(account, range(6))
OPERATORS = (BOB, CHARLIE)
MODULES = (DAVE, ERIN)
PURSE = 10_000 * OPG
DUST_SHARES = 10**18  # shares to a wei, above which a pool is closed

operators = st.sampled_from(OPERATORS)
modules = st.sampled_from(MODULES)
amounts = st.one_of(
    st.integers(1, 20),
    st.integers(1, 3_000 * OPG),
    st.sampled_from([1, OPG, MIN_STAKE - 1, MIN_STAKE, 2 * MIN_STAKE]),
)


@dataclass
class Thaw:
    """What one thaw is worth. `fair` is exact: its part of the pool, had nothing ever been rounded."""

    shares: int
    fair: Fraction
    until: int
    alive: bool = True  # its pool was not closed


@dataclass
class Books:
    """One operator."""

    active: int = 0
    thawing: int = 0
    shares: int = 0
    locked: dict = field(default_factory=lambda: dict.fromkeys(MODULES, 0))
    thaws: dict[int, Thaw] = field(default_factory=dict)
    keys: list[tuple[str, int, int | None]] = field(default_factory=list)  # key, since, until

    @property
    def free(self) -> int:
        return max(self.active - sum(self.locked.values()), 0)

    def worth(self, thaw: Thaw) -> int:
        return thaw.shares * self.thawing // self.shares if thaw.alive else 0


def build() -> tuple:
    evm = Evm()
    token = evm.deploy("OPG", ADMIN)
    staking = deploy_staking(evm, token)
    for module in MODULES:
        for role in (staking.LOCKER_ROLE(), staking.SLASHER_ROLE()):
            staking.grantRole(role, module, sender=ADMIN)
    for who in OPERATORS:
        token.transfer(who, PURSE, sender=ADMIN)
        token.approve(staking, 2**256 - 1, sender=who)
    return evm, token, staking


class StakingBooks(RuleBasedStateMachine):
    """Two operators, two modules."""

    world: tuple = ()

    def __init__(self):
        super().__init__()
        cls = type(self)
        cls.world = cls.world or build()
        self.evm, self.token, self.staking = cls.world
        self.mark = self.evm.snapshot()
        self.books = {who: Books() for who in OPERATORS}
        self.purse = dict.fromkeys(OPERATORS, PURSE)
        self.credit = dict.fromkeys((ALICE, BOB, DAVE), 0)
        self.supply = self.token.totalSupply()
        self.donated = 0
        self.roundings = 0

    def teardown(self):
        """Everybody leaves: all thaws, then all credits; and nothing is left but the gifts."""
        try:
            thaws = {who: list(books.thaws) for who, books in self.books.items()}
            for who, books in self.books.items():
                for module in MODULES:
                    self.staking.unlock(who, books.locked[module], sender=module)
                if books.active:
                    thaws[who].append(self.staking.startThaw(books.active, sender=who).value)
            self.evm.sleep(THAWING_SECONDS)
            for who in OPERATORS:
                for thaw_id in thaws[who]:
                    self.staking.finishThaw(thaw_id, sender=who)
                assert self.staking.stakeOf(who) == (0, 0, 0)
            for who, owed in self.credit.items():
                if owed:
                    self.staking.withdrawCredit(who, sender=who)
            assert self.token.balanceOf(self.staking) == self.donated
        finally:
            self.evm.revert(self.mark)

    @initialize()
    def register(self):
        """Both are operators under their own keys."""
        for who in OPERATORS:
            self.staking.register(who, "", sender=who)
            self.books[who].keys.append((who.address, self.evm.now, None))

    @rule(who=operators, amount=amounts)
    def stake(self, who, amount):
        """In, as far as the purse goes."""
        if amount > self.purse[who]:
            with reverts("ERC20InsufficientBalance"):
                self.staking.stake(amount, sender=who)
            return
        self.staking.stake(amount, sender=who)
        self.purse[who] -= amount
        self.books[who].active += amount

    @rule(who=operators, amount=amounts, all_of_it=st.booleans())
    def start_thaw(self, who, amount, all_of_it):
        """Out of what is free, into the pool at its price."""
        books = self.books[who]
        amount = books.free if all_of_it and books.free else amount
        if amount > books.free:
            with reverts("StakeLocked", books.free, amount):
                self.staking.startThaw(amount, sender=who)
            return
        shares = amount * books.shares // books.thawing if books.shares else amount
        thaw_id = self.staking.startThaw(amount, sender=who).value
        books.active -= amount
        books.thawing += amount
        books.shares += shares
        books.thaws[thaw_id] = Thaw(shares, Fraction(amount), self.evm.now + THAWING_SECONDS)
        self.roundings += 1

    @precondition(lambda self: any(books.thaws for books in self.books.values()))
    @rule(data=st.data())
    def finish_thaw(self, data):
        """Out of the pool, when the time has come and by its owner alone."""
        choices = [(who, i) for who, books in self.books.items() for i in books.thaws]
        who, thaw_id = data.draw(st.sampled_from(choices))
        books = self.books[who]
        thaw = books.thaws[thaw_id]
        if self.evm.now < thaw.until:
            with reverts("ThawingNotOver", thaw.until):
                self.staking.finishThaw(thaw_id, sender=who)
            return
        other = OPERATORS[1 - OPERATORS.index(who)]
        with reverts("NoSuchThaw", thaw_id):
            self.staking.finishThaw(thaw_id, sender=other)
        amount = books.worth(thaw)
        assert self.staking.finishThaw(thaw_id, sender=who).value == amount
        del books.thaws[thaw_id]
        if thaw.alive:
            books.thawing -= amount
            books.shares -= thaw.shares
        self.purse[who] += amount
        self.roundings += 1

    @rule(who=operators, module=modules, amount=amounts)
    def lock(self, who, module, amount):
        """Free stake only."""
        books = self.books[who]
        if amount > books.free:
            with reverts("NotEnoughStake", who, books.free, amount):
                self.staking.lock(who, amount, sender=module)
            return
        self.staking.lock(who, amount, sender=module)
        books.locked[module] += amount

    @rule(who=operators, module=modules, amount=amounts, all_of_it=st.booleans())
    def unlock(self, who, module, amount, all_of_it):
        """What this module locked only."""
        books = self.books[who]
        amount = books.locked[module] if all_of_it else amount
        if amount > books.locked[module]:
            with reverts("NotLocked", who, module, books.locked[module], amount):
                self.staking.unlock(who, amount, sender=module)
            return
        self.staking.unlock(who, amount, sender=module)
        books.locked[module] -= amount

    @rule(
        who=operators,
        module=modules,
        part=st.one_of(st.integers(0, 30), amounts, st.integers(-200, 0), st.just(2**256 - 1)),
        beneficiary=st.sampled_from((ALICE, BOB, DAVE)),
    )
    def slash(self, who, module, part, beneficiary):
        """Any amount; a negative one: so many wei less than all."""
        books = self.books[who]
        total = books.active + books.thawing
        amount = part if part > 0 else max(total + part, 0)
        taken = min(amount, total)
        from_thawing = taken * books.thawing // total if total else 0
        burned = -(-taken * BURN_BPS // 10_000)

        result = self.staking.slash(who, amount, beneficiary, sender=module).value
        assert result == (taken, taken - burned)
        self.supply -= burned
        self.credit[beneficiary] += taken - burned
        books.active -= taken - from_thawing
        for thaw in books.thaws.values():
            if thaw.alive and books.thawing:
                thaw.fair *= Fraction(total - taken, total)
        if from_thawing:
            books.thawing -= from_thawing
            if books.thawing * DUST_SHARES < books.shares:
                books.active, books.thawing, books.shares = books.active + books.thawing, 0, 0
                for thaw in books.thaws.values():
                    thaw.alive, thaw.fair = False, Fraction(0)
        self.roundings += 1

    @rule(seconds=st.sampled_from([0, 1, 3600, THAWING_SECONDS - 1, THAWING_SECONDS]))
    def time_passes(self, seconds):
        """Nothing happens by itself."""
        self.evm.sleep(seconds)

    @rule(who=operators, salt=st.integers(6, 12))
    def rotate(self, who, salt):
        """A key that was used never returns."""
        keys, key = self.books[who].keys, account(salt).address
        if key in [k for k, *_ in keys[:-1]]:
            with reverts("KeyUsed", key):
                self.staking.register(key, "", sender=who)
            return
        self.staking.register(key, "", sender=who)
        if key != keys[-1][0]:
            keys[-1] = (*keys[-1][:2], self.evm.now)
            keys.append((key, self.evm.now, None))

    @rule(who=st.sampled_from((ALICE, BOB, DAVE)))
    def fetch(self, who):
        """A credit, to whomever it belongs."""
        if not self.credit[who]:
            with reverts("NothingToWithdraw", who):
                self.staking.withdrawCredit(who, sender=who)
            return
        assert self.staking.withdrawCredit(who, sender=who).value == self.credit[who]
        self.credit[who] = 0
        if who in self.purse:
            self.purse[who] = self.token.balanceOf(who)

    @rule(who=operators, amount=st.integers(1, 50 * OPG))
    def donate(self, who, amount):
        """A gift changes nothing."""
        if amount <= self.purse[who]:
            self.token.transfer(self.staking, amount, sender=who)
            self.purse[who] -= amount
            self.donated += amount

    @invariant()
    def the_contract_shows_the_books(self):
        """Every number."""
        for who, books in self.books.items():
            assert self.staking.stakeOf(who) == (books.active, books.thawing, sum(books.locked.values()))
            assert self.staking.freeStake(who) == books.free
            assert self.staking.isLive(who) == (books.active >= MIN_STAKE)
            for module in MODULES:
                assert self.staking.lockedBy(who, module) == books.locked[module]
            for thaw_id, thaw in books.thaws.items():
                assert self.staking.thaw(thaw_id) == (who.address, books.worth(thaw), thaw.until)
            for key, since, until in books.keys[-2:]:
                for time in {since - 1, since, self.evm.now, until or 0}:
                    assert self.staking.isKeyAt(who, key, time) == (since <= time <= (until or time))
            assert self.token.balanceOf(who) == self.purse[who]

    @invariant()
    def what_is_owed_is_there(self):
        """Without the gifts, to the wei."""
        owed = sum(books.active + books.thawing for books in self.books.values()) + sum(self.credit.values())
        assert self.token.balanceOf(self.staking) == owed + self.donated
        assert self.token.totalSupply() == self.supply
        assert all(self.staking.creditOf(who) == owed for who, owed in self.credit.items())

    @invariant()
    def every_thaw_is_worth_its_part(self):
        """What the slashes left of it, but for a wei each rounding; and all the parts are there."""
        for books in self.books.values():
            for thaw in books.thaws.values():
                assert abs(books.worth(thaw) - thaw.fair) <= self.roundings
            assert sum(books.worth(thaw) for thaw in books.thaws.values()) <= books.thawing
            assert books.thawing <= books.shares


TestBooks = StakingBooks.TestCase


def test_nothing_overflows_when_one_is_slashed_to_dust_again_and_again():
    """Row 5: each round may leave the highest price of a share that a pool can have."""
    _, token, staking = build()
    token.transfer(BOB, 10**26, sender=ADMIN)
    staking.register(BOB, "", sender=BOB)
    for _ in range(20):
        staking.stake(10**25 // 2, sender=BOB)
        staking.startThaw(staking.freeStake(BOB), sender=BOB)
        total = sum(staking.stakeOf(BOB)[:2])
        staking.slash(BOB, total - total // DUST_SHARES, ALICE, sender=DAVE)
        staking.stake(1, sender=BOB)
        staking.startThaw(1, sender=BOB)
    assert sum(staking.stakeOf(BOB)[:2]) > 0
