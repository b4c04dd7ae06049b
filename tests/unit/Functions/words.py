"""Operand words that reach every path of the arithmetic."""

from __future__ import annotations

import numpy as np

from opg.tensor.functions import Fn, Words
from tests.conftest import DEEP

CASES = 1_000_000 if DEEP else 100_000
BATCH = 4_000
SIGN = np.uint32(0x80000000)

EXPONENTS = [0, 1, 2, 3, 24, 25, 26, 27, 100, 101, 126, 127, 128, 150, 151, 227, 228, 229, 252, 253, 254, 255]

SPECIAL = np.array(
    [
        *(0x00000000, 0x3F800000, 0x3F000000, 0x40000000, 0x40400000, 0x3FC00000, 0x40200000),  # 0, 1, ½, 2, 3, 1½, 2½
        *(0x00000001, 0x00000002, 0x007FFFFF, 0x00800000, 0x00800001, 0x01000000, 0x0D000000),  # around the subnormals
        *(0x7F7FFFFF, 0x7F000000, 0x7EFFFFFF, 0x7F800000, 0x7F800001, 0x7FC00000, 0x7FFFFFFF),  # to infinity, and NaNs
        *(0x3F7FFFFF, 0x3F800001, 0x33800000, 0x34000000, 0x3EFFFFFF, 0x3F000001),  # neighbours of 1 and ½, last places
        *(0x4AFFFFFF, 0x4B000000, 0x4B7FFFFF, 0x4B800000, 0x4EFFFFFF, 0x4F000000),  # 2^23, 2^24, 2^31
        *(0x42B17217, 0x42B17218, 0x42B20000, 0x42CFF1B5, 0x42D20000, 0x3F200000, 0x3F600000),  # ends of exp, tanh, erf
        *(
            0x3F490FDA,
            0x3F490FDB,
            0x3FC90FDB,
            0x40490FDB,
            0x7B2D7C4D,
            0x0000001F,
            0x00000020,
        ),  # multiples of π/4; shifts
    ],
    dtype=np.uint32,
)
SPECIAL = np.concatenate([SPECIAL, SPECIAL | SIGN])
# where the last bit of a polynomial's first coefficient decides: of exp, log, tanh, both of erf, sin, cos
FIRST_COEFFICIENT = np.array(
    [0x4100042F, 0x401E0E07, 0x3FB20FEB, 0x3FB71E99, 0x3F15D2E9, 0x3F154B50, 0x3F4FB5C3, 0x3F5C1876, 0x3F7B9587, 0x3FC4439E,
     0x40773E8B, 0x40B1EB7F, 0x41553FE6, 0x40DE5CB1],
    dtype=np.uint32,
)  # fmt: skip


def words(floats: np.ndarray) -> Words:
    return floats.astype(np.float32).view(np.uint32)


def operands(fn: int, count: int, seed: int = 0) -> list[Words]:
    """At least 10^5 operands of a function, every pair of special words among them.

    Five parts of equal size: random bits; magnitudes that differ by up to 2^30; the same with few bits, so that sums and
    products fall half-way between two floats; exponents where the arithmetic changes its ways; and numbers of the size
    that the function is interesting for.
    """
    rng = np.random.default_rng([fn, seed])
    size = CASES // 5
    bits = [rng.integers(0, 1 << 32, size, dtype=np.uint32) for _ in range(count)]
    base = rng.integers(0, 1 << 31, size)
    near = [
        (np.clip(base + (rng.integers(-30, 31, size) << 23), 0, 0x7FFFFFFF) & ~0x7FFFFF).astype(np.uint32)
        | rng.integers(0, 1 << 23, size, dtype=np.uint32)
        | (rng.integers(0, 2, size, dtype=np.uint32) << np.uint32(31))
        for _ in range(count)
    ]
    short = [x & ~np.uint32((1 << 11) - 1) for x in near]
    edges = [
        (x & ~np.uint32(0x7F800000)) | (rng.choice(EXPONENTS, size).astype(np.uint32) << np.uint32(23)) for x in bits
    ]
    usual = _usual(fn, count, size, rng)
    return [np.concatenate(parts) for parts in zip(bits, near, short, edges, usual, _pairs(count), strict=True)]


def _usual(fn: int, count: int, size: int, rng: np.random.Generator) -> list[Words]:
    if fn in (Fn.SHL, Fn.SHR, Fn.SAR):
        return [rng.integers(0, 1 << 32, size, dtype=np.uint32), rng.integers(0, 40, size, dtype=np.uint32)]
    if Fn.IADD <= fn <= Fn.SAR:
        return [rng.integers(-300, 300, size).astype(np.int32).view(np.uint32) for _ in range(count)]
    if fn == Fn.POW:
        x = rng.uniform(0.01, 4, size).astype(np.float32)
        y = rng.uniform(-150, 130, size) / np.log2(x)
        whole = rng.random(size) < 0.5
        return [words(np.where(whole, -x, x)), words(np.where(whole, np.clip(np.rint(y), -60, 60), y))]
    if fn == Fn.I2F:
        return [(rng.integers(0, 1 << 32, size) >> rng.integers(0, 32, size)).astype(np.uint32)]
    if Fn.FLOOR <= fn <= Fn.TRUNC:
        return [words(rng.integers(-4000, 4000, size) * 0.25)]
    return [words(rng.uniform(-1, 1, size) * rng.choice([1, 4, 20, 110], size)) for _ in range(count)]


def _pairs(count: int) -> list[Words]:
    if count == 1:
        return [np.concatenate([SPECIAL, FIRST_COEFFICIENT])]
    a, b = (x.reshape(-1) for x in np.meshgrid(SPECIAL, SPECIAL))
    return [a, b, np.roll(a, 7)][:count]
