"""Asking without naming an operator: the market finds one, pays it, checks it, and goes elsewhere when something is wrong.

    import opg

    with opg.Client.from_environment() as client:       # OPG_RPC, OPG_MANIFEST, OPG_PRIVATE_KEY or OPG_KEYSTORE
        reply = client.infer(version_id=1, inputs=[picture], terms=opg.Terms(max_price=10**16, deposit=10**18))
        print(reply.tensors[0]["values"])

`await client.infer_async(…)` is the same without blocking the event loop. `opg.Client` is `Market` here.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from opg import actions
from opg.answers import SignedAnswer
from opg.chain import Chain, Deployment, Sender, load_account
from opg.chain.deployment import manifest_path
from opg.client import Client, Reply
from opg.errors import (
    BadAnswer,
    ChainUnreachable,
    NoOperator,
    NotStaked,
    OperatorRefused,
    OperatorUnreachable,
    OPGError,
)
from opg.keeping import keep
from opg.log import say
from opg.offers import Offers
from opg.tensor import Spec
from opg.versions import LoadedVersion, Published, parse_tensors, read_published
from opg.vouchers import VoucherBook
from opg.words import shown

LOOK_SECONDS = 10  # for so long, price and stake are believed to be what they were; both are checked with every answer
LOOKS = 32  # operators that are looked at at once
SEEN_SECONDS = 1.5  # an operator looks at a deposit once a second at most
FIRST_PAUSE_SECONDS = 5  # after a failure; doubles with each
LONGEST_PAUSE_SECONDS = 3_600
DOUBT_SECONDS = 600  # who has refused a request that nobody took is asked after the others
TOLD = 8  # operators whose reasons an error names
LATENCY_WEIGHT = 0.3  # of the newest answer, in the running mean
UNKNOWN_LATENCY = 1.0  # of an operator that was never asked: it gets its chance, but not before a quick one


@dataclass(frozen=True)
class Terms:
    """What a user accepts. Amounts in wei of OPG.

    `deposit` is what a channel is opened or topped up with when it runs out, `audit` the share of answers that are executed again here.
    """

    max_price: int = 0
    min_stake: int = 0
    deposit: int = 0
    audit: float = 0.0
    tries: int = 3


@dataclass
class Record:
    """What this user has seen of an operator."""

    latency: float = UNKNOWN_LATENCY  # running mean, seconds
    good: int = 0
    failures: int = 0  # in a row
    avoid_until: float = 0.0  # unix seconds
    caught: bool = False  # it signed something wrong: never again
    doubted_until: float = 0.0  # unix seconds


@dataclass(frozen=True)
class Candidate:
    """An operator that serves a version, as the chain and its own word have it."""

    operator: str
    endpoint: str
    stake: int
    price: int
    record: Record = field(default_factory=Record)


class Market:
    """Operators of all versions, and what is known of them. Safe to use from several threads.

    `folder` keeps vouchers, records, receipts and who offers what; a receipt stays for as long as its answer can be disputed.
    """

    def __init__(self, client: Client, folder: Path, seed: int | None = None) -> None:
        self.client, self.chain, self.folder = client, client.chain, folder
        self.sender = Sender(client.chain, client.account)
        if client.book is None:
            client.book = VoucherBook(folder / "vouchers.json")
        client.late = self._keep
        self._random = random.Random(seed)
        self._lock = threading.RLock()
        self._offers = Offers(self.chain, folder / "offers.json")
        self._records = self._load()
        self._busy: dict[str, threading.Lock] = {}
        self._looks: dict[tuple[str, int], tuple[float, Candidate]] = {}

    @classmethod
    def from_environment(cls, folder: Path | None = None) -> Self:
        """From `OPG_RPC`, `OPG_MANIFEST`, `OPG_KEYSTORE` or `OPG_PRIVATE_KEY`, and `OPG_DATA`: what `opg ask` uses, too."""
        chain = Chain(os.environ.get("OPG_RPC", "http://127.0.0.1:8545"))
        given = os.environ.get("OPG_MANIFEST")
        chain.deployment = Deployment.load(Path(given) if given else manifest_path(chain.id))
        keystore = os.environ.get("OPG_KEYSTORE")
        folder = folder or Path(os.environ.get("OPG_DATA", ".opg"))
        return cls(Client(chain, load_account(Path(keystore) if keystore else None)), folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._save()

    # ------------------------------------------------------------------ asking

    def infer(
        self,
        version_id: int,
        inputs: Sequence[Any],
        terms: Terms = Terms(),
        version: LoadedVersion | None = None,
    ) -> Reply:
        """A checked answer from the best operator that accepts the terms; the next one when something is wrong.

        `inputs` are arrays or nested lists, one for each input; float32 unless they are integer arrays or `version` says otherwise.
        With `version` (the loaded model) a share `terms.audit` of the answers is executed again here; an operator whose answer differs
        is never asked again, its receipt is kept for a dispute, and the next operator is asked.

        Raises `NoOperator` when nobody is left, with the reason of each.
        """
        tensors = version.parse_inputs(list(inputs)) if version else _packed(inputs)
        return self.infer_words(version_id, tensors, terms, version)

    def infer_words(
        self, version_id: int, tensors: tuple[bytes, ...], terms: Terms = Terms(), version: LoadedVersion | None = None
    ) -> Reply:  # fmt: skip
        """`infer`, of inputs that are packed words already."""
        published = read_published(self.chain, version_id)
        found, passed_over = self._survey(version_id, terms)
        reasons: list[str] = []
        refusals: list[tuple[str, OperatorRefused]] = []
        for candidate in found[: terms.tries]:
            try:
                reply = self._ask(candidate, published, tensors, terms, version)
            except (OperatorUnreachable, OperatorRefused, BadAnswer, NotStaked) as problem:
                reasons.append(f"{candidate.operator}: {problem}")
                if isinstance(problem, OperatorRefused) and problem.is_about_the_request:
                    refusals.append((candidate.operator, problem))
                else:
                    self._failed(candidate.operator, problem)
            else:
                for operator, refusal in refusals:  # another one has taken the same request
                    self._failed(operator, refusal)
                return reply
        for operator, _ in refusals:
            self._doubt(operator)
        if not reasons:
            reasons = passed_over[:TOLD] or ["nobody offers it on chain"]
        advice = refusals[0][1].advice if len(refusals) == len(reasons) else "change your terms, or try later"
        raise NoOperator(f"no operator answered for version {version_id}: {'; '.join(reasons)}", advice)

    async def infer_async(
        self, version_id: int, inputs: Sequence[Any], terms: Terms = Terms(), version: LoadedVersion | None = None
    ) -> Reply:  # fmt: skip
        """`infer`, off the event loop."""
        return await asyncio.to_thread(self.infer, version_id, inputs, terms, version)

    def candidates(self, version_id: int, terms: Terms = Terms()) -> list[Candidate]:
        """Who could be asked now, the best first: cheap, then quick, then with much stake; who has refused something lately comes last."""
        return self._survey(version_id, terms)[0]

    def _survey(self, version_id: int, terms: Terms) -> tuple[list[Candidate], list[str]]:
        """The candidates; and of the others, why they are none."""
        known = {operator: self._record(operator) for operator in self._offers.operators(version_id)}
        now, wanted, others = time.time(), [], []
        for operator, record in known.items():
            if record.caught:
                others.append(f"{operator}: has lied")
            elif record.avoid_until > now:
                others.append(f"{operator}: has failed, and is left alone for {record.avoid_until - now:.0f} s more")
            else:
                wanted.append(operator)
        with ThreadPoolExecutor(max(1, min(LOOKS, len(wanted)))) as pool:  # nobody waits for another one's endpoint
            looks = list(pool.map(lambda operator: self._looked_at(operator, version_id, known[operator]), wanted))
        found = []
        for operator, look in zip(wanted, looks, strict=True):
            if isinstance(look, Exception):
                others.append(f"{operator}: {look}")
            elif look.price > terms.max_price:
                others.append(f"{operator}: costs {shown(look.price)}, you accept {shown(terms.max_price)}")
            elif look.stake < terms.min_stake:
                others.append(f"{operator}: has a stake of {shown(look.stake)}, you ask for {shown(terms.min_stake)}")
            else:
                found.append(look)

        def rank(each: Candidate) -> tuple[Any, ...]:
            record = each.record
            return record.doubted_until > now, each.price, round(record.latency, 2), -each.stake, each.operator

        return sorted(found, key=rank), others

    # ------------------------------------------------------------------ receipts

    def receipts(self) -> list[Path]:
        """Kept receipts, the oldest first. Those whose answers can no longer be disputed are removed."""
        last = self.chain.head_time() - 2 * int(self.chain.read("Inference", "windowSeconds"))
        kept = []
        for path in sorted((self.folder / "receipts").glob(12 * "[0-9]" + "-*.json")):
            if int(path.name[:12]) < last:
                path.unlink(missing_ok=True)
            else:
                kept.append(path)
        return kept

    def receipt(self, signed: SignedAnswer) -> Path:
        """Where an answer is kept."""
        return self.folder / "receipts" / f"{signed.answer.issued_at:012d}-{signed.digest.hex()}.json"

    def _keep(self, signed: SignedAnswer) -> Path:
        path = self.receipt(signed)
        signed.save(path)
        return path

    # ------------------------------------------------------------------ one operator

    def _ask(
        self, candidate: Candidate, published: Published, tensors: tuple[bytes, ...], terms: Terms,
        version: LoadedVersion | None,
    ) -> Reply:  # fmt: skip
        # one request at a time to one operator: vouchers are cumulative, and go up one by one
        with self._lock:
            turn = self._busy.setdefault(candidate.operator, threading.Lock())
        with turn:
            if candidate.price:
                self.client.recover(candidate.operator, candidate.endpoint)  # what it costs counts, too
            funded = bool(candidate.price) and self._fund(candidate, published, terms)
            begun = time.monotonic()
            try:
                reply = self.client.ask(published, candidate.operator, tensors, candidate.price, candidate.endpoint)
            except OperatorRefused:
                if not funded:
                    raise
                time.sleep(SEEN_SECONDS)
                reply = self.client.ask(published, candidate.operator, tensors, candidate.price, candidate.endpoint)
            took = time.monotonic() - begun
        path = self._keep(reply.signed)
        if version is not None and self._random.random() < terms.audit and not self._right(reply, version):
            with self._lock:
                self._record(candidate.operator).caught = True
            say("wrong answer", operator=candidate.operator, receipt=str(path))
            raise BadAnswer(f"the answer is WRONG: other words come out here; kept in {path}", f"opg dispute {path}")
        with self._lock:
            record = self._record(candidate.operator)
            mean = took if not record.good else LATENCY_WEIGHT * took + (1 - LATENCY_WEIGHT) * record.latency
            record.latency, record.good, record.failures, record.avoid_until = mean, record.good + 1, 0, 0.0
            record.doubted_until = 0.0
        self._save()
        return reply

    def _right(self, reply: Reply, version: LoadedVersion) -> bool:
        return self.client.check_locally(reply.signed, version)

    def _fund(self, candidate: Candidate, published: Published, terms: Terms) -> bool:
        """Opens or tops up the channel when the next answer is not covered, and says whether it did."""
        payer, operator = self.client.account.address, candidate.operator
        deposited, closable_at = self.chain.read("Channels", "channel", payer, operator)
        book = self.client.book
        assert book is not None
        model_id = published.model_id
        totals = book.totals(self.chain, payer, operator)  # one deposit covers all models of an operator
        totals[model_id] = book.paid(self.chain, payer, operator, model_id) + candidate.price
        owed = 0
        for model, total in totals.items():
            owed += max(0, total - int(self.chain.read("Channels", "redeemed", payer, operator, model)))
        if closable_at:
            raise OperatorRefused("this channel is being closed", "use another operator, or open it again")
        if owed > deposited:
            missing = max(owed - int(deposited), terms.deposit)
            say("channel", operator=operator, deposit=missing)
            actions.open_channel(self.sender, operator, missing)
            return True
        return False

    def _looked_at(self, operator: str, version_id: int, record: Record) -> Candidate | Exception:
        """Or how it failed. That the chain is away is nobody's failure."""
        try:
            return self._look(operator, version_id, record)
        except ChainUnreachable:
            raise
        except Exception as problem:
            self._failed(operator, problem)
            return problem

    def _look(self, operator: str, version_id: int, record: Record) -> Candidate:
        with self._lock:
            seen, known = self._looks.get((operator, version_id), (-LOOK_SECONDS, None))
        if known is not None and time.monotonic() - seen < LOOK_SECONDS:
            return replace(known, record=replace(record))
        endpoint = self.client.endpoint(operator)
        price = self.client.price(operator, endpoint)
        active, _, _ = self.chain.read("Staking", "stakeOf", operator)
        candidate = Candidate(operator, endpoint, int(active), price, replace(record))
        with self._lock:
            self._looks[operator, version_id] = time.monotonic(), candidate
        return candidate

    def _doubt(self, operator: str) -> None:
        """It has refused what nobody took: that may be the request's fault, and it is asked again, only after the others."""
        with self._lock:
            self._record(operator).doubted_until = time.time() + DOUBT_SECONDS
        self._save()

    def _failed(self, operator: str, problem: Exception) -> None:
        with self._lock:
            record = self._record(operator)
            record.failures += 1
            pause = min(FIRST_PAUSE_SECONDS * 2 ** min(record.failures - 1, 16), LONGEST_PAUSE_SECONDS)
            record.avoid_until = time.time() + pause
            self._looks = {key: each for key, each in self._looks.items() if key[0] != operator}
        why = str(problem) if isinstance(problem, OPGError) else f"{type(problem).__name__}: {problem}"
        say("operator failed", operator=operator, why=why, again_in=pause)
        self._save()

    # ------------------------------------------------------------------ what is known

    def _record(self, operator: str) -> Record:
        with self._lock:
            return self._records.setdefault(operator, Record())

    def _load(self) -> dict[str, Record]:
        try:
            content = json.loads((self.folder / "records.json").read_text())
            return {operator: _record(each) for operator, each in content.items()}
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return {}  # it is known again soon; who lied is caught again

    def _save(self) -> None:
        with self._lock:
            records = json.dumps({operator: asdict(each) for operator, each in self._records.items()})
            keep(self.folder / "records.json", records, durable=False)


def _record(kept: dict[str, Any]) -> Record:
    """Raises `ValueError`, `TypeError` or `KeyError` on anything else."""
    latency, avoid_until = float(kept["latency"]), float(kept["avoid_until"])
    doubted = float(kept.get("doubted_until", 0.0))
    return Record(latency, int(kept["good"]), int(kept["failures"]), avoid_until, kept["caught"] is True, doubted)


def _packed(inputs: Sequence[Any]) -> tuple[bytes, ...]:
    """Words of arrays whose model is not at hand."""
    arrays = [np.asarray(each) for each in inputs]
    kinds = ["int32" if each.dtype.kind in "iub" else "float32" for each in arrays]
    specs = [Spec(f"#{at}", kind, each.shape) for at, (each, kind) in enumerate(zip(arrays, kinds, strict=True))]
    return parse_tensors(specs, arrays)
