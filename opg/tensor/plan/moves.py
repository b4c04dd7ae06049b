"""Moves and folds, and borders that are made before something else reads them."""

from __future__ import annotations

from dataclasses import replace
from math import prod

import numpy as np

from opg.tensor.plan.parts import TICKET, Buffer, Matched, Place, Read, offsets_of, span
from opg.tensor.plan.steps import Steps
from opg.tensor.program import Guard, Kind

GATHERED = 1 << 18  # words of a MOVE with short rows that is made by a table of addresses
GATHER_TILE = 2048  # words


def _merge_borders(m: Matched) -> None:
    """Joins neighbouring axes where all addresses walk them as one and guards, if at all, count only the outer one.

    With an inner axis of d, 0 ≤ o + x < l for the outer index x says the same as 0 ≤ o·d + j < l·d for the joint index j.
    """
    for axis in range(len(m.dims) - 2, -1, -1):
        dim = m.dims[axis + 1]
        pair = slice(axis, axis + 2)
        guards = [g for r in m.reads for g in r.guards]
        if any(r.coefs[axis] != r.coefs[axis + 1] * dim for r in m.reads if r.buffer is not None):
            continue
        if any(g.coefs[axis] != g.coefs[axis + 1] * dim and g.coefs[pair] != (1, 0) for g in guards):
            continue
        for read in m.reads:
            read.coefs = [*read.coefs[:axis], *read.coefs[axis + 1 :]]
            made = []
            for g in read.guards:
                scale = dim if g.coefs[pair] == (1, 0) else 1
                coefs = [scale * c for c in (*g.coefs[:axis], *g.coefs[axis + 1 :])]
                if scale > 1:
                    coefs[axis] = 1
                made.append(Guard(g.offset * scale, g.limit * scale, tuple(coefs)))
            read.guards = made
        m.dims[axis : axis + 2] = [m.dims[axis] * dim]


class Moves(Steps):
    def __init__(self) -> None:
        super().__init__()
        self._padded: dict[tuple, Buffer] = {}

    def _move(self, m: Matched) -> None:
        a, r = m.reads[0], len(m.dims)
        if len(m.reads) == 1 and r >= 2 and a.safe(m.dims) and a.coefs[-1] not in (0, 1):
            side = [x for x in range(r - 1) if a.coefs[x] == 1]
            if side and m.dims[side[-1]] >= 4 and m.dims[-1] >= 4 and a.coefs[-1] > 0:
                return self._turn(m, side[-1])
        _merge_borders(m)
        if len(m.reads) == 1 and m.dims and m.dims[-1] < 16 and 64 <= m.words <= GATHERED and m.reads[0].safe(m.dims):
            return self._gather(m)
        return self._rows(m, "move", 0)

    def _gather(self, m: Matched) -> None:
        """Short rows: every word by its address."""
        a = m.reads[0]
        places = 4 * offsets_of(a.coefs, m.dims)
        places = np.concatenate([places, np.repeat(places[-1:], -len(places) % 16)])
        tiles = -(-m.words // GATHER_TILE)
        parameters = [Place(m.out), Place(a.buffer, 4 * a.base), self.table(places), m.words, GATHER_TILE]
        self._emit(m, "gather", 0, parameters, tiles, max(1, TICKET // (4 * GATHER_TILE)))

    def _turn(self, m: Matched, q: int) -> None:
        a, rest = m.reads[0], [x for x in range(len(m.dims) - 1) if x != q]
        strides = [prod(m.dims[x + 1 :]) for x in range(len(m.dims))]
        dims = [m.dims[x] for x in rest]
        outs, sources = (offsets_of([c[x] for x in rest], dims) for c in (strides, a.coefs))
        planes = self.table(4 * np.stack([outs, sources], axis=1))
        blocks = -(-m.dims[q] // 16)
        parameters = [Place(m.out), m.dims[-1], m.dims[q], a.coefs[-1], strides[q], 0, blocks, planes]
        tiles = blocks * len(outs)
        grain = max(1, TICKET // (16 * m.dims[-1]))
        self._emit(m, "turn", 0, [*parameters, Place(a.buffer, 4 * a.base)], tiles, grain)

    def _reduce(self, m: Matched) -> None:
        self._unguard(m, 0)
        a, r = m.reads[0], len(m.dims)
        if m.steps >= 2 and a.safe(m.axes):
            if r and a.coefs[r - 1] == 1 and (m.dims[-1] >= 8 or a.coefs[r:] != [1]):
                return self._rows(m, "reduce columns", m.fn, m.steps)
            if a.coefs[r:] == [1]:
                return self._rows(m, "reduce rows", m.fn, m.steps, inner=False)
        return self._rows(m, "reduce", m.fn, 4 * m.steps)

    def _unguard(self, m: Matched, number: int) -> None:
        """Where the guards of an operand are those of a border: reads a copy with the border around it instead.

        Every guard is then a coordinate: all axes move the address by the guard's stride times its own coefficient.
        """
        read = m.reads[number]
        if not read.guards or read.buffer is None:
            return
        groups: list[tuple[int, dict[int, int], Guard | None]] = []  # (stride, axis → coefficient, guard)
        owner: set[int] = set()
        for guard in read.guards:
            axes = {x: c for x, c in enumerate(guard.coefs) if c}
            stride, rest = divmod(read.coefs[min(axes)], axes[min(axes)]) if axes else (0, 1)
            fits = not rest and stride > 0 and not owner & set(axes)
            if not fits or any(read.coefs[x] != stride * c for x, c in axes.items()):
                return
            owner |= set(axes)
            groups.append((stride, axes, guard))
        free: dict[int, dict[int, int]] = {}
        for x, coef in enumerate(read.coefs):
            if coef and x not in owner:
                free.setdefault(coef, {})[x] = 1
        groups += [(coef, axes, None) for coef, axes in free.items()]
        groups.sort(key=lambda g: -abs(g[0]))
        dims, base, lows = [], read.base, []
        for stride, axes, guard in groups:
            low, high = span(guard.offset if guard else 0, list(axes.values()), [m.axes[x] for x in axes])
            dims.append(high - low + 1)
            lows.append(low)
            base += stride * (low - (guard.offset if guard else 0))
        if prod(dims) > 4 * read.buffer.words + 4096:
            return
        strides = [prod(dims[i + 1 :]) for i in range(len(dims))]
        coefs, start = [0] * len(m.axes), 0
        for (_, axes, guard), low, own in zip(groups, lows, strides, strict=True):
            start += own * ((guard.offset if guard else 0) - low)
            for x, c in axes.items():
                coefs[x] = own * c
        guards = []
        for i, ((_, _, guard), low) in enumerate(zip(groups, lows, strict=True)):
            if guard:
                unit = tuple(int(j == i) for j in range(len(dims)))
                guards.append(Guard(low, guard.limit, unit))
        key = (id(read.buffer), tuple(dims), base, tuple(g[0] for g in groups), tuple(guards), read.fill)
        if key not in self._padded:
            copy = self._buffer(prod(dims))
            source = Read(read.buffer, [g[0] for g in groups], base, read.fill, guards)
            padding = Matched(m.index, Kind.MOVE, 0, dims, [], [source], copy)
            padding.merge()
            self._move(padding)
            self._padded[key] = copy
        m.reads[number] = replace(read, buffer=self._padded[key], coefs=coefs, base=start, guards=[])
