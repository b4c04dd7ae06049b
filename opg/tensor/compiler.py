"""ONNX to a program, once and deterministically. What is not known is refused with the node's name."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from opg.tensor.errors import CompileError, TensorError
from opg.tensor.functions import Fn
from opg.tensor.program import (
    ARGMAX,
    ARGMIN,
    IARGMAX,
    IARGMIN,
    MAX_REDUCTION,
    NO_VALUE,
    Access,
    Kind,
    Op,
    Program,
    well_formed,
)

FLOAT, INT, LONG, BOOL = "float32", "int32", "int64", "bool"
TYPES = {1: FLOAT, 6: INT, 7: LONG, 9: BOOL}


@dataclass(frozen=True)
class Spec:
    """One input or output of a model: how its tensor looks to the outside."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def words(self) -> int:
        return prod(self.shape)

    def to_words(self, array: object) -> np.ndarray:
        """A flat uint32 array from an array of this shape and type. Raises TensorError."""
        given = np.asarray(array)
        if given.size == self.words and given.shape != self.shape and given.ndim == 1:
            given = given.reshape(self.shape)
        if given.shape != self.shape:
            raise TensorError(
                f"input {self.name!r} has shape {list(given.shape)}; the model takes {list(self.shape)} of {self.dtype}"
            )
        if self.dtype == FLOAT:
            if given.dtype.kind not in "fiu":
                raise TensorError(f"input {self.name!r} is {given.dtype}; the model takes float32 numbers")
            return given.astype(np.float32).reshape(-1).view(np.uint32).copy()
        if given.dtype.kind not in "iub":
            raise TensorError(f"input {self.name!r} is {given.dtype}; the model takes {self.dtype} numbers")
        wide = given.astype(np.int64).reshape(-1)
        if self.dtype == BOOL:
            wide = (wide != 0).astype(np.int64)
        if wide.size and (wide.min() < -(1 << 31) or wide.max() >= 1 << 31):
            raise TensorError(f"input {self.name!r} has numbers beyond 32 bits; the machine's integers are int32")
        return wide.astype(np.int32).view(np.uint32)

    def from_words(self, words: np.ndarray) -> np.ndarray:
        """An array of this shape and type from flat uint32 words."""
        flat = np.ascontiguousarray(words, dtype=np.uint32)
        if flat.size != self.words:
            raise TensorError(f"{self.name!r} has {self.words} words, {flat.size} were given")
        typed = flat.view(np.float32) if self.dtype == FLOAT else flat.view(np.int32).astype(self.dtype)
        return typed.reshape(self.shape)


@dataclass(frozen=True)
class Report:
    """What a compilation made."""

    operators: dict[str, int]
    kinds: dict[str, int]
    constants: int
    constant_words: int
    macs: int
    largest_tensor: int
    worst_proof_bytes: int


@dataclass(frozen=True)
class Compiled:
    """A program with its outside: `artifact_hash` is the SHA-256 of the ONNX file, `bindings` what was bound ("batch=1")."""

    program: Program
    inputs: tuple[Spec, ...]
    outputs: tuple[Spec, ...]
    report: Report
    artifact_hash: bytes
    bindings: str


@dataclass(frozen=True)
class Value:
    """A tensor while compiling: a constant (`array`), or a reference to an input or an op."""

    shape: tuple[int, ...]
    dtype: str
    ref: tuple[str, int] | None = None
    array: np.ndarray | None = None

    @property
    def words(self) -> int:
        return prod(self.shape)


@dataclass
class _Draft:
    kind: int
    fn: int
    dims: list[int]
    reduced: list[int]
    operands: list[tuple[tuple[str, int] | None, list[int], int, int]]  # ref, coefs, base, fill
    count: int = 0
    stride: int = 0


def strides_of(shape: Sequence[int]) -> list[int]:
    return [prod(shape[i + 1 :]) for i in range(len(shape))]


def words_of(array: np.ndarray) -> np.ndarray:
    """A constant's words: float32 bits, or int32."""
    flat = np.ascontiguousarray(array).reshape(-1)
    if flat.dtype == np.float32:
        return flat.view(np.uint32).copy()
    wide = flat.astype(np.int64)
    if wide.size and (wide.min() < -(1 << 31) or wide.max() >= 1 << 31):
        raise TensorError("a constant is beyond 32 bits")
    return wide.astype(np.int32).view(np.uint32)


class Builder:
    """Collects ops; constants are deduplicated, axes merged, unused results dropped."""

    def __init__(self) -> None:
        self.drafts: list[_Draft] = []
        self.constants: dict[bytes, int] = {}
        self.arrays: list[np.ndarray] = []

    def ref(self, value: Value) -> tuple[tuple[str, int] | None, int]:
        """A reference and a fill; a constant of one word is an immediate."""
        if value.array is None:
            return value.ref, 0
        words = words_of(value.array)
        if words.size == 1:
            return None, int(words[0])
        key = words.tobytes()
        if key not in self.constants:
            self.constants[key] = len(self.arrays)
            self.arrays.append(words)
        return ("constant", self.constants[key]), 0

    def operand(self, value: Value, coefs: Sequence[int], base: int = 0) -> tuple:
        ref, fill = self.ref(value)
        return (ref, [0] * len(coefs) if ref is None else list(coefs), 0 if ref is None else base, fill)

    def emit(self, kind: int, fn: int, shape: Sequence[int], dtype: str, operands: list, reduced: Sequence[int] = (),
             dims: Sequence[int] | None = None, count: int = 0, stride: int = 0) -> Value:  # fmt: skip
        draft = _Draft(kind, int(fn), list(shape if dims is None else dims), list(reduced), operands, count, stride)
        self._merge(draft)
        self.drafts.append(draft)
        return Value(tuple(shape), dtype, ("op", len(self.drafts) - 1))

    @staticmethod
    def _merge(draft: _Draft) -> None:
        """Drops axes of one and joins neighbours that every operand walks as one."""
        for dims, offset in ((draft.reduced, len(draft.dims)), (draft.dims, 0)):
            at = len(dims) - 1
            while at >= 0:
                axis = offset + at
                if dims[at] == 1:
                    del dims[at]
                    for _, coefs, _, _ in draft.operands:
                        del coefs[axis]
                elif at + 1 < len(dims) and all(c[axis] == c[axis + 1] * dims[at + 1] for _, c, _, _ in draft.operands):
                    dims[at + 1] *= dims[at]
                    del dims[at]
                    for _, coefs, _, _ in draft.operands:
                        del coefs[axis]
                at -= 1

    def map(self, fn: int, shape: Sequence[int], dtype: str, *values: Value) -> Value:
        """fn over broadcast operands."""
        return self.emit(Kind.MAP, fn, shape, dtype, [self.operand(v, broadcast(v.shape, shape)) for v in values])

    def transpose(self, value: Value, order: Sequence[int]) -> Value:
        shape = tuple(value.shape[a] for a in order)
        if value.array is not None:
            return Value(shape, value.dtype, array=np.ascontiguousarray(value.array.transpose(order)))
        strides = strides_of(value.shape)
        return self.emit(Kind.MOVE, 0, shape, value.dtype, [self.operand(value, [strides[a] for a in order])])

    def contract(
        self, shape: Sequence[int], dims: Sequence[int], a: tuple, b: tuple, c: tuple, k: int, dtype: str
    ) -> Value:
        """acc = c + sum over k of a·b; a and b are (value, coefs over dims) with k contiguous. Splits a long k."""
        fn = Fn.MUL if dtype == FLOAT else Fn.IMUL
        out, first = None, 0
        while first < k:
            step = min(k - first, MAX_REDUCTION)
            init = self.operand(c[0], [*c[1], 0]) if out is None else self.operand(out, [*strides_of(dims), 0])
            operands = [self.operand(v, [*coefs, 1], first) for v, coefs in (a, b)]
            out = self.emit(Kind.CONTRACT, fn, shape, dtype, [*operands, init], [step], dims)
            first += step
        return out

    def reduce(self, fn: int, value: Value, axes: Sequence[int], keep: bool, dtype: str | None = None) -> Value:
        """Folds the given axes, in row-major order."""
        kept = [a for a in range(len(value.shape)) if a not in axes]
        length = prod(value.shape[a] for a in axes)
        if length > MAX_REDUCTION:
            raise TensorError(f"reduces over {length} elements, at most {MAX_REDUCTION} can be refereed in one step")
        if list(axes) != list(range(len(kept), len(value.shape))):
            value = self.transpose(value, [*kept, *axes])  # so that k is contiguous and opens few chunks
            kept, axes, source = list(range(len(kept))), list(range(len(kept), len(value.shape))), value
            shape = [value.shape[a] for a in kept]
        else:
            source, shape = value, [value.shape[a] for a in kept]
        strides = strides_of(source.shape)
        operand = self.operand(source, [strides[a] for a in [*kept, *axes]])
        return self.emit(Kind.REDUCE, fn, shape, dtype or value.dtype, [operand], [source.shape[a] for a in axes])

    def finish(self, input_words: Sequence[int], outputs: Sequence[Value]) -> Program:
        """Keeps what the outputs need, numbers the values, and checks that every op is well-formed."""
        needed, todo = set(), [v.ref[1] for v in outputs]
        while todo:
            index = todo.pop()
            if index not in needed:
                needed.add(index)
                todo += [r[1] for r, *_ in self.drafts[index].operands if r and r[0] == "op"]
        order = {old: new for new, old in enumerate(sorted(needed))}
        used = sorted({r[1] for i in needed for r, *_ in self.drafts[i].operands if r and r[0] == "constant"})
        constant = {old: new for new, old in enumerate(used)}
        first = len(input_words) + len(used)
        number = {
            "input": lambda i: i,
            "constant": lambda i: len(input_words) + constant[i],
            "op": lambda i: first + order[i],
        }
        encoded = []
        for index in sorted(needed):
            d = self.drafts[index]
            operands = tuple(
                Access(NO_VALUE if r is None else number[r[0]](r[1]), tuple(c), base, fill)
                for r, c, base, fill in d.operands
            )
            op = Op(d.kind, d.fn, tuple(d.dims), tuple(d.reduced), operands, d.stride, d.count)
            if not well_formed(op, first + order[index]):
                raise TensorError(f"needs an operation beyond the referee's limits: {op}")
            encoded.append(op.encode())
        return Program(
            tuple(input_words), [self.arrays[i] for i in used], encoded, tuple(order[v.ref[1]] for v in outputs)
        )


def broadcast(shape: Sequence[int], target: Sequence[int]) -> list[int]:
    """Coefficients that read a tensor of `shape` at the index of `target`."""
    strides = strides_of(shape)
    pad = len(target) - len(shape)
    return [0] * pad + [0 if d == 1 else s for d, s in zip(shape, strides, strict=True)]


LOWER: dict[str, Callable[[Context], list[Value]]] = {}


def lower(*names: str) -> Callable:
    """Registers how ONNX operators become ops."""

    def register(function: Callable[[Context], list[Value]]) -> Callable:
        LOWER.update(dict.fromkeys(names, function))
        return function

    return register


@dataclass
class Context:
    """One node: its inputs, attributes, and the builder."""

    node: onnx.NodeProto
    opset: int
    build: Builder
    inputs: list[Value | None]
    attributes: dict = field(default_factory=dict)

    def attr(self, name: str, default: object = None) -> object:
        return self.attributes.get(name, default)

    def constant(self, number: int, what: str) -> np.ndarray | None:
        """An input that has to be known at compile time, or None when it is absent."""
        if number >= len(self.inputs) or self.inputs[number] is None:
            return None
        array = self.inputs[number].array
        if array is None:
            raise TensorError(f"{what} is computed at run time; it has to be a constant")
        return array

    @property
    def x(self) -> Value:
        return self.inputs[0]

    def axis(self, axis: int, rank: int | None = None) -> int:
        rank = len(self.x.shape) if rank is None else rank
        if not -rank <= axis < max(rank, 1):
            raise TensorError(f"axis {axis} of a tensor of rank {rank}")
        return axis % rank if rank else 0


def _arithmetic(context: Context) -> list[Value]:
    floats = {"Add": Fn.ADD, "Sub": Fn.SUB, "Mul": Fn.MUL, "Div": Fn.DIV, "Max": Fn.MAX, "Min": Fn.MIN,
              "Equal": Fn.EQ, "Less": Fn.LT, "LessOrEqual": Fn.LE, "Greater": Fn.LT, "GreaterOrEqual": Fn.LE}  # fmt: skip
    ints = {"Add": Fn.IADD, "Sub": Fn.ISUB, "Mul": Fn.IMUL, "Div": Fn.IDIV, "Max": Fn.IMAX, "Min": Fn.IMIN,
            "Equal": Fn.IEQ, "Less": Fn.ILT, "LessOrEqual": Fn.ILE, "Greater": Fn.ILT, "GreaterOrEqual": Fn.ILE}  # fmt: skip
    name, values = context.node.op_type, list(context.inputs)
    dtype = values[0].dtype
    fn = (floats if dtype == FLOAT else ints)[name]
    out_type = BOOL if name in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual") else dtype
    if name.startswith("Greater"):
        values.reverse()
    if len(values) == 1:
        return [values[0]]
    acc = values[0]
    for value in values[1:]:
        shape = np.broadcast_shapes(acc.shape, value.shape)
        acc = context.build.map(fn, shape, out_type, acc, value)
    return [acc]


lower("Add", "Sub", "Mul", "Div", "Max", "Min", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")(
    _arithmetic
)

UNARY = {
    "Sqrt": Fn.SQRT,
    "Neg": Fn.NEG,
    "Abs": Fn.ABS,
    "Floor": Fn.FLOOR,
    "Ceil": Fn.CEIL,
    "Round": Fn.ROUND,
    "Exp": Fn.EXP,
}


@lower(*UNARY)
def _unary(context: Context) -> list[Value]:
    if context.x.dtype != FLOAT:
        raise TensorError(f"takes float32, not {context.x.dtype}")
    return [context.build.map(UNARY[context.node.op_type], context.x.shape, FLOAT, context.x)]


def scalar(word: int) -> Value:
    """An immediate."""
    return Value((), INT, array=np.array(word, dtype=np.uint32).view(np.int32))


@lower("Relu")
def _relu(context: Context) -> list[Value]:
    fn = Fn.MAX if context.x.dtype == FLOAT else Fn.IMAX
    return [context.build.map(fn, context.x.shape, context.x.dtype, context.x, scalar(0))]


@lower("Clip")
def _clip(context: Context) -> list[Value]:
    out = context.x
    floats = out.dtype == FLOAT
    for number, name, fn in ((1, "min", Fn.MAX if floats else Fn.IMAX), (2, "max", Fn.MIN if floats else Fn.IMIN)):
        limit = context.inputs[number] if number < len(context.inputs) else None
        if limit is None and context.attr(name) is not None:
            limit = Value((), FLOAT, array=np.float32(context.attr(name)))
        if limit is not None:
            out = context.build.map(fn, out.shape, out.dtype, out, limit)
    return [out]


@lower("Where")
def _where(context: Context) -> list[Value]:
    c, a, b = context.inputs
    shape = np.broadcast_shapes(c.shape, a.shape, b.shape)
    return [context.build.map(Fn.WHERE, shape, a.dtype, c, a, b)]


@lower("MatMul")
def _matmul(context: Context) -> list[Value]:
    a, b = context.inputs
    return [_product(context.build, a, b, None)]


def _product(build: Builder, a: Value, b: Value, bias: Value | None) -> Value:
    """a [..., M, K] times b [..., K, N] plus bias that broadcasts to [..., M, N]."""
    squeeze = (len(a.shape) == 1, len(b.shape) == 1)
    a_shape = (1, *a.shape) if squeeze[0] else a.shape
    b_shape = (*b.shape, 1) if squeeze[1] else b.shape
    if a_shape[-1] != b_shape[-2]:
        raise TensorError(f"multiplies shapes {list(a.shape)} and {list(b.shape)}")
    batch = tuple(np.broadcast_shapes(a_shape[:-2], b_shape[:-2]))
    m, k, n = a_shape[-2], a_shape[-1], b_shape[-1]
    rank = len(b_shape)
    turned = build.transpose(_shaped(b, b_shape), [*range(rank - 2), rank - 1, rank - 2])  # k contiguous
    a_coefs = [*_batch(a_shape[:-2], batch, m * k), k, 0]
    b_coefs = [*_batch(b_shape[:-2], batch, n * k), 0, k]
    dims = (*batch, m, n)
    init = (scalar(0), [0] * len(dims)) if bias is None else (bias, broadcast(bias.shape, dims))
    shape = (*batch, *(() if squeeze[0] else (m,)), *(() if squeeze[1] else (n,)))
    return build.contract(shape, dims, (_shaped(a, a_shape), a_coefs), (turned, b_coefs), init, k, a.dtype)


def _batch(shape: Sequence[int], target: Sequence[int], size: int) -> list[int]:
    return [c * size for c in broadcast(shape, target)]


def _shaped(value: Value, shape: Sequence[int]) -> Value:
    array = None if value.array is None else value.array.reshape(shape)
    return Value(tuple(shape), value.dtype, value.ref, array)


@lower("Gemm")
def _gemm(context: Context) -> list[Value]:
    build, (a, b), c = context.build, context.inputs[:2], context.inputs[2] if len(context.inputs) > 2 else None
    alpha, beta = context.attr("alpha", 1.0), context.attr("beta", 1.0)
    a = build.transpose(a, [1, 0]) if context.attr("transA", 0) else a
    b = build.transpose(b, [1, 0]) if context.attr("transB", 0) else b
    if alpha != 1.0:
        a = build.map(Fn.MUL, a.shape, FLOAT, a, Value((), FLOAT, array=np.float32(alpha)))
    if c is not None and beta != 1.0:
        c = build.map(Fn.MUL, c.shape, FLOAT, c, Value((), FLOAT, array=np.float32(beta)))
    return [_product(build, a, b, c)]


@lower("Softmax", "LogSoftmax")
def _softmax(context: Context) -> list[Value]:
    build, x = context.build, context.x
    if context.node.op_type == "LogSoftmax":
        raise TensorError("is not supported yet; use Softmax")
    axis = context.axis(context.attr("axis", -1 if context.opset >= 13 else 1))
    axes = [axis] if context.opset >= 13 else list(range(axis, len(x.shape)))
    kept = tuple(1 if i in axes else d for i, d in enumerate(x.shape))
    top = _shaped(build.reduce(Fn.MAX, x, axes, True), kept)
    shifted = build.map(Fn.SUB, x.shape, FLOAT, x, top)
    powers = build.map(Fn.EXP, x.shape, FLOAT, shifted)
    total = _shaped(build.reduce(Fn.ADD, powers, axes, True), kept)
    return [build.map(Fn.DIV, x.shape, FLOAT, powers, total)]


REDUCTIONS = {"ReduceMax": (Fn.MAX, Fn.IMAX), "ReduceMin": (Fn.MIN, Fn.IMIN), "ReduceSum": (Fn.ADD, Fn.IADD),
              "ReduceProd": (Fn.MUL, Fn.IMUL), "ReduceMean": (Fn.ADD, None)}  # fmt: skip


@lower(*REDUCTIONS)
def _reduction(context: Context) -> list[Value]:
    build, x, name = context.build, context.x, context.node.op_type
    axes = context.constant(1, "axes")
    axes = context.attr("axes") if axes is None else axes.tolist()
    if not axes:
        if context.attr("noop_with_empty_axes", 0):
            return [x]
        axes = list(range(len(x.shape)))
    axes = sorted(context.axis(a) for a in axes)
    fn = REDUCTIONS[name][0 if x.dtype == FLOAT else 1]
    if fn is None:
        raise TensorError(f"takes float32, not {x.dtype}")
    out = build.reduce(fn, x, axes, False)
    if name == "ReduceMean":
        count = np.float32(prod(x.shape[a] for a in axes))
        out = build.map(Fn.DIV, out.shape, FLOAT, out, Value((), FLOAT, array=count))
    keep = context.attr("keepdims", 1)
    shape = [1 if i in axes else d for i, d in enumerate(x.shape) if keep or i not in axes]
    return [_shaped(out, shape)]


@lower("ArgMax", "ArgMin")
def _argument(context: Context) -> list[Value]:
    if context.attr("select_last_index", 0):
        raise TensorError("select_last_index=1 is not supported")
    axis = context.axis(context.attr("axis", 0))
    floats = context.x.dtype == FLOAT
    fn = {"ArgMax": ARGMAX if floats else IARGMAX, "ArgMin": ARGMIN if floats else IARGMIN}[context.node.op_type]
    out = context.build.reduce(fn, context.x, [axis], False, LONG)
    keep = context.attr("keepdims", 1)
    shape = [1 if i == axis else d for i, d in enumerate(context.x.shape) if keep or i != axis]
    return [_shaped(out, shape)]


@lower("Identity", "Dropout")
def _identity(context: Context) -> list[Value]:
    if context.node.op_type == "Dropout" and len(context.node.output) > 1:
        raise TensorError("the mask output is not supported")
    return [context.x]


@lower("Constant")
def _constant(context: Context) -> list[Value]:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if context.attr(name) is not None:
            raw = context.attr(name)
            array = (
                raw if isinstance(raw, np.ndarray) else np.array(raw, dtype=np.float32 if "float" in name else np.int64)
            )
            return [constant_value(array)]
    raise TensorError("only numeric constants are supported")


@lower("Flatten")
def _flatten(context: Context) -> list[Value]:
    axis = context.attr("axis", 1) % (len(context.x.shape) + 1)
    return [_shaped(context.x, (prod(context.x.shape[:axis]), prod(context.x.shape[axis:])))]


@lower("Reshape")
def _reshape(context: Context) -> list[Value]:
    wanted = context.constant(1, "the shape").tolist()
    if not context.attr("allowzero", 0):
        wanted = [context.x.shape[i] if d == 0 else d for i, d in enumerate(wanted)]
    if -1 in wanted:
        rest = -prod(wanted)
        wanted[wanted.index(-1)] = context.x.words // rest if rest else 0
    if prod(wanted) != context.x.words:
        raise TensorError(f"reshapes {list(context.x.shape)} to {wanted}")
    return [_shaped(context.x, wanted)]


@lower("Squeeze", "Unsqueeze")
def _squeeze(context: Context) -> list[Value]:
    axes = context.constant(1, "axes")
    axes = context.attr("axes") if axes is None else axes.reshape(-1).tolist()
    shape = list(context.x.shape)
    if context.node.op_type == "Squeeze":
        gone = {i for i, d in enumerate(shape) if d == 1} if axes is None else {context.axis(a) for a in axes}
        return [_shaped(context.x, [d for i, d in enumerate(shape) if i not in gone])]
    rank = len(shape) + len(axes)
    for axis in sorted(a % rank for a in axes):
        shape.insert(axis, 1)
    return [_shaped(context.x, shape)]


@lower("Transpose")
def _transpose(context: Context) -> list[Value]:
    order = context.attr("perm") or list(range(len(context.x.shape)))[::-1]
    return [context.build.transpose(context.x, order)]


@lower("Cast")
def _cast(context: Context) -> list[Value]:
    target = TYPES.get(context.attr("to"))
    source, x = context.x.dtype, context.x
    if target is None:
        raise TensorError(f"casts to ONNX type {context.attr('to')}; float32, int32, int64 and bool are supported")
    if source == target or (source != FLOAT and target in (INT, LONG)):
        return [Value(x.shape, target, x.ref, x.array)]
    if target == FLOAT:
        return [context.build.map(Fn.I2F, x.shape, FLOAT, x)]
    if target == BOOL:
        same = context.build.map(Fn.EQ if source == FLOAT else Fn.IEQ, x.shape, BOOL, x, scalar(0))
        return [context.build.map(Fn.IEQ, x.shape, BOOL, same, scalar(0))]
    return [context.build.map(Fn.F2I, x.shape, target, x)]


def constant_value(array: np.ndarray) -> Value:
    names = {"float32": FLOAT, "int32": INT, "int64": LONG, "bool": BOOL}
    dtype = names.get(str(array.dtype))
    if dtype is None:
        raise TensorError(f"a constant of type {array.dtype}; float32, int32, int64 and bool are supported")
    return Value(tuple(array.shape), dtype, array=array)


def parse_bindings(text: str) -> dict[str, int]:
    """`batch=1,sequence=128` as a mapping. Raises CompileError."""
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, number = part.partition("=")
        if not number.isdigit() or int(number) < 1:
            raise CompileError(f"binding {part!r} is not NAME=NUMBER, for example batch=1")
        found[name.strip()] = int(number)
    return found


def compile_onnx(source: str | Path | bytes, bindings: Mapping[str, int] | None = None) -> Compiled:
    """Compiles an ONNX file.

    Args:
        source: path or bytes.
        bindings: a size for each dynamic axis, by its name in the file.

    Raises:
        CompileError: not an ONNX file, an unbound axis, an unknown operator or type; names the node.
    """
    bindings = dict(bindings or {})
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as error:
        raise CompileError(f"cannot read {source}: {error.strerror}") from None
    try:
        model = onnx.load_from_string(data)
        onnx.checker.check_model(model)
    except Exception as error:
        first = (str(error).strip().splitlines() or ["no details"])[0]
        raise CompileError(f"not a valid ONNX file: {first}") from None
    graph = model.graph
    opset = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 1)
    build, values, used = Builder(), {}, set()
    try:
        for tensor in graph.initializer:
            values[tensor.name] = constant_value(numpy_helper.to_array(tensor))
    except TensorError as error:
        raise CompileError(f"initializer {tensor.name!r}: {error}") from None
    inputs = []
    for info in graph.input:
        if info.name not in values:
            inputs.append(_input_spec(info, bindings, used))
            values[info.name] = Value(inputs[-1].shape, inputs[-1].dtype, ("input", len(inputs) - 1))
    unknown = sorted(set(bindings) - used)
    if unknown:
        raise CompileError(f"the model has no dynamic axis {unknown[0]!r}; it has {sorted(used) or 'none'}")
    for number, node in enumerate(graph.node):
        _lower_node(node, node.name or f"#{number}", opset, build, values)
    outputs, specs = [], []
    for info in graph.output:
        value = values[info.name]
        if value.ref is None or value.ref[0] != "op":  # an output is always an op's result
            value = build.emit(Kind.MOVE, 0, value.shape, value.dtype, [build.operand(value, strides_of(value.shape))])
        outputs.append(value)
        specs.append(Spec(info.name, value.dtype, value.shape))
    try:
        program = build.finish([s.words for s in inputs], outputs)
    except TensorError as error:
        raise CompileError(str(error)) from None
    operators = Counter(n.op_type for n in graph.node)
    text = ",".join(f"{k}={v}" for k, v in sorted(bindings.items()))
    return Compiled(
        program, tuple(inputs), tuple(specs), _report(program, operators), hashlib.sha256(data).digest(), text
    )


def _input_spec(info: onnx.ValueInfoProto, bindings: Mapping[str, int], used: set[str]) -> Spec:
    tensor = info.type.tensor_type
    dtype = TYPES.get(tensor.elem_type)
    if dtype is None:
        raise CompileError(
            f"input {info.name!r} has ONNX type {tensor.elem_type}; float32, int32, int64 and bool are supported"
        )
    shape = []
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value > 0:
            shape.append(dim.dim_value)
            continue
        name = dim.dim_param or f"{info.name}.{axis}"
        used.add(name)
        if name not in bindings:
            raise CompileError(f"input {info.name!r}: axis {axis} is dynamic; bind it, for example --bind {name}=1")
        shape.append(bindings[name])
    return Spec(info.name, dtype, tuple(shape))


def _lower_node(node: onnx.NodeProto, name: str, opset: int, build: Builder, values: dict[str, Value]) -> None:
    where = f"node {name!r}: operator {node.op_type}"
    if node.domain not in ("", "ai.onnx") or node.op_type not in LOWER:
        raise CompileError(
            f"{where} (domain {node.domain or 'ai.onnx'}, opset {opset}) is not supported; supported are {', '.join(sorted(LOWER))}"
        )
    attributes = {}
    for a in node.attribute:
        value = onnx.helper.get_attribute_value(a)
        attributes[a.name] = numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value
    inputs = [values[i] if i else None for i in node.input]
    try:
        results = LOWER[node.op_type](Context(node, opset, build, inputs, attributes))
    except (TensorError, ValueError) as error:
        raise CompileError(f"{where}: {error}") from None
    values.update(zip(node.output, results, strict=False))


def _report(program: Program, operators: Counter) -> Report:
    ops = [program.op(i) for i in range(len(program.encoded))]
    macs = sum(o.words * o.steps for o in ops if o.kind == Kind.CONTRACT)
    kinds = Counter(Kind(o.kind).name for o in ops)
    return Report(
        operators=dict(sorted(operators.items())),
        kinds=dict(sorted(kinds.items())),
        constants=len(program.constants),
        constant_words=sum(c.size for c in program.constants),
        macs=macs,
        largest_tensor=max([o.words for o in ops] + [c.size for c in program.constants]),
        worst_proof_bytes=max(o.proof_bytes for o in ops),
    )


__all__ = ["Compiled", "Report", "Spec", "compile_onnx", "lower", "parse_bindings"]
