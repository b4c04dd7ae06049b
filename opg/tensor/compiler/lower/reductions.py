"""Operators that fold axes."""

from __future__ import annotations

from math import prod

import numpy as np

from opg.tensor.compiler.builder import NEUTRAL
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import BOOL, FLOAT, INT, LONG, SMALL
from opg.tensor.compiler.values import Value, broadcast, constant, permute, scalar, unsqueeze, view
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn
from opg.tensor.program import ARGMAX, ARGMIN, IARGMAX, IARGMIN

FOLD = {"ReduceMax": (Fn.MAX, Fn.IMAX), "ReduceMin": (Fn.MIN, Fn.IMIN), "ReduceProd": (Fn.MUL, Fn.IMUL)}
SUMS = ("ReduceSum", "ReduceMean", "ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceSumSquare")
TRIANGLE_LIMIT = 1 << 12


def reduced_axes(context: Context) -> list[int]:
    """The axes of a reduction: attribute or constant input; all of them where none are named."""
    axes = context.integers(1, "the list of axes")
    axes = context.attr("axes") if axes is None else axes
    if not axes:
        return [] if context.attr("noop_with_empty_axes", 0) else list(range(context.x.rank))
    return sorted(context.axis(a) for a in axes)


def finish(context: Context, folded: Value, axes: list[int]) -> list[Value]:
    """Drops the folded axes, or keeps them with one element."""
    if context.attr("keepdims", 1):
        return [context.build.reshape(folded, [1 if a in axes else d for a, d in enumerate(context.x.shape)])]
    return [folded]


@lower(*FOLD, *SUMS)
def _reduction(context: Context) -> list[Value]:
    build, x, name, axes = context.build, context.x, context.name, reduced_axes(context)
    floats = x.dtype == FLOAT
    source, unsigned = x, x.dtype == "uint32"
    if name in ("ReduceL1", "ReduceL2", "ReduceSumSquare"):
        source = build.absolute(x) if name == "ReduceL1" else build.mul(x, x)
    if x.dtype not in (FLOAT, INT, LONG, BOOL, *SMALL) and not (unsigned and name in ("ReduceSum", "ReduceProd")):
        raise TensorError(f"does not take {x.dtype}")
    if x.dtype == BOOL and name not in FOLD:
        raise TensorError("does not take bool")
    if not axes:
        folded = source
    elif name in FOLD:
        if x.words == 0 and not floats and name != "ReduceProd" and x.dtype != BOOL:
            lowest = name == "ReduceMax"
            limit = np.iinfo(x.dtype).min if lowest else np.iinfo(x.dtype).max
            folded = constant(np.full([d for a, d in enumerate(x.shape) if a not in axes], limit, x.dtype))
        elif x.words == 0 and x.dtype == BOOL:
            folded = constant(np.full([d for a, d in enumerate(x.shape) if a not in axes], name == "ReduceMin"))
        else:
            folded = build.wrap(build.reduce(FOLD[name][0 if floats else 1], source, axes), x.dtype)
    else:
        folded = build.wrap(build.reduce(Fn.ADD if floats else Fn.IADD, source, axes), x.dtype)
    if name == "ReduceMean":
        folded = build.fdiv(folded, prod(x.shape[a] for a in axes))
    elif name == "ReduceL2":
        folded = build.cast(build.sqrt(build.cast(folded, FLOAT)), x.dtype)
    elif name == "ReduceLogSum":
        folded = build.cast(build.log(build.cast(folded, FLOAT)), x.dtype)
    return finish(context, folded, axes)


@lower("ReduceLogSumExp")
def _log_sum_exp(context: Context) -> list[Value]:
    build, x, axes = context.build, context.x, reduced_axes(context)
    build.floats(x)
    if x.words == 0:
        return finish(context, build.log(build.reduce(Fn.ADD, x, axes)), axes)
    top = build.reduce(Fn.MAX, x, axes, True)
    finite = build.less(build.absolute(top), scalar(np.inf, FLOAT))
    top = build.where(finite, top, scalar(0, FLOAT))
    total = build.reduce(Fn.ADD, build.exp(build.sub(x, top)), axes, True)
    folded = build.add(build.log(total), top)
    return finish(context, build.reshape(folded, [d for a, d in enumerate(x.shape) if a not in axes]), axes)


@lower("ArgMax", "ArgMin")
def _argument(context: Context) -> list[Value]:
    build, x = context.build, context.x
    axis = context.axis(context.attr("axis", 0))
    floats, largest = x.dtype == FLOAT, context.name == "ArgMax"
    if x.dtype == "uint32":
        raise TensorError("does not take uint32")
    fn = (ARGMAX if largest else ARGMIN) if floats else (IARGMAX if largest else IARGMIN)
    if context.attr("select_last_index", 0):  # the first from behind
        size = x.shape[axis]
        at = build.argument(fn, reverse(x, axis), axis)
        at = build.sub(scalar(size - 1, LONG), at)
    else:
        at = build.argument(fn, x, axis)
    return finish(context, at, [axis])


def reverse(x: Value, axis: int) -> Value:
    """An axis from its end to its beginning."""
    if x.is_constant:
        return constant(np.flip(x.array, axis))
    strides = list(x.strides)
    base = x.base + strides[axis] * (x.shape[axis] - 1)
    strides[axis] = -strides[axis]
    return view(x, x.shape, strides, base)


@lower("CumSum", "CumProd")
def _cumulative(context: Context) -> list[Value]:
    """A sum with a triangle of ones; a product folds what a triangle keeps."""
    build, x = context.build, context.x
    axis = context.constant(1, "the axis")
    axis = context.axis(int(axis.reshape(-1)[0]))
    exclusive, backwards = context.attr("exclusive", 0), context.attr("reverse", 0)
    length = x.shape[axis]
    if x.words == 0:
        return [x]
    if x.dtype not in (FLOAT, INT, LONG):
        raise TensorError(f"does not take {x.dtype}")
    if length > TRIANGLE_LIMIT or x.words * length > 1 << 26:
        raise TensorError(f"sums over {length} elements; at most {TRIANGLE_LIMIT} are supported")
    rows, columns = np.indices((length, length))
    inside = (columns >= rows) if backwards else (columns <= rows)
    inside &= (columns != rows) if exclusive else True
    order = [a for a in range(x.rank) if a != axis] + [axis]
    source = permute(x, order)
    spread = broadcast(unsqueeze(source, source.rank - 1), (*source.shape, length))
    product = context.name == "CumProd"
    fn = (Fn.MUL if product else Fn.ADD) if x.dtype == FLOAT else (Fn.IMUL if product else Fn.IADD)
    neutral = constant(np.array(NEUTRAL[fn], np.uint32)).array.view(np.float32 if x.dtype == FLOAT else np.int32)
    kept = build.where(constant(inside), spread, constant(neutral.astype(x.dtype)))
    folded = build.reduce(fn, kept, [kept.rank - 1])
    return [permute(folded, [order.index(a) for a in range(x.rank)])]


@lower("Hardmax")
def _hardmax(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    axis = context.axis(context.attr("axis", -1 if context.opset >= 13 else 1))
    if context.opset < 13:
        flat = build.reshape(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))
        return [build.reshape(_one_hot(context, flat, 1), x.shape)]
    return [_one_hot(context, x, axis)]


def _one_hot(context: Context, x: Value, axis: int) -> Value:
    at = unsqueeze(context.build.argument(ARGMAX, x, axis), axis)
    count = np.arange(x.shape[axis], dtype=np.int64).reshape([-1 if a == axis else 1 for a in range(x.rank)])
    return context.build.cast(context.build.equal(constant(count), at), FLOAT)


@lower("Softmax", "LogSoftmax")
def _softmax(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    axis = context.axis(context.attr("axis", -1 if context.opset >= 13 else 1))
    axes = [axis] if context.opset >= 13 else list(range(axis, x.rank))
    if x.words == 0:
        return [x]
    if context.name == "Softmax":
        return [build.softmax(x, axes)]
    shifted = build.sub(x, build.reduce(Fn.MAX, x, axes, True))
    return [build.sub(shifted, build.log(build.reduce(Fn.ADD, build.exp(shifted), axes, True)))]


@lower("TopK")
def _top_k(context: Context) -> list[Value]:
    """An element's place is the number of those before it; what stands at a place is found by a sum."""
    build, x = context.build, context.x
    k = context.attr("k") if context.given(1) is None else int(context.constant(1, "k").reshape(-1)[0])
    axis = context.axis(context.attr("axis", -1))
    length = x.shape[axis]
    if not 0 < k <= length:
        raise TensorError(f"takes {k} of {length} elements")
    if x.words * length > 1 << 22:
        raise TensorError(f"compares all pairs of {length} elements, which is too much for {x.words} words")
    order = [a for a in range(x.rank) if a != axis] + [axis]
    source = build.dense(permute(x, order))
    mine, other = unsqueeze(source, source.rank), unsqueeze(source, source.rank - 1)
    ahead = build.less(mine, other) if context.attr("largest", 1) else build.less(other, mine)
    rows, columns = np.indices((length, length))
    tie = build.both(build.equal(mine, other), constant(columns < rows))
    place = build.reduce(Fn.IADD, build.either(ahead, tie).typed(INT), [source.rank])  # [..., length]
    wanted = constant(np.arange(k, dtype=np.int32).reshape(-1, 1))
    here = build.equal(unsqueeze(place, place.rank - 1), wanted).typed(INT)  # [..., k, length]
    numbers = broadcast(constant(np.arange(length, dtype=np.int32)), here.shape)
    index = build.contract(here, numbers, None, here.rank - 1).typed(LONG)  # [..., k]
    strides = source.strides if source.array is None else [s // 4 for s in source.array.strides]
    values = build.pick(source, [*strides[:-1], 0], source.base, index, 1, length)
    back = [order.index(a) for a in range(x.rank)]
    return [permute(values, back), permute(index, back)]
