"""Decimal fixed-point numbers to words, against exact fractions and numpy."""

from __future__ import annotations

import os
import random
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

from tests.evm import Evm, reverts

INT128 = 2**127
INFINITY = 0x7F800000
COUNT = 100_000 if os.environ.get("OPG_DEEP") == "1" else 10_000
PAGE = 250
INT32 = (-(2**31), 2**31 - 1)


@pytest.fixture(scope="module")
def convert():
    """The library: words of (value, decimals) pairs."""
    evm = Evm()
    harness = evm.deploy("FixedPointHarness")

    def convert(numbers):
        words = []
        for first in range(0, len(numbers), PAGE):
            words += harness.toFloat32(numbers[first : first + PAGE])
        return words

    convert.one = harness.toInteger
    yield convert
    evm.close()


def nearest(value: int, decimals: int) -> int:
    """The binary32 nearest to value · 10^-decimals, by exact fractions."""
    number = abs(value) * Fraction(10) ** -decimals
    if number == 0:
        return 0
    exponent = number.numerator.bit_length() - number.denominator.bit_length()
    if Fraction(2) ** exponent > number:
        exponent -= 1
    last = Fraction(2) ** (max(exponent, -126) - 23)
    rounded = round(number / last) * last  # to even in the middle
    word = INFINITY if rounded >= 2**128 else int(np.float32(float(rounded)).view(np.uint32))
    return word | (0x80000000 if value < 0 else 0)


def check(convert, numbers):
    fitting = [each for each in numbers if nearest(*each) & INFINITY != INFINITY]
    assert len(fitting) > 0.9 * len(numbers)
    for number, word in zip(fitting, convert(fitting), strict=True):
        assert word == nearest(*number), number


def pairs(word: int) -> tuple[int, int]:
    """As the SDK writes a float32 down."""
    sign, digits, exponent = Decimal(str(np.uint32(word).view(np.float32))).normalize().as_tuple()
    value = int("".join(map(str, digits))) * (-1 if sign else 1)
    return value * 10 ** max(0, exponent), max(0, -exponent)


def test_random_numbers_of_all_sizes(convert):
    rng = random.Random(1)
    numbers = []
    while len(numbers) < COUNT:
        value = rng.choice((-1, 1)) * rng.getrandbits(rng.randint(1, 127))
        numbers.append((value, rng.randint(max(0, value.bit_length() * 3 // 10 - 38), 86)))
        numbers.append((rng.getrandbits(rng.randint(1, 60)), -rng.randint(0, 19)))
    check(convert, numbers)


def test_random_decimals_that_fit_are_as_numpy_reads_them(convert):
    """Up to 15 digits and 22 decimals a double is exact, or nearest; so numpy rounds at most twice, and never wrongly for short numbers."""
    rng = random.Random(2)
    numbers = [(rng.randint(-(10**7), 10**7), rng.randint(0, 12)) for _ in range(2_000)]
    words = [int(np.float32(value / 10**decimals).view(np.uint32)) for value, decimals in numbers]
    assert convert(numbers) == [word if number[0] else 0 for word, number in zip(words, numbers, strict=True)]


def test_every_float32_that_the_sdk_writes_down_comes_back(convert):
    rng = random.Random(3)
    words = [word for word in (rng.getrandbits(32) for _ in range(4_000)) if word & INFINITY != INFINITY]
    words += [1, 2, 0x007FFFFF, 0x00800000, 0x00800001, 0x3F800000, 0x7F7FFFFF, 0x80000001, 0xFF7FFFFF, 0x4B7FFFFF]
    fitting = [word for word in words if abs(pairs(word)[0]) < INT128]
    assert len(fitting) > 3_900
    assert convert([pairs(word) for word in fitting]) == fitting


def test_middles_go_to_the_even_neighbour_and_their_neighbours_away(convert):
    rng = random.Random(4)
    numbers = []
    for _ in range(600):
        middle, places = 2 * rng.randint(2**23, 2**24 - 1) + 1, rng.randint(0, 43)
        value = middle * 5**places
        numbers += [(value + nudge, places) for nudge in (-1, 0, 1)]
    numbers += [(middle << up, 0) for middle in (2**24 + 1, 2**24 + 3) for up in (0, 1, 50, 102)]
    check(convert, numbers)
    assert convert([(2**24 + 1, 0), (2**24 + 3, 0)]) == [0x4B800000, 0x4B800002]


def test_subnormals_and_what_is_below_them(convert):
    numbers = []
    for halves in (1, 2, 3, 5, 7, 2**24 - 1, 2**24 + 1, 2**24 - 3):
        exact = Fraction(halves, 2**150)
        for decimals in (60, 70, 77, 78, 80, 82, 83):
            floor = int(exact * 10**decimals)
            if 1 < floor < INT128 - 2:
                numbers += [(sign * (floor + nudge), decimals) for nudge in (-1, 0, 1, 2) for sign in (1, -1)]
    assert len(numbers) > 100
    check(convert, numbers)


@pytest.mark.parametrize(
    ("value", "decimals", "word"),
    [
        (0, 0, 0),
        (0, INT128 - 1, 0),
        (0, -INT128, 0),
        (1, INT128 - 1, 0),
        (-1, 84, 0x80000000),
        (INT128 - 1, 84, 0),
        (INT128 - 1, 83, 1),
        (-INT128, 0, 0xFF000000),
        (INT128 - 1, 0, 0x7F000000),
        (1, -38, 0x7E967699),
        (15, 1, 0x3FC00000),
        (-1, 1, 0xBDCCCCCD),
    ],
)
def test_edges(convert, value, decimals, word):
    assert convert([(value, decimals)]) == [word]
    if abs(decimals) < 1_000:
        assert word == nearest(value, decimals)


def test_largest_number_is_the_largest_float(convert):
    above = 2**128 - 2**103  # the middle between the largest and what would be the next
    assert convert([(above // 10**10, -10)]) == [0x7F7FFFFF]
    with reverts("NumberTooLarge"):
        convert([(above // 10**10 + 1, -10)])


@pytest.mark.parametrize("number", [(1, -39), (-1, -39), (INT128 - 1, -1), (-INT128, -INT128), (4, -38), (35, -37)])
def test_infinity_is_refused(convert, number):
    with reverts("NumberTooLarge", *number):
        convert([number])


@pytest.mark.parametrize(
    ("number", "word"),
    [
        ((0, -INT128), 0),
        ((0, INT128 - 1), 0),
        ((150, 1), 15),
        ((-150, 1), 2**32 - 15),
        ((2, -9), 2_000_000_000),
        ((2**31 - 1, 0), 2**31 - 1),
        ((-(2**31), 0), 2**31),
        ((7 * 10**37, 37), 7),
        ((-(10**38), 38), 2**32 - 1),
    ],
)
def test_integers_are_exact(convert, number, word):
    assert convert.one(number, *INT32) == word


def test_large_unsigned_integers_fit(convert):
    assert convert.one((2**32 - 1, 0), 0, 2**32 - 1) == 2**32 - 1


@pytest.mark.parametrize("number", [(15, 1), (1, 39), (1, INT128 - 1), (10**38 + 1, 38), (-1, 1)])
def test_fractions_are_no_integers(convert, number):
    with reverts("NotAnInteger", *number):
        convert.one(number, *INT32)


@pytest.mark.parametrize(
    "number", [(2**31, 0), (-(2**31) - 1, 0), (3, -9), (1, -39), (-INT128, -INT128), (INT128 - 1, -38)]
)
def test_integers_out_of_range_are_refused(convert, number):
    with reverts("IntegerOutOfRange", *number, *INT32):
        convert.one(number, *INT32)
