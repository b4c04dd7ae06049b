"""Answering on chain."""

import pytest

from tests.evm import reverts
from tests.market import INPUT, MIN_STAKE, OTHER_OUTPUT, OUTPUT, STAKE, bundle


@pytest.mark.parametrize("who", ["bob", "frank"])
def test_the_operator_or_its_key_answers(market, inference, who):
    req = market.ask()
    inference.fulfil(req, [OUTPUT], sender=getattr(market, who))


@pytest.mark.parametrize("who", ["alice", "charlie", "dave"])
def test_nobody_else_answers(market, inference, who):
    """Attack 14: an answer copied from the mempool is worth nothing."""
    req = market.ask()
    with reverts("NotTheOperator", getattr(market, who), market.bob):
        inference.fulfil(req, [OUTPUT], sender=getattr(market, who))


def test_a_retired_key_does_not_answer(market, inference):
    req = market.ask()
    market.staking.register(market.erin, "", sender=market.bob)
    with reverts("NotTheOperator", market.frank, market.bob):
        market.fulfil(req)


def test_the_answer_is_recorded_as_issued_now(market, inference):
    receipt_of_ask = market.ask_receipt()
    req, request_id = receipt_of_ask.event("Requested").request, receipt_of_ask.value
    market.evm.sleep(5)
    receipt = inference.fulfil(req, [OUTPUT], sender=market.frank)
    answer = {
        "request": request_id,
        "version": market.version,
        "input": bundle([INPUT]),
        "output": bundle([OUTPUT]),
        "operator": market.bob.address,
        "issuedAt": market.evm.now,
    }
    event = receipt.event("Fulfilled")
    assert tuple(event.answer) == tuple(answer.values())
    assert event.outputs == [OUTPUT]
    assert receipt.value == event.answerHash == market.digest(answer) == inference.hashAnswer(answer)
    assert inference.answerState(receipt.value) == (market.evm.now, 0, False)
    assert inference.requestState(request_id) == receipt.value


def test_several_outputs_are_one_bundle(market, inference):
    outputs = [OUTPUT, b"\0\0\0\1", b"\7" * 1000]
    req = market.ask()
    assert inference.fulfil(req, outputs, sender=market.frank).event("Fulfilled").answer.output == bundle(outputs)


@pytest.mark.parametrize(("outputs", "index", "length"), [([b""], 0, 0), ([OUTPUT, b"\0\0\0"], 1, 3)])
def test_outputs_are_whole_words(market, inference, outputs, index, length):
    req = market.ask()
    with reverts("BadTensor", index, length):
        inference.fulfil(req, outputs, sender=market.frank)


def test_the_last_second_counts_and_the_next_does_not(market, inference):
    first, second = market.ask(deadline=market.evm.now + 100), market.ask(deadline=market.evm.now + 100)
    market.evm.sleep(100)
    market.fulfil(first)
    market.evm.sleep(1)
    with reverts("DeadlinePassed", second.deadline):
        market.fulfil(second)


def test_only_a_live_operator_answers(market, inference):
    """Attack 1: asked with much at stake, answering with next to nothing; what is recorded is for all to rely on."""
    req = market.ask()
    market.staking.startThaw(STAKE - MIN_STAKE + 1, sender=market.bob)
    with reverts("OperatorNotLive", market.bob):
        market.fulfil(req)
    market.staking.stake(1, sender=market.bob)
    market.fulfil(req)


def test_a_request_is_answered_once(market, inference):
    req = market.ask()
    market.fulfil(req)
    with reverts("WrongRequestState", inference.hashRequest(req)):
        market.fulfil(req, [OTHER_OUTPUT])


def test_a_request_that_was_not_made_is_not_answered(market, inference):
    req = list(market.ask())
    req[5] += 1
    with reverts("WrongRequestState", inference.hashRequest(req)):
        market.fulfil(req)


def test_a_game_begun_in_the_same_second_goes_on(market, inference):
    """The operator may have signed the answer, and been challenged, just before it fulfils with it."""
    receipt = market.ask_receipt()
    answer = market.answer(request=receipt.value)
    inference.contest(market.digest(answer), sender=market.dave)
    assert market.fulfil(receipt.event("Requested").request) == market.digest(answer)
    assert inference.answerState(market.digest(answer)).openGames == 1
