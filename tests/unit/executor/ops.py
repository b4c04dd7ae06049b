"""Operations for the executor's tests: programs of one, their words, and which kernels a plan chose."""

from __future__ import annotations

import numpy as np

from opg.tensor import execute, trace
from opg.tensor.plan import Plan
from opg.tensor.program import Op, Program
from tests.plain_executor import result
from tests.strategies_tensor import HARD


def floats(seed: int, count: int, hard: float = 0.02) -> np.ndarray:
    """Words of ordinary floats, a share of them hard: NaNs with payloads, infinities, zeros, subnormals."""
    rng = np.random.default_rng(seed)
    words = rng.normal(0, 2, count).astype(np.float32).view(np.uint32)
    return np.where(rng.random(count) < hard, rng.choice(HARD, count), words)


def one(op: Op, lengths: list[int], constants: list[np.ndarray] = ()) -> Program:
    """A program of one operation; its values are the inputs, then the constants."""
    program = Program(tuple(lengths), list(constants), [op.encode()], (0,))
    assert program.op(0) is not None, f"not well-formed: {op}"
    return program


def kernels(program: Program) -> list[str]:
    """The kernels of the plan, in order."""
    return [step.kernel for step in Plan(program).steps]


def check(program: Program, inputs: list[np.ndarray], *expected: str) -> None:
    """These kernels were chosen, and their words are those of the plain implementation."""
    if expected:
        assert kernels(program) == list(expected)
    values = [*inputs, *program.constants]
    want = result(program.op(0), values)
    got = execute(program, inputs)[0]
    wrong = np.flatnonzero(got != want)
    assert not len(wrong), (
        program.op(0),
        wrong[:5],
        [hex(x) for x in got[wrong[:5]]],
        [hex(x) for x in want[wrong[:5]]],
    )
    assert np.array_equal(trace(program, inputs).results[0], want)
