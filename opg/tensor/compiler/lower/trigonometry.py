"""Circular, hyperbolic and inverse functions, by the few that the machine has. Errors: a few units in the last place."""

from __future__ import annotations

import numpy as np

from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import BOOL
from opg.tensor.compiler.values import Value, scalar
from opg.tensor.functions import Fn

ATAN = (1 / 9, -1 / 7, 1 / 5, -1 / 3)  # (atan(x)/x - 1)/x² in x², |x| ≤ tan(π/16)


@lower("Tan")
def _tan(context: Context) -> list[Value]:
    build, x = context.build, context.x
    return [build.div(build.one(Fn.SIN, x), build.one(Fn.COS, x))]


def _cosh(build: Ops, x: Value) -> Value:
    """In factors, so that it overflows only where the result does."""
    half = build.exp(build.fmul(build.absolute(x), 0.5))
    small = build.reciprocal(half)
    return build.add(build.mul(build.fmul(half, 0.5), half), build.mul(build.fmul(small, 0.5), small))


@lower("Cosh", "Sinh")
def _hyperbolic(context: Context) -> list[Value]:
    build, x = context.build, context.x
    cosh = _cosh(build, x)
    return [cosh if context.name == "Cosh" else build.mul(build.one(Fn.TANH, x), cosh)]


def _with_sign(build: Ops, x: Value, magnitude: Value) -> Value:
    return build.where(build.less(x, build.number(0, x)), build.neg(magnitude), magnitude)


@lower("Asinh")
def _asinh(context: Context) -> list[Value]:
    build, x = context.build, context.x
    a = build.absolute(x)
    square = build.mul(a, a)
    root = build.sqrt(build.fadd(square, 1))
    near = build.log1p(build.add(a, build.div(square, build.fadd(root, 1))))
    far = build.fadd(build.log(a), float(np.log(2)))
    big = build.map(Fn.LT, BOOL, scalar(1e9, "float32"), a)
    return [_with_sign(build, x, build.where(big, far, near))]


@lower("Acosh")
def _acosh(context: Context) -> list[Value]:
    build, x = context.build, context.x
    above = build.fadd(x, -1)
    near = build.log1p(build.add(above, build.sqrt(build.mul(above, build.fadd(x, 1)))))
    far = build.fadd(build.log(x), float(np.log(2)))
    return [build.where(build.map(Fn.LT, BOOL, scalar(1e9, "float32"), x), far, near)]


@lower("Atanh")
def _atanh(context: Context) -> list[Value]:
    build, x = context.build, context.x
    a = build.absolute(x)
    return [
        _with_sign(
            build, x, build.fmul(build.log1p(build.div(build.add(a, a), build.sub(scalar(1, "float32"), a))), 0.5)
        )
    ]


def _atan(build: Ops, x: Value) -> Value:
    """Of a non-negative number: 1/x beyond 1, the angle halved twice, then a series."""
    one = scalar(1, "float32")
    large = build.less(one, x)
    t = build.where(large, build.reciprocal(x), x)
    for _ in range(2):
        t = build.div(t, build.fadd(build.sqrt(build.fadd(build.mul(t, t), 1)), 1))
    z = build.mul(t, t)
    series = scalar(ATAN[0], "float32")
    for c in ATAN[1:]:
        series = build.fadd(build.mul(series, z), c)
    angle = build.fmul(build.add(build.mul(build.mul(series, z), t), t), 4)
    return build.where(large, build.sub(scalar(np.pi / 2, "float32"), angle), angle)


@lower("Atan")
def _arctangent(context: Context) -> list[Value]:
    build, x = context.build, context.x
    return [_with_sign(build, x, _atan(build, build.absolute(x)))]


@lower("Asin")
def _asin(context: Context) -> list[Value]:
    build, x = context.build, context.x
    a = build.absolute(x)
    one = scalar(1, "float32")
    other = build.sqrt(build.mul(build.sub(one, a), build.fadd(a, 1)))
    return [_with_sign(build, x, _atan(build, build.div(a, other)))]


@lower("Acos")
def _acos(context: Context) -> list[Value]:
    build, x = context.build, context.x
    ratio = build.div(build.sub(scalar(1, "float32"), x), build.fadd(x, 1))
    return [build.fmul(_atan(build, build.sqrt(ratio)), 2)]
