"""EIP-712: what operators and users sign. The digest of an answer is its name everywhere."""

from __future__ import annotations

from functools import cache, lru_cache

from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_keys.datatypes import PrivateKey, Signature
from eth_keys.exceptions import BadSignature
from eth_utils.crypto import keccak

from opg.chain.structs import Answer, Ask, Voucher

DOMAIN_TYPE = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
ANSWER_TYPE = keccak(
    text="Answer(bytes32 request,uint256 version,bytes32 input,bytes32 output,address operator,uint64 issuedAt)"
)
ASK_TYPE = keccak(text="Ask(uint256 version,bytes32 input,address operator,address user,uint256 nonce,uint64 deadline)")


VOUCHER_TYPE = keccak(text="Voucher(address payer,address operator,uint256 modelId,uint256 total,uint64 deadline)")


@cache
def domain(name: str, chain_id: int, contract: str, version: str = "1") -> bytes:
    """Domain separator of one contract on one chain."""
    types = ["bytes32", "bytes32", "bytes32", "uint256", "address"]
    return keccak(encode(types, [DOMAIN_TYPE, keccak(text=name), keccak(text=version), chain_id, contract]))


def answer_digest(answer: Answer, chain_id: int, inference: str) -> bytes:
    """`Inference.hashAnswer`, computed here."""
    types = ["bytes32", "bytes32", "uint256", "bytes32", "bytes32", "address", "uint64"]
    return _digest(domain("OPG Inference", chain_id, inference), encode(types, [ANSWER_TYPE, *answer.abi()]))


def ask_digest(ask: Ask, chain_id: int, inference: str) -> bytes:
    """Hash of a user's request for an off-chain answer."""
    types = ["bytes32", "uint256", "bytes32", "address", "address", "uint256", "uint64"]
    return _digest(domain("OPG Inference", chain_id, inference), encode(types, [ASK_TYPE, *ask.abi()]))


def voucher_digest(voucher: Voucher, chain_id: int, channels: str) -> bytes:
    """`Channels.hashVoucher`, computed here."""
    types = ["bytes32", "address", "address", "uint256", "uint256", "uint64"]
    return _digest(domain("OPG Channels", chain_id, channels), encode(types, [VOUCHER_TYPE, *voucher.abi()]))


def sign_digest(digest: bytes, account: LocalAccount) -> bytes:
    """65 bytes r ‖ s ‖ v with a low s."""
    made = _private(bytes(account.key)).sign_msg_hash(digest).to_bytes()
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
        made = Signature(signature[:64] + bytes([signature[64] - 27]))
        return made.recover_public_key_from_msg_hash(digest).to_checksum_address()
    except (BadSignature, ValueError):
        return None


def _digest(separator: bytes, encoded: bytes) -> bytes:
    return keccak(b"\x19\x01" + separator + keccak(encoded))
