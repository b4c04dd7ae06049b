"""Taking delegated stake out."""

from itertools import permutations

import pytest

from tests.evm import reverts
from tests.market import OBLIGATION, OPG, THAWING_SECONDS


@pytest.fixture(autouse=True)
def delegated(evm, staking, alice, bob):
    staking.delegate(bob, 10 * OPG, 0, sender=alice)


def test_nothing_cannot_thaw(staking, alice, bob):
    with reverts("ZeroAmount"):
        staking.undelegate(bob, 0, sender=alice)


@pytest.mark.parametrize("amount", [10 * OPG + 1, 2**120, 2**256 - 1])
def test_no_more_than_there_is(staking, alice, bob, amount):
    """Attack 9."""
    with reverts("NotEnoughDelegated", 10 * OPG, amount):
        staking.undelegate(bob, amount, sender=alice)


def test_only_ones_own(staking, bob, frank):
    """Attack 10."""
    for who in (bob, frank):
        with reverts("NotEnoughDelegated", 0, 1):
            staking.undelegate(bob, 1, sender=who)


def test_it_thaws(evm, staking, token, alice, bob):
    receipt = staking.undelegate(bob, 4 * OPG, sender=alice)
    event = receipt.event("ThawStarted")
    assert (event.operator, event.owner, event.thawId) == (bob.address, alice.address, receipt.value)
    assert (event.amount, event.shares, event.until) == (4 * OPG, 4 * OPG, evm.now + THAWING_SECONDS)
    assert staking.thaw(receipt.value) == (bob.address, alice.address, False, 4 * OPG, evm.now + THAWING_SECONDS)
    assert staking.delegatedTo(bob) == (6 * OPG, 4 * OPG, 0)
    evm.sleep(THAWING_SECONDS - 1)
    with reverts("ThawingNotOver", event.until):
        staking.finishThaw(receipt.value, sender=alice)
    evm.sleep(1)
    with reverts("NoSuchThaw", receipt.value):
        staking.finishThaw(receipt.value, sender=bob)
    before = token.balanceOf(alice)
    event = staking.finishThaw(receipt.value, sender=alice).event("Unstaked")
    assert (event.operator, event.owner, event.amount) == (bob.address, alice.address, 4 * OPG)
    assert token.balanceOf(alice) == before + 4 * OPG
    assert staking.delegatedTo(bob) == (6 * OPG, 0, 0)


def test_the_operators_locks_hold_nobody_back(staking, alice, bob, dave):
    staking.stake(OPG, sender=bob)
    staking.lock(bob, OPG, OBLIGATION, sender=dave)
    staking.undelegate(bob, 10 * OPG, sender=alice)
    assert staking.delegationOf(bob, alice).active == 0


def test_leaving_before_the_verdict_saves_nothing(evm, staking, alice, bob, dave):
    """Attacks 1 and 8: slashable to the second in which it is taken out."""
    thaw = staking.undelegate(bob, 10 * OPG, sender=alice).value
    evm.sleep(10 * THAWING_SECONDS)
    staking.slash(bob, 4 * OPG, dave, sender=dave)
    assert staking.finishThaw(thaw, sender=alice).value == 6 * OPG


def test_it_earns_nothing_from_now_on(evm, staking, alice, bob, frank):
    """Attack 8."""
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    staking.undelegate(bob, 10 * OPG, sender=alice)
    assert staking.delegatedTo(bob).earning == 0
    assert staking.reward(bob, OPG, sender=frank).event("Rewarded").delegated == 0
    assert staking.settle(bob, alice, sender=alice).value == 0


def test_income_of_before_is_credited(evm, staking, alice, bob, frank):
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    staking.reward(bob, OPG, sender=frank)
    staking.undelegate(bob, 10 * OPG, sender=alice)
    assert OPG - 1 <= staking.creditOf(alice) <= OPG


def test_what_does_not_earn_leaves_first(evm, staking, alice, bob):
    evm.sleep(THAWING_SECONDS)
    staking.delegate(bob, 5 * OPG, 0, sender=alice)
    staking.undelegate(bob, 3 * OPG, sender=alice)
    assert staking.delegationOf(bob, alice)[:2] == (12 * OPG, 10 * OPG)
    staking.undelegate(bob, 3 * OPG, sender=alice)
    assert staking.delegationOf(bob, alice)[:2] == (9 * OPG, 9 * OPG)
    assert staking.delegatedTo(bob) == (9 * OPG, 6 * OPG, 9 * OPG)
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    assert staking.delegationOf(bob, alice).earning == 9 * OPG


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_of_exits_pays_alike_and_the_last_never_underflows(evm, staking, alice, bob, dave, frank, order):
    """Attack 4: odd amounts, odd slashes, one who thaws and two who stay; all of it is paid or burns."""
    staking.delegate(bob, 7 * OPG + 3, 0, sender=frank)
    thaws = [(alice, staking.undelegate(bob, 10 * OPG - 1, sender=alice).value)]
    staking.slash(bob, 5 * OPG + 1, dave, sender=dave)
    staking.delegate(bob, 3 * OPG + 7, 0, sender=bob)
    staking.slash(bob, 2 * OPG + 3, dave, sender=dave)
    for who in (frank, bob):
        amount = staking.delegationOf(bob, who).active
        thaws.append((who, staking.undelegate(bob, amount, sender=who).value))
    evm.sleep(THAWING_SECONDS)
    due = [staking.thaw(thaw).amount for _, thaw in thaws]
    burnable = staking.burnable()
    paid = {i: staking.finishThaw(thaws[i][1], sender=thaws[i][0]).value for i in order}
    assert all(due[i] - 2 <= paid[i] <= due[i] for i in order)
    assert sum(paid.values()) + staking.burnable() - burnable + sum(staking.delegatedTo(bob)[:2]) == sum(due) + 1
    assert staking.delegationOf(bob, alice).active <= 1


@pytest.mark.parametrize("slashed", [False, True])
def test_a_pool_all_of_whose_shares_thaw_goes_on(evm, staking, alice, bob, dave, frank, slashed):
    """Attack 7: and one that is empty begins anew, at the price of one."""
    staking.undelegate(bob, 10 * OPG, sender=alice)
    staking.delegate(bob, 2 * OPG, 0, sender=frank)
    assert staking.delegatedTo(bob) == (2 * OPG, 10 * OPG, 0)
    if slashed:
        staking.slash(bob, 6 * OPG, dave, sender=dave)
    thaw = staking.undelegate(bob, OPG if slashed else 2 * OPG, sender=frank).value
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(1, sender=alice)
    last = staking.finishThaw(thaw, sender=frank)
    ended = [(e.operator, e.own, e.epoch, e.dust) for e in last.events if e.name == "PoolEnded"]
    assert ended == ([(bob.address, False, 0, 0)] if slashed else [])
    assert staking.delegate(bob, OPG, 0, sender=frank).event("Delegated").shares == OPG


def test_nobody_fills_a_victims_queue(staking, alice, bob, frank):
    """Attack 10: exits are claimed by id, no one waits for another's, and dust moves no price."""
    ids = [staking.undelegate(bob, 1, sender=alice).value for _ in range(40)]
    staking.delegate(bob, OPG, 0, sender=frank)
    mine = staking.undelegate(bob, OPG, sender=frank).value
    assert mine not in ids and staking.thaw(mine).amount == OPG
