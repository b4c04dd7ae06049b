"""The facade against plain books in Python: users pay in, ask, take out; operators answer, lie, are late, raise prices and go to
jail; the guardian pauses. After every step each user's purse, in its three pockets, holds what that user's own deeds and
requests left in it, to the wei, whatever all others did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from tests.conftest import DEEP
from tests.evm import Contract, Evm, account, reverts, transactions_of
from tests.machines import ChainMachine
from tests.market import (
    BURN_BPS,
    COLLATERAL,
    INPUT,
    JAIL_SECONDS,
    MIN_RESPONSE_SECONDS,
    MIN_STAKE,
    NOBODY,
    OPG,
    OTHER_OUTPUT,
    OUTPUT,
    OWNER_FEE_BPS,
    PRICE,
    PROTOCOL_FEE_BPS,
    STAKE,
    WINDOW_SECONDS,
    Market,
)
from tests.property.brake import REQUESTS, Brake, pauses
from tests.property.Staking.books import Operator
from tests.unit.OpenGradientFacade.conftest import CID, DEPOSIT, Facade
from tests.views import Views

ADMIN, ALICE, BOB, CHARLIE, DAVE, ERIN, FRANK = map(account, range(7))
GRACE, HEIDI, IVAN = account(7), account(8), account(9)
USERS = (ALICE, HEIDI, IVAN)
OPERATORS = (BOB, GRACE)
PEOPLE = (*USERS, *OPERATORS, CHARLIE, DAVE, ERIN)
GRACES_STAKE = 1_300 * OPG
PENALTY = 700 * OPG

users, operators, people = st.sampled_from(USERS), st.sampled_from(OPERATORS), st.sampled_from(PEOPLE)
amounts = st.sampled_from([0, 1, PRICE - 1, PRICE, 4 * PRICE, 9 * PRICE])
most = st.sampled_from([0, PRICE, 4 * PRICE, 4 * PRICE])
prices = st.sampled_from([0, 1, PRICE, PRICE, 2 * PRICE, None])


@dataclass
class Purse:
    """One user's escrow: in the contract, and owed to it by `Inference` and by `Staking`."""

    at: Contract
    held: int = 0
    fees_back: int = 0
    bounties: int = 0

    @property
    def available(self) -> int:
        return self.held + self.fees_back + self.bounties

    def collect(self) -> None:
        self.held, self.fees_back, self.bounties = self.available, 0, 0


@dataclass
class Asked:
    """A request, until it ends. `answer` is the hash of its answer, given at `since`."""

    terms: Any
    user: Any
    operator: Any
    answer: bytes = b""
    output: bytes = b""
    since: int = 0
    refuted: bool = False


def build(evm: Evm) -> tuple[Market, Facade, Views]:
    """bob and grace serve charlie's model at the same price; alice has paid in, the others can."""
    market = Market(evm)
    facade = Facade(market)
    facade.operator(7, PRICE, GRACES_STAKE)
    facade.at.setOperators(market.version, OPERATORS, sender=CHARLIE)
    for who in USERS:
        market.token.transfer(who, 100 * PRICE, sender=ADMIN)
        market.token.approve(facade.at, 2**256 - 1, sender=who)
    return market, facade, Views(evm)


class FacadeBooks(ChainMachine):
    """Three users, two operators, one model."""

    build = staticmethod(build)

    def __init__(self):
        super().__init__()
        self.market, self.facade, self.views = self.world
        self.evm, self.token = self.market.evm, self.market.token
        self.staking, self.inference = self.market.staking, self.market.inference
        self.mark = self.evm.snapshot()
        self.brake = Brake(self.evm, self.market.guardian, REQUESTS)
        self.purses = {ALICE: Purse(self.facade.escrow, DEPOSIT)}
        self.max_fee = {ALICE: 2 * PRICE}
        self.wanted: dict[Any, Any] = {}  # the operator that a user prefers
        self.price: dict[Any, int | None] = dict.fromkeys(OPERATORS, PRICE)
        self.listed: tuple = OPERATORS
        self.wallet = {who: self.token.balanceOf(who) for who in PEOPLE}
        self.stake = {who: Operator((self.inference,)) for who in OPERATORS}
        for who, amount in ((BOB, STAKE), (GRACE, GRACES_STAKE)):
            self.stake[who].stake(who, amount, 0, 0)
        self.credit = dict.fromkeys((*PEOPLE, ERIN), 0)  # in Inference: charlie's and the treasury's shares
        self.bounty = dict.fromkeys(PEOPLE, 0)  # in Staking: who proved an answer wrong
        self.income = dict.fromkeys(OPERATORS, 0)
        self.burnable = 0
        self.asked: list[Asked] = []

    # -- helpers --------------------------------------------------------------

    def live(self, operator: Any) -> bool:
        books = self.stake[operator]
        return books.active >= MIN_STAKE and not books.jailed_until

    def quote(self, user: Any) -> tuple[Any, int] | str:
        """Whom the facade asks for how much, or why it cannot."""
        if preferred := self.wanted.get(user):
            price = self.price[preferred]
            return "NotOffered" if price is None else (preferred, price)
        ready = [
            (self.price[each], i, each)
            for i, each in enumerate(self.listed)
            if self.live(each) and self.stake[each].free >= COLLATERAL and self.price[each] is not None
        ]
        if not ready:
            return "NoOperator"
        price, _, operator = min(ready, key=lambda each: each[:2])
        return operator, price

    def slash(self, operator: Any, amount: int) -> int:
        """The bounty; what it takes is gone from the books."""
        taken, _, dust = self.stake[operator].slash(amount)
        bounty = taken + -taken * BURN_BPS // 10_000
        self.burnable += taken - bounty + dust
        self.stake[operator].jailed_until = self.evm.now + JAIL_SECONDS
        return bounty

    def some(self, data: Any, answered: bool) -> Asked:
        return data.draw(st.sampled_from([each for each in self.asked if bool(each.answer) == answered]))

    def end(self, each: Asked) -> None:
        self.asked.remove(each)
        self.stake[each.operator].locked[self.inference] -= COLLATERAL

    # -- users ----------------------------------------------------------------

    @initialize(amount=st.sampled_from([0, 9 * PRICE, 9 * PRICE]))
    def begin(self, amount):
        """Mostly everybody has paid in."""
        for user in USERS if amount else ():
            self.deposit(user, amount, 4 * PRICE)

    @rule(user=users, amount=amounts, max_fee=most)
    def deposit(self, user, amount, max_fee):
        """The first one opens a purse, which stays the user's for ever."""
        if amount > self.wallet[user]:
            with reverts("ERC20InsufficientBalance"):
                self.facade.deposit(user, amount, max_fee)
            return
        at = self.facade.deposit(user, amount, max_fee)
        purse = self.purses.setdefault(user, Purse(at))
        assert purse.at.address == at.address
        purse.held += amount
        self.wallet[user] -= amount
        self.max_fee[user] = max_fee

    @rule(user=users, max_fee=most)
    def set_max_fee(self, user, max_fee):
        """At most so much for one answer."""
        self.facade.at.setMaxFee(max_fee, sender=user)
        self.max_fee[user] = max_fee

    @rule(user=users, operator=st.sampled_from([*OPERATORS, None]))
    def prefer(self, user, operator):
        """One's own operator, or the cheapest that is listed."""
        self.facade.at.prefer(CID, 0, operator or NOBODY, sender=user)
        self.wanted[user] = operator

    @rule(user=users)
    def run(self, user):
        """Refused for each reason there is, or asked and paid out of one's own purse."""
        self.ask(user)

    def ask(self, user: Any) -> Asked | None:
        purse, found = self.purses.get(user), self.quote(user)
        problem = "NoEscrow" if purse is None else found if isinstance(found, str) else None
        if problem is None:
            operator, fee = found
            if fee > self.max_fee[user]:
                problem = "FeeAboveMax"
            elif purse.fees_back < fee and purse.available < fee:
                problem = "NotEnoughEscrow"
            elif self.brake.paused:
                problem = "BusinessPaused"
            elif not self.live(operator):
                problem = "OperatorNotLive"
            elif self.stake[operator].free < COLLATERAL:
                problem = "NotEnoughStake"
        if problem:
            with reverts(problem):
                self.facade.run(sender=user)
            return None
        terms = self.facade.run(sender=user).event("Requested").request
        assert (terms.user, terms.operator, terms.fee) == (purse.at.address, operator.address, fee)
        if fee and purse.fees_back >= fee:
            purse.fees_back -= fee
        elif fee <= purse.held:
            purse.held -= fee
        else:
            purse.collect()
            purse.held -= fee
        self.stake[operator].locked[self.inference] += COLLATERAL
        self.asked.append(Asked(terms, user, operator))
        return self.asked[-1]

    @rule(user=users, right=st.booleans())
    def run_and_answer(self, user, right):
        """The usual way."""
        if asked := self.ask(user):
            self.answer(asked, right)

    @rule(user=users, amount=amounts, to=people, everything=st.integers(0, 3).map(lambda n: n == 0))
    def withdraw(self, user, amount, to, everything):
        """By the user alone, out of all three pockets."""
        if (purse := self.purses.get(user)) is None:
            return
        amount = purse.available if everything else amount
        stranger = to if to is not user else BOB
        with reverts("NotTheUser", stranger, user):
            purse.at.withdraw(stranger, amount, sender=stranger)
        if amount > purse.available:
            with reverts("NotEnoughEscrow", purse.available, amount):
                purse.at.withdraw(to, amount, sender=user)
            return
        purse.at.withdraw(to, amount, sender=user)
        if amount > purse.held:
            purse.collect()
        purse.held -= amount
        self.wallet[to] += amount

    @rule(user=users, caller=people)
    def collect(self, user, caller):
        """Anyone empties the two other pockets into the first; nothing leaves the purse."""
        if purse := self.purses.get(user):
            with reverts("NotTheFacade", caller, self.facade.at):
                purse.at.ask(self.market.version, BOB, [INPUT], 0, PRICE, sender=caller)
            purse.at.collect(sender=caller)
            purse.collect()

    @rule(user=users, giver=users, amount=st.sampled_from([1, PRICE]))
    def give(self, user, giver, amount):
        """What somebody sends to a purse is its user's."""
        purse = self.purses.get(user)
        if purse is None or amount > self.wallet[giver]:
            return
        self.token.transfer(purse.at, amount, sender=giver)
        self.wallet[giver] -= amount
        purse.held += amount

    # -- operators ------------------------------------------------------------

    @rule(operator=operators, price=prices)
    def offer(self, operator, price):
        """Of questions to come."""
        self.inference.offer(self.market.version, 2**96 - 1 if price is None else price, sender=operator)
        self.price[operator] = price

    @rule(listed=st.sampled_from([OPERATORS, OPERATORS[::-1], (BOB,), ()]))
    def list_operators(self, listed):
        """The model's owner alone."""
        with reverts("NotModelOwner"):
            self.facade.at.setOperators(self.market.version, listed, sender=ALICE)
        self.facade.at.setOperators(self.market.version, listed, sender=CHARLIE)
        self.listed = listed

    @precondition(lambda self: any(not each.answer for each in self.asked))
    @rule(data=st.data(), right=st.booleans())
    def answers(self, data, right):
        """In time, with the stake that backs it."""
        self.answer(self.some(data, answered=False), right)

    def answer(self, each: Asked, right: bool) -> None:
        output = OUTPUT if right else OTHER_OUTPUT
        late = self.evm.now > each.terms.deadline
        if late or self.stake[each.operator].active < MIN_STAKE:
            with reverts("DeadlinePassed" if late else "OperatorNotLive"):
                self.inference.fulfil(each.terms, [output], sender=each.operator)
            return
        each.answer = self.inference.fulfil(each.terms, [output], sender=each.operator).value
        each.output, each.since = output, self.evm.now

    @precondition(lambda self: any(each.jailed_until for each in self.stake.values()))
    @rule(data=st.data())
    def rehabilitate(self, data):
        """With more stake, when too little was left."""
        operator = data.draw(st.sampled_from([who for who in OPERATORS if self.stake[who].jailed_until]))
        books = self.stake[operator]
        self.evm.sleep(max(books.jailed_until - self.evm.now, 0))
        missing = MIN_STAKE + COLLATERAL - books.active
        if missing > 0:
            self.token.transfer(operator, missing, sender=ADMIN)
            self.token.approve(self.staking, missing, sender=operator)
            self.staking.stake(missing, sender=operator)
            self.burnable += books.stake(operator, missing, self.evm.now, 0)
        self.staking.rehabilitate(sender=operator)
        books.jailed_until = 0

    # -- how requests end -----------------------------------------------------

    @precondition(lambda self: any(each.answer for each in self.asked))
    @rule(data=st.data())
    def dispute(self, data):
        """A wrong answer loses to dave, once, while it can be disputed; a right one does not."""
        wrong = [each for each in self.asked if each.answer and each.output != OUTPUT and not each.refuted]
        each = data.draw(st.sampled_from(wrong)) if wrong else self.some(data, answered=True)
        if each.refuted:
            with reverts("AnswerRefuted", each.answer):
                self.inference.contest(each.answer, sender=DAVE)
        elif self.evm.now > each.since + WINDOW_SECONDS:
            with reverts("WindowOver", each.since + WINDOW_SECONDS):
                self.inference.contest(each.answer, sender=DAVE)
        else:
            self.inference.contest(each.answer, sender=DAVE)
            if each.output == OUTPUT:
                self.inference.release(each.answer, sender=DAVE)
                return
            self.inference.refute(each.answer, sender=DAVE)
            each.refuted = True
            bounty = self.staking.slash(each.operator, PENALTY, DAVE, sender=DAVE).value.bounty
            assert bounty == self.slash(each.operator, PENALTY)
            self.bounty[DAVE] += bounty

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), caller=people)
    def close(self, data, caller):
        """Paid, back in the purse, or not yet: by anyone."""
        self.close_or_not(data.draw(st.sampled_from(self.asked)), caller)

    def close_or_not(self, each: Asked, caller: Any) -> None:
        purse, now, fee = self.purses[each.user], self.evm.now, each.terms.fee
        if not each.answer and now <= each.terms.deadline:
            with reverts("DeadlineNotPassed", each.terms.deadline):
                self.inference.expire(each.terms, sender=caller)
        elif not each.answer:
            self.inference.expire(each.terms, sender=caller)
            self.end(each)
            purse.fees_back += fee
            purse.bounties += self.slash(each.operator, COLLATERAL)
        elif each.refuted and now == each.since:
            with reverts("AnsweredThisSecond", each.answer):
                self.inference.refund(each.terms, sender=caller)
        elif each.refuted:
            self.inference.refund(each.terms, sender=caller)
            self.end(each)
            purse.fees_back += fee
        elif now <= each.since + WINDOW_SECONDS:
            with reverts("NotFinal", each.answer):
                self.inference.finalise(each.terms, [each.output], sender=caller)
        else:
            self.inference.finalise(each.terms, [each.output], sender=caller)
            self.end(each)
            protocol, owner = fee * PROTOCOL_FEE_BPS // 10_000, fee * OWNER_FEE_BPS // 10_000
            self.credit[ERIN] += protocol
            self.credit[CHARLIE] += owner
            self.income[each.operator] += fee - protocol - owner

    # -- the rest -------------------------------------------------------------

    @rule(seconds=pauses)
    def guardian(self, seconds):
        """No new questions for a while; everything else goes on."""
        self.brake.turn(seconds)

    @rule(seconds=st.sampled_from([0, 1, MIN_RESPONSE_SECONDS, MIN_RESPONSE_SECONDS + 1, WINDOW_SECONDS + 1]))
    def time_passes(self, seconds):
        """Nothing happens by itself."""
        self.evm.sleep(seconds)

    # -- what always holds ----------------------------------------------------

    @invariant()
    def every_purse_holds_what_its_users_deeds_left(self):
        """In each pocket; nobody else's deed changes it."""
        expect = self.views.expect
        for purse in self.purses.values():
            expect(self.token, "balanceOf", purse.at, gives=purse.held)
            expect(self.inference, "creditOf", purse.at, gives=purse.fees_back)
            expect(self.staking, "creditOf", purse.at, gives=purse.bounties)
            expect(purse.at, "available", gives=purse.available)
        for user in USERS:
            at = self.purses[user].at if user in self.purses else NOBODY
            expect(self.facade.at, "escrowOf", user, gives=at)
            expect(self.facade.at, "maxFeeOf", user, gives=self.max_fee.get(user, 0))
        for who in PEOPLE:
            if who not in OPERATORS:  # they add stake with what they are given for it
                expect(self.token, "balanceOf", who, gives=self.wallet[who])
        self.views.check()

    @invariant()
    def every_contract_has_what_it_owes(self):
        """And the facade has nothing."""
        purses, expect = self.purses.values(), self.views.expect
        fees = sum(each.terms.fee for each in self.asked) + sum(purse.fees_back for purse in purses)
        owed = fees + sum(self.credit.values()) + sum(self.income.values())
        expect(self.token, "balanceOf", self.facade.at, gives=0)
        expect(self.token, "balanceOf", self.inference, gives=owed)
        staked = sum(books.own.tokens for books in self.stake.values()) + self.burnable
        bounties = sum(purse.bounties for purse in purses) + sum(self.bounty.values())
        expect(self.token, "balanceOf", self.staking, gives=staked + bounties)
        for who, books in self.stake.items():
            locked = sum(COLLATERAL for each in self.asked if each.operator is who)
            expect(self.staking, "stakeOf", who, gives=(books.active, 0, locked))
            expect(self.inference, "incomeOf", who, gives=self.income[who])
        self.views.check()

    def teardown(self):
        """Every request ends without its user and its operator; every user takes out all that is in its purse."""
        try:
            self.evm.sleep(WINDOW_SECONDS + MIN_RESPONSE_SECONDS + 1)
            for each in list(self.asked):
                self.close_or_not(each, ERIN)
            for user, purse in self.purses.items():
                self.withdraw(user, 0, user, everything=True)
                assert purse.available == 0
            self.every_purse_holds_what_its_users_deeds_left()
            self.every_contract_has_what_it_owes()
        finally:
            self.evm.revert(self.mark)


EXAMPLES, STEPS = (1_500, 60) if DEEP else (60, 40)
FacadeBooks.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)


class TestBooks(FacadeBooks.TestCase):
    def runTest(self):
        """Every deed of a user among them, and each succeeded."""
        super().runTest()
        assert FacadeBooks.steps >= 0.8 * EXAMPLES * STEPS  # the first dozen of hypothesis is short
        done = FacadeBooks.world[0].evm.called
        deeds = {"deposit", "setMaxFee", "prefer", "run", "setOperators"}
        assert {("OpenGradientFacade", name) for name in deeds} <= done
        assert {("Escrow", name) for name in transactions_of("Escrow") - {"ask"}} <= done
