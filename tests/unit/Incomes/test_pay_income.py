"""From fees to those whose stake backs the operator."""

from __future__ import annotations

import pytest

from tests.evm import reverts
from tests.market import OPG, OUTPUT, OWNER_FEE_BPS, PRICE, PROTOCOL_FEE_BPS, STAKE, THAWING_SECONDS, Market

REST = PRICE - PRICE * PROTOCOL_FEE_BPS // 10_000 - PRICE * OWNER_FEE_BPS // 10_000


@pytest.fixture
def market(evm) -> Market:
    return Market(evm)


def earn(market: Market, times: int = 1) -> None:
    """Requests answered, final and paid."""
    for _ in range(times):
        req = market.ask()
        market.fulfil(req)
        market.after_window()
        market.inference.finalise(req, [OUTPUT], sender=market.alice)


def test_nothing_gathered_nothing_to_pay(market):
    with reverts("NoIncome", market.bob):
        market.inference.payIncome(market.bob, sender=market.bob)


def test_fees_gather(market):
    """Attack 17: none is lost, none counts twice."""
    earn(market)
    assert market.inference.incomeOf(market.bob) == REST
    earn(market, 2)
    assert market.inference.incomeOf(market.bob) == 3 * REST
    assert market.inference.creditOf(market.bob) == 0


def test_anyone_sends_them_on_once(market):
    """Attack 15: no operator holds back what its delegators have earned."""
    earn(market)
    receipt = market.inference.payIncome(market.bob, sender=market.erin)
    assert receipt.value == receipt.event("IncomePaid").amount == receipt.event("Rewarded").own == REST
    assert market.inference.incomeOf(market.bob) == 0
    assert market.staking.creditOf(market.bob) == REST
    assert market.token.balanceOf(market.staking) == STAKE + REST
    assert market.token.allowance(market.inference, market.staking) == 0
    with reverts("NoIncome", market.bob):
        market.inference.payIncome(market.bob, sender=market.erin)


def test_delegators_have_their_part(market):
    """Half of the stake, half of the income."""
    market.staking.delegate(market.bob, STAKE, 0, sender=market.dave)
    market.evm.sleep(THAWING_SECONDS)
    market.staking.settle(market.bob, market.dave, sender=market.dave)
    earn(market)
    market.inference.payIncome(market.bob, sender=market.dave)
    market.staking.settle(market.bob, market.dave, sender=market.dave)
    assert REST // 2 - 1 <= market.staking.creditOf(market.dave) <= REST // 2


@pytest.fixture
def lent(market) -> Market:
    """dave has lent as much as bob has, and all of it earns; something was earned, and not sent on."""
    market.staking.delegate(market.bob, STAKE, 0, sender=market.dave)
    market.evm.sleep(THAWING_SECONDS)
    market.staking.settle(market.bob, market.dave, sender=market.dave)
    earn(market)
    return market


@pytest.mark.parametrize("sent_on", [True, False], ids=["sent on first", "left lying"])
def test_who_leaves_sends_it_on_first(lent, sent_on):
    """Attack 8, turned round: an operator that sends nothing on keeps the parts of those who left meanwhile. They can do it themselves, in front of leaving."""
    if sent_on:
        lent.inference.payIncome(lent.bob, sender=lent.dave)
    lent.staking.undelegate(lent.bob, STAKE, sender=lent.dave)
    if not sent_on:
        lent.inference.payIncome(lent.bob, sender=lent.bob)
    assert abs(lent.staking.creditOf(lent.dave) - (REST // 2 if sent_on else 0)) <= 1


@pytest.mark.parametrize("sent_on", [True, False], ids=["sent on first", "left lying"])
def test_a_higher_commission_finds_what_was_left_lying(lent, sent_on):
    """Attack 2: it was announced as long before as stake thaws, and anybody sends on in that time."""
    lent.staking.setCommission(500, sender=lent.bob)
    if sent_on:
        lent.inference.payIncome(lent.bob, sender=lent.dave)
    lent.evm.sleep(THAWING_SECONDS)
    if not sent_on:
        lent.inference.payIncome(lent.bob, sender=lent.bob)
    lent.staking.settle(lent.bob, lent.dave, sender=lent.dave)
    part = REST // 2 if sent_on else REST // 2 * 9_500 // 10_000
    assert abs(lent.staking.creditOf(lent.dave) - part) <= 1


@pytest.mark.parametrize("delegated", [False, True], ids=["alone", "delegated"])
def test_what_it_costs(anvil_evm, gas_snapshot, delegated):
    """Once for any number of fees."""
    market = Market(anvil_evm)
    if delegated:
        market.staking.delegate(market.bob, 1_000 * OPG, 0, sender=market.dave)
        market.evm.sleep(THAWING_SECONDS)
        market.staking.settle(market.bob, market.dave, sender=market.dave)
    for _ in range(2):
        earn(market)
        receipt = market.inference.payIncome(market.bob, sender=market.dave)
    gas_snapshot("Inference.payIncome" + (" with delegators" if delegated else ""), receipt)
