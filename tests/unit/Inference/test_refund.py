"""An answer that was refuted."""

from tests.evm import reverts
from tests.market import OUTPUT, PRICE, STAKE


def test_an_unanswered_request_is_not_refunded(market, inference):
    req = market.ask()
    with reverts("WrongRequestState", inference.hashRequest(req)):
        inference.refund(req, sender=market.alice)


def test_an_answer_that_stands_is_not_refunded(market, inference):
    req = market.ask()
    answer_hash = market.fulfil(req)
    inference.contest(answer_hash, sender=market.dave)
    with reverts("NotRefuted", answer_hash):
        inference.refund(req, sender=market.alice)


def test_a_refuted_answer_gives_the_fee_back(market, inference):
    """Attack 15: anyone may close it; the collateral is free, as the game has slashed already."""
    req = market.ask()
    answer_hash = market.fulfil(req)
    market.refute(answer_hash)
    assert inference.refund(req, sender=market.erin).event("Refunded").answerHash == answer_hash
    assert inference.creditOf(market.alice) == PRICE
    assert market.staking.freeStake(market.bob) == STAKE


def test_the_id_of_a_request_never_returns(market, inference):
    """Not even when operator and challenger are one, and lie, play and lose within the second of the request."""
    req = market.ask()
    answer_hash = market.fulfil(req)
    inference.contest(answer_hash, sender=market.dave)
    inference.refute(answer_hash, sender=market.dave)
    with reverts("AnsweredThisSecond", answer_hash):
        inference.refund(req, sender=market.dave)
    same_again = market.ask()
    assert inference.hashRequest(same_again) != inference.hashRequest(req)
    market.evm.sleep(1)
    inference.refund(req, sender=market.dave)


def test_a_refund_does_not_wait_for_other_games(market, inference):
    req = market.ask()
    answer_hash = market.fulfil(req)
    inference.contest(answer_hash, sender=market.dave)
    market.refute(answer_hash)
    inference.refund(req, sender=market.alice)
    inference.release(answer_hash, sender=market.dave)


def test_a_refund_needs_no_role(market, inference):
    """Attack 15: it frees the collateral without `LOCKER_ROLE` and slashes nobody."""
    staking = market.staking
    req = market.ask()
    market.refute(market.fulfil(req))
    for role in (staking.LOCKER_ROLE(), staking.SLASHER_ROLE()):
        staking.revokeRole(role, inference, sender=market.admin)
    inference.refund(req, sender=market.erin)
    assert inference.creditOf(market.alice) == PRICE
    assert staking.stakeOf(market.bob) == (STAKE, 0, 0)


def test_a_request_is_refunded_once_and_then_never_paid(market, inference):
    req = market.ask()
    market.refute(market.fulfil(req))
    inference.refund(req, sender=market.alice)
    for again in (lambda: inference.refund(req, sender=market.alice), lambda: market.fulfil(req)):
        with reverts("WrongRequestState"):
            again()
    market.after_window()
    with reverts("WrongRequestState"):
        inference.finalise(req, [OUTPUT], sender=market.bob)


def test_a_paid_request_is_not_refunded(market, inference):
    req = market.ask()
    market.fulfil(req)
    market.after_window()
    inference.finalise(req, [OUTPUT], sender=market.bob)
    with reverts("WrongRequestState"):
        inference.refund(req, sender=market.alice)
