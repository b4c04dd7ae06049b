"""Asking on chain."""

import pytest

from tests.evm import reverts
from tests.market import (
    COLLATERAL,
    INPUT,
    MAX_CALLBACK_GAS,
    MAX_RESPONSE_SECONDS,
    MIN_RESPONSE_SECONDS,
    MIN_STAKE,
    OPG,
    OUTPUT,
    PRICE,
    PROTOCOL_FEE_BPS,
    STAKE,
    Market,
    bundle,
)


def test_a_request_binds_all_its_terms(market, inference):
    receipt = market.ask_receipt(deadline=market.evm.now + 600, callback=market.dave, callback_gas=77)
    event = receipt.event("Requested")
    assert event.request == (
        market.version, market.alice.address, market.bob.address, bundle([INPUT]), 0, PRICE, COLLATERAL,
        PROTOCOL_FEE_BPS, market.evm.now + 600, market.dave.address, 77, market.evm.now << 32,
    )  # fmt: skip
    assert event.inputs == [INPUT]
    assert receipt.value == event.requestId == inference.hashRequest(event.request)
    assert int.from_bytes(inference.requestState(receipt.value), "big") == 1


def test_fee_and_collateral_are_set_aside(market, inference):
    before = market.token.balanceOf(market.alice)
    market.ask(fee=PRICE + 1)
    assert market.token.balanceOf(market.alice) == before - PRICE - 1
    assert market.token.balanceOf(inference) == PRICE + 1
    assert market.staking.lockedBy(market.bob, inference) == COLLATERAL


def test_a_deprecated_version_is_not_asked(market, inference):
    """By no operator, old offers included. What runs already is answered."""
    req = market.ask()
    market.models.deprecate(market.version, sender=market.charlie)
    with reverts("DeprecatedVersion", market.version):
        market.ask()
    market.fulfil(req)


def test_the_same_question_again_is_another_request(market):
    ids = {market.ask_receipt().value for _ in range(4)}
    assert len(ids) == 4


@pytest.mark.parametrize("field", range(12))
def test_another_term_is_another_request(market, inference, field):
    """Attack 11: no field is left unsigned. A request that was not made cannot be used."""
    req = list(market.ask())
    kind = type(req[field])
    req[field] = market.erin.address if kind is str else bytes(32) if kind is bytes else req[field] ^ 1
    for call in (inference.expire, inference.refund):
        with reverts("WrongRequestState", inference.hashRequest(req)):
            call(req, sender=market.dave)


def test_ids_differ_between_contracts(market, inference):
    """Attack 11."""
    other = market.deploy_inference()
    req = market.ask()
    assert other.hashRequest(req) != inference.hashRequest(req)


@pytest.mark.parametrize("mode", [1, 2, 3, 255])
def test_other_modes_have_no_verifier_yet(market, mode):
    version = market.publish([64], modes=7)
    market.inference.offer(version, PRICE, sender=market.bob)
    with reverts("ModeNotSupported", mode):
        market.ask(version=version, mode=mode)


def test_the_version_has_to_support_the_mode(market):
    version = market.publish([64], modes=2)
    market.inference.offer(version, PRICE, sender=market.bob)
    with reverts("ModeNotSupported", 0):
        market.ask(version=version)


@pytest.mark.parametrize(
    "inputs",
    [[], [INPUT, INPUT], [INPUT[:-4]], [INPUT + bytes(4)], [b""]],
    ids=["none", "two", "short", "long", "empty"],
)
def test_inputs_have_the_versions_shape(market, inputs):
    with reverts("WrongInputShape"):
        market.ask(inputs=inputs)


@pytest.mark.parametrize("odd", [1, 2, 3])
def test_inputs_are_whole_words(market, odd):
    with reverts("BadTensor", 0, 256 + odd):
        market.ask(inputs=[INPUT + bytes(odd)])


@pytest.mark.parametrize("words", [1, 63, 64, 65, 128, 129, 200])
def test_inputs_of_any_length_commit_as_the_page_says(market, words):
    version = market.publish([words, 2])
    market.inference.offer(version, PRICE, sender=market.bob)
    inputs = [bytes(range(1, 5)) * words, b"\xff" * 8]
    assert market.ask(version=version, inputs=inputs).input == bundle(inputs)


def test_an_unknown_version_cannot_be_asked(market):
    with reverts("NoSuchVersion", 99):
        market.ask(version=99)


def test_who_does_not_offer_is_not_asked(market):
    with reverts("NotOffered", market.charlie, market.version):
        market.ask(operator=market.charlie)


def test_the_fee_reaches_the_price(market):
    with reverts("FeeTooLow", PRICE - 1, PRICE):
        market.ask(fee=PRICE - 1)


def test_a_price_raised_in_flight_costs_nobody_more(market, inference):
    """Attack 17: the request names its fee; it is refused, or takes just that."""
    inference.offer(market.version, PRICE + 1, sender=market.bob)
    before = market.token.balanceOf(market.alice)
    with reverts("FeeTooLow", PRICE, PRICE + 1):
        market.ask(fee=PRICE)
    assert market.token.balanceOf(market.alice) == before


def test_a_price_raised_later_changes_no_request(market, inference):
    """Attack 17."""
    req = market.ask()
    inference.offer(market.version, 100 * PRICE, sender=market.bob)
    market.fulfil(req)


@pytest.mark.parametrize("seconds", [0, MIN_RESPONSE_SECONDS - 1, MAX_RESPONSE_SECONDS + 1])
def test_the_deadline_is_neither_near_nor_far(market, seconds):
    now = market.evm.now
    with reverts("BadDeadline", now + seconds, now + MIN_RESPONSE_SECONDS, now + MAX_RESPONSE_SECONDS):
        market.ask(deadline=now + seconds)


@pytest.mark.parametrize("seconds", [MIN_RESPONSE_SECONDS, MAX_RESPONSE_SECONDS])
def test_the_deadline_may_lie_on_the_edge(market, seconds):
    market.ask(deadline=market.evm.now + seconds)


def test_callback_gas_is_bounded(market):
    market.ask(callback_gas=MAX_CALLBACK_GAS)
    with reverts("TooMuchCallbackGas", MAX_CALLBACK_GAS + 1, MAX_CALLBACK_GAS):
        market.ask(callback_gas=MAX_CALLBACK_GAS + 1)


def test_only_live_operators_are_asked(market):
    market.staking.startThaw(STAKE - MIN_STAKE + 1, sender=market.bob)
    with reverts("OperatorNotLive", market.bob):
        market.ask()


def test_one_stake_never_stands_behind_two_requests(evm):
    """Attack 9."""
    market = Market(evm, collateral=STAKE // 2)
    market.ask()
    market.ask()
    with reverts("NotEnoughStake", market.bob, 0, STAKE // 2):
        market.ask()


def test_a_victim_is_not_locked_in_for_nothing(market):
    """Attack 10: each lock costs a fee and ends at its deadline; an operator stops it by no longer offering."""
    market.ask()
    market.inference.offer(market.version, 2**96 - 1, sender=market.bob)
    with reverts("NotOffered"):
        market.ask()


def test_a_fee_that_is_not_paid_makes_no_request(market):
    """Attack 13: the allowance is taken at once, so lowering it later changes nothing."""
    market.token.approve(market.inference, PRICE - 1, sender=market.alice)
    with reverts("ERC20InsufficientAllowance"):
        market.ask()
    market.token.approve(market.inference, PRICE, sender=market.alice)
    req = market.ask()
    market.token.approve(market.inference, 0, sender=market.alice)
    market.fulfil(req)
    market.after_window()
    market.inference.finalise(req, [OUTPUT], sender=market.bob)


def test_a_user_cannot_cancel(market, inference):
    """Attack 13: nothing that the user may call gives the fee back before the deadline."""
    req = market.ask()
    with reverts("DeadlineNotPassed"):
        inference.expire(req, sender=market.alice)
    with reverts("WrongRequestState"):
        inference.refund(req, sender=market.alice)
    with reverts("NothingToWithdraw"):
        inference.withdrawCredit(market.alice, sender=market.alice)
    assert market.token.balanceOf(inference) == 3 * OPG
