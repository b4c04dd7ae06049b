"""The operations that IEEE-754 determines are numpy's on float32; integers are Python's, taken modulo 2^32."""

from __future__ import annotations

import math

import numpy as np
import pytest

from opg.tensor.functions import NAN, Fn, apply, arity
from tests.unit.Functions.words import operands

FLOATS = {
    Fn.ADD: np.add,
    Fn.SUB: np.subtract,
    Fn.MUL: np.multiply,
    Fn.DIV: np.divide,
    Fn.FMOD: np.fmod,
    Fn.SQRT: np.sqrt,
    Fn.NEG: np.negative,
    Fn.ABS: np.abs,
    Fn.FLOOR: np.floor,
    Fn.CEIL: np.ceil,
    Fn.ROUND: np.rint,
    Fn.TRUNC: np.trunc,
}
COMPARISONS = {Fn.LT: np.less, Fn.LE: np.less_equal, Fn.EQ: np.equal}


def int_div(a: int, b: int) -> int:
    return 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


INTEGERS = {
    Fn.IADD: lambda a, b: a + b,
    Fn.ISUB: lambda a, b: a - b,
    Fn.IMUL: lambda a, b: a * b,
    Fn.IDIV: int_div,
    Fn.IMOD: lambda a, b: 0 if b == 0 else a - b * int_div(a, b),
    Fn.IMIN: min,
    Fn.IMAX: max,
    Fn.ILT: lambda a, b: a < b,
    Fn.ILE: lambda a, b: a <= b,
    Fn.IEQ: lambda a, b: a == b,
    Fn.AND: lambda a, b: a & b,
    Fn.OR: lambda a, b: a | b,
    Fn.XOR: lambda a, b: a ^ b,
    Fn.SHL: lambda a, b: a << min(b % 2**32, 32),
    Fn.SHR: lambda a, b: (a % 2**32) >> min(b % 2**32, 32),
    Fn.SAR: lambda a, b: a >> min(b % 2**32, 32),
}


@pytest.mark.parametrize("fn", list(FLOATS), ids=lambda fn: fn.name)
def test_float_operations_are_those_of_numpy(fn):
    given = operands(fn, arity(fn), seed=1)
    with np.errstate(all="ignore"):
        want = FLOATS[fn](*(x.view(np.float32) for x in given))
    assert np.array_equal(apply(fn, *given), np.where(np.isnan(want), NAN, want.view(np.uint32)))


@pytest.mark.parametrize("fn", list(COMPARISONS), ids=lambda fn: fn.name)
def test_comparisons_are_those_of_numpy(fn):
    given = operands(fn, 2, seed=1)
    assert np.array_equal(apply(fn, *given), COMPARISONS[fn](*(x.view(np.float32) for x in given)))


@pytest.mark.parametrize("fn", list(INTEGERS), ids=lambda fn: fn.name)
def test_integer_operations_wrap(fn):
    a, b = (x[::10] for x in operands(fn, 2, seed=1))
    pairs = zip(a.view(np.int32).tolist(), b.view(np.int32).tolist(), strict=True)
    assert apply(fn, a, b).tolist() == [INTEGERS[fn](x, y) % 2**32 for x, y in pairs]


def test_extremes_order_zeros_and_pass_nan():
    zero, minus_zero, nan, one = (np.array([w], dtype=np.uint32) for w in (0, 1 << 31, 0x7F800123, 0x3F800000))
    for a, b in [(zero, minus_zero), (minus_zero, zero)]:
        assert apply(Fn.MIN, a, b) == minus_zero
        assert apply(Fn.MAX, a, b) == zero
    for a, b in [(nan, one), (one, nan)]:
        assert apply(Fn.MIN, a, b) == apply(Fn.MAX, a, b) == NAN


def test_floats_become_integers_by_truncation_and_saturate():
    cases = {-1.9: -1, 0.99: 0, 2147483520.0: 2147483520, 2.0**31: 2**31 - 1, -(2.0**31): -(2**31), math.inf: 2**31 - 1}
    cases |= {-math.inf: -(2**31), math.nan: 0, -0.0: 0, 1e-45: 0}
    given = np.array(list(cases), dtype=np.float32).view(np.uint32)
    assert apply(Fn.F2I, given).view(np.int32).tolist() == list(cases.values())


def test_integers_become_the_nearest_even_float():
    given = np.array([0, 2**24 + 1, 2**24 + 3, -(2**24) - 1, 2**31 - 1, -(2**31)], dtype=np.int32)
    want = [0.0, 2.0**24, 2.0**24 + 4, -(2.0**24), 2.0**31, -(2.0**31)]
    assert apply(Fn.I2F, given.view(np.uint32)).view(np.float32).tolist() == want


def test_where_copies_the_bits_of_a_nan():
    condition, payload, other = (np.array([w], dtype=np.uint32) for w in (1 << 31, 0x7F800123, 5))
    assert apply(Fn.WHERE, condition, payload, other) == payload
    assert apply(Fn.WHERE, condition ^ condition, payload, other) == other
