"""The node: answers off chain over HTTP, answers on chain, commits batches, collects its pay, defends its
answers.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from opg.answers import SignedAnswer
from opg.chain.connection import Chain
from opg.chain.events import Event, EventReader
from opg.chain.sender import Sender
from opg.chain.structs import Answer, Ask, Request
from opg.chain.typed import answer_digest, ask_digest, recover, sign_digest
from opg.errors import (
    BadRequest,
    NotStaked,
    OPGError,
    PaymentRequired,
    TransactionRefused,
    UnknownVersion,
    WrongKey,
)
from opg.log import say
from opg.node.batches import commit_batch
from opg.node.defence import Defence
from opg.node.income import ending, redeem_vouchers
from opg.node.store import Store
from opg.tensor.commitment import ListTree
from opg.versions import LoadedVersion, bundle
from opg.vouchers import SignedVoucher, check_voucher

MAX_ASK_SECONDS = 3600  # a request may not be kept for longer than that
TOPICS = [
    ("Inference", "Requested"),
    ("Inference", "Fulfilled"),
    ("Inference", "Committed"),
    ("Disputes", "Opened"),
    ("Channels", "CloseStarted"),
]


@dataclass(frozen=True)
class Policy:
    """What an operator decides for itself. Price in wei of OPG for one answer, times in seconds."""

    price: int = 0
    poll_seconds: float = 1.0
    commit_every_seconds: float = 0.0  # 0: only when asked
    commit_at: int = 1024  # answers that wait: commit without waiting longer
    endpoint: str = ""
    confirmations: int = 0


class Node:
    """One operator serving some versions. `sender` holds the serving key (or the operator's own).

    Threads: HTTP handlers call `infer` and the `batch` functions; one worker thread calls `tick`.
    """

    def __init__(
        self,
        chain: Chain,
        sender: Sender,
        operator: str,
        versions: dict[int, LoadedVersion],
        store: Store,
        policy: Policy | None = None,
    ) -> None:
        self.chain = chain
        self.sender = sender
        self.operator = operator
        self.versions = versions
        self.store = store
        self.policy = policy or Policy()
        self.inference = chain.deployment.address("Inference")
        self.check_operator()
        self.defence = Defence(chain, sender, versions, store)
        cursor = store.cursor("events")
        self.reader = EventReader(chain, TOPICS, cursor, self.policy.confirmations)
        self._last_commit = chain.now()
        self._leaving: set[str] = set()  # payers that are about to take their deposits out

    # ------------------------------------------------------------------ off chain

    def check_operator(self) -> None:
        """Refuses to serve with a key that cannot sign for the operator, or without enough stake."""
        key = self.sender.address
        if not self.chain.read("Staking", "isKeyAt", self.operator, key, self.chain.now()):
            raise WrongKey(
                f"{key} is not the serving key of {self.operator}",
                "register it with the operator's account: opg operator register",
            )
        if not self.chain.read("Staking", "isLive", self.operator):
            raise NotStaked(f"{self.operator} has less than the minimum stake", "add some: opg operator stake")

    def infer(self, body: dict[str, Any]) -> dict[str, Any]:
        """One off-chain request: checked, executed, paid, signed, stored, answered.

        The same request again gets the same answer, without being paid for again.
        """
        version = self._version(body.get("version"))
        inputs = version.parse_inputs(body.get("inputs"))
        ask, digest = self._ask(body, version, inputs)
        kept = self.store.answer_to(digest)
        if kept is None:
            voucher = self._voucher(body, version)
            outputs = version.execute(inputs)
            kept = self._sign(
                Answer(digest, version.id, ask.input, bundle(outputs), self.operator, self.chain.now()),
                inputs,
                outputs,
                voucher,
            )
            say("answered", request=digest, version=version.id, user=ask.user)
        return {**kept.json(), "tensors": version.show_outputs(kept.outputs)}

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

    def _version(self, number: Any) -> LoadedVersion:
        if isinstance(number, bool) or not isinstance(number, int) or number not in self.versions:
            served = ", ".join(map(str, sorted(self.versions)))
            raise UnknownVersion(f"version {str(number)[:40]} is not served here", f"served are: {served}")
        return self.versions[number]

    def _ask(self, body: dict[str, Any], version: LoadedVersion, inputs: tuple[bytes, ...]) -> tuple[Ask, bytes]:
        try:
            ask = Ask.from_json(body.get("ask"))  # type: ignore[arg-type]
            signature = bytes.fromhex(str(body.get("askSignature")).removeprefix("0x"))
        except (ValueError, TypeError) as problem:
            raise BadRequest(f"the signed request is not readable: {problem}", "send ask and askSignature") from None
        now = self.chain.now()
        if ask.operator != self.operator:
            raise BadRequest(f"the request is for {ask.operator}", f"this is {self.operator}")
        if ask.version != version.id:
            raise BadRequest(f"the signed request is for version {ask.version}", "sign the version that is asked for")
        if ask.input != bundle(inputs):
            raise BadRequest("the signed request is for another input", "sign the bundle of the inputs sent")
        if not now <= ask.deadline <= now + MAX_ASK_SECONDS:
            raise BadRequest(
                f"the request's deadline is {ask.deadline}, now is {now}; at most {MAX_ASK_SECONDS} seconds ahead",
                "sign a new request",
            )
        digest = ask_digest(ask, self.chain.id, self.inference)
        if recover(digest, signature) != ask.user:
            raise BadRequest("the request is not signed by its user", "sign it with the key of `user`")
        return ask, digest

    def _voucher(self, body: dict[str, Any], version: LoadedVersion) -> SignedVoucher | None:
        if self.policy.price == 0:
            return None
        if body.get("voucher") is None:
            raise PaymentRequired(f"an answer costs {self.policy.price} wei of OPG", "send a voucher")
        voucher = SignedVoucher.from_json(body["voucher"])
        held = self.store.voucher_totals(voucher.voucher.payer)
        check_voucher(self.chain, voucher, self.operator, version.model_id, held)
        needed = held.get(version.model_id, 0) + self.policy.price
        if voucher.voucher.total < needed:
            raise PaymentRequired(
                f"the voucher's total must be {needed} wei, it is {voucher.voucher.total}",
                "sign a higher one",
            )
        return voucher

    def _sign(
        self,
        answer: Answer,
        inputs: tuple[bytes, ...],
        outputs: tuple[bytes, ...],
        voucher: SignedVoucher | None,
    ) -> SignedAnswer:
        digest = answer_digest(answer, self.chain.id, self.inference)
        signature = sign_digest(digest, self.sender.account)
        signed = SignedAnswer(answer, digest, self.sender.address, signature, inputs, outputs)
        return self.store.keep(signed, voucher, self.policy.price)

    # ------------------------------------------------------------------ batches

    def batch(self, name: int | bytes) -> dict[str, Any]:
        """All answers of a batch, in their order."""
        root, batch_id, answers = self._batch(name)
        return {"root": "0x" + root.hex(), "batchId": batch_id, "answers": [each.json() for each in answers]}

    def batch_item(self, name: int | bytes, place: int) -> dict[str, Any]:
        """One answer of a batch with its path to the root."""
        root, batch_id, answers = self._batch(name)
        if not 0 <= place < len(answers):
            raise UnknownVersion(f"the batch has {len(answers)} answers", "count from 0")
        path = ListTree([each.digest for each in answers]).path(place)
        return {
            **answers[place].json(),
            "root": "0x" + root.hex(),
            "batchId": batch_id,
            "index": place,
            "path": ["0x" + node.hex() for node in path],
        }

    def _batch(self, name: int | bytes) -> tuple[bytes, int | None, list[SignedAnswer]]:
        found = self.store.batch(name)
        if found is None:
            raise UnknownVersion("there is no such batch here", "name its id on chain, or its root")
        return found

    def commit(self) -> int | None:
        """Commits all answers that are in no batch yet. Gives the batch's id; None when there is nothing to
        commit.
        """
        return commit_batch(self.store, self.sender, self.operator, self.policy.endpoint)

    # ------------------------------------------------------------------ on chain

    def tick(self) -> None:
        """One round of the worker: read events, answer, collect, defend. Errors of one deed don't stop the
        others.
        """
        for event in self.reader.read():
            self._see(event)
        self.store.set_cursor("events", self.reader.cursor)
        self.defence.tick()
        for request_id, request, inputs in self.store.requests("open"):
            self._guarded("answering on chain", self._fulfil, request_id, request, inputs)
        for request_id, request, _ in self.store.requests("fulfilled"):
            self._guarded("collecting the fee", self._finalise, request_id, request)
        self._guarded("committing a batch", self._commit_when_due)
        self._guarded("redeeming vouchers", self._redeem_when_due)

    def run(self, stop: threading.Event) -> None:
        """Ticks until `stop` is set. A chain that is away for a while is waited for."""
        while not stop.is_set():
            try:
                self.tick()
            except OPGError as problem:
                say("waiting", why=str(problem))
            stop.wait(self.policy.poll_seconds)

    def _guarded(self, doing: str, deed: Any, *arguments: Any) -> None:
        try:
            deed(*arguments)
        except TransactionRefused as problem:
            say("refused", doing=doing, why=str(problem))

    def _see(self, event: Event) -> None:
        args = event.args
        if event.name == "Requested" and args["operator"] == self.operator:
            request = Request.of(args["request"])
            if request.version in self.versions:
                self.store.keep_request(bytes(args["requestId"]), request, [bytes(t) for t in args["inputs"]])
        elif event.name == "Fulfilled" and args["answer"]["operator"] == self.operator:
            self._fulfilled(event)
        elif event.name == "Committed" and args["operator"] == self.operator:
            self.store.batch_committed(bytes(args["root"]), int(args["batchId"]))
        elif event.name == "CloseStarted" and args["operator"] == self.operator:
            self._leaving.add(args["payer"])
        elif event.name == "Opened":
            answer = Answer.of(args["answer"])
            if answer.operator == self.operator:
                say(
                    "accused",
                    game=bytes(args["gameId"]),
                    answer=bytes(args["answerHash"]),
                    by=args["challenger"],
                )
                self.store.keep_game(bytes(args["gameId"]), answer)

    def _fulfil(self, request_id: bytes, request: Request, inputs: tuple[bytes, ...]) -> None:
        if self.chain.now() > request.deadline:
            self.store.request_state(request_id, "closed")
            return
        outputs = self.versions[request.version].execute(inputs)
        try:
            self.sender.send("Inference", "fulfil", request.abi(), outputs)
        except TransactionRefused as problem:
            if problem.name != "WrongRequestState":
                raise
            self.store.request_state(request_id, "fulfilled")  # by another process of this operator
            return
        say("answered on chain", request=request_id, version=request.version)
        self.store.request_state(request_id, "fulfilled")

    def _fulfilled(self, event: Event) -> None:
        """Remembers the answer that the chain made of our outputs: it may be disputed."""
        answer = Answer.of(event.args["answer"])
        inputs = self.store.request_inputs(answer.request)
        if inputs is not None:
            outputs = tuple(bytes(t) for t in event.args["outputs"])
            digest = bytes(event.args["answerHash"])
            self.store.keep(SignedAnswer(answer, digest, self.sender.address, b"", inputs, outputs))
            self.store.request_state(answer.request, "fulfilled")

    def _finalise(self, request_id: bytes, request: Request) -> None:
        kept = self.store.answer_to(request_id)
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

    def _commit_when_due(self) -> None:
        if self.policy.commit_every_seconds <= 0:
            return
        now = self.chain.now()
        waiting = self.store.uncommitted_count()
        due = now - self._last_commit >= self.policy.commit_every_seconds
        if waiting and (due or waiting >= self.policy.commit_at):
            self._last_commit = now
            self.commit()

    def _redeem_when_due(self) -> None:
        due = ending(self.store, self.chain.now())
        if self._leaving:
            due += [v for v in self.store.vouchers_to_redeem() if v.voucher.payer in self._leaving and v not in due]
        if due:
            redeem_vouchers(self.store, self.sender, due)
        self._leaving.clear()
