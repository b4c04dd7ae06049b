"""The composed functions: within two units in the last place, and the limits that C99 and ONNX name."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from opg.tensor.functions import NAN, Fn, apply, arity
from scripts.measure_ulp import OUT, REFERENCES, steps_off, ulps, undecided, value_of
from tests.unit.Functions.words import operands

INF, NOT_A_NUMBER, TINY, GREATEST = math.inf, math.nan, 2.0**-149, 3.4028234663852886e38

LIMITS = {
    Fn.EXP: [(0.0, 1.0), (-0.0, 1.0), (-INF, 0.0), (INF, INF), (88.8, INF), (-104.0, 0.0), (-103.9, TINY), (TINY, 1.0)],
    Fn.LOG: [(1.0, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1.0, NOT_A_NUMBER), (-INF, NOT_A_NUMBER)],
    Fn.TANH: [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (30.0, 1.0), (TINY, TINY)],
    Fn.ERF: [(0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (5.0, 1.0), (-TINY, -TINY)],
    Fn.SIGMOID: [(0.0, 0.5), (-0.0, 0.5), (INF, 1.0), (-INF, 0.0), (30.0, 1.0), (-104.0, 0.0), (-103.9, TINY)],
    Fn.SIN: [(0.0, 0.0), (-0.0, -0.0), (INF, NOT_A_NUMBER), (-INF, NOT_A_NUMBER), (-TINY, -TINY)],
    Fn.COS: [(0.0, 1.0), (-0.0, 1.0), (INF, NOT_A_NUMBER), (-INF, NOT_A_NUMBER), (TINY, 1.0)],
}


@pytest.mark.parametrize("fn", [*REFERENCES, Fn.POW], ids=lambda fn: fn.name)
def test_error_is_below_two_units_in_the_last_place(fn):
    given = operands(fn, arity(fn), seed=2)
    error = ulps(apply(fn, *given), value_of(fn, *given))
    worst = error.argmax()
    assert error[worst] < 2, [hex(x[worst]) for x in given]


def test_the_table_of_errors_belongs_to_these_sequences():
    """A sequence that changes has another error at the worst word, or is measured anew: `python -m scripts.measure_ulp`."""
    rows = [line.split("|") for line in OUT.read_text().splitlines() if line.startswith("| ") and "`" in line]
    assert [row[1].strip() for row in rows] == [fn.name for fn in (*REFERENCES, Fn.POW)]
    for _, name, worst, where, *_ in rows:
        given = [np.array([int(word, 16)], dtype=np.uint32) for word in re.findall("`([0-9a-f]{8})`", where)]
        error = ulps(apply(Fn[name.strip()], *given), value_of(Fn[name.strip()], *given))
        assert abs(error[0] - float(worst)) <= 1e-4
        assert float(worst) <= 2


@pytest.mark.parametrize(("fn", "x", "want"), [(fn, *case) for fn, cases in LIMITS.items() for case in cases])
def test_limits(fn, x, want):
    got = apply(fn, np.array([x], dtype=np.float32).view(np.uint32))
    assert got == (NAN if math.isnan(want) else np.array([want], dtype=np.float32).view(np.uint32))


def test_the_measure_itself():
    """One float above 1 is one unit off, one below half a unit; ties to the left and right of it are undecided."""
    above, below = (np.array([w], dtype=np.uint32) for w in (0x3F800001, 0x3F7FFFFF))
    one = np.array([1.0])
    assert (ulps(above, one), ulps(below, one)) == (1, 0.5)
    assert (steps_off(above, one), steps_off(below, one), steps_off(above ^ above, one)) == (1, 1, 0x3F800000)
    assert undecided(one + 2.0**-24) and undecided(one + 2.0**-24 + 2.0**-51) and undecided(one - 2.0**-25)
    assert not undecided(one) and not undecided(one + 2.0**-24 + 2.0**-48)
    infinite, nan = np.array([0x7F800000], dtype=np.uint32), np.array([NAN], dtype=np.uint32)
    assert ulps(infinite, np.array([math.inf])) == ulps(nan, np.array([math.nan])) == 0
    assert ulps(nan, one) == ulps(above, np.array([math.nan])) == math.inf


@pytest.mark.parametrize("fn", REFERENCES, ids=lambda fn: fn.name)
def test_nan_in_canonical_nan_out(fn):
    nans = np.array([0x7FC00000, 0x7F800001, 0xFFC12345, 0xFFFFFFFF], dtype=np.uint32)
    assert (apply(fn, nans) == NAN).all()


@pytest.mark.parametrize("base", [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, INF, -INF, NOT_A_NUMBER, TINY, -GREATEST])
@pytest.mark.parametrize(
    "exponent", [0.0, -0.0, 1.0, -1.0, 2.0, -3.0, 0.5, -0.5, INF, -INF, NOT_A_NUMBER, 2.0**24, 16777215.0]
)
def test_pow_has_the_limits_of_c99(base, exponent):
    given = (np.array([x], dtype=np.float32).view(np.uint32) for x in (base, exponent))
    try:
        want = math.pow(base, exponent)
    except OverflowError:
        want = INF if base > 0 or exponent % 2 == 0 else -INF
    except ValueError:  # 0 to a negative power, or a negative number to a broken one
        odd = exponent % 2 == 1
        want = NOT_A_NUMBER if base != 0 else math.copysign(INF, base) if odd else INF
    with np.errstate(over="ignore"):
        expected = np.array([want]).astype(np.float32).view(np.uint32)
    assert apply(Fn.POW, *given) == (NAN if math.isnan(want) else expected)
