"""MAP: every function, as rows of every shape, on hard words."""

import numpy as np
import pytest

from opg.tensor.functions import Fn, apply, arity
from opg.tensor.plan import Plan
from opg.tensor.program import NO_VALUE, Access, Guard, Kind, Op, Program
from opg.tensor.runner import Memory
from tests.conftest import DEEP
from tests.strategies_tensor import HARD
from tests.unit.executor.ops import check, floats, one

WORDS = 1_000_003 if DEEP else 20_011


def operands(fn: int) -> list[np.ndarray]:
    """Floats, integers, all pairs of hard words, noise."""
    rng = np.random.default_rng(fn)
    n = arity(fn)
    hard = np.array(np.meshgrid(*[HARD] * min(n, 2))).reshape(min(n, 2), -1)
    found = []
    for number in range(n):
        rest = WORDS - hard.shape[1]
        kinds = [
            rng.normal(0, 4, rest // 3).astype(np.float32).view(np.uint32),
            rng.integers(-70, 70, rest // 3).astype(np.int32).view(np.uint32),
            rng.integers(0, 1 << 32, rest - 2 * (rest // 3), dtype=np.uint32),
        ]
        found.append(np.concatenate([hard[min(number, 1)], rng.permutation(np.concatenate(kinds))]))
    return found


@pytest.mark.parametrize("fn", list(Fn), ids=lambda f: f.name)
def test_every_function_has_the_plain_words(fn):
    words = operands(fn)
    op = Op(Kind.MAP, fn, (WORDS,), (), tuple(Access(i, (1,)) for i in range(len(words))))
    program = Program((WORDS,) * len(words), [], [op.encode()], (0,))
    memory = Memory(Plan(program))
    memory.run(words)
    assert [s.kernel for s in memory.plan.steps] == ["map"]
    got, want = memory.outputs()[0], apply(fn, *words)
    wrong = np.flatnonzero(got != want)
    assert not len(wrong), [[hex(w[i]) for w in (*words, got, want)] for i in wrong[:5]]


SHAPES = {
    "a row for all": ((37, 45), (1665, 45), [(45, 1), (0, 1)], ()),
    "a word for each row": ((37, 45), (1665, 37), [(45, 1), (1, 0)], ()),
    "columns": ((37, 45), (1665, 1665), [(1, 37), (45, 1)], ()),
    "every third": ((50,), (150, 150), [(3,), (2,)], ()),
    "backwards": ((50,), (50, 50), [(-1,), (1,)], ()),
    "longer than a buffer": ((3, 2500), (2500, 3), [(0, 1), (1, 0)], ()),
    "guarded": ((9, 40), (500, 360), [(50, 1), (40, 1)], (Guard(-3, 29, (0, 1)), Guard(-1, 6, (1, 0)))),
    "one word": ((), (1, 1), [(), ()], ()),
    "four axes": ((3, 4, 5, 6), (360, 360), [(1, 90, 18, 3), (120, 30, 6, 1)], ()),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("fn", [Fn.SUB, Fn.MAX, Fn.ISUB], ids=lambda f: f.name)
def test_rows_of_every_shape(name, fn):
    dims, lengths, coefs, guards = SHAPES[name]
    base = 49 if name == "backwards" else 0
    a = Access(0, coefs[0], base, 0x7F800001, guards)
    op = Op(Kind.MAP, fn, dims, (), (a, Access(1, coefs[1])))
    check(one(op, list(lengths)), [floats(i, n) for i, n in enumerate(lengths)], "map")


def test_out_of_bounds_on_both_sides():
    op = Op(
        Kind.MAP, Fn.ADD, (7, 30), (), (Access(0, (9, 2), -20, 0x40400000), Access(NO_VALUE, (0, 0), 0, 0x3F800000))
    )
    check(one(op, [60]), [floats(1, 60)], "map")


def test_three_operands():
    op = Op(Kind.MAP, Fn.WHERE, (20, 33), (), (Access(0, (0, 1)), Access(1, (33, 1)), Access(2, (1, 0))))
    words = [np.arange(33, dtype=np.uint32) % 3, floats(1, 660), floats(2, 20)]
    check(one(op, [33, 660, 20]), words, "map")
