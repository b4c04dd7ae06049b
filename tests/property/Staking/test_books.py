"""Staking against plain books in Python: whatever is staked, delegated, thawed, locked, slashed, earned and fetched, in any order
and at any time, every number that the contract shows is the books', and what it owes is what it has. Attack 8."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.conftest import DEEP
from tests.evm import Evm, account, reverts, transactions_of
from tests.machines import ChainMachine
from tests.market import (
    BURN_BPS,
    JAIL_SECONDS,
    MIN_STAKE,
    OBLIGATION,
    OPG,
    THAWING_SECONDS,
    deploy_guardian,
    deploy_staking,
)
from tests.property.brake import STAKING, Brake, pauses
from tests.property.Staking.books import Operator, Thaw
from tests.views import Views

ADMIN, BOB, CHARLIE, DAVE, ERIN, ALICE, FRANK = map(account, range(7))
OPERATORS = (BOB, CHARLIE)
DELEGATORS = (ALICE, FRANK, CHARLIE)
MODULES = (DAVE, ERIN)
PEOPLE = (BOB, CHARLIE, ALICE, FRANK, DAVE)
PURSE = 10_000 * OPG
MAX_STEP = 500

operators = st.sampled_from(OPERATORS)
delegators = st.sampled_from(DELEGATORS)
modules = st.sampled_from(MODULES)
amounts = st.one_of(
    st.integers(1, 20),
    st.integers(1, 3_000 * OPG),
    st.sampled_from([1, OPG, MIN_STAKE - 1, MIN_STAKE, 2 * MIN_STAKE]),
)


def build(evm: Evm) -> tuple:
    token = evm.deploy("OPG", ADMIN)
    guardian = deploy_guardian(evm)
    staking = deploy_staking(evm, token, guardian)
    for module in MODULES:
        for role in (staking.LOCKER_ROLE(), staking.SLASHER_ROLE()):
            staking.grantRole(role, module, sender=ADMIN)
    for who in PEOPLE:
        token.transfer(who, PURSE, sender=ADMIN)
        token.delegate(who, sender=who)
        token.approve(staking, 2**256 - 1, sender=who)
    return evm, guardian, token, staking, evm.deploy("OPGVotes", token, staking), Views(evm)


class StakingBooks(ChainMachine):
    """Two operators, one of whom delegates to the other; two more delegators; two modules."""

    build = staticmethod(build)

    def __init__(self):
        super().__init__()
        self.evm, guardian, self.token, self.staking, self.votes, self.views = self.world
        self.mark, self.brake = self.evm.snapshot(), Brake(self.evm, guardian, STAKING)
        self.books = {who: Operator(MODULES) for who in OPERATORS}
        self.thaws: dict[int, Thaw] = {}
        self.purse = dict.fromkeys(PEOPLE, PURSE)
        self.credit = dict.fromkeys(PEOPLE, 0)
        self.invested = dict.fromkeys(PEOPLE, 0)
        self.supply = self.token.totalSupply()
        self.min_stake = self.enough = MIN_STAKE
        self.enough_until = self.evm.now
        self.donated = self.burnable = self.rewarded = self.roundings = 0
        self.past: list[tuple[int, dict, dict]] = []  # time, stamps, votes then

    def teardown(self):
        """Everybody leaves: all thaws, all income, all credits; what shall burn burns; and nothing is left but gifts and roundings."""
        try:
            for operator, books in self.books.items():
                for module in MODULES:
                    self.staking.unlock(operator, books.locked[module], OBLIGATION, sender=module)
                if self.staking.freeStake(operator):
                    self._thaw_id(operator, self.staking.startThaw(books.active, sender=operator))
                for who in PEOPLE:
                    self.staking.settle(operator, who, sender=DAVE)
                    if active := self.staking.delegationOf(operator, who).active:
                        self._thaw_id(who, self.staking.undelegate(operator, active, sender=who))
            self.evm.sleep(THAWING_SECONDS)
            for thaw_id, thaw in self.thaws.items():
                self.staking.finishThaw(thaw_id, sender=thaw.owner)
            for who in PEOPLE:
                if self.staking.creditOf(who):
                    self.staking.withdrawCredit(who, sender=who)
            if self.staking.burnable():
                self.staking.burnSlashed(sender=DAVE)
            left = self.token.balanceOf(self.staking)
            assert self.donated <= left <= self.donated + self.roundings + 10
        finally:
            self.evm.revert(self.mark)

    def _thaw_id(self, who, receipt):
        self.thaws[receipt.value] = Thaw(who, None, True, 0, 0, 0)

    def _pay(self, who, amount) -> bool:
        if amount > self.purse[who]:
            return False
        self.purse[who] -= amount
        return True

    def _thaws_of(self, operator, own=None):
        return [t for t in self.thaws.values() if t.operator is operator and own in (None, t.own)]

    @initialize()
    def register(self):
        """Both are operators under their own keys."""
        for who in OPERATORS:
            self.staking.register(who, "", sender=who)
            self.books[who].keys.append((who.address, self.evm.now, None))

    # -- own stake ------------------------------------------------------------

    @rule(who=operators, amount=amounts)
    def stake(self, who, amount):
        """In, as far as the purse goes; not into a spent pool. Who has something locked may while others may not."""
        books, now = self.books[who], self.evm.now
        if self.brake.paused and not any(books.locked.values()):
            with self.brake.refusal:
                self.staking.stake(amount, sender=who)
            return
        if books.own.spent:
            with reverts("PoolSpent", books.own.tokens, books.own.shares):
                self.staking.stake(amount, sender=who)
            return
        if not self._pay(who, amount):
            with reverts("ERC20InsufficientBalance"):
                self.staking.stake(amount, sender=who)
            return
        self.staking.stake(amount, sender=who)
        self.invested[who] += amount
        self.burnable += books.stake(who, amount, now, now + THAWING_SECONDS)
        self.roundings += 1

    @rule(who=operators, amount=amounts, all_of_it=st.booleans())
    def start_thaw(self, who, amount, all_of_it):
        """Out of what is free."""
        books = self.books[who]
        amount = books.free if all_of_it and books.free else amount
        if amount > books.free:
            with reverts("StakeLocked", books.free, amount):
                self.staking.startThaw(amount, sender=who)
            return
        thaw_id = self.staking.startThaw(amount, sender=who).value
        self.thaws[thaw_id] = books.start_thaw(who, thaw_id, amount, self.evm.now + THAWING_SECONDS)
        assert books.worth(self.thaws[thaw_id]) == amount
        self.roundings += 1

    # -- delegated stake ------------------------------------------------------

    @rule(who=delegators, operator=operators, amount=amounts)
    def delegate(self, who, operator, amount):
        """In, as far as the purse goes; not at a higher commission than one accepts."""
        books, now = self.books[operator], self.evm.now
        commission = max(books.commission_at(now), books.next_commission)
        if self.brake.paused:
            with self.brake.refusal:
                self.staking.delegate(operator, amount, commission, sender=who)
            return
        if commission:
            with reverts("CommissionTooHigh", commission, commission - 1):
                self.staking.delegate(operator, amount, commission - 1, sender=who)
        if books.pool.spent:
            with reverts("PoolSpent", books.pool.tokens, books.pool.shares):
                self.staking.delegate(operator, amount, commission, sender=who)
            return
        if not self._pay(who, amount):
            with reverts("ERC20InsufficientBalance"):
                self.staking.delegate(operator, amount, commission, sender=who)
            return
        self.staking.delegate(operator, amount, commission, sender=who)
        self.invested[who] += amount
        self.credit[who] += books.settle(who, now)
        self.burnable += books.delegate(who, amount, now, now + THAWING_SECONDS)
        self.roundings += 1

    @rule(who=delegators, operator=operators, amount=amounts, all_of_it=st.booleans())
    def undelegate(self, who, operator, amount, all_of_it):
        """Out of what is one's own, locks or not."""
        books, now = self.books[operator], self.evm.now
        d = books.delegations[who]
        active = books.pool.worth(books.active_of(d))
        amount = active if all_of_it and active else amount
        if amount > active:
            with reverts("NotEnoughDelegated", active, amount):
                self.staking.undelegate(operator, amount, sender=who)
            return
        thaw_id = self.staking.undelegate(operator, amount, sender=who).value
        self.credit[who] += books.settle(who, now)
        self.thaws[thaw_id] = books.undelegate(who, thaw_id, operator, amount, now + THAWING_SECONDS)
        assert books.worth(self.thaws[thaw_id]) == amount
        self.roundings += 1

    @rule(who=delegators, operator=operators, sender=st.sampled_from(PEOPLE))
    def settle(self, who, operator, sender):
        """By anybody, for anybody."""
        income = self.books[operator].settle(who, self.evm.now)
        assert self.staking.settle(operator, who, sender=sender).value == income
        self.credit[who] += income
        self.roundings += 1

    @rule(operator=operators, amount=amounts | st.just(0))
    def reward(self, operator, amount):
        """Income; nobody earns by stake that is younger than a thaw is old."""
        books, now = self.books[operator], self.evm.now
        if not self._pay(DAVE, amount):
            return
        receipt = self.staking.reward(operator, amount, sender=DAVE)
        for d in books.delegations.values():
            old = sum(paid for when, paid in d.paid_in if when + THAWING_SECONDS <= now)
            assert books.pool.worth(d.earning if d.epoch == books.pool.epoch else 0) <= old
        delegated = books.reward(amount, now)
        if amount:
            assert receipt.event("Rewarded").delegated == delegated
        self.credit[operator] += amount - delegated
        self.rewarded += amount
        self.roundings += 1

    @rule(operator=operators, bps=st.integers(0, 5_001) | st.integers(0, MAX_STEP + 1))
    def set_commission(self, operator, bps):
        """Down at once, up slowly."""
        books, now = self.books[operator], self.evm.now
        present = books.commission_at(now)
        if bps > 5_000:
            with reverts("OutOfBounds", "commissionBps", bps, 0, 5_000):
                self.staking.setCommission(bps, sender=operator)
            return
        slow = bps > present and books.pool.shares
        if slow and bps - present > MAX_STEP:
            with reverts("CommissionStepTooLarge", present, bps, MAX_STEP):
                self.staking.setCommission(bps, sender=operator)
            return
        self.staking.setCommission(bps, sender=operator)
        books.commission, books.next_commission = (present if slow else bps), bps
        books.next_at = now + (THAWING_SECONDS if slow else 0)

    # -- leaving --------------------------------------------------------------

    @precondition(lambda self: self.thaws)
    @rule(data=st.data())
    def finish_thaw(self, data):
        """Out of its pool, when the time has come and by its owner alone."""
        thaw_id = data.draw(st.sampled_from(sorted(self.thaws)))
        thaw = self.thaws[thaw_id]
        if self.evm.now < thaw.until:
            with reverts("ThawingNotOver", thaw.until):
                self.staking.finishThaw(thaw_id, sender=thaw.owner)
            return
        with reverts("NoSuchThaw", thaw_id):
            self.staking.finishThaw(thaw_id, sender=next(who for who in PEOPLE if who is not thaw.owner))
        due = self.books[thaw.operator].worth(thaw)
        paid, odd = self.books[thaw.operator].finish(thaw_id, thaw)
        assert self.staking.finishThaw(thaw_id, sender=thaw.owner).value == paid == due
        del self.thaws[thaw_id]
        self.burnable += odd
        self.purse[thaw.owner] += paid
        self.invested[thaw.owner] -= paid
        self.roundings += 1

    @rule(who=st.sampled_from(PEOPLE))
    def fetch(self, who):
        """A credit, to whomever it belongs."""
        if not self.credit[who]:
            with reverts("NothingToWithdraw", who):
                self.staking.withdrawCredit(who, sender=who)
            return
        assert self.staking.withdrawCredit(who, sender=who).value == self.credit[who]
        self.purse[who] += self.credit[who]
        self.credit[who] = 0

    # -- modules --------------------------------------------------------------

    @rule(who=operators, module=modules, amount=amounts)
    def lock(self, who, module, amount):
        """Own free stake only, and not in jail."""
        books = self.books[who]
        if books.jailed_until:
            with reverts("OperatorJailed", who, books.jailed_until):
                self.staking.lock(who, amount, OBLIGATION, sender=module)
            return
        if amount > books.free:
            with reverts("NotEnoughStake", who, books.free, amount):
                self.staking.lock(who, amount, OBLIGATION, sender=module)
            return
        self.staking.lock(who, amount, OBLIGATION, sender=module)
        books.locked[module] += amount

    @rule(who=operators, module=modules, amount=amounts, all_of_it=st.booleans())
    def unlock(self, who, module, amount, all_of_it):
        """What this module locked only."""
        books = self.books[who]
        amount = books.locked[module] if all_of_it else amount
        if amount > books.locked[module]:
            with reverts("NotLocked", who, module, books.locked[module], amount):
                self.staking.unlock(who, amount, OBLIGATION, sender=module)
            return
        self.staking.unlock(who, amount, OBLIGATION, sender=module)
        books.locked[module] -= amount

    @rule(
        who=operators,
        module=modules,
        part=st.one_of(st.integers(0, 30), amounts, st.integers(-200, 0), st.just(2**256 - 1)),
        own_only=st.booleans(),
        beneficiary=st.sampled_from((ALICE, BOB, DAVE)),
    )
    def slash(self, who, module, part, own_only, beneficiary):
        """Any amount; a negative one: so many wei less than all, or than all of its own."""
        books = self.books[who]
        total = books.own.tokens + books.pool.tokens
        amount = part if part > 0 else max((books.own.tokens if own_only else total) + part, 0)
        own, delegated, dust = books.slash(amount)
        taken = own + delegated
        burned = -(-own * BURN_BPS // 10_000) + delegated
        assert taken == min(amount, total) and delegated <= max(amount - own, 0)

        result = self.staking.slash(who, amount, beneficiary, sender=module).value
        assert result == (taken, taken - burned)
        self.burnable += burned + dust
        self.credit[beneficiary] += taken - burned
        books.jailed_until = self.evm.now + JAIL_SECONDS
        self.roundings += 1

    @rule(who=operators, patient=st.booleans())
    def rehabilitate(self, who, patient):
        """After the time, with the minimum."""
        books = self.books[who]
        if patient and books.jailed_until:
            self.evm.sleep(max(books.jailed_until - self.evm.now, 0))
            if missing := max(self.min_stake - books.active, 0):
                self.stake(who, missing)
        if not books.jailed_until:
            with reverts("NotJailed", who):
                self.staking.rehabilitate(sender=who)
        elif self.evm.now < books.jailed_until:
            with reverts("OperatorJailed", who, books.jailed_until):
                self.staking.rehabilitate(sender=who)
        elif books.active < self.min_stake:
            with reverts("BelowMinStake", books.active, self.min_stake):
                self.staking.rehabilitate(sender=who)
        else:
            self.staking.rehabilitate(sender=who)
            books.jailed_until = 0

    @rule(amount=st.sampled_from([1, MIN_STAKE // 2, MIN_STAKE, 2 * MIN_STAKE]))
    def vote(self, amount):
        """Another minimum. For a while the smallest one is enough to finish."""
        self.staking.setMinStake(amount, sender=account(0))
        self.enough, self.min_stake = min(self.to_finish, amount), amount
        self.enough_until = self.evm.now + THAWING_SECONDS

    @property
    def to_finish(self):
        return self.enough if self.evm.now <= self.enough_until else self.min_stake

    @rule(seconds=pauses)
    def pause(self, seconds):
        """No new stake for a while; everything else goes on."""
        self.brake.turn(seconds)

    @rule()
    def burn(self):
        """Exactly what was set aside for it."""
        if not self.burnable:
            with reverts("NothingToBurn"):
                self.staking.burnSlashed(sender=ALICE)
            return
        assert self.staking.burnSlashed(sender=ALICE).value == self.burnable
        self.supply -= self.burnable
        self.burnable = 0

    # -- the rest -------------------------------------------------------------

    @rule(seconds=st.sampled_from([0, 1, 3600, JAIL_SECONDS, THAWING_SECONDS - 1, THAWING_SECONDS]))
    def time_passes(self, seconds):
        """Nothing happens by itself."""
        self.evm.sleep(seconds)

    @rule()
    def a_snapshot(self):
        """The votes of this moment, to be asked for ever after."""
        now = self.evm.now
        stamps = {who: self._stamps(who) for who in PEOPLE}
        self.evm.sleep(1)
        self.past = [*self.past[-3:], (now, stamps, {who: self._worth(stamps[who]) for who in PEOPLE})]
        total = sum(self.votes.getPastVotes(who, now) for who in PEOPLE)
        assert total <= self.votes.getPastTotalSupply(now)
        staked = sum(self.staking.getPastVotes(who, now) for who in PEOPLE)
        assert staked <= sum(books.own.tokens + books.pool.tokens for books in self.books.values())

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

    @rule(who=delegators, amount=st.integers(1, 50 * OPG))
    def donate(self, who, amount):
        """A gift changes nothing."""
        if self._pay(who, amount):
            self.token.transfer(self.staking, amount, sender=who)
            self.donated += amount

    # -- what always holds ----------------------------------------------------

    def _stamps(self, who):
        found = [(b.pool, b.pool.epoch, b.active_of(b.delegations[who])) for b in self.books.values()]
        if who in self.books:
            found.append((self.books[who].own, self.books[who].own.epoch, self.books[who].active_shares))
        return found

    def _worth(self, stamps):
        return sum(pool.worth(shares) for pool, epoch, shares in stamps if pool.epoch == epoch)

    @invariant()
    def the_contract_shows_the_books(self):
        """Every number, right and balance."""
        expect, staking, now = self.views.expect, self.staking, self.evm.now
        for who, b in self.books.items():
            expect(staking, "stakeOf", who, gives=(b.active, b.own.worth(b.thawing), sum(b.locked.values())))
            expect(staking, "freeStake", who, gives=b.free)
            expect(staking, "mayFinish", who, gives=b.active >= self.to_finish)
            expect(staking, "isLive", who, gives=b.active >= self.min_stake and not b.jailed_until)
            expect(staking, "jailedUntil", who, gives=b.jailed_until)
            expect(staking, "commissionOf", who, gives=(b.commission_at(now), b.next_commission, b.next_at))
            pool = b.pool
            parts = (pool.shares - b.thawing_delegated, b.thawing_delegated, b.earning)
            expect(staking, "delegatedTo", who, gives=tuple(map(pool.worth, parts)))
            for module in MODULES:
                expect(staking, "lockedBy", who, module, gives=b.locked[module])
            for delegator in DELEGATORS:
                d = b.delegations[delegator]
                earning = pool.worth(d.earning) if d.epoch == pool.epoch else 0
                gives = (pool.worth(b.active_of(d)), earning, d.warm_at, b.income_of(d))
                expect(staking, "delegationOf", who, delegator, gives=gives)
            for key, since, until in b.keys[-2:]:
                for time in {since - 1, since, now, until or 0}:
                    expect(staking, "isKeyAt", who, key, time, gives=since <= time <= (until or time))
        for thaw_id, thaw in self.thaws.items():
            gives = (thaw.operator, thaw.owner, thaw.own, self.books[thaw.operator].worth(thaw), thaw.until)
            expect(staking, "thaw", thaw_id, gives=gives)
        for who in PEOPLE:
            expect(self.token, "balanceOf", who, gives=self.purse[who])
            expect(staking, "creditOf", who, gives=self.credit[who])
            expect(staking, "getVotes", who, gives=self._worth(self._stamps(who)))
            expect(self.votes, "getVotes", who, gives=self.purse[who] + self._worth(self._stamps(who)))
        for time, stamps, _ in self.past:
            for who in PEOPLE:
                expect(staking, "getPastVotes", who, time, gives=self._worth(stamps[who]))
        expect(staking, "burnable", gives=self.burnable)
        expect(self.token, "totalSupply", gives=self.supply)
        self.views.check()

    @invariant()
    def what_is_owed_is_there(self):
        """Without the gifts, to the wei; but for what rounding left of the income."""
        owed = sum(b.own.tokens + b.pool.tokens for b in self.books.values()) + sum(self.credit.values())
        owed += sum(b.income_of(d) for b in self.books.values() for d in b.delegations.values()) + self.burnable
        assert owed + self.donated <= self.token.balanceOf(self.staking) <= owed + self.donated + self.roundings

    @invariant()
    def nobody_gains_but_by_income(self):
        """Attack 7: no order of deeds takes out more than was put in."""
        for who in PEOPLE:
            worth = self._worth(self._stamps(who))
            worth += sum(self.books[t.operator].worth(t) for t in self.thaws.values() if t.owner is who)
            assert worth <= max(self.invested[who], 0)

    @invariant()
    def everyone_has_the_fair_part(self):
        """What the slashes left of it, but for a wei each rounding; shares are backed, and all add up."""
        for who, b in self.books.items():
            own, pool = b.own, b.pool
            holdings = [(own, who, own.worth(b.active_shares))]
            holdings += [(pool, x, pool.worth(b.active_of(b.delegations[x]))) for x in DELEGATORS]
            for thaw_id, thaw in self.thaws.items():
                if thaw.operator is who and b.pool_of(thaw).epoch == thaw.epoch:
                    holdings.append((b.pool_of(thaw), thaw_id, b.worth(thaw)))
            for each, holder, worth in holdings:
                assert abs(worth - each.fair.get(holder, Fraction(0))) <= self.roundings
            for each in (own, pool):
                assert sum(worth for p, _, worth in holdings if p is each) <= each.tokens <= each.shares
            live = [d for d in b.delegations.values() if d.epoch == pool.epoch]
            assert b.earning == sum(d.earning for d in live)
            assert b.earning + b.thawing_delegated + sum(d.warming for d in live) == pool.shares
            for d in b.delegations.values():
                assert d.earned - self.roundings <= d.credited + b.income_of(d) <= d.earned

    @invariant()
    def votes_of_the_past_only_fall(self):
        """Attack 25."""
        for i, (time, stamps, then) in enumerate(self.past):
            votes = {who: self._worth(stamps[who]) for who in PEOPLE}
            assert all(votes[who] <= then[who] for who in PEOPLE)
            self.past[i] = (time, stamps, votes)


EXAMPLES, STEPS = (1_250, 100) if DEEP else (60, 50)
StakingBooks.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)


class TestBooks(StakingBooks.TestCase):
    def runTest(self):
        """Every function among the deeds, and each succeeded."""
        super().runTest()
        assert StakingBooks.steps >= 0.8 * EXAMPLES * STEPS  # the first dozen of hypothesis is short
        done, deeds = StakingBooks.world[0].called, transactions_of("IStaking") | transactions_of("IPayouts")
        assert {("Staking", name) for name in deeds} <= done
