"""What is credited can be fetched, once."""

from tests.evm import reverts


def test_credits_add_up(payouts, bob, charlie):
    payouts.credit(bob, 3, sender=bob)
    payouts.credit(bob, 4, sender=bob)
    payouts.credit(charlie, 5, sender=bob)
    assert payouts.creditOf(bob) == 7
    assert payouts.creditOf(charlie) == 5


def test_a_credit_is_announced(payouts, bob):
    event = payouts.credit(bob, 3, sender=bob).event("Credited")
    assert (event.account, event.amount) == (bob.address, 3)


def test_crediting_nothing_leaves_no_trace(payouts, bob):
    assert payouts.credit(bob, 0, sender=bob).events == []
    assert payouts.creditOf(bob) == 0


def test_a_credit_is_fetched_to_wherever_its_owner_says(payouts, opg, bob, charlie):
    payouts.credit(bob, 7, sender=bob)
    receipt = payouts.withdrawCredit(charlie, sender=bob)
    assert receipt.value == opg.balanceOf(charlie) == 7
    event = receipt.event("Withdrawn")
    assert (event.account, event.to, event.amount) == (bob.address, charlie.address, 7)


def test_a_credit_is_fetched_once(payouts, bob):
    payouts.credit(bob, 7, sender=bob)
    payouts.withdrawCredit(bob, sender=bob)
    assert payouts.creditOf(bob) == 0
    with reverts("NothingToWithdraw", bob):
        payouts.withdrawCredit(bob, sender=bob)


def test_nobody_fetches_what_is_credited_to_another(payouts, bob, charlie):
    payouts.credit(bob, 7, sender=bob)
    with reverts("NothingToWithdraw", charlie):
        payouts.withdrawCredit(charlie, sender=charlie)


def test_a_failed_transfer_leaves_the_credit(payouts, bob):
    payouts.credit(bob, 7, sender=bob)
    with reverts("ERC20InvalidReceiver"):
        payouts.withdrawCredit("0x" + "00" * 20, sender=bob)
    assert payouts.creditOf(bob) == 7
