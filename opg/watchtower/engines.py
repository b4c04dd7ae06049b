"""Where answers are executed again: in this process, in processes of this machine, or on the machines of a dask cluster.

All of them run `judge`; it knows no chain, so whoever runs it needs the model and nothing else.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from enum import IntEnum
from typing import Any, NamedTuple, Protocol

from opg.errors import OPGError
from opg.log import say
from opg.tensor import TensorError
from opg.versions import LoadedVersion, bundle
from opg.worker import Inherited, receive, share


class EngineFailed(OPGError):
    """What executes broke down; nothing is known about the answers that it had."""


class Verdict(IntEnum):
    """What executing again has shown."""

    RIGHT = 0
    WRONG = 1
    NOT_ITS_INPUTS = 2  # nothing can be said about the answer with these


class Subject(NamedTuple):
    """What an answer says: the roots that were signed, and the inputs as packed words."""

    input: bytes
    output: bytes
    inputs: tuple[bytes, ...]


def judge(version: LoadedVersion, subjects: Sequence[Subject]) -> list[Verdict]:
    """Executes again and compares."""
    return [_judge(version, each) for each in subjects]


def _judge(version: LoadedVersion, subject: Subject) -> Verdict:
    try:
        if bundle(subject.inputs) != subject.input:
            return Verdict.NOT_ITS_INPUTS
        right = bundle(version.execute(subject.inputs)) == subject.output
    except TensorError:
        return Verdict.NOT_ITS_INPUTS
    return Verdict.RIGHT if right else Verdict.WRONG


class Engine(Protocol):
    """Judges. `places` is how many lists of subjects it works on at once."""

    places: int

    def submit(self, version: LoadedVersion, subjects: Sequence[Subject]) -> Future[list[Verdict]]:
        """Begins to judge. Raises, now or with the result, when the machinery breaks down: then try again."""

    def close(self) -> None:
        """Ends everything."""


class Inline:
    """In the caller's thread."""

    places = 1

    def submit(self, version: LoadedVersion, subjects: Sequence[Subject]) -> Future[list[Verdict]]:
        done: Future[list[Verdict]] = Future()
        done.set_result(judge(version, subjects))
        return done

    def close(self) -> None:
        pass


class Processes:
    """In so many processes, which have all versions that were asked for so far, in memory once. One that dies takes the others along: they
    are started again.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self._versions: dict[int, LoadedVersion] = {}
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def submit(self, version: LoadedVersion, subjects: Sequence[Subject]) -> Future[list[Verdict]]:
        with self._lock:
            if self._pool is None or version.id not in self._versions:
                self._start(version)
            assert self._pool is not None
            try:
                return self._pool.submit(_judge_here, version.id, subjects)
            except BrokenProcessPool:
                self._start(version)
                return self._pool.submit(_judge_here, version.id, subjects)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _start(self, version: LoadedVersion) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)  # what it works on is still finished
        self._versions[version.id] = version
        threads = max(1, (os.cpu_count() or 1) // self.places)
        self._file = share(self._versions)
        self._pool = ProcessPoolExecutor(
            self.places, multiprocessing.get_context("spawn"), _begin, (Inherited(self._file), threads)
        )
        say("judging in processes", processes=self.places, versions=sorted(self._versions))


_HERE: dict[int, LoadedVersion] = {}


def _begin(descriptor: int, threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # reaches the watchtower, which ends us
    os.environ.setdefault("OPG_THREADS", str(threads))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _HERE.update(receive(descriptor))


def _end_with_parent() -> None:
    """The queue of a pool stays open in its processes: they would wait for ever for a watchtower that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(0)


def _judge_here(version_id: int, subjects: Sequence[Subject]) -> list[Verdict]:
    return judge(_HERE[version_id], subjects)


class Cluster:
    """On the workers of a dask cluster, wherever they are: `dask scheduler`, and `dask worker ADDRESS` on each machine.

    Needs the extra `watch`. A version goes to each worker once, and again when all that had it are gone. What was on a worker that dies is done by another one.
    """

    def __init__(self, address: str) -> None:
        try:
            from distributed import Client
        except ImportError:
            raise OPGError("dask is not installed", "pip install 'opg[watch]'") from None
        try:
            self._client: Any = Client(address, set_as_default=False, timeout=10)
        except (OSError, ValueError) as problem:
            raise OPGError(f"no dask scheduler at {address}: {problem}", "start one: dask scheduler") from None
        self._versions: dict[int, Any] = {}

    @property
    def places(self) -> int:
        return max(1, sum(self._client.nthreads().values()))

    def submit(self, version: LoadedVersion, subjects: Sequence[Subject]) -> Future[list[Verdict]]:
        there = self._versions.get(version.id)
        if there is None or there.status != "finished":  # those that had it are gone
            self._versions[version.id] = self._client.scatter(version, broadcast=True)
        return self._client.submit(judge, self._versions[version.id], list(subjects), pure=False)

    def close(self) -> None:
        self._client.close()
