"""Stateful tests whose rules act on a chain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis.stateful import RuleBasedStateMachine

from tests.evm import Evm


class ChainMachine(RuleBasedStateMachine):
    """All runs of a machine begin in one world, built once; a subclass may have a world of its own on another chain.

    Attributes:
        build: makes the world on a chain.
        new_evm: makes the chain.
    """

    build: Callable[[Evm], Any]
    new_evm: Callable[[], Evm] = Evm
    world: Any = None

    def __init__(self) -> None:
        super().__init__()
        cls = type(self)
        cls.world = cls.world or cls.build(cls.new_evm())
