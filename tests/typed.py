"""EIP-712 signatures made by eth_account, which shares no code with the contracts."""

from __future__ import annotations

from typing import Any

from eth_account.messages import encode_typed_data
from eth_keys.constants import SECPK1_N

from tests.evm import Contract, normal


def sign(
    signer: Any,
    contract: Contract,
    domain: str,
    struct: str,
    values: tuple | list,
    **elsewhere: Any,
) -> bytes:
    """65 bytes r ‖ s ‖ v of `signer` over a struct.

    `struct` is its EIP-712 type, `Mail(address to,uint256 stamp)`, `values` its fields in that order;
    `domain` is the name of the contract's domain, whose version is 1. `elsewhere` replaces fields of it.
    """
    name, fields = struct.rstrip(")").split("(")
    split = [field.split(" ") for field in fields.split(",")]
    message = encode_typed_data(
        {
            "name": domain,
            "version": "1",
            "chainId": contract.eip712Domain().chainId,  # the in-process chain has one of its own
            "verifyingContract": contract.address,
            **elsewhere,
        },
        {name: [{"name": n, "type": t} for t, n in split]},
        dict(zip([n for _, n in split], normal(values), strict=True)),
    )
    return bytes(signer.sign_message(message).signature)


def vrs(signature: bytes) -> tuple[int, bytes, bytes]:
    """The three parts, in the order in which tokens take them."""
    return signature[64], signature[:32], signature[32:64]


def malleated(signature: bytes) -> bytes:
    """The other signature over the same digest by the same key: s negated, v flipped."""
    s = SECPK1_N - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
