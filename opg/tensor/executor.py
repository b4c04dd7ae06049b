"""The fast executor: the same words as the interpreter, by whole tensors.

Only numpy's correctly rounded operations are used. A reduction goes through k in order and over all outputs at once, so the order
of roundings is the interpreter's; two strided views of a tensor replace an access map wherever nothing can be out of bounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import product

import numpy as np

from opg.tensor.commitment import ListTree, Tree, bundle_of, tensor_tree
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn, apply
from opg.tensor.program import ARGMAX, ARGMIN, IARGMAX, NO_VALUE, Access, Kind, Op, Program

Words = np.ndarray
NAN = np.uint32(0x7FC00000)


def canonical(words: Words) -> Words:
    """Every NaN as the canonical one (a CPU makes others)."""
    nan = (words & np.uint32(0x7FFFFFFF)) > np.uint32(0x7F800000)
    return np.where(nan, NAN, words) if nan.any() else words


class Reader:
    """Reads one operand for all output indices at once, at one reduction index after another."""

    def __init__(self, op: Op, access: Access, values: Sequence[Words]):
        self.access, self.dims, self.rank = access, op.dims, len(op.dims)
        self.source = None if access.value == NO_VALUE else values[access.value]
        axes = list(zip(access.coefs, op.dims + op.reduced, strict=True))
        low = access.base + sum(min(0, c * (d - 1)) for c, d in axes)
        high = access.base + sum(max(0, c * (d - 1)) for c, d in axes)
        self.inside = self.source is not None and not access.guards and low >= 0 and high < len(self.source)

    @cached_property
    def addresses(self) -> np.ndarray:
        return self._affine(self.access.base, self.access.coefs)

    @cached_property
    def guard_values(self) -> list[np.ndarray]:
        return [self._affine(g.offset, g.coefs) for g in self.access.guards]

    def _affine(self, base: int, coefs: Sequence[int]) -> np.ndarray:
        total = np.full(self.dims, base, dtype=np.int64)
        for axis, (coef, dim) in enumerate(zip(coefs[: self.rank], self.dims, strict=True)):
            shape = [1] * self.rank
            shape[axis] = dim
            total += (np.arange(dim, dtype=np.int64) * coef).reshape(shape)
        return total

    def at(self, k: Sequence[int] = (), shift: np.ndarray | int = 0) -> Words:
        """The words at reduction index k, shape [*dims]."""
        words, _ = self.with_mask(k, shift)
        return words

    def with_mask(self, k: Sequence[int] = (), shift: np.ndarray | int = 0) -> tuple[Words, np.ndarray | None]:
        """The words, and where they were in bounds (None: everywhere)."""
        access, folded = self.access, list(zip(self.access.coefs[self.rank :], k, strict=False))
        if self.source is None:
            return np.full(self.dims, access.fill, dtype=np.uint32), np.zeros(self.dims, dtype=bool)
        offset = sum(c * i for c, i in folded)
        if self.inside and isinstance(shift, int):
            # a view: strides are in bytes, an axis with coefficient 0 is broadcast
            strides = [4 * c for c in access.coefs[: self.rank]]
            start = self.source[access.base + offset + shift :] if self.dims else self.source[access.base + offset :]
            if all(c >= 0 for c in access.coefs[: self.rank]):
                return np.lib.stride_tricks.as_strided(start, self.dims, strides, writeable=False), None
        where = self.addresses + offset + shift
        good = (where >= 0) & (where < len(self.source))
        for guard, values in zip(access.guards, self.guard_values, strict=True):
            at = values + sum(c * i for c, i in zip(guard.coefs[self.rank :], k, strict=False))
            good &= (at >= 0) & (at < guard.limit)
        return np.where(good, self.source[np.where(good, where, 0)], np.uint32(access.fill)), good


def run_op(op: Op | None, values: Sequence[Words]) -> Words:
    """The whole result of one op, flat."""
    if op is None:
        return np.zeros(1, dtype=np.uint32)
    readers = [Reader(op, a, values) for a in op.operands]
    if op.kind == Kind.MAP:
        out = apply(op.fn, *(np.ascontiguousarray(r.at()).reshape(-1) for r in readers))
    elif op.kind == Kind.CONTRACT:
        out = _contract(op, *readers)
    elif op.kind == Kind.REDUCE:
        out = _reduce(op, readers[0])
    elif op.kind == Kind.MOVE:
        out = _move(op, readers)
    else:
        picked = np.clip(readers[1].at().view(np.int32).astype(np.int64), 0, op.count - 1)
        out = readers[0].at((), op.stride * picked)
    return np.ascontiguousarray(out, dtype=np.uint32).reshape(-1)


def _steps(op: Op):
    return product(*(range(d) for d in op.reduced))


def _contract(op: Op, a: Reader, b: Reader, c: Reader) -> Words:
    first = np.ascontiguousarray(c.at([0] * len(op.reduced)))
    if op.fn == Fn.IMUL:
        acc = first.copy()
        for k in _steps(op):
            acc += a.at(k) * b.at(k)
        return acc
    acc = first.view(np.float32).copy()
    with np.errstate(all="ignore"):
        for k in _steps(op):
            acc += _float(a.at(k)) * _float(b.at(k))
    return canonical(acc.view(np.uint32))


def _float(words: Words) -> np.ndarray:
    # a broadcast view cannot always be reinterpreted in place
    return words.view(np.float32) if words.flags.c_contiguous else np.ascontiguousarray(words).view(np.float32)


def _reduce(op: Op, a: Reader) -> Words:
    steps = _steps(op)
    best = np.ascontiguousarray(a.at(next(steps))).reshape(-1).copy()
    if op.fn < ARGMAX:
        for k in steps:
            best = apply(op.fn, best, np.ascontiguousarray(a.at(k)).reshape(-1))
        return best
    at = np.zeros_like(best)
    less = Fn.LT if op.fn in (ARGMAX, ARGMIN) else Fn.ILT
    for number, k in enumerate(steps, 1):
        word = np.ascontiguousarray(a.at(k)).reshape(-1)
        pair = (best, word) if op.fn in (ARGMAX, IARGMAX) else (word, best)
        better = apply(less, *pair) != 0
        best, at = np.where(better, word, best), np.where(better, np.uint32(number), at)
    return at


def _move(op: Op, readers: list[Reader]) -> Words:
    out = np.full(op.dims, op.operands[-1].fill, dtype=np.uint32)
    todo = np.ones(op.dims, dtype=bool)
    for reader in readers:
        words, good = reader.with_mask()
        take = todo if good is None else todo & good
        out = np.where(take, words, out)
        todo = todo & ~take
    return out


def check_inputs(program: Program, inputs: Sequence[Words]) -> list[Words]:
    """The inputs as flat uint32 arrays; refuses wrong counts and lengths."""
    if len(inputs) != len(program.input_words):
        raise TensorError(f"the program takes {len(program.input_words)} inputs, {len(inputs)} were given")
    flat = []
    for number, (given, words) in enumerate(zip(inputs, program.input_words, strict=True)):
        array = np.asarray(given)
        if array.dtype != np.uint32 or array.size != words:
            raise TensorError(
                f"input {number} has {array.size} elements of {array.dtype}; the program takes {words} uint32 words"
            )
        flat.append(np.ascontiguousarray(array).reshape(-1))
    return flat


class Trace:
    """Everything that one execution computed, and its commitments, hashed when asked for.

    Attributes:
        inputs: the input tensors.
        results: one flat uint32 array for each op.
    """

    def __init__(self, program: Program, inputs: list[Words], results: list[Words]):
        self.program, self.inputs, self.results = program, inputs, results

    @property
    def values(self) -> list[Words]:
        return [*self.inputs, *self.program.constants, *self.results]

    @cached_property
    def outputs(self) -> list[Words]:
        return [self.results[o] for o in self.program.outputs]

    @cached_property
    def input_trees(self) -> list[Tree]:
        return [tensor_tree(x) for x in self.inputs]

    @cached_property
    def trees(self) -> list[Tree]:
        return [tensor_tree(x) for x in self.results]

    @cached_property
    def tree(self) -> ListTree:
        """The list tree over the tensor roots of all ops; its root is the traceRoot."""
        return ListTree([t.tensor_root for t in self.trees])

    @property
    def input_root(self) -> bytes:
        return bundle_of([t.tensor_root for t in self.input_trees])

    @property
    def output_root(self) -> bytes:
        return bundle_of([self.trees[o].tensor_root for o in self.program.outputs])


def trace(program: Program, inputs: Sequence[Words]) -> Trace:
    """Executes and keeps every result."""
    flat = check_inputs(program, inputs)
    values = [*flat, *program.constants]
    for index in range(len(program.encoded)):
        values.append(run_op(program.op(index), values))
    return Trace(program, flat, values[program.first_op_value :])


def execute(program: Program, inputs: Sequence[Words]) -> list[Words]:
    """The outputs, flat uint32 words each. Results are dropped after their last use."""
    values: list[Words | None] = [*check_inputs(program, inputs), *program.constants]
    first, last = program.first_op_value, {}
    for index in range(len(program.encoded)):
        for access in program.op(index).operands if program.op(index) else ():
            last[access.value] = index
    keep = {first + o for o in program.outputs}
    for index in range(len(program.encoded)):
        op = program.op(index)
        values.append(run_op(op, values))
        for access in op.operands if op else ():
            if first <= access.value < NO_VALUE and access.value not in keep and last.get(access.value) == index:
                values[access.value] = None
    return [values[first + o] for o in program.outputs]
