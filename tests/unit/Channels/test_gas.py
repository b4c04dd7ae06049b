"""What paying costs, on a real node with real receipts; the second use, when every slot is in use already."""

import pytest

from tests.typed import sign
from tests.unit.Channels.conftest import VOUCHER, build

DEADLINE = 2**40  # not the node's time: calldata is priced by its bytes
BUDGET = 120_000  # a redemption with protocol, owner and operator shares, a whole transaction


@pytest.fixture
def chain(anvil_evm, alice, bob, charlie, frank):
    market = build(anvil_evm, alice, charlie, frank)
    market.channels.deposit(bob, 10**20, sender=alice)
    market.evm = anvil_evm
    return market


def entry(chain, payer, operator, total):
    voucher = (payer, operator, 1, total, DEADLINE)
    return voucher, payer, sign(payer, chain.channels, "OPG Channels", VOUCHER, voucher)


def test_redeeming_one_voucher(chain, gas_snapshot, alice, bob):
    chain.channels.redeem(*entry(chain, alice, bob, 10**18), sender=bob)
    receipt = chain.channels.redeem(*entry(chain, alice, bob, 3 * 10**18), sender=bob)
    assert receipt.gas_used <= BUDGET
    gas_snapshot("Channels.redeem", receipt)


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
