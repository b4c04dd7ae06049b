"""Quantised operators: small integers in int32 words, sums in int32 (wrapping, as ONNX has them)."""

from __future__ import annotations

import numpy as np

from opg.tensor.compiler.lower.convolution import check_ranks, convolve, window_of
from opg.tensor.compiler.lower.elementwise import activation
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import FLOAT, INT, element_type
from opg.tensor.compiler.values import Value, permute, scalar
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn

QUANTISED = ("int8", "uint8", "int16", "uint16")


def _along(build: Ops, value: Value, rank: int, axis: int, shape: tuple[int, ...] = (), block: int = 0) -> Value:
    """A scale or zero point against a tensor: one, one for each index of the axis, or one for each block of it."""
    if value.words == 1 and not block:
        return build.reshape(value, ())
    if value.rank == 1 and not block:
        return build.reshape(value, [value.shape[0] if a == axis else 1 for a in range(rank)])
    if value.rank != rank or not block:
        raise TensorError(f"has a scale or zero point of shape {list(value.shape)}")
    addresses = np.arange(value.words).reshape(value.shape)
    return build.take(value, np.repeat(addresses, block, axis).take(range(shape[axis]), axis))


def quantise(build: Ops, x: Value, scale: Value, zero: Value | None, dtype: str) -> Value:
    """round(x / scale) + zero point, saturated; halves to even."""
    rounded = build.map(Fn.ROUND, FLOAT, build.div(x, scale))
    whole = build.map(Fn.F2I, INT, rounded)  # beyond int32 the nearest
    low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    if zero is not None:
        # so that adding the zero point cannot wrap
        whole = build.minimum(build.maximum(whole, scalar(-(1 << 24), INT)), scalar(1 << 24, INT))
        whole = build.add(whole, build.cast(zero, INT))
    return build.minimum(build.maximum(whole, scalar(low, INT)), scalar(high, INT)).typed(dtype)


def _quantised(*values: Value | None) -> None:
    for value in values:
        if value is not None and value.dtype not in QUANTISED:
            raise TensorError(f"takes {', '.join(QUANTISED)}, not {value.dtype}")


@lower("QuantizeLinear")
def _quantize(context: Context) -> list[Value]:
    build, x, scale, zero = context.build, context.x, context.need(1), context.given(2)
    code = context.attr("output_dtype", 0)
    dtype = zero.dtype if zero is not None else element_type(code, "its result") if code else "uint8"
    if dtype not in QUANTISED:
        raise TensorError(f"quantises to {dtype}; {', '.join(QUANTISED)} are supported")
    x = build.cast(x, FLOAT) if x.dtype == INT else x
    build.floats(x, scale)
    axis, block = context.attr("axis", 1), context.attr("block_size", 0)
    axis = context.axis(axis) if x.rank > 1 or block else 0
    scale = _along(build, scale, x.rank, axis, x.shape, block)
    zero = None if zero is None else _along(build, zero, x.rank, axis, x.shape, block)
    return [quantise(build, x, scale, zero, dtype)]


def dequantise(build: Ops, x: Value, scale: Value, zero: Value | None) -> Value:
    whole = build.cast(x, INT)
    if zero is not None:
        whole = build.sub(whole, build.cast(zero, INT))
    return build.mul(build.cast(whole, FLOAT), scale)


@lower("DequantizeLinear")
def _dequantize(context: Context) -> list[Value]:
    build, x, scale, zero = context.build, context.x, context.need(1), context.given(2)
    if x.dtype not in (*QUANTISED, INT):
        raise TensorError(f"does not take {x.dtype}")
    build.floats(scale)
    axis, block = context.attr("axis", 1), context.attr("block_size", 0)
    axis = context.axis(axis) if x.rank > 1 or block else 0
    scale = _along(build, scale, x.rank, axis, x.shape, block)
    zero = None if zero is None else _along(build, zero, x.rank, axis, x.shape, block)
    return [dequantise(build, x, scale, zero)]


@lower("DynamicQuantizeLinear")
def _dynamic(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    axes, zero = list(range(x.rank)), scalar(0, FLOAT)
    high = build.maximum(build.reduce(Fn.MAX, x, axes), zero)
    low = build.minimum(build.reduce(Fn.MIN, x, axes), zero)
    scale = build.fdiv(build.sub(high, low), 255)
    point = build.map(
        Fn.ROUND, FLOAT, build.minimum(build.maximum(build.div(build.neg(low), scale), zero), scalar(255, FLOAT))
    )
    point = build.cast(point, "uint8")
    return [quantise(build, x, scale, point, "uint8"), scale, point]


def _centred(build: Ops, x: Value, zero: Value | None) -> Value:
    """x minus its zero point, int32."""
    whole = build.cast(x, INT)
    return whole if zero is None else build.sub(whole, build.cast(zero, INT))


def _column(build: Ops, zero: Value | None, row: bool) -> Value | None:
    """A zero point for each row of the first matrix, or for each column of the second."""
    if zero is None or zero.words == 1:
        return None if zero is None else build.reshape(zero, ())
    return build.reshape(zero, (*zero.shape, 1)) if row and zero.rank == 1 else zero


@lower("MatMulInteger")
def _matmul_integer(context: Context) -> list[Value]:
    build, a, b = context.build, context.need(0), context.need(1)
    _quantised(a, b)
    a = _centred(build, a, _column(build, context.given(2), True))
    return [build.matmul(a, _centred(build, b, _column(build, context.given(3), False)))]


def _requantise(build: Ops, total: Value, scales: Value, y_scale: Value, y_zero: Value) -> Value:
    return quantise(build, build.mul(build.cast(total, FLOAT), scales), y_scale, y_zero, y_zero.dtype)


@lower("QLinearMatMul")
def _qlinear_matmul(context: Context) -> list[Value]:
    build = context.build
    a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero = (context.need(i) for i in range(8))
    _quantised(a, b, y_zero)
    build.floats(a_scale, b_scale, y_scale)
    left = _centred(build, a, _column(build, a_zero, True))
    total = build.matmul(left, _centred(build, b, _column(build, b_zero, False)))
    a_scale, b_scale = _column(build, a_scale, True), _column(build, b_scale, False)
    y_scale, y_zero = _column(build, y_scale, True), _column(build, y_zero, True)
    return [_requantise(build, total, build.mul(a_scale, b_scale), y_scale, y_zero)]


@lower("ConvInteger")
def _conv_integer(context: Context) -> list[Value]:
    build, x, w = context.build, context.need(0), context.need(1)
    _quantised(x, w)
    check_ranks(x, w)
    x_zero, w_zero = context.given(2), context.given(3)
    window = window_of(context, x.shape[2:], w.shape[2:])
    x = _centred(build, x, None if x_zero is None else build.reshape(x_zero, ()))
    w = _centred(build, w, None if w_zero is None else _along(build, w_zero, w.rank, 0))
    return [convolve(build, x, w, None, window, context.attr("group", 1))]


@lower("QLinearConv")
def _qlinear_conv(context: Context) -> list[Value]:
    build = context.build
    x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero = (context.need(i) for i in range(8))
    _quantised(x, w, y_zero)
    build.floats(x_scale, w_scale, y_scale)
    check_ranks(x, w)
    window = window_of(context, x.shape[2:], w.shape[2:])
    left = _centred(build, x, build.reshape(x_zero, ()))
    total = convolve(build, left, _centred(build, w, _along(build, w_zero, w.rank, 0)), context.given(8), window,
                     context.attr("group", 1))  # fmt: skip
    scales = build.mul(build.reshape(x_scale, ()), _along(build, w_scale, x.rank, 1))
    return [_requantise(build, total, scales, build.reshape(y_scale, ()), build.reshape(y_zero, ()))]


# ---- what onnxruntime's quantiser writes besides, in its own domain


def _dequantised(context: Context, first: int, scale: int) -> Value:
    """An input with its scale and zero point behind it, as floats."""
    build, zero = context.build, context.given(scale + 1)
    _quantised(context.need(first))
    return dequantise(build, context.need(first), context.need(scale), zero)


def _again(context: Context, y: Value, scale: int) -> list[Value]:
    """Floats, quantised by the scale and zero point at these inputs."""
    zero = context.given(scale + 1)
    return [quantise(context.build, y, context.need(scale), zero, "uint8" if zero is None else zero.dtype)]


@lower("com.microsoft.QLinearAdd", "com.microsoft.QLinearMul")
def _qlinear_pair(context: Context) -> list[Value]:
    a, b = _dequantised(context, 0, 1), _dequantised(context, 3, 4)
    return _again(context, context.build.add(a, b) if context.name.endswith("Add") else context.build.mul(a, b), 6)


@lower("com.microsoft.QLinearSigmoid", "com.microsoft.QLinearLeakyRelu", "com.microsoft.QLinearSoftmax",
       "com.microsoft.QLinearGlobalAveragePool")  # fmt: skip
def _qlinear_one(context: Context) -> list[Value]:
    build, x = context.build, _dequantised(context, 0, 1)
    if context.name.endswith("Softmax"):
        axis = context.axis(context.attr("axis", -1))
        y = build.softmax(x, [axis] if context.attr("opset", 13) >= 13 else list(range(axis, x.rank)))
    elif context.name.endswith("Pool"):
        last = context.attr("channels_last", 0)
        y = build.mean(x, list(range(1, x.rank - 1)) if last else list(range(2, x.rank)))
    else:
        y = activation(build, context.name.removeprefix("com.microsoft.QLinear"), x, context.attr("alpha"), None)
    return _again(context, y, 3)


@lower("com.microsoft.QLinearConcat")
def _qlinear_concat(context: Context) -> list[Value]:
    """Output scale and zero point, then (tensor, scale, zero point) of each."""
    parts = [_dequantised(context, at, at + 1) for at in range(2, len(context.inputs), 3)]
    axis = context.axis(context.attr("axis"), parts[0].rank)
    return _again(context, context.build.concat(parts, axis), 0)


@lower("com.microsoft.QGemm")
def _qgemm(context: Context) -> list[Value]:
    build = context.build
    a, a_scale, a_zero, b, b_scale, b_zero = (context.need(i) for i in range(6))
    _quantised(a, b)
    left = _centred(build, a, build.reshape(a_zero, ()))
    turned = context.attr("transB", 0)
    right = _centred(build, b, _along(build, b_zero, 2, 0 if turned else 1))
    left = permute(left, [1, 0]) if context.attr("transA", 0) else left
    total = build.matmul(left, permute(right, [1, 0]) if turned else right, context.given(6))
    scales = build.fmul(build.mul(build.reshape(a_scale, ()), _along(build, b_scale, 2, 1)), context.attr("alpha", 1.0))
    y = build.mul(build.cast(total, FLOAT), scales)
    return [y] if context.given(7) is None else _again(context, y, 7)
