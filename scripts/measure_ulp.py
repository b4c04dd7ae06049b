"""Measures the error of the composed functions on every one of the 2^32 words, and writes docs/functions-ulp.md.

    python -m scripts.measure_ulp            all of them, about 20 minutes on one core
    python -m scripts.measure_ulp EXP LOG    some of them; their rows are then only printed

The error is the distance of the result from the value of the function, in units in the last place: the distance of
neighbouring binary32 numbers where the value lies. A result that is rounded correctly is at most 0.5 away. The value is
a binary64 from numpy or scipy. POW has two operands: it is measured on `PAIRS` random pairs instead.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import special

from opg.tensor.functions import Fn, Words, apply

REFERENCES = {
    Fn.EXP: np.exp,
    Fn.LOG: np.log,
    Fn.TANH: np.tanh,
    Fn.ERF: special.erf,
    Fn.SIGMOID: special.expit,
    Fn.SIN: np.sin,
    Fn.COS: np.cos,
}
CHUNK = 1 << 16
PAIRS = 1 << 28
OUT = Path(__file__).resolve().parent.parent / "docs" / "functions-ulp.md"
BEYOND = 2.0**128  # infinity counts as the number that would come after the greatest
# binary64 libraries are within 4 of their own units, 2^-29 of ours, of the true value
REFERENCE_ERROR = 4 * 2.0**-29

HEAD = """# Error of the composed functions

Written by `python -m scripts.measure_ulp`, over all 2³² words for the functions of one operand and over {pairs:,} random pairs for POW
(x and y of every size; half of them with finite powers that are not 0). Operations that IEEE-754 determines are rounded correctly by definition.

- *Largest error*: distance from the exact value, in units in the last place of that value; a correctly rounded result has at most 0.5. The exact
  value is stood for by a binary64, which is within 10⁻⁸ of such units.
- *1 off*, *2 off*: results that are the next float, or the one after it, to the correctly rounded one. More than 2 off: none.
- *Undecided*: the binary64 is so near to the middle of two floats that it does not show which is the correct one. They count as correct when the
  result is one of the two. (Mostly arguments near 0, where 1 + x or ½ + x/4 is a tie but for a term that no binary64 holds.)

| function | largest error | at | 1 off | 2 off | undecided |
|---|---|---|---|---|---|
"""


def ulps(words: Words, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far results are from binary64 values, in units in the last place; infinite where only one of them is NaN."""
    with np.errstate(all="ignore"):
        got = np.clip(words.view(np.float32).astype(np.float64), -BEYOND, BEYOND)
        value = np.clip(value, -BEYOND, BEYOND)
        error = np.abs(got - value) / _unit(value)
    error[np.isnan(error)] = np.inf
    error[np.isnan(got) & np.isnan(value)] = 0
    return error


def _unit(value: NDArray[np.float64]) -> NDArray[np.float64]:
    """One unit in the last place of the binary32 numbers around a value."""
    binade = (value.view(np.uint64) & np.uint64(0x7FF << 52)).view(np.float64)
    return np.clip(binade * 2.0**-23, 2.0**-149, 2.0**104)


def undecided(value: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Where a value is within its own error of the middle of two floats."""
    with np.errstate(all="ignore"):
        value = np.clip(value, -BEYOND, BEYOND)
        places = np.abs(value) / _unit(value)
        return np.abs(places - np.floor(places) - 0.5) <= REFERENCE_ERROR


def steps_off(words: Words, value: NDArray[np.float64]) -> NDArray[np.int64]:
    """How many floats lie between results and the correctly rounded ones, where neither is NaN."""
    with np.errstate(all="ignore"):
        right = value.astype(np.float32).view(np.uint32)
    off = np.abs(_line(words) - _line(right))
    return np.where(np.isnan(value), 0, off)


def _line(words: Words) -> NDArray[np.int64]:
    """Floats as integers in their order, both zeros as 0."""
    magnitude = (words & np.uint32(0x7FFFFFFF)).astype(np.int64)
    return np.where(words >> np.uint32(31), -magnitude, magnitude)


def value_of(fn: Fn, *operands: Words) -> NDArray[np.float64]:
    """The binary64 reference of a function at words."""
    with np.errstate(all="ignore"):
        reference = np.power if fn == Fn.POW else REFERENCES[fn]
        return reference(*(x.view(np.float32).astype(np.float64) for x in operands))


def operands_of(fn: Fn) -> Iterator[list[Words]]:
    """Everything that a function is measured on, in chunks."""
    if fn != Fn.POW:
        for first in range(0, 1 << 32, CHUNK):
            yield [np.arange(first, first + CHUNK, dtype=np.uint32)]
        return
    rng = np.random.default_rng(2026)
    for _ in range(PAIRS // (2 * CHUNK)):
        yield [rng.integers(0, 1 << 32, CHUNK, dtype=np.uint32) for _ in range(2)]
        x = rng.integers(1, 0x7F800000, CHUNK, dtype=np.uint32)  # a positive base; the power between 2^-150 and 2^129
        with np.errstate(divide="ignore"):
            y = rng.uniform(-150, 129, CHUNK) / np.log2(x.view(np.float32).astype(np.float64))
        yield [x, np.clip(y, -3e38, 3e38).astype(np.float32).view(np.uint32)]


@dataclass
class Errors:
    """What was found: the largest error and its operands, and how often results are off by so many floats."""

    worst: float = 0.0
    where: tuple[int, ...] = ()
    one: int = 0
    two: int = 0
    more: int = 0
    undecided: int = 0
    count: int = 0


def measure(fn: Fn) -> Errors:
    """Runs a function over all that it is measured on."""
    found, started = Errors(), time.monotonic()
    total = PAIRS if fn == Fn.POW else 1 << 32
    for given in operands_of(fn):
        words, value = apply(fn, *given), value_of(fn, *given)
        error, off, open_ = ulps(words, value), steps_off(words, value), undecided(value)
        at = int(error.argmax())
        if error[at] > found.worst:
            found.worst, found.where = float(error[at]), tuple(int(x[at]) for x in given)
        off -= open_ & (off == 1)
        found.undecided += int(np.count_nonzero(open_))
        found.one += int(np.count_nonzero(off == 1))
        found.two += int(np.count_nonzero(off == 2))
        found.more += int(np.count_nonzero(off > 2))
        found.count += len(words)
        if found.count % (total >> 3) == 0:
            left = (time.monotonic() - started) * (total / found.count - 1)
            print(f"{fn.name} {found.count / total:.0%}, {left:.0f} s left, {found}", file=sys.stderr, flush=True)
    return found


def row(fn: Fn, found: Errors) -> str:
    """One line of the table."""
    at = ", ".join(f"`{w:08x}` ({np.array([w], dtype=np.uint32).view(np.float32)[0]:.9g})" for w in found.where)
    one, two = found.one / found.count, found.two / found.count
    return f"| {fn.name} | {found.worst:.4f} | {at} | {one:.4%} | {two:.6%} | {found.undecided:,} |"


def main() -> int:
    everything = [*REFERENCES, Fn.POW]
    chosen = [Fn[name] for name in sys.argv[1:]] or everything
    rows, refused = [], []
    for fn in chosen:
        found = measure(fn)
        rows.append(row(fn, found))
        print(rows[-1], flush=True)
        if found.more or found.worst > 2:
            refused.append(fn.name)
    if refused:
        print(f"more than two units in the last place: {', '.join(refused)}; the table is not written", file=sys.stderr)
        return 1
    if chosen == everything:
        OUT.write_text(HEAD.format(pairs=PAIRS) + "\n".join(rows) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
