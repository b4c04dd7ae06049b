"""EIP-712: what operators and users sign. The digest of an answer is its name everywhere."""

from __future__ import annotations

from functools import cache, lru_cache

from coincurve import PrivateKey, PublicKey
from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from opg.chain.structs import Answer, Ask, Struct, Voucher

DOMAIN_TYPE = keccak(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
ANSWER_TYPE = keccak(
    b"Answer(bytes32 request,uint256 version,bytes32 input,bytes32 output,address operator,uint64 issuedAt)"
)
ASK_TYPE = keccak(b"Ask(uint256 version,bytes32 input,address operator,address user,uint256 nonce,uint64 deadline)")


VOUCHER_TYPE = keccak(b"Voucher(address payer,address operator,uint256 modelId,uint256 total,uint64 deadline)")


@cache
def domain(name: str, chain_id: int, contract: str, version: str = "1") -> bytes:
    """Domain separator of one contract on one chain."""
    names = keccak(name.encode()), keccak(version.encode())
    return keccak(_words(DOMAIN_TYPE, *names, chain_id, contract))


def answer_digest(answer: Answer, chain_id: int, inference: str) -> bytes:
    """`Inference.hashAnswer`, computed here."""
    return _digest(domain("OPG Inference", chain_id, inference), ANSWER_TYPE, answer)


def ask_digest(ask: Ask, chain_id: int, inference: str) -> bytes:
    """Hash of a user's request for an off-chain answer."""
    return _digest(domain("OPG Inference", chain_id, inference), ASK_TYPE, ask)


def voucher_digest(voucher: Voucher, chain_id: int, channels: str) -> bytes:
    """`Channels.hashVoucher`, computed here."""
    return _digest(domain("OPG Channels", chain_id, channels), VOUCHER_TYPE, voucher)


def sign_digest(digest: bytes, account: LocalAccount) -> bytes:
    """65 bytes r ‖ s ‖ v with a low s."""
    made = _private(bytes(account.key)).sign_recoverable(digest, hasher=None)
    return made[:64] + bytes([made[64] + 27])


@lru_cache(maxsize=16)
def _private(key: bytes) -> PrivateKey:
    return PrivateKey(key)  # it computes the public key, which takes longer than to sign


HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0  # of secp256k1


def recover(digest: bytes, signature: bytes) -> str | None:
    """Address that signed; None when the bytes are no signature of anybody."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        return None
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:  # the mirrored form, which the contracts refuse
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except ValueError:
        return None
    return _address(keccak(key.format(compressed=False)[1:])[12:])


@lru_cache(maxsize=4096)
def _address(raw: bytes) -> str:
    return to_checksum_address(raw)


def _digest(separator: bytes, kind: bytes, struct: Struct) -> bytes:
    return keccak(b"\x19\x01" + separator + keccak(_words(kind, *struct.abi())))


def _words(*values: bytes | int | str) -> bytes:
    """Hashes, unsigned numbers and addresses as the ABI encodes them: all take one word. Raises `ValueError`, `OverflowError`."""
    return b"".join(map(_word, values))


def _word(value: bytes | int | str) -> bytes:
    if isinstance(value, int):
        return value.to_bytes(32, "big")
    if isinstance(value, str):
        return bytes(12) + bytes.fromhex(value.removeprefix("0x"))
    if len(value) != 32:
        raise ValueError(f"a hash of {len(value)} bytes")
    return value
