"""The example of a consumer contract, here with the ten digits for labels."""

import struct

import pytest

from tests.evm import reverts
from tests.market import COLLATERAL, INPUT, OPG, PRICE

ASKED, READ = 1, 2
LABELS = 10


@pytest.fixture
def reader(market):
    """alice's reader, with a hundred OPG."""
    reader = market.evm.deploy("LabelReader", market.token, market.inference, market.version, LABELS, market.alice)
    market.token.transfer(reader, 100 * OPG, sender=market.alice)
    return reader


@pytest.fixture
def ask(market, reader):
    """Asks; the request's terms."""

    def ask():
        receipt = reader.ask(market.bob, INPUT, PRICE, market.evm.now + 600, sender=market.alice)
        return receipt.event("Requested")

    return ask


def scores(*values: float) -> bytes:
    return struct.pack(">10f", *values)


def answer(market, asked, outputs):
    market.fulfil(asked.request, outputs)
    market.after_window()
    return market.inference.finalise(asked.request, outputs, sender=market.dave)


def test_only_its_owner_asks(market, reader):
    with reverts("OwnableUnauthorizedAccount", market.dave):
        reader.ask(market.bob, INPUT, PRICE, market.evm.now + 600, sender=market.dave)


def test_it_pays_from_its_own_balance(market, reader, ask):
    asked = ask()
    assert market.token.balanceOf(reader) == 100 * OPG - PRICE
    assert reader.reading(asked.requestId) == (ASKED, 0)


def test_it_reads_a_label(market, reader, ask):
    asked = ask()
    receipt = answer(market, asked, [scores(-3, 0.5, 2, -9, 0, 1, 7.25, 7, 3, 1)])
    assert receipt.event("LabelRead").label == 6
    assert receipt.event("Finalised").callbackSucceeded
    assert reader.reading(asked.requestId) == (READ, 6)


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ([-9, -8, -7, -6, -5, -4, -3, -2, -1, -0.5], 9),
        ([-1, -2, -3, -4, -5, -6, -7, -8, -9, -10], 0),
        ([0.0] * 10, 0),
        ([-0.0, 0.0] * 5, 0),
        ([-1, 0.0, -0.0, 1e-45, 0, 0, 0, 0, 0, 0], 3),
        ([1, 2, 2, 2, 1, 1, 1, 1, 1, 1], 1),
        ([float("nan"), float("-inf"), 0, 0, 0, 0, 0, 1, float("inf"), float("nan")], 8),
    ],
)
def test_scores_compare_as_floats(market, reader, ask, values, label):
    asked = ask()
    answer(market, asked, [scores(*values)])
    assert reader.reading(asked.requestId) == (READ, label)


@pytest.mark.parametrize("outputs", [[bytes(36)], [bytes(44)], [bytes(40), bytes(40)]])
def test_an_answer_of_another_shape_is_not_read(market, reader, ask, outputs):
    asked = ask()
    assert not answer(market, asked, outputs).event("Finalised").callbackSucceeded
    assert reader.reading(asked.requestId) == (ASKED, 0)


def test_only_inference_brings_answers(market, reader, ask):
    asked = ask()
    with reverts("NotInference", market.dave):
        reader.onAnswer(asked.requestId, market.version, [bytes(40)], sender=market.dave)


def test_other_peoples_questions_are_not_its_own(market, reader):
    """Attack 10: dave names the reader as the callback of a request of his."""
    receipt = market.ask_receipt(sender=market.dave, callback=reader, callback_gas=100_000)
    assert not answer(market, receipt.event("Requested"), [bytes(40)]).event("Finalised").callbackSucceeded
    assert reader.reading(receipt.value) == (0, 0)


def test_a_late_operator_pays_and_the_money_comes_home(market, reader, ask):
    """Attack 15: fee from Inference, bounty from Staking, both to the reader, then to its owner."""
    asked = ask()
    market.evm.sleep(601)
    market.inference.expire(asked.request, sender=market.dave)
    reader.collect(market.inference, sender=market.dave)
    reader.collect(market.staking, sender=market.dave)
    assert market.token.balanceOf(reader) == 100 * OPG + COLLATERAL // 2
    with reverts("OwnableUnauthorizedAccount"):
        reader.withdraw(market.dave, OPG, sender=market.dave)
    before = market.token.balanceOf(market.alice)
    reader.withdraw(market.alice, 100 * OPG + COLLATERAL // 2, sender=market.alice)
    assert market.token.balanceOf(market.alice) == before + 100 * OPG + COLLATERAL // 2
