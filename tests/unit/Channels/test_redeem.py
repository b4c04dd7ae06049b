"""An operator is paid what was signed and deposited, and never more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evm import Evm, account, credits_of, reverts
from tests.typed import sign
from tests.unit.Channels.conftest import VOUCHER, build


@pytest.fixture(autouse=True)
def deposit(channels, alice, bob):
    channels.deposit(bob, 1_000, sender=alice)


def test_a_fee_is_split(opg, channels, redeem, voucher, alice, bob, charlie, frank):
    receipt = redeem(voucher(200))
    assert receipt.value == 200
    assert (channels.creditOf(frank), channels.creditOf(charlie), channels.incomeOf(bob)) == (10, 50, 140)
    assert channels.channel(alice, bob).deposited == 800
    assert opg.balanceOf(channels) == 1_000


def test_a_redemption_is_announced(redeem, voucher, alice, bob):
    redeem(voucher(200))
    event = redeem(voucher(300)).event("Redeemed")
    assert (event.payer, event.operator, event.modelId) == (alice.address, bob.address, 1)
    assert (event.paid, event.redeemedTotal) == (100, 300)


def test_vouchers_are_cumulative(channels, redeem, voucher, alice, bob):
    assert [redeem(voucher(total)).value for total in (200, 201, 500)] == [200, 1, 299]
    assert channels.redeemed(alice, bob, 1) == 500


def test_redeeming_twice_pays_once(evm, channels, redeem, voucher):
    """Attack 11: replay."""
    redeem(voucher(200))
    with reverts("NothingToRedeem"):
        redeem(voucher(200))
    assert credits_of(channels, evm.accounts) == 200


def test_an_earlier_voucher_is_worth_nothing_more(redeem, voucher):
    redeem(voucher(200))
    with reverts("NothingToRedeem"):
        redeem(voucher(199))


def test_a_short_deposit_pays_what_there_is(channels, redeem, voucher, alice, bob):
    """Attack 12: over-committing. What was not paid stays owed."""
    assert redeem(voucher(1_500)).value == 1_000
    assert channels.redeemed(alice, bob, 1) == 1_000
    with reverts("NothingToRedeem"):
        redeem(voucher(1_500))
    channels.deposit(bob, 700, sender=alice)
    assert redeem(voucher(1_500)).value == 500
    assert channels.channel(alice, bob).deposited == 200


def test_models_share_one_deposit(evm, channels, models, redeem, voucher, charlie):
    """Attack 12: over-committing by signing for several models."""
    models.register("speech", 0, sender=charlie)
    assert redeem(voucher(800, model=2)).value == 800
    assert redeem(voucher(800, model=1)).value == 200
    assert credits_of(channels, evm.accounts) == 1_000


def test_models_are_counted_apart(channels, models, redeem, voucher, alice, bob, charlie):
    models.register("speech", 0, sender=charlie)
    redeem(voucher(300, model=1))
    redeem(voucher(300, model=2))
    assert channels.redeemed(alice, bob, 1) == channels.redeemed(alice, bob, 2) == 300
    assert channels.channel(alice, bob).deposited == 400


def test_a_deposit_for_one_operator_pays_no_other(redeem, voucher, charlie):
    with reverts("NothingToRedeem"):
        redeem(voucher(200, operator=charlie))


def test_a_voucher_for_no_model_is_worth_nothing(redeem, voucher):
    with reverts("NoSuchModel", 2):
        redeem(voucher(200, model=2))


def test_a_voucher_is_good_through_its_deadline(evm, redeem, voucher):
    deadline = evm.now + 60
    evm.sleep(60)
    redeem(voucher(200, deadline=deadline))
    evm.sleep(1)
    with reverts("VoucherExpired", 0, deadline):
        redeem(voucher(300, deadline=deadline))


def test_redeemable_says_what_redeeming_pays(channels, redeem, voucher, charlie):
    for total in (200, 150, 900, 5_000, 5_001):
        expected = channels.redeemable(voucher(total))
        if expected:
            assert redeem(voucher(total)).value == expected
        else:
            with reverts("NothingToRedeem"):
                redeem(voucher(total))
    assert channels.redeemable(voucher(10, operator=charlie)) == 0


def test_a_total_beyond_all_bounds_pays_the_deposit(channels, redeem, voucher, alice, bob):
    """Attack 9: overflow."""
    assert redeem(voucher(2**256 - 1)).value == 1_000
    channels.deposit(bob, 5, sender=alice)
    assert redeem(voucher(2**256 - 1)).value == 5


def test_lowering_the_allowance_in_front_changes_nothing(opg, channels, redeem, voucher, alice):
    """Attack 13: a user who lowers an allowance or empties its account before delivery."""
    opg.approve(channels, 0, sender=alice)
    opg.transfer("0x" + "dd" * 20, opg.balanceOf(alice), sender=alice)
    assert redeem(voucher(200)).value == 200


def test_a_payee_that_cannot_receive_blocks_nobody(
    models, staking, guardian, channels, redeem, voucher, opg, charlie, bob
):
    """Attack 15: a payee that rejects. Here one that can do nothing at all, the token itself."""
    models.transferFrom(charlie, opg, 1, sender=charlie)
    redeem(voucher(200))
    assert channels.creditOf(opg) == 50
    channels.payIncome(bob, sender=bob)
    staking.withdrawCredit(bob, sender=bob)
    assert opg.balanceOf(bob) == 140


def test_the_share_cannot_be_raised_in_flight(models, channels, redeem, voucher, charlie, bob):
    """Attack 17: a price raised in flight. No function changes a share; publishing changes none."""
    redeem(voucher(200))
    models.register("digits 2", 5_000, sender=charlie)
    before = channels.creditOf(charlie)
    redeem(voucher(400))
    assert channels.creditOf(charlie) - before == 50


def test_a_sold_model_pays_its_new_owner(models, channels, redeem, voucher, charlie, erin):
    models.transferFrom(charlie, erin, 1, sender=charlie)
    redeem(voucher(200))
    assert (channels.creditOf(charlie), channels.creditOf(erin)) == (0, 50)


def test_one_account_may_play_every_part(evm, opg, models, staking, guardian, charlie, alice):
    """Attack 17: royalty cycles. Payer, operator, owner and treasury in one: nothing is made or lost."""
    channels = evm.deploy("Channels", opg, models, staking, guardian, charlie, 1_000, 3600)
    opg.transfer(charlie, 77, sender=alice)
    opg.approve(channels, 77, sender=charlie)
    channels.deposit(charlie, 77, sender=charlie)
    voucher = (charlie, charlie, 1, 77, evm.now)
    channels.redeem(voucher, charlie, sign(charlie, channels, "OPG Channels", VOUCHER, voucher), sender=charlie)
    channels.payIncome(charlie, sender=charlie)
    fetched = [each.withdrawCredit(charlie, sender=charlie).value for each in (channels, staking)]
    assert sum(fetched) == opg.balanceOf(charlie) == 77


@given(totals=st.lists(st.integers(1, 50), min_size=1, max_size=12))
def test_dust_never_leaves_the_books(totals):
    """Attack 17: dust. Rounding costs each share less than a wei a redemption, and the operator gains it."""
    evm = Evm()
    alice, bob, charlie, frank = (account(i) for i in (1, 2, 3, 6))
    channels = build(evm, alice, charlie, frank).channels
    channels.deposit(bob, 10_000, sender=alice)
    total = 0
    for more in totals:
        total += more
        voucher = (alice, bob, 1, total, evm.now)
        signature = sign(alice, channels, "OPG Channels", VOUCHER, voucher)
        channels.redeem(voucher, alice, signature, sender=bob)
    assert channels.creditOf(frank) == sum(more * 500 // 10_000 for more in totals)
    assert channels.creditOf(charlie) == sum(more * 2_500 // 10_000 for more in totals)
    assert channels.incomeOf(bob) == total - channels.creditOf(frank) - channels.creditOf(charlie)
