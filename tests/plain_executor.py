"""A second, plain implementation of the machine by numpy: all outputs of an operation at once, k by k.

The interpreter is the definition, but takes a word at a time; this is held equal to it and fast enough for large operations.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from opg.tensor.functions import Fn, apply
from opg.tensor.program import ARGMAX, ARGMIN, IARGMAX, NO_VALUE, Access, Kind, Op, Program

Words = np.ndarray


def _form(base: int, coefs: Sequence[int], dims: Sequence[int], k: Sequence[int]) -> np.ndarray:
    """An affine form at every output index, shape [product of dims]."""
    total = np.full(tuple(dims), base + sum(c * i for c, i in zip(coefs[len(dims) :], k, strict=True)), dtype=np.int64)
    for axis, dim in enumerate(dims):
        shape = [1] * len(dims)
        shape[axis] = dim
        total += (np.arange(dim, dtype=np.int64) * coefs[axis]).reshape(shape)
    return total.reshape(-1)


def _read(op: Op, a: Access, values: Sequence[Words], k: Sequence[int], shift: object = 0) -> tuple[Words, np.ndarray]:
    """The words of an operand, and where they are in bounds."""
    at = _form(a.base, a.coefs, op.dims, k) + shift
    if a.value == NO_VALUE:
        return np.full(at.size, a.fill, dtype=np.uint32), np.zeros(at.size, dtype=bool)
    good = (at >= 0) & (at < len(values[a.value]))
    for g in a.guards:
        where = _form(g.offset, g.coefs, op.dims, k)
        good &= (where >= 0) & (where < g.limit)
    return np.where(good, values[a.value][np.where(good, at, 0)], np.uint32(a.fill)), good


def _steps(op: Op) -> Iterator[tuple[int, ...]]:
    return product(*(range(d) for d in op.reduced))


def result(op: Op | None, values: Sequence[Words]) -> Words:
    """All words of an operation."""
    if op is None:
        return np.zeros(1, dtype=np.uint32)
    if op.kind == Kind.MAP:
        return apply(op.fn, *(_read(op, a, values, ())[0] for a in op.operands))
    if op.kind == Kind.MOVE:
        out, todo = np.full(op.words, op.operands[-1].fill, dtype=np.uint32), np.ones(op.words, dtype=bool)
        for a in op.operands:
            words, good = _read(op, a, values, ())
            out = np.where(todo & good, words, out)
            todo &= ~good
        return out
    if op.kind == Kind.PICK:
        picked = np.clip(_read(op, op.operands[1], values, ())[0].view(np.int32).astype(np.int64), 0, op.count - 1)
        return _read(op, op.operands[0], values, (), op.stride * picked)[0]
    if op.kind == Kind.CONTRACT:
        times, plus = (Fn.MUL, Fn.ADD) if op.fn == Fn.MUL else (Fn.IMUL, Fn.IADD)
        acc = _read(op, op.operands[2], values, [0] * len(op.reduced))[0]
        for k in _steps(op):
            acc = apply(plus, acc, apply(times, *(_read(op, a, values, k)[0] for a in op.operands[:2])))
        return acc
    return _reduce(op, values)


def _reduce(op: Op, values: Sequence[Words]) -> Words:
    steps = _steps(op)
    best = _read(op, op.operands[0], values, next(steps))[0]
    place = np.zeros(best.size, dtype=np.uint32)
    for number, k in enumerate(steps, 1):
        word = _read(op, op.operands[0], values, k)[0]
        if op.fn < ARGMAX:
            best = apply(op.fn, best, word)
            continue
        less = Fn.LT if op.fn in (ARGMAX, ARGMIN) else Fn.ILT
        better = apply(less, *((best, word) if op.fn in (ARGMAX, IARGMAX) else (word, best))) != 0
        best, place = np.where(better, word, best), np.where(better, np.uint32(number), place)
    return best if op.fn < ARGMAX else place


def results(program: Program, inputs: Sequence[Words]) -> list[Words]:
    """The results of all operations, in order."""
    values = [*inputs, *program.constants]
    for index in range(len(program.encoded)):
        values.append(result(program.op(index), values))
    return values[program.first_op_value :]
