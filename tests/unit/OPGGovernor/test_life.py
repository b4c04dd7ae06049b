"""From a proposal to its execution: votes count by the second, a late quorum extends, and there is always a delay."""

from __future__ import annotations

import pytest

from tests.evm import reverts
from tests.unit.OPGGovernor.conftest import (
    CANCELLER,
    DAY,
    DELAY,
    EXECUTOR,
    LATE,
    PERIOD,
    PROPOSER,
    STATES,
    SUPPLY,
    THRESHOLD,
    TIMELOCK,
    calldata,
)


@pytest.fixture
def grant(opg, timelock, proposal, alice, charlie):
    """To pay Charlie 5 wei out of the treasury."""
    opg.transfer(timelock, 100, sender=alice)
    return proposal((opg, calldata("transfer(address,uint256)", charlie, 5)))


def test_proposal_is_voted_queued_and_executed(opg, grant, alice, charlie):
    grant.propose(alice).vote(alice).close()
    assert grant.state == "succeeded"
    grant.execute()
    assert grant.state == "executed"
    assert opg.balanceOf(charlie) == 5


def test_timelock_waits_the_whole_delay(evm, governor, grant, alice):
    grant.propose(alice).vote(alice).close()
    governor.queue(*grant.queued, sender=alice)
    evm.sleep(TIMELOCK - 2)
    with reverts("TimelockUnexpectedOperationState"):
        governor.execute(*grant.queued, sender=alice)


def test_voting_begins_after_the_delay_and_lasts_the_period(evm, governor, grant, alice):
    grant.propose(alice)
    begun = evm.now
    assert abs(governor.proposalSnapshot(grant.id) - begun - DELAY) <= 1
    assert governor.proposalDeadline(grant.id) - governor.proposalSnapshot(grant.id) == PERIOD
    with reverts("GovernorUnexpectedProposalState"):
        governor.castVote(grant.id, 1, sender=alice)


def test_votes_that_come_after_the_snapshot_do_not_count(opg, governor, grant, alice, charlie):
    grant.propose(alice).vote()
    opg.transfer(charlie, SUPPLY // 2, sender=alice)
    opg.delegate(charlie, sender=charlie)
    governor.castVote(grant.id, 1, sender=charlie)
    assert governor.proposalVotes(grant.id) == (0, 0, 0)


def test_staked_tokens_vote_and_no_wei_twice(opg, staking, governor, grant, alice, bob):
    opg.approve(staking, SUPPLY, sender=bob)
    staking.register(bob, "", sender=bob)
    staking.stake(SUPPLY // 20, sender=bob)
    grant.propose(alice).vote(bob)
    assert governor.proposalVotes(grant.id) == (0, SUPPLY // 10, 0)
    assert governor.state(grant.close().id) == STATES.index("succeeded")


def test_proposing_takes_votes(governor, grant, charlie):
    with reverts("GovernorInsufficientProposerVotes", charlie, 0, THRESHOLD):
        grant.propose(charlie)


def test_without_a_quorum_nothing_passes(opg, evm, grant, alice, bob, charlie):
    opg.transfer(charlie, SUPPLY // 100 * 3, sender=alice)
    opg.delegate(charlie, sender=charlie)
    grant.propose(alice).vote(charlie).close()
    assert grant.state == "defeated"


def test_late_quorum_extends_the_vote(evm, governor, grant, alice, bob):
    grant.propose(alice).vote()
    deadline = governor.proposalDeadline(grant.id)
    evm.sleep(deadline - 10 - evm.now)
    governor.castVote(grant.id, 1, sender=bob)
    assert governor.proposalDeadline(grant.id) >= deadline - 10 + LATE
    evm.sleep(DAY // 2)
    governor.castVote(grant.id, 0, sender=alice)
    grant.close()
    assert grant.state == "defeated"


def test_nobody_goes_around_the_governor(opg, timelock, grant, alice, charlie):
    pay = (opg.address, 0, calldata("transfer(address,uint256)", charlie, 5), bytes(32), bytes(32))
    with reverts("AccessControlUnauthorizedAccount", alice, PROPOSER):
        timelock.schedule(*pay, TIMELOCK, sender=alice)
    with reverts("TimelockUnexpectedOperationState"):
        timelock.execute(*pay, sender=alice)


def test_timelock_has_no_admin_but_itself(timelock, governor, frank):
    assert timelock.hasRole(bytes(32), timelock)
    assert not timelock.hasRole(bytes(32), frank)
    for role in (PROPOSER, CANCELLER):
        assert timelock.hasRole(role, governor) and not timelock.hasRole(role, frank)
    assert timelock.hasRole(EXECUTOR, "0x" + "00" * 20)


def test_guardian_is_replaced_by_vote(evm, timelock, proposal, alice, bob, charlie):
    guardian = evm.deploy("Guardian", timelock, bob, DAY, DAY)
    proposal((guardian, calldata("setGuardian(address)", charlie))).propose(alice).vote(alice).close().execute()
    assert guardian.guardian() == charlie.address
