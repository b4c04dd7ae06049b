"""Collects operations: lays out what they read, splits what is too long to referee, computes what is constant."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from math import prod

import numpy as np

from opg.tensor.compiler.drafts import Draft, Operand
from opg.tensor.compiler.folding import Folder
from opg.tensor.compiler.types import FLOAT, LONG, SMALL, from_words, words_of
from opg.tensor.compiler.values import (
    Ref,
    Value,
    broadcast,
    check_size,
    common_shape,
    constant,
    layout,
    narrow,
    permute,
    restride,
    strides_of,
    view,
)
from opg.tensor.errors import TensorError
from opg.tensor.executor import run_op
from opg.tensor.functions import Fn, apply
from opg.tensor.program import (
    ARGMAX,
    ARGMIN,
    FOLDS,
    IARGMAX,
    MAX_REDUCTION,
    NO_VALUE,
    Kind,
    Op,
    Program,
    decode,
    well_formed,
)

ANY_NUMBER = NO_VALUE - 1  # for asking whether an op would be well-formed
MAX_OPS = 1 << 20
STRIDED = 4  # a reduction may open so many times the bytes of a contiguous one before it is laid out anew

# NumPy's integer arithmetic, for shapes: int64 beyond 32 bits is only known at compile time
_LONG = {
    Fn.IADD: np.add, Fn.ISUB: np.subtract, Fn.IMUL: np.multiply, Fn.IMIN: np.minimum, Fn.IMAX: np.maximum,
    Fn.ILT: np.less, Fn.ILE: np.less_equal, Fn.IEQ: np.equal,
    Fn.AND: np.bitwise_and, Fn.OR: np.bitwise_or, Fn.XOR: np.bitwise_xor,
    Fn.WHERE: lambda c, a, b: np.where(c != 0, a, b),
}  # fmt: skip
_LONG_FOLDS = {
    Fn.IADD: np.add.reduce, Fn.IMUL: np.multiply.reduce, Fn.IMIN: np.minimum.reduce, Fn.IMAX: np.maximum.reduce,
}  # fmt: skip
NEUTRAL = {
    Fn.ADD: 0x80000000, Fn.MUL: 0x3F800000, Fn.MIN: 0x7F800000, Fn.MAX: 0xFF800000,
    Fn.IADD: 0, Fn.IMUL: 1, Fn.IMIN: 0x7FFFFFFF, Fn.IMAX: 0x80000000,
}  # fmt: skip


class Builder:
    """Collects ops; equal ops and equal constants are kept once, unused results dropped."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.arrays: list[np.ndarray] = []
        self.lengths: dict[Ref, int] = {}
        self._constants: dict[bytes, int] = {}
        self._known: dict[tuple, int] = {}
        self._with_init: dict[Ref, tuple] = {}

    # ---- operands

    def _constant_ref(self, words: np.ndarray) -> Ref:
        key = hashlib.sha256(words).digest()
        if key not in self._constants:
            self._constants[key] = len(self.arrays)
            self.arrays.append(words)
        return ("constant", self._constants[key])

    def read(self, value: Value, guards: Sequence[tuple[int, int, list[int]]] = (), fill: int = 0) -> Operand:
        """How an op whose axes are those of `value` reads it. Constants are laid out in the order of the axes."""
        guards = list(guards)
        if value.array is None:
            return Operand(value.ref, list(value.strides), value.base, fill, guards)
        array = value.array
        repeated = [a for a in range(array.ndim) if array.shape[a] > 1 and array.strides[a] == 0]
        kept = array[tuple(slice(0, 1) if a in repeated else slice(None) for a in range(array.ndim))]
        words = words_of(kept)
        if words.size and not guards and (words == words[0]).all():
            return Operand(None, [0] * array.ndim, 0, int(words[0]))
        coefs = [0 if a in repeated else s for a, s in enumerate(strides_of(kept.shape))]
        return Operand(self._constant_ref(words), coefs, 0, fill, guards)

    def length(self, ref: Ref) -> int:
        return self.arrays[ref[1]].size if ref[0] == "constant" else self.lengths[ref]

    def input(self, ref: Ref, shape: tuple[int, ...], dtype: str) -> Value:
        """A whole input of the program."""
        self.lengths[ref] = prod(shape)
        return Value(shape, dtype, ref, strides_of(shape))

    def publish(self, value: Value) -> Value:
        """A copy that is a result of its own, even of a constant."""
        operand = self.read(value)
        return self.emit(Kind.MOVE, 0, value.dtype, value.shape, [operand], fold=False)

    # ---- emission

    def emit(self, kind: int, fn: int, dtype: str, dims: Sequence[int], operands: Sequence[Operand],
             reduced: Sequence[int] = (), count: int = 0, stride: int = 0, fold: bool = True) -> Value:  # fmt: skip
        """One op, or a constant when all it reads is. Raises TensorError where it is beyond the referee's limits."""
        check_size(dims)
        draft = Draft(int(kind), int(fn), list(dims), list(reduced), list(operands), count, stride)
        draft.merge()
        op = draft.op()
        if not well_formed(op, ANY_NUMBER) or decode(op.encode()) != op:
            raise TensorError(f"needs an operation beyond the referee's limits: {op}")
        if fold and all(o.ref is None or o.ref[0] == "constant" for o in draft.operands):
            refs = list(dict.fromkeys(o.ref for o in draft.operands if o.ref))
            arrays = [self.arrays[r[1]] for r in refs] or [np.zeros(1, np.uint32)]  # a program reads something
            words = run_op(draft.op({r: i for i, r in enumerate(refs)}), arrays)
            return constant(from_words(words, dtype, tuple(dims)))
        key = draft.key()
        if key not in self._known:
            if len(self.drafts) >= MAX_OPS:
                raise TensorError("the program would have more than 2^20 operations")
            self._known[key] = len(self.drafts)
            self.drafts.append(draft)
            self.lengths["op", self._known[key]] = prod(dims)
        return Value(tuple(dims), dtype, ("op", self._known[key]), strides_of(dims))

    def _trial(
        self, kind: int, fn: int, dims: Sequence[int], operands: Sequence[Operand], reduced: Sequence[int]
    ) -> Op:
        copies = [
            Operand(o.ref, list(o.coefs), o.base, o.fill, [(a, b, list(c)) for a, b, c in o.guards]) for o in operands
        ]
        draft = Draft(int(kind), int(fn), list(dims), list(reduced), copies)
        draft.merge()
        return draft.op()

    # ---- elementwise

    def map(self, fn: int, dtype: str, *values: Value) -> Value:
        """fn over operands that broadcast. The result lies in memory in the order of the largest operand."""
        shape = common_shape(*values)
        check_size(shape)
        if 0 in shape:
            return constant(np.zeros(shape, dtype))
        if all(v.is_constant for v in values):
            return self._fold_map(fn, dtype, values, shape)
        order = _order(shape, values)
        operands = [self.read(permute(broadcast(v, shape), order)) for v in values]
        made = self.emit(Kind.MAP, fn, dtype, [shape[a] for a in order], operands)
        return permute(made, np.argsort(order).tolist())

    def _fold_map(self, fn: int, dtype: str, values: Sequence[Value], shape: tuple[int, ...]) -> Value:
        if any(v.dtype == LONG for v in values) and fn in _LONG:
            arrays = [v.array.astype(np.int64) for v in values]
            return constant(np.broadcast_to(_LONG[fn](*arrays), shape), dtype)
        words = apply(fn, *(words_of(v.array).reshape(v.shape) for v in values))
        return constant(from_words(words.reshape(-1), dtype, shape))

    # ---- moving

    def reshape(self, value: Value, shape: Sequence[int]) -> Value:
        """Another shape over the same elements in row-major order; moves them only where it has to."""
        shape = tuple(int(d) for d in shape)
        if prod(shape) != value.words or any(d < 0 for d in shape):
            raise TensorError(f"reshapes {list(value.shape)} to {list(shape)}")
        if value.array is not None:
            return constant(value.array.reshape(shape))
        strides = restride(value.shape, value.strides, shape)
        if strides is None:
            value = self.dense(value)
            strides = strides_of(shape)
        return view(value, shape, strides, value.base)

    def dense(self, value: Value) -> Value:
        """The same elements in row-major order, moved if need be."""
        if value.is_constant or value.is_dense:
            return value
        return self.copy(value)

    def copy(self, value: Value) -> Value:
        return self.emit(Kind.MOVE, 0, value.dtype, value.shape, [self.read(value)])

    def pad(self, value: Value, before: Sequence[int], after: Sequence[int], fill: int = 0,
            order: Sequence[int] | None = None) -> Value:  # fmt: skip
        """Adds words `fill` around (or crops, where negative); the result lies in memory in the given order of axes."""
        for axis in range(value.rank):
            low, high = max(0, -before[axis]), max(0, -after[axis])
            if low or high:
                value = narrow(value, axis, low, max(0, value.shape[axis] - low - high))
        before, after = [max(0, b) for b in before], [max(0, a) for a in after]
        order = list(order or range(value.rank))
        shape = [d + b + a for d, b, a in zip(value.shape, before, after, strict=True)]
        check_size(shape)
        if 0 in shape:
            return constant(np.zeros(shape, value.dtype))
        if value.is_constant or value.words == 0:
            filler = from_words(np.array([fill], np.uint32), value.dtype, ())
            array = np.zeros(value.shape, value.dtype) if value.array is None else value.array
            return constant(np.pad(array, list(zip(before, after, strict=True)), constant_values=filler))
        todo = [a for a in range(value.rank) if before[a] or after[a]]
        made = value
        while True:
            # four guards are the most that an operand may have
            now, todo = todo[:4], todo[4:]
            dims = list(made.shape)
            base, guards = made.base, []
            for axis in now:
                coefs = [0] * made.rank
                coefs[axis] = 1
                guards.append((-before[axis], made.shape[axis], [coefs[a] for a in order]))
                base -= before[axis] * made.strides[axis]
                dims[axis] = shape[axis]
            operand = Operand(made.ref, [made.strides[a] for a in order], base, fill, guards)
            out = self.emit(Kind.MOVE, 0, value.dtype, [dims[a] for a in order], [operand])
            made = permute(out, np.argsort(order).tolist())
            if not todo:
                return made

    def concat(self, values: Sequence[Value], axis: int) -> Value:
        """Joins along an axis, three operands to an op."""
        values = [v for v in values if v.shape[axis]] or list(values[:1])
        if len(values) == 1:
            return values[0]
        if all(v.is_constant for v in values):
            return constant(np.concatenate([v.array for v in values], axis))
        while len(values) > 1:
            groups = [values[i : i + 3] for i in range(0, len(values), 3)]
            values = [g[0] if len(g) == 1 else self._join(g, axis) for g in groups]
        return values[0]

    def _join(self, values: Sequence[Value], axis: int) -> Value:
        shape = list(values[0].shape)
        shape[axis] = sum(v.shape[axis] for v in values)
        if 0 in shape:
            return constant(np.zeros(shape, values[0].dtype))
        order = _order_of(values[0]) if not values[0].is_constant else tuple(range(len(shape)))
        operands, start = [], 0
        for value in values:
            coefs = [0] * len(shape)
            coefs[axis] = 1
            operand = self.read(permute(value, order), [(-start, value.shape[axis], [coefs[a] for a in order])])
            operand.base -= start * operand.coefs[order.index(axis)]
            operands.append(operand)
            start += value.shape[axis]
        made = self.emit(Kind.MOVE, 0, values[0].dtype, [shape[a] for a in order], operands)
        return permute(made, np.argsort(order).tolist())

    def pick(self, table: Value, coefs: Sequence[int], base: int, index: Value, stride: int, count: int) -> Value:
        """Reads `table` at `base + sum(coefs * i) + stride * index[i]`, the index clamped to 0 … count - 1.

        Coefs, base and stride count words of the tensor that `table` lies in: they come from its `layout`.
        """
        if 0 in index.shape:
            return constant(np.zeros(index.shape, table.dtype))
        if count < 1:
            raise TensorError("picks from an empty tensor")
        ref = table.ref if table.array is None else self._constant_ref(words_of(table.array))
        operands = [Operand(ref, list(coefs), base), self.read(index)]
        return self.emit(Kind.PICK, 0, table.dtype, index.shape, operands, count=count, stride=stride)

    def take(self, value: Value, addresses: np.ndarray, fill: int = 0) -> Value:
        """Elements at known places: `addresses` count the elements of `value` row-major; -1 gives `fill`.

        A regular pattern becomes a view or a MOVE, another one a PICK by a constant.
        """
        check_size(addresses.shape)
        if addresses.size == 0:
            return constant(np.zeros(addresses.shape, value.dtype))
        outside = addresses < 0
        if value.is_constant:
            filler = from_words(np.array([fill], np.uint32), value.dtype, ())
            flat = value.array.reshape(-1)
            picked = flat[np.where(outside, 0, addresses)] if flat.size else np.zeros(addresses.shape, value.dtype)
            return constant(np.where(outside, filler, picked).astype(value.dtype))
        if outside.all():
            filler = from_words(np.array([fill], np.uint32), value.dtype, ())
            return constant(np.broadcast_to(filler, addresses.shape))
        value = self.dense(value)
        strides = None if outside.any() else _affine(addresses)
        if strides is not None:
            return view(value, addresses.shape, strides, value.base + int(addresses.flat[0]))
        places = constant(np.where(outside, 0, addresses).astype(np.int32))
        out = self.pick(value, [0] * addresses.ndim, value.base, places, 1, value.words)
        if outside.any():
            filler = constant(from_words(np.array([fill], np.uint32), value.dtype, ()))
            out = self.map(Fn.WHERE, value.dtype, constant(~outside), out, filler)
        return out

    # ---- reductions

    def contract(self, a: Value, b: Value, c: Value | None, count: int) -> Value:
        """`c + sum of a * b` over the last axes. a and b have all axes, the first `count` of them the output's; c those."""
        dims, reduced = a.shape[:count], a.shape[count:]
        floats = a.dtype == FLOAT
        dtype = FLOAT if floats else "int32"
        if a.shape != b.shape:
            raise TensorError(f"multiplies shapes {list(a.shape)} and {list(b.shape)}")
        if 0 in dims:
            return constant(np.zeros(dims, dtype))
        zero = constant(np.zeros((), dtype))
        init = broadcast(zero if c is None else c, dims)
        if 0 in reduced:
            return init
        fn = Fn.MUL if floats else Fn.IMUL
        first = self.read(init)
        operands = [self.read(a), self.read(b)]
        out = init
        for start, size in self._blocks(Kind.CONTRACT, fn, dims, operands, reduced):
            parts = [_shifted(o, start, count) for o in operands]
            last = first if out is init else self.read(out)
            last.coefs += [0] * len(reduced)
            out = self.emit(Kind.CONTRACT, fn, dtype, dims, [*parts, last], size)
        if c is None and not out.is_constant:
            self._with_init[out.ref] = (a, b, count)
        return out

    def with_init(self, product: Value, init: Value) -> Value | None:
        """`product + init` as one CONTRACT: for a whole result of one without an initial value, and a constant over its last axis."""
        known = self._with_init.get(product.ref) if product.ref else None
        if known is None or init.dtype != product.dtype or not init.is_constant:
            return None
        if not product.rank or not product.is_dense or product.base:
            return None
        a, b, count = known
        dims, size = a.shape[:count], product.shape[-1]
        if init.rank > product.rank or product.words != prod(dims) or not dims or dims[-1] != size:
            return None
        if init.words not in (1, size) or (init.words == size != 1 and init.shape[-1] != size):
            return None
        row = np.broadcast_to(init.array.reshape(-1), size)
        return self.reshape(self.contract(a, b, constant(row), count), product.shape).typed(product.dtype)

    def _blocks(self, kind: int, fn: int, dims: Sequence[int], operands: Sequence[Operand],
                reduced: Sequence[int]) -> list[tuple[list[int], list[int]]]:  # fmt: skip
        """Cuts the reduction axes, in order, into blocks that can be refereed: (start, size) of each."""
        extra = [Operand(("op", 0), [0] * (len(dims) + len(reduced)))] if kind == Kind.CONTRACT else []

        def fits(size: Sequence[int]) -> bool:
            return well_formed(self._trial(kind, fn, dims, [*operands, *extra], size), ANY_NUMBER)

        return _cut(fits, [0] * len(reduced), list(reduced), 0)

    def reduce(self, fn: int, value: Value, axes: Sequence[int], keep: bool = False) -> Value:
        """Folds the given axes. fn is one of FOLDS."""
        axes = sorted(set(axes))
        kept = [a for a in range(value.rank) if a not in axes]
        shape = [1 if a in axes else d for a, d in enumerate(value.shape)]
        made = self._fold(fn, value, kept, axes)
        return self.reshape(made, shape) if keep else made

    def _fold(self, fn: int, value: Value, kept: list[int], axes: list[int]) -> Value:
        dims = [value.shape[a] for a in kept]
        if 0 in dims:
            return constant(np.zeros(dims, value.dtype))
        if value.is_constant and value.dtype == LONG and fn in _LONG_FOLDS:
            if value.words == 0 and fn in (Fn.IMIN, Fn.IMAX):
                raise TensorError("takes the extreme of no integers")
            return constant(_LONG_FOLDS[fn](value.array.astype(np.int64), axis=tuple(axes)).astype(np.int64))
        length = prod(value.shape[a] for a in axes)
        if length == 0:
            word = 0 if fn == Fn.ADD else NEUTRAL[fn]
            return constant(np.broadcast_to(from_words(np.array([word], np.uint32), value.dtype, ()), dims))
        if length == 1:
            return self.reshape(permute(value, [*kept, *axes]), dims)
        kept_order, axes_order = kept, axes
        if not value.is_constant:
            kept_order = sorted(kept, key=lambda a: (value.shape[a] > 1, -abs(value.strides[a]), a))
            axes_order = sorted(axes, key=lambda a: (-abs(value.strides[a]), a))
        source = permute(value, [*kept_order, *axes_order])
        made = self._fold_last(fn, source, len(kept))
        return permute(made, [kept_order.index(a) for a in kept])

    def _fold_last(self, fn: int, source: Value, count: int) -> Value:
        dims, reduced = source.shape[:count], source.shape[count:]
        length = prod(reduced)
        if length > MAX_REDUCTION:
            flat = self.reshape(self.dense(source), (*dims, length))
            return self._fold_last(fn, self._fold_last(fn, self._rows(flat, NEUTRAL[fn]), count + 1), count)
        source = self._close(source, fn, count)
        return self.emit(Kind.REDUCE, fn, source.dtype, dims, [self.read(source)], source.shape[count:])

    def _rows(self, value: Value, fill: int) -> Value:
        """Splits the last axis in rows of at most MAX_REDUCTION, the last one filled up."""
        length = value.shape[-1]
        rows = -(-length // MAX_REDUCTION)
        size = -(-length // rows)
        value = self.pad(value, [0] * value.rank, [*[0] * (value.rank - 1), rows * size - length], fill)
        return self.reshape(value, (*value.shape[:-1], rows, size))

    def _close(self, source: Value, fn: int, count: int) -> Value:
        """Lays a reduction's operand out anew where it opens too many chunks."""
        if source.is_constant:
            return source
        dims, reduced = source.shape[:count], source.shape[count:]
        now = self._trial(Kind.REDUCE, fn, dims, [self.read(source)], reduced)
        flat = Operand(source.ref, list(strides_of(source.shape)))
        best = self._trial(Kind.REDUCE, fn, dims, [flat], reduced)
        if well_formed(now, ANY_NUMBER) and now.proof_bytes <= STRIDED * best.proof_bytes:
            return source
        return self.copy(source)

    def argument(self, fn: int, value: Value, axis: int) -> Value:
        """The position along an axis of the first extreme element, int64, without the axis."""
        kept = [a for a in range(value.rank) if a != axis]
        length = value.shape[axis]
        if length == 0 or value.words == 0:
            raise TensorError("takes the extreme element of none")
        source = permute(value, [*kept, axis])
        dims = source.shape[:-1]
        if length == 1:
            return constant(np.zeros(dims, np.int64))
        if length <= MAX_REDUCTION:
            source = self._close(source, fn, len(kept))
            return self.emit(Kind.REDUCE, fn, LONG, dims, [self.read(source)], [length])
        worst = {ARGMAX: Fn.MAX, ARGMIN: Fn.MIN, IARGMAX: Fn.IMAX}.get(fn, Fn.IMIN)
        rows = self._rows(self.dense(source), NEUTRAL[worst])
        inner = self.argument(fn, rows, rows.rank - 1)
        size = rows.shape[-1]
        strides, base = layout(rows)
        tops = self.pick(rows, strides[:-1], base, inner, strides[-1], size)
        outer = self.argument(fn, tops, tops.rank - 1)
        strides, base = layout(inner)
        chosen = self.pick(inner, strides[:-1], base, outer, strides[-1], rows.shape[-2])
        start = self.map(Fn.IMUL, LONG, outer, constant(np.int64(size)))
        return self.map(Fn.IADD, LONG, start, chosen)

    # ---- arithmetic by element type

    def wrap(self, value: Value, dtype: str) -> Value:
        """An int32 result as a type of fewer bits, modulo its range."""
        if dtype not in SMALL:
            return value.typed(dtype)
        bits, signed = SMALL[dtype]
        value = value.typed("int32")
        if value.is_constant:
            return constant(value.array.astype(dtype))
        if not signed:
            return self.map(Fn.AND, dtype, value, constant(np.int32((1 << bits) - 1)))
        shift = constant(np.int32(32 - bits))
        return self.map(Fn.SAR, dtype, self.map(Fn.SHL, "int32", value, shift), shift)

    # ---- the end

    def _needed(self, results: Sequence[Ref]) -> set[int]:
        """The ops that these results follow from."""
        needed, todo = set(), [ref[1] for ref in results]
        while todo:
            at = todo.pop()
            if at not in needed:
                needed.add(at)
                todo += [o.ref[1] for o in self.drafts[at].operands if o.ref and o.ref[0] == "op"]
        return needed

    def finish(self, input_words: Sequence[int], outputs: Sequence[Value]) -> Program:
        """Keeps what the outputs need and numbers the values."""
        results = [v.ref for v in outputs]
        folder = Folder(self.drafts, self.arrays, self._constant_ref, input_words, results)
        folder.fold(self._needed(results))
        folder.read_past(self._needed(results))
        needed = self._needed(results)
        used = sorted({o.ref[1] for i in needed for o in self.drafts[i].operands if o.ref and o.ref[0] == "constant"})
        number: dict[Ref, int] = {("input", i): i for i in range(len(input_words))}
        for at in used:
            number["constant", at] = len(number)
        first = len(number)
        encoded = []
        for at in sorted(needed):
            number["op", at] = len(number)
            encoded.append(self.drafts[at].op(number).encode())
        return Program(
            tuple(input_words), [self.arrays[i] for i in used], encoded, tuple(number[v.ref] - first for v in outputs)
        )


def _cut(fits: Callable[[Sequence[int]], bool], start: list[int], size: list[int], axis: int) -> list[tuple[list[int], list[int]]]:  # fmt: skip
    """Blocks that fit, from `axis` on. Not within `_blocks`: a function that knows itself would keep the builder, and all weights, alive."""
    if fits(size):
        return [(start, size)]
    if axis == len(size):
        raise TensorError("needs an operation beyond the referee's limits")
    rest = prod(size[axis + 1 :])
    block = min(size[axis], max(1, MAX_REDUCTION // rest))
    while block > 1 and not fits([*size[:axis], block, *size[axis + 1 :]]):
        block = (block + 1) // 2 if block > 2 else 1
    found = []
    for at in range(0, size[axis], block):
        part = [*size[:axis], min(block, size[axis] - at), *size[axis + 1 :]]
        found += _cut(fits, [*start[:axis], start[axis] + at, *start[axis + 1 :]], part, axis + 1)
    return found


def _shifted(operand: Operand, start: Sequence[int], count: int) -> Operand:
    """The operand where the reduction axes begin at `start`."""
    base = operand.base + sum(c * s for c, s in zip(operand.coefs[count:], start, strict=True))
    return Operand(operand.ref, list(operand.coefs), 0 if operand.ref is None else base, operand.fill)


def _order_of(value: Value) -> tuple[int, ...]:
    """The axes from the slowest to the fastest in memory."""
    return tuple(sorted(range(value.rank), key=lambda a: (value.shape[a] > 1, -abs(value.strides[a]), a)))


def _order(shape: tuple[int, ...], values: Sequence[Value]) -> tuple[int, ...]:
    """The order of axes in which a result is laid out: that of its first full operand."""
    for value in values:
        if value.array is None and value.words == prod(shape) and value.rank:
            axes = _order_of(value)
            return (*range(len(shape) - value.rank), *(a + len(shape) - value.rank for a in axes))
    return tuple(range(len(shape)))


def _affine(addresses: np.ndarray) -> tuple[int, ...] | None:
    """Strides with addresses[i] = addresses[0] + sum(strides * i), or None."""
    first = int(addresses.flat[0])
    strides = []
    for axis, dim in enumerate(addresses.shape):
        at = [0] * addresses.ndim
        at[axis] = 1
        strides.append(int(addresses[tuple(at)]) - first if dim > 1 else 0)
    want = np.full((1,) * addresses.ndim, first, dtype=np.int64)
    for axis, (dim, stride) in enumerate(zip(addresses.shape, strides, strict=True)):
        want = want + (np.arange(dim, dtype=np.int64) * stride).reshape(
            [-1 if a == axis else 1 for a in range(addresses.ndim)]
        )
    return tuple(strides) if np.array_equal(want, addresses) else None


__all__ = ["FOLDS", "NEUTRAL", "Builder", "Operand"]
