"""Income: what is the operator's, what is its delegators', and since when."""

import pytest

from tests.evm import reverts
from tests.market import OPG, THAWING_SECONDS, Market


def down(exact, value):
    """Whether it is the exact amount, or a wei or two of rounding less."""
    return exact - 2 <= value <= exact


def test_nothing_is_no_income(staking, bob, frank):
    assert staking.reward(bob, 0, sender=frank).events == []


def test_it_is_pulled_from_the_caller(staking, token, bob, frank):
    before = token.balanceOf(frank)
    staking.reward(bob, 7 * OPG, sender=frank)
    assert token.balanceOf(frank) == before - 7 * OPG
    assert token.balanceOf(staking) == 7 * OPG


def test_what_was_not_paid_is_not_credited(staking, token, bob, frank):
    token.approve(staking, OPG - 1, sender=frank)
    with reverts("ERC20InsufficientAllowance"):
        staking.reward(bob, OPG, sender=frank)
    assert staking.creditOf(bob) == 0


def test_all_is_the_operators_while_nobody_delegates(staking, bob, charlie, dave, frank):
    """Whoever it is: even someone who never registered, so that no payment fails."""
    staking.stake(OPG, sender=bob)
    for who in (bob, charlie, dave):
        event = staking.reward(who, 7 * OPG + 1, sender=frank).event("Rewarded")
        assert (event.operator, event.payer, event.own, event.delegated) == (
            who.address,
            frank.address,
            7 * OPG + 1,
            0,
        )
        assert staking.creditOf(who) == 7 * OPG + 1


def test_it_never_enters_a_pool(evm, staking, alice, bob, frank):
    """Attack 7: no price moves by it."""
    staking.stake(OPG, sender=bob)
    staking.delegate(bob, OPG, 0, sender=alice)
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    staking.reward(bob, 100 * OPG, sender=frank)
    assert staking.stakeOf(bob) == (OPG, 0, 0)
    assert staking.delegatedTo(bob) == (OPG, 0, OPG)


@pytest.fixture
def warm(evm, staking, alice, bob, charlie):
    """30 of bob's own, 10 of alice's, 20 of charlie's, all of it warm; commission 20 %."""
    staking.setCommission(2_000, sender=bob)
    staking.stake(30 * OPG, sender=bob)
    staking.delegate(bob, 10 * OPG, 2_000, sender=alice)
    staking.delegate(bob, 20 * OPG, 2_000, sender=charlie)
    evm.sleep(THAWING_SECONDS)
    for who in (alice, charlie):
        staking.settle(bob, who, sender=who)


def test_it_is_split_by_stake_after_commission(staking, alice, bob, charlie, frank, warm):
    event = staking.reward(bob, 60 * OPG, sender=frank).event("Rewarded")
    assert (event.own, event.delegated) == (36 * OPG, 24 * OPG)
    assert staking.creditOf(bob) == 36 * OPG
    shown = staking.delegationOf(bob, alice).income
    assert down(8 * OPG, shown)
    assert staking.settle(bob, alice, sender=frank).value == shown
    assert down(16 * OPG, staking.settle(bob, charlie, sender=frank).value)
    assert staking.settle(bob, alice, sender=frank).value == 0
    assert staking.creditOf(alice) == shown


def test_settling_late_is_settling_often(staking, alice, bob, charlie, frank, warm):
    for _ in range(5):
        staking.reward(bob, 60 * OPG, sender=frank)
        staking.settle(bob, charlie, sender=frank)
    staking.settle(bob, alice, sender=frank)
    assert down(40 * OPG, staking.creditOf(alice))
    assert 80 * OPG - 10 <= staking.creditOf(charlie) <= 80 * OPG


@pytest.mark.parametrize("amount", [1, 2, 59, 60 * OPG + 1, 10**18 + 7])
def test_parts_never_exceed_the_whole(staking, token, alice, bob, charlie, frank, warm, amount):
    """Attack 17: each is rounded down, the odd wei is the operator's, or nobody's."""
    staking.reward(bob, amount, sender=frank)
    parts = [staking.settle(bob, who, sender=frank).value for who in (alice, charlie)]
    own = staking.creditOf(bob)
    assert own == amount - amount * 4 // 10
    assert amount - 2 <= own + sum(parts) <= amount


def test_what_does_not_divide_among_shares_is_paid_to_nobody(evm, staking, alice, bob, frank):
    """Attack 17: else incomes could add up to more than came in."""
    staking.delegate(bob, 3, 0, sender=alice)
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    assert staking.reward(bob, 1, sender=frank).event("Rewarded").delegated == 1
    assert staking.settle(bob, alice, sender=alice).value == 0


def test_delegating_just_before_income_earns_nothing_of_it(evm, staking, alice, bob, frank, charlie, warm):
    """Attack 8: not in the block before, not one second before it is as old as a thaw."""
    staking.delegate(bob, 940 * OPG, 2_000, sender=frank)
    staking.settle(bob, frank, sender=frank)
    staking.reward(bob, 60 * OPG, sender=charlie)
    evm.sleep(THAWING_SECONDS - 1)
    staking.settle(bob, frank, sender=frank)
    staking.reward(bob, 60 * OPG, sender=charlie)
    assert staking.settle(bob, frank, sender=frank).value == 0
    assert down(16 * OPG, staking.delegationOf(bob, alice).income)

    evm.sleep(1)
    staking.settle(bob, frank, sender=frank)
    staking.reward(bob, 100 * OPG, sender=charlie)
    assert down(80 * OPG * 940 // 1_000, staking.settle(bob, frank, sender=frank).value)


def test_own_stake_just_before_income_dilutes_nobody(evm, staking, alice, bob, frank, warm):
    """Attack 8: the operator can't either."""
    staking.stake(940 * OPG, sender=bob)
    assert staking.reward(bob, 60 * OPG, sender=frank).event("Rewarded").delegated == 24 * OPG
    evm.sleep(THAWING_SECONDS - 1)
    assert staking.reward(bob, 60 * OPG, sender=frank).event("Rewarded").delegated == 24 * OPG
    evm.sleep(1)
    event = staking.reward(bob, 100 * OPG, sender=frank).event("Rewarded")
    assert event.delegated == 80 * OPG * 30 // 1_000


def test_own_stake_that_thaws_has_no_part(evm, staking, bob, frank, warm):
    """What does not earn yet leaves first."""
    staking.stake(20 * OPG, sender=bob)
    staking.startThaw(10 * OPG, sender=bob)
    assert staking.reward(bob, 60 * OPG, sender=frank).event("Rewarded").delegated == 24 * OPG
    staking.startThaw(40 * OPG, sender=bob)
    assert staking.reward(bob, 60 * OPG, sender=frank).event("Rewarded").delegated == 48 * OPG


def test_a_slash_changes_the_parts_but_no_income_of_before(staking, alice, bob, charlie, dave, frank, warm):
    staking.reward(bob, 60 * OPG, sender=frank)
    staking.slash(bob, 15 * OPG, dave, sender=dave)
    assert down(8 * OPG, staking.delegationOf(bob, alice).income)
    event = staking.reward(bob, 45 * OPG, sender=frank).event("Rewarded")
    assert event.delegated == 24 * OPG
    assert down(32 * OPG, staking.settle(bob, charlie, sender=frank).value)


def test_income_outlives_the_pool(evm, staking, alice, bob, charlie, dave, frank, warm):
    """Attack 7: what was earned before all was slashed is still paid, what comes later is not."""
    staking.reward(bob, 60 * OPG, sender=frank)
    staking.slash(bob, 2**256 - 1, dave, sender=dave)
    assert staking.reward(bob, OPG, sender=frank).event("Rewarded").delegated == 0
    staking.delegate(bob, 5 * OPG, 2_000, sender=charlie)
    assert staking.delegationOf(bob, alice)[:2] == (0, 0)
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, charlie, sender=charlie)
    staking.reward(bob, 100 * OPG, sender=frank)
    assert down(16 * OPG, staking.creditOf(charlie))
    assert down(8 * OPG, staking.delegationOf(bob, alice).income)
    assert down(8 * OPG, staking.settle(bob, alice, sender=frank).value)
    assert down(80 * OPG, staking.settle(bob, charlie, sender=frank).value)


def test_a_dust_of_delegated_stake_has_no_part(evm, staking, alice, bob, dave, frank):
    """Shares that are worth nothing earn nothing, and break nothing."""
    staking.delegate(bob, 3, 0, sender=alice)
    evm.sleep(THAWING_SECONDS)
    staking.settle(bob, alice, sender=alice)
    staking.undelegate(bob, 2, sender=alice)
    staking.slash(bob, 2, dave, sender=dave)
    assert staking.delegatedTo(bob) == (0, 0, 0)
    assert staking.reward(bob, OPG, sender=frank).event("Rewarded").own == OPG


def test_the_jailed_earn(staking, bob, dave, frank, warm):
    """It is for what they did before."""
    staking.slash(bob, OPG, dave, sender=dave)
    assert staking.reward(bob, 60 * OPG, sender=frank).event("Rewarded").delegated > 0


@pytest.mark.parametrize("delegated", [False, True], ids=["alone", "delegated"])
def test_what_a_reward_costs(anvil_evm, gas_snapshot, delegated):
    """A whole transaction, the second of its kind."""
    market = Market(anvil_evm)
    if delegated:
        market.staking.delegate(market.bob, 1_000 * OPG, 0, sender=market.alice)
        market.evm.sleep(THAWING_SECONDS)
        market.staking.settle(market.bob, market.alice, sender=market.alice)
    for _ in range(2):
        receipt = market.staking.reward(market.bob, 10 * OPG, sender=market.dave)
    assert receipt.gas_used <= (90_000 if delegated else 75_000)
    gas_snapshot("Staking.reward" + (" with delegators" if delegated else ""), receipt)
