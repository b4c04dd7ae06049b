"""Attack 23: wherever one bit of an answer is wrong, whoever knows better wins, and has more afterwards."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg.game import ChallengerMind, OperatorMind, Phase
from opg.tensor import Access, Kind, Op, Program, Trace
from opg.tensor.commitment import chunk_count
from opg.tensor.functions import Fn
from tests.conftest import DEEP
from tests.evm import Evm
from tests.game_world import BOUNTY, PENALTY, PURSE, STAKE, GameWorld, Match, chain, digits
from tests.liars import (
    Silent,
    WrongNodes,
    corrupted,
    dirty_leaf,
    dirty_padding,
    garbage_trace,
    other_input,
    wrong_length,
)

SHAPES = [
    (1, 1),
    (1, 64),
    (1, 65),
    (2, 63),
    (3, 129),
    (5, 1),
    (9, 200),
    (256, 1),
    (257, 1),
    (300, 2),
    (2, 16_385),
]
OPERATORS_PHASES = [p for p in Phase if p.waits_for_operator]


@cache
def world_of(op_count: int, words: int) -> GameWorld:
    """One world for each shape; games are played aside."""
    return GameWorld(Evm(), chain(op_count, words))


@cache
def digits_world() -> GameWorld:
    return GameWorld(Evm(), digits())


def play(world: GameWorld, lie: Trace, operator: OperatorMind | None = None) -> Match:
    """A whole game against an answer out of `lie`; what has to hold whatever the lie was."""
    assert lie.output_root != world.honest.output_root, "the answer is right: there is nothing to win"
    start = world.evm.now
    match = world.against(lie).play(operator or OperatorMind(lie), ChallengerMind(world.honest))
    assert match.won_by_challenger
    assert world.wealth(world.alice) == PURSE + BOUNTY
    assert world.staking.stakeOf(world.bob).active == STAKE - PENALTY
    assert world.inference.answerState(world.inference.hashAnswer(match.answer)).refuted
    assert world.evm.now - start <= world.disputes.maxGameSeconds() + 1
    world.check_books()
    return match


def is_proven(match: Match) -> bool:
    """Whether it was arithmetic that ended it, not silence."""
    return match.gas[-1][0] == "prove"


@pytest.mark.parametrize("op", range(len(digits().encoded)))
@pytest.mark.parametrize("continued", [True, False])
def test_a_wrong_word_anywhere_in_the_digits_model(op, continued):
    """Every operation; its first and last word and random ones; random bits."""
    world, random = digits_world(), np.random.default_rng(op)
    words = world.program.words_of(op)
    for element in {0, words - 1, *random.integers(words, size=40 if DEEP else 4).tolist()}:
        lie = corrupted(world.honest, op, element, flip=1 << int(random.integers(32)), continued=continued)
        with world.aside():
            match = play(world, lie)
            assert is_proven(match)
            assert match.state.op_index == op


@given(data=st.data())
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_wrong_word_anywhere_in_trees_of_all_forms(shape, data):
    """One operation to two levels of them, one word to two levels of chunks."""
    world = world_of(*shape)
    op = data.draw(st.integers(0, shape[0] - 1), "op")
    element = data.draw(st.integers(0, shape[1] - 1), "element")
    flip = data.draw(st.integers(1, 2**32 - 1), "flip")
    lie = corrupted(world.honest, op, element, flip, data.draw(st.booleans(), "continued"))
    with world.aside():
        match = play(world, lie)
        assert is_proven(match)
        assert (match.state.op_index, match.state.index) == (op, element // 64)


def test_a_tensor_of_three_levels(evm):
    """65,537 chunks."""
    world = GameWorld(evm, chain(op_count=1, words=4_194_305))
    match = play(world, corrupted(world.honest, 0, 2_000_000))
    assert is_proven(match)
    assert len(match.levels) == 1 + 3


def test_a_trace_of_three_levels(evm):
    """65,537 operations, all but the last of them malformed: each of those is the tensor [0], or a lie."""
    last = Op(Kind.MAP, Fn.NEG, (1,), (), (Access(1, (1,)),)).encode()
    world = GameWorld(evm, Program((1,), [], [b"no operation"] * 65_536 + [last], (65_536,)))
    match = play(world, corrupted(world.honest, 40_000, 0, continued=False))
    assert is_proven(match)
    assert (len(match.levels), match.state.op_index) == (3, 40_000)


Lie = Callable[[Trace], Trace]
TREE_LIES: dict[str, Lie] = {
    "one word longer": lambda right, op: wrong_length(right, op, 1),
    "one word shorter": lambda right, op: wrong_length(right, op, -1),
    "a chunk longer": lambda right, op: wrong_length(right, op, 64),
    "dirty padding": dirty_padding,
    "a dirty leaf": dirty_leaf,
}


def has(program: Program, op: int, lie: str) -> bool:
    """Whether there is a place for such a lie."""
    words = program.words_of(op)
    chunks = chunk_count(words)
    return {
        "one word shorter": words > 1,
        "dirty padding": words % 64 != 0,
        "a dirty leaf": chunks & (chunks - 1) != 0,
    }.get(lie, True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 65), (3, 129), (5, 150), (257, 70)], ids=str)
@pytest.mark.parametrize("name", TREE_LIES)
def test_commitments_that_no_tensor_has(shape, name):
    """In the output, and in the middle of a trace whose output is wrong as well."""
    world = world_of(*shape)
    last = shape[0] - 1
    for op in {last, last // 2}:
        if not has(world.program, op, name):
            continue
        wrong = world.honest if op == last else corrupted(world.honest, last, 0)
        with world.aside():
            match = play(world, TREE_LIES[name](wrong, op))
            assert not is_proven(match)


@pytest.mark.parametrize("shape", [(1, 1), (3, 129), (257, 1)], ids=str)
def test_the_right_results_of_another_input(shape):
    world = world_of(*shape)
    with world.aside():
        match = play(world, other_input(world.honest))
        assert is_proven(match)
        assert match.state.op_index == 0


def test_the_digits_of_another_image():
    world = digits_world()
    with world.aside():
        assert is_proven(play(world, other_input(world.honest, element=20)))


@pytest.mark.parametrize("shape", [(2, 63), (3, 129), (257, 1)], ids=str)
def test_a_trace_of_hashes_of_nothing(shape):
    """The operator cannot open what it never had."""
    world = world_of(*shape)
    with world.aside():
        lie = garbage_trace(world.honest, world.honest.results[-1] ^ np.uint32(1))
        match = play(world, lie)
        assert not is_proven(match)
        assert match.state.op_index == 0


@pytest.mark.parametrize("shape", [(1, 1), (3, 129), (257, 1)], ids=str)
def test_an_output_that_is_not_in_the_trace(shape):
    """It signed one thing and has only the right trace to show."""
    world = world_of(*shape)
    with world.aside():
        match = play(world, corrupted(world.honest, shape[0] - 1, 0), OperatorMind(world.honest))
        assert [verb for verb, _ in match.gas] == ["open", "claimTimeout"]


@pytest.mark.parametrize("phase", OPERATORS_PHASES)
def test_nodes_and_chunks_that_hash_to_something_else(phase):
    world = world_of(300, 150)
    lie = corrupted(world.honest, 123, 70)
    with world.aside():
        match = play(world, lie, WrongNodes(lie, phase))
        assert is_proven(match) == (phase == Phase.REVEAL_TRACE)


@pytest.mark.parametrize("moves", range(5))
def test_silence_after_any_move(moves):
    world = world_of(300, 150)
    lie = corrupted(world.honest, 123, 70)
    with world.aside():
        match = play(world, lie, Silent(lie, moves))
        assert is_proven(match) == (moves == 4)
        assert sum(verb.startswith("reveal") for verb, _ in match.gas) == moves


def test_a_lie_in_each_of_several_outputs(evm):
    """An output that is an earlier operation, and one that is named twice."""
    world = GameWorld(evm, chain(6, 70, outputs=(2, 5, 2)))
    for op, blamed in enumerate([0, 1, 2, 2, 2, 5]):
        with world.aside():
            match = play(world, corrupted(world.honest, op, 69, continued=False))
            assert match.state.op_index == blamed
