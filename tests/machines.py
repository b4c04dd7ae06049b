"""Stateful tests whose rules act on a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine, invariant

from tests.evm import Evm

STEPS = {"made": 0}  # of all machines


class ChainMachine(RuleBasedStateMachine):
    """All runs of a machine begin in one world, built once; a subclass may have a world of its own on another chain.

    Attributes:
        build: makes the world on a chain.
        new_evm: makes the chain.
        steps: how many times a run of this class began or made a step; every one was compared.
    """

    build: Callable[[Evm], Any]
    new_evm: Callable[[], Evm] = Evm
    world: Any = None
    steps: int = 0

    def __init__(self) -> None:
        super().__init__()
        cls = type(self)
        cls.world = cls.world or cls.build(cls.new_evm())

    @invariant()
    def a_step_was_made(self) -> None:
        """What was really played is asserted by the tests, and told at the end: settings can be ignored."""
        type(self).steps += 1
        STEPS["made"] += 1
