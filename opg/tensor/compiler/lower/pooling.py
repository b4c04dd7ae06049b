"""Pooling: folds over windows, in channels-last tensors."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from opg.tensor.compiler.lower.convolution import Window, channels_last, window_of
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import FLOAT, INT, LONG
from opg.tensor.compiler.values import Value, constant, permute, windows
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn
from opg.tensor.program import ARGMAX, IARGMAX

MAX_WINDOW = 25  # elements of a window that are folded in one op; a larger one goes axis by axis


def _pooled(context: Context, x: Value, window: Window, fn: Fn, fill: int) -> Value:
    """Folds each window of x [n, c, s…] → [n, c, o…]."""
    build, rank = context.build, len(window.kernel)
    padded = channels_last(build, x, window, fill)
    if prod(window.kernel) > MAX_WINDOW:
        for axis in range(rank):
            spread = windows(padded, 2 + axis, window.out[axis], window.kernel[axis],
                             window.strides[axis], window.dilations[axis])  # fmt: skip
            padded = build.reduce(fn, spread, [3 + axis])
        return padded
    return build.reduce(fn, _spread(padded, window), [2 + rank + a for a in range(rank)])


def _spread(padded: Value, window: Window) -> Value:
    """[n, c, o…, k…]."""
    rank = len(window.kernel)
    for axis in range(rank):
        padded = windows(padded, 2 + 2 * axis, window.out[axis], window.kernel[axis],
                         window.strides[axis], window.dilations[axis])  # fmt: skip
    return permute(padded, [0, 1, *(2 + 2 * a for a in range(rank)), *(3 + 2 * a for a in range(rank))])


def _window(context: Context) -> Window:
    if not 3 <= context.x.rank <= 5:
        raise TensorError(f"pools shape {list(context.x.shape)}; 1 to 3 spatial axes are supported")
    return window_of(context, context.x.shape[2:], context.attr("kernel_shape"), bool(context.attr("ceil_mode", 0)))


@lower("MaxPool")
def _max_pool(context: Context) -> list[Value]:
    build, x, window = context.build, context.x, _window(context)
    floats = x.dtype == FLOAT
    if x.dtype == "uint32":
        raise TensorError("does not take uint32")
    fn, fill = (Fn.MAX, 0xFF800000) if floats else (Fn.IMAX, 0x80000000)
    narrow_x = x.typed(x.dtype if floats else INT)
    y = build.wrap(_pooled(context, narrow_x, window, fn, fill), x.dtype)
    if not context.wants(1):
        return [y]
    if prod(window.kernel) > MAX_WINDOW * 40:
        raise TensorError(f"has a window of {list(window.kernel)}, which is too large for its second output")
    rank = len(window.kernel)
    spread = _spread(channels_last(build, narrow_x, window, fill), window)
    flat = build.reshape(spread, (*spread.shape[: 2 + rank], prod(window.kernel)))
    at = build.argument(ARGMAX if floats else IARGMAX, flat, flat.rank - 1)  # the position in the window
    return [y, _positions(context, at, window)]


def _positions(context: Context, at: Value, window: Window) -> Value:
    """Positions within windows as positions in the whole input."""
    build, x = context.build, context.x
    size = list(x.shape[2:])
    if context.attr("storage_order", 0):
        weights = [prod(size[:a]) for a in range(len(size))]
    else:
        weights = [prod(size[a + 1 :]) for a in range(len(size))]
    inner = np.zeros(window.kernel, np.int64)
    start = np.zeros(window.out, np.int64)
    for axis, weight in enumerate(weights):
        inner += (np.indices(window.kernel)[axis] * window.dilations[axis]) * weight
        start += (np.indices(window.out)[axis] * window.strides[axis] - window.before[axis]) * weight
    planes = (np.arange(x.shape[0] * x.shape[1]) * prod(size)).reshape(x.shape[0], x.shape[1], *[1] * len(size))
    table = constant(inner.reshape(-1))
    offset = build.pick(table, [0] * at.rank, 0, at, 1, inner.size)
    return build.add(build.add(offset, constant(start)), constant(planes)).typed(LONG)


def _ones(window: Window, size: tuple[int, ...], pads: bool) -> np.ndarray:
    """How many elements each window counts: those of the input, or of the padding that is asked for too."""
    count = np.ones((), np.int64)
    for axis, length in enumerate(size):
        first = np.arange(window.out[axis]) * window.strides[axis] - window.before[axis]
        at = first[:, None] + np.arange(window.kernel[axis]) * window.dilations[axis]
        low, high = (-window.before[axis], length + window.after[axis]) if pads else (0, length)
        count = np.multiply.outer(count, ((at >= low) & (at < high)).sum(1))
    return count


@lower("AveragePool")
def _average_pool(context: Context) -> list[Value]:
    build, x, window = context.build, context.x, _window(context)
    build.floats(x)
    total = _pooled(context, x, window, Fn.ADD, 0)
    count = _ones(window, x.shape[2:], bool(context.attr("count_include_pad", 0)))
    return [build.div(total, constant(np.maximum(count, 1).astype(np.float32)))]


@lower("LpPool")
def _lp_pool(context: Context) -> list[Value]:
    window = _window(context)
    return [_norm(context, lambda powers: _pooled(context, powers, window, Fn.ADD, 0))]


def _norm(context: Context, total: Callable[[Value], Value]) -> Value:
    build, x, p = context.build, context.x, context.attr("p", 2)
    build.floats(x)
    if p == 1:
        return total(build.absolute(x))
    if p == 2:
        return build.sqrt(total(build.mul(x, x)))
    powers = build.map(Fn.POW, FLOAT, build.absolute(x), constant(np.float32(p)))
    return build.map(Fn.POW, FLOAT, total(powers), constant(np.float32(1 / p)))


@lower("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global(context: Context) -> list[Value]:
    build, x = context.build, context.x
    axes = list(range(2, x.rank))
    if context.name == "GlobalLpPool":
        return [_norm(context, lambda powers: build.reduce(Fn.ADD, powers, axes, True))]
    build.floats(x)
    return [build.mean(x, axes) if context.name == "GlobalAveragePool" else build.reduce(Fn.MAX, x, axes, True)]
