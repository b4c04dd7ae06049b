"""The parts of a fee: every share rounded down, all together exactly the fee."""

from hypothesis import given
from hypothesis import strategies as st

from tests.evm import Evm, account, reverts

TREASURY, CALLER = account(7), account(8)


def test_treasury_and_model_owner_get_their_shares(payouts, models, bob):
    models.register("digits", 2_500, sender=bob)
    rest = payouts.splitFee(1, 1_000, 500, TREASURY, models, sender=CALLER).value
    assert (payouts.creditOf(TREASURY), payouts.creditOf(bob), rest) == (50, 250, 700)


def test_without_shares_the_operator_gets_all(payouts, models, bob):
    models.register("digits", 0, sender=bob)
    receipt = payouts.splitFee(1, 1_000, 0, TREASURY, models, sender=CALLER)
    assert receipt.value == 1_000
    assert receipt.events == []


def test_dust_stays_in_the_rest(payouts, models, bob):
    models.register("digits", 5_000, sender=bob)
    assert payouts.splitFee(1, 1, 1_000, TREASURY, models, sender=CALLER).value == 1
    assert payouts.totalCredit() == 0


def test_a_model_that_does_not_exist_gets_no_fee(payouts, models):
    with reverts("NoSuchModel", 1):
        payouts.splitFee(1, 1_000, 0, TREASURY, models, sender=CALLER)


def test_shares_above_the_whole_fee_are_refused(evm, payouts, bob, charlie):
    """Attack 17: shares above 100 %. Models forbids them; the split does not rely on it."""
    greedy = evm.deploy("FixedPayees", [bob, charlie], [5_000, 5_000])
    assert payouts.splitFee(1, 1_000, 0, TREASURY, greedy, sender=CALLER).value == 0
    with reverts("Panic", 0x11):
        payouts.splitFee(1, 1_000, 100, TREASURY, greedy, sender=CALLER)


shares = st.lists(st.integers(0, 5_000), max_size=6).filter(lambda bps: sum(bps) <= 5_000)


@given(fee=st.integers(0, 10**27) | st.integers(0, 20_000), protocol_bps=st.integers(0, 1_000), shares_bps=shares)
def test_the_parts_sum_to_the_fee(fee, protocol_bps, shares_bps):
    """Attack 17: dust. Rounding loses nothing and never costs the operator anything."""
    evm = Evm()
    payouts = evm.deploy("PayoutsHarness", evm.deploy("OPG", CALLER))
    payees = [account(20 + i) for i in range(len(shares_bps))]
    models = evm.deploy("FixedPayees", payees, shares_bps)

    rest = payouts.splitFee(1, fee, protocol_bps, TREASURY, models, sender=CALLER).value

    expected = {payee.address: fee * bps // 10_000 for payee, bps in zip(payees, shares_bps, strict=True)}
    assert all(payouts.creditOf(payee) == amount for payee, amount in expected.items())
    assert payouts.creditOf(TREASURY) == fee * protocol_bps // 10_000
    assert payouts.totalCredit() + rest == fee
    assert rest * 10_000 >= fee * (10_000 - protocol_bps - sum(shares_bps))
