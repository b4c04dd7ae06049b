"""The parts of a fee: every share rounded down, all together exactly the fee."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evm import Evm, account, credits_of, reverts

TREASURY, CALLER = account(7), account(8)


def test_treasury_and_payees_get_their_shares(payouts, bob, charlie):
    rest = payouts.splitFee(1_000, 500, TREASURY, [bob, charlie], [250, 30], sender=CALLER).value
    assert [payouts.creditOf(who) for who in (TREASURY, bob, charlie)] == [50, 250, 30]
    assert rest == 670


def test_without_shares_the_operator_gets_all(payouts):
    receipt = payouts.splitFee(1_000, 0, TREASURY, [], [], sender=CALLER)
    assert receipt.value == 1_000
    assert receipt.events == []


def test_dust_stays_in_the_rest(payouts, bob):
    assert payouts.splitFee(1, 1_000, TREASURY, [bob], [0], sender=CALLER).value == 1
    assert credits_of(payouts, [TREASURY, bob]) == 0


@pytest.mark.parametrize("too_much", [1, 10**30])
def test_shares_above_the_whole_fee_are_refused(payouts, bob, charlie, too_much):
    """Attack 17: shares above 100 %. Models forbids them; the split does not rely on it."""
    assert payouts.splitFee(1_000, 100, TREASURY, [bob, charlie], [500, 490], sender=CALLER).value == 0
    with reverts("Panic", 0x11):
        payouts.splitFee(1_000, 100, TREASURY, [bob, charlie], [500, 490 + too_much], sender=CALLER)


def test_who_is_paid_twice_has_both(payouts, bob):
    """Somebody who owns a model and one of its ancestors."""
    payouts.splitFee(1_000, 0, bob, [bob, bob], [250, 30], sender=CALLER)
    assert payouts.creditOf(bob) == 280


@given(
    fee=st.integers(0, 10**27) | st.integers(0, 20_000),
    protocol_bps=st.integers(0, 1_000),
    weights=st.lists(st.integers(0, 700), max_size=7),
)
def test_the_parts_sum_to_the_fee(fee, protocol_bps, weights):
    """Attack 17: dust. Rounding loses nothing and never costs the operator anything."""
    evm = Evm()
    opg = evm.deploy("OPG", CALLER)
    payouts = evm.deploy("PayoutsHarness", opg)
    payees = [account(20 + i) for i in range(len(weights))]
    amounts = [fee * weight // 10_000 for weight in weights]

    rest = payouts.splitFee(fee, protocol_bps, TREASURY, payees, amounts, sender=CALLER).value

    assert [payouts.creditOf(payee) for payee in payees] == amounts
    assert payouts.creditOf(TREASURY) == fee * protocol_bps // 10_000
    assert credits_of(payouts, [TREASURY, *payees]) + rest == fee
    assert rest * 10_000 >= fee * (10_000 - protocol_bps - sum(weights))
