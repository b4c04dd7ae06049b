"""Contractions: products of matrices, or rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from opg.tensor.kernels import library
from opg.tensor.kernels.lanes import wide
from opg.tensor.kernels.schedule import aligned
from opg.tensor.plan.moves import Moves
from opg.tensor.plan.parts import TICKET, TILE, Buffer, Long, Matched, Place, Read, offsets_of
from opg.tensor.program import Kind


class Contractions(Moves):
    def __init__(self) -> None:
        super().__init__()
        self._panels: dict[tuple, tuple[Buffer, list[int]]] = {}

    def _contract(self, m: Matched) -> None:
        self._unguard(m, 0)
        self._unguard(m, 1)
        a, b, _ = m.reads
        if not m.dims:  # one output: as a single column, of the constant if there is one
            column = a if a.buffer is not None and a.buffer.array is not None else b
            m.dims = [1]
            for read in m.reads:
                read.coefs = [int(read is column), *read.coefs]
                read.guards = [replace(g, coefs=(0, *g.coefs)) for g in read.guards]
        if a.buffer and b.buffer and a.safe(m.axes) and b.safe(m.axes):
            last = len(m.dims) - 1
            if a.coefs[last] and not b.coefs[last]:
                m.reads[0], m.reads[1] = b, a
            a, b, _ = m.reads
            columns = not a.coefs[last] and b.coefs[last] != 0
            rows = any(ca and not cb for ca, cb in zip(a.coefs[:last], b.coefs[:last], strict=True))
            if columns and (rows or b.buffer.array is not None):
                return self._multiply(m)
            if not columns:
                self._relay(m, 0)
                self._relay(m, 1)
                m.reads[:2] = sorted(m.reads[:2], key=lambda read: read.coefs[last])
            a, b, _ = m.reads
            kinds = a.coefs[last], b.coefs[last]
            if kinds in ((0, 1), (1, 1)) or (kinds in ((0, 2), (1, 2)) and b.buffer.array is None):
                return self._rows(m, "contract rows", m.fn + 256 * kinds[0] + 4096 * kinds[1], m.steps)
            if columns:
                return self._multiply(m)
        return self._rows(m, "contract", m.fn, 4 * m.steps)

    def _relay(self, m: Matched, number: int) -> None:
        """Lays a constant out as it is read, the last output axis contiguous."""
        read, r = m.reads[number], len(m.dims)
        if read.buffer.array is None or read.coefs[r - 1] in (0, 1):
            return
        axes = [x for x in [*range(r, len(m.axes)), *range(r)] if read.coefs[x]]
        dims = [m.axes[x] for x in axes]
        if prod(dims) > 2 * read.buffer.words:
            return
        places = read.base + offsets_of([read.coefs[x] for x in axes], dims)
        words = aligned(read.buffer.array[places])
        coefs = [0] * len(m.axes)
        for i, x in enumerate(axes):
            coefs[x] = prod(dims[i + 1 :])
        m.reads[number] = replace(read, buffer=Buffer(words.size, words), base=0, coefs=coefs)

    def _multiply(self, m: Matched) -> None:
        """As a product of matrices: a walks the rows, b the columns, both the batches."""
        a, b, c = m.reads
        r = len(m.dims)
        first = r
        while first and not a.coefs[first - 1] and b.coefs[first - 1]:
            first -= 1
        columns = list(range(first, r))
        rows = [x for x in range(first) if a.coefs[x] and not b.coefs[x]]
        batches = [x for x in range(first) if x not in rows]
        strides = [prod(m.dims[x + 1 :]) for x in range(r)]
        length = prod(m.dims[x] for x in columns)

        def offsets(coefs: Sequence[int], axes: Sequence[int]) -> np.ndarray:
            return offsets_of([coefs[x] for x in axes], [m.dims[x] for x in axes])

        increment = 0
        if c.buffer is None:
            word = self.table(np.full(1, c.fill, dtype=np.int64))
            start: Long = word
        else:
            along = offsets(c.coefs, columns)
            plain = c.safe(m.axes) and (not along.any() or np.array_equal(along, np.arange(length)))
            if not plain:
                copy = self._buffer(m.words)
                padding = Matched(m.index, Kind.MOVE, 0, list(m.dims), [], [replace(c, coefs=c.coefs[:r], guards=[replace(g, coefs=g.coefs[:r]) for g in c.guards])], copy)  # fmt: skip
                padding.merge()
                self._move(padding)
                c = Read(copy, [*strides, *[0] * len(m.reduced)], 0, 0, [])
                increment = 1
            else:
                increment = int(length > 1 and along[-1] > 0)
            start = Place(c.buffer, 4 * c.base)
        a_steps, b_steps = (4 * offsets_of(x.coefs[r:], m.reduced) for x in (a, b))
        b_columns, b_batches = 4 * offsets(b.coefs, columns), 4 * offsets(b.coefs, batches)
        widths = self._panel_widths(length)
        panels: list[Long] = []
        n = 0
        pack = library.PACKED
        packed: Buffer | None = None
        source = Place(b.buffer, 4 * b.base)
        if b.buffer.array is not None:
            packed, b_batches, places = self._packed(b, b_steps, b_columns, b_batches, widths)
            source = Place(packed)
        else:
            neighbours = len(columns) == 1 and b.coefs[columns[0]] == 1
            few = prod(m.dims[x] for x in rows) < 16
            pack = library.PACKED if neighbours and few else library.GATHER
            if pack == library.GATHER and not neighbours and b.coefs[r:] == [1] and len(columns) == 1 and b.coefs[columns[0]] > 0:  # fmt: skip
                pack = library.TURN
            places = [0] * len(widths)
        for number, width in enumerate(widths):
            count = min(16 * width, length - n)
            direct = packed is None and pack == library.PACKED
            table = self.table(b_steps if direct else 64 * width * np.arange(m.steps, dtype=np.int64))
            place = 4 * n if direct else 0 if packed is None else places[number]
            panels += [n, width, count, place, table]
            n += 16 * width
        padded = np.concatenate([b_columns, np.repeat(b_columns[-1:], -length % 16)])
        groups = padded.reshape(-1, 16)
        plain_groups = (groups == groups[:, :1] + 4 * np.arange(16)).all(axis=1)
        if length % 16:  # the words behind the last column may be anything
            tail = b_columns[len(b_columns) // 16 * 16 :]
            plain_groups[-1] = bool((tail == tail[0] + 4 * np.arange(len(tail))).all())
        row_table = np.stack([4 * offsets(x, rows) for x in (a.coefs, strides, c.coefs)], axis=1)
        batch_table = np.stack([*(4 * offsets(x, batches) for x in (a.coefs, strides, c.coefs)), b_batches], axis=1)
        height = len(row_table)
        if pack == library.PACKED:
            tile = max(16, -(-TILE * 16 // (64 * m.steps) // 16) * 16)
        else:
            tile = height
        tile = min(tile, height)
        tiles = -(-height // tile)
        parameters: list[Long] = [
            Place(m.out), Place(a.buffer, 4 * a.base), source, start, m.steps, height, tile, tiles, len(widths),
            self.table(batch_table), self.table(row_table), self.table(a_steps), self.table(b_steps),
            increment, pack, self.table(padded), self.table(plain_groups.astype(np.int64)),
            b.coefs[columns[0]], length, *panels,
        ]  # fmt: skip
        total = tiles * len(widths) * len(batch_table)
        grain = max(1, 16 * TICKET // (tile * min(length, 64) * m.steps))
        reads = [x.buffer for x in (a, b, c) if x.buffer is not None]
        self._emit(m, "multiply", m.fn + 256 * wide(), parameters, total, grain, reads)

    @staticmethod
    def _panel_widths(length: int) -> list[int]:
        """Vectors of each panel."""
        most = 4 if wide() else 1
        whole, rest = divmod(length, 16 * most)
        return [most] * whole + ([-(-rest // 16)] if rest else [])

    def _packed(self, b: Read, steps: np.ndarray, columns: np.ndarray, batches: np.ndarray, widths: list[int]) -> tuple[Buffer, np.ndarray, list[int]]:  # fmt: skip
        """A constant b as panels: the buffer, where each batch begins in it, and each panel in a batch, in bytes."""
        distinct, which = np.unique(batches, return_inverse=True)
        places = [0]
        for width in widths:
            places.append(places[-1] + 64 * width * len(steps))
        key = (id(b.buffer), b.base, steps.tobytes(), columns.tobytes(), distinct.tobytes(), tuple(widths))
        if key not in self._panels:
            words = b.buffer.array
            whole = np.zeros(len(distinct) * places[-1] // 4, dtype=np.uint32)
            for i, batch in enumerate(distinct):
                n = 0
                for width, place in zip(widths, places, strict=False):
                    wanted = columns[n : n + 16 * width]
                    at = (b.base + (batch + steps[:, None] + wanted) // 4).astype(np.int64)
                    start = i * places[-1] // 4 + place // 4
                    panel = whole[start : start + 16 * width * len(steps)].reshape(len(steps), 16 * width)
                    panel[:, : len(wanted)] = words[at]
                    n += 16 * width
            self._panels[key] = Buffer(whole.size, aligned(whole)), places
        buffer, places = self._panels[key]
        return buffer, which.reshape(-1) * places[-1], places
