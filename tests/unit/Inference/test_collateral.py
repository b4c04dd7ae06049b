"""Each request has a collateral of its own, under its id, from its beginning to its end, whichever end that is."""

from __future__ import annotations

import pytest

from tests.market import COLLATERAL, OUTPUT


def finalised(market, req):
    market.fulfil(req)
    market.after_window()
    return market.inference.finalise(req, [OUTPUT], sender=market.erin)


def refunded(market, req):
    market.refute(market.fulfil(req))
    market.evm.sleep(1)
    return market.inference.refund(req, sender=market.erin)


def expired(market, req):
    market.evm.sleep(req.deadline + 1 - market.evm.now)
    return market.inference.expire(req, sender=market.erin)


@pytest.mark.parametrize("end", [finalised, refunded, expired], ids=lambda end: end.__name__)
def test_what_is_locked_for_a_request_is_freed_for_it(market, inference, end):
    """While another one goes on, with another collateral that was voted for meanwhile."""
    receipt = market.ask_receipt()
    req, locked = receipt.event("Requested").request, receipt.event("Locked")
    assert (locked.obligation, locked.amount) == (inference.hashRequest(req), COLLATERAL)
    inference.setCollateral(2 * COLLATERAL, sender=market.admin)
    other = market.ask_receipt(deadline=market.evm.now + 3600).event("Locked")
    assert other.obligation != locked.obligation and other.amount == 2 * COLLATERAL

    freed = end(market, req).event("Unlocked")

    assert (freed.module, freed.obligation, freed.amount) == (inference.address, locked.obligation, COLLATERAL)
    assert market.staking.lockedBy(market.bob, inference) == 2 * COLLATERAL
