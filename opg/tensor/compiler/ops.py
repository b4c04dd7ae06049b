"""Arithmetic on values: picks the function for the element type and writes what the machine lacks by what it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opg.tensor.compiler.builder import Builder
from opg.tensor.compiler.types import BOOL, DOUBLE, FLOAT, INT, LONG, SMALL
from opg.tensor.compiler.values import Value, broadcast, common_shape, constant, permute, scalar, unsqueeze
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn


class Ops(Builder):
    """A builder that knows element types."""

    # ---- checks

    @staticmethod
    def floats(*values: Value) -> None:
        for value in values:
            if value.dtype != FLOAT:
                raise TensorError(f"takes float32, not {value.dtype}")

    @staticmethod
    def same_type(*values: Value) -> str:
        if len({v.dtype for v in values}) != 1:
            raise TensorError(f"mixes {', '.join(sorted({v.dtype for v in values}))}")
        if values[0].dtype in (DOUBLE, "uint64"):
            raise TensorError(f"computes with {values[0].dtype}, which words cannot hold")
        return values[0].dtype

    def _by_type(self, on_floats: Fn, on_ints: Fn, *values: Value, unsigned: bool = True) -> Value:
        dtype = self.same_type(*values)
        if dtype == FLOAT:
            return self.map(on_floats, FLOAT, *values)
        if dtype == BOOL or (dtype == "uint32" and not unsigned):
            raise TensorError(f"does not compute with {dtype}")
        if dtype in SMALL:
            return self.wrap(self.map(on_ints, INT, *values), dtype)
        return self.map(on_ints, dtype, *values)

    # ---- arithmetic

    def number(self, number: float, like: Value) -> Value:
        return scalar(number, like.dtype)

    def add(self, a: Value, b: Value) -> Value:
        return self._by_type(Fn.ADD, Fn.IADD, a, b)

    def sub(self, a: Value, b: Value) -> Value:
        return self._by_type(Fn.SUB, Fn.ISUB, a, b)

    def mul(self, a: Value, b: Value) -> Value:
        return self._by_type(Fn.MUL, Fn.IMUL, a, b)

    def div(self, a: Value, b: Value) -> Value:
        """Integers: truncated, as C divides."""
        if a.is_constant and b.is_constant and a.dtype == b.dtype == LONG:
            return constant(_truncated(a.array, b.array))
        return self._by_type(Fn.DIV, Fn.IDIV, a, b, unsigned=False)

    def fdiv(self, a: Value, number: float) -> Value:
        return self.div(a, self.number(number, a))

    def fmul(self, a: Value, number: float) -> Value:
        return self.mul(a, self.number(number, a))

    def fadd(self, a: Value, number: float) -> Value:
        return self.add(a, self.number(number, a))

    def maximum(self, a: Value, b: Value) -> Value:
        return self._extreme(Fn.MAX, Fn.IMAX, a, b)

    def minimum(self, a: Value, b: Value) -> Value:
        return self._extreme(Fn.MIN, Fn.IMIN, a, b)

    def _extreme(self, on_floats: Fn, on_ints: Fn, a: Value, b: Value) -> Value:
        if self.same_type(a, b) == "uint32":
            return self._signed(self.map(on_ints, "uint32", self._signed(a), self._signed(b)))
        return self._by_type(on_floats, on_ints, a, b)

    def _signed(self, a: Value) -> Value:
        """Unsigned numbers in the order of signed ones."""
        if a.dtype != "uint32":
            return a
        return self.map(Fn.XOR, "uint32", a, constant(np.uint32(1 << 31)))

    def neg(self, a: Value) -> Value:
        return self.map(Fn.NEG, FLOAT, a) if a.dtype == FLOAT else self.sub(self.number(0, a), a)

    def absolute(self, a: Value) -> Value:
        if a.dtype == FLOAT:
            return self.map(Fn.ABS, FLOAT, a)
        return a if a.dtype in ("uint8", "uint16", "uint32") else self.maximum(a, self.neg(a))

    def one(self, fn: Fn, a: Value) -> Value:
        """A function of one float."""
        self.floats(a)
        return self.map(fn, FLOAT, a)

    def exp(self, a: Value) -> Value:
        return self.one(Fn.EXP, a)

    def log(self, a: Value) -> Value:
        return self.one(Fn.LOG, a)

    def sqrt(self, a: Value) -> Value:
        return self.one(Fn.SQRT, a)

    def reciprocal(self, a: Value) -> Value:
        self.floats(a)
        return self.div(self.number(1, a), a)

    def log1p(self, a: Value) -> Value:
        """log(1 + a), exact near 0 too: what 1 + a lost is divided out."""
        w = self.fadd(a, 1)
        rest = self.fadd(w, -1)
        exact = self.div(self.mul(self.log(w), a), rest)
        usual = self.map(Fn.LE, BOOL, constant(np.float32(2)), self.absolute(a))  # infinities, and no loss
        found = self.where(usual, self.log(w), exact)
        return self.where(self.map(Fn.EQ, BOOL, w, self.number(1, a)), a, found)

    def expm1(self, a: Value) -> Value:
        """exp(a) - 1, exact near 0 too: 2·t / (1 - t) with t = tanh(a / 2)."""
        t = self.one(Fn.TANH, self.fmul(a, 0.5))
        near = self.div(self.add(t, t), self.sub(self.number(1, t), t))
        small = self.map(Fn.LT, BOOL, self.absolute(a), constant(np.float32(1)))
        return self.where(small, near, self.fadd(self.exp(a), -1))

    # ---- truth

    def compare(self, fn: str, a: Value, b: Value) -> Value:
        """fn is one of LT, LE, EQ."""
        dtype = self.same_type(a, b)
        if dtype == FLOAT:
            return self.map(Fn[fn], BOOL, a, b)
        return self.map(Fn["I" + fn], BOOL, self._signed(a), self._signed(b))

    def equal(self, a: Value, b: Value) -> Value:
        return self.compare("EQ", a, b)

    def less(self, a: Value, b: Value) -> Value:
        return self.compare("LT", a, b)

    def negate(self, a: Value) -> Value:
        """Logical not."""
        return self.map(Fn.XOR, BOOL, a, constant(np.bool_(True)))

    def both(self, a: Value, b: Value) -> Value:
        return self.map(Fn.AND, BOOL, a, b)

    def either(self, a: Value, b: Value) -> Value:
        return self.map(Fn.OR, BOOL, a, b)

    def is_nan(self, a: Value) -> Value:
        return self.negate(self.map(Fn.EQ, BOOL, a, a))

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        if a.dtype != b.dtype:
            raise TensorError(f"mixes {a.dtype} and {b.dtype}")
        if condition.is_constant and condition.words:
            flags = condition.array != 0
            if flags.all() or not flags.any():
                return broadcast(a if flags.all() else b, common_shape(condition, a, b))
        if condition.is_constant and a.is_constant and b.is_constant:
            return constant(np.where(condition.array != 0, a.array, b.array))
        return self.map(Fn.WHERE, a.dtype, condition, a, b)

    # ---- types

    def cast(self, x: Value, target: str) -> Value:
        """Another element type: floats are truncated, integers keep their low bits."""
        source = x.dtype
        if source == target:
            return x
        if x.is_constant and (source in (DOUBLE, LONG, "uint64") or target in (DOUBLE, "uint64")):
            with np.errstate(all="ignore"):
                return constant(x.array.astype(target))
        if DOUBLE in (source, target) or "uint64" in (source, target):
            raise TensorError(f"casts {source} to {target} at run time; words hold 32 bits")
        if target == FLOAT:
            if source == "uint32":
                raise TensorError("casts uint32 to float32 at run time")
            return self.map(Fn.I2F, FLOAT, x)
        if target == BOOL:
            same = self.equal(x, self.number(0, x))
            return self.negate(same)
        if source == FLOAT:
            if target == "uint32":
                raise TensorError("casts float32 to uint32 at run time")
            return self.wrap(self.map(Fn.F2I, INT, x), target)
        if target in (LONG, INT, "uint32") and source != "uint32":
            return x.typed(target)
        if source == "uint32" and target == LONG:
            raise TensorError("casts uint32 to int64 at run time")
        return self.wrap(x, target)

    # ---- products

    def matmul(self, a: Value, b: Value, bias: Value | None = None) -> Value:
        """a [..., M, K] times b [..., K, N], plus a bias that broadcasts to [..., M, N]; NumPy's rules for vectors."""
        if not a.rank or not b.rank:
            raise TensorError("multiplies a scalar")
        row, column = a.rank == 1, b.rank == 1
        a = unsqueeze(a, 0) if row else a
        b = unsqueeze(b, 1) if column else b
        if a.shape[-1] != b.shape[-2]:
            raise TensorError(f"multiplies shapes {list(a.shape)} and {list(b.shape)}")
        self.same_type(a, b)
        turned = permute(b, [*range(b.rank - 2), b.rank - 1, b.rank - 2])
        a, turned = self.along(a), self.along(turned)
        batch = common_shape(Value(a.shape[:-2], ""), Value(b.shape[:-2], ""))
        (m, k), n = a.shape[-2:], turned.shape[-2]
        spread_a = broadcast(unsqueeze(a, a.rank - 1), (*batch, m, n, k))
        spread_b = broadcast(unsqueeze(turned, turned.rank - 2), (*batch, m, n, k))
        out = self.contract(spread_a, spread_b, bias, len(batch) + 2)
        shape = (*batch, *(() if row else (m,)), *(() if column else (n,)))
        return self.reshape(out, shape)

    def along(self, value: Value) -> Value:
        """The value with its last axis contiguous, so that a dot product opens few chunks."""
        if value.is_constant or value.shape[-1] == 1 or value.strides[-1] == 1:
            return value
        return self.copy(value)

    # ---- statistics

    def mean(self, x: Value, axes: Sequence[int], keep: bool = True) -> Value:
        count = int(np.prod([x.shape[a] for a in axes]))
        return self.fdiv(self.reduce(Fn.ADD, x, axes, keep), count)

    def softmax(self, x: Value, axes: Sequence[int]) -> Value:
        self.floats(x)
        powers = self.exp(self.sub(x, self.reduce(Fn.MAX, x, axes, True)))
        return self.div(powers, self.reduce(Fn.ADD, powers, axes, True))

    def normalised(self, x: Value, axes: Sequence[int], epsilon: float) -> tuple[Value, Value, Value]:
        """(x - mean) / sqrt(variance + epsilon), the mean, and 1 / sqrt(variance + epsilon)."""
        self.floats(x)
        mean = self.mean(x, axes)
        centred = self.sub(x, mean)
        variance = self.mean(self.mul(centred, centred), axes)
        deviation = self.sqrt(self.fadd(variance, epsilon))
        return self.div(centred, deviation), mean, self.reciprocal(deviation)


def _truncated(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    safe = np.where(b == 0, 1, b)
    quotient = np.abs(a) // np.abs(safe) * np.sign(a) * np.sign(safe)
    return np.where(b == 0, 0, quotient).astype(np.int64)
