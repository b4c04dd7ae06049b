"""Votes set the terms of requests to come; the guardian pauses new requests, never the end of one."""

import pytest

from tests.evm import account, reverts
from tests.market import COLLATERAL, DAY, HOUR, PROTOCOL_FEE_BPS, STAKE

REQUESTS = 0
GUARDIAN, VOTES = account(9), account(0)


def test_a_request_keeps_the_terms_of_its_time(market, inference):
    """Attack 25."""
    early = market.ask_receipt().event("Requested").request
    inference.setCollateral(COLLATERAL // 2, sender=VOTES)
    inference.setProtocolFeeBps(1_000, sender=VOTES)
    late = market.ask_receipt().event("Requested").request
    assert (early.collateral, early.protocolFeeBps) == (COLLATERAL, PROTOCOL_FEE_BPS)
    assert (late.collateral, late.protocolFeeBps) == (COLLATERAL // 2, 1_000)
    assert market.staking.lockedBy(market.bob, inference) == COLLATERAL + COLLATERAL // 2


@pytest.mark.parametrize(
    ("setter", "value", "name", "low", "high"),
    [
        ("setCollateral", 0, "collateral", 1, 10**25),
        ("setCollateral", 10**25 + 1, "collateral", 1, 10**25),
        ("setProtocolFeeBps", 1_001, "protocolFeeBps", 0, 1_000),
    ],
)
def test_terms_have_bounds(inference, setter, value, name, low, high):
    with reverts("OutOfBounds", name, value, low, high):
        getattr(inference, setter)(value, sender=VOTES)


@pytest.mark.parametrize("setter", ["setCollateral", "setProtocolFeeBps"])
def test_nobody_but_the_votes_sets_them(inference, setter):
    for who in (account(1), GUARDIAN):
        with reverts("NotGovernance", who):
            getattr(inference, setter)(1, sender=who)


def test_a_higher_minimum_leaves_who_was_asked_before_its_time(evm, market, inference):
    """Attack 25: nobody can make an operator miss a deadline by executing the vote: it stakes more before it takes on more."""
    early, late = market.ask(deadline=evm.now + HOUR), market.ask(deadline=evm.now + HOUR)
    market.staking.setMinStake(STAKE + 1, sender=VOTES)
    with reverts("OperatorNotLive", market.bob):
        market.ask()
    market.fulfil(early)
    evm.sleep(late.deadline - evm.now)
    market.fulfil(late)


def test_the_guardian_pauses_new_requests_only(evm, market, inference):
    """Attack 25."""
    brake = evm.at("Guardian", inference.guardian())
    open_ = market.ask()
    until = brake.pause(REQUESTS, DAY, sender=GUARDIAN).event("Paused").until
    with reverts("BusinessPaused", REQUESTS, until):
        market.ask()
    evm.sleep(open_.deadline - evm.now + 1)
    inference.expire(open_, sender=market.alice)
    assert brake.isPaused(REQUESTS)
    assert inference.creditOf(market.alice) == open_.fee
