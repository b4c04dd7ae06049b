"""Where buffers lie in the memory of a plan."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from opg.tensor.kernels.schedule import LINE
from opg.tensor.plan.parts import Buffer, Step

SLACK = 64  # words behind the memory that vectors may read


def lay_out(steps: Sequence[Step], buffers: Sequence[Buffer], inputs: Sequence[Buffer], kept: Sequence[Buffer]) -> int:
    """Gives every buffer its place; one that is dead leaves its place to others.

    Args:
        buffers: those that the steps write, and the inputs.
        kept: those that are never dead.

    Returns:
        The words of the memory.
    """
    for buffer in inputs:
        buffer.first = 0
    for number, step in enumerate(steps):
        for buffer in step.reads:
            buffer.last = number
        for buffer in step.writes:
            if buffer.first < 0:
                buffer.first = number
            buffer.last = max(buffer.last, number)
    forever = len(steps)
    for buffer in kept:
        buffer.last = forever
    free = _FreeList()
    ending: list[tuple[int, int, int]] = []
    for buffer in sorted((b for b in buffers if b.first >= 0), key=lambda b: b.first):
        while ending and ending[0][0] < buffer.first:
            _, offset, size = heapq.heappop(ending)
            free.give(offset, size)
        size = -(-buffer.words // LINE) * LINE
        buffer.offset = free.take(size)
        heapq.heappush(ending, (max(buffer.last, buffer.first), buffer.offset, size))
    return free.end + SLACK


class _FreeList:
    """Places in a memory that grows: first fit, neighbours joined."""

    def __init__(self) -> None:
        self.end = 0
        self.holes: list[list[int]] = []  # [offset, size], by offset

    def take(self, size: int) -> int:
        best = None
        for hole in self.holes:
            if hole[1] >= size and (best is None or hole[1] < best[1]):
                best = hole
        if best is None:
            if self.holes and sum(self.holes[-1]) == self.end:  # the last hole can grow
                offset = self.holes.pop()[0]
            else:
                offset = self.end
            self.end = offset + size
            return offset
        offset = best[0]
        best[0] += size
        best[1] -= size
        if not best[1]:
            self.holes.remove(best)
        return offset

    def give(self, offset: int, size: int) -> None:
        at = 0
        while at < len(self.holes) and self.holes[at][0] < offset:
            at += 1
        self.holes.insert(at, [offset, size])
        for i in (at, at - 1):
            if 0 <= i < len(self.holes) - 1 and sum(self.holes[i]) == self.holes[i + 1][0]:
                self.holes[i][1] += self.holes.pop(i + 1)[1]
