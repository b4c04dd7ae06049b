"""An operator names its price."""

import pytest

from tests.evm import reverts
from tests.market import OPG, PRICE


def test_an_unknown_version_is_not_offered(market, inference):
    with reverts("NoSuchVersion", 99):
        inference.offer(99, PRICE, sender=market.bob)


def test_the_latest_offer_counts(market, inference):
    receipt = inference.offer(market.version, 5 * OPG, sender=market.bob)
    assert receipt.event("Offered").price == 5 * OPG
    assert inference.priceOf(market.bob, market.version) == 5 * OPG


def test_nothing_is_a_price(market, inference):
    inference.offer(market.version, 0, sender=market.bob)
    assert market.ask(fee=0).fee == 0


@pytest.mark.parametrize("who", ["charlie", "bob"])
def test_what_is_not_offered_has_no_price(market, inference, who):
    operator = getattr(market, who)
    if who == "bob":
        inference.offer(market.version, 2**96 - 1, sender=operator)
    with reverts("NotOffered", operator, market.version):
        inference.priceOf(operator, market.version)
