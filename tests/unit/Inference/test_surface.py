"""Putting an answer with its data on chain, for contracts to rely on."""

import pytest

from tests.evm import reverts
from tests.market import (
    INPUT,
    MIN_STAKE,
    NO_EVIDENCE,
    OTHER_OUTPUT,
    OUTPUT,
    STAKE,
    WINDOW_SECONDS,
    bundle,
)


def test_an_answer_of_a_deprecated_version_is_surfaced(market, inference):
    """Deprecation takes no answer from anybody who relies on it."""
    answer = market.answer()
    evidence = market.signed(answer)
    market.models.deprecate(market.version, sender=market.charlie)
    assert inference.answerState(market.surface(answer, evidence)).recordedAt


def test_a_signed_answer_is_surfaced_by_anyone(market, inference):
    answer = market.answer()
    receipt = inference.surface(answer, market.signed(answer), [INPUT], [OUTPUT], sender=market.alice)
    event = receipt.event("Surfaced")
    assert (event.answerHash, event.inputs, event.outputs) == (market.digest(answer), [INPUT], [OUTPUT])
    assert inference.answerState(receipt.value) == (market.evm.now, 0, False)


def test_a_batched_answer_is_surfaced(market, inference):
    batch = [market.answer(request=bytes([i]) * 32) for i in range(3)]
    digest = market.surface(batch[2], market.committed(batch, 2))
    assert inference.answerState(digest).recordedAt == market.evm.now


def test_its_window_begins_when_it_is_surfaced(market, inference):
    answer = market.answer()
    market.evm.sleep(WINDOW_SECONDS)
    digest = market.surface(answer)
    market.evm.sleep(WINDOW_SECONDS)
    assert not inference.isFinal(digest)
    market.evm.sleep(1)
    assert inference.isFinal(digest)


def test_what_can_no_longer_be_disputed_is_not_surfaced(market):
    answer = market.answer()
    market.after_window()
    with reverts("WindowOver", answer["issuedAt"] + WINDOW_SECONDS):
        market.surface(answer)


def test_the_future_is_not_surfaced(market):
    with reverts("IssuedInTheFuture"):
        market.surface(market.answer(issuedAt=market.evm.now + 1))


def test_nobodys_answer_is_not_surfaced(market):
    with reverts("NoSuchBatch", 0):
        market.surface(evidence=NO_EVIDENCE)
    answer = market.answer()
    with reverts("NotTheOperatorsAnswer"):
        market.surface(answer, market.signed(answer, key=market.alice))


def test_an_answer_is_surfaced_once(market):
    answer = market.answer()
    digest = market.surface(answer)
    market.evm.sleep(10)
    with reverts("AlreadyRecorded", digest):
        market.surface(answer)


def test_a_fulfilled_answer_is_on_chain_already(market):
    receipt = market.ask_receipt()
    digest = market.fulfil(receipt.event("Requested").request)
    with reverts("AlreadyRecorded", digest):
        market.surface(market.answer(request=receipt.value))


def test_a_refuted_answer_is_not_surfaced(market):
    answer = market.answer()
    market.refute(market.digest(answer))
    with reverts("AnswerRefuted", market.digest(answer)):
        market.surface(answer)


def test_an_answer_is_surfaced_with_its_own_data(market):
    other = INPUT[::-1]
    with reverts("WrongInputs", bundle([other]), bundle([INPUT])):
        market.surface(inputs=[other])
    with reverts("WrongOutputs", bundle([OTHER_OUTPUT]), bundle([OUTPUT])):
        market.surface(outputs=[OTHER_OUTPUT])


@pytest.mark.parametrize("inputs", [[], [INPUT, INPUT], [INPUT + bytes(4)]])
def test_inputs_have_the_versions_shape(market, inputs):
    """Attack 23: an answer to an input that the program does not take could not be judged."""
    with reverts("WrongInputShape"):
        market.surface(market.answer(input=bundle(inputs)), inputs=inputs)


def test_an_unknown_version_is_not_surfaced(market):
    with reverts("NoSuchVersion", 99):
        market.surface(market.answer(version=99))


def test_a_version_without_the_mode_is_not_surfaced(market):
    with reverts("ModeNotSupported", 0):
        market.surface(market.answer(version=market.publish([64], modes=4)))


def test_only_a_live_operators_answer_is_relied_on(market):
    """Attack 1: with its stake gone, or going, there is nothing behind the answer."""
    market.staking.startThaw(STAKE - MIN_STAKE + 1, sender=market.bob)
    with reverts("OperatorNotLive", market.bob):
        market.surface()


def test_a_running_game_survives_the_surfacing(market, inference):
    answer = market.answer()
    inference.contest(market.digest(answer), sender=market.dave)
    digest = market.surface(answer)
    market.after_window()
    assert inference.answerState(digest).openGames == 1
    assert not inference.isFinal(digest)
