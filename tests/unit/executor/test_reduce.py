"""REDUCE: along rows, along columns, and any other way; each in the order of k."""

import pytest

from opg.tensor.functions import Fn
from opg.tensor.program import ARGS, FOLDS, Access, Guard, Kind, Op
from tests.conftest import DEEP
from tests.unit.executor.ops import check, floats, one

FNS = sorted(FOLDS) + sorted(ARGS) if DEEP else [Fn.ADD, Fn.MIN, Fn.MAX, Fn.IADD, 0x50, 0x53]
names = lambda fn: {0x50: "ARGMAX", 0x51: "ARGMIN", 0x52: "IARGMAX", 0x53: "IARGMIN"}.get(fn) or Fn(fn).name  # noqa: E731


def reduce(fn, dims, reduced, a):
    return Op(Kind.REDUCE, fn, dims, reduced, (a,))


@pytest.mark.parametrize("fn", FNS, ids=names)
@pytest.mark.parametrize(("rows", "steps"), [(1, 2), (16, 16), (5, 33), (35, 100)])
def test_along_rows(fn, rows, steps):
    program = one(reduce(fn, (rows,), (steps,), Access(0, (steps, 1))), [rows * steps])
    check(program, [floats(fn + steps, rows * steps)], "reduce rows")
    check(program, [floats(fn + steps, rows * steps, 0)], "reduce rows")


@pytest.mark.parametrize("fn", FNS, ids=names)
@pytest.mark.parametrize(("steps", "columns"), [(2, 16), (7, 100), (33, 21)])
def test_along_columns(fn, steps, columns):
    program = one(reduce(fn, (3, columns), (steps,), Access(0, (columns * steps, 1, columns))), [3 * steps * columns])
    check(program, [floats(fn + steps, 3 * steps * columns)], "reduce columns")
    check(program, [floats(fn + steps, 3 * steps * columns, 0)], "reduce columns")


@pytest.mark.parametrize("fn", FNS, ids=names)
def test_any_other_way(fn):
    a = Access(0, (3, -2, 7, 1), 5, 0x3F800000, (Guard(-1, 9, (1, 1, 1, 0)),))
    check(one(reduce(fn, (6, 9), (4, 5), a), [40]), [floats(fn, 40)], "reduce")


@pytest.mark.parametrize("fn", FNS, ids=names)
def test_of_one_element_copies_its_bits(fn):
    check(one(reduce(fn, (40,), (1,), Access(0, (1, 0))), [40]), [floats(fn, 40, 0.5)], "reduce")
    check(one(reduce(fn, (40,), (), Access(0, (1,))), [40]), [floats(fn, 40, 0.5)], "reduce")


@pytest.mark.parametrize("stride", [1, 2])
def test_windows_with_a_border(stride):
    # a maximum over 3 × 3, channels first, the border -inf
    guards = (Guard(-1, 12, (0, stride, 0, 1, 0)), Guard(-1, 20, (0, 0, stride, 0, 1)))
    a = Access(0, (240, 20 * stride, stride, 20, 1), -21, 0xFF800000, guards)
    program = one(reduce(Fn.MAX, (4, 12 // stride, 20 // stride), (3, 3), a), [960])
    check(program, [floats(1, 960)], "move", "reduce columns" if stride == 1 else "reduce")


def test_the_sum_of_everything():
    check(one(reduce(Fn.ADD, (), (4001,), Access(0, (1,), 3)), [4100]), [floats(9, 4100, 0)], "reduce rows")
