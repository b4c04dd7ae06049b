"""MOVE and PICK: copies keep bits, whichever kernel makes them."""

import numpy as np
import pytest

from opg.tensor.plan import Plan
from opg.tensor.program import NO_VALUE, Access, Guard, Kind, Op
from tests.unit.executor.ops import check, floats, one


def move(dims, *operands):
    return Op(Kind.MOVE, 0, dims, (), operands)


@pytest.mark.parametrize("shape", [(4, 4), (16, 16), (17, 31), (100, 5), (33, 64)])
def test_transposes(shape):
    m, n = shape
    check(one(move((n, m), Access(0, (1, n))), [m * n]), [floats(1, m * n)], "turn")


def test_transposes_of_many_planes():
    # [5, 7, 20, 18] to [5, 18, 7, 20]
    op = move((5, 18, 7, 20), Access(0, (2520, 1, 360, 18)))
    check(one(op, [5 * 2520]), [floats(2, 5 * 2520)], "turn")


def test_transposes_with_a_base_inside_a_larger_tensor():
    check(one(move((9, 21), Access(0, (1, 40), 13)), [900]), [floats(3, 900)], "turn")


@pytest.mark.parametrize("dims", [(3, 50), (50,), (1,), ()])
def test_copies(dims):
    coefs = {2: (50, 1), 1: (1,), 0: ()}[len(dims)]
    check(one(move(dims, Access(0, coefs, 2)), [200]), [floats(4, 200)], "move")


def test_borders():
    inside = (Guard(-2, 11, (1, 0)), Guard(-3, 20, (0, 1)))
    check(one(move((15, 26), Access(0, (20, 1), -43, 0x7FC12345, inside)), [220]), [floats(5, 220)], "move")


def test_borders_around_channels():
    # [9, 11, 6] with one row above, two columns left and one right: a row is 14·6 words
    inside = (Guard(-1, 9, (1, 0, 0)), Guard(-2, 11, (0, 1, 0)))
    op = move((10, 14, 6), Access(0, (66, 6, 1), -66 - 12, 0x3F800000, inside))
    program = one(op, [594])
    check(program, [floats(5, 594)], "move")
    assert Plan(program).steps[0].work.length == 14 * 6


@pytest.mark.parametrize("shape", [(40, 30, 3, 2), (7, 11, 5), (33, 1, 2, 15)])
def test_short_rows(shape):
    strides = np.cumprod((1, *shape[:-1])) + 1
    coefs = tuple(int(x) for x in strides)
    length = sum(c * (d - 1) for c, d in zip(coefs, shape, strict=True)) + 1
    check(one(move(shape, Access(0, coefs)), [length]), [floats(6, length)], "gather")


def test_the_first_operand_in_bounds_wins():
    a = Access(0, (1,), -5, 1, (Guard(-5, 9, (1,)),))
    b = Access(1, (2,), -4, 2)
    c = Access(0, (-1,), 60, 3, (Guard(0, 50, (1,)),))
    check(one(move((70,), a, b, c), [40, 90]), [floats(6, 40), floats(7, 90)], "move")


def test_an_immediate_is_never_in_bounds():
    nothing = Access(NO_VALUE, (1,), 0, 77)
    check(one(move((30,), nothing, Access(0, (1,), -10, 88)), [12]), [floats(8, 12)], "move")
    check(one(move((30,), Access(0, (1,), -10, 88), nothing), [12]), [floats(8, 12)], "move")


def pick(dims, a, b, stride, count):
    return Op(Kind.PICK, 0, dims, (), (a, b), stride, count)


@pytest.mark.parametrize("stride", [16, -16, 3, 0])
def test_rows_of_a_table(stride):
    op = pick((9, 16), Access(0, (0, 1), 100), Access(1, (1, 0)), stride, 8)
    index = np.array([0, 7, 3, -5, 100, 2, 0x7FFFFFFF, 1, 0x80000000 - (1 << 32)], dtype=np.int64).astype(np.uint32)
    check(one(op, [400, 9]), [floats(1, 400), index], "pick")


def test_single_words_in_and_out_of_bounds():
    index = np.random.default_rng(1).integers(-20, 90, 200).astype(np.int32).view(np.uint32)
    a = Access(0, (1, -1), -4, 0xDEADBEEF, (Guard(-1, 30, (0, 1)),))
    check(one(pick((5, 40), a, Access(1, (40, 1)), 2, 61), [100, 200]), [floats(2, 100), index], "pick")


def test_an_index_that_is_out_of_bounds_itself():
    op = pick((30,), Access(0, (1,)), Access(1, (1,), -3, 5), 1, 50)
    check(one(op, [60, 20]), [floats(3, 60), np.arange(20, dtype=np.uint32)], "pick")


def test_a_pick_from_nothing():
    op = pick((30,), Access(NO_VALUE, (1,), 0, 42), Access(0, (1,)), 1, 50)
    check(one(op, [60]), [floats(3, 60)], "pick")


def test_one_guarded_index_for_each_row():
    b = Access(1, (1, 0), 0, 9, (Guard(-1, 4, (1, 0)),))
    op = pick((7, 40), Access(0, (40, 1)), b, 3, 20)
    check(one(op, [400, 7]), [floats(4, 400), np.arange(7, dtype=np.uint32) * 2], "pick")
