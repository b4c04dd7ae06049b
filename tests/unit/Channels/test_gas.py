"""What paying costs, on a real node with real receipts; the second use, when every slot is in use already."""

import pytest

from tests.evm import account
from tests.typed import sign
from tests.unit.Channels.conftest import VOUCHER, build

DEADLINE = 2**40  # not the node's time: calldata is priced by its bytes


@pytest.fixture
def chain(anvil_evm, alice, bob, charlie, frank):
    market = build(anvil_evm, alice, charlie, frank)
    market.channels.deposit(bob, 10**20, sender=alice)
    market.evm = anvil_evm
    return market


def entry(chain, payer, operator, total, model=1):
    voucher = (payer, operator, model, total, DEADLINE)
    return voucher, payer, sign(payer, chain.channels, "OPG Channels", VOUCHER, voucher)


def test_redeeming_one_voucher(chain, gas_snapshot, alice, bob):
    chain.channels.redeem(*entry(chain, alice, bob, 10**18), sender=bob)
    receipt = chain.channels.redeem(*entry(chain, alice, bob, 3 * 10**18), sender=bob)
    gas_snapshot("Channels.redeem", receipt)


@pytest.mark.parametrize("ancestors", [1, 7])
def test_redeeming_for_a_derived_model(chain, gas_snapshot, alice, bob, ancestors):
    """The protocol, the owner, the ancestors, each another account, and the operator."""
    owner, *makers = [account(30 + i) for i in range(ancestors + 1)]
    for each in (owner, *makers):
        chain.evm.backend.fund(each.address)
    parents = [(chain.models.register("parent", 0, sender=maker).value, 1_000) for maker in makers]
    derived = chain.models.registerDerived("derived", 3_000, parents, sender=owner).value
    for total in (10**18, 3 * 10**18):
        receipt = chain.channels.redeem(*entry(chain, alice, bob, total, derived), sender=bob)
    assert all(chain.channels.creditOf(maker) == 3 * 10**18 * 3_000 // 10_000 // 10 for maker in makers)
    gas_snapshot(f"Channels.redeem with {ancestors} ancestor{'s' if ancestors > 1 else ''}", receipt)


def test_redeeming_ten_vouchers(chain, gas_snapshot, alice, bob):
    payers = chain.evm.accounts[:10]
    for payer in payers:
        chain.opg.transfer(payer, 10**18, sender=alice)
        chain.opg.approve(chain.channels, 10**18, sender=payer)
        chain.channels.deposit(bob, 10**18, sender=payer)
    chain.channels.redeemMany([entry(chain, payer, bob, 10**15) for payer in payers], sender=bob)
    receipt = chain.channels.redeemMany([entry(chain, payer, bob, 3 * 10**15) for payer in payers], sender=bob)
    gas_snapshot("Channels.redeemMany of 10", receipt)


def test_topping_up(chain, gas_snapshot, alice, bob):
    gas_snapshot("Channels.deposit", chain.channels.deposit(bob, 10**18, sender=alice))
