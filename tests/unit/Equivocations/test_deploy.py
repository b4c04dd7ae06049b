"""The bounds that are written in the code."""

import pytest

from tests.evm import reverts
from tests.market import OPG, WINDOW_SECONDS, deploy_staking
from tests.unit.Equivocations.conftest import PENALTY

LOW, HIGH = OPG, 10_000_000 * OPG


@pytest.mark.parametrize("value", [LOW - 1, HIGH + 1])
def test_a_penalty_out_of_bounds_is_refused(market, value):
    with reverts("OutOfBounds", "penalty", value, LOW, HIGH):
        market.evm.deploy("Equivocations", market.inference, market.staking, value)


@pytest.mark.parametrize("value", [LOW, HIGH])
def test_the_bounds_themselves_are_fine(market, value):
    assert market.evm.deploy("Equivocations", market.inference, market.staking, value).penalty() == value


def test_stake_must_thaw_for_two_windows(market):
    """Attack 1: what backed an answer is there as long as it can be disputed."""
    longest = 2 * WINDOW_SECONDS
    enough = deploy_staking(market.evm, market.token, thawing_seconds=longest)
    market.evm.deploy("Equivocations", market.inference, enough, PENALTY)
    short = deploy_staking(market.evm, market.token, thawing_seconds=longest - 1)
    with reverts("OutOfBounds", "thawingSeconds", longest - 1, longest, 2**256 - 1):
        market.evm.deploy("Equivocations", market.inference, short, PENALTY)


def test_the_penalty_never_changes(equivocations):
    """Attack 19: there is nothing that sets it."""
    functions = {
        f["name"] for f in equivocations.abi if f["type"] == "function" and f["stateMutability"] == "nonpayable"
    }
    assert functions == {"announce", "prove"}
    assert equivocations.penalty() == PENALTY
