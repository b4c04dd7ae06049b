"""Turning held vouchers into OPG on chain, when they are worth the gas or about to end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest

from opg.chain.connection import Chain
from opg.chain.events import REORG_BLOCKS, emitted
from opg.chain.sender import Sender, Sent
from opg.errors import TransactionRefused
from opg.log import say
from opg.node.policy import Policy
from opg.node.store import Store
from opg.vouchers import SignedVoucher

MAX_AT_ONCE = 50  # about 5M gas
SOON_SECONDS = 86_400
GAS_EACH = 90_000  # of one redemption; see Channels.redeem in tests/gas.json
LOOK_SECONDS = 300.0  # the chain is asked about a voucher no more often
LOOKS = 50  # vouchers a round
RETRY_SECONDS = 30.0


@dataclass(frozen=True)
class _Look:
    """What the chain said of a voucher, and when (monotonic seconds)."""

    at: float
    leaving: bool
    key_until: int


def redeem_vouchers(store: Store, sender: Sender, only: list[SignedVoucher] | None = None, least: int = 1) -> int:
    """Redeems what the held vouchers are worth more than was paid. Gives the wei paid, before the split
    with the model's owner.

    Vouchers that are expired, whose deposit is gone, or that are worth less than `least` are left out. One that is refused takes no
    others down with it.
    """
    chain = sender.chain
    now = chain.head_time()
    good: list[SignedVoucher] = []
    for each in store.vouchers_to_redeem() if only is None else only:
        worth = chain.read("Channels", "redeemable", each.voucher.abi())
        if worth == 0:
            _note(store, sender, each, chain.head())
        elif worth >= least and each.voucher.deadline >= now and _may_sign(sender, each, now):
            good.append(each)
    paid = 0
    for first in range(0, len(good), MAX_AT_ONCE):
        for sent, part in _send(sender, good[first : first + MAX_AT_ONCE]):
            paid += sum(int(args["paid"]) for args in emitted(chain, sent, "Channels", "Redeemed"))
            for each in part:
                _note(store, sender, each, int(sent.receipt["blockNumber"]))
    if good:
        say("redeemed", vouchers=len(good), wei=paid)
    return paid


class Endings:
    """Which of the vouchers held have to be redeemed soon: their deadline is near, or the end of the key that signed them, or their payer leaves.

    The chain is asked again and again, a few at a time: nothing depends on the events that this process has seen.
    """

    def __init__(self, store: Store, chain: Chain) -> None:
        self.store = store
        self.chain = chain
        self._looks: dict[str, dict[tuple[bytes, str], _Look]] = {}  # by payer; by channel and signer
        self._tried: dict[bytes, float] = {}  # channels

    def look_again(self, payer: str) -> None:
        """Something has changed for a payer."""
        self._looks.pop(payer, None)

    def due(self) -> list[SignedVoucher]:
        """Vouchers that are to be redeemed now; one whose redemption fails comes again after `RETRY_SECONDS`."""
        held = self.store.vouchers_to_redeem()
        if not held:
            return []
        head, moment = self.chain.head_time(), time.monotonic()
        now = max(int(time.time()), head)
        self._tried = {channel: tried for channel, tried in self._tried.items() if moment - tried < RETRY_SECONDS}
        self._look(held, moment)
        found = []
        for each in held:
            look = self._known(each)
            end = each.voucher.deadline if look is None else min(each.voucher.deadline, look.key_until)
            wanted = end < now + SOON_SECONDS or (look is not None and look.leaving)
            if wanted and end >= head and each.channel not in self._tried:
                self._tried[each.channel] = moment
                found.append(each)
        return found

    def _look(self, held: list[SignedVoucher], moment: float) -> None:
        known: dict[str, dict[tuple[bytes, str], _Look]] = {}  # without what is not held any more
        ages: list[tuple[float, SignedVoucher]] = []
        for each in held:
            look = self._known(each)
            if look is not None:
                known.setdefault(each.voucher.payer, {})[each.channel, each.signer] = look
            if look is None or moment - look.at > LOOK_SECONDS:
                ages.append((look.at if look else -math.inf, each))
        self._looks = known
        for _, each in nsmallest(LOOKS, ages, key=lambda age: age[0]):
            v = each.voucher
            _, closable_at = self.chain.read("Channels", "channel", v.payer, v.operator)
            own = each.signer == v.payer
            until = v.deadline if own else int(self.chain.read("Channels", "keyUntil", v.payer, each.signer))
            self._looks.setdefault(v.payer, {})[each.channel, each.signer] = _Look(moment, bool(closable_at), until)

    def _known(self, each: SignedVoucher) -> _Look | None:
        return self._looks.get(each.voucher.payer, {}).get((each.channel, each.signer))


def gas_worth(policy: Policy, gas_price: int) -> int:
    """Wei of OPG that the gas of one redemption is worth; 1 while the worth of ether is unknown."""
    return max(1, int(gas_price * GAS_EACH * policy.eth_in_opg))


def worthwhile(store: Store, sender: Sender, policy: Policy, gas_price: int) -> list[SignedVoucher]:
    """Vouchers that are worth `redeem_factor` times the gas of redeeming them. None while the worth of ether is unknown."""
    if policy.eth_in_opg <= 0:
        return []
    least = int(policy.redeem_factor * gas_worth(policy, gas_price))
    found = []
    for each in store.vouchers_to_redeem():
        v = each.voucher
        redeemed = int(sender.chain.read("Channels", "redeemed", v.payer, v.operator, v.model_id))
        if v.total - redeemed >= least:
            found.append(each)
    return found


def _send(sender: Sender, part: list[SignedVoucher]) -> Iterator[tuple[Sent, list[SignedVoucher]]]:
    """Redeems together; one by one when together they are refused."""
    if len(part) > 1:
        try:
            yield sender.send("Channels", "redeemMany", [each.abi() for each in part]), part
            return
        except TransactionRefused as problem:
            if problem.name == "insufficient funds":
                raise
    refused = None
    for each in part:
        try:
            yield sender.send("Channels", "redeem", each.voucher.abi(), each.signer, each.signature), [each]
        except TransactionRefused as problem:
            refused = problem
    if refused is not None:
        raise refused


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
