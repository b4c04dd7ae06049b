"""Turning held vouchers into OPG on chain, when they are worth the gas or about to end."""

from __future__ import annotations

from opg.chain.events import emitted
from opg.chain.sender import Sender
from opg.log import say
from opg.node.batches import REORG_BLOCKS
from opg.node.policy import Policy
from opg.node.store import Store
from opg.vouchers import SignedVoucher

MAX_AT_ONCE = 50  # about 5M gas
SOON_SECONDS = 86_400
GAS_EACH = 90_000  # of one redemption; see Channels.redeem in tests/gas.json


def redeem_vouchers(store: Store, sender: Sender, only: list[SignedVoucher] | None = None) -> int:
    """Redeems what the held vouchers are worth more than was paid. Gives the wei paid, before the split
    with the model's owner.

    Vouchers that are expired, or whose deposit is gone, are left out: they would take the others down with
    them.
    """
    chain = sender.chain
    now = chain.head_time()
    good: list[SignedVoucher] = []
    for each in store.vouchers_to_redeem() if only is None else only:
        worth = chain.read("Channels", "redeemable", each.voucher.abi())
        if worth == 0:
            _note(store, sender, each, chain.head())
        elif each.voucher.deadline >= now and _may_sign(sender, each, now):
            good.append(each)
    paid = 0
    for first in range(0, len(good), MAX_AT_ONCE):
        part = good[first : first + MAX_AT_ONCE]
        if len(part) == 1:
            each = part[0]
            sent = sender.send("Channels", "redeem", each.voucher.abi(), each.signer, each.signature)
        else:
            sent = sender.send("Channels", "redeemMany", [each.abi() for each in part])
        paid += sum(int(args["paid"]) for args in emitted(chain, sent, "Channels", "Redeemed"))
        for each in part:
            _note(store, sender, each, int(sent.receipt["blockNumber"]))
    if good:
        say("redeemed", vouchers=len(good), wei=paid)
    return paid


def ending(store: Store, now: int) -> list[SignedVoucher]:
    """Vouchers that have to be redeemed soon, or they are worth nothing."""
    return [each for each in store.vouchers_to_redeem() if each.voucher.deadline < now + SOON_SECONDS]


def worthwhile(store: Store, sender: Sender, policy: Policy, gas_price: int) -> list[SignedVoucher]:
    """Vouchers that are worth `redeem_factor` times the gas of redeeming them. None while the worth of ether is unknown."""
    if policy.eth_in_opg <= 0:
        return []
    least = int(policy.redeem_factor * gas_price * GAS_EACH * policy.eth_in_opg)
    found = []
    for each in store.vouchers_to_redeem():
        v = each.voucher
        redeemed = int(sender.chain.read("Channels", "redeemed", v.payer, v.operator, v.model_id))
        if v.total - redeemed >= least:
            found.append(each)
    return found


def _may_sign(sender: Sender, each: SignedVoucher, now: int) -> bool:
    if each.signer == each.voucher.payer:
        return True
    return int(sender.chain.read("Channels", "keyUntil", each.voucher.payer, each.signer)) >= now


def check_redeemed(store: Store, sender: Sender, head: int) -> None:
    """Looks once more at what was redeemed, when no re-organisation reaches it any more: what is not paid is held again."""
    for each in store.redeemed_until(head - REORG_BLOCKS):
        _note(store, sender, each, None)


def _note(store: Store, sender: Sender, each: SignedVoucher, block: int | None) -> None:
    v = each.voucher
    total = sender.chain.read("Channels", "redeemed", v.payer, v.operator, v.model_id)
    store.voucher_redeemed(each.channel, int(total), block)
