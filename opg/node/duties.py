"""What a node does about the chain, in one thread: defend, read events, answer on-chain requests, collect, commit, redeem.

Whatever fails, the rest is done all the same, and defence comes first: others can make some of it fail, and silence costs the stake.
A re-organisation of up to `REORG_BLOCKS` blocks harms nothing: those blocks are read again each time, everything that an event leads to
may happen twice, and what was believed to be on the chain is looked at until it lies deeper.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from web3.exceptions import Web3Exception

from opg.answers import SignedAnswer
from opg.chain.events import REORG_BLOCKS, Event, EventReader
from opg.chain.structs import Answer, Request
from opg.errors import ChainUnreachable, OPGError, TransactionRefused
from opg.log import say
from opg.node.admission import channel_views
from opg.node.batches import check_batches
from opg.node.board import OnChain
from opg.node.defence import Defence
from opg.node.errors import AlreadyRunning, Busy, StoreFull, WorkerFailed
from opg.node.executions import Executions
from opg.node.income import Endings, check_redeemed, gas_worth, redeem_vouchers, worthwhile
from opg.words import ether

if TYPE_CHECKING:
    from opg.node.node import Node

TOPICS = [
    ("Inference", "Requested"),
    ("Inference", "Fulfilled"),
    ("Inference", "Committed"),
    ("Disputes", "Opened"),
    ("Channels", "CloseStarted"),
    ("Channels", "KeyAuthorised"),
]
OPEN = (1).to_bytes(32, "big")  # `Inference.requestState` of a request that waits
RECENT_SECONDS = 1_800  # a re-organisation does not reach further back
ROUND_SECONDS = 30.0  # for deeds of one kind: a dispute may have begun meanwhile
MAX_REDEEMED = 200  # vouchers a round
DEFENCE_GAS = 3_000_000  # all moves of the operator in one game: two levels of a trace, three of a large result, a chunk; and room
PURSE_SECONDS = 60.0
MAX_TRIED = 10_000
REMIND_SECONDS = 300.0  # an alarm that lasts is said again


class Duties:
    """The background work of one node."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.chain = node.chain
        self.store = node.store
        self.sender = node.sender
        self.operator = node.operator
        self.policy = node.policy
        self.defence = Defence(
            node.chain, node.sender, node.versions, node.store, self.policy.alarm_seconds, self._defence_alarm
        )
        self.reader = EventReader(node.chain, TOPICS, node.store.cursor("events"), self.policy.confirmations)
        self.alarms: dict[str, str] = {}
        self._reminded: dict[str, float] = {}
        self._raised: set[str] = set()
        self._last_commit = node.chain.now()
        self._last_redeem = time.monotonic()
        self._purse_seen = -PURSE_SECONDS
        self.endings = Endings(node.store, node.chain)
        self.executions = Executions()
        self._seen: dict[tuple[int, str, int], None] = {}  # events of the blocks that are read again
        self._counted = node.sender.count
        self._tried: dict[bytes, float] = {}  # requests, when they were tried last
        self._accused = False  # of something that the last look at the games did not see
        self._problems: list[Exception] = []

    def tick(self) -> None:
        """One round. Errors of one deed don't stop the others; the first that nobody foresaw is raised at the end."""
        self._problems.clear()
        if len(self._tried) > MAX_TRIED:
            self._tried.clear()
        self._guarded("defending", self._defend)
        self._guarded("seeing the chain", self.node.see_chain)
        self._guarded("reading events", self._read_events)
        if self._accused:
            self._guarded("defending", self._defend)
        self.alarm("workers", "" if self.node.pool.alive else "no worker process is up")
        self._guarded("looking into the purse", self._look_into_purse)
        self._guarded("answering on chain", self._fulfil_all)
        self._guarded("collecting fees", self._finalise_all)
        self._guarded("checking batches", check_batches, self.store, self.chain, self.operator, self.node.view.head)
        self._guarded("committing a batch", self._commit_when_due)
        self._guarded("checking vouchers", check_redeemed, self.store, self.sender, self.node.view.head)
        self._guarded("redeeming vouchers", self._redeem_when_due)
        full = next((str(each) for each in self._problems if isinstance(each, StoreFull)), "")
        self.alarm("disk", self.store.trouble or full)
        if self._problems:
            raise self._problems[0]

    def alarm(self, reason: str, particulars: str) -> None:
        """Something that somebody should look at, once a while; empty particulars: it is over."""
        if particulars:
            particulars = self.chain.without_key(particulars)
            self._raised.add(reason)
            if time.monotonic() - self._reminded.get(reason, -REMIND_SECONDS) >= REMIND_SECONDS:
                say("ALARM", reason=reason, why=particulars)
                self._reminded[reason] = time.monotonic()
            self.alarms[reason] = particulars
        elif self.alarms.pop(reason, None) is not None:
            say("alarm over", reason=reason)
            self._reminded.pop(reason, None)
        self.node.metrics.alarms.labels(reason).set(bool(particulars))

    def _defence_alarm(self, reason: str, particulars: str) -> None:
        self.alarm(reason, particulars)

    def _guarded(self, doing: str, deed: Callable[..., Any], *arguments: Any) -> None:
        try:
            deed(*arguments)
        except TransactionRefused as problem:
            say("refused", doing=doing, why=self.chain.without_key(str(problem)))
            self.node.metrics.transactions.labels(doing, "refused").inc()
        except (AlreadyRunning, Busy, WorkerFailed) as problem:
            say("later", doing=doing, why=str(problem))
        except Exception as problem:
            self._failed(doing, problem)
        finally:
            for sent in self.sender.log[len(self.sender.log) - (self.sender.count - self._counted) :]:
                self.node.metrics.transactions.labels(sent.label, "included").inc()
            self._counted = self.sender.count

    def _failed(self, doing: str, problem: Exception) -> None:
        self._problems.append(problem)
        if isinstance(problem, ChainUnreachable):
            self.alarm("chain", str(problem))  # now: the other deeds of the round wait for it, too
        say("failed", doing=doing, why=self.chain.without_key(f"{type(problem).__name__}: {problem}"))

    def _defend(self) -> None:
        self._accused = False
        self._raised.clear()
        self.defence.tick()
        for reason in ("clock", "cannot_defend"):
            if reason not in self._raised:
                self.alarm(reason, "")
        self.node.metrics.running_games((f"0x{game.hex()}", left) for game, left in self.defence.clocks.items())

    def _look_into_purse(self) -> None:
        """An alarm while the ether of the serving key would not pay for a defence: without one its stake is lost."""
        if time.monotonic() - self._purse_seen < PURSE_SECONDS:
            return
        key = self.sender.address
        held = self.chain.rpc(lambda: self.chain.w3.eth.get_balance(key))
        needed = DEFENCE_GAS * self.sender.gas_price()
        short = f"{key} has {ether(held)}, a defence takes up to {ether(needed)} at this gas price: send it some"
        self.alarm("ether", short if held < needed else "")
        self._purse_seen = time.monotonic()

    # ------------------------------------------------------------------ events

    def _read_events(self) -> None:
        head = self.node.view.head
        first = max(self.chain.deployment.block, min(self.reader.cursor, head + 1) - REORG_BLOCKS)
        self.reader.cursor = first
        for event in self.reader.read(head):
            key = (event.block, event.transaction, event.index)
            if key not in self._seen:
                try:
                    self._see(event)
                except (OPGError, Web3Exception):
                    raise  # of the moment: all is read again in the next round
                except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as problem:
                    self._failed(f"reading {event.name} in block {event.block}", problem)  # it must not hide the others
                    continue
                self._seen[key] = None
        self._seen = {key: None for key in self._seen if key[0] >= first}
        self.store.set_cursor("events", self.reader.cursor)

    def _see(self, event: Event) -> None:
        args = event.args
        if event.name == "Requested" and args["operator"] == self.operator:
            request, request_id = Request.of(args["request"]), bytes(args["requestId"])
            if request.version not in self.node.versions:
                return
            known = not self.store.keep_request(request_id, request, [bytes(t) for t in args["inputs"]])
            if known and bytes(self.chain.read("Inference", "requestState", request_id)) == OPEN:
                self.store.request_state(request_id, "open")  # it went with a re-organisation, and came back
        elif event.name == "Fulfilled" and args["answer"]["version"] in self.node.versions:
            self._fulfilled(event)
        elif event.name == "Committed" and args["operator"] == self.operator:
            root = bytes(args["root"])
            head = self.store.batch_head(root)
            if head is not None and head[1] is None:
                self.store.batch_committed(root, int(args["batchId"]), event.block)
        elif event.name == "CloseStarted" and args["operator"] == self.operator:
            self.endings.look_again(args["payer"])
            self.node.view.forget(("Channels", "channel", args["payer"], self.operator))
        elif event.name == "KeyAuthorised":
            self.endings.look_again(args["payer"])
            self.node.view.forget(("Channels", "keyUntil", args["payer"], args["key"]))
        elif event.name == "Opened":
            answer = Answer.of(args["answer"])
            if answer.operator == self.operator and self.store.keep_game(bytes(args["gameId"]), answer):
                self._accused = True
                say("accused", game=bytes(args["gameId"]), answer=bytes(args["answerHash"]), by=args["challenger"])

    def _fulfilled(self, event: Event) -> None:
        """Shows the answer, also another operator's; and remembers the one that the chain made of our outputs: it may be disputed."""
        answer = Answer.of(event.args["answer"])
        outputs = tuple(bytes(t) for t in event.args["outputs"])
        digest = bytes(event.args["answerHash"])
        self.node.board.show(answer.request, OnChain(answer.version, digest, outputs))
        inputs = self.store.request_inputs(answer.request) if answer.operator == self.operator else None
        if inputs is None:
            return
        signed = SignedAnswer(answer, digest, self.sender.address, b"", inputs, outputs)
        if self.store.keep(signed).digest != digest:
            self.store.replace_on_chain(signed)
        if answer.request in {request_id for request_id, *_ in self.store.requests("open")}:
            self.store.request_state(answer.request, "fulfilled")

    # ------------------------------------------------------------------ on-chain requests

    def _fulfil_all(self) -> None:
        waiting = self.store.requests("open")
        self.executions.only([request_id for request_id, *_ in waiting])
        for request_id in self.executions.ready():
            self._tried.pop(request_id, None)  # or new ones, each of which is waited for, would keep it from its turn
        self._some("answering on chain", self._fulfil, waiting)

    def _finalise_all(self) -> None:
        now, window = self.node.view.now(), int(self.node.view.read("Inference", "windowSeconds"))
        self._some("collecting the fee", self._finalise, self.store.fulfilled(now - window, now - RECENT_SECONDS))

    def _some(
        self, doing: str, deed: Callable[..., Any], requests: Sequence[tuple[bytes, Any, *tuple[Any, ...]]]
    ) -> None:
        """Does as much as there is time for; what was tried longest ago comes first, so that nothing keeps the rest from its turn."""
        until = time.monotonic() + ROUND_SECONDS
        for each in sorted(requests, key=lambda request: self._tried.get(request[0], 0.0)):
            if time.monotonic() > until:
                return
            self._tried[each[0]] = time.monotonic()
            self._guarded(doing, deed, *each)

    def _fulfil(self, request_id: bytes, request: Request, inputs: tuple[bytes, ...]) -> None:
        if self.chain.head_time() > request.deadline:
            self.store.request_state(request_id, "closed")
            return
        if not self.node.pool.alive:
            raise WorkerFailed("no worker process is up", "look at the log; give the node more memory")
        run = partial(self.node.pool.run, self.node.versions[request.version], inputs, True)
        outputs = self.executions.outputs(request_id, run)
        if outputs is None:
            return  # it takes long; in a later round
        try:
            self.sender.send("Inference", "fulfil", request.abi(), outputs)
        except TransactionRefused as problem:
            if problem.name != "WrongRequestState":
                raise
            self.store.request_state(request_id, "fulfilled")  # by another process of this operator
            return
        say("answered on chain", request=request_id, version=request.version)
        self.store.request_state(request_id, "fulfilled")

    def _finalise(self, request_id: bytes, request: Request) -> None:
        state = bytes(self.chain.read("Inference", "requestState", request_id))
        if state == OPEN:  # a re-organisation took our answer away
            self.store.request_state(request_id, "open")
            return
        kept = self.store.answer_to(request_id)
        if state == bytes(32):  # paid or refunded
            self.store.request_state(request_id, "closed")
            return
        if kept is None:
            return
        _, _, refuted = self.chain.read("Inference", "answerState", kept.digest)
        if refuted:
            self.store.request_state(request_id, "closed")
            return
        if not self.chain.read("Inference", "isFinal", kept.digest):
            return
        try:
            self.sender.send("Inference", "finalise", request.abi(), kept.outputs)
            say("collected", request=request_id, fee=request.fee)
        except TransactionRefused as problem:
            if problem.name != "WrongRequestState":
                raise
        self.store.request_state(request_id, "closed")

    # ------------------------------------------------------------------ settling

    def _commit_when_due(self) -> None:
        if self.policy.commit_every_seconds <= 0:
            return
        now = self.node.view.now()
        waiting = self.store.uncommitted_count()
        due = not 0 <= now - self._last_commit < self.policy.commit_every_seconds  # also when the clock was set back
        if self.store.planned_batch() is not None or (waiting and (due or waiting >= self.policy.commit_at)):
            self._last_commit = now
            self.node.commit()

    def _redeem_when_due(self) -> None:
        due = self.endings.due()
        periodic = time.monotonic() - self._last_redeem >= self.policy.redeem_every_seconds
        if not due and not periodic:
            return
        gas_price = int(self.chain.rpc(lambda: self.chain.w3.eth.gas_price))
        if periodic:
            due += [v for v in worthwhile(self.store, self.sender, self.policy, gas_price) if v not in due]
        if periodic and len(due) <= MAX_REDEEMED:
            self._last_redeem = time.monotonic()
        try:
            redeem_vouchers(self.store, self.sender, due[:MAX_REDEEMED], gas_worth(self.policy, gas_price))
        finally:
            for each in due[:MAX_REDEEMED]:
                self.node.view.forget(*channel_views(each, self.operator))
