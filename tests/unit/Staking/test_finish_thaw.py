"""Taking out what has thawed."""

from itertools import permutations

import pytest

from tests.evm import reverts
from tests.market import OPG, THAWING_SECONDS


@pytest.fixture(autouse=True)
def staked(staking, bob):
    staking.stake(100 * OPG, sender=bob)


def start(staking, bob, *amounts):
    return [staking.startThaw(amount, sender=bob).value for amount in amounts]


def test_an_unknown_thaw_cannot_be_finished(staking, bob):
    with reverts("NoSuchThaw", 7):
        staking.finishThaw(7, sender=bob)


def test_only_the_operator_finishes(evm, staking, bob, charlie):
    """Attack 10: nobody acts for another, not even to his good."""
    (thaw,) = start(staking, bob, OPG)
    evm.sleep(THAWING_SECONDS)
    with reverts("NoSuchThaw", thaw):
        staking.finishThaw(thaw, sender=charlie)


def test_thawing_takes_its_time_to_the_second(evm, staking, bob):
    """Attack 1."""
    (thaw,) = start(staking, bob, OPG)
    until = evm.now + THAWING_SECONDS
    evm.sleep(THAWING_SECONDS - 1)
    with reverts("ThawingNotOver", until):
        staking.finishThaw(thaw, sender=bob)
    evm.sleep(1)
    assert staking.finishThaw(thaw, sender=bob).value == OPG


def test_what_thawed_goes_to_the_operator(evm, staking, token, bob):
    (thaw,) = start(staking, bob, 30 * OPG)
    evm.sleep(THAWING_SECONDS)
    before = token.balanceOf(bob)
    staking.finishThaw(thaw, sender=bob)
    assert token.balanceOf(bob) == before + 30 * OPG
    assert staking.stakeOf(bob) == (70 * OPG, 0, 0)


def test_a_thaw_is_finished_once(evm, staking, bob):
    (thaw,) = start(staking, bob, OPG)
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(thaw, sender=bob)
    with reverts("NoSuchThaw", thaw):
        staking.finishThaw(thaw, sender=bob)


def test_leaving_before_the_verdict_saves_nothing(evm, staking, bob, dave):
    """Attack 1: stake that has thawed long ago is slashed like any other, until it is out."""
    (thaw,) = start(staking, bob, 100 * OPG)
    evm.sleep(10 * THAWING_SECONDS)
    assert staking.slash(bob, 60 * OPG, dave, sender=dave).value.slashed == 60 * OPG
    assert staking.finishThaw(thaw, sender=bob).value == 40 * OPG


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_of_exits_pays_alike(evm, staking, token, bob, dave, order):
    """Attack 4."""
    thaws = start(staking, bob, 10 * OPG, 20 * OPG, 30 * OPG)
    staking.slash(bob, 25 * OPG, dave, sender=dave)
    evm.sleep(THAWING_SECONDS)
    paid = {i: staking.finishThaw(thaws[i], sender=bob).value for i in order}
    assert [paid[i] for i in range(3)] == [7.5 * OPG, 15 * OPG, 22.5 * OPG]
    assert staking.stakeOf(bob).thawing == 0


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_last_exit_never_underflows(evm, staking, bob, dave, order):
    """Attack 4: odd amounts, odd slashes; a wei that does not divide burns."""
    thaws = start(staking, bob, 3, 7, 11)
    staking.startThaw(100 * OPG - 21, sender=bob)
    staking.slash(bob, 33 * OPG + 1, dave, sender=dave)
    staking.slash(bob, 17 * OPG + 5, dave, sender=dave)
    evm.sleep(THAWING_SECONDS)
    left, burnable = 100 * OPG - (33 * OPG + 1) - (17 * OPG + 5), staking.burnable()
    paid = [staking.finishThaw(thaws[i], sender=bob).value for i in order]
    paid.append(staking.finishThaw(thaws[-1] + 1, sender=bob).value)
    assert sum(paid) + staking.burnable() - burnable == left
    assert left - 4 <= sum(paid)
    assert staking.stakeOf(bob) == (0, 0, 0)


def test_a_pool_slashed_to_nothing_starts_anew(evm, staking, bob, dave):
    """Attack 7: old shares are worth nothing, later thaws are unharmed."""
    (old,) = start(staking, bob, 40 * OPG)
    staking.slash(bob, 100 * OPG, dave, sender=dave)
    staking.stake(8 * OPG, sender=bob)
    (new,) = start(staking, bob, 8 * OPG)
    evm.sleep(THAWING_SECONDS)
    assert staking.thaw(old).amount == 0
    assert staking.finishThaw(old, sender=bob).value == 0
    assert staking.finishThaw(new, sender=bob).value == 8 * OPG


def test_a_pool_slashed_to_dust_starts_anew(evm, staking, bob, dave):
    """Attack 7: else each such slash would multiply the shares until no number held them. The dust burns."""
    (old,) = start(staking, bob, 100 * OPG)
    dust = 100 * OPG // 10**9 - 1
    receipt = staking.slash(bob, 100 * OPG - dust, dave, sender=dave)
    ended = receipt.event("PoolEnded")
    assert (ended.operator, ended.own, ended.epoch, ended.dust) == (bob.address, True, 0, dust)
    assert staking.burnable() == receipt.event("Slashed").burned + dust
    assert staking.stakeOf(bob) == (0, 0, 0)
    staking.stake(OPG, sender=bob)
    (new,) = start(staking, bob, OPG)
    evm.sleep(THAWING_SECONDS)
    assert staking.finishThaw(old, sender=bob).value == 0
    assert staking.finishThaw(new, sender=bob).value == OPG


def test_a_pool_one_wei_above_dust_goes_on(evm, staking, bob, dave):
    (old,) = start(staking, bob, 100 * OPG)
    dust = 100 * OPG // 10**9
    staking.slash(bob, 100 * OPG - dust, dave, sender=dave)
    assert staking.stakeOf(bob) == (0, dust, 0)
    staking.stake(OPG, sender=bob)
    (new,) = start(staking, bob, OPG)
    evm.sleep(THAWING_SECONDS)
    assert staking.finishThaw(old, sender=bob).value == dust
    assert staking.finishThaw(new, sender=bob).value == OPG


def test_all_shares_may_thaw_and_the_pool_begin_again(evm, staking, bob):
    """Attack 7: a pool all of whose shares thaw."""
    for _ in range(3):
        (thaw,) = start(staking, bob, 100 * OPG)
        evm.sleep(THAWING_SECONDS)
        assert staking.finishThaw(thaw, sender=bob).value == 100 * OPG
        staking.stake(100 * OPG, sender=bob)
