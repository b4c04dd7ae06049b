"""Fusion: steps that walk the same words go tile by tile, so that what is between them stays in the cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import lcm

from opg.tensor.kernels import library
from opg.tensor.plan.parts import TICKET, Buffer, Step, Tiles

FUSED = ("map", "reduce rows")  # kernels whose steps may be fused
FUSED_WORDS = 4096  # of a tile of a fused step
SLOTS = library.PANEL_WORDS  # words of scratch memory for what is between fused steps


def _unit(group: Sequence[Step]) -> int | None:
    """The words of a tile: a multiple of every member's rows, near the size that the cache likes; None: there is none."""
    whole = max(s.work.span for s in group)
    unit, folds = 1, False
    for step in group:
        work = step.work
        flat = len(work.m.dims) <= 1 and work.inner
        ratio = whole // work.m.words
        unit = lcm(unit, ratio if flat else ratio * work.length)
        folds = folds or step.kernel == "reduce rows"
    if folds:
        unit = lcm(unit, 16 * min(whole // s.work.m.words for s in group if s.kernel == "reduce rows"))
    return unit * max(1, FUSED_WORDS // unit) if unit <= 4 * FUSED_WORDS else None


class Fusion:
    """What may be fused of some steps.

    Args:
        kept: buffers that are wanted in any case.
        set_rows: makes the parameters of a row step for given tiles; the buffers that live in scratch memory are named to it.
    """

    def __init__(self, steps: list[Step], kept: Sequence[Buffer], set_rows: Callable[[Step, Tiles, Mapping], None]):
        self._steps, self._kept, self._set_rows = steps, kept, set_rows

    def fused(self) -> list[Step]:
        """The steps, runs of row steps put together."""
        readers: dict[int, list[int]] = {}
        for number, step in enumerate(self._steps):
            for buffer in step.reads:
                readers.setdefault(id(buffer), []).append(number)
        done: list[Step] = []
        group: list[Step] = []
        for step in [*self._steps, None]:
            if step is not None and self._joins(group, step):
                group.append(step)
                continue
            self._close(group, readers, done)
            group = [step] if step is not None and step.kernel in FUSED else []
            if step is not None and not group:
                done.append(step)
        return done

    @staticmethod
    def _joins(group: list[Step], step: Step) -> bool:
        if not group or step.kernel not in FUSED:
            return False
        whole = max(s.work.span for s in group)
        span = step.work.span
        if max(whole, span) % min(whole, span) or max(whole, span) % step.work.m.words:
            return False
        if any(max(whole, span) % s.work.m.words for s in group):
            return False
        made = {id(s.writes[0]) for s in group}
        inside = [r for r in step.work.m.reads if r.buffer is not None and id(r.buffer) in made]
        return all(step.work.in_order(r) for r in inside) and _unit([*group, step]) is not None

    def _close(self, group: list[Step], readers: Mapping[int, list[int]], done: list[Step]) -> None:
        """Appends a group as one step, or its steps where there is nothing to gain."""
        if len(group) < 2:
            done.extend(group)
            return
        whole, unit = max(s.work.span for s in group), _unit(group)
        kept = {id(b) for b in self._kept}
        place = {id(s): number for number, s in enumerate(self._steps)}
        inside = {place[id(s)] for s in group}
        local: dict[int, tuple[int, int]] = {}
        slots: list[tuple[int, int, int]] = []  # free from this member on, offset, bytes
        end = 0
        for number, step in enumerate(group):
            buffer = step.writes[0]
            uses = readers.get(id(buffer), [])
            if id(buffer) in kept or not uses or not set(uses) <= inside:
                continue
            size = 4 * unit * buffer.words // whole
            room = -(-size // 64) * 64
            last = max(i for i, s in enumerate(group) if buffer in s.reads)
            fitting = [s for s in slots if s[0] < number and s[2] == room]
            if fitting:
                slots.remove(fitting[0])
                offset = fitting[0][1]
            else:
                offset, end = end, end + room
            slots.append((last, offset, room))
            local[id(buffer)] = offset, size
        if end > 4 * SLOTS or not local:
            done.extend(group)
            return
        for step in group:
            own = unit * step.work.m.words // whole
            length = step.work.length
            tiles = Tiles(1, own) if len(step.work.m.dims) <= 1 and step.work.inner else Tiles(own // length, length)
            self._set_rows(step, tiles, local)
        gone = set(local)
        reads = {id(b): b for s in group for b in s.reads if id(b) not in gone}
        writes = [s.writes[0] for s in group if id(s.writes[0]) not in gone]
        reads = [b for key, b in reads.items() if b not in writes]
        work = unit * sum(s.work.cost * s.work.m.words for s in group) // whole
        grain = max(1, TICKET // max(1, work))
        done.append(Step(group[-1].op, "fused", 0, [], -(-whole // unit), grain, reads, writes, parts=group))
