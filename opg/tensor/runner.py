"""Plans with memory, run as often as wanted."""

from __future__ import annotations

import time
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

    def digests(self) -> np.ndarray:
        """The digests of a plan that hashes, shape [rows, 32]."""
        first = self.plan.digests
        return self.words[first : first + 8 * self.plan.hashing.rows].view(np.uint8).reshape(-1, 32)

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
