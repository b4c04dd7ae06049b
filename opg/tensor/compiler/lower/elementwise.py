"""Operators on one element at a time."""

from __future__ import annotations

import numpy as np
import onnx

from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import BOOL, DOUBLE, FLOAT, INT, LONG, SMALL, element_type, type_name
from opg.tensor.compiler.values import Value, constant, scalar
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn


def pair(context: Context) -> tuple[Value, Value]:
    """The two operands; before opset 7 an attribute says from which axis on the second one lies along the first."""
    a, b = context.need(0), context.need(1)
    axis = context.attr("axis")
    if context.opset < 7 and context.attr("broadcast", 0) and axis is not None:
        behind = a.rank - context.axis(axis) - b.rank
        if behind < 0:
            raise TensorError(f"lays shape {list(b.shape)} along {list(a.shape)} from axis {axis}")
        b = context.build.reshape(b, (*b.shape, *[1] * behind))
    return a, b


# ---- arithmetic


@lower("Add", "Sub", "Mul", "Div")
def _arithmetic(context: Context) -> list[Value]:
    build, (a, b) = context.build, pair(context)
    if context.name == "Add":
        for product, bias, number in ((a, b, 0), (b, a, 1)):
            if context.single[number] and (fused := build.with_init(product, bias)) is not None:
                return [fused]
    return [{"Add": build.add, "Sub": build.sub, "Mul": build.mul, "Div": build.div}[context.name](a, b)]


@lower("Max", "Min", "Sum", "Mean")
def _several(context: Context) -> list[Value]:
    build, acc = context.build, context.x
    step = {"Max": build.maximum, "Min": build.minimum}.get(context.name, build.add)
    for number in range(1, len(context.inputs)):
        acc = step(acc, context.need(number))
    return [build.fdiv(acc, len(context.inputs)) if context.name == "Mean" else acc]


@lower("Mod")
def _mod(context: Context) -> list[Value]:
    build, a, b = context.build, context.need(0), context.need(1)
    dtype = build.same_type(a, b)
    if dtype == FLOAT:
        if not context.attr("fmod", 0):
            raise TensorError("takes fmod=1 for floats")
        return [build.map(Fn.FMOD, FLOAT, a, b)]
    if a.is_constant and b.is_constant:
        with np.errstate(divide="ignore"):
            return [constant((np.fmod if context.attr("fmod", 0) else np.mod)(a.array, b.array))]
    if dtype == "uint32":
        raise TensorError("takes uint32 at compile time only")
    rest = build.map(Fn.IMOD, dtype, a, b)
    if not context.attr("fmod", 0) and not dtype.startswith("uint"):  # the sign of the divisor
        wrong = build.both(build.negate(build.equal(rest, build.number(0, rest))),
                           build.less(build.map(Fn.XOR, dtype, rest, b), build.number(0, rest)))  # fmt: skip
        rest = build.where(wrong, build.add(rest, b), rest)
    return [rest]


@lower("Pow")
def _pow(context: Context) -> list[Value]:
    build, (a, b) = context.build, pair(context)
    if a.dtype == FLOAT:
        power = b.array.reshape(-1) if b.is_constant and b.words else None
        if power is not None and (power == 2).all() and len(b.shape) <= len(a.shape):
            return [build.mul(a, a)]
        return [build.map(Fn.POW, FLOAT, a, build.cast(b, FLOAT))]
    if a.is_constant and b.is_constant and b.dtype != FLOAT and b.words and b.array.min() >= 0:
        return [constant(np.power(a.array.astype(np.int64), b.array.astype(np.int64)), a.dtype)]
    if b.dtype == FLOAT:
        if not b.is_constant or not b.words or (b.array != np.trunc(b.array)).any() or abs(b.array).max() > 64:
            raise TensorError("raises integers to a power that is no small whole constant")
        b = constant(b.array.astype(np.int32))
    b = build.cast(b, INT)
    bits = int(b.array.max()).bit_length() if b.is_constant and b.words else 31
    square, out = build.cast(a, INT), scalar(1, INT)
    for bit in range(bits):
        chosen = build.map(Fn.AND, INT, build.map(Fn.SHR, INT, b, scalar(bit, INT)), scalar(1, INT))
        out = build.where(build.cast(chosen, BOOL), build.mul(out, square), out)
        square = build.mul(square, square)
    return [build.cast(build.where(build.less(b, scalar(0, INT)), scalar(0, INT), out), a.dtype)]


UNARY = {"Sqrt": Fn.SQRT, "Floor": Fn.FLOOR, "Ceil": Fn.CEIL, "Round": Fn.ROUND, "Exp": Fn.EXP, "Log": Fn.LOG,
         "Tanh": Fn.TANH, "Erf": Fn.ERF, "Sigmoid": Fn.SIGMOID, "Sin": Fn.SIN, "Cos": Fn.COS}  # fmt: skip


@lower(*UNARY)
def _unary(context: Context) -> list[Value]:
    return [context.build.one(UNARY[context.name], context.x)]


@lower("Neg", "Abs", "Reciprocal")
def _sign_changes(context: Context) -> list[Value]:
    build = context.build
    return [{"Neg": build.neg, "Abs": build.absolute, "Reciprocal": build.reciprocal}[context.name](context.x)]


@lower("Sign")
def _sign(context: Context) -> list[Value]:
    build, x = context.build, context.x
    zero = build.number(0, x)
    sign = build.sub(build.cast(build.less(zero, x), x.dtype), build.cast(build.less(x, zero), x.dtype))
    return [build.where(build.is_nan(x), x, sign) if x.dtype == FLOAT else sign]


# ---- truth and bits


@lower("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def _comparison(context: Context) -> list[Value]:
    build, (a, b) = context.build, pair(context)
    if context.name.startswith("Greater"):
        a, b = b, a
    fn = {"Equal": "EQ", "Less": "LT", "Greater": "LT"}.get(context.name, "LE")
    return [build.compare(fn, a, b)]


@lower("And", "Or", "Xor")
def _logic(context: Context) -> list[Value]:
    a, b = pair(context)
    if context.build.same_type(a, b) != BOOL:
        raise TensorError(f"takes bool, not {context.x.dtype}")
    return [context.build.map(Fn[context.name.upper()], BOOL, a, b)]


@lower("Not")
def _not(context: Context) -> list[Value]:
    if context.x.dtype != BOOL:
        raise TensorError(f"takes bool, not {context.x.dtype}")
    return [context.build.negate(context.x)]


@lower("BitwiseAnd", "BitwiseOr", "BitwiseXor")
def _bits(context: Context) -> list[Value]:
    dtype = context.build.same_type(*context.inputs)
    if dtype == FLOAT:
        raise TensorError("takes integers, not float32")
    return [context.build.map(Fn[context.name.removeprefix("Bitwise").upper()], dtype, *context.inputs)]


@lower("BitwiseNot")
def _bitwise_not(context: Context) -> list[Value]:
    x = context.x
    if x.dtype in (FLOAT, DOUBLE, "uint64"):
        raise TensorError(f"does not take {x.dtype}")
    ones = -1 if x.dtype in (INT, LONG, "int8", "int16") else int(np.iinfo(x.dtype).max)
    return [context.build.map(Fn.XOR, x.dtype, x, build_number(ones, x.dtype))]


def build_number(number: int, dtype: str) -> Value:
    return constant(np.array(number, dtype=dtype))


@lower("BitShift")
def _shift(context: Context) -> list[Value]:
    """To the right arithmetically for signed types; what is shifted out is gone, by however much."""
    build, dtype = context.build, context.build.same_type(*context.inputs)
    if dtype not in (*SMALL, "uint32", INT, LONG):
        raise TensorError(f"does not take {dtype}")
    direction = context.text("direction")
    if direction not in ("LEFT", "RIGHT"):
        raise TensorError(f"has direction {direction!r}")
    right = Fn.SHR if dtype.startswith("uint") else Fn.SAR
    return [build.wrap(build.map(Fn.SHL if direction == "LEFT" else right, INT, *context.inputs), dtype)]


@lower("IsNaN")
def _is_nan(context: Context) -> list[Value]:
    context.build.floats(context.x)
    return [context.build.is_nan(context.x)]


@lower("IsInf")
def _is_inf(context: Context) -> list[Value]:
    build, x = context.build, context.x
    build.floats(x)
    found = [
        build.equal(x, scalar(limit, FLOAT))
        for limit, name in ((np.inf, "detect_positive"), (-np.inf, "detect_negative"))
        if context.attr(name, 1)
    ]
    if not found:
        return [build.both(build.equal(x, x), scalar(False, BOOL))]
    return [found[0] if len(found) == 1 else build.either(*found)]


@lower("Where")
def _where(context: Context) -> list[Value]:
    return [context.build.where(context.need(0), context.need(1), context.need(2))]


# ---- activations


@lower("Relu")
def _relu(context: Context) -> list[Value]:
    return [context.build.maximum(context.x, context.build.number(0, context.x))]


@lower("Clip")
def _clip(context: Context) -> list[Value]:
    build, out = context.build, context.x
    for number, name, step in ((1, "min", build.maximum), (2, "max", build.minimum)):
        limit = context.given(number)
        if limit is None and context.attr(name) is not None:
            limit = scalar(context.attr(name), out.dtype)
        if limit is not None:
            out = step(out, limit)
    return [out]


def activation(build: Ops, name: str, x: Value, alpha: float | None, beta: float | None) -> Value:
    """An activation by its ONNX name, as recurrent operators name them too."""
    defaults = {
        "LeakyRelu": (0.01, None),
        "ThresholdedRelu": (1.0, None),
        "HardSigmoid": (0.2, 0.5),
        "Elu": (1.0, None),
    }
    a, b = (given if given is not None else usual
            for given, usual in zip((alpha, beta), defaults.get(name, (1.0, 0.0)), strict=True))  # fmt: skip
    zero = build.number(0, x)
    if name in ("Tanh", "Sigmoid"):
        return build.one(Fn[name.upper()], x)
    if name == "Relu":
        return build.maximum(x, zero)
    if name == "Affine":
        return build.fadd(build.fmul(x, a), b)
    if name == "LeakyRelu":
        return build.where(build.less(x, zero), build.fmul(x, a), x)
    if name == "ThresholdedRelu":
        return build.where(build.less(build.number(a, x), x), x, zero)
    if name == "ScaledTanh":
        return build.fmul(build.one(Fn.TANH, build.fmul(x, b if b else 1.0)), a)
    if name == "HardSigmoid":
        line = build.fadd(build.fmul(x, a), b)
        return build.minimum(build.maximum(line, zero), build.number(1, x))
    if name == "Elu":
        return build.where(build.less(x, zero), build.fmul(build.expm1(build.minimum(x, zero)), a), x)
    if name == "Softsign":
        return build.div(x, build.fadd(build.absolute(x), 1))
    if name == "Softplus":
        return build.add(build.maximum(x, zero), build.log1p(build.exp(build.neg(build.absolute(x)))))
    raise TensorError(f"has an unknown activation {name!r}")


@lower("LeakyRelu", "ThresholdedRelu", "HardSigmoid", "Elu", "Softsign", "Softplus")
def _activation(context: Context) -> list[Value]:
    context.build.floats(context.x)
    return [activation(context.build, context.name, context.x, context.attr("alpha"), context.attr("beta"))]


@lower("Selu", "Celu")
def _selu(context: Context) -> list[Value]:
    build, x = context.build, context.x
    zero = build.number(0, x)
    below = build.minimum(x, zero)
    if context.name == "Celu":
        alpha = context.attr("alpha", 1.0)
        return [build.add(build.maximum(x, zero), build.fmul(build.expm1(build.fdiv(below, alpha)), alpha))]
    usual = (1.67326319217681884765625, 1.05070102214813232421875) if context.opset >= 6 else (1.6732, 1.0507)
    alpha, gamma = context.attr("alpha", usual[0]), context.attr("gamma", usual[1])
    curve = build.where(build.less(x, zero), build.fmul(build.expm1(below), alpha), x)
    return [build.fmul(curve, gamma)]


@lower("PRelu")
def _prelu(context: Context) -> list[Value]:
    build, x, slope = context.build, context.x, context.need(1)
    if context.opset < 7 and slope.rank == 1 and slope.words > 1 and x.rank > 1:  # one for each channel
        slope = build.reshape(slope, (slope.words, *[1] * (x.rank - 2)))
    return [build.where(build.less(x, build.number(0, x)), build.mul(x, slope), x)]


@lower("HardSwish")
def _hard_swish(context: Context) -> list[Value]:
    return [context.build.mul(context.x, activation(context.build, "HardSigmoid", context.x, 1 / 6, 0.5))]


@lower("Mish")
def _mish(context: Context) -> list[Value]:
    build, x = context.build, context.x
    return [build.mul(x, build.one(Fn.TANH, activation(build, "Softplus", x, None, None)))]


@lower("Gelu")
def _gelu(context: Context) -> list[Value]:
    build, x = context.build, context.x
    half = build.fmul(x, 0.5)
    if context.text("approximate", "none") == "tanh":
        cube = build.mul(build.mul(x, x), x)
        inner = build.fmul(build.add(x, build.fmul(cube, 0.044715)), float(np.sqrt(2 / np.pi)))
        return [build.mul(half, build.fadd(build.one(Fn.TANH, inner), 1))]
    return [build.mul(half, build.fadd(build.one(Fn.ERF, build.fmul(x, float(np.sqrt(0.5)))), 1))]


@lower("Shrink")
def _shrink(context: Context) -> list[Value]:
    build, x = context.build, context.x
    bias, limit = context.attr("bias", 0.0), context.attr("lambd", 0.5)
    build.floats(x)
    zero = build.number(0, x)
    above = build.where(build.less(build.number(limit, x), x), build.fadd(x, -bias), zero)
    return [build.where(build.less(x, build.number(-limit, x)), build.fadd(x, bias), above)]


# ---- types


@lower("Cast", "CastLike")
def _cast(context: Context) -> list[Value]:
    x = context.x
    if context.name == "CastLike":
        target = context.need(1).dtype
    else:
        to = context.attr("to")
        code = onnx.TensorProto.DataType.Value(context.text("to")) if isinstance(to, bytes) else to
        target = element_type(code, "its result", constant=x.is_constant)
    return [context.build.cast(x, target)]


@lower("BitCast")
def _bit_cast(context: Context) -> list[Value]:
    x = context.x
    target = element_type(context.attr("to"), "its result", constant=x.is_constant)
    if x.is_constant:
        if np.dtype(target).itemsize != np.dtype(x.dtype).itemsize:
            raise TensorError("reads numbers of another size")
        return [constant(np.ascontiguousarray(x.array).view(target))]
    words = (FLOAT, INT, "uint32")
    if target == x.dtype:
        return [x]
    if target in words and x.dtype in words:
        return [x.typed(target)]
    if np.dtype(target).itemsize != np.dtype(x.dtype).itemsize or BOOL in (target, x.dtype):
        raise TensorError(f"reads {x.dtype} as {type_name(context.attr('to'))}")
    return [context.build.wrap(x, target)]


@lower("Identity")
def _identity(context: Context) -> list[Value]:
    return [context.x]


@lower("Dropout")
def _dropout(context: Context) -> list[Value]:
    training = context.constant(2, "training_mode")
    if context.opset < 7 and not context.attr("is_test", 0):
        raise TensorError("drops at random: is_test is not set")
    ratio = context.constant(1, "the ratio")
    drops = context.attr("ratio", 0.5) if ratio is None else float(ratio.reshape(-1)[0])
    if training is not None and training.any() and drops:
        raise TensorError("drops at random: training_mode is set")
    return [context.x, constant(np.ones(context.x.shape, np.bool_))]
