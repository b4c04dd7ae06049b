"""Attack 23: a lie in every kind of operation and every function of the machine, played to the verdict.

Two inputs, two constants, odd sizes, several outputs; and what a liar may swap under the trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest

from opg.game import ChallengerMind, OperatorMind
from opg.tensor import Access, Kind, Op, Program, Trace, trace
from opg.tensor.functions import Fn, arity
from opg.tensor.program import ARGS, FOLDS, NO_VALUE, Guard
from tests.conftest import DEEP
from tests.evm import Evm
from tests.game_world import BOUNTY, PURSE, GameWorld, Match, chain
from tests.liars import claiming, corrupted, flipped
from tests.strategies_tensor import HARD, random_op

N = 67  # words: one chunk and three
RANDOM_PROGRAMS = 40 if DEEP else 4


@cache
def every_operation() -> tuple[Program, list[np.ndarray], list[str]]:
    """Each function in `MAP`, both products, each fold, and moves and picks in and out of bounds; all feed the last."""
    random = np.random.default_rng(23)
    floats = random.normal(size=N).astype(np.float32).view(np.uint32)
    integers = random.integers(-40, 40, size=N + 4).astype(np.int32).view(np.uint32)
    constants = [np.resize(HARD, 131), random.normal(size=N).astype(np.float32).view(np.uint32)]
    ops: list[Op] = []
    names: list[str] = []

    def add(name: str, kind: Kind, fn: int, dims: tuple, reduced: tuple, *operands: Access, **more: int) -> None:
        ops.append(Op(kind, fn, dims, reduced, operands, **more))
        names.append(name)

    for fn in Fn:
        own = (1, 0, 1) if Fn.IADD <= fn <= Fn.I2F else (0, 3, 2)
        add(f"MAP {fn.name}", Kind.MAP, fn, (N,), (), *(Access(v, (1,)) for v in own[: arity(fn)]))
    for fn, left, right in ((Fn.MUL, 0, 3), (Fn.IMUL, 1, 1)):
        operands = Access(left, (0, 1, 13)), Access(right, (1, 0, 5)), Access(NO_VALUE, (0, 0, 0), fill=7)
        add(f"CONTRACT {fn.name}", Kind.CONTRACT, fn, (5, 3), (4,), *operands)
    for fn in sorted(FOLDS | ARGS):
        add(f"REDUCE {fn:#x}", Kind.REDUCE, fn, (3,), (2, 11), Access(1 if fn & 0x20 else 0, (1, 22, 2), 1))
    guard = Guard(-3, 40, (1,))
    add("MOVE", Kind.MOVE, 0, (150,), (), Access(0, (1,), -3, guards=(guard,)), Access(2, (1,), -20, fill=9))
    add("PICK", Kind.PICK, 0, (N,), (), Access(2, (1,)), Access(1, (1,)), stride=3, count=20)
    outputs = (len(ops) - 1, 0, 17, len(ops) - 2)
    return Program((N, N + 4), constants, [op.encode() for op in ops], outputs), [floats, integers], names


@cache
def the_world() -> GameWorld:
    program, inputs, _ = every_operation()
    return GameWorld(Evm(), program, inputs)


def check_the_liar_loses(world: GameWorld, lie: Trace, blamed: int | None) -> Match:
    """By proof, in the operation that is wrong; None: by silence."""
    with world.aside():
        match = world.against(lie).play(OperatorMind(lie), ChallengerMind(world.honest))
        assert match.won_by_challenger
        assert world.wealth(world.alice) == PURSE + BOUNTY
        assert match.gas[-1][0] == ("claimTimeout" if blamed is None else "prove")
        if blamed is not None:
            assert match.state.op_index == blamed
        world.check_books()
    return match


@pytest.mark.parametrize("op", range(len(every_operation()[2])), ids=every_operation()[2])
def test_a_wrong_word_in_every_operation(op):
    world = the_world()
    assert world.program.op(op) is not None, "this one is not well-formed"
    random, words = np.random.default_rng(op), world.program.words_of(op)
    for element in {0, words - 1, int(random.integers(words))} if DEEP else {int(random.integers(words))}:
        flip = 1 << int(random.integers(32))
        check_the_liar_loses(world, corrupted(world.honest, op, element, flip, continued=False), op)


@contextmanager
def another(world: GameWorld, program: Program, inputs: list[np.ndarray]) -> Iterator[GameWorld]:
    """The same people and contracts, about another program."""
    with world.aside():
        kept = world.program, world.inputs, world.version, world.honest
        world.program, world.inputs, world.version = program, inputs, world.publish(program)
        world.honest = trace(program, inputs)
        try:
            yield world
        finally:
            world.program, world.inputs, world.version, world.honest = kept


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
def test_a_wrong_word_in_random_operations(kind):
    """Wild access maps, hard words, bytes that are no operation."""
    random = np.random.default_rng([23, int(kind)])
    for _ in range(RANDOM_PROGRAMS):
        with another(the_world(), *random_op(random, kind)) as world:
            op = int(random.integers(len(world.program.encoded)))
            element = int(random.integers(world.program.words_of(op)))
            flip = int(random.integers(1, 2**32))
            check_the_liar_loses(world, corrupted(world.honest, op, element, flip, continued=False), op)


@pytest.mark.parametrize("words", [1, 2, 63, 64, 65, 127, 128, 129, 191, 193, 257, 1_025])
@pytest.mark.parametrize("ops", [1, 3])
def test_the_first_and_the_last_word_of_every_size(words, ops):
    program = chain(ops, words)
    with another(the_world(), program, [np.arange(words, dtype=np.uint32)]) as world:
        for element in {0, words - 1}:
            check_the_liar_loses(world, corrupted(world.honest, ops - 1, element), ops - 1)


# -- what is swapped under the trace ------------------------------------------


def test_the_results_of_another_input():
    world = the_world()
    inputs = [world.inputs[0][::-1].copy(), world.inputs[1]]
    check_the_liar_loses(world, claiming_all(world, trace(world.program, inputs)), 0)


def test_the_results_of_the_inputs_in_another_order():
    """Both inputs have one length, so that the swap fits everywhere."""
    ops = [Op(Kind.MAP, Fn.ISUB, (N,), (), (Access(0, (1,)), Access(1, (1,)))).encode()]
    program = Program((N, N), [], ops, (0,))
    inputs = [np.arange(N, dtype=np.uint32), np.arange(N, dtype=np.uint32)[::-1].copy()]
    with another(the_world(), program, inputs) as world:
        check_the_liar_loses(world, claiming_all(world, trace(program, inputs[::-1])), 0)


def test_the_results_of_a_model_with_other_constants():
    """The header is the right one, the weights are not."""
    world = the_world()
    constants = [world.program.constants[0], world.program.constants[1] ^ np.uint32(1 << 22)]
    cheap = Program(world.program.input_words, constants, world.program.encoded, world.program.outputs)
    lie = claiming_all(world, trace(cheap, world.inputs))
    first = next(op for op, words in enumerate(lie.results) if (words != world.honest.results[op]).any())
    check_the_liar_loses(world, lie, first)


def test_the_program_of_another_version():
    """Another header cannot be revealed for this version at all."""
    world = the_world()
    other = Program(world.program.input_words, world.program.constants, world.program.encoded[:-1], (0,))
    made = trace(other, world.inputs)
    check_the_liar_loses(world, made, None)


def test_the_outputs_in_another_order():
    """The right tensors, of other operations than the program says."""
    world = the_world()
    shuffled = Program(
        world.program.input_words, world.program.constants, world.program.encoded, world.program.outputs[::-1]
    )
    lie = Trace(shuffled, world.inputs, world.honest.results)
    check_the_liar_loses(world, lie, None)


def test_two_results_change_places():
    """Both tensors are in the trace, each where the other belongs."""
    world = the_world()
    results = list(world.honest.results)
    results[1], results[2] = results[2], results[1]
    lie = claiming(world.honest, flipped(results, len(results) - 1, 0, 1))
    check_the_liar_loses(world, lie, 1)


def claiming_all(world: GameWorld, made: Trace) -> Trace:
    """The results of another execution under this program and these inputs."""
    return Trace(world.program, world.inputs, made.results)
