"""Time-vested grants: `Stream`, which is OpenZeppelin's VestingWallet, created through the canonical CREATE2 proxy by whoever comes first."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from opg.chain.artifacts import artifact
from opg.deploy.plan import PROXY
from opg.errors import BadInput
from opg.governance.terms import Vesting

SALT = bytes(32)


def init_code(terms: Vesting) -> bytes:
    """What creates the wallet."""
    if terms.start < 0 or terms.start + terms.seconds >= 1 << 64:
        raise BadInput(
            "the stream begins or ends beyond 64 bits", "give its start in unix seconds, its length in seconds"
        )
    arguments = encode(["address", "uint64", "uint64"], [terms.beneficiary, terms.start, terms.seconds])
    return bytes.fromhex(artifact("Stream").bytecode) + arguments


def wallet_address(terms: Vesting) -> str:
    """Where the wallet of these terms is, or will be (EIP-1014)."""
    made = keccak(b"\xff" + bytes.fromhex(PROXY[2:]) + SALT + keccak(init_code(terms)))
    return to_checksum_address(made[12:])
