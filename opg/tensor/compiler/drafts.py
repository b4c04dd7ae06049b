"""Ops as the compiler has them before it numbers their operands."""

from __future__ import annotations

from dataclasses import dataclass, field

from opg.tensor.compiler.values import Ref
from opg.tensor.program import NO_VALUE, Access, Guard, Op


@dataclass
class Operand:
    """What one operand of a draft reads; `ref` None: the immediate `fill`."""

    ref: Ref | None
    coefs: list[int]
    base: int = 0
    fill: int = 0
    guards: list[tuple[int, int, list[int]]] = field(default_factory=list)  # offset, limit, coefs

    def lists(self) -> list[list[int]]:
        return [self.coefs, *(g[2] for g in self.guards)]


@dataclass
class Draft:
    """An op before its operands have numbers. Axes of one are dropped and axes that all operands walk as one are joined by `merge`."""

    kind: int
    fn: int
    dims: list[int]
    reduced: list[int]
    operands: list[Operand]
    count: int = 0
    stride: int = 0

    def merge(self) -> None:
        """Drops axes of one and joins neighbours that every operand walks as one."""
        every = [c for o in self.operands for c in o.lists()]
        for dims, offset in ((self.reduced, len(self.dims)), (self.dims, 0)):
            for at in reversed(range(len(dims))):
                axis = offset + at
                if dims[at] == 1:
                    del dims[at]
                elif at + 1 < len(dims) and all(c[axis] == c[axis + 1] * dims[at + 1] for c in every):
                    dims[at + 1] *= dims[at]
                    del dims[at]
                else:
                    continue
                for coefs in every:
                    del coefs[axis]

    def op(self, number: dict[Ref, int] | None = None) -> Op:
        operands = []
        for o in self.operands:
            value = NO_VALUE if o.ref is None else number[o.ref] if number else 0
            guards = tuple(Guard(offset, limit, tuple(coefs)) for offset, limit, coefs in o.guards)
            operands.append(Access(value, tuple(o.coefs), o.base, o.fill, guards))
        return Op(self.kind, self.fn, tuple(self.dims), tuple(self.reduced), tuple(operands), self.stride, self.count)

    def key(self) -> tuple:
        operands = [(o.ref, *o.coefs, o.base, o.fill, *((a, b, *c) for a, b, c in o.guards)) for o in self.operands]
        return (self.kind, self.fn, *self.dims, -1, *self.reduced, self.count, self.stride, *operands)
