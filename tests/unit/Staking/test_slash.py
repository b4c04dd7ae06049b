"""Taking stake. It clamps, and what it takes is gone or credited."""

import pytest

from tests.evm import account, reverts
from tests.market import (
    BURN_BPS,
    JAIL_SECONDS,
    MIN_STAKE,
    OBLIGATION,
    OPG,
    THAWING_SECONDS,
    Market,
    deploy_staking,
)

PENALTY_GAS = 500_000  # `Penalty.SLASH_GAS`


@pytest.fixture(autouse=True)
def staked(staking, bob):
    staking.stake(100 * OPG, sender=bob)


def test_only_modules_slash(staking, bob, charlie):
    with reverts("AccessControlUnauthorizedAccount", charlie, staking.SLASHER_ROLE()):
        staking.slash(bob, 1, charlie, sender=charlie)


def test_a_part_will_burn_and_the_rest_is_credited(staking, token, bob, charlie, dave):
    event = staking.slash(bob, 30 * OPG, charlie, sender=dave).event("Slashed")
    assert (event.fromOwn, event.fromDelegated, event.burned, event.bounty) == (30 * OPG, 0, 15 * OPG, 15 * OPG)
    assert (event.module, event.beneficiary) == (dave.address, charlie.address)
    assert staking.burnable() == 15 * OPG
    assert staking.creditOf(charlie) == 15 * OPG
    assert token.balanceOf(staking) == 100 * OPG


def test_active_and_thawing_are_slashed_alike(staking, bob, dave):
    """Attack 4."""
    staking.startThaw(40 * OPG, sender=bob)
    staking.slash(bob, 50 * OPG, dave, sender=dave)
    assert staking.stakeOf(bob) == (30 * OPG, 20 * OPG, 0)


@pytest.mark.parametrize("amount", [100 * OPG, 100 * OPG + 1, 2**96, 2**256 - 1])
def test_more_than_there_is_takes_all(staking, bob, dave, amount):
    """Attack 3: it clamps, never reverts."""
    staking.startThaw(33 * OPG + 1, sender=bob)
    assert staking.slash(bob, amount, dave, sender=dave).value.slashed == 100 * OPG
    assert staking.stakeOf(bob) == (0, 0, 0)


def test_a_withdrawal_in_front_does_not_make_it_revert(evm, staking, bob, dave):
    """Attack 3: one wei less than the penalty is all that is there."""
    thaw = staking.startThaw(1, sender=bob).value
    evm.sleep(THAWING_SECONDS)
    staking.finishThaw(thaw, sender=bob)
    assert staking.slash(bob, 100 * OPG, dave, sender=dave).value.slashed == 100 * OPG - 1


def test_nothing_left_is_slashed_to_nothing(staking, bob, dave, frank):
    """Attack 3: nobody's stake, spent stake, and a penalty of zero."""
    staking.slash(bob, 100 * OPG, dave, sender=dave)
    burnable = staking.burnable()
    for operator, amount in [(bob, OPG), (frank, OPG), (bob, 0)]:
        assert staking.slash(operator, amount, dave, sender=dave).value == (0, 0)
    assert staking.burnable() == burnable


@pytest.mark.parametrize("thawing", [0, 1, 2, 50, 97, 100])
def test_many_tiny_slashes_take_what_one_huge_takes(staking, charlie, dave, frank, thawing):
    """Attack 5: each takes its wei to the last, and burns at least its part."""
    staking.stake(100, sender=charlie)
    if thawing:
        staking.startThaw(thawing, sender=charlie)
    for left in range(99, -1, -1):
        assert staking.slash(charlie, 1, frank, sender=dave).value.slashed == 1
        assert left - 1 <= sum(staking.stakeOf(charlie)[:2]) <= left
    assert staking.slash(charlie, 1, frank, sender=dave).value.slashed == 0
    assert staking.burnable() == 100


@pytest.mark.parametrize("amount", [1, 2, 3, 19_999, 10**18 + 1])
def test_the_burned_part_rounds_up(staking, bob, dave, amount):
    """Attacks 6 and 5."""
    event = staking.slash(bob, amount, dave, sender=dave).event("Slashed")
    assert event.burned == -(-amount * BURN_BPS // 10_000)
    assert event.burned + event.bounty == amount


@pytest.mark.parametrize("burn_bps", [1_000, 9_000])
def test_slashing_oneself_with_a_friend_never_pays(evm, token, bob, charlie, dave, burn_bps):
    """Attack 6: skipping the thawing costs at least a tenth, however it is cut."""
    staking = deploy_staking(evm, token, burn_bps=burn_bps)
    staking.grantRole(staking.SLASHER_ROLE(), dave, sender=evm.accounts[0])
    staking.register(bob, "", sender=bob)
    token.approve(staking, 2**256 - 1, sender=bob)
    staking.stake(10_001, sender=bob)
    got = sum(staking.slash(bob, amount, charlie, sender=dave).value.bounty for amount in (1, 9, 999, 8_992))
    assert got <= 10_001 * (10_000 - burn_bps) // 10_000
    assert staking.creditOf(charlie) == got


def test_lending_stake_to_a_liar_pays_the_liar_nothing(staking, alice, bob, charlie, dave):
    """Attack 6: an operator that lies to a friend, again and again, gets a part of its own stake, and nothing of what others lent."""
    staking.delegate(bob, 900 * OPG, 0, sender=alice)
    for _ in range(10):
        staking.slash(bob, 100 * OPG, charlie, sender=dave)
    assert staking.creditOf(charlie) == 50 * OPG
    assert staking.burnable() == 950 * OPG


def test_locks_protect_nothing(staking, bob, dave, erin):
    staking.lock(bob, 100 * OPG, OBLIGATION, sender=erin)
    assert staking.slash(bob, 60 * OPG, dave, sender=dave).value.slashed == 60 * OPG
    assert staking.lockedBy(bob, erin) == 100 * OPG


def test_own_stake_is_lost_before_what_was_delegated(staking, alice, bob, dave):
    """The first loss, thawing or not, is the operator's."""
    staking.delegate(bob, 50 * OPG, 0, sender=alice)
    staking.startThaw(40 * OPG, sender=bob)
    staking.slash(bob, 70 * OPG, dave, sender=dave)
    assert staking.stakeOf(bob) == (18 * OPG, 12 * OPG, 0)
    assert staking.delegatedTo(bob) == (50 * OPG, 0, 0)

    event = staking.slash(bob, 40 * OPG, dave, sender=dave).event("Slashed")
    assert (event.fromOwn, event.fromDelegated) == (30 * OPG, 10 * OPG)
    assert staking.stakeOf(bob) == (0, 0, 0)
    assert staking.delegatedTo(bob) == (40 * OPG, 0, 0)


def test_delegated_stake_is_slashed_alike_thawing_or_not(staking, alice, bob, dave, frank):
    """Attack 4: whoever leaves loses what the others lose."""
    staking.delegate(bob, 30 * OPG, 0, sender=alice)
    staking.delegate(bob, 60 * OPG, 0, sender=frank)
    thaw = staking.undelegate(bob, 30 * OPG, sender=alice).value
    staking.slash(bob, 130 * OPG, dave, sender=dave)
    assert staking.delegatedTo(bob) == (40 * OPG, 20 * OPG, 0)
    assert staking.thaw(thaw).amount == 20 * OPG
    assert staking.delegationOf(bob, frank).active == 40 * OPG


@pytest.mark.parametrize("amount", [150 * OPG, 150 * OPG + 1, 2**256 - 1])
def test_more_than_both_pools_have_takes_both(staking, alice, bob, dave, amount):
    """Attack 3."""
    staking.delegate(bob, 50 * OPG, 0, sender=alice)
    receipt = staking.slash(bob, amount, dave, sender=dave)
    assert receipt.value.slashed == 150 * OPG
    ended = [(e.own, e.epoch, e.dust) for e in receipt.events if e.name == "PoolEnded"]
    assert ended == [(True, 0, 0), (False, 0, 0)]
    assert staking.delegatedTo(bob) == (0, 0, 0)


def test_dust_of_the_delegated_pool_burns(staking, alice, bob, dave):
    """Attack 7."""
    staking.delegate(bob, 50 * OPG, 0, sender=alice)
    burnable = 100 * OPG * BURN_BPS // 10_000 + 50 * OPG
    assert staking.slash(bob, 150 * OPG - 7, dave, sender=dave).event("Slashed").fromDelegated == 50 * OPG - 7
    assert staking.delegatedTo(bob) == (0, 0, 0)
    assert staking.burnable() == burnable


def test_slashing_one_operator_leaves_the_other_whole(staking, bob, charlie, dave):
    staking.stake(5 * OPG, sender=charlie)
    staking.slash(bob, 2**256 - 1, dave, sender=dave)
    assert staking.stakeOf(charlie) == (5 * OPG, 0, 0)


def test_a_slash_ends_liveness(staking, bob, dave):
    staking.stake(MIN_STAKE - 100 * OPG, sender=bob)
    assert staking.isLive(bob)
    staking.slash(bob, 1, dave, sender=dave)
    assert not staking.isLive(bob)


def test_a_beneficiary_that_takes_no_part_blocks_nothing(staking, token, bob, dave):
    """Attack 15: the bounty waits as a credit, whoever it is for, and leaves wherever its owner says."""
    staking.slash(bob, OPG, token, sender=dave)
    staking.slash(bob, 20 * OPG, dave, sender=dave)
    before = token.balanceOf(dave)
    staking.withdrawCredit(dave, sender=dave)
    assert token.balanceOf(dave) == before + 10 * OPG
    with reverts("NothingToWithdraw", dave):
        staking.withdrawCredit(dave, sender=dave)


@pytest.mark.parametrize("now", [2**32 - JAIL_SECONDS - 1, 2**32 - JAIL_SECONDS, 2**32, 2**40])
def test_it_works_in_any_year(evm, staking, bob, dave, now):
    """Attack 3: from 2106 on no 32 bits hold the end of a jail."""
    staking.stake(100 * OPG, sender=bob)
    evm.sleep(now - evm.now)
    assert staking.slash(bob, 30 * OPG, dave, sender=dave).value.slashed == 30 * OPG
    assert staking.jailedUntil(bob) == min(evm.now + JAIL_SECONDS, 2**32 - 1)
    assert not staking.isLive(bob)


def test_the_dearest_slash_takes_half_of_what_a_penalty_brings_for_it(evm):
    """Attack 19: both pools end, and everybody is new: else a lie would be cheaper where it is dearer to punish."""
    market = Market(evm)
    market.staking.delegate(market.bob, 1_000 * OPG, 0, sender=market.alice)
    evm.sleep(THAWING_SECONDS)
    market.staking.settle(market.bob, market.alice, sender=market.alice)
    market.staking.startThaw(1_000 * OPG, sender=market.bob)
    market.staking.undelegate(market.bob, 500 * OPG, sender=market.alice)
    market.staking.reward(market.bob, 7 * OPG, sender=market.dave)
    receipt = market.staking.slash(market.bob, 2**255, account(20), sender=market.dave)
    assert [e.own for e in receipt.events if e.name == "PoolEnded"] == [True, False]
    assert receipt.gas_used < PENALTY_GAS // 2


@pytest.mark.parametrize("thaws", [False, True], ids=["plain", "thawing"])
def test_what_a_slash_costs(anvil_evm, gas_snapshot, thaws):
    """A whole transaction, the second of its kind; whether stake thaws makes no difference."""
    market = Market(anvil_evm)
    if thaws:
        market.staking.startThaw(1_000 * OPG, sender=market.bob)
    for _ in range(2):
        receipt = market.staking.slash(market.bob, 10 * OPG, market.alice, sender=market.dave)
    assert receipt.gas_used <= 75_000
    gas_snapshot("Staking.slash" + (" while stake thaws" if thaws else ""), receipt)


def test_what_a_slash_of_delegated_stake_costs(anvil_evm, gas_snapshot):
    """When the operator's own stake is gone, and the delegators' is next."""
    market = Market(anvil_evm)
    market.staking.delegate(market.bob, 1_000 * OPG, 0, sender=market.alice)
    market.staking.slash(market.bob, 2**255, market.alice, sender=market.dave)
    market.staking.stake(10 * OPG, sender=market.bob)
    market.staking.delegate(market.bob, 1_000 * OPG, 0, sender=market.alice)
    market.staking.slash(market.bob, 5 * OPG, market.alice, sender=market.dave)
    receipt = market.staking.slash(market.bob, 4 * OPG + 10 * OPG, market.alice, sender=market.dave)
    assert receipt.event("Slashed").fromDelegated == 9 * OPG
    assert receipt.gas_used <= 75_000
    gas_snapshot("Staking.slash of delegated stake", receipt)
