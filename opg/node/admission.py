"""Who gets an answer: signed requests, and money that is there before the work begins.

What a user has signed for is counted per channel: answers given, and answers that are being made. Requests of one user may overtake each
other: a voucher is good when, with everything else that runs, it covers one more answer.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass
from typing import Any

from opg.chain.structs import NO_ADDRESS, Ask
from opg.chain.typed import ask_digest, recover
from opg.errors import BadRequest, PaymentRequired
from opg.node.store import Store
from opg.node.view import ChainView
from opg.versions import LoadedVersion, bundle
from opg.vouchers import SignedVoucher, check_voucher
from opg.words import shown

MAX_ASK_SECONDS = 3600  # a request may not be kept for longer than that
MAX_CHANNELS = 100_000  # kept in memory


@dataclass(frozen=True)
class Order:
    """What a request says, as it came: nothing of it is checked."""

    version: LoadedVersion
    inputs: tuple[bytes, ...]
    ask: Any = None
    signature: Any = None
    voucher: Any = None


@dataclass
class Channel:
    """One payer's channel for one model. Amounts in wei: answered for, being worked for."""

    best: SignedVoucher | None
    spent: int
    reserved: int = 0


def channel_views(signed: SignedVoucher, operator: str) -> list[tuple[Any, ...]]:
    """What the chain is asked about a voucher."""
    v = signed.voucher
    return [
        ("Channels", "channel", v.payer, operator),
        ("Channels", "redeemed", v.payer, operator, v.model_id),
        ("Channels", "keyUntil", v.payer, signed.signer),
    ]


@dataclass(frozen=True)
class Reservation:
    """Money that is set aside for one answer."""

    channel: bytes
    price: int


def check_ask(order: Order, operator: str, chain_id: int, inference: str, now: int, free: bool) -> tuple[Ask, bytes]:
    """The request and its digest. Without a signature, and when answers are free, it is nobody's.

    Raises `BadRequest` unless it is signed for this operator, version and input, and for now.
    """
    if order.ask is None and order.signature is None and free:
        terms = (
            order.version.id,
            bundle(order.inputs),
            operator,
            NO_ADDRESS,
            secrets.randbits(128),
            now + MAX_ASK_SECONDS,
        )
        ask = Ask(*terms)
        return ask, ask_digest(ask, chain_id, inference)
    try:
        ask = Ask.from_json(order.ask)
        signature = bytes.fromhex(str(order.signature).removeprefix("0x"))
    except (ValueError, TypeError) as problem:
        raise BadRequest(f"the signed request is not readable: {problem}", "send ask and askSignature") from None
    if ask.operator != operator:
        raise BadRequest(f"the request is for {ask.operator}", f"this is {operator}")
    if ask.version != order.version.id:
        raise BadRequest(f"the signed request is for version {ask.version}", "sign the version that is asked for")
    if ask.input != bundle(order.inputs):
        raise BadRequest("the signed request is for another input", "sign the bundle of the inputs sent")
    digest = ask_digest(ask, chain_id, inference)
    if recover(digest, signature) != ask.user:
        raise BadRequest("the request is not signed by its user", "sign it with the key of `user`")
    return ask, digest


def check_deadline(ask: Ask, now: int) -> None:
    """Raises `BadRequest` for a request that is over, or that could be kept for too long."""
    if not now <= ask.deadline <= now + MAX_ASK_SECONDS:
        raise BadRequest(
            f"the request's deadline is {ask.deadline}, now is {now}; at most {MAX_ASK_SECONDS} seconds ahead",
            "sign a new request",
        )


class Till:
    """Takes vouchers before the work and books them after it."""

    def __init__(self, view: ChainView, store: Store, operator: str, price: int) -> None:
        self.view = view
        self.store = store
        self.operator = operator
        self.price = price
        self._channels: dict[bytes, Channel] = {}
        self._lock = threading.Lock()

    def reserve(self, order: Order, ask: Ask) -> Reservation | None:
        """Sets the price of an answer aside; None when answers are free. Raises `PaymentRequired`."""
        if self.price == 0:
            return None
        if order.voucher is None:
            raise PaymentRequired(f"an answer costs {shown(self.price)}", "send a voucher")
        signed = SignedVoucher.from_json(order.voucher)
        model = order.version.model_id
        try:
            self._check(signed, model)
        except PaymentRequired:
            if not self.view.forget(*channel_views(signed, self.operator)):
                raise
            self._check(signed, model)  # a deposit may have come since the chain was seen
        with self._lock:
            return self._reserve(signed, model, ask)

    def voucher(self, reservation: Reservation | None) -> SignedVoucher | None:
        """The highest voucher of the channel: it is kept with the answer."""
        return self._channels[reservation.channel].best if reservation else None

    def book(self, reservation: Reservation | None) -> None:
        """The answer is on disk."""
        self._release(reservation, spent=True)

    def cancel(self, reservation: Reservation | None) -> None:
        """There is no answer: nothing is owed."""
        self._release(reservation, spent=False)

    def _check(self, signed: SignedVoucher, model: int) -> None:
        held = self.store.voucher_totals(signed.voucher.payer)
        check_voucher(self.view, signed, self.operator, model, held)  # type: ignore[arg-type]

    def _reserve(self, signed: SignedVoucher, model: int, ask: Ask) -> Reservation:
        voucher = signed.voucher
        channel = self._channel(signed.channel)
        redeemed = int(self.view.read("Channels", "redeemed", voucher.payer, self.operator, model))
        channel.spent = max(channel.spent, redeemed)  # a node that lost its data does not work twice for a voucher
        needed = channel.spent + channel.reserved + self.price
        own = ask.user in (
            voucher.payer,
            signed.signer,
        )  # others may know an old voucher of the payer's: it was on chain
        best = channel.best.voucher.total if channel.best is not None else 0
        if max(voucher.total, best if own else 0) < needed:
            raise PaymentRequired(
                f"the voucher's total must be {shown(needed)}, it is {shown(voucher.total)}", "sign a higher one"
            )
        if voucher.total > best:
            channel.best = signed
        channel.reserved += self.price
        return Reservation(signed.channel, self.price)

    def _channel(self, name: bytes) -> Channel:
        if name not in self._channels:
            if len(self._channels) >= MAX_CHANNELS:
                self._channels = {key: each for key, each in self._channels.items() if each.reserved}
            self._channels[name] = Channel(*self.store.channel(name))
        return self._channels[name]

    def _release(self, reservation: Reservation | None, spent: bool) -> None:
        if reservation is None:
            return
        with self._lock:
            channel = self._channels[reservation.channel]
            channel.reserved -= reservation.price
            if spent:
                channel.spent += reservation.price
            elif not channel.reserved:
                del self._channels[reservation.channel]  # what only a failed request brought is forgotten
