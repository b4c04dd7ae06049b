"""Time-vested grants: `Stream`, which is OpenZeppelin's VestingWallet, created through the canonical CREATE2 proxy by whoever comes first."""

from __future__ import annotations

from eth_abi.abi import encode

from opg.chain.artifacts import artifact
from opg.deploy.proxy import created_at
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
    return created_at(SALT, init_code(terms))
