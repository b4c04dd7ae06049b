"""The watchtower: reads every answer that gets onto the chain, executes it again, and disputes what is
wrong to the end.

It withdraws nothing and decides nothing about money but the bond of a dispute. What it knows can be lost:
it reads the chain again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from opg.answers import SignedAnswer
from opg.chain.connection import Chain
from opg.chain.events import Event, EventReader, find_events
from opg.chain.sender import Sender
from opg.chain.structs import Answer, Evidence
from opg.chain.typed import answer_digest
from opg.challenge import Case, Challenge, is_right
from opg.errors import ModelUnreadable, NoBond, NothingToDispute, OPGError, StaleView, TransactionRefused
from opg.log import say
from opg.tensor import TensorError
from opg.tensor.commitment import ListTree
from opg.versions import LoadedVersion, load_version, read_published

TOPICS = [("Inference", "Fulfilled"), ("Inference", "Surfaced"), ("Inference", "Committed")]
FETCH_SECONDS = 30
RETRY_SECONDS = 15
MAX_BATCH_BYTES = 256 * 1024 * 1024

SCHEMA = """
create table if not exists cases (
    digest blob primary key,
    answer text not null,
    inputs text not null,
    evidence text not null,
    running integer not null default 1
) strict;
create table if not exists batches (id integer primary key, operator text not null, root blob not null,
    count integer not null, cid text not null) strict;  -- whose data could not be fetched yet
create table if not exists cursors (name text primary key, block integer not null) strict;
"""


@dataclass(frozen=True)
class Watched:
    """An answer with its data, as it was found."""

    answer: Answer
    digest: bytes
    inputs: tuple[bytes, ...]
    evidence: Evidence


class Watchtower:
    """Judges answers for all versions whose model file is among `models`, and disputes the wrong ones with
    `sender`'s bond.
    """

    def __init__(
        self, chain: Chain, sender: Sender, models: Iterable[Path], data: Path, confirmations: int = 0
    ) -> None:
        self.chain = chain
        self.sender = sender
        self.models = {_sha256(path): path for path in models}
        self.inference = chain.deployment.address("Inference")
        data.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(data, isolation_level=None, check_same_thread=False)
        self._db.executescript(SCHEMA)
        row = self._db.execute("select block from cursors where name = 'events'").fetchone()
        self.reader = EventReader(chain, TOPICS, row[0] if row else None, confirmations)
        self._versions: dict[int, LoadedVersion | None] = {}
        self._challenges: dict[bytes, Challenge] = {}
        self._complaints: dict[bytes, str] = {}
        self._session = requests.Session()
        self._later: dict[int, float] = {}  # by batch: when its data is asked for again
        self.judged = 0

    def run(self, stop: threading.Event, poll_seconds: float = 1.0) -> None:
        """Ticks until `stop` is set. A chain that is away for a while is waited for."""
        say("watching", chain=self.chain.id, models=len(self.models), challenger=self.sender.address)
        while not stop.is_set():
            try:
                self.tick()
            except OPGError as problem:
                say("waiting", why=str(problem))
            stop.wait(poll_seconds)
        self._db.close()
        say("stopped")

    def tick(self) -> None:
        """One round: new answers, batches whose data was missing, and the running disputes."""
        for event in self.reader.read():
            self._see(event)
        self._db.execute("insert or replace into cursors values ('events', ?)", (self.reader.cursor,))
        self._retry_batches()
        for case in self._cases():
            self._pursue(case)

    # ------------------------------------------------------------------ finding answers

    def _see(self, event: Event) -> None:
        args = event.args
        if event.name == "Committed":
            row = (args["batchId"], args["operator"], bytes(args["root"]), args["count"], args["cid"])
            self._db.execute("insert or ignore into batches values (?, ?, ?, ?, ?)", row)
            return
        answer = Answer.of(args["answer"])
        if event.name == "Surfaced":
            inputs = tuple(bytes(t) for t in args["inputs"])
        else:
            found = find_events(self.chain, [("Inference", "Requested")], bytes(args["requestId"]))
            inputs = tuple(bytes(t) for t in found[0].args["inputs"])
        self._judge(Watched(answer, bytes(args["answerHash"]), inputs, Evidence()))

    def _retry_batches(self) -> None:
        window = int(self.chain.read("Inference", "windowSeconds"))
        for batch_id, operator, root, count, cid in self._db.execute("select * from batches").fetchall():
            if time.monotonic() < self._later.get(batch_id, 0):
                continue
            try:
                self._judge_batch(batch_id, operator, bytes(root), count, cid)
            except OPGError as problem:
                _, committed_at, _, _ = self.chain.read("Inference", "batch", batch_id)
                if self.chain.now() <= committed_at + window:
                    say("batch not readable", batch=batch_id, operator=operator, why=str(problem))
                    self._later[batch_id] = time.monotonic() + RETRY_SECONDS
                    continue
                say("batch withheld", batch=batch_id, operator=operator)
            self._db.execute("delete from batches where id = ?", (batch_id,))

    def _judge_batch(self, batch_id: int, operator: str, root: bytes, count: int, cid: str) -> None:
        answers = self._fetch_batch(batch_id, operator, cid)
        digests = [answer_digest(each.answer, self.chain.id, self.inference) for each in answers]
        if len(digests) != count or ListTree(digests).root != root:
            raise OPGError("the data is not what was committed")
        tree = ListTree(digests)
        say("reading batch", batch=batch_id, operator=operator, answers=count)
        for place, each in enumerate(answers):
            evidence = Evidence(batch_id=batch_id, index=place, path=tuple(tree.path(place)))
            self._judge(Watched(each.answer, digests[place], each.inputs, evidence))

    def _fetch_batch(self, batch_id: int, operator: str, cid: str) -> list[SignedAnswer]:
        url = cid
        if not cid.startswith(("http://", "https://")):
            _, endpoint = self.chain.read("Staking", "operatorInfo", operator)
            url = f"{endpoint.rstrip('/')}/opg/v1/batch/{batch_id}"
        try:
            with self._session.get(url, timeout=FETCH_SECONDS, stream=True) as response:
                content = response.raw.read(MAX_BATCH_BYTES + 1, decode_content=True)
            if response.status_code != 200 or len(content) > MAX_BATCH_BYTES:
                raise OPGError(f"HTTP {response.status_code}, {len(content):,} bytes from {url}")
            return [SignedAnswer.from_json(each) for each in json.loads(content)["answers"]]
        except (requests.RequestException, OSError) as problem:
            raise OPGError(f"{url} does not answer ({type(problem).__name__})") from None
        except (ValueError, KeyError, TypeError) as problem:
            raise OPGError(f"{url} serves no batch: {problem}") from None

    # ------------------------------------------------------------------ judging

    def version(self, version_id: int) -> LoadedVersion | None:
        """A version that can be executed here; None when its model file is not at hand."""
        if version_id not in self._versions:
            loaded = None
            try:
                path = self.models.get(read_published(self.chain, version_id).artifact_hash)
                if path is not None:
                    loaded = load_version(self.chain, version_id, path)
            except OPGError as problem:
                say("version not usable", version=version_id, why=str(problem))
            self._versions[version_id] = loaded
        return self._versions[version_id]

    def _judge(self, found: Watched) -> None:
        version = self.version(found.answer.version)
        if version is None:
            say("not judged", answer=found.digest, why=f"no model file for version {found.answer.version}")
            return
        try:
            right = is_right(version, found.answer, found.inputs)
        except (NothingToDispute, TensorError) as problem:
            say("not judged", answer=found.digest, why=str(problem))
            return
        self.judged += 1
        if right:
            say("right", answer=found.digest, version=version.id)
            return
        say("WRONG", answer=found.digest, version=version.id, operator=found.answer.operator)
        row = (found.digest, _dump(found.answer.json()), _dump([t.hex() for t in found.inputs]))
        self._db.execute(
            "insert or ignore into cases (digest, answer, inputs, evidence) values (?, ?, ?, ?)",
            (*row, _dump(found.evidence.json())),
        )

    # ------------------------------------------------------------------ disputing

    def _cases(self) -> list[Case]:
        rows = self._db.execute("select digest, answer, inputs, evidence from cases where running = 1").fetchall()
        return [
            Case(
                bytes(digest),
                Answer.from_json(json.loads(answer)),
                tuple(bytes.fromhex(t) for t in json.loads(inputs)),
                Evidence.from_json(json.loads(evidence)),
            )
            for digest, answer, inputs, evidence in rows
        ]

    def _pursue(self, case: Case) -> None:
        version = self.version(case.answer.version)
        if version is None:
            return
        if case.digest not in self._challenges:
            self._challenges[case.digest] = Challenge(self.sender, version, case)
        over = False
        try:
            over = self._challenges[case.digest].step()
        except TransactionRefused as problem:
            self._complain(case, problem)
            over = problem.name in ("WindowOver", "AnswerRefuted")
        except (NothingToDispute, NoBond, StaleView) as problem:
            self._complain(case, problem)
        if over:
            self._db.execute("update cases set running = 0 where digest = ?", (case.digest,))
            self._challenges.pop(case.digest, None)

    def _complain(self, case: Case, problem: OPGError) -> None:
        """Says what is in the way, once for as long as it is the same."""
        if self._complaints.get(case.digest) != str(problem):
            self._complaints[case.digest] = str(problem)
            say("cannot dispute", answer=case.digest, why=str(problem), advice=problem.advice)


def _sha256(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as problem:
        raise ModelUnreadable(f"cannot read {path}: {problem.strerror}", "name the model's file") from None


def _dump(value: Any) -> str:
    return json.dumps(value)
