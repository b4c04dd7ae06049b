"""Cumulative vouchers: made by users, checked by operators before they work, redeemed later in one
transaction.
"""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account.signers.local import LocalAccount

from opg.chain.connection import Chain
from opg.chain.structs import Voucher
from opg.chain.typed import recover, sign_digest, voucher_digest
from opg.errors import BookDamaged, PaymentRequired
from opg.keeping import keep
from opg.words import shown

MIN_LIFE_SECONDS = (
    2 * 86_400
)  # of a voucher and of a session key: twice the time before its end at which it is redeemed, see opg.node.income
LIFE_SECONDS = 30 * 86_400


@dataclass(frozen=True)
class SignedVoucher:
    """A voucher with its signature, by the payer or by a session key of the payer."""

    voucher: Voucher
    signer: str
    signature: bytes

    @property
    def channel(self) -> bytes:
        """What a voucher replaces: one payer, operator and model."""
        v = self.voucher
        return bytes.fromhex(v.payer[2:] + v.operator[2:]) + v.model_id.to_bytes(32, "big")

    def abi(self) -> tuple[Any, ...]:
        """`Redemption`."""
        return (self.voucher.abi(), self.signer, self.signature)

    def json(self) -> dict[str, Any]:
        return {**self.voucher.json(), "signer": self.signer, "signature": "0x" + self.signature.hex()}

    @classmethod
    def from_json(cls, data: Any) -> SignedVoucher:
        """Raises `PaymentRequired` on anything that is no voucher."""
        try:
            fields = dict(data)
            signer, signature = str(fields.pop("signer")), str(fields.pop("signature"))
            return cls(Voucher.from_json(fields), signer, bytes.fromhex(signature.removeprefix("0x")))
        except (ValueError, TypeError, KeyError) as problem:
            raise PaymentRequired(f"the voucher is not readable: {problem}", "send a voucher") from None


def make_voucher(
    chain: Chain, account: LocalAccount, operator: str, model_id: int, total: int, payer: str | None = None
) -> SignedVoucher:
    """Signs a voucher worth `total` wei for everything so far. A session key names its `payer`."""
    deadline = chain.now() + LIFE_SECONDS
    voucher = Voucher(payer or account.address, operator, model_id, total, deadline)
    digest = voucher_digest(voucher, chain.id, chain.deployment.address("Channels"))
    return SignedVoucher(voucher, account.address, sign_digest(digest, account))


class VoucherBook:
    """What a payer has paid so far, by channel, in one JSON file; beside it, in `unanswered/`, what was sent and never answered.

    Losing it costs at most what the chain does not know yet; damaged, it raises `BookDamaged` before anything is sent. Safe to use from several threads and processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unanswered = path.parent / "unanswered"

    def paid(self, chain: Chain, payer: str, operator: str, model_id: int) -> int:
        """Wei paid for the answers so far."""
        redeemed = int(chain.read("Channels", "redeemed", payer, operator, model_id))
        return max(redeemed, self._read().get(self._key(chain, payer, operator, model_id), 0))

    def totals(self, chain: Chain, payer: str, operator: str) -> dict[int, int]:
        """Wei signed for the answers of one operator that came, by model; as this book has it."""
        start = self._key(chain, payer, operator, "")
        return {int(key[len(start) :]): total for key, total in self._read().items() if key.startswith(start)}

    def note(self, chain: Chain, voucher: Voucher) -> None:
        """Counts a voucher as paid: its answer came."""
        key = self._key(chain, voucher.payer, voucher.operator, voucher.model_id)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_suffix(".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            paid = self._read()
            paid[key] = max(voucher.total, paid.get(key, 0))
            keep(self.path, json.dumps({each: str(total) for each, total in paid.items()}, indent=2))

    def sending(self, request: bytes, what: dict[str, Any]) -> None:
        """Keeps what is about to be sent: when no reply comes, the operator may have answered and be paid all the same."""
        keep(self.unanswered / f"{request.hex()}.json", json.dumps(what))

    def answered(self, request: bytes) -> None:
        """A reply came, or never will."""
        (self.unanswered / f"{request.hex()}.json").unlink(missing_ok=True)

    def sent(self) -> list[tuple[bytes, dict[str, Any]]]:
        """All that was sent and not answered: the request and what was kept of it. Raises `BookDamaged`."""
        found = []
        for path in sorted(self.unanswered.glob("*.json")):
            try:
                found.append((bytes.fromhex(path.stem), _checked(json.loads(path.read_text()))))
            except FileNotFoundError:  # another process has got its answer
                continue
            except (OSError, ValueError, TypeError, KeyError, RecursionError, PaymentRequired) as problem:
                raise BookDamaged(
                    f"{path} is damaged ({_why(problem)}): it says what was sent and perhaps paid",
                    "put back a copy, or move it away: at worst one paid answer is lost, and the operator refuses until it has redeemed",
                ) from None
        return found

    def _read(self) -> dict[str, int]:
        try:
            return {str(key): _total(total) for key, total in json.loads(self.path.read_text()).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as problem:
            raise BookDamaged(
                f"{self.path} is damaged ({_why(problem)}): it says what vouchers were signed for",
                "put back a copy, or move it away: then the chain's word counts, and operators refuse until they have redeemed",
            ) from None

    @staticmethod
    def _key(chain: Chain, payer: str, operator: str, model_id: int | str) -> str:
        return f"{chain.id}/{chain.deployment.address('Channels')}/{payer}/{operator}/{model_id}"


def _total(value: Any) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdecimal():
        raise ValueError("not an amount")
    return int(value)


def _checked(sent: Any) -> dict[str, Any]:
    """What `sending` kept. Raises on anything else."""
    voucher = SignedVoucher.from_json(sent["voucher"]).voucher
    if (sent["operator"], sent["payer"]) != (voucher.operator, voucher.payer) or not isinstance(sent["deadline"], int):
        raise ValueError("not what was sent")
    return dict(sent)


def _why(problem: Exception) -> str:
    return problem.strerror or "unreadable" if isinstance(problem, OSError) else f"{type(problem).__name__}: {problem}"


def check_voucher(chain: Chain, signed: SignedVoucher, operator: str, model_id: int, held: dict[int, int]) -> None:
    """What an operator checks before it works. `held`: by model, the totals of this payer's vouchers that
    it holds already.

    Raises `PaymentRequired` unless the signature is good, the deposit covers everything that was signed and
    is not redeemed yet, and there is time enough to redeem it.
    """
    voucher, now = signed.voucher, chain.now()
    if voucher.operator != operator:
        raise PaymentRequired(f"the voucher is for {voucher.operator}", f"sign one for {operator}")
    if voucher.model_id != model_id:
        raise PaymentRequired(f"the voucher is for model {voucher.model_id}", f"sign one for model {model_id}")
    if voucher.deadline < now + MIN_LIFE_SECONDS:
        raise PaymentRequired("the voucher ends too soon", f"give it at least {MIN_LIFE_SECONDS} seconds")
    digest = voucher_digest(voucher, chain.id, chain.deployment.address("Channels"))
    if recover(digest, signed.signature) != signed.signer:
        raise PaymentRequired("the voucher's signature is not its signer's", "sign it again")
    if signed.signer != voucher.payer:
        until = chain.read("Channels", "keyUntil", voucher.payer, signed.signer)
        if until < now + MIN_LIFE_SECONDS:
            raise PaymentRequired(
                f"{signed.signer} does not sign for {voucher.payer}", "authorise the key: opg channel key authorise"
            )
    deposited, closable_at = chain.read("Channels", "channel", voucher.payer, operator)
    if closable_at:
        raise PaymentRequired(
            "the payer is closing its channel", "stay after all: opg channel close --cancel; or choose another operator"
        )
    owed = 0
    for model, total in {**held, model_id: max(voucher.total, held.get(model_id, 0))}.items():
        redeemed = chain.read("Channels", "redeemed", voucher.payer, operator, model)
        owed += max(0, total - redeemed)
    if owed > deposited:
        raise PaymentRequired(
            f"the deposit is {shown(deposited)}, signed and not redeemed are {shown(owed)}",
            "deposit more: opg channel open",
        )
