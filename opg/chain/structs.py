"""The structs of `contracts/interfaces`, as Python sees them. Hashes are 32 bytes, addresses checksummed
hex.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache, lru_cache
from typing import Any, Self

from eth_utils.address import to_checksum_address

NO_HASH = bytes(32)
NO_ADDRESS = "0x" + "00" * 20
Hash = bytes  # 32
Uint64 = int  # what the contracts take as uint64; other numbers are uint256
BITS = {"int": 256, "Uint64": 64}


class Struct:
    """A struct that converts to what web3 takes, from what web3 gives, and to and from JSON."""

    def abi(self) -> tuple[Any, ...]:
        """As a nested tuple, the form that web3 encodes."""
        return tuple(_abi(getattr(self, name)) for name, _, _ in _fields(type(self)))

    @classmethod
    def of(cls, value: Any) -> Self:
        """From a decoded event argument or call result (names as in Solidity)."""
        if hasattr(value, "items"):
            value = [v for _, v in value.items()]
        return cls(*(_plain(v) for v in value))

    def json(self) -> dict[str, Any]:
        """For HTTP and files: camelCase names as in Solidity, bytes as 0x-hex."""
        return {camel: _to_json(getattr(self, name)) for name, camel, _ in _fields(type(self))}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Reverse of `json`. Raises `ValueError` on anything that is not exactly this struct."""
        known = _fields(cls)
        if not isinstance(data, dict) or set(data) != {camel for _, camel, _ in known}:
            raise ValueError(f"not a {cls.__name__}")
        return cls(*(_from_json(kind, data[camel]) for _, camel, kind in known))


@dataclass(frozen=True)
class Answer(Struct):
    """What an operator signs."""

    request: Hash
    version: int
    input: Hash
    output: Hash
    operator: str
    issued_at: Uint64


@dataclass(frozen=True)
class Evidence(Struct):
    """Why an answer is the operator's: a signature, a place in a batch, or nothing when it is on chain."""

    key: str = NO_ADDRESS
    signature: bytes = b""
    batch_id: int = 0
    index: int = 0
    path: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Request(Struct):
    """An on-chain request."""

    version: int
    user: str
    operator: str
    input: Hash
    mode: int
    fee: int
    collateral: int
    protocol_fee_bps: int
    deadline: Uint64
    callback: str
    callback_gas: int
    nonce: int


@dataclass(frozen=True)
class Header(Struct):
    """What a program root commits to."""

    input_words: tuple[int, ...]
    constant_count: int
    op_count: int
    constants_root: bytes
    ops_root: bytes
    outputs: tuple[int, ...]


@dataclass(frozen=True)
class OpProof(Struct):
    """Which operation is meant, and the proof that the program contains it."""

    header: Header
    op: bytes
    path: tuple[bytes, ...]


@dataclass(frozen=True)
class Run(Struct):
    """A range of neighbouring chunks of one tensor."""

    first: int
    chunks: bytes
    siblings: tuple[bytes, ...]


@dataclass(frozen=True)
class Operand(Struct):
    """One operand: the tensor, and the chunks of it that the element reads."""

    word_count: int
    merkle_root: bytes
    path: tuple[bytes, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Ask(Struct):
    """A user's signed request for an off-chain answer. Its EIP-712 digest is the answer's `request`."""

    version: int
    input: Hash
    operator: str
    user: str
    nonce: int
    deadline: Uint64  # unix seconds; the operator answers no later


@dataclass(frozen=True)
class Voucher(Struct):
    """What a user signs to pay for off-chain answers: cumulative, in wei of OPG."""

    payer: str
    operator: str
    model_id: int
    total: int
    deadline: Uint64  # unix seconds; the last at which it can be redeemed


def _abi(value: Any) -> Any:
    if isinstance(value, Struct):
        return value.abi()
    if isinstance(value, (tuple, list)):
        return tuple(_abi(v) for v in value)
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str) and value.startswith("0x") and len(value) == 42:
        return to_checksum_address(value)
    if isinstance(value, (tuple, list)):
        return tuple(_plain(v) for v in value)
    return value


def _to_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, tuple):
        return [_to_json(v) for v in value]
    if isinstance(value, Struct):
        return value.json()
    return value


def _from_json(kind: str, value: Any) -> Any:
    if kind in BITS:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << BITS[kind]:
            raise ValueError("not an unsigned number")
        return value
    if kind == "str":
        if not isinstance(value, str) or len(value) != 42:
            raise ValueError("not an address")
        return _checksummed(value)
    if kind in ("bytes", "Hash"):
        if not isinstance(value, str) or not value.startswith("0x"):
            raise ValueError("not hexadecimal")
        if kind == "Hash" and len(value) != 66:
            raise ValueError("not a hash")
        return bytes.fromhex(value[2:])
    if kind == "tuple[bytes, ...]":
        if not isinstance(value, list):
            raise ValueError("not a list")
        return tuple(_from_json("bytes", v) for v in value)
    raise ValueError(f"no JSON form of {kind}")


@lru_cache(maxsize=4096)
def _checksummed(address: str) -> str:
    return to_checksum_address(address)


@cache
def _fields(kind: type[Struct]) -> tuple[tuple[str, str, str], ...]:
    """Names, names in JSON and types of a struct's fields."""
    return tuple((f.name, _camel(f.name), str(f.type)) for f in fields(kind))  # type: ignore[arg-type]


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(word.capitalize() for word in rest)


__all__ = [
    "NO_ADDRESS",
    "NO_HASH",
    "Answer",
    "Ask",
    "Evidence",
    "Header",
    "OpProof",
    "Operand",
    "Request",
    "Run",
    "Voucher",
]
