"""The same scenarios on a real node, over HTTP: blocks and receipts of its own, the books in Python as ever.

Time passes there as in process, when the test says so, and not with each block; everything else is the node's."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import DEEP
from tests.evm import Evm
from tests.property.Channels.test_books import ChannelsBooks
from tests.property.Disputes.test_books import DisputesBooks
from tests.property.Inference.test_books import InferenceBooks
from tests.property.OpenGradientFacade.test_books import FacadeBooks
from tests.property.Staking.test_books import StakingBooks

MACHINES = (ChannelsBooks, DisputesBooks, FacadeBooks, InferenceBooks, StakingBooks)
EXAMPLES, STEPS = (60, 50) if DEEP else (14, 20)  # the first dozen of hypothesis is short


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_the_books_hold_on_a_real_node(machine):
    evm = Evm("anvil", block_seconds=0)
    try:
        on_a_node = type(machine.__name__, (machine,), {"new_evm": lambda: evm, "world": None})
        run_state_machine_as_test(
            on_a_node, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS, derandomize=not DEEP)
        )
        assert int(evm.backend.rpc("eth_blockNumber"), 16) > 0
    finally:
        evm.close()
