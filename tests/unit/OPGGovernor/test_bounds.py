"""No vote can make the next one impossible, instant, or free of a quorum; no constructor either."""

from __future__ import annotations

import pytest

from tests.evm import Reverted, reverts
from tests.unit.OPGGovernor.conftest import DAY, DELAY, LATE, PERIOD, QUORUM, THRESHOLD, TIMELOCK, calldata

GOOD = (DELAY, PERIOD, THRESHOLD, QUORUM, LATE)
SETTINGS = {
    "votingDelay": (0, "setVotingDelay(uint48)", 60, 14 * DAY),
    "votingPeriod": (1, "setVotingPeriod(uint32)", 600, 30 * DAY),
    "proposalThreshold": (2, "setProposalThreshold(uint256)", 10**18, 10**25),
    "quorumNumerator": (3, "updateQuorumNumerator(uint256)", 1, 20),
    "lateQuorumVoteExtension": (4, "setLateQuorumVoteExtension(uint48)", 60, 7 * DAY),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_constructor_refuses_what_is_out_of_bounds(evm, votes, timelock, name):
    place, _, low, high = SETTINGS[name]
    for value in (low - 1, high + 1):
        params = (*GOOD[:place], value, *GOOD[place + 1 :])
        with reverts("OutOfBounds", name, value, low, high):
            evm.deploy("OPGGovernor", votes, timelock, params)


@pytest.mark.parametrize("name", SETTINGS)
def test_constructor_takes_both_ends(evm, votes, timelock, name):
    place, _, low, high = SETTINGS[name]
    for value in (low, high):
        params = [DELAY, PERIOD, THRESHOLD, QUORUM, LATE]
        params[place] = value
        if name == "votingPeriod":
            params[4] = min(LATE, value)  # an extension is at most the period
        if name == "lateQuorumVoteExtension":
            params[1] = max(PERIOD, value)
        assert getattr(evm.deploy("OPGGovernor", votes, timelock, tuple(params)), name)() == value


@pytest.mark.parametrize("name", SETTINGS)
def test_vote_is_bounded_too(governor, proposal, alice, name):
    _, signature, low, high = SETTINGS[name]
    for value in (low - 1, high + 1):
        passed = (
            proposal((governor, calldata(signature, value)), text=f"{name} {value}").propose(alice).vote(alice).close()
        )
        with pytest.raises(Reverted) as refused:
            passed.execute()
        assert (refused.value.name, refused.value.arguments[:2]) == ("OutOfBounds", (name, value))


@pytest.mark.parametrize("name", SETTINGS)
def test_vote_sets_what_is_within(governor, proposal, alice, name):
    _, signature, low, _ = SETTINGS[name]
    proposal((governor, calldata(signature, low + 1))).propose(alice).vote(alice).close().execute()
    assert getattr(governor, name)() == low + 1


@pytest.mark.parametrize("seconds", [0, 599, 30 * DAY + 1])
def test_delay_is_bounded(evm, timelock, proposal, alice, seconds):
    with reverts("OutOfBounds", "delay", seconds, 600, 30 * DAY):
        evm.deploy("OPGTimelock", seconds, [alice.address])
    passed = proposal((timelock, calldata("updateDelay(uint256)", seconds))).propose(alice).vote(alice).close()
    with reverts("OutOfBounds", "delay", seconds, 600, 30 * DAY):
        passed.execute()
    assert timelock.getMinDelay() == TIMELOCK


def test_delay_changes_by_vote_only(timelock, proposal, alice):
    with reverts("TimelockUnauthorizedCaller", alice):
        timelock.updateDelay(DAY, sender=alice)
    proposal((timelock, calldata("updateDelay(uint256)", DAY))).propose(alice).vote(alice).close().execute()
    assert timelock.getMinDelay() == DAY
