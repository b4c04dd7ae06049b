"""Inference against plain books in Python: requests and answers, games, faults and time in any order, for a model
and models derived from it, while models are sold, versions deprecated, judges dismissed and roles taken. Every number
that the contracts show is the books', every request ends paid or refunded, and nothing is final and disputable at once.

Attack 25.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule

from tests.conftest import DEEP
from tests.evm import Evm, account, reverts, transactions_of
from tests.lineage import Lineage
from tests.machines import ChainMachine
from tests.market import (
    BURN_BPS,
    INPUT_WORDS,
    JAIL_SECONDS,
    MAX_RESPONSE_SECONDS,
    MIN_RESPONSE_SECONDS,
    MIN_STAKE,
    NO_EVIDENCE,
    NOBODY,
    OPG,
    OUTPUT,
    OWNER_FEE_BPS,
    PRICE,
    PROTOCOL_FEE_BPS,
    STAKE,
    THAWING_SECONDS,
    WINDOW_SECONDS,
    Market,
    bundle,
    header,
)
from tests.property.brake import REQUESTS, Brake, pauses
from tests.property.Staking.books import Operator, Thaw
from tests.views import Views

ADMIN, ALICE, BOB, CHARLIE, DAVE, ERIN, FRANK = map(account, range(7))
USERS = (ALICE, DAVE)
PEOPLE = (ALICE, BOB, CHARLIE, DAVE, ERIN)
JUDGES = (DAVE, account(7), account(8), account(9))
DERIVED = (
    (4_000, [(1, 2_500)]),
    (5_000, [(2, 6_667), (1, 1_111)]),
    (0, [(3, 10_000)]),
)  # fee, parents: models 2, 3 and 4
OPEN = (1).to_bytes(32, "big")
COLLATERAL = 2_500 * OPG  # so that four requests use up what bob has at first
PENALTY = 700 * OPG
CALLBACK_GAS = 150_000

users = st.sampled_from(USERS)
versions = st.sampled_from(range(1, 8))  # one of each model, by the same number
MOST_MODELS = 7
extras = st.one_of(st.integers(-1, 12), st.integers(0, 10 * PRICE))
patience = st.sampled_from([MIN_RESPONSE_SECONDS, 600, MAX_RESPONSE_SECONDS])
callbacks = st.integers(0, 4)
outputs = st.lists(st.binary(min_size=4, max_size=8).map(lambda b: b[: len(b) // 4 * 4]), min_size=1, max_size=2)


@dataclass
class Asked:
    """A request and how far it is: "open", "answered" or "ended"."""

    terms: Any
    user: Any
    state: str = "open"
    answer: bytes = b""
    outputs: tuple = ()


@dataclass
class Given:
    """An answer that appeared on chain, or in a game."""

    answer: dict
    committed_at: int = 0
    batch: int = 0
    recorded_at: int = 0
    games: int = 0
    refuted: bool = False

    @property
    def until(self) -> int:
        """By the best evidence that is left when there is no signature."""
        since = self.recorded_at or max(self.answer["issuedAt"], self.committed_at)
        return since + WINDOW_SECONDS

    def final(self, now: int) -> bool:
        return bool(self.recorded_at) and not self.refuted and not self.games and now > self.until


def build(evm: Evm) -> tuple[Market, Lineage, tuple, Views]:
    """The market, the models on sale, and whom an answer can be delivered to."""
    market = Market(evm, collateral=COLLATERAL)
    names = (("RecordingReceiver",), ("RevertingReceiver",), ("GasBomb",), ("ReturnBomb", True))
    return market, family(market), (NOBODY, *(evm.deploy(*each).address for each in names)), Views(evm)


class InferenceBooks(ChainMachine):
    """bob serves, alice and dave ask, anyone contests."""

    build = staticmethod(build)

    def __init__(self):
        super().__init__()
        self.market, lineage, self.receivers, self.views = self.world
        self.lineage = deepcopy(lineage)
        self.mark = self.market.evm.snapshot()
        self.evm, self.inference, self.staking, self.token = (
            self.market.evm, self.market.inference, self.market.staking, self.market.token,
        )  # fmt: skip
        self.asked: dict[bytes, Asked] = {}
        self.given: dict[bytes, Given] = {}
        self.purse = {who: self.token.balanceOf(who) for who in PEOPLE}
        self.credit = dict.fromkeys(PEOPLE, 0)  # in Inference
        self.bounty = dict.fromkeys(PEOPLE, 0)  # in Staking
        self.stake_books = Operator((self.inference,))
        self.stake_books.stake(BOB, STAKE, 0, 0)
        self.thaws: dict[int, Thaw] = {}
        self.burnable = self.income = 0
        self.owner = {1: CHARLIE, 2: DAVE, 3: ALICE, 4: CHARLIE}  # of the models
        self.deprecated: set[int] = set()
        self.said: dict[int, tuple[str, str]] = dict.fromkeys(self.owner, ("", ""))  # licence, where more is said
        self.brake = Brake(self.evm, self.market.guardian, REQUESTS)
        self.price: dict[int, int | None] = dict.fromkeys(self.owner, PRICE)
        self.judges = list(JUDGES)  # the first is in office
        self.armed = True  # whether Inference may slash
        self.evidence: dict[int, tuple] = {}  # by batch
        self.salt = 0
        self.collateral, self.protocol_bps = COLLATERAL, PROTOCOL_FEE_BPS  # of requests to come

    # -- helpers --------------------------------------------------------------

    def known(self, model: int) -> int:
        """A model that there is already."""
        return min(model, len(self.owner))

    @property
    def free(self) -> int:
        return self.stake_books.free

    @property
    def judge(self) -> Any:
        return self.judges[0]

    @property
    def live(self) -> bool:
        return self.has_min_stake and not self.stake_books.jailed_until

    @property
    def has_min_stake(self) -> bool:
        return self.stake_books.active >= MIN_STAKE

    def slashed(self, amount: int, beneficiary: Any) -> int:
        """What a slash takes, entered into the books."""
        taken, _, dust = self.stake_books.slash(amount)
        bounty = taken + -taken * BURN_BPS // 10_000
        self.bounty[beneficiary] += bounty
        self.burnable += taken - bounty + dust
        self.stake_books.jailed_until = self.evm.now + JAIL_SECONDS
        return taken

    def some(self, data: Any, state: str) -> tuple[bytes, Asked]:
        return data.draw(st.sampled_from([(i, r) for i, r in self.asked.items() if r.state == state]))

    def any_in(self, *states: str) -> bool:
        return any(each.state in states for each in self.asked.values())

    def end(self, each: Asked) -> None:
        each.state = "ended"
        self.stake_books.locked[self.inference] -= each.terms.collateral

    # -- requests -------------------------------------------------------------

    @rule(collateral=st.sampled_from([1, COLLATERAL // 2, COLLATERAL]), bps=st.sampled_from([0, 200, 1_000]))
    def vote(self, collateral, bps):
        """Other terms, of requests to come only."""
        self.inference.setCollateral(collateral, sender=self.market.admin)
        self.inference.setProtocolFeeBps(bps, sender=self.market.admin)
        self.collateral, self.protocol_bps = collateral, bps

    @rule(version=versions, price=st.sampled_from([0, PRICE, PRICE, 2 * PRICE, None]))
    def offer(self, version, price):
        """A new price, or none; requests that were made keep theirs."""
        version = self.known(version)
        self.inference.offer(version, 2**96 - 1 if price is None else price, sender=BOB)
        self.price[version] = price

    @rule(user=users, amount=st.sampled_from([1, PRICE, 7 * PRICE]))
    def prepay(self, user, amount):
        """Credit for requests to come."""
        self.inference.prepay(amount, sender=user)
        self.purse[user] -= amount
        self.credit[user] += amount

    @rule(user=users, version=versions, extra=extras, seconds=patience, callback=callbacks)
    def ask(self, user, version, extra, seconds, callback):
        """Refused for each reason there is, or taken with fee and collateral."""
        version = self.known(version)
        price = self.price[version]
        fee = max((price or 0) + extra, 0)
        ask = {
            "sender": user, "version": version, "fee": fee, "deadline": self.evm.now + seconds,
            "callback": self.receivers[callback], "callback_gas": CALLBACK_GAS,
        }  # fmt: skip
        if self.brake.paused:
            problem = "BusinessPaused"
        elif version in self.deprecated:
            problem = "DeprecatedVersion"
        elif price is None:
            problem = "NotOffered"
        elif fee < price:
            problem = "FeeTooLow"
        elif not self.live:
            problem = "OperatorNotLive"
        elif self.free < self.collateral:
            problem = "NotEnoughStake"
        else:
            event = self.market.ask_receipt(**ask).event("Requested")
            assert event.requestId not in self.asked
            self.asked[event.requestId] = Asked(event.request, user)
            purse = self.credit if self.credit[user] >= fee else self.purse
            purse[user] -= fee
            self.stake_books.locked[self.inference] += self.collateral
            terms = event.request
            assert (terms.collateral, terms.protocolFeeBps) == (self.collateral, self.protocol_bps)
            return
        with reverts(problem):
            self.market.ask(**ask)

    @precondition(lambda self: self.any_in("open"))
    @rule(data=st.data(), words=outputs)
    def fulfil(self, data, words):
        """In time, by the operator's key alone."""
        self.answer(*self.some(data, "open"), words)

    @precondition(lambda self: self.live and self.free >= self.collateral)
    @rule(
        user=users, version=versions, extra=st.integers(0, 5 * PRICE), seconds=patience, callback=callbacks,
        words=outputs,
    )  # fmt: skip
    def ask_and_fulfil(self, user, version, extra, seconds, callback, words):
        """The usual way."""
        known = set(self.asked)
        self.ask(user, version, extra, seconds, callback)
        for request_id in set(self.asked) - known:
            self.answer(request_id, self.asked[request_id], words)

    def answer(self, request_id: bytes, each: Asked, words: list[bytes]) -> None:
        with reverts("NotTheOperator" if self.evm.now <= each.terms.deadline else "DeadlinePassed"):
            self.inference.fulfil(each.terms, words, sender=DAVE)
        if self.evm.now > each.terms.deadline:
            return
        if not self.has_min_stake:  # in jail, promises made before are kept
            with reverts("OperatorNotLive", BOB):
                self.inference.fulfil(each.terms, words, sender=FRANK)
            return
        digest = self.inference.fulfil(each.terms, words, sender=FRANK).value
        answer = self.market.answer(request=request_id, version=each.terms.version, output=bundle(words))
        assert digest == self.market.digest(answer)
        each.state, each.answer, each.outputs = "answered", digest, tuple(words)
        self.given[digest] = Given(answer, recorded_at=self.evm.now)

    @precondition(lambda self: self.any_in("answered"))
    @rule(data=st.data(), caller=st.sampled_from(PEOPLE))
    def finalise(self, data, caller):
        """When, and only when, the answer is final."""
        _, each = self.some(data, "answered")
        if not self.given[each.answer].final(self.evm.now):
            with reverts("NotFinal", each.answer):
                self.inference.finalise(each.terms, each.outputs, sender=caller)
            return
        with reverts("WrongOutputs"):
            self.inference.finalise(each.terms, (*each.outputs, OUTPUT), sender=caller)
        event = self.inference.finalise(each.terms, each.outputs, sender=caller).event("Finalised")
        assert event.callbackSucceeded == (each.terms.callback == self.receivers[1])
        fee = each.terms.fee
        protocol, shares = fee * each.terms.protocolFeeBps // 10_000, self.lineage.split(each.terms.version, fee)
        self.credit[ERIN] += protocol
        for model, share in shares.items():
            self.credit[self.owner[model]] += share
        self.income += fee - protocol - sum(shares.values())
        self.end(each)

    @precondition(lambda self: self.any_in("open"))
    @rule(data=st.data(), caller=st.sampled_from(PEOPLE))
    def expire(self, data, caller):
        """After the deadline, by anyone."""
        _, each = self.some(data, "open")
        if self.evm.now <= each.terms.deadline:
            with reverts("DeadlineNotPassed", each.terms.deadline):
                self.inference.expire(each.terms, sender=caller)
            return
        taken = self.inference.expire(each.terms, sender=caller).event("Expired").slashed
        self.credit[each.user] += each.terms.fee
        self.end(each)
        assert taken == (self.slashed(each.terms.collateral, each.user) if self.armed else 0)

    @precondition(lambda self: self.any_in("answered"))
    @rule(data=st.data(), caller=st.sampled_from(PEOPLE))
    def refund(self, data, caller):
        """When the answer is refuted, by anyone."""
        _, each = self.some(data, "answered")
        if not self.given[each.answer].refuted:
            with reverts("NotRefuted", each.answer):
                self.inference.refund(each.terms, sender=caller)
            return
        if self.given[each.answer].recorded_at == self.evm.now:
            with reverts("AnsweredThisSecond", each.answer):
                self.inference.refund(each.terms, sender=caller)
            return
        self.inference.refund(each.terms, sender=caller)
        self.credit[each.user] += each.terms.fee
        self.end(each)

    @precondition(lambda self: self.any_in("ended"))
    @rule(data=st.data())
    def once_more(self, data):
        """What ended stays ended."""
        _, each = self.some(data, "ended")
        for call in (self.inference.expire, self.inference.refund):
            with reverts("WrongRequestState"):
                call(each.terms, sender=each.user)
        for call in (self.inference.finalise, self.inference.fulfil):
            with reverts("WrongRequestState"):
                call(each.terms, each.outputs or [OUTPUT], sender=FRANK)

    # -- answers from off chain -------------------------------------------------

    @rule(ahead=st.sampled_from([0, 0, 0, 100]))
    def commit(self, ahead):
        """One answer in a batch of three; perhaps issued a little later than it is committed."""
        self.salt += 1
        batch = [
            self.market.answer(request=bytes([i]) * 31 + bytes([self.salt % 256]), issuedAt=self.evm.now + ahead)
            for i in range(3)
        ]
        if not self.live:
            with reverts("OperatorNotLive", BOB):
                self.market.committed(batch, 1)
            return
        evidence = self.market.committed(batch, 1)
        given = self.given.setdefault(self.market.digest(batch[1]), Given(batch[1]))
        given.committed_at, given.batch = self.evm.now, evidence[2]
        self.evidence[given.batch] = evidence

    @precondition(lambda self: any(each.batch for each in self.given.values()))
    @rule(data=st.data())
    def surface(self, data):
        """Once, in its window, while the operator is live and nobody has refuted it."""
        digest, each = data.draw(st.sampled_from([(d, g) for d, g in self.given.items() if g.batch]))
        if each.recorded_at:
            problem = "AlreadyRecorded"
        elif each.refuted:
            problem = "AnswerRefuted"
        elif each.answer["issuedAt"] > self.evm.now:
            problem = "IssuedInTheFuture"
        elif self.evm.now > each.until:
            problem = "WindowOver"
        elif not self.live:
            problem = "OperatorNotLive"
        else:
            assert self.market.surface(each.answer, self.evidence[each.batch]) == digest
            each.recorded_at = self.evm.now
            return
        with reverts(problem):
            self.market.surface(each.answer, self.evidence[each.batch])

    # -- games ----------------------------------------------------------------

    @precondition(lambda self: self.given)
    @rule(data=st.data())
    def contest(self, data):
        """As `Disputes` opens a game: until the last second in which the answer is disputable."""
        digest, each = data.draw(st.sampled_from(list(self.given.items())))
        if each.refuted:
            with reverts("AnswerRefuted", digest):
                self.inference.contest(digest, sender=self.judge)
        elif each.recorded_at and self.evm.now > each.until:
            with reverts("WindowOver", each.until):
                self.inference.contest(digest, sender=self.judge)
        else:
            self.inference.contest(digest, sender=self.judge)
            each.games += 1

    @precondition(lambda self: self.given)
    @rule(data=st.data(), wrong=st.booleans())
    def end_game(self, data, wrong):
        """As `Disputes` ends one; who proves the answer wrong first has the operator slashed."""
        digest, each = data.draw(st.sampled_from(list(self.given.items())))
        if not each.games:
            with reverts("NotContested", digest):
                (self.inference.refute if wrong else self.inference.release)(digest, sender=self.judge)
            return
        self.decide(digest, each, wrong)

    @precondition(lambda self: any(each.recorded_at and not each.refuted for each in self.given.values()))
    @rule(data=st.data(), wrong=st.booleans())
    def whole_game(self, data, wrong):
        """Opened and ended, when it may be."""
        choices = [(d, g) for d, g in self.given.items() if g.recorded_at and not g.refuted]
        digest, each = data.draw(st.sampled_from(choices))
        if self.evm.now <= each.until:
            self.inference.contest(digest, sender=self.judge)
            each.games += 1
            self.decide(digest, each, wrong)

    def decide(self, digest: bytes, each: Given, wrong: bool) -> None:
        (self.inference.refute if wrong else self.inference.release)(digest, sender=self.judge)
        each.games -= 1
        if wrong and not each.refuted:
            each.refuted = True
            taken = self.staking.slash(BOB, PENALTY, DAVE, sender=DAVE).value.slashed
            assert taken == self.slashed(PENALTY, DAVE)

    # -- governance, owners ---------------------------------------------------

    @precondition(lambda self: len(self.judges) > 1)
    @rule(data=st.data())
    def dismiss_the_judge(self, data):
        """Its games no longer count, its verdicts no longer matter, and it never comes back; another takes office."""
        role = self.inference.DISPUTER_ROLE()
        gone = self.judges.pop(0)
        self.inference.revokeRole(role, gone, sender=ADMIN)
        self.inference.grantRole(role, self.judge, sender=ADMIN)
        with reverts("ModuleRetired", gone):
            self.inference.grantRole(role, gone, sender=ADMIN)
        for digest, each in self.given.items():
            if each.games:
                assert not self.inference.refute(digest, sender=gone).value
            each.games = 0

    @rule(armed=st.booleans())
    def arm(self, armed):
        """Governance takes the contract's right to slash, or gives it back."""
        change = self.staking.grantRole if armed else self.staking.revokeRole
        change(self.staking.SLASHER_ROLE(), self.inference, sender=ADMIN)
        self.armed = armed

    @precondition(lambda self: len(self.deprecated) < 2)
    @rule(version=versions)
    def deprecate(self, version):
        """Once. What was asked before is answered and paid."""
        version = self.known(version)
        owner = self.owner[version]
        if version in self.deprecated:
            with reverts("AlreadyDeprecated", version):
                self.market.models.deprecate(version, sender=owner)
            return
        self.market.models.deprecate(version, sender=owner)
        self.deprecated.add(version)

    @rule(model=versions, buyer=st.sampled_from([ALICE, CHARLIE, DAVE]), how=st.integers(0, 3))
    def sell_a_model(self, model, buyer, how):
        """Who owns it, or an ancestor of it, when a request ends has the share."""
        models, model = self.market.models, self.known(model)
        seller = mover = self.owner[model]
        if how == 1:
            models.approve(buyer, model, sender=seller)
            mover = buyer
        elif how == 2:
            models.setApprovalForAll(ERIN, True, sender=seller)
            mover = ERIN
        else:
            with reverts("ERC721InsufficientApproval"):
                models.transferFrom(seller, buyer, model, sender=BOB)
        (models.safeTransferFrom if how == 3 else models.transferFrom)(seller, buyer, model, sender=mover)
        if how == 2:
            models.setApprovalForAll(ERIN, False, sender=seller)
        self.owner[model] = buyer

    @precondition(lambda self: len(self.owner) < MOST_MODELS)
    @rule(
        owner=st.sampled_from([ALICE, CHARLIE, DAVE]),
        fee_bps=st.sampled_from([0, 1, 2_500, 5_000, 5_001]),
        parents=st.lists(st.tuples(versions, st.sampled_from([0, 1, 3_333, 10_000])), max_size=2),
    )
    def derive(self, owner, fee_bps, parents):
        """A model more, with a version that bob serves: refused for each reason there is, or shared as the lineage says."""
        models, number = self.market.models, self.lineage.count + 1
        problem = self.lineage.add(fee_bps, parents)
        if problem:
            with reverts(*problem):
                models.registerDerived(f"model {number}", fee_bps, parents, sender=owner)
            return
        if parents:
            model = models.registerDerived(f"model {number}", fee_bps, parents, sender=owner).value
        else:
            model = models.register(f"model {number}", fee_bps, sender=owner).value
        args = (model, header([INPUT_WORDS]), b"\1" * 32, "cid", "", 1)
        with reverts("NotModelOwner", model, BOB):
            models.publish(*args, sender=BOB)
        assert model == models.publish(*args, sender=owner).value == number
        self.inference.offer(number, PRICE, sender=BOB)
        self.owner[number], self.price[number], self.said[number] = owner, PRICE, ("", "")

    @rule(model=versions, licence=st.booleans(), text=st.sampled_from(["MIT", "https://model.example", ""]))
    def describe(self, model, licence, text):
        """By the owner alone; a licence is for ever."""
        models, model = self.market.models, self.known(model)
        owner, (old, where) = self.owner[model], self.said[model]
        change = models.setLicence if licence else models.setMetadataUri
        with reverts("NotModelOwner", model, ERIN):
            change(model, text, sender=ERIN)
        problem = "BadText" if not text else "LicenceIsSet" if licence and old else None
        if problem:
            with reverts(problem):
                change(model, text, sender=owner)
            return
        change(model, text, sender=owner)
        self.said[model] = (text, where) if licence else (old, text)

    @rule(seconds=pauses)
    def pause(self, seconds):
        """No new requests for a while; everything else goes on."""
        self.brake.turn(seconds)

    # -- stake, money, time ---------------------------------------------------

    @rule(amount=st.sampled_from([1, COLLATERAL, 3 * MIN_STAKE]))
    def stake(self, amount):
        """More."""
        if self.stake_books.own.spent:
            with reverts("PoolSpent"):
                self.staking.stake(amount, sender=BOB)
            return
        self.staking.stake(amount, sender=BOB)
        self.burnable += self.stake_books.stake(BOB, amount, self.evm.now, 0)
        self.purse[BOB] -= amount

    @precondition(lambda self: self.free)
    @rule(part=st.sampled_from([1, 3, 10]))
    def start_thaw(self, part):
        """All or a part of what no request holds."""
        amount = -(-self.free // part)
        with reverts("StakeLocked", self.free, self.free + 1):
            self.staking.startThaw(self.free + 1, sender=BOB)
        thaw_id = self.staking.startThaw(amount, sender=BOB).value
        self.thaws[thaw_id] = self.stake_books.start_thaw(BOB, thaw_id, amount, self.evm.now + THAWING_SECONDS)

    @precondition(lambda self: self.thaws)
    @rule()
    def finish_thaw(self):
        """Nothing but what the slashes left."""
        thaw_id, thaw = next(iter(self.thaws.items()))
        if self.evm.now < thaw.until:
            with reverts("ThawingNotOver", thaw.until):
                self.staking.finishThaw(thaw_id, sender=BOB)
            return
        paid, odd = self.stake_books.finish(thaw_id, self.thaws.pop(thaw_id))
        assert self.staking.finishThaw(thaw_id, sender=BOB).value == paid
        self.purse[BOB] += paid
        self.burnable += odd

    @precondition(lambda self: self.stake_books.jailed_until)
    @rule()
    def rehabilitate(self):
        """After the time, with the minimum stake."""
        if self.evm.now < self.stake_books.jailed_until:
            problem = "OperatorJailed"
        elif not self.has_min_stake:
            problem = "BelowMinStake"
        else:
            self.staking.rehabilitate(sender=BOB)
            self.stake_books.jailed_until = 0
            return
        with reverts(problem):
            self.staking.rehabilitate(sender=BOB)

    @rule(amount=st.sampled_from([1, COLLATERAL - 1, PENALTY]))
    def another_fault(self, amount):
        """Something else that the operator did wrong."""
        assert self.staking.slash(BOB, amount, ERIN, sender=DAVE).value.slashed == self.slashed(amount, ERIN)

    @rule()
    def a_window_passes(self):
        """What nobody contests is final."""
        self.evm.sleep(WINDOW_SECONDS + 1)

    @rule(caller=st.sampled_from(PEOPLE))
    def pay_income(self, caller):
        """By anyone; nobody delegates, so it is all bob's."""
        if not self.income:
            with reverts("NoIncome", BOB):
                self.inference.payIncome(BOB, sender=caller)
            return
        assert self.inference.payIncome(BOB, sender=caller).value == self.income
        self.bounty[BOB] += self.income
        self.income = 0

    @rule(who=st.sampled_from(PEOPLE))
    def fetch(self, who):
        """Both credits."""
        for contract, credits in ((self.inference, self.credit), (self.staking, self.bounty)):
            if credits[who]:
                assert contract.withdrawCredit(who, sender=who).value == credits[who]
                self.purse[who] += credits[who]
                credits[who] = 0

    @rule(
        seconds=st.sampled_from([0, 1, MIN_RESPONSE_SECONDS, 601, WINDOW_SECONDS, WINDOW_SECONDS + 1, THAWING_SECONDS])
    )
    def time_passes(self, seconds):
        """Nothing happens by itself."""
        self.evm.sleep(seconds)

    # -- what always holds ----------------------------------------------------

    @invariant()
    def the_money_is_where_the_books_say(self):
        """To the wei: escrowed fees and credits here, stake and bounties there."""
        expect = self.views.expect
        escrowed = sum(each.terms.fee for each in self.asked.values() if each.state != "ended")
        expect(self.token, "balanceOf", self.inference, gives=escrowed + sum(self.credit.values()) + self.income)
        expect(self.inference, "incomeOf", BOB, gives=self.income)
        staked = self.stake_books.own.tokens + self.burnable
        expect(self.token, "balanceOf", self.staking, gives=staked + sum(self.bounty.values()))
        for who in PEOPLE:
            expect(self.inference, "creditOf", who, gives=self.credit[who])
            expect(self.staking, "creditOf", who, gives=self.bounty[who])
            expect(self.token, "balanceOf", who, gives=self.purse[who])
        self.views.check()

    @invariant()
    def rights_are_what_the_books_say(self):
        """Of every model, whoever owns it; and what may be asked."""
        for model, owner in self.owner.items():
            self.views.expect(self.market.models, "ownerOf", model, gives=owner)
            price = self.price[model]
            if price is not None:
                self.views.expect(self.inference, "priceOf", BOB, model, gives=price)
        self.views.expect(self.inference, "collateral", gives=self.collateral)
        self.views.expect(self.inference, "protocolFeeBps", gives=self.protocol_bps)
        self.views.check()

    @invariant()
    def the_stake_is_what_the_books_say(self):
        """One collateral for each request that has not ended."""
        pending = (each.terms.collateral for each in self.asked.values() if each.state != "ended")
        books, locked, expect = self.stake_books, sum(pending), self.views.expect
        assert books.locked[self.inference] == locked
        expect(self.staking, "stakeOf", BOB, gives=(books.active, books.own.worth(books.thawing), locked))
        expect(self.staking, "lockedBy", BOB, self.inference, gives=locked)
        expect(self.staking, "isLive", BOB, gives=self.live)
        self.views.check()

    @invariant()
    def requests_are_where_the_books_say(self):
        """Open, answered by this answer, or gone."""
        for request_id, each in self.asked.items():
            expected = {"open": OPEN, "answered": each.answer, "ended": bytes(32)}[each.state]
            self.views.expect(self.inference, "requestState", request_id, gives=expected)
        self.views.check()

    @invariant()
    def answers_are_where_the_books_say(self):
        """And none is final while somebody could contest it, or a game runs."""
        now = self.evm.now
        for digest, each in self.given.items():
            state = (each.recorded_at, each.games, each.refuted)
            self.views.expect(self.inference, "answerState", digest, gives=state)
            self.views.expect(self.inference, "isFinal", digest, gives=each.final(now))
        self.views.check()
        for digest, each in self.given.items():
            if each.answer["issuedAt"] <= now:
                evidence = NO_EVIDENCE if each.recorded_at else self.evidence[each.batch]
                assert self.inference.liability(each.answer, evidence) == (digest, each.until)
                assert not (each.final(now) and now <= each.until)

    def teardown(self):
        """Attack 15: every request ends without its user and its operator, and all that is owed is fetched."""
        try:
            for digest, each in self.given.items():
                for _ in range(each.games):
                    self.inference.release(digest, sender=self.judge)
            self.evm.sleep(MAX_RESPONSE_SECONDS + WINDOW_SECONDS + 1)
            for each in self.asked.values():
                if each.state == "open":
                    self.inference.expire(each.terms, sender=ERIN)
                elif each.state == "answered" and self.given[each.answer].refuted:
                    self.inference.refund(each.terms, sender=ERIN)
                elif each.state == "answered":
                    self.inference.finalise(each.terms, each.outputs, sender=ERIN)
            if self.inference.incomeOf(BOB):
                self.inference.payIncome(BOB, sender=ERIN)
            for who in PEOPLE:
                for contract in (self.inference, self.staking):
                    if contract.creditOf(who):
                        contract.withdrawCredit(who, sender=who)
            assert self.token.balanceOf(self.inference) == 0
            assert self.staking.stakeOf(BOB).locked == 0
            for model, said in self.said.items():
                models = self.market.models
                assert (models.licenceOf(model), models.metadataUriOf(model)) == said
                assert models.lineage(model) == self.lineage.shown(model)
                assert models.terms(model).deprecated == (model in self.deprecated)
        finally:
            self.evm.revert(self.mark)


def family(market: Market) -> Lineage:
    """Three models derived from charlie's, one version of each, offered by bob; and the same in plain Python."""
    lineage = Lineage()
    lineage.add(OWNER_FEE_BPS, [])
    for (fee_bps, parents), owner in zip(DERIVED, (DAVE, ALICE, CHARLIE), strict=True):
        assert lineage.add(fee_bps, parents) is None
        model = market.models.registerDerived("derived", fee_bps, parents, sender=owner).value
        version = market.models.publish(model, header([INPUT_WORDS]), b"\1" * 32, "cid", "", 1, sender=owner).value
        assert model == version == lineage.count
        market.inference.offer(version, PRICE, sender=BOB)
    return lineage


EXAMPLES, STEPS = (2_000, 60) if DEEP else (120, 40)
InferenceBooks.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)


class TestBooks(InferenceBooks.TestCase):
    def runTest(self):
        """Every function among the deeds, and each succeeded."""
        super().runTest()
        assert InferenceBooks.steps >= 0.8 * EXAMPLES * STEPS  # the first dozen of hypothesis is short
        done, deeds = (
            InferenceBooks.world[0].evm.called,
            transactions_of("IInference") | transactions_of("IIncomes") | transactions_of("IPayouts"),
        )
        assert {("Inference", name) for name in deeds} <= done
        assert {("Models", name) for name in transactions_of("IModels")} <= done
