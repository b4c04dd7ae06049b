"""Finds every answer that gets onto the chain, on its own or in a batch, has it executed again, and notes what is wrong."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from opg import web
from opg.answers import SignedAnswer
from opg.chain.connection import Chain
from opg.chain.events import REORG_BLOCKS, Event, EventReader
from opg.chain.sender import Sender
from opg.chain.structs import Answer, Evidence
from opg.chain.typed import answer_digest
from opg.challenge import Case
from opg.errors import ChainUnreachable, ModelUnreadable, OPGError
from opg.keeping import exclusive
from opg.log import say
from opg.lookback import find_back
from opg.tensor.commitment import ListTree
from opg.versions import LoadedVersion, load_version, read_published
from opg.watchtower.disputes import Disputes
from opg.watchtower.engines import Engine, EngineFailed, Inline, Subject, Verdict
from opg.watchtower.fetching import Fetcher
from opg.watchtower.notes import Batch, Notes

TOPICS = [("Inference", "Fulfilled"), ("Inference", "Surfaced"), ("Inference", "Committed")]
REPORT_SECONDS = 600
MAX_PORTION = 256  # answers that an engine gets at once


@dataclass(frozen=True)
class Rules:
    """What a watchtower does with what it finds.

    `sample` is the share of batched answers that is executed again; answers on chain, which contracts may rely on, are all executed.
    `budget` is the most wei that is out in bonds at once; None: as much as there is. `confirmations` blocks are left unread at the head.
    """

    sample: float = 1.0
    seed: bytes = b""  # of the sample; empty: drawn once, and kept. Who knows it knows where to lie
    budget: int | None = None
    confirmations: int = 0


@dataclass(frozen=True)
class Watched:
    """An answer with its data, as it was found."""

    answer: Answer
    digest: bytes
    inputs: tuple[bytes, ...]
    evidence: Evidence


class Watchtower:
    """Judges answers for all versions whose model file is among `models`, and disputes the wrong ones with `sender`'s bonds.

    Threads: `run` audits in its own and plays disputes in another one, so that no long audit lets a clock run out. It takes bonds that came back to
    open the next game, and else withdraws nothing.
    """

    def __init__(
        self,
        chain: Chain,
        sender: Sender,
        models: Iterable[Path],
        data: Path,
        rules: Rules | None = None,
        engine: Engine | None = None,
    ) -> None:
        self.chain = chain
        self.sender = sender
        self.rules = rules or Rules()
        self.engine = engine or Inline()
        self.models = {_sha256(path): path for path in models}
        self.inference = chain.deployment.address("Inference")
        self.notes = Notes(data)
        self.disputes = Disputes(sender, self.notes, self.rules.budget)
        self.reader = EventReader(chain, TOPICS, self.notes.cursor(), self.rules.confirmations)
        self._seed = self.rules.seed or self.notes.seed()
        self._versions: dict[int, LoadedVersion | None] = {}
        self._versions_lock = threading.Lock()
        self.fetcher = Fetcher(self._url, chain.is_private)
        self._seen: set[tuple[int, str, int]] = set()  # events of the blocks that are read again

    # ------------------------------------------------------------------ working

    def run(self, stop: threading.Event, poll_seconds: float = 1.0) -> None:
        """Works until `stop` is set. A chain that is away for a while is waited for. Raises `AlreadyRunning`."""
        try:
            with exclusive(self.notes.path, "watch"):
                say("watching", chain=self.chain.id, models=len(self.models), challenger=self.sender.address,
                    sample=self.rules.sample, processes=self.engine.places)  # fmt: skip
                player = threading.Thread(target=self._repeat, args=(self._play, stop, poll_seconds), name="disputes")
                player.start()
                self._repeat(self.audit, stop, poll_seconds)
                player.join()
                came = self.report()
        finally:
            self.close()
        say("stopped", **came)

    def close(self) -> None:
        """Ends the engine and closes the notes."""
        self.engine.close()
        self.notes.close()

    def tick(self) -> None:
        """One round of everything."""
        self.audit()
        self._play()

    def report(self) -> dict[str, int]:
        """What came of everything so far."""
        counts = self.notes.counts()
        names = ("audited", "right", "wrong", "left out", "not judged", "withheld batches", "unread batches")
        states = ("waiting", "playing", "won", "lost", "moot", "late", "bounty")
        found = {name: counts[name] for name in names + states} | {"bonds out": self.disputes.bonds_out}
        return {name.replace(" ", "_"): number for name, number in found.items()}

    def _play(self) -> None:
        self.disputes.tick(self.version)

    def _repeat(self, deed: Callable[[], bool | None], stop: threading.Event, poll_seconds: float) -> None:
        """`deed` says whether there is more to do at once."""
        reported = time.monotonic()
        while not stop.is_set():
            pressing = None
            try:
                pressing = deed()
            except OPGError as problem:
                say("waiting", why=str(problem))
            except Exception as problem:  # nothing that anybody serves may end the watch
                say("waiting", why=f"{type(problem).__name__}: {problem}")
            if deed == self.audit and time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                say("report", **self.report())
            if not pressing:
                stop.wait(poll_seconds)

    # ------------------------------------------------------------------ finding answers

    def audit(self) -> bool:
        """Reads the chain, and judges what is new and the batches whose data is there now. Whether there is more to do at once."""
        self._read_events()
        self._judge_on_chain()
        for batch, reply in self.fetcher.came(self.notes.open_batches()):
            self._judge_batch(batch, reply)
        return self.fetcher.pressing

    def _read_events(self) -> None:
        first = max(self.chain.deployment.block, min(self.reader.cursor, self.chain.head() + 1) - REORG_BLOCKS)
        self.reader.cursor = first
        batches, answers, seen = [], [], set()
        for event in self.reader.read():
            key = (event.block, event.transaction, event.index)
            seen.add(key)
            if key in self._seen:
                continue
            args = event.args
            if event.name == "Committed":
                root = bytes(args["root"])
                batches.append(Batch(args["batchId"], args["operator"], root, args["count"], args["cid"], event.block))
            elif (inputs := self._inputs(event)) is None:  # looked for again, for as long as the block is read again
                say("not judged", answer=bytes(args["answerHash"]), why="its request is not to be found")
                seen.discard(key)
            else:
                answers.append((bytes(args["answerHash"]), Answer.of(args["answer"]), inputs, event.block))
        self.notes.found(batches, answers, self.reader.cursor)
        self.notes.forget_below(first)
        self._seen = seen

    def _inputs(self, event: Event) -> tuple[bytes, ...] | None:
        if event.name == "Surfaced":
            return tuple(bytes(t) for t in event.args["inputs"])
        asked = find_back(self.chain, "Inference", "Requested", bytes(event.args["requestId"]), event.block)
        return tuple(bytes(t) for t in asked.args["inputs"]) if asked else None

    def _judge_batch(self, batch: Batch, reply: Future[web.Reply]) -> None:
        try:
            answers, digests, tree = self._read(batch, reply.result())
        except Exception as problem:  # a stranger's data was read: whatever it did, the other batches come next
            self._not_readable(batch, problem)
            return
        self.fetcher.worked(batch)
        chosen = [place for place, digest in enumerate(digests) if self._in_sample(digest)]
        say("reading batch", batch=batch.id, operator=batch.operator, answers=batch.count, judging=len(chosen))
        found = [
            Watched(
                answers[place].answer,
                digests[place],
                answers[place].inputs,
                Evidence(batch_id=batch.id, index=place, path=tuple(tree.path(place))),
            )
            for place in chosen
        ]
        try:
            counts, wrong = self._judge(found)
        except EngineFailed as problem:
            say("batch not judged", batch=batch.id, why=str(problem))
            self.fetcher.rest(batch)
            return
        counts["left out"] += len(digests) - len(chosen)
        self.notes.judged(counts, wrong, batch.id)

    def _in_sample(self, digest: bytes) -> bool:
        if self.rules.sample >= 1:
            return True
        drawn = hmac.digest(self._seed, digest, "sha256")
        return int.from_bytes(drawn[:8], "big") < self.rules.sample * 2**64

    def _url(self, batch: Batch) -> str:
        if batch.cid.startswith(("http://", "https://")):
            return batch.cid
        _, endpoint = self.chain.read("Staking", "operatorInfo", batch.operator)
        return f"{endpoint.rstrip('/')}/opg/v1/batch/{batch.id}"

    def _read(self, batch: Batch, reply: web.Reply) -> tuple[list[SignedAnswer], list[bytes], ListTree]:
        """Its answers and their digests. Raises whatever it may, when they are not what was committed."""
        if reply.status != 200:
            raise OPGError(f"HTTP {reply.status} from {reply.url}")
        given = reply.json()["answers"]
        if not isinstance(given, list) or not given or len(given) != batch.count:
            raise OPGError("the data is not what was committed")
        answers = [SignedAnswer.from_json(each) for each in given]
        digests = [answer_digest(each.answer, self.chain.id, self.inference) for each in answers]
        tree = ListTree(digests)
        if tree.root != batch.root:
            raise OPGError("the data is not what was committed")
        return answers, digests, tree

    def _not_readable(self, batch: Batch, problem: Exception) -> None:
        """It is asked for again for as long as an answer in it can be disputed, by the chain's clock: this machine's may be wrong."""
        _, committed_at, _, _ = self.chain.read("Inference", "batch", batch.id)
        window = int(self.chain.read("Inference", "windowSeconds"))
        if self.chain.head_time() <= int(committed_at) + window:
            why = str(problem) if isinstance(problem, OPGError) else f"{type(problem).__name__}: {problem}"
            say("batch not readable", batch=batch.id, operator=batch.operator, why=why)
            self.fetcher.failed(batch)
        else:
            say("batch withheld", batch=batch.id, operator=batch.operator)
            self.notes.judged({"withheld batches": 1}, [], batch.id)
            self.fetcher.failed(batch)
            self.fetcher.forget(batch)

    # ------------------------------------------------------------------ judging

    def version(self, version_id: int) -> LoadedVersion | None:
        """A version that can be executed here; None when its model file is not at hand."""
        with self._versions_lock:
            if version_id not in self._versions:
                loaded = None
                try:
                    path = self.models.get(read_published(self.chain, version_id).artifact_hash)
                    if path is not None:
                        loaded = load_version(self.chain, version_id, path)
                except ChainUnreachable:
                    raise  # nothing is known about the version then
                except Exception as problem:  # whoever published it may have written anything
                    say("version not usable", version=version_id, why=f"{type(problem).__name__}: {problem}")
                self._versions[version_id] = loaded
            return self._versions[version_id]

    def _judge_on_chain(self) -> None:
        answers = self.notes.open_answers()
        if answers:
            found = [Watched(answer, digest, inputs, Evidence()) for digest, answer, inputs in answers]
            counts, wrong = self._judge(found)
            self.notes.judged(counts, wrong, answers=[each.digest for each in found])

    def _judge(self, found: Sequence[Watched]) -> tuple[Counter[str], list[Case]]:
        """What came out, and the wrong ones. All portions are under way at once."""
        counts: Counter[str] = Counter()
        wrong: list[Case] = []
        running = []
        for number in sorted({each.answer.version for each in found}):
            mine = [each for each in found if each.answer.version == number]
            version = self.version(number)
            if version is None:
                for each in mine:
                    say("not judged", answer=each.digest, why=f"no model file for version {number}")
                counts["not judged"] += len(mine)
                continue
            size = max(1, min(MAX_PORTION, -(-len(mine) // (4 * self.engine.places))))
            for first in range(0, len(mine), size):
                portion = mine[first : first + size]
                subjects = [Subject(each.answer.input, each.answer.output, each.inputs) for each in portion]
                running.append((portion, self._begin(version, subjects)))
        for portion, result in running:
            for each, verdict in zip(portion, _end(result), strict=True):
                self._count(each, verdict, counts, wrong)
        return counts, wrong

    def _begin(self, version: LoadedVersion, subjects: list[Subject]) -> Future[list[Verdict]]:
        try:
            return self.engine.submit(version, subjects)
        except Exception as problem:  # whatever it is: nothing is known about the answers then
            raise EngineFailed(f"{type(problem).__name__}: {problem}") from problem

    def _count(self, found: Watched, verdict: Verdict, counts: Counter[str], wrong: list[Case]) -> None:
        answer = found.answer
        if verdict == Verdict.NOT_ITS_INPUTS:
            say("not judged", answer=found.digest, why="the inputs at hand are not the answer's")
            counts["not judged"] += 1
            return
        counts["audited"] += 1
        if verdict == Verdict.RIGHT:
            counts["right"] += 1
            say("right", answer=found.digest, version=answer.version)
            return
        counts["wrong"] += 1
        say("WRONG", answer=found.digest, version=answer.version, operator=answer.operator)
        wrong.append(Case(found.digest, answer, found.inputs, found.evidence))


def _end(result: Future[list[Verdict]]) -> list[Verdict]:
    try:
        return result.result()
    except Exception as problem:
        raise EngineFailed(f"{type(problem).__name__}: {problem}") from problem


def _sha256(path: Path) -> bytes:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError as problem:
        raise ModelUnreadable(f"cannot read {path}: {problem.strerror}", "name the model's file") from None
