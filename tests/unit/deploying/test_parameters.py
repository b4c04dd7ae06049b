"""The bounds that are checked before deploying, and shown by verify-deployment, are those in the contracts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from opg.chain.deploying import BOUNDS, LOCAL, PRESETS, TESTNET, shortest_thawing
from opg.deploy import plan_of
from opg.errors import BadNetwork
from tests.evm import Reverted, artifact
from tests.unit.deploying.conftest import HOLDER, NETWORK, with_parameters

TYPE_ENDS = (-1, 2**96)  # where the type of the parameter is its bound already
BEYOND = [
    (parameter, value)
    for parameter, bound in BOUNDS.items()
    for value in (bound.limits(LOCAL)[0] - 1, bound.limits(LOCAL)[1] + 1)
    if value not in TYPE_ENDS
]


def deploy(evm, name: str, **changes: int) -> None:
    """A part by itself, with these parameters and a real token."""
    plan = plan_of(with_parameters(**changes))
    part = next(part for part in plan.parts if part.name == name)
    opg = evm.deploy("OPG", HOLDER.address).address
    real = {plan.addresses[each]: opg for each in ("OPG", "OPGVotes")}  # the governor asks its votes for the time
    evm.deploy(name, *[real.get(value, value) if isinstance(value, str) else value for value in plan.arguments(part)])


@pytest.mark.parametrize("parameter, value", BEYOND)
def test_contract_refuses_just_what_the_bounds_say(evm, parameter, value):
    bound = BOUNDS[parameter]
    low, high = bound.limits(LOCAL)
    with pytest.raises(Reverted) as refused:
        deploy(evm, bound.contract, **{parameter: value})
    assert refused.value.name == "OutOfBounds"
    assert refused.value.arguments == (bound.error or bound.getter, value, low, high)


@pytest.mark.parametrize("parameter", BOUNDS)
def test_network_refuses_the_same_before_anything_is_sent(parameter):
    low, high = BOUNDS[parameter].limits(LOCAL)
    for value in (low - 1, high + 1):
        with pytest.raises(BadNetwork, match=f"{parameter} is {value}"):
            with_parameters(**{parameter: value}).check()


def test_every_getter_exists():
    for bound in BOUNDS.values():
        assert bound.getter in {entry.get("name") for entry in artifact(bound.contract)["abi"]}


@pytest.mark.parametrize("preset", PRESETS)
def test_presets_are_within_all_bounds(preset):
    replace(NETWORK, parameters=PRESETS[preset]).check()


def test_who_disagrees_with_a_vote_can_leave_before_it_is_carried_out():
    """It may let in a module that slashes."""
    notice = TESTNET.voting_delay_seconds + TESTNET.voting_period_seconds + TESTNET.timelock_seconds
    assert notice >= TESTNET.thawing_seconds


@pytest.mark.parametrize("preset", [LOCAL, TESTNET])
def test_stake_outlasts_every_dispute(preset):
    assert preset.thawing_seconds >= shortest_thawing(preset)
    assert preset.min_stake >= preset.penalty
    with pytest.raises(BadNetwork, match="outlast"):
        replace(NETWORK, parameters=replace(preset, window_seconds=preset.thawing_seconds)).check()
