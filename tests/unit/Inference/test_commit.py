"""Batches of answers."""

import pytest

from tests.evm import reverts
from tests.market import MIN_STAKE, STAKE

ROOT = b"\5" * 32


@pytest.mark.parametrize("who", ["bob", "frank"])
def test_the_operator_or_its_key_commits(market, inference, who):
    receipt = inference.commit(market.bob, ROOT, 1000, "cid", sender=getattr(market, who))
    event = receipt.event("Committed")
    assert (event.batchId, event.operator, event.root, event.count, event.cid) == (
        1,
        market.bob.address,
        ROOT,
        1000,
        "cid",
    )
    assert inference.batch(1) == (market.bob.address, market.evm.now, 1000, ROOT)


def test_nobody_commits_for_another(market, inference):
    """Attack 10."""
    with reverts("NotTheOperator", market.dave, market.bob):
        inference.commit(market.bob, ROOT, 1000, "cid", sender=market.dave)


def test_batches_are_counted(market, inference):
    ids = [inference.commit(market.bob, ROOT, 1, "cid", sender=market.bob).value for _ in range(3)]
    assert ids == [1, 2, 3]


def test_an_empty_batch_commits_to_nothing(market, inference):
    with reverts("EmptyBatch"):
        inference.commit(market.bob, ROOT, 0, "cid", sender=market.bob)


def test_only_live_operators_commit(market, inference):
    market.staking.startThaw(STAKE - MIN_STAKE + 1, sender=market.bob)
    with reverts("OperatorNotLive", market.bob):
        inference.commit(market.bob, ROOT, 1, "cid", sender=market.bob)


def test_there_is_no_batch_zero(inference):
    assert inference.batch(0) == ("0x" + "00" * 20, 0, 0, bytes(32))
