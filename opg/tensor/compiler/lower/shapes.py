"""Operators that move elements by a pattern known at compile time, and those that make constants."""

from __future__ import annotations

from math import prod

import numpy as np

from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import FLOAT, LONG, element_type, words_of
from opg.tensor.compiler.values import (
    Value,
    broadcast,
    check_size,
    common_shape,
    constant,
    narrow,
    permute,
    scalar,
    squeeze,
    unsqueeze,
)
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn


def addresses_of(value: Value) -> np.ndarray:
    """The number of each element, row-major, in the value's shape."""
    return np.arange(value.words, dtype=np.int64).reshape(value.shape)


# ---- constants


@lower("Constant")
def _constant(context: Context) -> list[Value]:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        raw = context.attr(name)
        if raw is not None:
            array = raw if isinstance(raw, np.ndarray) else np.array(raw, np.float32 if "float" in name else np.int64)
            return [constant(array)]
    raise TensorError("is no constant of numbers")


@lower("ConstantOfShape")
def _constant_of_shape(context: Context) -> list[Value]:
    shape = context.integers(0, "the shape")
    check_size(shape)
    fill = context.attr("value")
    fill = np.zeros(1, np.float32) if fill is None else fill
    return [constant(np.broadcast_to(fill.reshape(-1)[:1], shape))]


@lower("Shape")
def _shape(context: Context) -> list[Value]:
    rank = context.x.rank
    start, end = context.attr("start", 0), context.attr("end", rank)
    return [constant(np.array(context.x.shape[slice(start, end)], np.int64))]


@lower("Size")
def _size(context: Context) -> list[Value]:
    return [scalar(context.x.words, LONG)]


@lower("Range")
def _range(context: Context) -> list[Value]:
    start, limit, delta = (context.constant(i, what).reshape(()) for i, what in enumerate(("start", "limit", "delta")))
    if delta == 0:
        raise TensorError("has a step of 0")
    if start.dtype == np.float32:
        count = max(0, int(np.ceil((np.float64(limit) - np.float64(start)) / np.float64(delta))))
        check_size((count,))
        steps = constant(np.arange(count).astype(np.float32))
        build = context.build
        return [build.add(build.mul(steps, constant(delta)), constant(start))]
    count = max(0, -(-(int(limit) - int(start)) // int(delta)))
    check_size((count,))
    return [constant((int(start) + np.arange(count, dtype=np.int64) * int(delta)), str(start.dtype))]


@lower("EyeLike")
def _eye(context: Context) -> list[Value]:
    code = context.attr("dtype")
    dtype = context.x.dtype if code is None else element_type(code, "its result", constant=True)
    if context.x.rank != 2:
        raise TensorError(f"takes a matrix, not shape {list(context.x.shape)}")
    return [constant(np.eye(*context.x.shape, k=context.attr("k", 0)), dtype)]


@lower("BlackmanWindow", "HammingWindow", "HannWindow")
def _window(context: Context) -> list[Value]:
    """Cosines by the machine's own arithmetic."""

    size = int(context.constant(0, "the size").reshape(-1)[0])
    check_size((size,))
    build = context.build
    dtype = element_type(context.attr("output_datatype", 1), "its result", constant=True)
    turns = constant((np.arange(size) * 2).astype(np.float32))
    span = size if context.attr("periodic", 1) else size - 1
    angle = build.mul(build.div(turns, scalar(span, FLOAT)), scalar(np.pi, FLOAT))
    a, b, c = {"BlackmanWindow": (0.42, 0.5, 0.08), "HammingWindow": (25 / 46, 21 / 46, 0.0)}.get(
        context.name, (0.5, 0.5, 0.0)
    )
    out = build.sub(scalar(a, FLOAT), build.fmul(build.one(Fn.COS, angle), b))
    if c:
        out = build.add(out, build.fmul(build.one(Fn.COS, build.fmul(angle, 2)), c))
    return [build.cast(out, dtype)]


# ---- other shapes


@lower("Reshape")
def _reshape(context: Context) -> list[Value]:
    x = context.x
    wanted = context.integers(1, "the shape") if context.given(1) is not None else list(context.attr("shape") or [])
    if not context.attr("allowzero", 0):
        if any(d == 0 and i >= x.rank for i, d in enumerate(wanted)):
            raise TensorError(f"copies an axis that shape {list(x.shape)} does not have")
        wanted = [x.shape[i] if d == 0 else d for i, d in enumerate(wanted)]
    if wanted.count(-1) > 1 or any(d < -1 for d in wanted):
        raise TensorError(f"reshapes to {wanted}")
    if -1 in wanted:
        rest = prod(d for d in wanted if d != -1)
        wanted[wanted.index(-1)] = x.words // rest if rest else 0
    return [context.build.reshape(x, wanted)]


@lower("Flatten")
def _flatten(context: Context) -> list[Value]:
    x = context.x
    axis = context.attr("axis", 1)
    if not -x.rank <= axis <= x.rank:
        raise TensorError(f"axis {axis} of a tensor of rank {x.rank}")
    axis = axis + x.rank if axis < 0 else axis
    return [context.build.reshape(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))]


@lower("Squeeze", "Unsqueeze")
def _squeeze(context: Context) -> list[Value]:
    axes = context.integers(1, "the list of axes")
    axes = context.attr("axes") if axes is None else axes
    x = context.x
    if context.name == "Squeeze":
        gone = [i for i, d in enumerate(x.shape) if d == 1] if axes is None else [context.axis(a) for a in axes]
        for axis in sorted(set(gone), reverse=True):
            x = squeeze(x, axis)
        return [x]
    if axes is None:
        raise TensorError("names no axes")
    rank = x.rank + len(axes)
    for axis in sorted(context.axis(a, rank) for a in axes):
        x = unsqueeze(x, axis)
    return [x]


@lower("Transpose")
def _transpose(context: Context) -> list[Value]:
    order = context.attr("perm")
    order = list(range(context.x.rank))[::-1] if order is None else list(order)
    return [permute(context.x, order)]


@lower("Expand")
def _expand(context: Context) -> list[Value]:
    shape = context.integers(1, "the shape")
    check_size(shape)
    return [broadcast(context.x, common_shape(context.x, Value(tuple(shape), "")))]


@lower("Tile")
def _tile(context: Context) -> list[Value]:
    repeats, x = context.integers(1, "the repeats"), context.x
    if len(repeats) != x.rank or any(r < 0 for r in repeats):
        raise TensorError(f"repeats shape {list(x.shape)} by {repeats}")
    check_size([d * r for d, r in zip(x.shape, repeats, strict=True)])
    wide = x
    for axis in reversed(range(x.rank)):
        wide = unsqueeze(wide, axis)
    pairs = [n for r, d in zip(repeats, x.shape, strict=True) for n in (r, d)]
    return [context.build.reshape(broadcast(wide, pairs), [d * r for d, r in zip(x.shape, repeats, strict=True)])]


# ---- parts


@lower("Slice")
def _slice(context: Context) -> list[Value]:
    x = context.x
    if context.opset < 10:
        starts, ends, axes, steps = context.attr("starts"), context.attr("ends"), context.attr("axes"), None
    else:
        names = ("the starts", "the ends", "the axes", "the steps")
        starts, ends, axes, steps = (context.integers(i + 1, what) for i, what in enumerate(names))
    axes = list(range(len(starts))) if axes is None else [context.axis(a) for a in axes]
    for axis, start, end, step in zip(axes, starts, ends, steps or [1] * len(starts), strict=True):
        if step == 0:
            raise TensorError("has a step of 0")
        found = range(x.shape[axis])[slice(start, end, step)]
        x = narrow(x, axis, found.start, len(found), step)
    return [x]


@lower("Split")
def _split(context: Context) -> list[Value]:
    x, axis = context.x, context.axis(context.attr("axis", 0))
    sizes = context.integers(1, "the list of sizes") or context.attr("split")
    count = len(context.outputs)
    if not sizes:
        part = -(-x.shape[axis] // count)
        sizes = [min(part, x.shape[axis] - i * part) for i in range(count)]
    if sum(sizes) != x.shape[axis] or len(sizes) != count or any(s < 0 for s in sizes):
        raise TensorError(f"splits {x.shape[axis]} elements into {list(sizes)}")
    return [narrow(x, axis, sum(sizes[:i]), size) for i, size in enumerate(sizes)]


@lower("Concat")
def _concat(context: Context) -> list[Value]:
    values = [context.need(i) for i in range(len(context.inputs))]
    axis = context.axis(context.attr("axis", 1))
    shapes = {(*v.shape[:axis], *v.shape[axis + 1 :]) for v in values if v.rank == values[0].rank}
    if len(shapes) != 1 or any(v.rank != values[0].rank or v.dtype != values[0].dtype for v in values):
        raise TensorError(f"joins shapes {', '.join(str(list(v.shape)) for v in values)}")
    return [context.build.concat(values, axis)]


@lower("Pad")
def _pad(context: Context) -> list[Value]:
    build, x, mode = context.build, context.x, context.text("mode", "constant")
    pads = context.integers(1, "the padding") if context.opset >= 11 else list(context.attr("pads"))
    axes = context.integers(3, "the list of axes") if context.opset >= 18 else None
    axes = list(range(x.rank)) if axes is None else [context.axis(a) for a in axes]
    if len(pads) != 2 * len(axes):
        raise TensorError(f"has {len(pads)} paddings for {len(axes)} axes")
    before, after = [0] * x.rank, [0] * x.rank
    for number, axis in enumerate(axes):
        before[axis], after[axis] = pads[number], pads[number + len(axes)]
    if mode == "constant":
        if context.opset >= 11:
            fill = context.constant(2, "the fill") if context.given(2) is not None else np.zeros((), x.dtype)
        else:
            fill = np.float32(context.attr("value", 0.0))
        return [build.pad(x, before, after, int(words_of(np.asarray(fill).astype(x.dtype))[0]))]
    known = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}
    if mode not in known:
        raise TensorError(f"has mode {mode!r}")
    for axis in range(x.rank):  # cropped first
        low, high = max(0, -before[axis]), max(0, -after[axis])
        x = narrow(x, axis, low, max(0, x.shape[axis] - low - high)) if low or high else x
    if x.words == 0:
        raise TensorError("pads what is empty by its own elements")
    amounts = [(max(0, b), max(0, a)) for b, a in zip(before, after, strict=True)]
    check_size([d + b + a for d, (b, a) in zip(x.shape, amounts, strict=True)])
    return [build.take(x, np.pad(addresses_of(x), amounts, mode=known[mode]))]


@lower("CenterCropPad")
def _center(context: Context) -> list[Value]:
    x, shape = context.x, context.integers(1, "the shape")
    axes = context.attr("axes")
    axes = list(range(x.rank)) if axes is None else [context.axis(a) for a in axes]
    before, after = [0] * x.rank, [0] * x.rank
    for axis, wanted in zip(axes, shape, strict=True):
        extra = wanted - x.shape[axis]
        before[axis] = extra // 2 if extra > 0 else -((-extra) // 2)
        after[axis] = extra - before[axis]
    return [context.build.pad(x, before, after)]


@lower("Trilu")
def _trilu(context: Context) -> list[Value]:
    build, x = context.build, context.x
    if x.rank < 2:
        raise TensorError(f"takes matrices, not shape {list(x.shape)}")
    k = context.constant(1, "k")
    k = 0 if k is None else max(-x.shape[-2] - 1, min(int(k.reshape(-1)[0]), x.shape[-1] + 1))
    ones = np.ones(x.shape[-2:], np.bool_)
    if x.words == 0:
        return [x]
    kept = np.triu(ones, k) if context.attr("upper", 1) else np.tril(ones, k)
    return [build.where(constant(kept), x, scalar(0, x.dtype))]


@lower("DepthToSpace", "SpaceToDepth")
def _depth(context: Context) -> list[Value]:
    build, x, block = context.build, context.x, context.attr("blocksize")
    if x.rank != 4:
        raise TensorError(f"takes four axes, not shape {list(x.shape)}")
    n, c, h, w = x.shape
    if context.name == "SpaceToDepth":
        parts = build.reshape(x, (n, c, h // block, block, w // block, block))
        order = [0, 3, 5, 1, 2, 4] if context.text("mode", "DCR") == "DCR" else [0, 1, 3, 5, 2, 4]
        return [build.reshape(permute(parts, order), (n, c * block * block, h // block, w // block))]
    if context.text("mode", "DCR") == "DCR":
        parts = permute(build.reshape(x, (n, block, block, c // block**2, h, w)), [0, 3, 4, 1, 5, 2])
    else:
        parts = permute(build.reshape(x, (n, c // block**2, block, block, h, w)), [0, 1, 4, 2, 5, 3])
    return [build.reshape(parts, (n, c // block**2, h * block, w * block))]


@lower("ReverseSequence")
def _reverse_sequence(context: Context) -> list[Value]:
    x, lengths = context.x, context.given(1)
    batch, time = context.attr("batch_axis", 1), context.attr("time_axis", 0)
    order = [batch, time, *(a for a in range(x.rank) if a not in (batch, time))]
    source = permute(x, order)
    build, size = context.build, x.shape[time]
    if lengths is not None and lengths.is_constant:
        numbers = addresses_of(source).copy()
        for row, length in enumerate(lengths.array.reshape(-1)):
            numbers[row, :length] = numbers[row, :length][::-1]
        out = build.take(source, numbers)
    else:  # position p of a row of length n reads n - 1 - p, or p beyond it
        source = build.dense(source)
        places = constant(np.arange(size, dtype=np.int32))
        length = build.cast(unsqueeze(context.need(1), 1), "int32")
        flipped = build.sub(build.fadd(length, -1), places)
        at = build.where(build.less(places, length), flipped, broadcast(places, flipped.shape))
        for axis in range(2, source.rank):
            at = unsqueeze(at, axis)
        at = broadcast(at, source.shape)
        strides = source.strides
        out = build.pick(source, [strides[0], 0, *strides[2:]], source.base, at, strides[1], size)
    return [permute(out, [order.index(a) for a in range(x.rank)])]


@lower("Col2Im")
def _col2im(context: Context) -> list[Value]:
    """Sums the columns that fall on each element."""

    build, x = context.build, context.x
    size, block = context.integers(1, "the image's shape"), context.integers(2, "the block's shape")
    rank = len(size)
    dilations, strides = context.attr("dilations") or [1] * rank, context.attr("strides") or [1] * rank
    pads = context.attr("pads") or [0] * (2 * rank)
    n, channels = x.shape[0], x.shape[1] // prod(block)
    counts = [
        (size[a] + pads[a] + pads[a + rank] - dilations[a] * (block[a] - 1) - 1) // strides[a] + 1 for a in range(rank)
    ]
    # for each element and each place in the block: the column that falls there, or none
    column = np.zeros([1] * (2 * rank), np.int64)
    inside = np.ones([1] * (2 * rank), bool)
    for a in range(rank):
        shift = np.arange(size[a])[:, None] + pads[a] - np.arange(block[a])[None, :] * dilations[a]
        at = shift // strides[a]
        good = (shift % strides[a] == 0) & (at >= 0) & (at < counts[a])
        shape = [1] * (2 * rank)
        shape[a], shape[rank + a] = size[a], block[a]
        column = column + at.reshape(shape) * prod(counts[a + 1 :])
        inside = inside & good.reshape(shape)
    place = np.arange(prod(block)).reshape([1] * rank + list(block))
    address = np.where(inside, place * prod(counts) + column, -1)
    plane = prod(block) * prod(counts)
    planes = (np.arange(n * channels) * plane).reshape(n, channels, *[1] * (2 * rank))
    everything = np.where(address[None, None] < 0, -1, planes + address)
    parts = build.take(x, everything)
    fn = Fn.ADD if x.dtype == FLOAT else Fn.IADD
    return [build.reduce(fn, parts, list(range(2 + rank, 2 + 2 * rank)))]
