"""Sixteen words at once: a thin notation over LLVM's vectors, in which the kernels are written.

LLVM cuts the vectors to whatever width the processor has; the values do not depend on it. No instruction here carries a
fast-math flag, and LLVM fuses or reassociates nothing without one, so every float operation rounds once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.extending import intrinsic

LANES = 16
BYTES = 4 * LANES

BIT, BYTE, WORD, LONG = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
FLOAT = ir.FloatType()
WORDS, LONGS = ir.VectorType(WORD, LANES), ir.VectorType(LONG, LANES)
FLOATS, BITS = ir.VectorType(FLOAT, LANES), ir.VectorType(BIT, LANES)


def wide() -> bool:
    """Whether the processor that kernels are compiled for has AVX-512: 32 registers of sixteen words."""
    return "+avx512f" in cpu_target.target_context.codegen().magic_tuple()[2]


class Lanes:
    """A vector while a kernel is being built; the operators emit instructions.

    On words `<`, `>>` and conversions are signed unless the method says otherwise; comparisons of floats are false for NaN.
    Python and numpy numbers on the other side become constants in all lanes.
    """

    __slots__ = ("build", "value")

    def __init__(self, build: ir.IRBuilder, value: ir.Value):
        self.build, self.value = build, value

    @property
    def is_float(self) -> bool:
        return self.value.type == FLOATS

    def constant(self, number: object) -> ir.Value:
        if isinstance(number, Lanes):
            return number.value
        if self.is_float:
            bits = int(np.float32(number).view(np.uint32))
            return self.build.bitcast(splat_constant(WORDS, bits), FLOATS)
        return splat_constant(self.value.type, int(number))

    def _two(self, other: object, on_floats: str | None, on_words: str | None) -> Lanes:
        name = on_floats if self.is_float else on_words
        return Lanes(self.build, getattr(self.build, name)(self.value, self.constant(other)))

    def _back(self, other: object) -> Lanes:
        return Lanes(self.build, self.constant(other))

    def __add__(self, other: object) -> Lanes:
        return self._two(other, "fadd", "add")

    def __sub__(self, other: object) -> Lanes:
        return self._two(other, "fsub", "sub")

    def __mul__(self, other: object) -> Lanes:
        return self._two(other, "fmul", "mul")

    def __truediv__(self, other: object) -> Lanes:
        return self._two(other, "fdiv", None)

    def __radd__(self, other: object) -> Lanes:
        return self._back(other) + self

    def __rsub__(self, other: object) -> Lanes:
        return self._back(other) - self

    def __rmul__(self, other: object) -> Lanes:
        return self._back(other) * self

    def __rtruediv__(self, other: object) -> Lanes:
        return self._back(other) / self

    def __and__(self, other: object) -> Lanes:
        return self._two(other, None, "and_")

    def __or__(self, other: object) -> Lanes:
        return self._two(other, None, "or_")

    def __xor__(self, other: object) -> Lanes:
        return self._two(other, None, "xor")

    def __invert__(self) -> Lanes:
        return Lanes(self.build, self.build.not_(self.value))

    def __neg__(self) -> Lanes:
        return (self.words() ^ 0x80000000).floats()

    def __lshift__(self, other: object) -> Lanes:
        return self._two(other, None, "shl")

    def __rshift__(self, other: object) -> Lanes:
        return self._two(other, None, "ashr")

    def logical_right(self, other: object) -> Lanes:
        return self._two(other, None, "lshr")

    def unsigned_rest(self, other: object) -> Lanes:
        return self._two(other, None, "urem")

    def _compare(self, sign: str, other: object) -> Lanes:
        compare = self.build.fcmp_ordered if self.is_float else self.build.icmp_signed
        return Lanes(self.build, compare(sign, self.value, self.constant(other)))

    def __lt__(self, other: object) -> Lanes:
        return self._compare("<", other)

    def __le__(self, other: object) -> Lanes:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Lanes:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Lanes:
        return self._compare(">=", other)

    def equals(self, other: object) -> Lanes:
        return self._compare("==", other)

    def differs(self, other: object) -> Lanes:
        return ~self.equals(other)

    def below(self, other: object) -> Lanes:
        """Unsigned less."""
        return Lanes(self.build, self.build.icmp_unsigned("<", self.value, self.constant(other)))

    def above(self, other: object) -> Lanes:
        """Unsigned greater."""
        return Lanes(self.build, self.build.icmp_unsigned(">", self.value, self.constant(other)))

    def is_nan(self) -> Lanes:
        return Lanes(self.build, self.build.fcmp_unordered("uno", self.value, self.value))

    def where(self, yes: object, no: object) -> Lanes:
        """Of this mask: `yes` where it is set, else `no`; at least one of them is a Lanes."""
        like = yes if isinstance(yes, Lanes) else no
        return Lanes(self.build, self.build.select(self.value, like.constant(yes), like.constant(no)))

    def words(self) -> Lanes:
        return Lanes(self.build, self.build.bitcast(self.value, WORDS))

    def floats(self) -> Lanes:
        return Lanes(self.build, self.build.bitcast(self.value, FLOATS))

    def flag(self) -> Lanes:
        """A mask as the words 1 and 0."""
        return Lanes(self.build, self.build.zext(self.value, WORDS))

    def canonical(self) -> Lanes:
        """The words of floats, every NaN as the canonical one."""
        return self.is_nan().where(0x7FC00000, self.words())

    def call(self, name: str) -> Lanes:
        """An LLVM intrinsic of one float operand that rounds correctly: sqrt, rint, floor, ceil, trunc."""
        kind = ir.FunctionType(FLOATS, [FLOATS])
        function = cgutils.get_or_insert_function(self.build.module, kind, f"llvm.{name}.v{LANES}f32")
        return Lanes(self.build, self.build.call(function, [self.value]))

    def to_float(self) -> Lanes:
        """Signed words to the nearest floats."""
        return Lanes(self.build, self.build.sitofp(self.value, FLOATS))

    def unsigned_to_float(self) -> Lanes:
        return Lanes(self.build, self.build.uitofp(self.value, FLOATS))

    def to_word(self) -> Lanes:
        """Floats within int32 to words, truncated."""
        return Lanes(self.build, self.build.fptosi(self.value, WORDS))

    def widen(self) -> Lanes:
        """Words, zero-extended to 64 bits."""
        return Lanes(self.build, self.build.zext(self.value, LONGS))

    def widen_signed(self) -> Lanes:
        return Lanes(self.build, self.build.sext(self.value, LONGS))

    def narrow(self) -> Lanes:
        """The low 32 bits."""
        return Lanes(self.build, self.build.trunc(self.value, WORDS))

    def truncated_quotient(self, other: Lanes) -> Lanes:
        return Lanes(self.build, self.build.sdiv(self.value, other.value))

    def truncated_rest(self, other: Lanes) -> Lanes:
        return Lanes(self.build, self.build.srem(self.value, other.value))

    def look_up(self, table: Sequence[int], name: str) -> Lanes:
        """table[word] as 64 bits; the words are within the table."""
        module, build = self.build.module, self.build
        if name not in module.globals:
            array = ir.ArrayType(LONG, len(table))
            made = ir.GlobalVariable(module, array, name)
            made.initializer = ir.Constant(array, [ir.Constant(LONG, int(t)) for t in table])
            made.global_constant, made.linkage = True, "internal"
        found = ir.Constant(LONGS, ir.Undefined)
        for lane in range(LANES):
            at = ir.Constant(WORD, lane)
            index = build.zext(build.extract_element(self.value, at), LONG)
            pointer = build.gep(module.globals[name], [ir.Constant(LONG, 0), index])
            found = build.insert_element(found, build.load(pointer), at)
        return Lanes(build, found)


def splat_constant(kind: ir.VectorType, number: int) -> ir.Constant:
    bits = kind.element.width
    return ir.Constant(kind, [ir.Constant(kind.element, number & ((1 << bits) - 1))] * LANES)


def splat(build: ir.IRBuilder, scalar: ir.Value) -> Lanes:
    """A scalar in all lanes."""
    kind = ir.VectorType(scalar.type, LANES)
    one = build.insert_element(ir.Constant(kind, ir.Undefined), scalar, ir.Constant(WORD, 0))
    zeros = ir.Constant(WORDS, [ir.Constant(WORD, 0)] * LANES)
    return Lanes(build, build.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros))


def number(value: int) -> ir.Constant:
    return ir.Constant(LONG, value)


def at(build: ir.IRBuilder, address: ir.Value, words: ir.Value | int, kind: ir.Type) -> ir.Value:
    """A pointer to `kind`, so many words behind an address."""
    words = number(words) if isinstance(words, int) else words
    return build.inttoptr(build.add(address, build.shl(words, number(2))), kind.as_pointer())


def mask_below(build: ir.IRBuilder, count: ir.Value) -> ir.Value:
    """The lanes whose number is less than a count."""
    order = ir.Constant(LONGS, [ir.Constant(LONG, i) for i in range(LANES)])
    return build.icmp_signed("<", order, splat(build, count).value)


def load(build: ir.IRBuilder, address: ir.Value, words: ir.Value | int = 0, mask: ir.Value | None = None) -> Lanes:
    """16 words; with a mask only those are touched and the others are 0."""
    pointer = at(build, address, words, WORDS)
    if mask is None:
        return Lanes(build, build.load(pointer, align=4))
    function = _masked(build, "load", WORDS, [pointer.type, WORD, BITS, WORDS])
    return Lanes(build, build.call(function, [pointer, ir.Constant(WORD, 4), mask, splat_constant(WORDS, 0)]))


def store(build: ir.IRBuilder, value: Lanes, address: ir.Value, words: ir.Value | int = 0, mask: ir.Value | None = None) -> None:  # fmt: skip
    pointer = at(build, address, words, WORDS)
    if mask is None:
        build.store(value.words().value, pointer, align=4)
    else:
        function = _masked(build, "store", ir.VoidType(), [WORDS, pointer.type, WORD, BITS])
        build.call(function, [value.words().value, pointer, ir.Constant(WORD, 4), mask])


def _masked(build: ir.IRBuilder, what: str, result: ir.Type, operands: list[ir.Type]) -> ir.Function:
    name = f"llvm.masked.{what}.v{LANES}i32.p0"
    return cgutils.get_or_insert_function(build.module, ir.FunctionType(result, operands), name)


def transpose(build: ir.IRBuilder, rows: Sequence[Lanes]) -> list[Lanes]:
    """16 vectors as the columns of what they were the rows of."""
    rows = [r.words().value for r in rows]
    for half in (8, 4, 2, 1):
        turned = list(rows)
        for i in range(LANES):
            if not i & half:
                a, b = rows[i], rows[i + half]
                turned[i] = shuffle(build, a, b, [l if not l & half else LANES + (l ^ half) for l in range(LANES)])  # noqa: E741
                turned[i + half] = shuffle(build, a, b, [l | half if not l & half else LANES + l for l in range(LANES)])  # noqa: E741, fmt: skip
        rows = turned
    return [Lanes(build, r) for r in rows]


def shuffle(build: ir.IRBuilder, a: ir.Value, b: ir.Value, order: Sequence[int]) -> ir.Value:
    return build.shuffle_vector(a, b, ir.Constant(WORDS, [ir.Constant(WORD, i) for i in order]))


def emitted(literals: int, operands: int, result: types.Type = types.void) -> Callable:
    """Makes a compiled function from one that emits it.

    The decorated function takes a builder, `literals` Python integers that are fixed at compile time, and `operands`
    64-bit values; it returns a 64-bit value unless the result is void.
    """

    def wrap(emit: Callable) -> Callable:
        names = [f"literal{i}" for i in range(literals)] + [f"operand{i}" for i in range(operands)]

        def typed(context: object, *given: types.Type) -> tuple | None:
            if not all(isinstance(g, types.IntegerLiteral) for g in given[:literals]):
                return None
            fixed = [g.literal_value for g in given[:literals]]

            def generate(context: object, build: ir.IRBuilder, signature: object, args: Sequence[ir.Value]) -> ir.Value:
                made = emit(build, *fixed, *args[literals:])
                return context.get_dummy_value() if result == types.void else made

            return result(*given[:literals], *[types.int64] * operands), generate

        # numba wants to see every parameter by its name
        scope: dict = {"typed": typed}
        exec(f"def {emit.__name__}(context, {', '.join(names)}): return typed(context, {', '.join(names)})", scope)
        made = scope[emit.__name__]
        made.__doc__, made.__module__ = emit.__doc__, emit.__module__
        return intrinsic(prefer_literal=True)(made)

    return wrap
