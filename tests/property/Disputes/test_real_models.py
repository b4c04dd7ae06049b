"""Attack 23 on models that people use: one wrong bit in any operation of them loses. The wheels are optional: make models."""

from __future__ import annotations

import numpy as np
import pytest

from opg.game import ChallengerMind, OperatorMind
from opg.tensor import Trace
from tests.evm import TX_GAS_CAP, Evm
from tests.game_world import GameWorld
from tests.liars import corrupted
from tests.models import MAGIKA, MINILM, Ladder

SAMPLE = 200


@pytest.fixture(scope="module")
def world_of():
    made: dict[str, GameWorld] = {}

    def make(model: Ladder) -> GameWorld:
        if model.name not in made:
            compiled = model.compile()
            given = next(model.inputs())
            made[model.name] = GameWorld(
                Evm(), compiled.program, [spec.to_words(given[spec.name]) for spec in compiled.inputs]
            )
        return made[model.name]

    return make


def loses(world: GameWorld, op: int, random: np.random.Generator) -> None:
    """A random bit of a random word of this operation; what follows from it is copied from the right trace, but for the output."""
    element = int(random.integers(world.program.words_of(op)))
    lie: Trace = corrupted(world.honest, op, element, flip=1 << int(random.integers(32)), continued=False)
    with world.aside():
        match = world.against(lie).play(OperatorMind(lie), ChallengerMind(world.honest))
        assert match.won_by_challenger
        assert match.gas[-1][0] == "prove"
        assert (match.state.op_index, max(gas for _, gas in match.gas) < TX_GAS_CAP) == (op, True)
        world.check_books()


def test_a_lie_in_any_operation_of_magika_loses(world_of):
    world, random = world_of(MAGIKA), np.random.default_rng(1)
    for op in range(len(world.program.encoded)):
        loses(world, op, random)


def test_a_lie_in_minilm_loses(world_of):
    world, random = world_of(MINILM), np.random.default_rng(2)
    for op in random.integers(len(world.program.encoded), size=SAMPLE):
        loses(world, int(op), random)
