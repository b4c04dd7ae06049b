"""Runs plans: memory, threads."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import numba
import numpy as np
from numba.core import config

from opg.tensor.errors import TensorError
from opg.tensor.kernels import library
from opg.tensor.plan import Buffer, Plan, empty

Words = np.ndarray

# numba's own pool of threads, "workqueue", is slower and not for several callers at once
config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]
_one_at_a_time = threading.Lock()
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
        return min(_threads, config.NUMBA_NUM_THREADS)
    named = os.environ.get("OPG_THREADS", "")
    if named and not (named.isdigit() and int(named) >= 1):
        raise TensorError(f"OPG_THREADS is {named!r}; it is a number of threads, for example OPG_THREADS=2")
    return min(int(named) if named else config.NUMBA_DEFAULT_NUM_THREADS, config.NUMBA_NUM_THREADS)


class Schedule:
    """Entries in memory: what a plan, or a piece of work of another kind, comes to."""

    def __init__(self, longs: np.ndarray, offset: int, count: int, tickets: int):
        self.longs, self.count, self.tickets = longs, count, tickets
        self.entries = longs.ctypes.data + 8 * offset

    def run(self, scratch: np.ndarray, threads: int) -> None:
        if threads == 1 or self.tickets <= self.count:
            library.run_alone(self.entries, self.count, scratch.ctypes.data)
            return
        counters = np.zeros(32, dtype=np.int64)
        before = numba.get_num_threads()
        numba.set_num_threads(threads)
        try:
            given = self.entries, self.count, self.tickets, counters.ctypes.data, scratch.ctypes.data, threads
            if _layer_takes_turns():
                with _one_at_a_time:
                    library.run_together(*given)
            else:
                library.run_together(*given)
        finally:
            numba.set_num_threads(before)


def _layer_takes_turns() -> bool:
    try:
        return numba.threading_layer() == "workqueue"
    except ValueError:  # not started yet
        return True


def scratch_for(threads: int) -> np.ndarray:
    return empty(threads * library.SCRATCH // 4)


class Memory:
    """A plan with memory of its own, ready to run; used by one thread of Python at a time."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self.words = empty(plan.words)
        longs = plan.longs.copy()
        longs[plan.inside] += longs.ctypes.data
        longs[plan.memory] += self.words.ctypes.data
        (offset, count), tickets = plan.entries, plan.tickets
        self.schedule = Schedule(longs, offset, count, tickets)
        self._scratch = scratch_for(1)
        self._inputs = [self.of(b) for b in plan.inputs]
        self._outputs = [self.of(b) for b in plan.outputs]

    def of(self, buffer: Buffer) -> Words:
        """The words of a buffer, as they are now."""
        return self.words[buffer.offset : buffer.offset + buffer.words]

    def run(self, inputs: Sequence[Words]) -> None:
        for place, given in zip(self._inputs, inputs, strict=True):
            place[:] = given
        count = threads()
        if self._scratch.size * 4 < count * library.SCRATCH:
            self._scratch = scratch_for(count)
        self.schedule.run(self._scratch, count)

    def outputs(self) -> list[Words]:
        return [o.copy() for o in self._outputs]


class Pool:
    """The memories of a plan: one for each thread of Python that runs it at the same time."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self._idle: list[Memory] = []

    def execute(self, inputs: Sequence[Words]) -> list[Words]:
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = Memory(self.plan)
        memory.run(inputs)
        found = memory.outputs()
        self._idle.append(memory)
        return found
