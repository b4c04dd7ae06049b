"""Dot products by the quick way equal products and sums one by one, each rounded, as numpy has them: bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.functions import Fn, Words, apply
from tests.conftest import DEEP
from tests.evm import Evm
from tests.unit.Functions.words import BATCH, SIGN, operands

SEEDS = range(10 if DEEP else 1)
ROWS = 1_500
GAS = 2**40


@pytest.fixture(scope="module")
def harness():
    return Evm().deploy("Float32Harness")


def pack(words: Words) -> bytes:
    return np.ascontiguousarray(words).astype(">u4").tobytes()


def one_by_one(acc: Words, a: Words, b: Words) -> Words:
    for k in range(a.shape[1]):
        acc = apply(Fn.ADD, acc, apply(Fn.MUL, a[:, k], b[:, k]))
    return acc


def assert_equal(harness, acc: Words, a: Words, b: Words) -> None:
    """Rows of a and b, shape [rows, count], each with its own word to begin with, shape [rows]."""
    want, count = one_by_one(acc, a, b), a.shape[1]
    rows = max(1, BATCH // count)
    for first in range(0, len(acc), rows):
        part = slice(first, first + rows)
        got = harness.dots(pack(acc[part]), pack(a[part]), pack(b[part]), count, gas=GAS)
        for i in np.flatnonzero(np.frombuffer(got, dtype=">u4") != want[part])[:1]:
            rows_of = [[hex(w) for w in x[part][i].reshape(-1)] for x in (acc, a, b)]
            pytest.fail(f"{rows_of} gave {np.frombuffer(got, dtype='>u4')[i]:#x}, not {want[part][i]:#x}")


def alone(harness, acc: Words, a: Words, b: Words) -> None:
    assert_equal(harness, acc, a[:, None], b[:, None])


def field(rng: np.random.Generator, low: int, high: int, shape: tuple[int, ...]) -> Words:
    """Floats of either sign with random fractions and exponent fields from low up to before high."""
    exponents = rng.integers(low, high, shape, dtype=np.uint32) << np.uint32(23)
    return exponents | rng.integers(0, 1 << 32, shape, dtype=np.uint32) & np.uint32(0x807FFFFF)


@pytest.mark.parametrize("seed", SEEDS)
def test_one_step_is_a_product_and_a_sum(harness, seed):
    a, b, c = operands(Fn.MUL, 3, seed=seed)
    alone(harness, c, a, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_terms_of_similar_size(harness, seed):
    rng = np.random.default_rng([3, seed])
    a, b, _ = operands(Fn.MUL, 3, seed=100 + seed)
    places = rng.integers(-27, 28, len(a)).astype(np.int64) << 23
    c = np.clip(apply(Fn.MUL, a, b).astype(np.int64) + places, 0, 0xFFFFFFFF).astype(np.uint32)
    alone(harness, c ^ rng.integers(0, 2, len(a), dtype=np.uint32) << np.uint32(31), a, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_cancellation(harness, seed):
    rng = np.random.default_rng([4, seed])
    a, b, _ = operands(Fn.MUL, 3, seed=200 + seed)
    c = apply(Fn.MUL, a, b) ^ SIGN
    c ^= rng.integers(0, 1 << 24, len(a), dtype=np.uint32) >> rng.integers(0, 25, len(a), dtype=np.uint32)
    alone(harness, c, a, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_halves_of_the_last_place(harness, seed):
    """The product is half a place of the sum, or next to it: ties to even in both directions and with both signs."""
    rng = np.random.default_rng([5, seed])
    size = 20_000
    c = field(rng, 60, 200, (size,))
    half = ((c >> np.uint32(23) & np.uint32(0xFF)) - np.uint32(24)) << np.uint32(23)
    nudge = rng.integers(-1, 2, size).astype(np.int64)
    p = (half.astype(np.int64) + nudge).astype(np.uint32) | rng.integers(0, 2, size, dtype=np.uint32) << np.uint32(31)
    alone(harness, c, p, np.full(size, 0x3F800000, dtype=np.uint32))


@pytest.mark.parametrize("low, high", [(1, 5), (60, 68), (100, 130), (112, 118), (160, 182), (240, 255)])
def test_exponents_at_the_ends_of_the_quick_way(harness, low, high):
    """Products around 2^-126, 2^103, 2^104 and 2^128; sums likewise; runs of steps long enough to go out and come back."""
    rng = np.random.default_rng(low)
    shape = (ROWS, 13)
    for sums in ((1, 4), (100, 130), (225, 235), (250, 255)):
        assert_equal(harness, field(rng, *sums, (ROWS,)), field(rng, low, high, shape), field(rng, low, high, shape))
        other = field(rng, 1, 255, shape)
        assert_equal(harness, field(rng, *sums, (ROWS,)), field(rng, low, high, shape), other)


@pytest.mark.parametrize("place", range(9))
def test_one_odd_operand_among_eight(harness, place):
    """A subnormal, infinity, NaN, zero or huge number in each lane of a word, and in the next word."""
    rng = np.random.default_rng(place)
    odd = [0, 0x80000000, 1, 0x807FFFFF, 0x00800000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001]
    a, b = field(rng, 120, 132, (400, 17)), field(rng, 120, 132, (400, 17))
    side = np.where(rng.random(400) < 0.5, 0, 1)
    for rows, words in ((side == 0, a), (side == 1, b)):
        words[rows, place] = rng.choice(np.array(odd, dtype=np.uint32), int(rows.sum()))
    assert_equal(harness, field(rng, 120, 132, (400,)), a, b)


@pytest.mark.parametrize(
    "first", [0, 0x80000000, 0x00000001, 0x80000001, 0x73800000, 0x737FFFFF, 0xFF800000, 0x7F800001]
)
@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 16, 17])
def test_zeros_of_either_sign(harness, first, count):
    """-0 stays only while all products are -0; every other sum swallows zeros."""
    rng = np.random.default_rng([count, first])
    pick = np.array([0, 0x80000000, 0x3F800000, 0xBF800000, 1, 0x80000001], dtype=np.uint32)
    zeros = np.array([0, 0x80000000], dtype=np.uint32)
    acc = np.full(200, first, dtype=np.uint32)
    assert_equal(harness, acc, rng.choice(zeros, (200, count)), rng.choice(pick, (200, count)))
    assert_equal(harness, acc, np.full((200, count), SIGN), np.full((200, count), 0x3F800000, dtype=np.uint32))


@pytest.mark.parametrize("count", [3, 8, 29, 64, 385])
def test_ordinary_rows(harness, count):
    """Numbers as models have them, with exact integers and powers of two among them, whose sums often cancel to 0."""
    rng = np.random.default_rng(count)
    rows = (30_000 if DEEP else 3_000) // count * 4
    shape = (rows, count)
    kinds = [
        lambda shape: rng.standard_normal(shape),
        lambda shape: np.maximum(rng.standard_normal(shape), 0),
        lambda shape: rng.integers(-9, 10, shape),
        lambda shape: rng.integers(-9, 10, shape) * 2.0 ** rng.integers(-13, 13, shape),
        lambda shape: rng.standard_normal(shape) * 10.0 ** rng.integers(-9, 3, shape),
    ]
    for make in kinds:
        acc, a, b = (make(s).astype(np.float32).view(np.uint32) for s in ((rows,), shape, shape))
        assert_equal(harness, acc, a, b)


def test_no_steps(harness):
    """The sum is what it was, though it be a NaN of another kind."""
    for word in (0, 0x80000000, 0x7F800001, 0x3F800000):
        assert harness.dots(word.to_bytes(4, "big"), b"", b"", 0) == word.to_bytes(4, "big")


def test_sums_that_outgrow_fixed_point(harness):
    """Products just below 2^104, all of one sign, so many that their sum would not fit 256 bits; a subnormal holds the quick gait up."""
    rng = np.random.default_rng(8)
    for odd in (0x3F800000, 0x00000001, 0x00400000):
        a, b = (field(rng, 175, 179, (300, 70)) & np.uint32(0x7FFFFFFF) for _ in range(2))
        a[:, ::7] = odd
        first = field(rng, 225, 231, (300,)) & np.uint32(0x7FFFFFFF)
        assert_equal(harness, first, a, b)
        assert_equal(harness, first | SIGN, a | SIGN, b)
