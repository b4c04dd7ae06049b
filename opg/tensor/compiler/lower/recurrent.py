"""Recurrent operators, unrolled: one product for all steps of the input, then one for each step of the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from opg.tensor.compiler.lower.elementwise import activation
from opg.tensor.compiler.ops import Ops
from opg.tensor.compiler.registry import Context, lower
from opg.tensor.compiler.types import FLOAT, INT
from opg.tensor.compiler.values import Value, constant, index, narrow, permute, scalar, unsqueeze
from opg.tensor.errors import TensorError

MAX_STEPS = 4_096
Function = Callable[[Value], Value]


@dataclass(frozen=True)
class Direction:
    """What one direction works with. Gates lie along the second axis in ONNX's order."""

    build: Ops
    hidden: int
    gates: Value  # [sequence, batch, gates·hidden]: W·x + all biases that may be added to it
    r: Value  # [gates·hidden, hidden]
    r_bias: Value | None
    peepholes: Value | None
    functions: list[Function]
    clip: float | None

    def recur(self, h: Value, init: Value, first: int = 0, count: int | None = None) -> Value:
        """R·h + init for some of the gates."""
        r = self.r if count is None else narrow(self.r, 0, first * self.hidden, count * self.hidden)
        return self.build.matmul(h, permute(r, [1, 0]), init)

    def gate(self, value: Value, number: int) -> Value:
        return narrow(value, value.rank - 1, number * self.hidden, self.hidden)

    def apply(self, number: int, value: Value) -> Value:
        if self.clip:
            limit = scalar(self.clip, FLOAT)
            value = self.build.minimum(self.build.maximum(value, self.build.neg(limit)), limit)
        return self.functions[number](value)


def _functions(context: Context, usual: list[str], directions: int) -> list[list[Function]]:
    """The activations of each direction."""
    names = [n.decode() if isinstance(n, bytes) else n for n in context.attr("activations") or usual * directions]
    if len(names) != len(usual) * directions:
        raise TensorError(f"names {len(names)} activations for {directions} directions of {len(usual)}")
    alphas, betas = list(context.attr("activation_alpha") or []), list(context.attr("activation_beta") or [])
    with_alpha = {"Affine", "LeakyRelu", "ThresholdedRelu", "ScaledTanh", "HardSigmoid", "Elu"}
    with_beta = {"Affine", "ScaledTanh", "HardSigmoid"}
    known = {n.lower(): n for n in (*with_alpha, "Tanh", "Sigmoid", "Relu", "Softsign", "Softplus")}
    functions = []
    for name in names:
        name = known.get(name.lower(), name)
        alpha = alphas.pop(0) if name in with_alpha and alphas else None
        beta = betas.pop(0) if name in with_beta and betas else None
        functions.append(lambda x, name=name, alpha=alpha, beta=beta: activation(context.build, name, x, alpha, beta))
    return [functions[i * len(usual) : (i + 1) * len(usual)] for i in range(directions)]


def _recurrent(context: Context, gates: int, usual: list[str], states: int,
               step: Callable[[Direction, Value, list[Value]], list[Value]], split_bias: bool) -> list[Value]:  # fmt: skip
    """Runs all directions; `step` makes new states from one step's gates and the states, the hidden state first."""
    build, x, w, r, bias = context.build, context.need(0), context.need(1), context.need(2), context.given(3)
    lengths, peepholes = context.given(4), context.given(7) if states == 2 else None
    build.floats(x, w, r)
    hidden = context.attr("hidden_size", r.shape[-1])
    batch_first = context.attr("layout", 0)
    way = context.text("direction", "forward")
    ways = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}.get(way)
    if ways is None or context.attr("input_forget", 0):
        raise TensorError(f"has direction {way!r}" if ways is None else "couples its gates (input_forget)")
    x = permute(x, [1, 0, 2]) if batch_first else x
    sequence, batch, size = x.shape
    directions = len(ways)
    want = ((directions, gates * hidden, size), (directions, gates * hidden, hidden))
    if (w.shape, r.shape) != want:
        raise TensorError(
            f"has weights of shapes {list(w.shape)} and {list(r.shape)}, not {list(want[0])}, {list(want[1])}"
        )
    if sequence > MAX_STEPS:
        raise TensorError(f"is unrolled over {sequence} steps; at most {MAX_STEPS} are supported")
    if lengths is not None and lengths.is_constant and (lengths.array == sequence).all():
        lengths = None
    functions = _functions(context, usual, directions)
    everything, last = [], []
    for number, backwards in enumerate(ways):
        w_bias = r_bias = None
        if bias is not None:
            both = index(bias, 0, number)
            w_bias, r_bias = (narrow(both, 0, at * gates * hidden, gates * hidden) for at in (0, 1))
            if not split_bias:
                w_bias, r_bias = build.add(w_bias, r_bias), None
        flat = build.reshape(x, (sequence * batch, size))
        inner = build.matmul(flat, permute(index(w, 0, number), [1, 0]), w_bias)
        direction = Direction(
            build, hidden, build.reshape(inner, (sequence, batch, gates * hidden)), index(r, 0, number), r_bias,
            None if peepholes is None else index(peepholes, 0, number), functions[number], context.attr("clip"),
        )  # fmt: skip
        state = []
        for given in (context.given(5), context.given(6))[:states]:
            if given is None:
                state.append(constant(np.zeros((batch, hidden), np.float32)))
            else:
                state.append(index(permute(given, [1, 0, 2]) if batch_first else given, 0, number))
        made = _unrolled(direction, state, step, backwards, lengths)
        everything.append(made[0])
        last.append(made[1])
    axis = 2 if batch_first else 1  # of the directions in Y, once it is there
    found: list[Value | None] = [None]
    if context.wants(0):
        parts = [unsqueeze(y, 1) for y in everything]  # [sequence, 1, batch, hidden]
        y = build.concat(parts, 1)
        found = [permute(y, [2, 0, 1, 3]) if axis == 2 else y]
    for number in range(states):
        if context.wants(1 + number):
            end = build.concat([unsqueeze(state[number], 0) for state in last], 0)
            found.append(permute(end, [1, 0, 2]) if batch_first else end)
        else:
            found.append(None)
    return found


def _unrolled(direction: Direction, state: list[Value], step: Callable, backwards: bool,
              lengths: Value | None) -> tuple[Value, list[Value]]:  # fmt: skip
    """The hidden states of all steps [sequence, batch, hidden], and the last states."""
    build = direction.build
    sequence = direction.gates.shape[0]
    steps: list[Value] = [state[0]] * sequence
    for number in reversed(range(sequence)) if backwards else range(sequence):
        new = step(direction, index(direction.gates, 0, number), state)
        shown = new[0]
        if lengths is not None:  # beyond its length a sequence keeps its state and shows zeros
            runs = unsqueeze(build.less(scalar(number, INT), build.cast(lengths, INT)), 1)
            new = [build.where(runs, now, before) for now, before in zip(new, state, strict=True)]
            shown = build.where(runs, shown, scalar(0, FLOAT))
        state = new
        steps[number] = shown
    return build.concat([unsqueeze(s, 0) for s in steps], 0), state


@lower("LSTM")
def _lstm(context: Context) -> list[Value]:
    """Gates in the order i, o, f, c."""

    def step(d: Direction, gates: Value, state: list[Value]) -> list[Value]:
        build, (h, c) = d.build, state
        total = d.recur(h, gates)
        i, o, f, g = (d.gate(total, number) for number in range(4))
        peep = None if d.peepholes is None else [narrow(d.peepholes, 0, n * d.hidden, d.hidden) for n in range(3)]
        if peep:
            i, f = build.add(i, build.mul(peep[0], c)), build.add(f, build.mul(peep[2], c))
        new = build.add(build.mul(d.apply(0, f), c), build.mul(d.apply(0, i), d.apply(1, g)))
        o = build.add(o, build.mul(peep[1], new)) if peep else o
        return [build.mul(d.apply(0, o), d.functions[2](new)), new]

    return _recurrent(context, 4, ["Sigmoid", "Tanh", "Tanh"], 2, step, False)


@lower("GRU")
def _gru(context: Context) -> list[Value]:
    """Gates in the order z, r, h."""
    linear = context.attr("linear_before_reset", 0)

    def step(d: Direction, gates: Value, state: list[Value]) -> list[Value]:
        build, h, n = d.build, state[0], d.hidden
        both = d.recur(h, narrow(gates, 1, 0, 2 * n), 0, 2)
        own = narrow(gates, 1, 2 * n, n)
        bias = None
        if d.r_bias is not None:
            both = build.add(both, narrow(d.r_bias, 0, 0, 2 * n))
            bias = narrow(d.r_bias, 0, 2 * n, n)
        z, r = d.apply(0, d.gate(both, 0)), d.apply(0, d.gate(both, 1))
        if linear:
            inner = d.recur(h, scalar(0, FLOAT) if bias is None else bias, 2, 1)
            candidate = build.add(own, build.mul(r, inner))
        else:
            candidate = d.recur(build.mul(r, h), own, 2, 1)
            candidate = candidate if bias is None else build.add(candidate, bias)
        new = d.apply(1, candidate)
        rest = build.sub(scalar(1, FLOAT), z)
        return [build.add(build.mul(rest, new), build.mul(z, h))]

    return _recurrent(context, 3, ["Sigmoid", "Tanh"], 1, step, True)


@lower("RNN")
def _rnn(context: Context) -> list[Value]:
    def step(d: Direction, gates: Value, state: list[Value]) -> list[Value]:
        return [d.apply(0, d.recur(state[0], gates))]

    return _recurrent(context, 1, ["Tanh"], 1, step, False)
