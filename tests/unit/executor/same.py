"""One digest of many results: run in this process and in others. `python -m tests.unit.executor.same` prints it."""

from __future__ import annotations

import hashlib

import numpy as np

from opg.tensor import compile_onnx, execute, trace
from opg.tensor.functions import Fn, arity
from opg.tensor.program import Access, Kind, Op, Program
from tests.unit.executor.ops import floats

FUNCTIONS = [
    Fn.EXP,
    Fn.LOG,
    Fn.TANH,
    Fn.ERF,
    Fn.SIGMOID,
    Fn.SIN,
    Fn.POW,
    Fn.DIV,
    Fn.SQRT,
    Fn.ROUND,
    Fn.FMOD,
    Fn.MAX,
    Fn.F2I,
]


def network() -> tuple[Program, list[np.ndarray]]:
    """Layers large enough for several threads: products, functions, sums, a transpose."""
    rows, width = 700, 96
    ops, value = [], 0
    weights = [(floats(i, width * width, 0).view(np.float32) / 20).view(np.uint32) for i in range(3)]
    first = 1 + len(weights)

    def add(op: Op) -> None:
        nonlocal value
        ops.append(op.encode())
        value = first + len(ops) - 1

    for layer in range(3):
        bias = Access(layer + 1, (0, 1, 0))
        a, b = Access(value, (width, 0, 1)), Access(layer + 1, (0, width, 1))
        add(Op(Kind.CONTRACT, Fn.MUL, (rows, width), (width,), (a, b, bias)))
        full = value
        add(Op(Kind.REDUCE, Fn.ADD, (rows,), (width,), (Access(full, (width, 1)),)))
        add(Op(Kind.MAP, Fn.SUB, (rows, width), (), (Access(full, (width, 1)), Access(value, (1, 0)))))
        for fn in (Fn.TANH, Fn.EXP, Fn.ERF):
            add(Op(Kind.MAP, fn, (rows * width,), (), (Access(value, (1,)),)))
        add(Op(Kind.MOVE, 0, (rows, width), (), (Access(value, (1, rows)),)))
    return Program((rows * width,), weights, ops, (len(ops) - 1, 1)), [floats(9, rows * width, 0)]


def digest() -> str:
    found = hashlib.sha256()
    program, inputs = network()
    for words in [*execute(program, inputs), *trace(program, inputs).results]:
        found.update(words.tobytes())
    found.update(trace(program, inputs).tree.root)
    for fn in FUNCTIONS:
        words = [floats(fn + i, 3001, 0.2) for i in range(arity(fn))]
        op = Op(Kind.MAP, fn, (3001,), (), tuple(Access(i, (1,)) for i in range(len(words))))
        found.update(execute(Program((3001,) * len(words), [], [op.encode()], (0,)), words)[0].tobytes())
    digits = compile_onnx("opg/models/digits.onnx", {"batch": 1}).program
    found.update(trace(digits, [floats(1, 64, 0)]).tree.root)
    return found.hexdigest()


if __name__ == "__main__":
    print(digest())
