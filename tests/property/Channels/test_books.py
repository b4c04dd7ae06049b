"""The books of Channels against a ghost in plain Python, for models and models derived from them.

Every call has the outcome that the ghost says, and after every call every balance, deposit, credit and right
is equal.

Attacks 15 and 25.
"""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from tests.conftest import DEEP
from tests.evm import Evm, Reverted, account, transactions_of
from tests.lineage import Lineage
from tests.machines import ChainMachine
from tests.market import deploy_guardian, deploy_staking
from tests.property.brake import CHANNELS, Brake, pauses
from tests.typed import sign, vrs
from tests.unit.Channels.conftest import VOUCHER
from tests.views import Views

PROTOCOL_BPS, CLOSE_SECONDS, WEALTH = 300, 3600, 10_000
PERMIT = "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
FAMILY = [  # what each model takes, and its parents
    (2_500, []),
    (5_000, []),
    (0, []),
    (4_000, [(1, 3_333)]),
    (5_000, [(4, 6_667), (2, 1_111), (1, 2_222)]),
    (1, [(5, 10_000)]),
]
MODELS = range(1, len(FAMILY) + 1)

ALL = [account(10 + i) for i in range(5)]
PAYERS, OPERATORS, OWNERS, TREASURY = ALL[:2], ALL[1:3], ALL[2:4], ALL[4]  # some play two parts
KEYS = [account(20), account(21)]

payers, operators, owners = st.sampled_from(PAYERS), st.sampled_from(OPERATORS), st.sampled_from(OWNERS)
models, keys = st.sampled_from(list(MODELS)), st.sampled_from(KEYS)
amounts = st.integers(0, 3) | st.integers(0, 2_000)
moments = st.sampled_from([-1, 0, 1, CLOSE_SECONDS - 1, CLOSE_SECONDS, 2 * CLOSE_SECONDS])
signers = st.sampled_from(["payer"] * 4 + KEYS)
lives = st.sampled_from([-1, 0, 1, CLOSE_SECONDS, CLOSE_SECONDS, CLOSE_SECONDS])
vouchers = st.tuples(payers, operators, models, amounts, st.booleans(), lives, signers)


UNLIMITED = 2**256 - 1


class Refused(Exception):
    """What the ghost does not allow, by the name of the contract's error."""


def refuse_if(condition, error):
    if condition:
        raise Refused(error)


class Ghost:
    """Who has what. Amounts in wei, times in seconds."""

    def __init__(self):
        self.bps = self.next_bps = PROTOCOL_BPS
        self.next_bps_at = 0
        self.balance = defaultdict(int)
        self.deposit = defaultdict(int)
        self.closable_at = {}
        self.redeemed = defaultdict(int)
        self.credit = defaultdict(int)
        self.income = defaultdict(int)
        self.staked = defaultdict(int)  # credits in Staking: nobody delegates
        self.allowed = dict.fromkeys(PAYERS, UNLIMITED)
        self.permits = defaultdict(int)
        self.key_until = defaultdict(int)
        self.owner = {}
        self.lineage = Lineage()
        self.donated = 0

    def put(self, payer, operator, amount, paused):
        refuse_if(paused, "BusinessPaused")
        refuse_if(amount == 0, "ZeroAmount")
        refuse_if((payer, operator) in self.closable_at, "ChannelClosing")
        refuse_if(self.allowed[payer] < amount, "ERC20InsufficientAllowance")
        refuse_if(self.balance[payer] < amount, "ERC20InsufficientBalance")
        if self.allowed[payer] != UNLIMITED:
            self.allowed[payer] -= amount
        self.balance[payer] -= amount
        self.deposit[payer, operator] += amount

    def put_with_permit(self, payer, operator, amount, good, paused):
        before = self.allowed[payer], self.permits[payer]
        if good:
            self.allowed[payer], self.permits[payer] = amount, self.permits[payer] + 1
        try:
            self.put(payer, operator, amount, paused)
        except Refused:
            self.allowed[payer], self.permits[payer] = before
            raise

    def authorise(self, payer, key, until, now):
        refuse_if(until < now + CLOSE_SECONDS, "KeyTooShort")
        self.key_until[payer, key] = until

    def revoke(self, payer, key, now):
        refuse_if(self.key_until[payer, key] < now, "NotAKey")
        self.key_until[payer, key] = min(self.key_until[payer, key], now + CLOSE_SECONDS)

    def protocol_bps(self, now):
        """A vote changes it once everything that was signed before could be redeemed."""
        return self.next_bps if now >= self.next_bps_at else self.bps

    def vote(self, bps, now):
        self.bps, self.next_bps, self.next_bps_at = self.protocol_bps(now), bps, now + CLOSE_SECONDS

    def redeem(self, voucher, signer, now):
        """Pays one voucher whose signature is good; returns what was paid."""
        payer, operator, model, total, deadline = voucher
        refuse_if(now > deadline, "VoucherExpired")
        refuse_if(signer != payer and self.key_until[payer, signer] < now, "NotAuthorised")
        paid = min(max(0, total - self.redeemed[payer, operator, model]), self.deposit[payer, operator])
        self.redeemed[payer, operator, model] += paid
        self.deposit[payer, operator] -= paid
        protocol, shares = paid * self.protocol_bps(now) // 10_000, self.lineage.split(model, paid)
        self.credit[TREASURY] += protocol
        for each, share in shares.items():
            self.credit[self.owner[each]] += share
        self.income[operator] += paid - protocol - sum(shares.values())
        return paid

    def redeem_one(self, voucher, signer, now):
        paid = self.redeem(voucher, signer, now)
        refuse_if(paid == 0, "NothingToRedeem")
        return paid

    def redeem_many(self, entries, now):
        before = self.redeemed.copy(), self.deposit.copy(), self.credit.copy(), self.income.copy()
        try:
            return sum(self.redeem(voucher, signer, now) for voucher, signer in entries)
        except Refused:
            self.redeemed, self.deposit, self.credit, self.income = before
            raise

    def start_close(self, payer, operator, now):
        refuse_if((payer, operator) in self.closable_at, "ChannelClosing")
        refuse_if(self.deposit[payer, operator] == 0, "NoDeposit")
        self.closable_at[payer, operator] = now + CLOSE_SECONDS

    def cancel_close(self, payer, operator):
        refuse_if((payer, operator) not in self.closable_at, "NotClosing")
        del self.closable_at[payer, operator]

    def finish_close(self, payer, operator, now):
        refuse_if((payer, operator) not in self.closable_at, "NotClosing")
        refuse_if(now < self.closable_at[payer, operator], "ClosingNotOver")
        del self.closable_at[payer, operator]
        amount = self.deposit.pop((payer, operator))
        self.balance[payer] += amount
        return amount

    def withdraw(self, person, to):
        refuse_if(self.credit[person] == 0, "NothingToWithdraw")
        amount = self.credit.pop(person)
        self.balance[to] += amount
        return amount

    def pay_income(self, operator):
        refuse_if(self.income[operator] == 0, "NoIncome")
        amount = self.income.pop(operator)
        self.staked[operator] += amount
        return amount

    def give(self, person, amount):
        refuse_if(self.balance[person] < amount, "ERC20InsufficientBalance")
        self.balance[person] -= amount
        self.donated += amount


def build(evm: Evm) -> tuple:
    """The contracts, the payers' wealth and the models."""
    bank = account(30)
    opg, models, guardian = evm.deploy("OPG", bank), evm.deploy("Models"), deploy_guardian(evm)
    staking = deploy_staking(evm, opg, guardian)
    channels = evm.deploy("Channels", opg, models, staking, guardian, TREASURY, PROTOCOL_BPS, CLOSE_SECONDS)
    for payer in PAYERS:
        opg.transfer(payer, WEALTH, sender=bank)
        opg.approve(channels, 2**256 - 1, sender=payer)
    for model, (fee_bps, parents) in zip(MODELS, FAMILY, strict=True):
        models.registerDerived(f"model {model}", fee_bps, parents, sender=OWNERS[model % len(OWNERS)])
    return evm, opg, models, guardian, staking, channels, Views(evm)


class ChannelsBooks(ChainMachine):
    build = staticmethod(build)

    def __init__(self):
        super().__init__()
        self.evm, self.opg, self.models, self.guardian, self.staking, self.channels, self.views = self.world
        self.mark, self.ghost = self.evm.snapshot(), Ghost()
        self.brake = Brake(self.evm, self.guardian, CHANNELS)
        for payer in PAYERS:
            self.ghost.balance[payer] = WEALTH
        for model, (fee_bps, parents) in zip(MODELS, FAMILY, strict=True):
            assert self.ghost.lineage.add(fee_bps, parents) is None
            self.ghost.owner[model] = OWNERS[model % len(OWNERS)]

    def teardown(self):
        """Attack 15: every payer leaves without its operator, every payee is paid without anybody; nothing stays but gifts."""
        try:
            for payer, operator in [pair for pair, amount in self.ghost.deposit.items() if amount]:
                if (payer, operator) not in self.ghost.closable_at:
                    self.start_close(payer, operator)
                self.finish_close(payer, operator, patient=True)
                assert self.channels.channel(payer, operator) == (0, 0)
            self.pay_income(TREASURY)
            for person in ALL:
                self.withdraw(person, person)
            self.books_are_equal()
            assert self.opg.balanceOf(self.channels) == self.ghost.donated
            for model in MODELS:  # nothing can have changed it
                assert self.models.lineage(model) == self.ghost.lineage.shown(model)
        finally:
            self.evm.revert(self.mark)

    def same(self, ghost, call):
        """Both refuse with the same error, or both return the same value."""
        try:
            expected = ghost()
        except Refused as refusal:
            expected = str(refusal)
        try:
            outcome = call().value
        except Reverted as error:
            outcome = error.name
        assert outcome == expected

    def entry(self, drawn):
        """A signed voucher, for the contract and for the ghost."""
        payer, operator, model, total, on_top, life, signer = drawn
        if on_top:
            total += self.ghost.redeemed[payer, operator, model]
        signer = payer if signer == "payer" else signer
        voucher = (payer, operator, model, total, self.evm.now + life)
        signature = sign(signer, self.channels, "OPG Channels", VOUCHER, voucher)
        return (voucher, signer, signature), (voucher, signer)

    @initialize(first=st.sampled_from([0, 1_000, 1_000]))
    def begin(self, first):
        """Mostly with some money in every channel."""
        for payer in PAYERS if first else ():
            for operator in OPERATORS:
                self.deposit(payer, operator, first)

    @rule(bps=st.sampled_from([0, PROTOCOL_BPS, 1_000]))
    def vote(self, bps):
        """Another share for the treasury, later."""
        self.channels.setProtocolFeeBps(bps, sender=account(0))
        self.ghost.vote(bps, self.evm.now)

    @rule(payer=payers, operator=operators, amount=amounts)
    def deposit(self, payer, operator, amount):
        """A payer deposits or tops up."""
        self.same(
            lambda: self.ghost.put(payer, operator, amount, self.brake.paused),
            lambda: self.channels.deposit(operator, amount, sender=payer),
        )

    @rule(payer=payers, operator=operators, amount=amounts, good=st.booleans())
    def deposit_with_permit(self, payer, operator, amount, good):
        """The permit replaces the allowance; a bad one, by somebody else's key, leaves it as it was."""
        until = self.evm.now + 60
        words = (payer, self.channels, amount, self.ghost.permits[payer], until)
        signature = sign(payer if good else KEYS[0], self.opg, "OPG", PERMIT, words)
        self.same(
            lambda: self.ghost.put_with_permit(payer, operator, amount, good, self.brake.paused),
            lambda: self.channels.depositWithPermit(operator, amount, until, *vrs(signature), sender=payer),
        )

    @rule(payer=payers)
    def allow(self, payer):
        """As much as ever."""
        self.opg.approve(self.channels, UNLIMITED, sender=payer)
        self.ghost.allowed[payer] = UNLIMITED

    @rule(seconds=pauses)
    def pause(self, seconds):
        """No deposits for a while; everything else goes on."""
        self.brake.turn(seconds)

    @rule(payer=payers, key=keys, life=moments)
    def authorise(self, payer, key, life):
        """A payer lets a key sign for it."""
        until = self.evm.now + life
        self.same(
            lambda: self.ghost.authorise(payer, key, until, self.evm.now),
            lambda: self.channels.authoriseKey(key, until, sender=payer),
        )

    @rule(payer=payers, key=keys, newest=st.booleans())
    def revoke(self, payer, key, newest):
        """A payer takes it back: often one that still counts."""
        alive = [pair for pair, until in self.ghost.key_until.items() if until >= self.evm.now]
        if newest and alive:
            payer, key = alive[-1]
        self.same(
            lambda: self.ghost.revoke(payer, key, self.evm.now),
            lambda: self.channels.revokeKey(key, sender=payer),
        )

    @rule(drawn=vouchers, sender=st.sampled_from(ALL))
    def redeem(self, drawn, sender):
        """Anyone redeems a voucher, fresh or stale, by whoever signed it."""
        given, known = self.entry(drawn)
        self.same(
            lambda: self.ghost.redeem_one(*known, self.evm.now),
            lambda: self.channels.redeem(*given, sender=sender),
        )

    @rule(drawn=st.lists(vouchers, max_size=4), sender=st.sampled_from(ALL))
    def redeem_many(self, drawn, sender):
        """All or nothing."""
        entries = [self.entry(each) for each in drawn]
        self.same(
            lambda: self.ghost.redeem_many([known for _, known in entries], self.evm.now),
            lambda: self.channels.redeemMany([given for given, _ in entries], sender=sender),
        )

    @rule(payer=payers, operator=operators)
    def start_close(self, payer, operator):
        """A payer begins to leave."""
        self.same(
            lambda: self.ghost.start_close(payer, operator, self.evm.now),
            lambda: self.channels.startClose(operator, sender=payer),
        )

    @rule(payer=payers, operator=operators)
    def cancel_close(self, payer, operator):
        """A payer stays."""
        self.same(
            lambda: self.ghost.cancel_close(payer, operator),
            lambda: self.channels.cancelClose(operator, sender=payer),
        )

    @rule(payer=payers, operator=operators, patient=st.booleans())
    def finish_close(self, payer, operator, patient):
        """A payer leaves with the rest."""
        if patient:
            self.evm.sleep(max(self.ghost.closable_at.get((payer, operator), 0) - self.evm.now, 0))
        self.same(
            lambda: self.ghost.finish_close(payer, operator, self.evm.now),
            lambda: self.channels.finishClose(operator, sender=payer),
        )

    @rule(person=st.sampled_from(ALL), to=st.sampled_from(ALL))
    def withdraw(self, person, to):
        """Somebody fetches its credit, perhaps to another account."""
        person = next((each for each in ALL if self.ghost.credit[each]), person)
        self.same(
            lambda: self.ghost.withdraw(person, to),
            lambda: self.channels.withdrawCredit(to, sender=person),
        )

    @rule(caller=st.sampled_from(ALL))
    def pay_income(self, caller):
        """Somebody sends the operators' incomes on."""
        for operator in OPERATORS:
            self.same(
                lambda operator=operator: self.ghost.pay_income(operator),
                lambda operator=operator: self.channels.payIncome(operator, sender=caller),
            )

    @rule(model=models, to=owners)
    def sell(self, model, to):
        """A model changes hands."""
        self.models.transferFrom(self.ghost.owner[model], to, model, sender=self.ghost.owner[model])
        self.ghost.owner[model] = to

    @rule(payer=payers, amount=st.integers(1, 10))
    def donate(self, payer, amount):
        """Somebody sends tokens for nothing."""
        try:
            self.ghost.give(payer, amount)
        except Refused:
            return
        self.opg.transfer(self.channels, amount, sender=payer)

    @rule(seconds=st.sampled_from([1, CLOSE_SECONDS // 2, CLOSE_SECONDS - 1, CLOSE_SECONDS]))
    def sleep(self, seconds):
        """Time passes."""
        self.evm.sleep(seconds)

    @invariant()
    def books_are_equal(self):
        """Everybody has in the contracts what the ghost says, to the wei; Σ deposits + Σ credits + Σ incomes ≤ balance, and what is
        more was donated.
        """
        ghost, channels, expect = self.ghost, self.channels, self.views.expect
        owed = sum(ghost.deposit.values()) + sum(ghost.credit.values()) + sum(ghost.income.values())
        expect(self.opg, "balanceOf", channels, gives=owed + ghost.donated)
        for person in ALL:
            expect(self.opg, "balanceOf", person, gives=ghost.balance[person])
            expect(channels, "creditOf", person, gives=ghost.credit[person])
            expect(channels, "incomeOf", person, gives=ghost.income[person])
            expect(self.staking, "creditOf", person, gives=ghost.staked[person])
        for m in MODELS:
            expect(self.models, "ownerOf", m, gives=ghost.owner[m])
        expect(channels, "protocolFeeBps", gives=ghost.protocol_bps(self.evm.now))
        for payer in PAYERS:
            expect(self.opg, "allowance", payer, channels, gives=ghost.allowed[payer])
            for operator in OPERATORS:
                pair = payer, operator
                expect(channels, "channel", *pair, gives=(ghost.deposit[pair], ghost.closable_at.get(pair, 0)))
                for m in MODELS:
                    expect(channels, "redeemed", *pair, m, gives=ghost.redeemed[*pair, m])
            for key in KEYS:
                expect(channels, "keyUntil", payer, key, gives=ghost.key_until[payer, key])
        self.views.check()


EXAMPLES, STEPS = (2_200, 60) if DEEP else (100, 40)
ChannelsBooks.TestCase.settings = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)


class TestBooks(ChannelsBooks.TestCase):
    def runTest(self):
        """Every function among the deeds, and each succeeded."""
        super().runTest()
        assert ChannelsBooks.steps >= 0.8 * EXAMPLES * STEPS  # the first dozen of hypothesis is short
        done, deeds = (
            ChannelsBooks.world[0].called,
            transactions_of("IChannels") | transactions_of("IIncomes") | transactions_of("IPayouts"),
        )
        assert {("Channels", name) for name in deeds} <= done
