"""The step of a dot product: a product, rounded, then a sum, rounded."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.functions import Fn, apply
from tests.evm import Evm
from tests.unit.Functions.words import BATCH, SIGN, operands


@pytest.fixture(scope="module")
def float32():
    return Evm().deploy("Float32Harness")


def assert_equal(float32, a, b, c):
    want = apply(Fn.ADD, c, apply(Fn.MUL, a, b))
    for first in range(0, len(want), BATCH):
        part = slice(first, first + BATCH)
        got = np.frombuffer(float32.mulAdd(*(x[part].astype(">u4").tobytes() for x in (a, b, c))), dtype=">u4")
        for i in np.flatnonzero(got != want[part])[:1]:
            pytest.fail(f"{[hex(x[part][i]) for x in (a, b, c)]} gave {got[i]:#x}, not {want[part][i]:#x}")


def test_it_is_a_product_and_a_sum(float32):
    assert_equal(float32, *operands(Fn.MUL, 3))


def test_terms_of_similar_size(float32):
    rng = np.random.default_rng(3)
    a, b, _ = operands(Fn.MUL, 3, seed=1)
    places = rng.integers(-27, 28, len(a)).astype(np.int64) << 23
    c = np.clip(apply(Fn.MUL, a, b).astype(np.int64) + places, 0, 0xFFFFFFFF).astype(np.uint32)
    assert_equal(float32, a, b, c ^ rng.integers(0, 2, len(a), dtype=np.uint32) << np.uint32(31))


def test_cancellation(float32):
    rng = np.random.default_rng(4)
    a, b, _ = operands(Fn.MUL, 3, seed=2)
    c = apply(Fn.MUL, a, b) ^ SIGN
    c ^= rng.integers(0, 1 << 24, len(a), dtype=np.uint32) >> rng.integers(0, 25, len(a), dtype=np.uint32)
    assert_equal(float32, a, b, c)
