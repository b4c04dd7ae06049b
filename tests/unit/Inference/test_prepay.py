"""Paying ahead: a user's credit pays for its requests."""

from tests.evm import reverts
from tests.market import OPG, PRICE


def test_it_is_credited(market, inference):
    receipt = inference.prepay(10 * OPG, sender=market.alice)
    event = receipt.event("Credited")
    assert (event.account, event.amount) == (market.alice.address, 10 * OPG)
    assert inference.creditOf(market.alice) == market.token.balanceOf(inference) == 10 * OPG


def test_it_needs_the_tokens(market, inference):
    with reverts("ERC20InsufficientAllowance"):
        inference.prepay(1, sender=market.charlie)
    assert inference.creditOf(market.charlie) == 0


def test_a_request_is_paid_from_credit(market, inference):
    inference.prepay(PRICE + 1, sender=market.alice)
    before = market.token.balanceOf(market.alice)
    event = market.ask_receipt().event("CreditSpent")
    assert (event.user, event.amount) == (market.alice.address, PRICE)
    assert inference.creditOf(market.alice) == 1
    assert market.token.balanceOf(market.alice) == before


def test_all_of_the_credit_may_be_spent(market, inference):
    inference.prepay(PRICE, sender=market.alice)
    market.ask()
    assert inference.creditOf(market.alice) == 0


def test_credit_that_does_not_suffice_is_left_alone(market, inference):
    inference.prepay(PRICE - 1, sender=market.alice)
    before = market.token.balanceOf(market.alice)
    names = [event.name for event in market.ask_receipt().events]
    assert "CreditSpent" not in names
    assert inference.creditOf(market.alice) == PRICE - 1
    assert market.token.balanceOf(market.alice) == before - PRICE


def test_nobody_asks_at_the_expense_of_another(market, inference):
    """Attack 12."""
    inference.prepay(PRICE, sender=market.alice)
    market.ask(sender=market.dave)
    assert inference.creditOf(market.alice) == PRICE


def test_a_request_without_a_fee_spends_nothing(market, inference):
    inference.offer(market.version, 0, sender=market.bob)
    inference.prepay(PRICE, sender=market.alice)
    assert [e.name for e in market.ask_receipt(fee=0).events] == ["Requested", "Locked"]
    assert inference.creditOf(market.alice) == PRICE


def test_a_refund_pays_for_the_next_request(market, inference):
    """Nothing is locked in: it may also be fetched."""
    req = market.ask()
    market.evm.sleep(10_000)
    inference.expire(req, sender=market.dave)
    market.out_of_jail()
    before = market.token.balanceOf(market.alice)
    market.ask()
    assert market.token.balanceOf(market.alice) == before
    inference.prepay(7, sender=market.alice)
    assert inference.withdrawCredit(market.alice, sender=market.alice).value == 7


def test_spent_credit_backs_the_request(market, inference):
    """Attack 13: a user who fetches its credit in front of the delivery does not take the fee along."""
    inference.prepay(PRICE, sender=market.alice)
    req = market.ask()
    with reverts("NothingToWithdraw", market.alice):
        inference.withdrawCredit(market.alice, sender=market.alice)
    market.fulfil(req)
    assert market.token.balanceOf(inference) == PRICE
