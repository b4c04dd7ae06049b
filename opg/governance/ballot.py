"""A vote as a signature (EIP-712): signed without a transaction, cast by anybody. It counts for one proposal of one governor, once."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from eth_abi.abi import encode
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes
from web3.exceptions import Web3Exception

from opg.addresses import checked
from opg.chain import Chain
from opg.chain.deployment import Deployment
from opg.chain.typed import recover
from opg.errors import BadInput

ERC1271 = bytes.fromhex("1626ba7e")  # isValidSignature(bytes32,bytes): its selector, and its answer
CHOICES = {"against": 0, "for": 1, "abstain": 2}
DOMAIN = {"name": "OPG Governor", "version": "1"}
DOMAIN_FIELDS = ("name string", "version string", "chainId uint256", "verifyingContract address")
FIELDS = ("proposalId uint256", "support uint8", "voter address", "nonce uint256")
MORE_FIELDS = ("reason string", "params bytes")  # of a vote with a reason


@dataclass(frozen=True)
class Ballot:
    """What is signed: who votes how on which proposal of which governor. `nonce` is the voter's next one there."""

    chain: int
    governor: str
    proposal: int
    choice: str
    voter: str
    nonce: int
    reason: str = ""

    @classmethod
    def on(cls, deployment: Deployment, proposal: int, choice: str, voter: str, nonce: int, reason: str = "") -> Ballot:
        """For the governor of a deployment. Raises `BadInput` for what is no choice."""
        return cls(
            deployment.chain_id,
            deployment.address("OPGGovernor"),
            proposal,
            checked_choice(choice),
            voter,
            nonce,
            reason,
        )

    @property
    def typed(self) -> dict[str, Any]:
        """As wallets take it: `eth_signTypedData_v4`. Large numbers are text, which all of them read."""
        kind, fields = ("ExtendedBallot", (*FIELDS, *MORE_FIELDS)) if self.reason else ("Ballot", FIELDS)
        message: dict[str, Any] = {
            "proposalId": str(self.proposal), "support": CHOICES[self.choice], "voter": self.voter, "nonce": self.nonce,
        }  # fmt: skip
        return {
            "types": {"EIP712Domain": _fields(DOMAIN_FIELDS), kind: _fields(fields)},
            "primaryType": kind,
            "domain": {**DOMAIN, "chainId": self.chain, "verifyingContract": self.governor},
            "message": message | ({"reason": self.reason, "params": "0x"} if self.reason else {}),
        }

    @property
    def digest(self) -> bytes:
        """What the signature is over."""
        made = encode_typed_data(full_message=self.typed)
        return keccak(b"\x19" + made.version + made.header + made.body)

    def sign(self, account: LocalAccount) -> bytes:
        """65 bytes r ‖ s ‖ v."""
        return bytes(account.sign_message(encode_typed_data(full_message=self.typed)).signature)

    def dump(self, signature: bytes) -> str:
        """The file that `load` reads."""
        return json.dumps(
            {**asdict(self), "proposal": str(self.proposal), "signature": "0x" + signature.hex()}, indent=2
        )

    @classmethod
    def load(cls, path: Path) -> tuple[Ballot, bytes]:
        """Ballot and signature. Raises `BadInput`."""
        try:
            given = json.loads(path.read_text())
            chain, proposal, nonce = (_whole(given[name]) for name in ("chain", "proposal", "nonce"))
            governor, voter = (checked(str(given[name]), name) for name in ("governor", "voter"))
            ballot = cls(chain, governor, proposal, checked_choice(given["choice"]), voter, nonce, str(given["reason"]))
            return ballot, signature_of(given["signature"])
        except OSError as problem:
            raise BadInput(f"cannot read {path}: {problem.strerror}", "name a file of opg proposal sign-vote") from None
        except BadInput as problem:
            raise BadInput(f"{path.name}: {problem}", problem.advice) from None
        except KeyError as problem:
            raise BadInput(f"{path.name} is no signed vote: it has no {problem}", HOW) from None
        except (ValueError, TypeError, AttributeError):
            raise BadInput(f"{path.name} is no signed vote", HOW) from None


def verify(chain: Chain, ballot: Ballot, signature: bytes) -> None:
    """Raises `BadInput` when a signature is not the voter's over this ballot. What a contract signed it says itself (ERC-1271)."""
    voter, eth = to_checksum_address(ballot.voter), chain.w3.eth
    advice = "proposal, choice, reason, nonce, voter, governor and chain are all signed: have it signed anew"
    if not chain.has_code(voter):
        good = recover(ballot.digest, signature) == voter
    else:
        data = ERC1271 + encode(["bytes32", "bytes"], [ballot.digest, signature])
        try:
            answer = bytes(chain.rpc(lambda: eth.call({"to": voter, "data": HexBytes(data)})))
        except Web3Exception:
            answer = b""
        good = answer == ERC1271.ljust(32, b"\0")
        advice += "; or let the contract vote by a transaction: opg proposal export … vote"
    if not good:
        raise BadInput(f"this is no signature of {voter} over this vote", advice)


HOW = "make one: opg proposal sign-vote … > vote.json"


def checked_choice(text: Any) -> str:
    """One of the choices. Raises `BadInput`."""
    if text not in CHOICES:
        raise BadInput(f"{text!r} is no vote", "choose one of: " + ", ".join(CHOICES))
    return str(text)


def signature_of(text: Any) -> bytes:
    """A signature in hexadecimal; of contracts it may have any length. Raises `BadInput`."""
    try:
        made = bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError:
        made = b""
    if not made:
        raise BadInput(f"{str(text)[:80]!r} is no signature", "copy all of it: 0x and hexadecimal digits")
    return made


def _whole(value: Any) -> int:
    made = int(value)
    if isinstance(value, (bool, float)) or not 0 <= made < 1 << 256:
        raise ValueError
    return made


def _fields(listed: tuple[str, ...]) -> list[dict[str, str]]:
    return [dict(zip(("name", "type"), each.split(), strict=True)) for each in listed]
