"""Burning what was slashed, later than the slash."""

import pytest

from tests.evm import reverts
from tests.market import OPG, THAWING_SECONDS


@pytest.fixture(autouse=True)
def staked(staking, bob):
    staking.stake(100 * OPG, sender=bob)


def test_nothing_slashed_nothing_to_burn(staking, frank):
    with reverts("NothingToBurn"):
        staking.burnSlashed(sender=frank)


def test_anyone_burns_all_of_it_once(staking, token, bob, dave, frank):
    supply = token.totalSupply()
    staking.slash(bob, 30 * OPG, dave, sender=dave)
    receipt = staking.burnSlashed(sender=frank)
    assert receipt.value == receipt.event("SlashedBurned").amount == 15 * OPG
    assert token.totalSupply() == supply - 15 * OPG
    assert token.balanceOf(staking) == 85 * OPG
    assert staking.burnable() == 0
    with reverts("NothingToBurn"):
        staking.burnSlashed(sender=frank)


def test_what_will_burn_is_paid_to_nobody(evm, staking, token, bob, dave, frank):
    """Attack 6: all leave and fetch; exactly that is left, and burns."""
    staking.slash(bob, 30 * OPG, frank, sender=dave)
    thaw = staking.startThaw(70 * OPG, sender=bob).value
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(thaw, sender=bob)
    staking.withdrawCredit(frank, sender=frank)
    assert token.balanceOf(staking) == staking.burnable() == 15 * OPG
    staking.burnSlashed(sender=frank)
    assert token.balanceOf(staking) == 0
