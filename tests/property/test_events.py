"""Every change of state is in an event: an indexer that knows the deployment and reads events has what the contracts show.

The machines of the books play; before each run ends, everything is rebuilt from its events and compared."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import DEEP
from tests.evm import account
from tests.indexer import INDEXES, Guardian, RecordingEvm, rebuilt
from tests.market import OPG, THAWING_SECONDS, deploy_guardian, deploy_staking
from tests.property.Channels.test_books import ChannelsBooks
from tests.property.Disputes.test_books import DisputesBooks
from tests.property.Inference.test_books import InferenceBooks
from tests.property.OpenGradientFacade.test_books import FacadeBooks
from tests.property.Staking.test_books import StakingBooks

EXAMPLES, STEPS = (1_000, 60) if DEEP else (60, 40)  # the first dozen of hypothesis is short
RUNS = {ChannelsBooks: 1, InferenceBooks: 1, FacadeBooks: 1, StakingBooks: 1, DisputesBooks: 0.4}  # a step costs more


def test_all_state_follows_from_events():
    """And every event that an index reads did happen, but for the votes about the guardian: nobody holds those in a machine."""
    seen = {(Guardian, "GuardianSet"), (Guardian, "PauseLimitsSet")}
    for machine, part in RUNS.items():
        play(machine, int(EXAMPLES * part), seen)
    assert seen == {(kind, name) for kind in INDEXES for name in vars(kind) if name[0].isupper()}


def play(machine: type, examples: int, seen: set[tuple[type, str]]) -> None:
    """Runs of a machine, each compared before it ends; `seen` gets the indexes' events that happened."""
    evm = RecordingEvm()

    def teardown(self: Any) -> None:
        try:
            indexes = rebuilt(evm)
            kinds = {index.contract.address: type(index) for index in indexes}
            happened = {(kinds.get(event.address), event.name) for _, event in evm.log}
            seen.update((kind, name) for kind, name in happened if kind and name in vars(kind))
            for index in indexes:
                index.compare()
        finally:
            machine.teardown(self)

    indexed = type(machine.__name__, (machine,), {"new_evm": lambda: evm, "world": None, "teardown": teardown})
    run_state_machine_as_test(
        indexed, settings=settings(max_examples=examples, stateful_step_count=STEPS, derandomize=not DEEP)
    )


def test_an_income_that_was_settled_is_in_the_events():
    """Of two operators; the machine seldom waits until stake is warm, income comes, and somebody settles it."""
    evm, (bank, bob, charlie, alice) = RecordingEvm(), map(account, range(4))
    token = evm.deploy("OPG", bank)
    staking = deploy_staking(evm, token, deploy_guardian(evm))
    for who in (bank, bob, charlie, alice):
        token.transfer(who, 1_000 * OPG, sender=bank)
        token.approve(staking, 2**256 - 1, sender=who)
    for operator in (bob, charlie):
        staking.register(operator, "", sender=operator)
        staking.stake(100 * OPG, sender=operator)
        staking.delegate(operator, 50 * OPG, 0, sender=alice)
    evm.sleep(THAWING_SECONDS)
    for operator in (bob, charlie):
        staking.settle(operator, alice, sender=alice)
        staking.reward(operator, 7 * OPG, sender=bank)
    assert staking.settle(bob, alice, sender=bob).value > OPG
    staking.withdrawCredit(alice, sender=alice)
    for index in rebuilt(evm):
        index.compare()
