"""Control flow whose course is known at compile time; a branch that is not is taken both ways."""

from __future__ import annotations

import numpy as np

from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import LONG
from opg.tensor.compiler.values import Value, constant, index, scalar, unsqueeze
from opg.tensor.errors import TensorError

MAX_TURNS = 1_024


@lower("If")
def _if(context: Context) -> list[Value]:
    condition, build = context.need(0), context.build
    if condition.words != 1:
        raise TensorError(f"has a condition of shape {list(condition.shape)}")
    if condition.is_constant:
        branch = "then_branch" if condition.array.reshape(-1)[0] else "else_branch"
        return context.body(context.attr(branch), [])
    then, other = (context.body(context.attr(name), []) for name in ("then_branch", "else_branch"))
    condition = build.reshape(condition, ())
    results = []
    for a, b in zip(then, other, strict=True):
        if a.shape != b.shape:
            raise TensorError(f"gives shape {list(a.shape)} or {list(b.shape)}, by what is computed at run time")
        results.append(build.where(condition, a, b))
    return results


@lower("Loop")
def _loop(context: Context) -> list[Value]:
    """Unrolled while its condition is known."""
    graph = context.attr("body")
    trips = context.constant(0, "the number of turns")
    state = list(context.inputs[2:])
    kept = len(state)
    condition = context.given(1)
    scans: list[list[Value]] = [[] for _ in range(len(graph.output) - 1 - kept)]
    turn = 0
    while trips is None or turn < int(trips.reshape(-1)[0]):
        if condition is not None and not condition.is_constant:
            raise TensorError("goes on by a condition that is computed at run time")
        if condition is not None and not condition.array.reshape(-1)[0]:
            break
        if turn == MAX_TURNS:
            raise TensorError(f"is unrolled at most {MAX_TURNS} times")
        if any(v is None for v in state):
            raise TensorError("lacks an initial value")
        given = [scalar(turn, LONG), condition if condition is not None else constant(np.bool_(True)), *state]
        out = context.body(graph, given)
        condition, state = out[0], out[1 : 1 + kept]
        for scan, value in zip(scans, out[1 + kept :], strict=True):
            scan.append(unsqueeze(value, 0))
        turn += 1
    if any(not s for s in scans):
        raise TensorError("has an output of no turns")
    return [*state, *(context.build.concat(s, 0) for s in scans)]


@lower("Scan")
def _scan(context: Context) -> list[Value]:
    if context.opset < 9:
        raise TensorError("is of an opset before 9")
    build, graph, count = context.build, context.attr("body"), context.attr("num_scan_inputs")
    kept = len(context.inputs) - count
    state, sources = list(context.inputs[:kept]), list(context.inputs[kept:])
    outs = len(graph.output) - kept
    into = context.attr("scan_input_directions") or [0] * count
    out_of = context.attr("scan_output_directions") or [0] * outs
    axes_in = [
        context.axis(a, s.rank) for a, s in zip(context.attr("scan_input_axes") or [0] * count, sources, strict=True)
    ]
    axes_out = context.attr("scan_output_axes") or [0] * outs
    turns = sources[0].shape[axes_in[0]]
    if turns > MAX_TURNS or any(s.shape[a] != turns for s, a in zip(sources, axes_in, strict=True)):
        raise TensorError(f"goes over {turns} elements; all its inputs have as many, at most {MAX_TURNS}")
    scans: list[list[Value]] = [[] for _ in range(outs)]
    for turn in range(turns):
        now = [index(s, a, turns - 1 - turn if b else turn) for s, a, b in zip(sources, axes_in, into, strict=True)]
        found = context.body(graph, [*state, *now])
        state = found[:kept]
        for scan, value in zip(scans, found[kept:], strict=True):
            scan.append(value)
    results = []
    for scan, axis, backwards in zip(scans, axes_out, out_of, strict=True):
        axis %= scan[0].rank + 1
        parts = [unsqueeze(v, axis) for v in scan]
        results.append(build.concat(parts[::-1] if backwards else parts, axis))
    return [*state, *results]
