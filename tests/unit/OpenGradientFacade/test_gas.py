"""Real receipts, of a second use."""

from tests.market import Market
from tests.unit.OpenGradientFacade.conftest import DEPOSIT, Facade


def test_a_picture_of_64_numbers(anvil_evm, gas_snapshot):
    market = Market(anvil_evm)
    facade = Facade(market)
    facade.run()
    gas_snapshot("OpenGradientFacade.run", facade.run())
    gas_snapshot("OpenGradientFacade.deposit", facade.at.deposit(DEPOSIT, DEPOSIT, sender=market.alice))
