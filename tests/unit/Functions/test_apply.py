"""Every scalar function, Solidity against Python bit for bit, on at least 10^5 cases."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.functions import Fn, apply, arity

CASES = 100_000
BATCH = 4_000

SPECIAL = np.array(
    [0x00000000, 0x80000000, 0x3F800000, 0xBF800000, 0x00000001, 0x80000001, 0x007FFFFF, 0x807FFFFF, 0x00800000,
     0x80800000, 0x7F7FFFFF, 0xFF7FFFFF, 0x7F800000, 0xFF800000, 0x7FC00000, 0x7F800001, 0xFFC12345, 0x7FFFFFFF,
     0xFFFFFFFF, 0x3F000000, 0x3FC00000, 0x40200000, 0xC0200000, 0x4B000000, 0x4B800000, 0x4EFFFFFF, 0x4F000000,
     0xCF000000, 0xCF000001, 0x42B17218, 0x42B20000, 0xC2CFF1B5, 0xC2D20000, 0x1F, 0x20, 0x100, 0x33800000],
    dtype=np.uint32,
)  # fmt: skip


def operands(count: int, seed: int) -> list[np.ndarray]:
    """Random bit patterns, pairs of near exponents, and all pairs of the special words."""
    rng = np.random.default_rng(seed)
    many = [rng.integers(0, 1 << 32, CASES, dtype=np.uint32) for _ in range(count)]
    if count > 1:  # near exponents: cancellation, alignment, ties
        near = slice(0, CASES // 3)
        size = CASES // 3
        shift = rng.integers(-30, 31, size) << 23
        magnitude = np.clip((many[0][near] & 0x7FFFFFFF).astype(np.int64) + shift, 0, 0x7FFFFFFF).astype(np.uint32)
        many[1][near] = (magnitude & ~np.uint32(0xFFF)) | (many[1][near] & np.uint32(0x80000FFF))
        pairs = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1).astype(np.uint32)
        many[0] = np.concatenate([many[0], pairs[0]])
        many[1] = np.concatenate([many[1], pairs[1]])
        many[2:] = [np.concatenate([m, rng.choice(SPECIAL, pairs.shape[1])]) for m in many[2:]]
    else:
        small = rng.uniform(-110, 110, CASES // 2).astype(np.float32).view(np.uint32)
        many[0] = np.concatenate([many[0], small, SPECIAL])
    return many


@pytest.fixture(scope="module")
def harness():
    from tests.evm import Evm

    return Evm().deploy("FunctionsHarness")


@pytest.mark.parametrize("fn", list(Fn), ids=lambda f: f.name)
def test_solidity_equals_python(harness, fn):
    given = operands(arity(fn), int(fn))
    want = apply(fn, *given)
    for first in range(0, len(want), BATCH):
        packed = [g[first : first + BATCH].astype(">u4").tobytes() for g in given]
        out = harness.many(fn, *packed, *[b""] * (3 - len(packed)), gas=1 << 31)
        got = np.frombuffer(out, dtype=">u4").astype(np.uint32)
        wrong = np.flatnonzero(got != want[first : first + BATCH])
        assert not wrong.size, [hex(g[first + wrong[0]]) for g in given] + [
            hex(got[wrong[0]]),
            hex(want[first + wrong[0]]),
        ]


def test_codes_without_meaning_have_no_arity(harness):
    for code in range(256):
        assert harness.arity(code) == arity(code)
