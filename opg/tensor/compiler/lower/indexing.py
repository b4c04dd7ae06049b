"""Operators that read or write at indices, known at compile time or computed."""

from __future__ import annotations

from math import prod

import numpy as np

from opg.tensor.compiler.lower.shapes import addresses_of
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower, refuse
from opg.tensor.compiler.types import INT
from opg.tensor.compiler.values import Value, broadcast, constant, index, layout, narrow, permute, scalar, unsqueeze
from opg.tensor.errors import TensorError

MAX_UPDATES = 256  # rows that are written at places computed at run time

refuse("gives as many elements as the data happen to have; shapes are known at compile time",
       "Compress", "NonMaxSuppression", "NonZero", "Unique")  # fmt: skip


def positive(build: Ops, at: Value, length: int) -> Value:
    """Indices that count from the end when negative, as ones that do not."""
    if at.is_constant:
        wide = at.array.astype(np.int64)
        if wide.size and (wide.min() < -length or wide.max() >= length):
            raise TensorError(f"reads index {int(wide.min())} … {int(wide.max())} of {length} elements")
        return constant(np.where(wide < 0, wide + length, wide))
    at = build.cast(at, INT)
    below = build.less(at, scalar(0, INT))
    return build.where(below, build.fadd(at, length), at)


def gather(build: Ops, x: Value, at: Value, axis: int) -> Value:
    """x at indices along an axis; the indices' axes take its place. Known indices are not negative."""
    size = x.shape[axis]
    shape = (*x.shape[:axis], *at.shape, *x.shape[axis + 1 :])
    if at.is_constant:
        if at.rank == 0:
            return index(x, axis, int(at.array))
        if x.is_constant:
            return constant(np.take(x.array, at.array, axis))
        steps = np.diff(at.array.reshape(-1))
        regular = at.rank == 1 and at.words and (not steps.size or (steps[0] != 0 and (steps == steps[0]).all()))
        if regular:
            return narrow(x, axis, int(at.array[0]), at.words, int(steps[0]) if steps.size else 1)
    if x.words == 0 or at.words == 0:
        return constant(np.zeros(shape, x.dtype))
    strides, base = layout(x)
    for _ in range(x.rank - 1 - axis):
        at = unsqueeze(at, at.rank)
    coefs = [*strides[:axis], *[0] * (len(shape) - x.rank + 1), *strides[axis + 1 :]]
    return build.pick(x, coefs, base, broadcast(at, shape), strides[axis], size)


@lower("Gather")
def _gather(context: Context) -> list[Value]:
    build, x, at = context.build, context.need(0), context.need(1)
    axis = context.axis(context.attr("axis", 0))
    return [gather(build, x, positive(build, at, x.shape[axis]), axis)]


@lower("GatherElements")
def _gather_elements(context: Context) -> list[Value]:
    build, x, at = context.build, context.need(0), context.need(1)
    axis = context.axis(context.attr("axis", 0))
    at = positive(build, at, x.shape[axis])
    if at.rank != x.rank:
        raise TensorError(f"reads shape {list(x.shape)} at indices of shape {list(at.shape)}")
    if at.is_constant:
        where = list(np.indices(at.shape))
        where[axis] = at.array
        return [build.take(x, addresses_of(x)[tuple(where)])]
    strides, base = layout(x)
    coefs = [0 if a == axis else s for a, s in enumerate(strides)]
    return [build.pick(x, coefs, base, at, strides[axis], x.shape[axis])]


def _flat(build: Ops, at: Value, shape: tuple[int, ...]) -> Value:
    """Index tuples along the last axis as one number: the row-major place in `shape`."""
    total: Value | None = None
    for number, length in enumerate(shape):
        part = build.cast(positive(build, index(at, at.rank - 1, number), length), INT)
        part = build.fmul(part, prod(shape[number + 1 :]))
        total = part if total is None else build.add(total, part)
    return total if total is not None else constant(np.zeros(at.shape[:-1], np.int32))


@lower("GatherND")
def _gather_nd(context: Context) -> list[Value]:
    build, x, at = context.build, context.need(0), context.need(1)
    batch, depth = context.attr("batch_dims", 0), at.shape[-1]
    shape = (*at.shape[:-1], *x.shape[batch + depth :])
    inner = x.shape[batch : batch + depth]
    if at.is_constant:
        wide = np.where(at.array < 0, at.array + np.array(inner), at.array)
        if wide.size and ((wide < 0) | (wide >= np.array(inner))).any():
            raise TensorError("reads outside of its data")
        lead = np.indices(at.shape[:batch]).reshape(batch, *at.shape[:batch], *[1] * (at.rank - 1 - batch))
        return [build.take(x, addresses_of(x)[(*lead, *np.moveaxis(wide, -1, 0))].reshape(shape))]
    place = _flat(build, at, inner)
    source = build.dense(x)
    strides, base = layout(source)
    for _ in range(len(shape) - place.rank):
        place = unsqueeze(place, place.rank)
    coefs = [*strides[:batch], *[0] * (at.rank - 1 - batch), *strides[batch + depth :]]
    return [build.pick(source, coefs, base, broadcast(place, shape), strides[batch + depth - 1], prod(inner))]


@lower("OneHot")
def _one_hot(context: Context) -> list[Value]:
    build, at, values = context.build, context.need(0), context.need(2)
    depth = int(context.constant(1, "the depth").reshape(-1)[0])
    axis = context.axis(context.attr("axis", -1), at.rank + 1)
    at = build.cast(at, INT)
    at = build.where(build.less(at, scalar(0, INT)), build.fadd(at, depth), at)
    numbers = np.arange(depth, dtype=np.int32).reshape([-1 if a == axis else 1 for a in range(at.rank + 1)])
    hit = build.equal(constant(numbers), unsqueeze(at, axis))
    return [build.where(hit, index(values, 0, 1), index(values, 0, 0))]


# ---- writing


def _merge(build: Ops, how: str, old: Value, new: Value) -> Value:
    if how == "none":
        return new
    step = {"add": build.add, "mul": build.mul, "max": build.maximum, "min": build.minimum}.get(how)
    if step is None:
        raise TensorError(f"has reduction {how!r}")
    return step(old, new)


def _scatter(build: Ops, data: Value, places: np.ndarray, updates: Value, how: str) -> Value:
    """Writes updates[i] to the row-major place places[i] of data, in order. One round for each time a place is hit."""
    places = places.reshape(-1)
    out = build.reshape(data, (data.words,))
    updates = build.reshape(updates, (updates.words,))
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if places.size else np.zeros(0, np.int64)
    turn = np.arange(places.size) - np.repeat(begins, np.diff(np.r_[begins, places.size]))
    rounds = int(turn.max()) + 1 if places.size else 0
    if rounds > MAX_UPDATES:
        raise TensorError(f"writes {rounds} times to one place; at most {MAX_UPDATES} are supported")
    if how == "none":  # only the last write to a place stays
        turn = np.where(np.r_[ordered[1:] != ordered[:-1], True], 0, -1) if places.size else turn
        rounds = min(rounds, 1)
    for number in range(rounds):
        chosen = order[turn == number]
        table = np.full(data.words, -1, np.int64)
        table[places[chosen]] = chosen
        new = _merge(build, how, out, build.take(updates, table))
        out = build.where(constant(table >= 0), new, out)
    return build.reshape(out, data.shape)


def write_rows(build: Ops, data: Value, place: Value, updates: Value, how: str) -> Value:
    """Writes rows updates[j] to the rows place[j] of data, in order; the places are computed."""
    rows = place.words
    if rows > MAX_UPDATES:
        raise TensorError(
            f"writes {rows} times at places that are computed at run time; at most {MAX_UPDATES} are supported"
        )
    place, updates = build.reshape(place, (rows,)), build.reshape(updates, (rows, updates.words // rows))
    out = build.reshape(data, (data.words // updates.shape[1], updates.shape[1]))
    numbers = constant(np.arange(out.shape[0], dtype=np.int32).reshape(-1, 1))
    for row in range(rows):
        hit = build.equal(numbers, index(place, 0, row))
        new = broadcast(index(updates, 0, row), out.shape)
        out = build.where(hit, _merge(build, how, out, new), out)
    return build.reshape(out, data.shape)


@lower("ScatterElements", "Scatter")
def _scatter_elements(context: Context) -> list[Value]:
    build, data, at, updates = context.build, context.need(0), context.need(1), context.need(2)
    axis, how = context.axis(context.attr("axis", 0)), context.text("reduction", "none")
    build.same_type(data, updates)
    at = positive(build, at, data.shape[axis])
    grid = list(np.indices(at.shape))
    if at.is_constant:
        grid[axis] = at.array
        return [_scatter(build, data, addresses_of(data)[tuple(grid)], updates, how)]
    strides = addresses_of(data)
    grid[axis] = np.zeros(at.shape, np.int64)
    step = prod(data.shape[axis + 1 :])
    place = build.add(build.fmul(build.cast(at, INT), step), constant(strides[tuple(grid)].astype(np.int32)))
    return [write_rows(build, data, place, updates, how)]


@lower("ScatterND")
def _scatter_nd(context: Context) -> list[Value]:
    build, data, at, updates = context.build, context.need(0), context.need(1), context.need(2)
    how, depth = context.text("reduction", "none"), at.shape[-1]
    build.same_type(data, updates)
    outer = data.shape[:depth]
    if updates.shape != (*at.shape[:-1], *data.shape[depth:]):
        raise TensorError(f"writes updates of shape {list(updates.shape)}")
    if at.is_constant:
        wide = np.where(at.array < 0, at.array + np.array(outer), at.array)
        if wide.size and ((wide < 0) | (wide >= np.array(outer))).any():
            raise TensorError("writes outside of its data")
        return [_scatter(build, data, addresses_of(data)[tuple(np.moveaxis(wide, -1, 0))], updates, how)]
    return [write_rows(build, data, _flat(build, at, outer), updates, how)]


@lower("TensorScatter")
def _tensor_scatter(context: Context) -> list[Value]:
    """Writes a run of `sequence` rows into each batch's cache, from a place that is computed."""
    build, cache, update = context.build, context.need(0), context.need(1)
    axis = context.axis(context.attr("axis", -2))
    circular = context.text("mode", "linear") == "circular"
    length, count, batches = cache.shape[axis], update.shape[axis], cache.shape[0]
    start = context.given(2)
    start = constant(np.zeros(batches, np.int32)) if start is None else build.cast(start, INT)
    order = [0, axis, *(a for a in range(1, cache.rank) if a != axis)]
    old, new = permute(cache, order), build.dense(permute(update, order))
    rows = constant(np.arange(length, dtype=np.int32))
    offset = build.sub(rows, unsqueeze(start, 1))  # [batch, length]: which row of the update stands here
    if circular:
        offset = build.where(build.less(offset, scalar(0, INT)), build.fadd(offset, length), offset)
    inside = build.both(build.negate(build.less(offset, scalar(0, INT))), build.less(offset, scalar(count, INT)))
    for _ in range(2, cache.rank):
        offset, inside = unsqueeze(offset, offset.rank), unsqueeze(inside, inside.rank)
    strides, base = layout(new)
    picked = build.pick(new, [strides[0], 0, *strides[2:]], base, broadcast(offset, old.shape), strides[1], count)
    out = build.where(inside, picked, old)
    return [permute(out, [order.index(a) for a in range(cache.rank)])]
