"""An indexer: the state of every contract, from its deployment data and events alone, and a comparison with what the contract shows.

Not in the events, by the standards' design: allowances that a `transferFrom` used up, nonces of permits.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from eth_utils.crypto import keccak

from opg.game import Phase
from opg.tensor.commitment import chunk_count, depth_of, level_bits
from tests.evm import Contract, Event, Evm, Reverted
from tests.lineage import Lineage
from tests.property.Staking.books import ONE, Operator

DISPUTER = keccak(text="DISPUTER_ROLE")
NOT_OFFERED, MAX_OPERATORS, OPEN = 2**96 - 1, 16, (1).to_bytes(32, "big")
NOBODY = "0x" + "00" * 20


class RecordingEvm(Evm):
    """Keeps every event with its second, and what each contract shows right after its deployment."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.log: list[tuple[int, Event]] = []
        self.deployed: dict[str, Contract] = {}
        self.first: dict[str, dict[str, Any]] = {}

    def deploy(self, name: str, *args: Any, sender: Any = None) -> Contract:
        made = super().deploy(name, *args, sender=sender)
        self.deployed[name], self.first[name] = made, {}
        for entry in made.abi:
            if entry["type"] == "function" and entry["stateMutability"] in ("view", "pure") and not entry["inputs"]:
                self.first[name][entry["name"]] = getattr(made, entry["name"])()
        return made

    def decode_logs(self, logs: list) -> list[Event]:
        events = super().decode_logs(logs)
        self.log += [(self.now, each) for each in events]
        return events

    def snapshot(self) -> Any:
        return super().snapshot(), len(self.log)

    def revert(self, mark: Any) -> None:
        super().revert(mark[0])
        del self.log[mark[1] :]


class Index:
    """What the events of one contract say. A handler is named like its event; `now` is the event's second."""

    def __init__(self, world: RecordingEvm, contract: Contract, first: dict[str, Any]) -> None:
        self.evm, self.contract, self.first, self.now = world, contract, first, 0
        self.credit: dict[str, int] = defaultdict(int)
        self.income: dict[str, int] = defaultdict(int)
        self.roles: dict[tuple[bytes, str], bool] = {}
        self.begin()

    def begin(self) -> None:
        """What the heir keeps."""

    def read(self, now: int, event: Event) -> None:
        self.now = now
        if event.name != "unknown":
            getattr(self, event.name, self.nothing)(event)

    def nothing(self, event: Event) -> None:
        """It changes no state of this contract, or what it changes is in another event, too."""

    def same(self, view: str, *args: Any, gives: Any) -> None:
        shown = getattr(self.contract, view)(*args)
        assert shown == gives, f"{view}{args} is {shown}; from events: {gives}"

    def compare(self) -> None:
        for account, amount in self.credit.items():
            self.same("creditOf", account, gives=amount)
        for operator, amount in self.income.items():
            self.same("incomeOf", operator, gives=amount)
        for (role, account), has in self.roles.items():
            self.same("hasRole", role, account, gives=has)

    def Credited(self, e: Event) -> None:
        self.credit[e.account] += e.amount

    def Withdrawn(self, e: Event) -> None:
        self.credit[e.account] -= e.amount

    def CreditSpent(self, e: Event) -> None:
        self.credit[e.user] -= e.amount

    def Earned(self, e: Event) -> None:
        self.income[e.operator] += e.amount

    def IncomePaid(self, e: Event) -> None:
        self.income[e.operator] -= e.amount

    def RoleGranted(self, e: Event) -> None:
        self.roles[e.role, e.account] = True

    def RoleRevoked(self, e: Event) -> None:
        self.roles[e.role, e.account] = False


class OPG(Index):
    """Balances and delegations."""

    def begin(self) -> None:
        self.balance: dict[str, int] = defaultdict(int)
        self.delegate: dict[str, str] = {}
        self.supply = self.first["totalSupply"]

    def Transfer(self, e: Event) -> None:
        self.balance[e.args["from"]] -= e.value
        self.balance[e.to] += e.value
        self.supply -= e.value if e.to == NOBODY else 0

    def DelegateChanged(self, e: Event) -> None:
        self.delegate[e.delegator] = e.toDelegate

    def compare(self) -> None:
        super().compare()
        self.same("totalSupply", gives=self.supply)
        for account, amount in self.balance.items():
            if amount >= 0 and account != NOBODY:  # the first holder's is deployment data
                self.same("balanceOf", account, gives=amount)
        for account, delegate in self.delegate.items():
            self.same("delegates", account, gives=delegate)


class Staking(Index):
    """The books, driven by events."""

    def begin(self) -> None:
        self.books: dict[str, Operator] = defaultdict(self._operator)
        self.thaws: dict[int, Any] = {}
        self.info: dict[str, list] = defaultdict(lambda: [NOBODY, ""])
        self.list: dict[str, list[str]] = defaultdict(list)
        self.votes: dict[tuple[str, str, bool], list] = defaultdict(list)  # operator, who, own: (second, epoch, shares)
        self.minimum = (self.first["minStake"], self.first["minStake"], 0)
        self.behind: dict[tuple[str, str, bytes], int] = defaultdict(
            int
        )  # what is locked, by operator, module and obligation
        self.told: list[tuple[str, int]] = []  # credits that the event before explained
        self.burnable = 0

    @staticmethod
    def _operator() -> Operator:
        made = Operator(())
        made.locked = defaultdict(int)
        return made

    def KeyRotated(self, e: Event) -> None:
        self.info[e.operator][0] = e.key
        keys = self.books[e.operator].keys
        if keys:
            keys[-1] = (*keys[-1][:2], e.since)
        keys.append((e.key, e.since, None))

    def EndpointSet(self, e: Event) -> None:
        self.info[e.operator][1] = e.endpoint

    def Staked(self, e: Event) -> None:
        b = self.books[e.operator]
        self.burnable += b.stake(e.operator, e.amount, self.now, self.now + self.first["thawingSeconds"])
        self._record(e.operator, e.operator, True)

    def Settled(self, e: Event) -> None:
        b = self.books[e.operator]
        cold = b.delegations[e.delegator].warming if b.delegations[e.delegator].epoch == b.pool.epoch else 0
        assert b.settle(e.delegator, self.now) == e.income
        assert cold - b.delegations[e.delegator].warming == e.warmed
        self.told.append((e.delegator, e.income))

    def Delegated(self, e: Event) -> None:
        b = self.books[e.operator]
        self.burnable += b.delegate(e.delegator, e.amount, self.now, e.warmAt)
        listed = self.list[e.delegator]
        if e.operator not in listed:
            if len(listed) < MAX_OPERATORS:
                listed.append(e.operator)
            else:
                listed[next(i for i, each in enumerate(listed) if not self._worth(each, e.delegator))] = e.operator
        self._record(e.operator, e.delegator, False)

    def ThawStarted(self, e: Event) -> None:
        if e.own:
            thaw = self.books[e.operator].start_thaw(e.owner, e.thawId, e.amount, e.until)
        else:
            thaw = self.books[e.operator].undelegate(e.owner, e.thawId, e.operator, e.amount, e.until)
        assert thaw.shares == e.shares
        self.thaws[e.thawId] = thaw
        self._record(e.operator, e.owner, e.own)

    def Unstaked(self, e: Event) -> None:
        paid, odd = self.books[e.operator].finish(e.thawId, self.thaws.pop(e.thawId))
        assert paid == e.amount
        self.burnable += odd

    def CommissionSet(self, e: Event) -> None:
        b = self.books[e.operator]
        b.commission, b.next_commission = b.commission_at(self.now) if e.since > self.now else e.bps, e.bps
        b.next_at = e.since

    def Rewarded(self, e: Event) -> None:
        b = self.books[e.operator]
        if e.delegated:
            b.income += e.delegated * ONE // b.earning
        self.told.append((e.operator, e.own))

    def Slashed(self, e: Event) -> None:
        own, delegated, dust = self.books[e.operator].slash(e.fromOwn + e.fromDelegated)
        assert (own, delegated) == (e.fromOwn, e.fromDelegated)
        self.burnable += e.burned + dust
        self.told.append((e.beneficiary, e.bounty))

    def Credited(self, e: Event) -> None:
        super().Credited(e)
        self.told.remove((e.account, e.amount))

    def SlashedBurned(self, e: Event) -> None:
        self.burnable -= e.amount

    def Jailed(self, e: Event) -> None:
        self.books[e.operator].jailed_until = e.until

    def Rehabilitated(self, e: Event) -> None:
        self.books[e.operator].jailed_until = 0

    def Locked(self, e: Event) -> None:
        self.books[e.operator].locked[e.module] += e.amount
        self.behind[e.operator, e.module, e.obligation] += e.amount

    def Unlocked(self, e: Event) -> None:
        """A request frees what was locked for it, neither more nor less."""
        self.books[e.operator].locked[e.module] -= e.amount
        if (inference := self.evm.deployed.get("Inference")) and e.module == inference.address:
            assert self.behind.pop((e.operator, e.module, e.obligation)) == e.amount

    def MinStakeSet(self, e: Event) -> None:
        self.minimum = (e.amount, e.finishing, e.until)

    def compare(self) -> None:
        super().compare()
        now, (least, finishing, until) = self.evm.now, self.minimum
        self.same("minStake", gives=least)
        self.same("burnable", gives=self.burnable)
        for who, b in self.books.items():
            pool = b.pool
            parts = (pool.shares - b.thawing_delegated, b.thawing_delegated, b.earning)
            self.same("stakeOf", who, gives=(b.active, b.own.worth(b.thawing), sum(b.locked.values())))
            self.same("delegatedTo", who, gives=tuple(map(pool.worth, parts)))
            self.same("jailedUntil", who, gives=b.jailed_until)
            self.same("isLive", who, gives=not b.jailed_until and b.active >= least)
            self.same("mayFinish", who, gives=b.active >= (finishing if now <= until else least))
            self.same("commissionOf", who, gives=(b.commission_at(now), b.next_commission, b.next_at))
            self.same("operatorInfo", who, gives=tuple(self.info[who]))
            for module, amount in b.locked.items():
                self.same("lockedBy", who, module, gives=amount)
            for key, since, end in b.keys:
                for time in {since - 1, since, now, end or now, (end or now) + 1}:
                    self.same("isKeyAt", who, key, time, gives=since <= time and (end is None or time <= end))
            for delegator, d in b.delegations.items():
                earning = pool.worth(d.earning) if d.epoch == pool.epoch else 0
                shown = self.contract.delegationOf(who, delegator)
                assert tuple(shown) == (self._worth(who, delegator), earning, d.warm_at, b.income_of(d))
        for thaw_id, thaw in self.thaws.items():
            worth = self.books[thaw.operator].worth(thaw)
            self.same("thaw", thaw_id, gives=(thaw.operator, thaw.owner, thaw.own, worth, thaw.until))
        for who, listed in self.list.items():
            self.same("operatorsOf", who, gives=listed)
        for who in {each for _, each, _ in self.votes}:
            self.same("getVotes", who, gives=self._votes(who, now))
            for time in {second for made in self.votes.values() for second, _, _ in made[-2:]}:
                if time < now:
                    self.same("getPastVotes", who, time, gives=self._votes(who, time))

    def _worth(self, operator: str, who: str) -> int:
        b = self.books[operator]
        return b.pool.worth(b.active_of(b.delegations[who]))

    def _record(self, operator: str, who: str, own: bool) -> None:
        b = self.books[operator]
        pool, shares = (b.own, b.active_shares) if own else (b.pool, b.active_of(b.delegations[who]))
        self.votes[operator, who, own].append((self.now, pool.epoch, shares))

    def _votes(self, who: str, time: int) -> int:
        votes = 0
        for (operator, voter, own), made in self.votes.items():
            last = next(((epoch, shares) for second, epoch, shares in reversed(made) if second <= time), None)
            pool = self.books[operator].own if own else self.books[operator].pool
            if voter == who and last and last[0] == pool.epoch:
                votes += pool.worth(last[1])
        return votes


class Channels(Index):
    """Deposits, vouchers, keys."""

    def begin(self) -> None:
        self.channel: dict[tuple, list[int]] = defaultdict(lambda: [0, 0])
        self.redeemed: dict[tuple, int] = {}
        self.until: dict[tuple, int] = {}
        self.fee = (self.first["protocolFeeBps"], self.first["protocolFeeBps"], 0)

    def ProtocolFeeSet(self, e: Event) -> None:
        self.fee = (self._fee(self.now), e.bps, e.since)

    def Deposited(self, e: Event) -> None:
        self.channel[e.payer, e.operator][0] = e.deposit

    def Redeemed(self, e: Event) -> None:
        self.channel[e.payer, e.operator][0] -= e.paid
        self.redeemed[e.payer, e.operator, e.modelId] = e.redeemedTotal

    def KeyAuthorised(self, e: Event) -> None:
        self.until[e.payer, e.key] = e.until

    def CloseStarted(self, e: Event) -> None:
        self.channel[e.payer, e.operator][1] = e.closableAt

    def CloseCancelled(self, e: Event) -> None:
        self.channel[e.payer, e.operator][1] = 0

    def Closed(self, e: Event) -> None:
        assert e.amount == self.channel.pop((e.payer, e.operator))[0]

    def compare(self) -> None:
        super().compare()
        for pair, held in self.channel.items():
            self.same("channel", *pair, gives=tuple(held))
        for place, total in self.redeemed.items():
            self.same("redeemed", *place, gives=total)
        for place, until in self.until.items():
            self.same("keyUntil", *place, gives=until)
        self.same("protocolFeeBps", gives=self._fee(self.evm.now))

    def _fee(self, now: int) -> int:
        bps, next_bps, since = self.fee
        return bps if now < since else next_bps


class Inference(Index):
    """Requests, answers, offers, batches."""

    def begin(self) -> None:
        self.state: dict[bytes, bytes] = {}
        self.recorded: dict[bytes, int] = defaultdict(int)
        self.games: dict[bytes, tuple[str, int]] = defaultdict(lambda: (NOBODY, 0))
        self.refuted: set[bytes] = set()
        self.price: dict[tuple, int] = {}
        self.batch: dict[int, tuple] = {}
        self.terms = {name: self.first[name] for name in ("collateral", "protocolFeeBps")}

    def CollateralSet(self, e: Event) -> None:
        self.terms["collateral"] = e.amount

    def ProtocolFeeSet(self, e: Event) -> None:
        self.terms["protocolFeeBps"] = e.bps

    def Offered(self, e: Event) -> None:
        self.price[e.operator, e.versionId] = e.price

    def Requested(self, e: Event) -> None:
        self.state[e.requestId] = OPEN

    def Fulfilled(self, e: Event) -> None:
        self.state[e.requestId], self.recorded[e.answerHash] = e.answerHash, self.now

    def Finalised(self, e: Event) -> None:
        self.state[e.requestId] = bytes(32)

    Expired = Refunded = Finalised

    def Committed(self, e: Event) -> None:
        self.batch[e.batchId] = (e.operator, self.now, e.count, e.root)

    def Surfaced(self, e: Event) -> None:
        self.recorded[e.answerHash] = self.now

    def Contested(self, e: Event) -> None:
        self.games[e.answerHash] = (e.disputer, e.openGames)

    Released = Contested

    def Refuted(self, e: Event) -> None:
        self.refuted.add(e.answerHash)

    def compare(self) -> None:
        super().compare()
        for name, value in self.terms.items():
            self.same(name, gives=value)
        for request, state in self.state.items():
            self.same("requestState", request, gives=state)
        for answer in {*self.recorded, *self.games}:
            disputer, games = self.games[answer]
            games = games if self.roles.get((DISPUTER, disputer), True) else 0  # its module may be retired
            state = (self.recorded[answer], games, answer in self.refuted)
            self.same("answerState", answer, gives=state)
        for batch_id, batch in self.batch.items():
            self.same("batch", batch_id, gives=batch)
        for place, price in self.price.items():
            try:
                assert self.contract.priceOf(*place) == price
            except Reverted as error:
                assert (error.name, price) == ("NotOffered", NOT_OFFERED)


class Models(Index):
    """Owners, lineage, versions."""

    def begin(self) -> None:
        self.owner: dict[int, str] = {}
        self.text: dict[int, list[str]] = {}
        self.named: dict[tuple[str, str], int] = {}
        self.version: dict[int, list] = {}
        self.op_count: dict[int, int] = {}
        self.lineage = Lineage()

    def Transfer(self, e: Event) -> None:
        self.owner[e.tokenId] = e.to

    def ModelRegistered(self, e: Event) -> None:
        assert self.lineage.add(e.feeBps, [tuple(each) for each in e.parents]) is None
        self.text[e.modelId] = ["", ""]
        self.named[e.owner, e.args["name"]] = e.modelId

    def LicenceSet(self, e: Event) -> None:
        self.text[e.modelId][0] = e.licence

    def MetadataUriSet(self, e: Event) -> None:
        self.text[e.modelId][1] = e.uri

    def VersionPublished(self, e: Event) -> None:
        self.version[e.versionId], self.op_count[e.versionId] = list(e.version), e.header.opCount

    def VersionDeprecated(self, e: Event) -> None:
        self.version[e.versionId][3] = True

    def compare(self) -> None:
        super().compare()
        self.same("modelCount", gives=len(self.text))
        self.same("versionCount", gives=len(self.version))
        for model, owner in self.owner.items():
            self.same("ownerOf", model, gives=owner)
            self.same("lineage", model, gives=self.lineage.shown(model))
            self.same("licenceOf", model, gives=self.text[model][0])
            self.same("metadataUriOf", model, gives=self.text[model][1])
        for place, model in self.named.items():
            self.same("modelIdOf", *place, gives=model)
        for version_id, version in self.version.items():
            self.same("version", version_id, gives=tuple(version))


class Disputes(Index):
    """Games: whose turn it is, what has been opened, what the clocks show."""

    def begin(self) -> None:
        self.game: dict[bytes, dict[str, Any]] = {}
        self.models: Models | None = None

    def Opened(self, e: Event) -> None:
        clock = self.first["clockSeconds"]
        self.game[e.gameId] = {
            "challenger": e.challenger, "phase": Phase.REVEAL_TRACE, "turnSince": self.now,
            "operatorSeconds": clock, "challengerSeconds": clock, "depthLeft": 0, "index": 0, "opIndex": 0,
            "wordCount": 0, "node": bytes(32), "traceRoot": bytes(32), "version": e.answer.version,
        }  # fmt: skip

    def TraceRevealed(self, e: Event) -> None:
        g = self._moved(e)
        g["node"] = g["traceRoot"] = e.traceRoot
        g["depthLeft"] = depth_of(self.models.op_count[g["version"]])
        g["phase"] = Phase.BLAME if level_bits(g["depthLeft"]) == g["depthLeft"] else Phase.PICK_TRACE

    def NodesRevealed(self, e: Event) -> None:
        g = self._moved(e)
        last = level_bits(g["depthLeft"]) == g["depthLeft"]
        g["phase"] = Phase.PICK_NODE if g["wordCount"] else Phase.BLAME if last else Phase.PICK_TRACE

    def Picked(self, e: Event) -> None:
        g = self._moved(e)
        g["depthLeft"] -= level_bits(g["depthLeft"])
        g["node"], g["index"] = e.node, e.index
        below = Phase.REVEAL_NODES if g["depthLeft"] else Phase.REVEAL_CHUNK
        g["phase"] = below if g["wordCount"] else Phase.REVEAL_TRACE_NODES

    def Blamed(self, e: Event) -> None:
        g, depth = self._moved(e), depth_of(chunk_count(e.wordCount))
        g |= {"node": e.tensorRoot, "opIndex": e.opIndex, "wordCount": e.wordCount, "index": 0, "depthLeft": depth}
        g["phase"] = Phase.REVEAL_NODES if depth else Phase.REVEAL_CHUNK

    def ChunkRevealed(self, e: Event) -> None:
        self._moved(e)["phase"] = Phase.PROVE

    def ChallengerWon(self, e: Event) -> None:
        self.game[e.gameId]["phase"] = Phase.CHALLENGER_WON

    Mooted = ChallengerWon

    def OperatorWon(self, e: Event) -> None:
        self.game[e.gameId]["phase"] = Phase.OPERATOR_WON

    def _moved(self, e: Event) -> dict[str, Any]:
        g = self.game[e.gameId]
        side = "operatorSeconds" if g["phase"].waits_for_operator else "challengerSeconds"
        g[side] = max(g[side] - (self.now - g["turnSince"]), 0)
        g["turnSince"] = self.now
        return g

    def compare(self) -> None:
        super().compare()
        for game_id, g in self.game.items():
            shown = self.contract.game(game_id)
            names = ("challenger", "phase") if g["phase"].is_over else [name for name in g if name != "version"]
            for name in names:
                assert getattr(shown, name) == g[name], (name, getattr(shown, name), g)


class Equivocations(Index):
    """Seals, and the answers that were part of a proof."""

    def begin(self) -> None:
        self.announced: dict[bytes, int] = {}
        self.proven: set[bytes] = set()

    def Announced(self, e: Event) -> None:
        self.announced[e.seal] = self.now

    def Equivocated(self, e: Event) -> None:
        self.proven |= {e.first, e.second}

    def compare(self) -> None:
        super().compare()
        for seal, second in self.announced.items():
            self.same("announcedAt", seal, gives=second)
        for answer_hash in self.proven:
            self.same("isProven", answer_hash, gives=True)


class Guardian(Index):
    """What is paused."""

    def begin(self) -> None:
        self.pause: dict[int, list[int]] = defaultdict(lambda: [0, 0])
        self.set = {name: self.first[name] for name in ("guardian", "maxPauseSeconds", "cooldownSeconds")}

    def GuardianSet(self, e: Event) -> None:
        self.set["guardian"] = e.guardian

    def PauseLimitsSet(self, e: Event) -> None:
        self.set |= {"maxPauseSeconds": e.maxPauseSeconds, "cooldownSeconds": e.cooldownSeconds}

    def Paused(self, e: Event) -> None:
        self.pause[e.business] = [e.until, e.pausableFrom]

    def Resumed(self, e: Event) -> None:
        self.pause[e.business] = [self.now - 1, e.pausableFrom]

    def compare(self) -> None:
        super().compare()
        for name, value in self.set.items():
            self.same(name, gives=value)
        for business, times in self.pause.items():
            self.same("pauseOf", business, gives=tuple(times))


class OpenGradientFacade(Index):
    """Purses, prices and names."""

    def begin(self) -> None:
        self.views: dict[tuple, Any] = {}

    def EscrowOpened(self, e: Event) -> None:
        self.views["escrowOf", e.user] = e.escrow

    def MaxFeeSet(self, e: Event) -> None:
        self.views["maxFeeOf", e.user] = e.maxFee

    def Preferred(self, e: Event) -> None:
        self.views["preferenceOf", e.user, e.modelId] = (e.versionId, e.operator)

    def Bound(self, e: Event) -> None:
        self.views["versionOf", e.modelId] = e.versionId

    def Described(self, e: Event) -> None:
        self.views["inputsOf", e.versionId] = e.inputs

    def OperatorsSet(self, e: Event) -> None:
        self.views["operatorsOf", e.versionId] = e.operators

    def compare(self) -> None:
        super().compare()
        for (view, *args), value in self.views.items():
            self.same(view, *args, gives=value)


INDEXES = (OPG, Models, Guardian, Staking, Channels, Inference, Disputes, Equivocations, OpenGradientFacade)


def rebuilt(world: RecordingEvm) -> list[Index]:
    """The indexes of all contracts that were deployed, up to date."""
    made = {world.deployed[kind.__name__].address: kind(world, world.deployed[kind.__name__], world.first[kind.__name__])
            for kind in INDEXES if kind.__name__ in world.deployed}  # fmt: skip
    models = next((each for each in made.values() if isinstance(each, Models)), None)
    for each in made.values():
        if isinstance(each, Disputes):
            each.models = models
    for now, event in world.log:
        if index := made.get(event.address):
            index.read(now, event)
    return list(made.values())
