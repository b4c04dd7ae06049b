"""CONTRACT: every kernel that may be chosen, at sizes that do not fill its blocks."""

import pytest

from opg.tensor.functions import Fn
from opg.tensor.program import NO_VALUE, Access, Guard, Kind, Op
from tests.unit.executor.ops import check, floats, one

SIZES = [
    (1, 1, 1),
    (1, 64, 100),
    (3, 17, 5),
    (4, 16, 64),
    (7, 33, 65),
    (9, 20, 130),
    (37, 5, 48),
    (17, 100, 31),
    (8, 2, 200),
]


def product(m, k, n, fn=Fn.MUL, c=None):
    """out[m, n] = c + a[m, k]·b[n, k]: both as the compiler lays them out."""
    c = c or Access(NO_VALUE, (0, 0, 0), 0, 0x3F000000)
    return Op(Kind.CONTRACT, fn, (m, n), (k,), (Access(0, (k, 0, 1)), Access(1, (0, k, 1)), c))


@pytest.mark.parametrize("fn", [Fn.MUL, Fn.IMUL], ids=["float", "int"])
@pytest.mark.parametrize(("m", "k", "n"), SIZES)
def test_by_constant_weights(m, k, n, fn):
    a, b = floats(1, m * k), floats(2, n * k)
    check(one(product(m, k, n, fn), [m * k], [b]), [a], "multiply")


@pytest.mark.parametrize(("m", "k", "n"), [(1, 2049, 3), (2, 4096, 16)])
def test_long_sums(m, k, n):
    check(one(product(m, k, n), [m * k], [floats(4, n * k, 0)]), [floats(3, m * k, 0)], "multiply")


@pytest.mark.parametrize("hard", [0, 0.5])
def test_without_and_with_many_hard_words(hard):
    check(one(product(21, 40, 50), [840], [floats(6, 2000, hard)]), [floats(5, 840, hard)], "multiply")


@pytest.mark.parametrize(
    ("c", "words"),
    [
        (Access(2, (0, 1, 0)), 33),  # a bias for each column
        (Access(2, (1, 0, 0)), 9),  # for each row
        (Access(2, (33, 1, 0)), 9 * 33),  # a whole tensor
        (Access(2, (33, 1, 5)), 9 * 33),  # the reduction index does not move it
        (Access(2, (0, 0, 0), 3), 7),
    ],
)
def test_initial_values(c, words):
    check(
        one(product(9, 21, 33, c=c), [9 * 21, 21 * 33, words]), [floats(i, w) for i, w in enumerate([189, 693, words])]
    )


def test_initial_values_with_gaps_and_borders():
    c = Access(2, (2, 3, 0), -4, 0x40000000, (Guard(0, 30, (1, 1, 0)),))
    program = one(product(9, 21, 33, c=c), [189, 693, 60])
    check(program, [floats(1, 189), floats(2, 693), floats(3, 60)], "move", "multiply")


def test_where_the_first_operand_makes_the_columns():
    op = Op(
        Kind.CONTRACT,
        Fn.MUL,
        (6, 40),
        (30,),
        (Access(1, (0, 30, 1)), Access(0, (30, 0, 1)), product(1, 1, 1).operands[2]),
    )
    check(one(op, [180], [floats(2, 1200)]), [floats(1, 180)], "multiply")


@pytest.mark.parametrize(
    "b",
    [
        Access(1, (65 * 24, 0, 24, 1)),  # k contiguous: packed by transposing
        Access(1, (65 * 24, 0, 1, 65)),  # columns contiguous: packed by copying
        Access(1, (65 * 24, 0, 2, 130), -300),  # neither, and partly out of bounds
    ],
)
def test_batches_of_activations(b):
    a = Access(0, (20 * 24, 24, 0, 1))
    op = Op(Kind.CONTRACT, Fn.MUL, (3, 20, 65), (24,), (a, b, Access(NO_VALUE, (0, 0, 0, 0))))
    inside = b.base == 0
    program = one(op, [3 * 20 * 24, 3 * 65 * 24])
    check(program, [floats(1, 1440), floats(2, 4680)], "multiply" if inside else "contract")


def test_few_rows_by_activations():
    op = Op(Kind.CONTRACT, Fn.MUL, (3, 100), (24,), (Access(0, (24, 0, 1)), Access(1, (0, 1, 100)), ZERO3))
    check(one(op, [72, 2400]), [floats(1, 72), floats(2, 2400)], "multiply")


ZERO3 = Access(NO_VALUE, (0, 0, 0))


def convolution(channels, out, height, width, kernel, stride, pad, groups=1):
    """Channels first, the border by guards; weights [out, kernel, kernel, channels/groups]."""
    h, w = (height + 2 * pad - kernel) // stride + 1, (width + 2 * pad - kernel) // stride + 1
    per = channels // groups
    hw = height * width
    base = -pad * width - pad
    if groups == 1:
        dims, reduced = (out, h, w), (kernel, kernel, per)
        x = (0, stride * width, stride, width, 1, hw)
        y = (0, stride, 0, 1, 0, 0), (0, 0, stride, 0, 1, 0)
        k = (kernel * kernel * per, 0, 0, kernel * per, per, 1)
        c = (1, 0, 0, 0, 0, 0)
    else:
        dims, reduced = (channels, h, w), (kernel, kernel)
        x = (hw, stride * width, stride, width, 1)
        y = (0, stride, 0, 1, 0), (0, 0, stride, 0, 1)
        k = (kernel * kernel, 0, 0, kernel, 1)
        c = (1, 0, 0, 0, 0)
    guards = (Guard(-pad, height, y[0]), Guard(-pad, width, y[1])) if pad else ()
    op = Op(Kind.CONTRACT, Fn.MUL, dims, reduced, (Access(0, x, base, 0, guards), Access(1, k), Access(2, c)))
    return op, channels * hw, out * kernel * kernel * per


@pytest.mark.parametrize(("kernel", "stride", "pad"), [(3, 1, 1), (3, 2, 1), (1, 1, 0), (5, 1, 2), (2, 2, 0)])
@pytest.mark.parametrize(("height", "width"), [(7, 23), (16, 16)])
def test_convolutions_channels_first(kernel, stride, pad, height, width):
    op, words, weights = convolution(6, 10, height, width, kernel, stride, pad)
    program = one(op, [words], [floats(2, weights), floats(3, 10)])
    check(program, [floats(1, words)], *(["move"] if pad else []), "multiply")


@pytest.mark.parametrize(("stride", "pad"), [(1, 1), (2, 1), (1, 0), (2, 0)])
@pytest.mark.parametrize("width", [9, 40, 90])
def test_depthwise_convolutions_channels_first(stride, pad, width):
    op, words, weights = convolution(5, 5, 11, width, 3, stride, pad, groups=5)
    program = one(op, [words], [floats(2, weights), floats(3, 5)])
    check(program, [floats(1, words)], *(["move"] if pad else []), "contract rows")


@pytest.mark.parametrize("channels", [3, 16, 70])
def test_depthwise_convolutions_channels_last(channels):
    c = channels
    x = Access(0, (12 * c, c, 1, 12 * c, c))
    op = Op(Kind.CONTRACT, Fn.MUL, (8, 10, c), (3, 3), (x, Access(1, (0, 0, 9, 3, 1)), Access(NO_VALUE, (0,) * 5)))
    check(one(op, [10 * 12 * c], [floats(2, 9 * c)]), [floats(1, 120 * c)], "contract rows")


def test_convolutions_channels_last():
    x, w = Access(0, (14 * 5, 5, 0, 14 * 5, 5, 1)), Access(1, (0, 0, 45, 15, 5, 1))
    op = Op(Kind.CONTRACT, Fn.MUL, (8, 12, 20), (3, 3, 5), (x, w, Access(NO_VALUE, (0,) * 6)))
    check(one(op, [10 * 14 * 5], [floats(2, 900)]), [floats(1, 700)], "multiply")


@pytest.mark.parametrize("fn", [Fn.MUL, Fn.IMUL])
def test_what_fits_no_better_kernel(fn):
    a = Access(0, (3, -1, 2), 5, 0x3FC00000, (Guard(-2, 17, (2, 1, -1)),))
    b = Access(1, (-2, 1, 1), 3, 0xC0000000)
    op = Op(Kind.CONTRACT, fn, (9, 13), (11,), (a, b, Access(2, (1, 2, 0), -3)))
    check(one(op, [40, 30, 20]), [floats(i, n) for i, n in enumerate([40, 30, 20])], "contract")


def test_two_rows_of_words():
    op = Op(Kind.CONTRACT, Fn.MUL, (90,), (6,), (Access(0, (1, 90)), Access(1, (1, 90)), Access(NO_VALUE, (0, 0))))
    check(one(op, [540, 540]), [floats(1, 540), floats(2, 540)], "contract rows")


def test_columns_that_run_backwards():
    b = Access(1, (-1, 90), 89)
    op = Op(Kind.CONTRACT, Fn.MUL, (90,), (6,), (Access(0, (0, 1)), b, Access(NO_VALUE, (0, 0))))
    check(one(op, [6, 540]), [floats(1, 6), floats(2, 540)], "multiply")
    op = Op(Kind.CONTRACT, Fn.MUL, (90,), (6,), (Access(0, (-2, 1), 178), b, Access(NO_VALUE, (0, 0))))
    check(one(op, [200, 540]), [floats(1, 200), floats(2, 540)], "contract")
