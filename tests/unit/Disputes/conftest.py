"""A world with a small program, bob's lie in the middle of it, and alice who knows better.

The trace has 3 operations and one place of padding. A tensor has 150 words in 3 chunks, the last of which is
not full, and one place of padding behind them. The lie is word 70 of operation 1, in its second chunk.
"""

from __future__ import annotations

import pytest

from opg.game import ChallengerMind, OperatorMind
from opg.tensor import Trace
from tests.evm import Contract, Evm
from tests.game_world import GameWorld, Match, chain
from tests.liars import corrupted


@pytest.fixture
def world(evm: Evm) -> GameWorld:
    return GameWorld(evm, chain(op_count=3, words=150))


@pytest.fixture
def disputes(world: GameWorld) -> Contract:
    """The contract under test."""
    return world.disputes


@pytest.fixture
def lie(world: GameWorld) -> Trace:
    return corrupted(world.honest, op=1, element=70)


@pytest.fixture
def liar(lie: Trace) -> OperatorMind:
    return OperatorMind(lie)


@pytest.fixture
def honest_operator(world: GameWorld) -> OperatorMind:
    return OperatorMind(world.honest)


@pytest.fixture
def challenger(world: GameWorld) -> ChallengerMind:
    return ChallengerMind(world.honest)


@pytest.fixture
def match(world: GameWorld, lie: Trace) -> Match:
    """alice's game against the lie, just opened."""
    return world.against(lie)
