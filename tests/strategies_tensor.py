"""Random operations of the tensor machine: every kind, every function, wild access maps, hard words; some not well-formed."""

from __future__ import annotations

import numpy as np

from opg.tensor.functions import Fn, arity
from opg.tensor.program import ARGS, FOLDS, NO_VALUE, Access, Guard, Kind, Op, Program, well_formed

HARD = np.array(
    [0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x00000001, 0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000,
     0xFF800000, 0x7FC00000, 0xFFC12345, 0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x4B800001, 0x33800000],
    dtype=np.uint32,
)  # fmt: skip


def random_words(rng: np.random.Generator, count: int) -> np.ndarray:
    """Ordinary floats, small integers, hard words and plain noise."""
    style = rng.integers(0, 4)
    if style == 0:
        return rng.normal(0, 2, count).astype(np.float32).view(np.uint32)
    if style == 1:
        return rng.integers(-8, 9, count).astype(np.int32).view(np.uint32)
    if style == 2:
        return rng.choice(HARD, count)
    return rng.integers(0, 1 << 32, count, dtype=np.uint32)


def random_access(rng: np.random.Generator, value: int, length: int, axes: list[int]) -> Access:
    """Mostly in bounds, sometimes not; sometimes an immediate."""
    if rng.random() < 0.08:
        return Access(NO_VALUE, tuple(int(c) for c in rng.integers(-3, 4, len(axes))), 0, int(random_words(rng, 1)[0]))
    reach = max(1, length // max(1, sum(axes)))
    coefs = tuple(int(c) for c in rng.integers(-1 if rng.random() < 0.3 else 0, reach + 2, len(axes)))
    guards = []
    if rng.random() < 0.4:
        for _ in range(int(rng.integers(1, 5))):
            guard = tuple(int(c) for c in rng.integers(-2, 3, len(axes)))
            guards.append(Guard(int(rng.integers(-3, 4)), int(rng.integers(0, 12)), guard))
    base = int(rng.integers(-3, max(2, length // 2)))
    return Access(value, coefs, base, int(random_words(rng, 1)[0]), tuple(guards))


def random_op(
    rng: np.random.Generator, kind: int | None = None, longest: int = 200
) -> tuple[Program, list[np.ndarray]]:
    """A program of three ops that feed each other, the last of the given kind, and inputs shorter than `longest`."""
    kind = int(rng.integers(1, 6)) if kind is None else int(kind)
    sizes = [int(s) for s in rng.integers(1, longest, 2)]
    inputs = [random_words(rng, s) for s in sizes]
    constants = [random_words(rng, int(rng.integers(2, 150)))]
    lengths = [*sizes, len(constants[0])]
    encoded = []
    for step in range(3):
        made = _op(rng, kind if step == 2 else int(rng.integers(1, 6)), lengths)
        data = made.encode()
        if rng.random() < 0.02:  # damaged bytes: mostly not well-formed, then the result is [0]
            damaged = bytearray(data)
            damaged[int(rng.integers(0, len(damaged)))] ^= int(rng.integers(1, 256))
            data = bytes(damaged)
        encoded.append(data)
        program = Program(tuple(sizes), constants, list(encoded), (len(encoded) - 1,))
        lengths.append(program.words_of(len(encoded) - 1))
        if lengths[-1] > 1 << 12:  # damage made it large; keep tests quick
            return random_op(rng, kind, longest)
    return program, inputs


def _op(rng: np.random.Generator, kind: int, lengths: list[int]) -> Op:
    dims = [int(d) for d in rng.integers(1, 5, rng.integers(0, 5))]
    reduced: list[int] = []
    if kind in (Kind.CONTRACT, Kind.REDUCE):
        reduced = [int(d) for d in rng.integers(1, 7, rng.integers(0, 4))]
        if rng.random() < 0.2:
            reduced = [int(rng.integers(30, 130))]
    if kind == Kind.MAP:
        fn = int(rng.choice(list(Fn)))
        n = arity(fn)
    elif kind == Kind.CONTRACT:
        fn, n = int(rng.choice([Fn.MUL, Fn.MUL, Fn.IMUL])), 3
    elif kind == Kind.REDUCE:
        fn, n = int(rng.choice(sorted(FOLDS) + sorted(ARGS))), 1
    elif kind == Kind.MOVE:
        fn, n = 0, int(rng.integers(1, 4))
    else:
        fn, n = 0, 2
    axes = dims + reduced
    operands = []
    for _ in range(n):
        value = int(rng.integers(0, len(lengths)))
        operands.append(random_access(rng, value, lengths[value], axes))
        if reduced and rng.random() < 0.5:  # the straight walk that the compiler lays out
            coefs = (*operands[-1].coefs[:-1], 1)
            operands[-1] = Access(value, coefs, 0, 0)
    stride, count = (int(rng.integers(-3, 8)), int(rng.integers(1, 9))) if kind == Kind.PICK else (0, 0)
    op = Op(kind, fn, tuple(dims), tuple(reduced), tuple(operands), stride, count)
    return op if well_formed(op, len(lengths)) else _op(rng, kind, lengths)
