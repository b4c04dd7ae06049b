"""Sampling at computed places, and unpooling."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from opg.tensor.compiler.lower.indexing import write_rows
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import BOOL, FLOAT, INT
from opg.tensor.compiler.values import Value, broadcast, constant, index, layout, scalar, strides_of, unsqueeze
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn

CUBIC = -0.75
Tap = tuple[Value, Value | None, Value | None]  # place (int32), weight, whether it is inside


def _clamp(build: Ops, x: Value, low: float, high: float) -> Value:
    return build.minimum(build.maximum(x, build.number(low, x)), build.number(high, x))


def _reflect(build: Ops, x: Value, low: float, high: float) -> Value:
    """A float coordinate, mirrored at both ends as often as it takes."""
    if high <= low:
        return build.fmul(x, 0.0) if high == low == 0 else broadcast(scalar(low, FLOAT), x.shape)
    span = high - low
    below, above = build.less(x, scalar(low, FLOAT)), build.less(scalar(high, FLOAT), x)
    beyond = build.where(below, build.sub(scalar(low, FLOAT), x), build.fadd(x, -high))
    turns = build.map(Fn.TRUNC, FLOAT, build.fdiv(beyond, span))
    rest = build.sub(beyond, build.fmul(turns, span))
    odd = build.cast(build.map(Fn.AND, INT, build.cast(turns, INT), scalar(1, INT)), BOOL)
    from_low = build.map(Fn.XOR, BOOL, below, odd)
    mirrored = build.where(from_low, build.fadd(rest, low), build.sub(scalar(high, FLOAT), rest))
    return build.where(build.either(below, above), mirrored, x)


def _taps(build: Ops, x: Value, size: int, mode: str, padding: str, border: tuple[float, float]) -> list[Tap]:
    """The places along one axis that are read for a coordinate, with their weights."""
    if mode == "nearest":
        x = build.map(Fn.ROUND, FLOAT, x)
    if padding == "border":
        x = _clamp(build, x, 0, size - 1)
    elif padding == "reflection":
        x = _reflect(build, x, *border)
    if mode == "nearest":
        places, weights = [x], [None]
    else:
        first = build.map(Fn.FLOOR, FLOAT, x)
        part = build.sub(x, first)
        rest = build.sub(scalar(1, FLOAT), part)
        if mode == "linear":
            places, weights = [first, build.fadd(first, 1)], [rest, part]
        else:
            places = [build.fadd(first, offset) for offset in (-1, 0, 1, 2)]
            weights = [_far(build, build.fadd(part, 1)), _near(build, part), _near(build, rest),
                       _far(build, build.fadd(rest, 1))]  # fmt: skip
    found: list[Tap] = []
    for place, weight in zip(places, weights, strict=True):
        inside = None
        if padding == "zeros":
            high = build.less(place, scalar(size, FLOAT))
            inside = build.both(high, build.less(scalar(-1, FLOAT), place))
        else:
            place = _clamp(build, place, 0, size - 1) if padding == "border" else _reflect(build, place, *border)
        found.append((build.cast(place, INT), weight, inside))
    return found


def _near(build: Ops, x: Value) -> Value:
    """Keys' kernel for |x| ≤ 1."""
    slope = build.fadd(build.fmul(x, CUBIC + 2), -(CUBIC + 3))
    return build.fadd(build.mul(build.mul(slope, x), x), 1)


def _far(build: Ops, x: Value) -> Value:
    """Keys' kernel for 1 ≤ |x| ≤ 2."""
    inner = build.fadd(build.mul(build.fadd(build.fmul(x, CUBIC), -5 * CUBIC), x), 8 * CUBIC)
    return build.fadd(build.mul(inner, x), -4 * CUBIC)


@lower("GridSample")
def _grid_sample(context: Context) -> list[Value]:
    build, x, grid = context.build, context.need(0), context.need(1)
    build.floats(x, grid)
    rank, dims = x.rank - 2, x.shape[2:]
    if rank not in (2, 3) or grid.rank != x.rank or grid.shape[-1] != rank:
        raise TensorError(f"samples shape {list(x.shape)} at a grid of shape {list(grid.shape)}")
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(
        context.text("mode", "linear"), context.text("mode", "linear")
    )
    padding, align = context.text("padding_mode", "zeros"), context.attr("align_corners", 0)
    if mode not in ("nearest", "linear", "cubic") or padding not in ("zeros", "border", "reflection"):
        raise TensorError(f"has mode {mode!r} and padding_mode {padding!r}")
    axes = []
    for axis, size in enumerate(dims):
        part = build.fadd(index(grid, grid.rank - 1, rank - 1 - axis), 1)
        at = (
            build.fmul(build.fmul(part, 0.5), size - 1)
            if align
            else build.fmul(build.fadd(build.fmul(part, size), -1), 0.5)
        )
        border = (0.0, size - 1.0) if align else (-0.5, size - 0.5)
        axes.append(_taps(build, at, size, mode, padding, border))
    x = build.dense(x)
    strides, base = layout(x)
    shape = (*x.shape[:2], *grid.shape[1:-1])
    total: Value | None = None
    for taps in product(*axes):
        place, weight, inside = constant(np.int32(0)), None, None
        for (at, w, good), step in zip(taps, strides_of(dims), strict=True):
            place = build.add(place, build.fmul(at, step))
            weight = w if weight is None or w is None else build.mul(weight, w)
            inside = good if inside is None or good is None else build.both(inside, good)
        spread = broadcast(unsqueeze(place, 1), shape)
        value = build.pick(x, [*strides[:2], *[0] * rank], base, spread, 1, prod(dims))
        if inside is not None:
            value = build.where(unsqueeze(inside, 1), value, scalar(0, FLOAT))
        value = value if weight is None else build.mul(value, unsqueeze(weight, 1))
        total = value if total is None else build.add(total, value)
    return [total]


@lower("MaxUnpool")
def _max_unpool(context: Context) -> list[Value]:
    build, x, at = context.build, context.need(0), context.need(1)
    rank = x.rank - 2
    kernel = context.attr("kernel_shape")
    strides, pads = context.attr("strides") or [1] * rank, context.attr("pads") or [0] * (2 * rank)
    size = [(x.shape[2 + a] - 1) * strides[a] + kernel[a] - pads[a] - pads[a + rank] for a in range(rank)]
    inferred = (*x.shape[:2], *size)
    wanted = context.integers(2, "the shape")
    zeros = constant(np.zeros(inferred, np.float32), x.dtype)
    out = write_rows(build, zeros, build.cast(at, INT), x, "none")
    if wanted is not None:
        out = build.pad(out, [0] * x.rank, [w - d for w, d in zip(wanted, inferred, strict=True)])
    return [out]
