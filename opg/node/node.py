"""The node: answers off chain, and what it does about the chain in the background (`opg.node.duties`)."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from opg.answers import SignedAnswer
from opg.chain.connection import Chain
from opg.chain.sender import Sender
from opg.chain.structs import NO_ADDRESS, Answer, Ask
from opg.chain.typed import answer_digest, sign_digest
from opg.errors import NotStaked, OPGError, UnknownVersion, WrongKey
from opg.log import say
from opg.node.admission import Order, Till, check_ask, check_deadline
from opg.node.batches import Trees, commit_batch
from opg.node.board import Board
from opg.node.duties import Duties
from opg.node.errors import Busy, StoreFull
from opg.node.metrics import Metrics
from opg.node.policy import Policy
from opg.node.store import Store
from opg.node.view import ChainView
from opg.node.workers import Inline, Pool
from opg.versions import LoadedVersion, bundle


class Node:
    """One operator serving some versions. `sender` holds the serving key (or the operator's own).

    Threads: HTTP handlers call `answer` and the `batch` functions; one worker thread calls `tick`.
    """

    def __init__(
        self,
        chain: Chain,
        sender: Sender,
        operator: str,
        versions: dict[int, LoadedVersion],
        store: Store,
        policy: Policy | None = None,
        pool: Pool | None = None,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.chain = chain
        self.sender = sender
        self.operator = operator
        self.versions = versions
        self.store = store
        self.policy = policy or Policy()
        self.pool = pool or Inline()
        self.metrics = metrics or Metrics()
        self.inference = chain.deployment.address("Inference")
        self.view = ChainView(chain, self.policy.max_skew_seconds, self.policy.max_blind_seconds, clock)
        self.names = {each.model_id: self._name(each.model_id) for each in versions.values()}
        self.till = Till(self.view, store, operator, self.policy.price)
        self.trees = Trees(store)
        self.board = Board()
        self.draining = False
        self._running: dict[bytes, Future[SignedAnswer]] = {}
        self._running_lock = threading.Lock()
        self._unfit: OPGError | None = None
        self.check_operator()
        self.view.refresh()
        self.duties = Duties(self)
        self._watch()

    def check_operator(self) -> None:
        """Refuses to serve with a key that cannot sign for the operator, or without enough stake."""
        key = self.sender.address
        if self.view.read("Staking", "operatorInfo", self.operator)[0] != key:
            raise WrongKey(
                f"{key} is not the serving key of {self.operator}",
                "register it with the operator's account: opg operator register",
            )
        if not self.view.read("Staking", "isLive", self.operator):
            raise NotStaked(f"{self.operator} has less than the minimum stake", "add some: opg operator stake")

    def see_chain(self) -> None:
        """Brings up to date what answers rely on. The worker thread calls it before anything else."""
        self.view.refresh()
        try:
            self.check_operator()
            self._unfit = None
        except (WrongKey, NotStaked) as problem:
            self._unfit = problem
        self.duties.alarm("unfit", str(self._unfit) if self._unfit else "")

    # ------------------------------------------------------------------ answers

    def infer(self, body: dict[str, Any]) -> dict[str, Any]:
        """One request as POST /opg/v1/infer has it."""
        version = self.version(body.get("version"))
        inputs = version.parse_inputs(body.get("inputs"))
        order = Order(version, inputs, body.get("ask"), body.get("askSignature"), body.get("voucher"))
        kept = self.answer(order)
        return {**kept.json(), "tensors": version.show_outputs(kept.outputs)}

    def answer(self, order: Order) -> SignedAnswer:
        """One off-chain request: checked, paid, executed, signed, on disk.

        The same request again gets the same answer, without being paid for again; also while the first is running.
        """
        now = self.view.now()
        ask, digest = check_ask(order, self.operator, self.chain.id, self.inference, now, self.policy.price == 0)
        kept = self.store.answer_to(digest)
        if kept is not None:
            return kept
        check_deadline(ask, now)
        with self._running_lock:
            running = self._running.get(digest)
            if running is None:
                mine = self._running[digest] = Future()
        if running is not None:
            return running.result()
        try:
            made = self._make(order, ask, digest)
            mine.set_result(made)
            return made
        except BaseException as problem:
            mine.set_exception(problem)
            raise
        finally:
            del self._running[digest]

    def check_fit(self) -> None:
        """Raises what keeps this node from signing answers now."""
        if self.draining:
            raise Busy("the node is about to stop", "try another operator")
        if self._unfit is not None:
            raise self._unfit
        self.view.check()

    def _make(self, order: Order, ask: Ask, digest: bytes) -> SignedAnswer:
        self.check_fit()
        kept = self.store.answer_to(digest)  # it may have been finished since we looked
        if kept is not None:
            return kept
        reservation = self.till.reserve(order, ask)
        try:
            outputs = self.pool.run(order.version, order.inputs)
            now = self.view.now()
            check_deadline(ask, now)
            answer = Answer(digest, order.version.id, ask.input, bundle(outputs), self.operator, now)
            name = answer_digest(answer, self.chain.id, self.inference)
            signature = sign_digest(name, self.sender.account)
            signed = SignedAnswer(answer, name, self.sender.address, signature, order.inputs, outputs)
            voucher = self.till.voucher(reservation)
            kept = self.store.keep(signed, voucher, reservation.price if reservation else 0)
        except BaseException:
            self.till.cancel(reservation)
            raise
        self.till.book(reservation)
        self.metrics.answers.labels(str(order.version.id)).inc()
        if ask.user != NO_ADDRESS:
            say("answered", request=digest, version=order.version.id, user=ask.user)
        return kept

    def version(self, number: Any) -> LoadedVersion:
        """A version that is served. Raises `UnknownVersion`."""
        if isinstance(number, bool) or not isinstance(number, int) or number not in self.versions:
            served = ", ".join(map(str, sorted(self.versions)))
            raise UnknownVersion(f"version {repr(number)[:40]} is not served here", f"served are: {served}")
        return self.versions[number]

    def stored_answer(self, name: bytes) -> dict[str, Any] | None:
        """An answer by its digest or its request."""
        found = self.store.answer(name) or self.store.answer_to(name)
        return found.json() if found else None

    def info(self) -> dict[str, Any]:
        """Who this is."""
        return {
            "operator": self.operator,
            "key": self.sender.address,
            "chainId": self.chain.id,
            "inference": self.inference,
            "versions": sorted(self.versions),
            "price": str(self.policy.price),
        }

    def _name(self, model_id: int) -> str:
        encoded = str(self.chain.read("Models", "tokenURI", model_id)).partition(",")[2]
        return str(json.loads(base64.b64decode(encoded))["name"])

    # ------------------------------------------------------------------ batches

    def batch_item(self, name: int | bytes, place: int) -> dict[str, Any]:
        """One answer of a batch with its path to the root."""
        root, batch_id, count = self.batch_head(name)
        if not 0 <= place < count:
            raise UnknownVersion(f"the batch has {count} answers", "count from 0")
        (answer,) = self.store.batch_answers(root, place, 1)
        return {
            **answer.json(),
            "root": "0x" + root.hex(),
            "batchId": batch_id,
            "index": place,
            "path": ["0x" + node.hex() for node in self.trees.path(root, place)],
        }

    def batch_head(self, name: int | bytes) -> tuple[bytes, int | None, int]:
        """Root, id and count of a batch. Raises `UnknownVersion`."""
        found = self.store.batch_head(name)
        if found is None:
            raise UnknownVersion("there is no such batch here", "name its id on chain, or its root")
        return found

    def commit(self) -> int | None:
        """Commits all answers that are in no batch yet. Gives the batch's id; None when there is nothing to
        commit.
        """
        return commit_batch(self.store, self.sender, self.operator, self.policy.endpoint)

    # ------------------------------------------------------------------ in the background

    def tick(self) -> None:
        """One round of the worker."""
        self.duties.tick()

    def run(self, stop: threading.Event) -> None:
        """Ticks until `stop` is set, whatever happens. A chain that is away for a while is waited for."""
        while not stop.is_set():
            try:
                self.tick()
                self.duties.alarm("chain", "")
            except StoreFull:
                pass  # which has an alarm of its own
            except OPGError as problem:
                self.duties.alarm("chain", str(problem))
            except Exception as problem:  # one bad reply must not end the defence of our stake
                self.metrics.failures.inc()
                self.duties.alarm("chain", f"{type(problem).__name__}: {problem}")
            stop.wait(self.policy.poll_seconds)

    def drain(self) -> None:
        """Takes no new requests."""
        self.draining = True

    def close(self) -> None:
        """Ends workers and store."""
        self.pool.close()
        self.store.close()

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("opg_waiting", "Requests that wait for a worker", lambda: self.pool.waiting)
        watch("opg_running", "Requests that are being answered", lambda: len(self._running))
        watch("opg_workers", "Worker processes that are up", lambda: self.pool.alive)
        watch("opg_worker_deaths", "Worker processes that died", lambda: getattr(self.pool, "deaths", 0))
        watch("opg_uncommitted", "Signed answers in no batch yet", self.store.uncommitted_count)
        watch("opg_log_answers", "Answers in the log", self.store.answer_count)
        watch("opg_games_running", "Disputes against this operator", lambda: len(self.store.games()))
        watch("opg_chain_age_seconds", "Seconds since the chain was seen", lambda: self.view.age)
        watch("opg_clock_skew_seconds", "This clock against the chain's", lambda: self.view.skew)
        watch("opg_chain_head", "Newest block that was seen", lambda: self.view.head)
