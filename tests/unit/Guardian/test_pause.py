"""The guardian pauses new business, of one kind, for a bounded time, seldom; and has no other power. Attack 25."""

from __future__ import annotations

import pytest

from tests.evm import artifact, reverts

HOUR, DAY = 3_600, 86_400
REQUESTS, CHANNELS, STAKING = range(3)
MAX, COOLDOWN = 2 * DAY, 3 * DAY


@pytest.fixture
def guardian(evm, alice, bob):
    """Alice is governance, Bob the guardian."""
    return evm.deploy("Guardian", alice, bob, MAX, COOLDOWN)


def test_nothing_is_paused_in_the_beginning(guardian):
    for business in (REQUESTS, CHANNELS, STAKING):
        assert not guardian.isPaused(business)
        guardian.requireOpen(business)


def test_pause_ends_by_itself(evm, guardian, bob):
    done = guardian.pause(REQUESTS, DAY, sender=bob)
    until = done.event("Paused").until
    with reverts("BusinessPaused", REQUESTS, until):
        guardian.requireOpen(REQUESTS)
    evm.sleep(until - evm.now)
    assert guardian.isPaused(REQUESTS)
    evm.sleep(1)
    assert not guardian.isPaused(REQUESTS)
    guardian.requireOpen(REQUESTS)


def test_other_business_goes_on(guardian, bob):
    guardian.pause(STAKING, DAY, sender=bob)
    assert [guardian.isPaused(each) for each in (REQUESTS, CHANNELS, STAKING)] == [False, False, True]


@pytest.mark.parametrize("seconds", [0, MAX + 1])
def test_pause_has_a_longest_time(guardian, bob, seconds):
    with reverts("OutOfBounds", "seconds", seconds, 1, MAX):
        guardian.pause(REQUESTS, seconds, sender=bob)


def test_nobody_else_pauses_not_even_a_vote(guardian, alice, charlie):
    for other in (alice, charlie):
        with reverts("NotTheGuardian", other):
            guardian.pause(REQUESTS, DAY, sender=other)


def test_next_pause_waits_for_the_cool_down(evm, guardian, bob):
    now = evm.now
    paused = guardian.pause(REQUESTS, DAY, sender=bob).event("Paused")
    free = paused.pausableFrom
    assert (paused.until, free) == (now + DAY - 1, now + DAY + COOLDOWN)
    evm.sleep(free - 1 - evm.now)
    with reverts("CoolingDown", REQUESTS, free):
        guardian.pause(REQUESTS, DAY, sender=bob)
    evm.sleep(1)
    guardian.pause(REQUESTS, DAY, sender=bob)


def test_pausing_and_resuming_in_turns_adds_up_to_no_more(evm, guardian, bob):
    guardian.pause(REQUESTS, DAY, sender=bob)
    guardian.resume(REQUESTS, sender=bob)
    assert not guardian.isPaused(REQUESTS)
    with reverts("CoolingDown"):
        guardian.pause(REQUESTS, DAY, sender=bob)


def test_vote_resumes(guardian, alice, bob, charlie):
    guardian.pause(REQUESTS, DAY, sender=bob)
    with reverts("NotTheGuardian", charlie):
        guardian.resume(REQUESTS, sender=charlie)
    assert guardian.resume(REQUESTS, sender=alice).event("Resumed").by == alice.address
    with reverts("NotPaused", REQUESTS):
        guardian.resume(REQUESTS, sender=alice)


def test_vote_replaces_the_guardian(guardian, alice, bob, charlie):
    with reverts("NotGovernance", bob):
        guardian.setGuardian(charlie, sender=bob)
    changed = guardian.setGuardian(charlie, sender=alice).event("GuardianSet")
    assert (changed.guardian, changed.previous) == (charlie.address, bob.address)
    with reverts("NotTheGuardian", bob):
        guardian.pause(REQUESTS, DAY, sender=bob)
    guardian.pause(REQUESTS, DAY, sender=charlie)


def test_new_limits_leave_a_running_pause_alone(guardian, alice, bob):
    before = guardian.pause(REQUESTS, MAX, sender=bob).event("Paused")
    guardian.setPauseLimits(HOUR, 90 * DAY, sender=alice)
    assert guardian.pauseOf(REQUESTS) == (before.until, before.pausableFrom)
    with reverts("OutOfBounds", "seconds", DAY, 1, HOUR):
        guardian.pause(CHANNELS, DAY, sender=bob)


@pytest.mark.parametrize(
    "limits, name",
    [
        ((HOUR - 1, DAY), "maxPauseSeconds"),
        ((7 * DAY + 1, 8 * DAY), "maxPauseSeconds"),
        ((DAY, DAY - 1), "cooldownSeconds"),
        ((DAY, 90 * DAY + 1), "cooldownSeconds"),
    ],
)
def test_limits_are_bounded_by_the_code(evm, guardian, alice, bob, limits, name):
    for refused in (
        lambda: guardian.setPauseLimits(*limits, sender=alice),
        lambda: evm.deploy("Guardian", alice, bob, *limits),
    ):
        with pytest.raises(Exception) as problem:
            refused()
        assert problem.value.name == "OutOfBounds" and problem.value.arguments[0] == name


def test_limits_are_set_by_vote_only(guardian, bob):
    with reverts("NotGovernance", bob):
        guardian.setPauseLimits(HOUR, DAY, sender=bob)


def test_without_governance_there_is_no_guardian(evm, bob):
    with reverts("OutOfBounds"):
        evm.deploy("Guardian", "0x" + "00" * 20, bob, MAX, COOLDOWN)


def test_it_can_do_nothing_else(guardian):
    """Everything that it can change is a pause, the guardian or the limits; it calls nobody and takes no ether."""
    changing = {e["name"] for e in artifact("Guardian")["abi"] if e.get("stateMutability") in ("nonpayable", "payable")
                and e["type"] == "function"}  # fmt: skip
    assert changing == {"pause", "resume", "setGuardian", "setPauseLimits"}
    assert not {"CALL", "DELEGATECALL", "CREATE"} & set(artifact("Guardian")["opcodes"].split())
