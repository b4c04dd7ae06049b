"""Steps, and the tables that they read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from opg.tensor.kernels.schedule import LINE
from opg.tensor.plan.parts import TICKET, TILE, Buffer, Long, Matched, Place, RowWork, Step, Table, Tiles, offsets_of
from opg.tensor.program import Kind


class Steps:
    """Steps as they are made."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.buffers: list[Buffer] = []
        self._longs: list[np.ndarray] = []  # tables, one after the other
        self._used = 0
        self._known: dict[bytes, Table] = {}

    def _buffer(self, words: int) -> Buffer:
        self.buffers.append(Buffer(words))
        return self.buffers[-1]

    def table(self, numbers: Iterable[int] | np.ndarray) -> Table:
        """Numbers at an address of the plan's."""
        array = np.ascontiguousarray(np.fromiter(numbers, np.int64) if not isinstance(numbers, np.ndarray) else numbers, dtype=np.int64)  # fmt: skip
        key = array.tobytes()
        if key not in self._known:
            self._known[key] = Table(self._used)
            self._longs.append(array.reshape(-1))
            self._used += array.size
        return self._known[key]

    # ---- row kernels: they walk the output by its last axis

    def _rows(self, m: Matched, kernel: str, code: int, cost: int = 1, inner: bool = True) -> None:
        """A step of a row kernel."""
        self._emit(m, kernel, code, [], 0, 0)
        self.steps[-1].work = RowWork(m, cost, inner)

    @staticmethod
    def _tiles(work: RowWork) -> Tiles:
        length = work.length
        words = max(LINE, TILE // work.cost)
        tile_words = min(length, -(-words // LINE) * LINE)
        tile_rows = max(1, min(work.m.words // length, words // tile_words))
        return Tiles(tile_rows if work.inner else -(-tile_rows // 16) * 16, tile_words)

    def _set_rows(self, step: Step, tiles: Tiles, local: Mapping[int, tuple[int, int]]) -> None:
        """Makes the parameters of a row kernel.

        Args:
            tiles: how it is cut.
            local: for buffers that live in scratch memory, by id: the offset there and the bytes of a tile.
        """
        work = step.work
        m, r, length = work.m, len(work.m.dims), work.length
        cut = r - 1 if work.inner and r else r
        outer, rows = m.dims[:cut], m.words // length
        across = -(-length // tiles.words)
        forms: list[tuple[int, int, list[int]]] = []
        operands: list[Long] = []
        for read in m.reads:
            if read.buffer is None:
                word = read.fill & 0xFFFFFFFF
                table = self.table(np.full(8, word | word << 32, dtype=np.uint64).view(np.int64))
                operands += [table, read.fill, 0, 0, 0]
                continue
            own = read.forms()
            where: list[Long] = [Place(read.buffer), read.fill, len(forms), len(own), int(read.safe(m.axes))]
            if id(read.buffer) in local:
                offset, size = local[id(read.buffer)]
                where[0], where[4] = -1 - offset, size
            operands += where
            forms += own
        operands += [0] * (15 - len(operands))
        table = self.table([0] * max(1, len(forms)))
        if m.reduced and forms:
            table = self.table(np.stack([offsets_of(c[r:], m.reduced) for _, _, c in forms], axis=1))
        out: Long = Place(m.out)
        own_bytes = 0
        if id(m.out) in local:
            offset, own_bytes = local[id(m.out)]
            out = -1 - offset
        count = m.count if m.kind == Kind.PICK else len(m.reads)
        head = [out, length, rows, tiles.rows, tiles.words, across, len(outer), len(forms), m.steps, table, m.stride, count, own_bytes]  # fmt: skip
        for limit, base, coefs in forms:
            operands += [limit, base, coefs[cut] if cut < r else 0, *coefs[:cut]]
        step.parameters = [*head, *operands, *outer]
        step.tiles = -(-rows // tiles.rows) * across
        step.grain = max(1, TICKET // max(1, tiles.rows * tiles.words * work.cost))

    def _emit(self, m: Matched, kernel: str, code: int, parameters: list[Long], tiles: int, grain: int, reads: list[Buffer] | None = None) -> None:  # fmt: skip
        found = [r.buffer for r in m.reads if r.buffer is not None] if reads is None else reads
        self.steps.append(Step(m.index, kernel, code, parameters, tiles, grain, [b for b in found if b.array is None], [m.out]))  # fmt: skip
