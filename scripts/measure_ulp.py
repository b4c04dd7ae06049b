"""Measures the error of the composed functions on every one of the 2^32 words, and writes docs/functions-ulp.md.

    python scripts/measure_ulp.py            all of them, about an hour on one core
    python scripts/measure_ulp.py EXP LOG    some of them; the table is then only printed

The error is the distance of the result from the value of the function, in units in the last place: the distance of
neighbouring binary32 numbers where the value lies. A result that is rounded correctly is at most 0.5 away. The value is
a binary64 from numpy or scipy, itself within about 10⁻⁸ of such units.
"""

import sys
import time
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
OUT = Path(__file__).resolve().parent.parent / "docs" / "functions-ulp.md"
BEYOND = 2.0**128  # infinity counts as the number that would come after the greatest


def ulps(words: Words, value: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far results are from binary64 values, in units in the last place; infinite where only one of them is NaN."""
    with np.errstate(all="ignore"):
        got = np.clip(words.view(np.float32).astype(np.float64), -BEYOND, BEYOND)
        value = np.clip(value, -BEYOND, BEYOND)
        binade = (value.view(np.uint64) & np.uint64(0x7FF << 52)).view(np.float64)
        error = np.abs(got - value) / np.clip(binade * 2.0**-23, 2.0**-149, 2.0**104)
    error[np.isnan(error)] = np.inf
    error[np.isnan(got) & np.isnan(value)] = 0
    return error


def value_of(fn: Fn, *operands: Words) -> NDArray[np.float64]:
    """The binary64 reference of a function at words."""
    with np.errstate(all="ignore"):
        reference = np.power if fn == Fn.POW else REFERENCES[fn]
        return reference(*(x.view(np.float32).astype(np.float64) for x in operands))


def measure(fn: Fn) -> tuple[float, int, float]:
    """(largest error, word where it occurs, share of results that are not rounded correctly) over all words."""
    worst, where, inexact = 0.0, 0, 0
    started = time.monotonic()
    for first in range(0, 1 << 32, CHUNK):
        x = np.arange(first, first + CHUNK, dtype=np.uint32)
        error = ulps(apply(fn, x), value_of(fn, x))
        at = int(error.argmax())
        if error[at] > worst:
            worst, where = float(error[at]), first + at
        inexact += int(np.count_nonzero(error > 0.5))
        if first % (1 << 28) == 0 and first:
            done = first / 2**32
            left = (time.monotonic() - started) * (1 / done - 1)
            print(f"{fn.name} {done:.0%}, {left:.0f} s left, worst {worst:.4f} at 0x{where:08x}", flush=True)
    return worst, where, inexact / 2**32


def main() -> None:
    chosen = [Fn[name] for name in sys.argv[1:]] or list(REFERENCES)
    lines = [
        "# Error of the composed functions, over all 2³² words",
        "",
        "Written by `scripts/measure_ulp.py`. The error is in units in the last place of the exact value; a correctly",
        "rounded result has at most 0.5. Operations that IEEE-754 determines are rounded correctly by definition.",
        "",
        "| function | largest error | at | results not rounded correctly |",
        "|---|---|---|---|",
    ]
    for fn in chosen:
        worst, where, inexact = measure(fn)
        x = np.array([where], dtype=np.uint32).view(np.float32)[0]
        lines.append(f"| {fn.name} | {worst:.4f} | `0x{where:08x}` ({x:.9g}) | {inexact:.3%} |")
        print(lines[-1], flush=True)
    if len(chosen) == len(REFERENCES):
        OUT.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
