"""However the opened chunks are cut into runs, the word is the same, as long as every chunk that is read is there and runs ascend."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from opg.tensor import op_proof, openings, trace
from opg.tensor.commitment import CHUNK_WORDS, Tree
from opg.tensor.functions import Fn
from opg.tensor.program import NO_VALUE, Access, Guard, Kind, Op
from tests.conftest import DEEP
from tests.evm import Evm, reverts
from tests.strategies_tensor import random_op
from tests.unit.Referee import ops

openings_module = sys.modules["opg.tensor.openings"]  # `opg.tensor` has a function of this name
PROGRAMS = 1_500 if DEEP else 100


@pytest.fixture(scope="module")
def referee():
    return Evm().deploy("Referee")


def run_of(tree: Tree, first: int, last: int) -> tuple:
    return (first, tree.chunks(first, last), tree.range_siblings(first, last))


def cut_anyhow(rng: np.random.Generator):
    def runs_of(tree: Tree, addresses: list[int]) -> list[tuple]:
        runs: list[list[int]] = []
        for chunk in sorted({a // CHUNK_WORDS for a in addresses}):
            if runs and rng.random() < (0.5 if chunk == runs[-1][1] + 1 else 0.2):
                runs[-1][1] = chunk
            else:
                runs.append([chunk, chunk])
        return [run_of(tree, *run) for run in runs]

    return runs_of


@pytest.mark.parametrize("kind", list(Kind), ids=lambda k: k.name)
def test_runs_of_any_cut(referee, monkeypatch, kind):
    rng = np.random.default_rng([int(kind), 64])
    monkeypatch.setattr(openings_module, "runs_of", cut_anyhow(rng))
    for _ in range(PROGRAMS):
        program, inputs = random_op(rng, kind, longest=4_000)
        run, op = trace(program, inputs), len(program.encoded) - 1
        for position in {0, program.words_of(op) - 1, int(rng.integers(0, program.words_of(op)))}:
            claim = (program.root, run.input_root, run.tree.root, op, position)
            got = referee.element(claim, op_proof(program, op), openings(run, op, position))
            assert got == run.results[op][position], (program.op(op), position)


ROWS = {
    "forwards": ((7, 90), (0, 700, 1), 0),
    "backwards": ((7, 90), (0, 700, -1), 95),
    "by twos": ((5, 90), (0, 700, 2), 0),
    "across chunks": ((3, 40), (0, 5, 99), 3),
    "backwards across chunks": ((3, 40), (0, 5, -99), 3_990),
    "in place": ((9, 20), (0, 400, 0), 17),
    "short rows": ((90, 7), (0, 1, 600), 0),
    "short rows backwards": ((90, 7), (0, -1, -600), 4_080),
    "one axis": ((40, 40), (0, 40, 1), 100),
    "an axis of one step": ((9, 1, 20), (0, 200, 12345, 1), 0),
}
GUARDS = {
    "none": (),
    "inside": ((-30, 25, 1, 1),),
    "rising and falling": ((-1, 60, 0, 1), (70, 61, 0, -1)),
    "outer": ((-2, 4, 1, 0),),
    "never": ((0, 0, 0, 0),),
    "one step": ((-17, 1, 0, 1),),
    "fractions": ((-10, 31, 0, 3), (100, 90, 0, -7), (-5, 9, 2, 1)),
}


@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("guards", GUARDS)
@pytest.mark.parametrize("fill", [0, 0x3FC00001])
def test_rows(referee, monkeypatch, rows, guards, fill):
    """A tensor of 4,096 words, its last row partly behind the end, summed with every opened chunk a run of its own."""
    reduced, coefs, base = ROWS[rows]
    forms = tuple(Guard(o, limit, (0, a, *(0,) * (len(reduced) - 2), b)) for o, limit, a, b in GUARDS[guards])
    words = np.random.default_rng(5).integers(0, 1 << 32, 4096, dtype=np.uint32)
    for fn in (Fn.IADD, Fn.ADD):
        op = Op(Kind.REDUCE, fn, (3,), reduced, (Access(0, coefs, base, fill, forms),))
        case = ops.of(op, [words if fn == Fn.IADD else ops.floats(9, 4096)], [], 2)
        monkeypatch.setattr(
            openings_module,
            "runs_of",
            lambda tree, reads: [run_of(tree, c, c) for c in sorted({a // CHUNK_WORDS for a in reads})],
        )
        given, want = case.arguments()
        assert referee.element(*given) == want


def test_operands_that_are_immediates(referee):
    for kind, fn, n in ((Kind.CONTRACT, Fn.MUL, 3), (Kind.CONTRACT, Fn.IMUL, 3), (Kind.REDUCE, Fn.ADD, 1)):
        axes = tuple(Access(NO_VALUE, (0, 0), fill=0x40400000 + i) for i in range(n))
        given, want = ops.of(Op(kind, fn, (), (3, 11), axes), [ops.floats(1, 1)]).arguments()
        assert referee.element(*given) == want


@pytest.fixture
def spread() -> tuple[tuple, list, tuple]:
    """A sum over six words that lie in chunks 0, 10, 20 … 50, not all at their beginning."""
    op = Op(Kind.REDUCE, Fn.IADD, (), (6,), (Access(0, (641,)),))
    (claim, proof, [(count, root, path, runs)]), _ = ops.of(op, [ops.floats(1, 4096)]).arguments()
    assert len(runs) == 6
    return (claim, proof), [count, root, path], runs


def test_a_run_that_is_missing_among_others(referee, spread):
    (claim, proof), operand, runs = spread
    for gone in range(6):
        with reverts("ChunkNotOpened", 0, 10 * gone):
            referee.element(claim, proof, [(*operand, runs[:gone] + runs[gone + 1 :])])


def test_runs_that_do_not_ascend(referee, spread):
    (claim, proof), operand, runs = spread
    with reverts("ChunkNotOpened"):
        referee.element(claim, proof, [(*operand, runs[::-1])])


def test_runs_too_many(referee, spread):
    (claim, proof), operand, runs = spread
    want = referee.element(claim, proof, [(*operand, runs)])
    assert referee.element(claim, proof, [(*operand, sorted([*runs, *runs]))]) == want


def test_the_second_run_is_checked_too(referee, spread):
    (claim, proof), operand, runs = spread
    for i in range(6):
        first, chunks, siblings = runs[i]
        lie = (first, chunks[:-1] + bytes([chunks[-1] ^ 1]), siblings)
        with reverts("WrongRun", 0, i):
            referee.element(claim, proof, [(*operand, [*runs[:i], lie, *runs[i + 1 :]])])


def test_gaps_are_opened_when_that_is_cheaper(referee):
    """Between few chunks, or when the reading goes to and fro; not between far ones."""
    words = ops.floats(1, 64 * 64)

    def count(reduced: tuple[int, ...], coefs: tuple[int, ...]) -> int:
        given, want = ops.of(Op(Kind.REDUCE, Fn.IADD, (), reduced, (Access(0, coefs),)), [words]).arguments()
        assert referee.element(*given) == want
        return len(given[2][0][3])

    assert count((4,), (128,)) == 1
    assert count((4,), (640,)) == 4
    assert count((2, 4), (2048, 1)) == 2
    assert count((400, 2), (1, 2048)) == 1


def test_axes_are_walked_as_one_only_where_every_form_goes_on(referee):
    """The guard counts through both axes, the address jumps between them."""
    for reduced, coefs, guard in [((2, 9), (100, 1), (9, 1)), ((2, 9), (9, 1), (100, 1)), ((2, 3), (100, 1), (3, 1))]:
        access = Access(0, coefs, guards=(Guard(0, 105, guard),))
        given, want = ops.of(Op(Kind.REDUCE, Fn.IADD, (), reduced, (access,)), [ops.floats(1, 200)]).arguments()
        assert referee.element(*given) == want


def test_a_row_begins_where_it_comes_in_bounds(referee):
    """From below in strides, to the very first word or past it; a row that is long enough to be copied."""
    for base in (-4, -5, -6, -7):
        for coef in (2, 3):
            access = Access(0, (coef,), base, 1 << 20)
            given, want = ops.of(Op(Kind.REDUCE, Fn.IADD, (), (20,), (access,)), [ops.floats(1, 200)]).arguments()
            assert referee.element(*given) == want
