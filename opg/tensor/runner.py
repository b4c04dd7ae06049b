"""Plans with memory, run as often as wanted."""

from __future__ import annotations

import time
import weakref
from collections.abc import Sequence

import numpy as np

from opg.tensor.errors import TensorError
from opg.tensor.kernels import library
from opg.tensor.kernels.schedule import Schedule, Scratch, empty, threads
from opg.tensor.plan import Buffer, Plan

Words = np.ndarray
LEAST, HALF = np.float32(2.0**-126), np.float32(0.5)


class Memory:
    """A plan with memory of its own, ready to run; used by one thread of Python at a time."""

    def __init__(self, plan: Plan):
        plan.link()
        self.plan = plan
        self.words = empty(plan.words)
        longs = plan.longs.copy()
        longs[plan.inside] += longs.ctypes.data
        longs[plan.memory] += self.words.ctypes.data
        (offset, count), tickets = plan.entries, plan.tickets
        self.schedule = Schedule(longs, offset, count, tickets)
        self._scratch = Scratch()
        self._inputs = [self.of(b) for b in plan.inputs]
        self._outputs = [self.of(b) for b in plan.outputs]

    def of(self, buffer: Buffer) -> Words:
        """The words of a buffer, as they are now."""
        return self.words[buffer.offset : buffer.offset + buffer.words]

    def run(self, inputs: Sequence[Words]) -> None:
        """Raises TensorError in a thread whose processor flushes subnormals to zero: its words would be wrong."""
        if not LEAST * HALF > 0:
            raise TensorError(
                "this thread flushes subnormal numbers to zero, so that its results would be wrong; some library was built "
                "with fast arithmetic and switched that on: run the executor in a process without it"
            )
        for place, given in zip(self._inputs, inputs, strict=True):
            place[:] = given
        self.schedule.run(self._scratch, threads())

    def time_steps(self, inputs: Sequence[Words], repeats: int = 5) -> list[float]:
        """Seconds of each step of the plan on one thread, the least of several runs."""
        self.run(inputs)
        best = [float("inf")] * len(self.plan.steps)
        for _ in range(repeats):
            for number in range(len(best)):
                each = Schedule(self.schedule.longs, self.plan.singly + number * library.ENTRY_LONGS, 1, 1)
                start = time.perf_counter()
                each.run(self._scratch, 1)
                best[number] = min(best[number], time.perf_counter() - start)
        return best

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


class Keeper:
    """The memories of a plan whose results are handed out as they stand. The last one that nothing reads any more is used again."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self._idle: list[Memory] = []

    def execute(self, inputs: Sequence[Words]) -> tuple[list[Words], np.ndarray]:
        """The results of all operations, and the digests, shape [rows, 32]."""
        try:
            memory = self._idle.pop()
        except IndexError:
            memory = Memory(self.plan)
        memory.run(inputs)
        words = np.frombuffer(memoryview(memory.words), dtype=np.uint32)  # lives as long as any part of it
        weakref.finalize(words, self._keep, memory).atexit = False
        first, rows = self.plan.digests, self.plan.hashing.rows
        digests = words[first : first + 8 * rows].view(np.uint8).reshape(rows, 32)
        return [words[b.offset : b.offset + b.words] for b in self.plan.results], digests

    def _keep(self, memory: Memory) -> None:
        self._idle[:] = [memory]
