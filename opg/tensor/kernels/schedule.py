"""Runs schedules of kernels, on one thread or several."""

from __future__ import annotations

import os
import queue
import threading

import numpy as np

from opg.tensor.errors import TensorError
from opg.tensor.kernels import library

LINE = 16  # words of a cache line; memory begins at one
_threads: int | None = None


def set_threads(count: int | None) -> None:
    """How many threads an execution uses; None: OPG_THREADS, or one for each processor. Results do not depend on it."""
    global _threads
    if count is not None and count < 1:
        raise TensorError(f"{count} threads; at least one is needed")
    _threads = count


def threads() -> int:
    """How many threads an execution uses."""
    if _threads is not None:
        return _threads
    named = os.environ.get("OPG_THREADS", "")
    if named and not (named.isdigit() and int(named) >= 1):
        raise TensorError(f"OPG_THREADS is {named!r}; it is a number of threads, for example OPG_THREADS=2")
    return int(named) if named else PROCESSORS


PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def aligned(words: np.ndarray) -> np.ndarray:
    """The same words, beginning at a cache line."""
    made = empty(words.size)
    made[:] = words
    return made


def empty(words: int) -> np.ndarray:
    """Words that begin at a cache line."""
    raw = np.empty(words + LINE, dtype=np.uint32)
    skip = -(raw.ctypes.data // 4) % LINE
    return raw[skip : skip + words]


class Schedule:
    """Entries in memory, ready to run.

    Args:
        longs: the table that holds the entries, `count` of them from `offset` on, and what they point to.
        tickets: how many there are to take.
    """

    def __init__(self, longs: np.ndarray, offset: int, count: int, tickets: int):
        self.longs, self.count, self.tickets = longs, count, tickets
        self.entries = longs.__array_interface__["data"][0] + 8 * offset

    def run(self, scratch: Scratch, threads: int) -> None:
        if threads == 1 or self.tickets <= self.count:
            library.run_alone(self.entries, self.count, scratch.address(0))
            return
        job = Job(self, scratch)
        _helpers.invite(job, threads - 1)
        job.take_part(0, True)


class Scratch:
    """Memory for each thread that takes part."""

    def __init__(self) -> None:
        self._blocks: list[np.ndarray] = []

    def address(self, thread: int) -> int:
        while len(self._blocks) <= thread:
            self._blocks.append(empty(library.SCRATCH // 4))
        return self._blocks[thread].__array_interface__["data"][0]


class Job:
    """One run of a schedule. A helper that comes when it is over finds no ticket and touches nothing else."""

    def __init__(self, schedule: Schedule, scratch: Scratch):
        self.schedule, self.scratch = schedule, scratch
        self.counters = np.zeros(32, dtype=np.int64)

    def take_part(self, thread: int, stay: bool) -> None:
        s = self.schedule
        library.take_part(
            s.entries,
            s.count,
            s.tickets,
            self.counters.__array_interface__["data"][0],
            self.scratch.address(thread),
            stay,
        )


class Helpers:
    """Threads that wait for jobs. The caller of a job never waits for one that has not begun to help."""

    def __init__(self) -> None:
        self._invitations: queue.SimpleQueue = queue.SimpleQueue()
        self._count = 0
        self._lock = threading.Lock()

    def invite(self, job: Job, count: int) -> None:
        if self._count < count:
            with self._lock:
                while self._count < count:
                    self._count += 1
                    threading.Thread(target=self._work, daemon=True, name=f"tensor-{self._count}").start()
        for thread in range(1, count + 1):
            job.scratch.address(thread)
            self._invitations.put((job, thread))

    def _work(self) -> None:
        while True:
            job, thread = self._invitations.get()
            job.take_part(thread, False)
            del job


_helpers = Helpers()


def _forget_helpers() -> None:
    global _helpers
    _helpers = Helpers()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)
