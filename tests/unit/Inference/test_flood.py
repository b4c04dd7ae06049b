"""Attack 18: more requests than anybody could answer, all at once, for the bounty that each missed deadline brings; the fees go back."""

import pytest

from tests.evm import account, reverts
from tests.market import BURN_BPS, COLLATERAL, MIN_RESPONSE_SECONDS, MIN_STAKE, PRICE, STAKE, THAWING_SECONDS

STAKING = 2  # `Business`
BOUNTY = COLLATERAL - COLLATERAL * BURN_BPS // 10_000


@pytest.fixture
def cautious(market):
    """bob has lent to himself what is more than he could answer for: it backs his answers, and no request can lock it."""
    thaw = market.staking.startThaw(STAKE - MIN_STAKE, sender=market.bob).value
    market.evm.sleep(THAWING_SECONDS)
    market.staking.finishThaw(thaw, sender=market.bob)
    market.staking.delegate(market.bob, STAKE - MIN_STAKE, 0, sender=market.bob)
    return market


def flood(market):
    """As many requests as are taken, with the shortest deadline."""
    asked = []
    while market.staking.freeStake(market.bob) >= COLLATERAL:
        asked.append(market.ask(deadline=market.evm.now + MIN_RESPONSE_SECONDS))
    with reverts("NotEnoughStake"):
        market.ask()
    return asked


def missed(market, asked):
    """Nobody answered; what the flood brought."""
    market.evm.sleep(MIN_RESPONSE_SECONDS + 1)
    for req in asked:
        market.inference.expire(req, sender=market.alice)
    assert market.inference.creditOf(market.alice) == PRICE * len(asked)
    return market.staking.creditOf(market.alice)


def test_it_reaches_free_stake_of_its_own(market):
    """Ever more own stake invites ever more requests: an operator keeps no more of it than it can answer for in the shortest time."""
    asked = flood(market)
    assert len(asked) == STAKE // COLLATERAL
    assert missed(market, asked) == BOUNTY * len(asked)


def test_it_does_not_reach_what_is_delegated(cautious):
    asked = flood(cautious)
    assert len(asked) == MIN_STAKE // COLLATERAL
    assert missed(cautious, asked) == BOUNTY * len(asked)
    assert cautious.staking.delegatedTo(cautious.bob).active == STAKE - MIN_STAKE


def test_one_missed_deadline_does_not_cost_the_others(cautious):
    """It leaves an operator that kept the bare minimum unable to answer, until it adds what it lost; in jail and whatever the guardian pauses."""
    first = cautious.ask(deadline=cautious.evm.now + MIN_RESPONSE_SECONDS)
    others = [cautious.ask(fee=PRICE + i) for i in range(3)]
    cautious.evm.sleep(MIN_RESPONSE_SECONDS + 1)
    cautious.inference.expire(first, sender=cautious.alice)
    with reverts("OperatorNotLive", cautious.bob):
        cautious.fulfil(others[0])
    cautious.guardian.pause(STAKING, 3600, sender=account(9))
    cautious.staking.stake(COLLATERAL + 1, sender=cautious.bob)  # a wei does not divide, and burns
    for req in others:
        cautious.fulfil(req)
    assert cautious.staking.creditOf(cautious.alice) == BOUNTY
