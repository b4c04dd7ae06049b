"""What a plan is made of: buffers, operands and operations while they are matched, steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np

from opg.tensor.program import Guard

TILE = 16_384  # words of work in a tile
TICKET = 4 * TILE  # words of work, some ten microseconds, that are worth waking and waiting for another thread


@dataclass(eq=False)
class Buffer:
    """A flat tensor: a constant at a fixed address, or words of the plan's memory from `offset` on."""

    words: int
    array: np.ndarray | None = None
    offset: int = -1
    first: int = -1  # the step that writes it, and the last that reads it
    last: int = -1


@dataclass(frozen=True)
class Place:
    """An address to be: so many bytes behind the start of a buffer."""

    buffer: Buffer
    bytes: int = 0


@dataclass(frozen=True)
class Table:
    """An address to be: a table of the plan's own."""

    offset: int


Long = int | Place | Table


@dataclass
class Read:
    """An operand while it is matched: like `Access`, with the buffer for the value. No buffer: an immediate."""

    buffer: Buffer | None
    coefs: list[int]
    base: int
    fill: int
    guards: list[Guard]

    def forms(self) -> list[tuple[int, int, list[int]]]:
        """(limit, base, coefs) of the address and the guards."""
        if self.buffer is None:
            return []
        return [(self.buffer.words, self.base, self.coefs), *((g.limit, g.offset, list(g.coefs)) for g in self.guards)]

    def safe(self, dims: Sequence[int]) -> bool:
        """Whether every read is in bounds, by the address alone; `guards` that always hold must be gone."""
        if self.buffer is None or self.guards:
            return False
        low, high = span(self.base, self.coefs, dims)
        return low >= 0 and high < self.buffer.words


def span(base: int, coefs: Sequence[int], dims: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest value of an affine form."""
    low = base + sum(min(0, c * (d - 1)) for c, d in zip(coefs, dims, strict=True))
    return low, base + sum(max(0, c * (d - 1)) for c, d in zip(coefs, dims, strict=True))


def offsets_of(coefs: Sequence[int], dims: Sequence[int]) -> np.ndarray:
    """The values of a form with base 0 over all indices, row-major; one value when there are no axes."""
    total = np.zeros(1, dtype=np.int64)
    for coef, dim in zip(coefs, dims, strict=True):
        total = (total[:, None] + coef * np.arange(dim, dtype=np.int64)).reshape(-1)
    return total


@dataclass
class Step:
    """One call of a kernel, with what it reads and writes.

    Attributes:
        op: the index of the operation that it belongs to.
        code: the fn or variant for which the kernel is compiled.
        parameters: 64-bit numbers, or addresses that are not known yet.
        grain: tiles that a thread takes at once.
    """

    op: int
    kernel: str
    code: int
    parameters: list[Long]
    tiles: int
    grain: int
    reads: list[Buffer]
    writes: list[Buffer]
    work: RowWork | None = None
    parts: list[Step] = field(default_factory=list)  # of a fused step


@dataclass
class RowWork:
    """What a row kernel walks; its parameters follow when its tiles are known.

    Attributes:
        cost: work for each word.
        inner: whether the last axis is the row; else a row is one word.
    """

    m: Matched
    cost: int
    inner: bool

    @property
    def length(self) -> int:
        """Words of a row."""
        return self.m.dims[-1] if self.inner and self.m.dims else 1

    @property
    def span(self) -> int:
        """How many words of an operand that is read in order belong to the result."""
        return self.m.words * self.m.steps

    def in_order(self, read: Read) -> bool:
        """Whether an operand is read at the output's (and reduction's) flat index, or that divided by a number."""
        if read.guards or read.base or self.span % read.buffer.words:
            return False
        each, stride = self.span // read.buffer.words, self.span
        for coef, dim in zip(read.coefs, self.m.axes, strict=True):
            whole, stride = stride, stride // dim
            if coef != (stride // each if stride % each == 0 else 0) or (stride % each and whole > each):
                return False
        return True


@dataclass
class Tiles:
    """How a row kernel's work is cut: rows and words of a row in a tile."""

    rows: int
    words: int


@dataclass
class Matched:
    """An operation with its axes merged: the dims and the operands that the kernels see."""

    index: int
    kind: int
    fn: int
    dims: list[int]
    reduced: list[int]
    reads: list[Read]
    out: Buffer
    stride: int = 0
    count: int = 0

    @property
    def axes(self) -> list[int]:
        return self.dims + self.reduced

    @property
    def words(self) -> int:
        return prod(self.dims)

    @property
    def steps(self) -> int:
        return prod(self.reduced)

    def merge(self) -> None:
        """Drops axes of one and joins neighbours that everything walks as one."""
        forms = [list(r.coefs) for r in self.reads]
        guards = [list(g.coefs) for r in self.reads for g in r.guards]
        r = len(self.dims)
        self.reduced = merged(self.reduced, forms + guards, r)
        self.dims = merged(self.dims, forms + guards, 0)
        rest = iter(guards)
        for read, coefs in zip(self.reads, forms, strict=True):
            read.coefs = coefs
            read.guards = [Guard(g.offset, g.limit, tuple(next(rest))) for g in read.guards]


def merged(dims: list[int], forms: list[list[int]], first: int) -> list[int]:
    """Drops axes of one and joins neighbours that all forms walk as one; `forms` are changed in place from axis `first` on."""
    dims = list(dims)
    for axis in range(len(dims) - 1, -1, -1):
        here = first + axis
        joined = axis + 1 < len(dims) and all(f[here] == f[here + 1] * dims[axis + 1] for f in forms)
        if dims[axis] == 1 or joined:
            if joined and dims[axis] != 1:
                dims[axis + 1] *= dims[axis]
            del dims[axis]
            for form in forms:
                del form[here]
    return dims
