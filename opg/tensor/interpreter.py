"""The definition of the machine: slow, obvious, one page. Everything else is compared with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from opg.tensor.functions import Fn, apply
from opg.tensor.program import ARGMAX, ARGMIN, IARGMAX, NO_VALUE, Access, Kind, Op, Program

Words = np.ndarray


def address(access: Access, index: Sequence[int], length: int, shift: int = 0) -> int | None:
    """Where an operand is read at an index (output axes, then reduction axes), or None when out of bounds."""
    for guard in access.guards:
        if not 0 <= guard.offset + sum(c * i for c, i in zip(guard.coefs, index, strict=True)) < guard.limit:
            return None
    at = access.base + sum(c * i for c, i in zip(access.coefs, index, strict=True)) + shift
    return at if access.value != NO_VALUE and 0 <= at < length else None


def read(values: Sequence[Words], access: Access, index: Sequence[int], shift: int = 0) -> int:
    length = 0 if access.value == NO_VALUE else len(values[access.value])
    at = address(access, index, length, shift)
    return access.fill if at is None else int(values[access.value][at])


def call(fn: int, *words: int) -> int:
    return int(apply(fn, *(np.array([w], dtype=np.uint32) for w in words))[0])


def signed(word: int) -> int:
    return word - (1 << 32) if word >> 31 else word


def element(program: Program, values: Sequence[Words], op_index: int, position: int) -> int:
    """Word `position` of the result of an op, from the values before it."""
    op = program.op(op_index)
    if op is None:
        return 0
    return element_of(op, values, position)


def element_of(op: Op, values: Sequence[Words], position: int) -> int:
    i = [int(x) for x in np.unravel_index(position, op.dims)] if op.dims else []
    if op.kind == Kind.MAP:
        return call(op.fn, *(read(values, a, i) for a in op.operands))
    if op.kind == Kind.CONTRACT:
        a, b, c = op.operands
        times, plus = (Fn.MUL, Fn.ADD) if op.fn == Fn.MUL else (Fn.IMUL, Fn.IADD)
        acc = read(values, c, i + [0] * len(op.reduced))
        for k in steps(op):
            acc = call(plus, acc, call(times, read(values, a, i + k), read(values, b, i + k)))
        return acc
    if op.kind == Kind.REDUCE:
        return reduce(op, (read(values, op.operands[0], i + k) for k in steps(op)))
    if op.kind == Kind.MOVE:
        for a in op.operands:
            length = 0 if a.value == NO_VALUE else len(values[a.value])
            at = address(a, i, length)
            if at is not None:
                return int(values[a.value][at])
        return op.operands[-1].fill
    a, b = op.operands
    picked = min(max(signed(read(values, b, i)), 0), op.count - 1)
    return read(values, a, i, op.stride * picked)


def steps(op: Op) -> Iterator[list[int]]:
    """The reduction indices in order, last axis fastest."""
    return (list(k) for k in product(*(range(d) for d in op.reduced)))


def reduce(op: Op, words: Iterator[int]) -> int:
    best, at = next(words), 0
    if op.fn < ARGMAX:
        for word in words:
            best = call(op.fn, best, word)
        return best
    less = Fn.LT if op.fn in (ARGMAX, ARGMIN) else Fn.ILT
    for k, word in enumerate(words, 1):
        better = call(less, best, word) if op.fn in (ARGMAX, IARGMAX) else call(less, word, best)
        if better:
            best, at = word, k
    return at


def interpret(program: Program, inputs: Sequence[Words]) -> list[Words]:
    """The results of all ops, in order."""
    values = [np.asarray(x, dtype=np.uint32) for x in [*inputs, *program.constants]]
    for index in range(len(program.encoded)):
        words = (element(program, values, index, p) for p in range(program.words_of(index)))
        values.append(np.fromiter(words, dtype=np.uint32, count=program.words_of(index)))
    return values[program.first_op_value :]
