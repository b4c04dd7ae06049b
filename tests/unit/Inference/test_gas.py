"""Whole transactions on a real node, of the digits payload: 64 words in and 10 out, a second use."""

from __future__ import annotations

import pytest

from tests.evm import Receipt, account
from tests.market import INPUT, OPG, OUTPUT, PRICE, Market

CID = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"


@pytest.fixture
def market(anvil_evm) -> Market:
    """On a real node."""
    return Market(anvil_evm)


def one_life(market: Market) -> tuple[Receipt, Receipt, Receipt]:
    """Asked, answered, paid and delivered, for the second time."""
    receiver = market.evm.deploy("FrugalReceiver")
    for _ in range(2):
        asked = market.ask_receipt(callback=receiver, callback_gas=60_000)
        req = asked.event("Requested").request
        answered = market.inference.fulfil(req, [OUTPUT], sender=market.frank)
        market.after_window()
        paid = market.inference.finalise(req, [OUTPUT], sender=market.alice)
        assert paid.event("Finalised").callbackSucceeded
    return asked, answered, paid


def test_a_request_and_its_callback(market, gas_snapshot):
    """The user has paid ahead, as users of the peers do: see tests/unit/toolchain/test_budgets.py for the bound."""
    market.inference.prepay(100 * OPG, sender=market.alice)
    asked, answered, paid = one_life(market)
    gas_snapshot("Inference.request", asked)
    gas_snapshot("Inference.fulfil", answered)
    gas_snapshot("Inference.finalise with a callback", paid)


def test_a_request_paid_from_the_wallet(market, gas_snapshot):
    """The token's own transfer on top."""
    gas_snapshot("Inference.request from the wallet", one_life(market)[0])


def test_the_whole_family_is_paid(market, gas_snapshot):
    """Seven ancestors with owners of their own."""
    accounts = [account(30 + i) for i in range(7)]
    for who in accounts:
        market.evm.backend.fund(who.address)
    parents = [(market.models.register("parent", 0, sender=who).value, 1_000) for who in accounts]
    market.model = market.models.registerDerived("derived", 5_000, parents, sender=market.charlie).value
    market.version = market.publish([64])
    market.inference.offer(market.version, PRICE, sender=market.bob)
    market.inference.prepay(100 * OPG, sender=market.alice)
    gas_snapshot("Inference.finalise with seven ancestors", one_life(market)[2])


def test_an_example_of_a_consumer(market, gas_snapshot):
    """The same from a contract that keeps every reading."""
    reader = market.evm.deploy("LabelReader", market.token, market.inference, market.version, 10, market.alice)
    market.token.transfer(reader, 100 * OPG, sender=market.alice)
    for _ in range(2):
        asked = reader.ask(market.bob, INPUT, PRICE, market.evm.now + 600, sender=market.alice)
        req = asked.event("Requested").request
        market.inference.fulfil(req, [OUTPUT], sender=market.frank)
        market.after_window()
        paid = market.inference.finalise(req, [OUTPUT], sender=market.alice)
        assert paid.event("Finalised").callbackSucceeded
    gas_snapshot("LabelReader.ask", asked)
    gas_snapshot("Inference.finalise to LabelReader", paid)


def test_a_batch_of_a_thousand(market, gas_snapshot):
    """At most 100 gas an answer."""
    for _ in range(2):
        receipt = market.inference.commit(market.bob, b"\1" * 32, 1000, CID, sender=market.frank)
    gas_snapshot("Inference.commit", receipt)


def test_an_answer_surfaced(market, gas_snapshot):
    """With its data, once for everybody who relies on it."""
    for salt in (b"\1", b"\2"):
        answer = market.answer(request=salt * 32)
        receipt = market.inference.surface(answer, market.signed(answer), [INPUT], [OUTPUT], sender=market.dave)
    gas_snapshot("Inference.surface", receipt)


def test_a_deadline_missed(market, gas_snapshot):
    """The fee back, the collateral slashed."""
    for _ in range(2):
        req = market.ask()
        market.evm.sleep(601)
        receipt = market.inference.expire(req, sender=market.alice)
        market.out_of_jail()
    gas_snapshot("Inference.expire", receipt)
