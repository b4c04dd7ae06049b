"""A deadline that passed."""

import pytest

from tests.evm import Reverted, reverts
from tests.market import BURN_BPS, COLLATERAL, OPG, OUTPUT, PRICE, STAKE, THAWING_SECONDS

OPEN = (1).to_bytes(32, "big")


@pytest.fixture
def late(market):
    """A request whose deadline is over."""
    req = market.ask(deadline=market.evm.now + 100)
    market.evm.sleep(101)
    return req


def test_not_before_the_deadline_is_over(market, inference):
    req = market.ask(deadline=market.evm.now + 100)
    market.evm.sleep(100)
    with reverts("DeadlineNotPassed", req.deadline):
        inference.expire(req, sender=market.alice)


def test_the_fee_goes_back_and_the_collateral_is_lost(market, inference, late):
    """Attack 15: nobody delivered; anyone may say so."""
    receipt = inference.expire(late, sender=market.dave)
    assert receipt.event("Expired").slashed == COLLATERAL
    assert inference.creditOf(market.alice) == PRICE
    assert market.staking.creditOf(market.alice) == COLLATERAL * (10_000 - BURN_BPS) // 10_000
    assert market.staking.stakeOf(market.bob) == (STAKE - COLLATERAL, 0, 0)


def test_once(market, inference, late):
    inference.expire(late, sender=market.dave)
    with reverts("WrongRequestState", inference.hashRequest(late)):
        inference.expire(late, sender=market.dave)


def test_not_when_it_is_answered(market, inference):
    req = market.ask()
    market.fulfil(req)
    market.evm.sleep(10_000)
    with reverts("WrongRequestState", inference.hashRequest(req)):
        inference.expire(req, sender=market.alice)


def test_an_expired_request_is_not_answered(market, inference, late):
    inference.expire(late, sender=market.dave)
    with reverts("WrongRequestState"):
        inference.fulfil(late, [OUTPUT], sender=market.frank)


def test_an_operator_without_stake_cannot_keep_the_fee(market, inference, late):
    """Attacks 3 and 15: other faults took all the stake; the user has the fee back nevertheless."""
    market.staking.slash(market.bob, STAKE, market.dave, sender=market.dave)
    assert inference.expire(late, sender=market.dave).event("Expired").slashed == 0
    inference.withdrawCredit(market.alice, sender=market.alice)
    assert market.token.balanceOf(inference) == 0


def test_the_refund_does_not_wait_for_the_role(market, inference, late):
    """Attack 15: governance took the contract's role while requests ran. The penalty is lost, the fee and the collateral are not."""
    staking = market.staking
    staking.revokeRole(staking.SLASHER_ROLE(), inference, sender=market.admin)
    receipt = inference.expire(late, sender=market.dave)
    assert receipt.event("Expired").slashed == 0
    assert inference.creditOf(market.alice) == PRICE
    assert staking.stakeOf(market.bob) == (STAKE, 0, 0)


@pytest.mark.parametrize("gas", [*range(60_000, 200_000, 20_000), *range(200_000, 700_000, 50_000)])
def test_no_operator_is_spared_by_too_little_gas(market, inference, late, gas):
    """Attack 16: whoever closes the request cannot let the penalty run dry and the rest go through."""
    try:
        receipt = inference.expire(late, sender=market.bob, gas=gas)
    except Reverted:
        assert inference.requestState(inference.hashRequest(late)) == OPEN
        return
    assert receipt.event("Expired").slashed == COLLATERAL


def test_the_gas_for_the_penalty_is_asked_for(market, inference, late):
    with reverts("NotEnoughGas"):
        inference.expire(late, sender=market.bob, gas=500_000)
    inference.expire(late, sender=market.bob, gas=600_000)


def test_leaving_does_not_save_the_collateral(market, inference):
    """Attack 1: all that is free leaves; what is locked behind the request does not."""
    req = market.ask(deadline=market.evm.now + 100)
    thaw = market.staking.startThaw(STAKE - COLLATERAL, sender=market.bob).value
    with reverts("StakeLocked", 0, 1):
        market.staking.startThaw(1, sender=market.bob)
    market.evm.sleep(THAWING_SECONDS)
    market.staking.finishThaw(thaw, sender=market.bob)
    assert inference.expire(req, sender=market.alice).event("Expired").slashed == COLLATERAL


def test_asking_oneself_and_not_answering_never_pays(market, inference):
    """Attack 6: an operator that wants its stake out at once loses the burned part of it."""
    market.token.transfer(market.bob, 10 * OPG, sender=market.alice)
    before = market.token.balanceOf(market.bob)
    req = market.ask(sender=market.bob, deadline=market.evm.now + 100)
    market.evm.sleep(101)
    inference.expire(req, sender=market.bob)
    inference.withdrawCredit(market.bob, sender=market.bob)
    market.staking.withdrawCredit(market.bob, sender=market.bob)
    assert market.token.balanceOf(market.bob) - before == COLLATERAL - COLLATERAL * BURN_BPS // 10_000
