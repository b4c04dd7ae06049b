"""Normalisations."""

from __future__ import annotations

import numpy as np

from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import FLOAT
from opg.tensor.compiler.values import Value, constant, scalar, windows
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn


def per_channel(context: Context, value: Value, rank: int) -> Value:
    """A vector over axis 1 of a tensor of that rank."""
    if value.rank != 1:
        raise TensorError(f"takes one number for each channel, not shape {list(value.shape)}")
    return context.build.reshape(value, (value.shape[0], *[1] * (rank - 2)))


@lower("BatchNormalization")
def _batch(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    if context.attr("training_mode", 0):
        return _batch_training(context)
    rank = max(x.rank, 2)
    scale, bias, mean, variance = (per_channel(context, context.need(i), rank) for i in range(1, 5))
    factor = build.div(scale, build.sqrt(build.fadd(variance, context.attr("epsilon", 1e-5))))
    # one multiplication and one addition when the statistics are constants, as they are in a trained model
    return [build.add(build.mul(x, factor), build.sub(bias, build.mul(mean, factor)))]


def _batch_training(context: Context) -> list[Value]:
    build, x = context.build, context.x
    momentum, epsilon = context.attr("momentum", 0.9), context.attr("epsilon", 1e-5)
    axes = [a for a in range(x.rank) if a != 1]
    mean = build.mean(x, axes)
    centred = build.sub(x, mean)
    variance = build.mean(build.mul(centred, centred), axes)
    scale, bias = (per_channel(context, context.need(i), x.rank) for i in (1, 2))
    y = build.add(build.mul(build.div(centred, build.sqrt(build.fadd(variance, epsilon))), scale), bias)
    found = [y]
    for number, now in ((3, mean), (4, variance)):
        flat = build.reshape(now, (x.shape[1],))
        found.append(build.add(build.fmul(context.need(number), momentum), build.fmul(flat, 1 - momentum)))
    return found


@lower("InstanceNormalization")
def _instance(context: Context) -> list[Value]:
    build, x = context.build, context.x
    y, _, _ = build.normalised(x, list(range(2, x.rank)), context.attr("epsilon", 1e-5))
    scale, bias = (per_channel(context, context.need(i), x.rank) for i in (1, 2))
    return [build.add(build.mul(y, scale), bias)]


@lower("GroupNormalization")
def _group(context: Context) -> list[Value]:
    build, x = context.build, context.x
    groups = context.attr("num_groups")
    if not groups or x.shape[1] % groups:
        raise TensorError(f"splits {x.shape[1]} channels into {groups} groups")
    parts = build.reshape(x, (x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]))
    y, _, _ = build.normalised(parts, list(range(2, parts.rank)), context.attr("epsilon", 1e-5))
    scale, bias = context.need(1), context.need(2)
    if context.opset < 21 and scale.shape[0] == groups:  # one number for each group
        shape = (groups, *[1] * (parts.rank - 2))
        y = build.add(build.mul(y, build.reshape(scale, shape)), build.reshape(bias, shape))
        return [build.reshape(y, x.shape)]
    y = build.reshape(y, x.shape)
    return [build.add(build.mul(y, per_channel(context, scale, x.rank)), per_channel(context, bias, x.rank))]


@lower("LayerNormalization")
def _layer(context: Context) -> list[Value]:
    build, x = context.build, context.x
    axes = list(range(context.axis(context.attr("axis", -1)), x.rank))
    y, mean, inverse = build.normalised(x, axes, context.attr("epsilon", 1e-5))
    y = build.mul(y, context.need(1))
    if context.given(2) is not None:
        y = build.add(y, context.need(2))
    return [y, mean, inverse]


@lower("RMSNormalization")
def _rms(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    axes = list(range(context.axis(context.attr("axis", -1)), x.rank))
    power = build.mean(build.mul(x, x), axes)
    return [build.mul(build.div(x, build.sqrt(build.fadd(power, context.attr("epsilon", 1e-5)))), context.need(1))]


@lower("MeanVarianceNormalization")
def _mean_variance(context: Context) -> list[Value]:
    build, x = context.build, context.x
    axes = [context.axis(a) for a in context.attr("axes", [0, 2, 3])]
    build.floats(x)
    mean = build.mean(x, axes)
    centred = build.sub(x, mean)
    deviation = build.sqrt(build.mean(build.mul(centred, centred), axes))
    return [build.div(centred, build.fadd(deviation, 1e-9))]


@lower("LpNormalization")
def _lp(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    axis, p = context.axis(context.attr("axis", -1)), context.attr("p", 2)
    if p not in (1, 2):
        raise TensorError(f"has p = {p}; 1 and 2 are defined")
    norm = build.reduce(Fn.ADD, build.absolute(x) if p == 1 else build.mul(x, x), [axis], True)
    norm = norm if p == 1 else build.sqrt(norm)
    none = build.equal(norm, scalar(0, FLOAT))
    return [build.where(none, scalar(0, FLOAT), build.div(x, norm))]


@lower("LRN")
def _local_response(context: Context) -> list[Value]:
    """Squares summed over a window of channels."""
    build, x = context.build, context.x
    build.floats(x)
    size = context.attr("size")
    before = (size - 1) // 2
    zeros = [0] * x.rank
    low, high = list(zeros), list(zeros)
    low[1], high[1] = before, size - 1 - before
    squares = build.pad(build.mul(x, x), low, high)
    total = build.reduce(Fn.ADD, windows(squares, 1, x.shape[1], size, 1, 1), [2])
    base = build.fadd(build.fmul(total, context.attr("alpha", 1e-4) / size), context.attr("bias", 1.0))
    power = build.map(Fn.POW, FLOAT, base, constant(np.float32(context.attr("beta", 0.75))))
    return [build.div(x, power)]
