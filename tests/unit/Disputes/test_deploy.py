"""The bounds that are written in the code."""

import pytest

from tests.evm import reverts
from tests.game_world import BOND, CLOCK_SECONDS, MOVE_SECONDS, PENALTY
from tests.market import DAY, OPG, WINDOW_SECONDS, deploy_staking

BOUNDS = {
    "bond": (OPG, 10_000_000 * OPG),
    "penalty": (OPG, 10_000_000 * OPG),
    "clockSeconds": (600, 14 * DAY),
    "moveSeconds": (60, DAY),
}


@pytest.mark.parametrize("name", BOUNDS)
@pytest.mark.parametrize("side", ["below", "above"])
def test_parameters_outside_of_their_bounds_are_refused(world, name, side):
    low, high = BOUNDS[name]
    value = low - 1 if side == "below" else high + 1
    with reverts("OutOfBounds", name, value, low, high):
        world.deploy_disputes(**{name: value})


@pytest.mark.parametrize("name", ["bond", "penalty"])
@pytest.mark.parametrize("side", [0, 1])
def test_the_bounds_themselves_are_fine(world, name, side):
    deployed = world.deploy_disputes(**{name: BOUNDS[name][side]})
    assert getattr(deployed, name)() == BOUNDS[name][side]


def test_stake_must_thaw_for_two_windows_and_the_longest_game(world):
    """Attacks 1 and 20: what backed an answer is still there at the last verdict."""
    longest = 2 * WINDOW_SECONDS + world.disputes.maxGameSeconds()
    world.staking = deploy_staking(world.evm, world.token, world.guardian, thawing_seconds=longest)
    world.deploy_disputes()
    world.staking = deploy_staking(world.evm, world.token, world.guardian, thawing_seconds=longest - 1)
    with reverts("OutOfBounds", "thawingSeconds", longest - 1, longest, 2**256 - 1):
        world.deploy_disputes()


def test_stake_must_thaw_as_long_as_a_request_can_be_open(world):
    """Attack 25: a vote about the minimum stake leaves operators so long to answer."""
    thawing = world.staking.thawingSeconds()
    world.inference = world.deploy_inference(maxResponseSeconds=thawing)
    world.deploy_disputes()
    world.inference = world.deploy_inference(maxResponseSeconds=thawing + 1)
    with reverts("OutOfBounds", "maxResponseSeconds", thawing + 1, 0, thawing):
        world.deploy_disputes()


def test_parameters_can_be_read_and_never_change(world):
    """Attack 19: there is nothing that sets them."""
    d = world.disputes
    assert (d.bond(), d.penalty(), d.clockSeconds(), d.moveSeconds()) == (
        BOND,
        PENALTY,
        CLOCK_SECONDS,
        MOVE_SECONDS,
    )
    setters = [f for f in d.abi if f["type"] == "function" and f["name"].startswith("set")]
    assert setters == []


def test_the_longest_game_is_both_clocks_and_seven_minimal_moves_a_side(world):
    assert world.disputes.maxGameSeconds() == 2 * (CLOCK_SECONDS + 7 * MOVE_SECONDS)
