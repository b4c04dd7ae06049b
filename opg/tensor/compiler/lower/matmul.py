"""Products of matrices."""

from __future__ import annotations

from math import prod

from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import FLOAT, INT, LONG
from opg.tensor.compiler.values import Value, broadcast, layout, permute, unsqueeze, view
from opg.tensor.errors import TensorError
from opg.tensor.functions import Fn


@lower("MatMul")
def _matmul(context: Context) -> list[Value]:
    a, b = context.need(0), context.need(1)
    if a.dtype not in (FLOAT, INT, LONG):
        raise TensorError(f"does not take {a.dtype}")
    return [context.build.matmul(a, b).typed(a.dtype)]


@lower("Gemm")
def _gemm(context: Context) -> list[Value]:
    build, a, b, c = context.build, context.need(0), context.need(1), context.given(2)
    build.floats(a, b, *([c] if c else []))
    if a.rank != 2 or b.rank != 2:
        raise TensorError(f"multiplies shapes {list(a.shape)} and {list(b.shape)}")
    alpha, beta = context.attr("alpha", 1.0), context.attr("beta", 1.0)
    a = permute(a, [1, 0]) if context.attr("transA", 0) else a
    b = permute(b, [1, 0]) if context.attr("transB", 0) else b
    if alpha != 1.0:
        small = a if a.words < b.words and not b.is_constant else b
        scaled = build.fmul(small, alpha)
        a, b = (scaled, b) if small is a else (a, scaled)
    if c is not None and beta != 1.0:
        c = build.fmul(c, beta)
    return [build.matmul(a, b, c)]


def einsum(context: Context, equation: str, values: list[Value]) -> Value:
    """Einstein's summation, two operands at a time from the left."""
    build = context.build
    equation = equation.replace(" ", "")
    given, _, wanted = equation.partition("->")
    terms = given.split(",")
    if len(terms) != len(values):
        raise TensorError(f"has {len(values)} operands for {equation!r}")
    named: list[tuple[list[str], Value]] = []
    for term, value in zip(terms, values, strict=True):
        head, dots, tail = term.partition("...")
        spread = value.rank - len(head) - len(tail)
        if spread < 0 or (not dots and spread):
            raise TensorError(f"reads shape {list(value.shape)} as {term!r}")
        named.append(([*head, *[f".{spread - i}" for i in range(spread)], *tail], value))
    every = [n for names, _ in named for n in names]
    dots = sorted({n for n in every if n.startswith(".")}, key=lambda n: -int(n[1:]))
    if "->" in equation:
        head, found, tail = wanted.partition("...")
        result = [*head, *(dots if found else []), *tail]
    else:
        result = dots + sorted(n for n in set(every) if every.count(n) == 1 and not n.startswith("."))
    named = [_diagonal(names, value) for names, value in named]
    names, value = named[0]
    for number, (other_names, other) in enumerate(named[1:], 1):
        later = {n for more, _ in named[number + 1 :] for n in more} | set(result)
        names, value = _pair(context, names, value, other_names, other, later)
    folded = [a for a, n in enumerate(names) if n not in result]
    if folded:
        value = build.reduce(Fn.ADD if value.dtype == FLOAT else Fn.IADD, value, folded)
        names = [n for n in names if n in result]
    if set(result) - set(names):
        raise TensorError(f"names {sorted(set(result) - set(names))} only in the result of {equation!r}")
    return permute(value, [names.index(n) for n in result])


def _diagonal(names: list[str], value: Value) -> tuple[list[str], Value]:
    """Joins axes of one name."""
    for name in [n for n in dict.fromkeys(names) if names.count(n) > 1]:
        axes = [a for a, n in enumerate(names) if n == name]
        if len({value.shape[a] for a in axes}) != 1:
            raise TensorError(f"axes named {name!r} differ in length")
        strides, base = layout(value)
        keep = [a for a in range(len(names)) if a not in axes[1:]]
        joined = [sum(strides[x] for x in axes) if a == axes[0] else strides[a] for a in keep]
        value = view(value, [value.shape[a] for a in keep], joined, base)
        names = [names[a] for a in keep]
    return names, value


def _pair(context: Context, left: list[str], a: Value, right: list[str], b: Value,
          later: set[str]) -> tuple[list[str], Value]:  # fmt: skip
    build = context.build
    sizes: dict[str, int] = {}
    for names, value in ((left, a), (right, b)):
        for name, size in zip(names, value.shape, strict=True):
            if sizes.get(name, 1) != 1 and size not in (1, sizes[name]):
                raise TensorError(f"axes named {name!r} differ in length")
            sizes[name] = max(size, sizes.get(name, 1))
    kept = [n for n in sizes if n in later]
    summed = [n for n in sizes if n not in later]

    def spread(names: list[str], value: Value) -> Value:
        """The value with the axes kept, then those summed, contiguous."""
        order = [n for n in (*kept, *summed) if n in names]
        value = permute(value, [names.index(n) for n in order])
        if summed and value.rank:
            value = build.along(value)
        for axis, name in enumerate((*kept, *summed)):
            if name not in order:
                value = unsqueeze(value, axis)
        return broadcast(value, [sizes[n] for n in (*kept, *summed)])

    a, b = spread(left, a), spread(right, b)
    if not summed or prod(sizes[n] for n in summed) == 1:
        out = build.reshape(build.mul(a, b), [sizes[n] for n in kept])
    else:
        out = build.contract(a, b, None, len(kept)).typed(a.dtype)
    return kept, out


@lower("Einsum")
def _einsum(context: Context) -> list[Value]:
    values = [context.need(i) for i in range(len(context.inputs))]
    if context.build.same_type(*values) not in (FLOAT, INT, LONG):
        raise TensorError(f"does not take {values[0].dtype}")
    return [einsum(context, context.text("equation"), values)]
