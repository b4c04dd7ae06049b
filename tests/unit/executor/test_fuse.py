"""Runs of row steps go tile by tile; nothing about the words changes."""

import numpy as np
import pytest

from opg.tensor import execute
from opg.tensor.functions import Fn
from opg.tensor.plan import Plan
from opg.tensor.program import NO_VALUE, Access, Kind, Op, Program
from tests.conftest import DEEP
from tests.plain_executor import results
from tests.unit.executor.ops import floats


class Chain:
    """Builds a program on one input of shape [rows, length]; a value is (number, words)."""

    def __init__(self, rows: int, length: int):
        self.rows, self.length = rows, length
        self.constants = [floats(77, length)]
        self.ops: list[Op] = []

    @property
    def made(self) -> int:
        """The number of the newest value."""
        return 1 + len(self.ops)

    def full(self, value: int) -> Access:
        return Access(value, (self.length, 1))

    def row(self, value: int) -> Access:
        return Access(value, (1, 0))

    def map(self, fn: int, *operands: Access) -> int:
        self.ops.append(Op(Kind.MAP, fn, (self.rows, self.length), (), operands))
        return self.made

    def flat(self, fn: int, *values: int) -> int:
        self.ops.append(Op(Kind.MAP, fn, (self.rows * self.length,), (), tuple(Access(v, (1,)) for v in values)))
        return self.made

    def each(self, fn: int, *values: int) -> int:
        self.ops.append(Op(Kind.MAP, fn, (self.rows,), (), tuple(Access(v, (1,)) for v in values)))
        return self.made

    def fold(self, fn: int, value: int) -> int:
        self.ops.append(Op(Kind.REDUCE, fn, (self.rows,), (self.length,), (self.full(value),)))
        return self.made

    def turn(self, value: int) -> int:
        self.ops.append(Op(Kind.MOVE, 0, (self.rows, self.length), (), (Access(value, (1, self.rows)),)))
        return self.made

    def program(self, *outputs: int) -> Program:
        words = (self.rows * self.length,)
        return Program(words, self.constants, [o.encode() for o in self.ops], tuple(o - 2 for o in outputs))


def check(chain: Chain, outputs: list[int], *expected: tuple[str, int]) -> Plan:
    program = chain.program(*outputs)
    plan = Plan(program)
    if expected:
        assert [(s.kernel, len(s.parts)) for s in plan.steps] == list(expected)
    inputs = [floats(chain.rows + chain.length, chain.rows * chain.length)]
    want = results(program, inputs)
    for got, output in zip(execute(program, inputs), program.outputs, strict=True):
        assert np.array_equal(got, want[output]), program.op(output)
    return plan


def softmax(chain: Chain, x: int) -> int:
    top = chain.fold(Fn.MAX, x)
    powers = chain.flat(Fn.EXP, chain.map(Fn.SUB, chain.full(x), chain.row(top)))
    return chain.map(Fn.DIV, chain.full(powers), chain.row(chain.fold(Fn.ADD, powers)))


@pytest.mark.parametrize("shape", [(16, 16), (1, 40), (37, 45), (300, 33), (5, 700)])
def test_softmax(shape):
    chain = Chain(*shape)
    plan = check(chain, [softmax(chain, 0)], ("fused", 5))
    assert plan.words < 3 * shape[0] * shape[1] + 500  # the input and the output; the rest is in scratch memory


@pytest.mark.parametrize("shape", [(16, 16), (37, 45), (130, 96)])
def test_a_normalisation(shape):
    chain = Chain(*shape)
    mean = chain.each(Fn.ABS, chain.fold(Fn.ADD, 0))
    centred = chain.map(Fn.SUB, chain.full(0), chain.row(mean))
    spread = chain.each(Fn.SQRT, chain.fold(Fn.ADD, chain.flat(Fn.MUL, centred, centred)))
    scaled = chain.map(Fn.DIV, chain.full(centred), chain.row(spread))
    check(chain, [chain.map(Fn.MUL, chain.full(scaled), Access(1, (0, 1)))], ("fused", 8))


def test_what_is_read_later_or_is_an_output_is_kept():
    chain = Chain(60, 50)
    first = chain.flat(Fn.NEG, 0)
    second = chain.flat(Fn.EXP, first)
    third = chain.flat(Fn.ADD, first, second)
    last = chain.map(Fn.SUB, chain.full(chain.turn(third)), chain.full(second))
    check(chain, [last, second], ("fused", 3), ("turn", 0), ("map", 0))


def test_a_read_out_of_order_ends_a_run():
    chain = Chain(60, 50)
    value = chain.flat(Fn.EXP, chain.flat(Fn.NEG, 0))
    shifted = chain.map(Fn.ADD, chain.full(value), Access(value, (50, 1), 1))
    check(chain, [chain.flat(Fn.TANH, shifted)], ("fused", 2), ("fused", 2))


def test_rows_too_long_for_a_tile_are_not_fused():
    chain = Chain(20, 4000)
    check(chain, [softmax(chain, 0)], ("reduce rows", 0), ("fused", 2), ("reduce rows", 0), ("map", 0))


def test_random_chains():
    rng = np.random.default_rng(8)
    fused = 0
    for _ in range(3000 if DEEP else 40):
        chain = Chain(int(rng.integers(1, 90)), int(rng.integers(1, 130)))
        full, row = [0], []
        for _ in range(int(rng.integers(2, 12))):
            pick = lambda values: int(rng.choice(values[-3:]))  # noqa: E731
            kind = rng.integers(0, 7 if row else 4)
            if kind == 0:
                full.append(chain.flat(int(rng.choice([Fn.NEG, Fn.EXP, Fn.ABS])), pick(full)))
            elif kind == 1:
                full.append(chain.flat(int(rng.choice([Fn.ADD, Fn.MUL, Fn.MAX])), pick(full), pick(full)))
            elif kind == 2:
                one = Access(NO_VALUE, (0, 0), 0, 0x3FC00000) if rng.random() < 0.5 else Access(1, (0, 1))
                full.append(chain.map(Fn.MUL, chain.full(pick(full)), one))
            elif kind == 3:
                row.append(chain.fold(int(rng.choice([Fn.ADD, Fn.MAX])), pick(full)))
            elif kind == 4:
                full.append(chain.map(Fn.SUB, chain.full(pick(full)), chain.row(pick(row))))
            elif kind == 5:
                row.append(chain.each(int(rng.choice([Fn.ADD, Fn.MUL])), pick(row), pick(row)))
            else:
                full.append(chain.turn(pick(full)))
        outputs = sorted({chain.made, *(int(v) for v in rng.integers(2, chain.made + 1, 2))})
        plan = check(chain, outputs)
        fused += sum(s.kernel == "fused" for s in plan.steps)
    assert fused > 20
