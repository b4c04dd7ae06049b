"""The user's side: ask an operator over HTTP, believe nothing, check everything, keep a receipt."""

from __future__ import annotations

import base64
import math
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from eth_account.signers.local import LocalAccount

from opg import web
from opg.answers import SignedAnswer
from opg.chain.connection import Chain
from opg.chain.structs import Ask
from opg.chain.typed import answer_digest, ask_digest, sign_digest
from opg.errors import BadAnswer, NotStaked, OperatorRefused, OperatorUnreachable, OPGError, UnknownVersion
from opg.tensor import Spec
from opg.tensor.compiler.types import WORDS
from opg.versions import LoadedVersion, Published, bundle, show_tensor
from opg.vouchers import SignedVoucher, VoucherBook, make_voucher

FRESH_SECONDS = 120  # an answer issued longer ago is not accepted: backdating would shorten the operator's liability
ASK_SECONDS = 600
TIMEOUT_SECONDS = 120  # for one request, with all its tries
INFO_SECONDS = 10
TRIES = 3
TRY_AGAIN_SECONDS = 0.2
MAX_REPLY_BYTES = 64 * 1024 * 1024
MAX_INFO_BYTES = 1024 * 1024
MAX_PRICE = 1 << 128
MAX_TOLD = 300  # characters of a refusal that are shown


@dataclass(frozen=True)
class Reply:
    """A checked answer. `tensors` describes the outputs: name, dtype, shape and, where they are few and finite, values, which come
    from the signed words. Names, shapes and types are the model's when it is at hand, else what the operator says.
    """

    signed: SignedAnswer
    ask: Ask
    tensors: list[dict[str, Any]]


class Client:
    """Asks operators. With a `book` it pays them by voucher.

    `late` is given every signed answer that `ask` does not return: its reply had been lost, or its operator lost its stake meanwhile.
    `now` is there for tests of stale answers.
    """

    def __init__(
        self,
        chain: Chain,
        account: LocalAccount,
        book: VoucherBook | None = None,
        now: Callable[[], int] | None = None,
        late: Callable[[SignedAnswer], object] = lambda _: None,
    ) -> None:
        self.chain = chain
        self.account = account
        self.book = book
        self.now = now or chain.now
        self.late = late
        self.inference = chain.deployment.address("Inference")

    def endpoint(self, operator: str) -> str:
        """Where an operator serves. Raises `NotStaked` when nothing stands behind its answers."""
        self.check_stake(operator)
        _, endpoint = self.chain.read("Staking", "operatorInfo", operator)
        if not endpoint.startswith(("http://", "https://")):
            raise OperatorUnreachable(f"{operator} names no HTTP endpoint", "ask another operator")
        return str(endpoint).rstrip("/")

    def check_stake(self, operator: str) -> None:
        """Raises `NotStaked` unless the operator's active stake reaches the minimum."""
        if not self.chain.read("Staking", "isLive", operator):
            raise NotStaked(
                f"{operator} has less than the minimum stake: a wrong answer would cost it nothing",
                "ask another operator, or stake: opg operator stake",
            )

    def ask(
        self,
        version: Published,
        operator: str,
        tensors: tuple[bytes, ...],
        pay: int = 0,
        endpoint: str | None = None,
    ) -> Reply:
        """Asks for one answer and checks it completely; `pay` wei of OPG are paid by raising the voucher.

        `tensors` are the inputs as packed words. Raises `BadAnswer` when any check fails; what the operator
        itself refuses is `OperatorRefused`, a deprecated version `UnknownVersion`. A lost connection is tried again with the same request, which
        is answered and paid once; an answer that is lost all the same is fetched before the next request to this operator.
        """
        if version.deprecated:
            raise UnknownVersion(f"version {version.id} is deprecated by its owner", "ask for a later version")
        endpoint = endpoint or self.endpoint(operator)
        if pay:
            self.recover(operator, endpoint)
        nonce = secrets.randbits(52)
        deadline = self.now() + ASK_SECONDS
        ask = Ask(version.id, bundle(tensors), operator, self.account.address, nonce, deadline)
        digest = ask_digest(ask, self.chain.id, self.inference)
        voucher = self._voucher(version, operator, pay)
        body: dict[str, Any] = {
            "version": version.id,
            "inputs": [{"words": base64.b64encode(words).decode()} for words in tensors],
            "ask": ask.json(),
            "askSignature": "0x" + sign_digest(digest, self.account).hex(),
        }
        if voucher is not None:
            body["voucher"] = voucher.json()
        reply = self._sent(f"{endpoint}/opg/v1/infer", body, digest, voucher)
        with _a_strangers_words():
            signed = SignedAnswer.from_json(reply)
            try:
                self.check(signed, ask, tensors)
            except NotStaked:
                self.late(signed)  # it is signed all the same: a lie costs whatever stake there is
                raise
        return Reply(signed, ask, _described(reply.get("tensors"), signed.outputs))

    def recover(self, operator: str, endpoint: str) -> None:
        """Fetches what this operator was sent and never answered here: it may have answered, and then it is paid.

        Raises `OperatorUnreachable` or `OperatorRefused` when that cannot be known now, and `BadAnswer` when what it kept is no answer to what was asked.
        """
        for request, sent in self.book.sent() if self.book else []:
            if sent["operator"] != operator or sent["payer"] != self.account.address:
                continue
            url = f"{endpoint}/opg/v1/answer/0x{request.hex()}"
            try:
                reply = _accepted(web.read(url, TIMEOUT_SECONDS, MAX_REPLY_BYTES, private=self.chain.is_private))
            except OperatorRefused as problem:
                if problem.status != 404:
                    raise  # it has trouble of its own; what it has is not known
                if (
                    self.chain.head_time() > sent["deadline"] + FRESH_SECONDS
                ):  # it does not answer so late, so it never has
                    self.book.answered(request)
                continue
            with _a_strangers_words():
                signed = SignedAnswer.from_json(reply)
                answer = signed.answer
                _check(answer.request == request, "it answers another request")
                _check(answer.output == bundle(signed.outputs), "its words are not the ones that were signed")
                earliest = sent["deadline"] - ASK_SECONDS - FRESH_SECONDS
                _check(answer.issued_at >= earliest, "it was issued before it was asked")
                self._check_signed(signed)
            self.book.note(self.chain, SignedVoucher.from_json(sent["voucher"]).voucher)
            self.book.answered(request)
            self.late(signed)

    def _sent(self, url: str, body: dict[str, Any], request: bytes, voucher: SignedVoucher | None) -> dict[str, Any]:
        if voucher is None or self.book is None:
            return self._post(url, body)
        payer, operator = voucher.voucher.payer, voucher.voucher.operator
        deadline = body["ask"]["deadline"]
        kept = {"operator": operator, "payer": payer, "voucher": voucher.json(), "deadline": int(deadline)}
        self.book.sending(request, kept)
        try:
            reply = self._post(url, body)
        except OperatorRefused as problem:
            if problem.final:
                self.book.answered(request)
            raise
        self.book.note(self.chain, voucher.voucher)
        self.book.answered(request)
        return reply

    def check(self, signed: SignedAnswer, ask: Ask, tensors: tuple[bytes, ...]) -> None:
        """Every check that needs no model. Raises `BadAnswer`, or `NotStaked`."""
        answer, now = signed.answer, self.now()
        _check(answer.request == ask_digest(ask, self.chain.id, self.inference), "it answers another request")
        _check(answer.version == ask.version, "it is for another model version")
        _check(answer.operator == ask.operator, "it is another operator's")
        _check(answer.input == bundle(tensors), "it is for another input")
        whole = all(words and len(words) % 4 == 0 for words in signed.outputs)
        _check(whole and bool(signed.outputs), "its outputs are not whole words")
        _check(answer.output == bundle(signed.outputs), "its words are not the ones that were signed")
        fresh = abs(now - answer.issued_at) <= FRESH_SECONDS
        _check(fresh, f"it was issued at {answer.issued_at}, now is {now}")
        self._check_signed(signed)
        self.check_stake(answer.operator)

    def _check_signed(self, signed: SignedAnswer) -> None:
        answer = signed.answer
        digest = answer_digest(answer, self.chain.id, self.inference)
        _check(digest == signed.digest, "its digest is another answer's")
        signed.check_signature(self.chain)
        registered = self.chain.read("Staking", "isKeyAt", answer.operator, signed.key, answer.issued_at)
        _check(registered, f"{signed.key} is no key of {answer.operator}")

    def check_locally(self, signed: SignedAnswer, version: LoadedVersion) -> bool:
        """Whether the same words come out here."""
        return version.execute(signed.inputs) == signed.outputs

    def price(self, operator: str, endpoint: str | None = None) -> int:
        """What the operator asks for one answer, in wei of OPG. Raises `BadAnswer` when it says nothing of the kind."""
        url = f"{endpoint or self.endpoint(operator)}/opg/v1/info"
        price = _accepted(web.read(url, INFO_SECONDS, MAX_INFO_BYTES, private=self.chain.is_private)).get("price")
        if isinstance(price, str) and len(price) <= len(str(MAX_PRICE)) and price.isascii() and price.isdecimal():
            price = int(price)
        if not isinstance(price, int) or isinstance(price, bool) or not 0 <= price < MAX_PRICE:
            raise BadAnswer(f"{url} names no price", "ask another operator")
        return price

    def _voucher(self, version: Published, operator: str, pay: int) -> SignedVoucher | None:
        if not pay or self.book is None:
            return None
        paid = self.book.paid(self.chain, self.account.address, operator, version.model_id)
        return make_voucher(self.chain, self.account, operator, version.model_id, paid + pay)

    def _post(self, url: str, body: dict[str, Any]) -> dict[str, Any]:
        """A reply that was lost is asked for again, in what is left of the time."""
        until = time.monotonic() + TIMEOUT_SECONDS
        for _ in range(TRIES - 1):
            try:
                return _accepted(web.read(url, until - time.monotonic(), MAX_REPLY_BYTES, body, self.chain.is_private))
            except OperatorUnreachable:
                if time.monotonic() + TRY_AGAIN_SECONDS >= until:
                    raise
                time.sleep(TRY_AGAIN_SECONDS)
        return _accepted(web.read(url, until - time.monotonic(), MAX_REPLY_BYTES, body, self.chain.is_private))


def _accepted(reply: web.Reply) -> dict[str, Any]:
    """What a reply holds. Raises `OperatorRefused` with the operator's words, and `OperatorUnreachable` when there are none."""
    found = reply.json()
    if reply.status == 200:
        return found
    reason = _told(found.get("reason") or found.get("detail") or f"HTTP {reply.status}")
    refused = OperatorRefused(f"the operator refuses: {reason}", _told(found.get("advice") or "change the request"))
    refused.status = reply.status
    raise refused


def _told(words: Any) -> str:
    """A stranger's words, fit for a terminal and for one line of a log."""
    text = str(words)[:MAX_TOLD]
    return "".join(each if each.isprintable() else " " for each in text)


@contextmanager
def _a_strangers_words() -> Iterator[None]:
    """Whatever they break here, it is the answer that is not acceptable: another operator can be asked."""
    try:
        yield
    except OPGError:
        raise
    except Exception as problem:
        what = _told(f"{type(problem).__name__}: {problem}")
        raise BadAnswer(f"the reply is no signed answer ({what})", "ask another operator") from None


def _described(told: Any, outputs: tuple[bytes, ...]) -> list[dict[str, Any]]:
    """The outputs as numbers, of the words that were signed. The operator only tells how they are called and arranged."""
    if not isinstance(told, list) or len(told) != len(outputs):
        told = [{}] * len(outputs)
    shown = []
    for number, (each, words) in enumerate(zip(told, outputs, strict=True)):
        each = each if isinstance(each, dict) else {}
        kind = each.get("dtype")
        kind = kind if isinstance(kind, str) and kind in WORDS else "float32"
        shape = each.get("shape")
        count = len(words) // 4
        whole = isinstance(shape, list) and all(isinstance(n, int) and n >= 0 for n in shape)
        fits = whole and math.prod(shape) == count
        spec = Spec(_told(each.get("name", f"#{number}")), kind, tuple(shape) if fits else (count,))
        try:
            shown.append(show_tensor(spec, words))
        except Exception:  # an arrangement that fits nothing: the words are as good as before
            shown.append(show_tensor(Spec(f"#{number}", "float32", (count,)), words))
    return shown


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise BadAnswer(f"the answer is not acceptable: {otherwise}", "don't use it; ask another operator")
