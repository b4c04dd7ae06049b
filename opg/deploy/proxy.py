"""The canonical deterministic-deployment proxy, and the one transaction that deploys it at the same address everywhere.

Its signature was made up, so nobody has the key of its sender, and it names no chain (it is from before EIP-155). Some
nodes refuse such transactions; then there is no way to this address, and the error says so.
See https://github.com/Arachnid/deterministic-deployment-proxy.
"""

from __future__ import annotations

from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

PROXY = "0x4e59b44847b379578588920cA78FbF26c0B4956C"
PROXY_SENDER = "0x3fAB184622Dc19b6109349B94811493BF2a45362"  # what the signature recovers to
PROXY_CODE = bytes.fromhex(
    "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe03601600081602082378035828234f58015156039578182fd5b"
    "8082525050506014600cf3"
)
PROXY_PRICE = 100_000 * 100 * 10**9  # all of its gas at its own price
PROXY_GAS = 100_000
PROXY_TRANSACTION = bytes.fromhex(
    "f8a58085174876e800830186a08080b853604580600e600039806000f350fe7fffffffffffffffffffffffffffffffffffffffffffffffffffff"
    "ffffffffffe03601600081602082378035828234f58015156039578182fd5b8082525050506014600cf31ba0"
    + "22" * 32
    + "a0"
    + "22" * 32
)


def created_at(salt: bytes, init_code: bytes) -> str:
    """Where the proxy creates a contract, on any chain (EIP-1014)."""
    return to_checksum_address(keccak(b"\xff" + to_canonical_address(PROXY) + salt + keccak(init_code))[12:])
