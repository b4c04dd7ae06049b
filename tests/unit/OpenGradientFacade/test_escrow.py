"""Each user's money is in a purse of its own, and whatever a request ends with comes back to it."""

import pytest

from tests.evm import reverts
from tests.market import BURN_BPS, COLLATERAL, MIN_RESPONSE_SECONDS, OPG, OTHER_OUTPUT, OUTPUT, PRICE
from tests.unit.OpenGradientFacade.conftest import CID, DEPOSIT, tensor

BOUNTY = COLLATERAL * (10_000 - BURN_BPS) // 10_000


@pytest.fixture
def other(facade, market):
    """dave's purse."""
    return facade.deposit(market.dave)


def lapse(market):
    market.evm.sleep(MIN_RESPONSE_SECONDS + 1)


def test_deposit_opens_one_purse_and_adds_to_it(facade, market):
    receipt = facade.at.deposit(OPG, 5, sender=market.alice)
    assert [each.name for each in receipt.events if each.address == facade.at.address] == ["MaxFeeSet", "Deposited"]
    assert facade.at.escrowOf(market.alice) == facade.escrow.address
    assert facade.at.maxFeeOf(market.alice) == 5
    assert facade.escrow.available() == market.token.balanceOf(facade.escrow) == DEPOSIT + OPG


def test_only_the_user_takes_money_out(facade, market):
    for stranger in (market.bob, market.charlie, market.admin):
        with reverts("NotTheUser", stranger, market.alice):
            facade.escrow.withdraw(stranger, 1, sender=stranger)
    before = market.token.balanceOf(market.erin)
    facade.escrow.withdraw(market.erin, DEPOSIT, sender=market.alice)
    assert market.token.balanceOf(market.erin) == before + DEPOSIT
    with reverts("NotEnoughEscrow", 0, 1):
        facade.escrow.withdraw(market.alice, 1, sender=market.alice)


def test_only_the_facade_asks(facade, market):
    with reverts("NotTheFacade", market.alice, facade.at):
        facade.escrow.ask(market.version, market.bob, [], 0, 1, sender=market.alice)


def test_late_operator_pays_into_the_purse_whoever_closes_the_request(facade, market, other):
    request = facade.run().event("Requested").request
    lapse(market)
    market.inference.expire(request, sender=market.bob)
    assert facade.escrow.available() == DEPOSIT + BOUNTY
    assert other.available() == DEPOSIT
    facade.escrow.collect(sender=market.bob)
    assert market.token.balanceOf(facade.escrow) == DEPOSIT + BOUNTY


def test_refuted_answer_is_paid_back_into_the_purse(facade, market, other):
    request = facade.run().event("Requested").request
    answer = market.fulfil(request, [OTHER_OUTPUT])
    market.refute(answer)
    market.inference.refund(request, sender=market.bob)
    assert facade.escrow.available() == DEPOSIT
    assert other.available() == DEPOSIT


def test_paid_answer_pays_nothing_back(facade, market):
    request = facade.run().event("Requested").request
    market.fulfil(request)
    market.after_window()
    market.inference.finalise(request, [OUTPUT], sender=market.bob)
    facade.escrow.collect(sender=market.bob)
    assert facade.escrow.available() == DEPOSIT - PRICE


def test_what_came_back_pays_the_next_question(facade, market):
    facade.escrow.withdraw(market.alice, DEPOSIT - PRICE, sender=market.alice)
    for _ in range(3):
        request = facade.run().event("Requested").request
        answer = market.fulfil(request, [OTHER_OUTPUT])
        market.refute(answer)
        market.inference.refund(request, sender=market.dave)
        market.evm.sleep(1)
    assert facade.escrow.available() == PRICE


def test_two_pockets_that_only_together_cover_a_fee_are_enough(facade, market):
    facade.at.setMaxFee(DEPOSIT, sender=market.alice)
    request = facade.run().event("Requested").request
    lapse(market)
    market.inference.expire(request, sender=market.dave)
    facade.escrow.withdraw(market.alice, DEPOSIT - PRICE - OPG, sender=market.alice)  # one is left here, three there
    market.evm.sleep(2 * 86_400)
    market.staking.rehabilitate(sender=market.bob)
    market.inference.offer(market.version, PRICE + OPG, sender=market.bob)
    facade.run()
    assert facade.escrow.available() == BOUNTY


def test_withdrawing_takes_from_everything_that_came_back(facade, market):
    request = facade.run().event("Requested").request
    lapse(market)
    market.inference.expire(request, sender=market.dave)
    before = market.token.balanceOf(market.alice)
    facade.escrow.withdraw(market.alice, DEPOSIT + BOUNTY, sender=market.alice)
    assert market.token.balanceOf(market.alice) == before + DEPOSIT + BOUNTY
    assert facade.escrow.available() == 0


def test_one_users_questions_never_touch_anothers_purse(facade, market, other):
    facade.run()
    facade.run(sender=market.dave)
    facade.run(sender=market.dave)
    assert facade.escrow.available() == DEPOSIT - PRICE
    assert other.available() == DEPOSIT - 2 * PRICE


def test_callback_in_the_middle_of_a_payment_gets_nothing_but_its_own(facade, market):
    """A contract that is called back tries to spend and to empty purses: its own question is asked, once, and alice's purse is closed to it."""
    thief = market.evm.deploy("FacadeThief", market.token, facade.at, facade.escrow)
    market.token.transfer(thief, PRICE, sender=market.alice)
    given = {"numbers": [tensor()], "strings": []}
    thief.arm(CID, given, PRICE, sender=market.alice)
    request = market.ask(callback=thief, callback_gas=1_000_000)
    market.fulfil(request)
    market.after_window()
    market.inference.finalise(request, [OUTPUT], sender=market.dave)
    own = market.evm.at("Escrow", facade.at.escrowOf(thief))
    assert (thief.asked(), thief.stolen()) == (1, 0)
    assert own.available() == 0
    assert facade.escrow.available() == DEPOSIT
