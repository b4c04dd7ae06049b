"""A transaction for somebody else's wallet: hardware, browser, or a Safe's transaction builder."""

from __future__ import annotations

from typing import Any

from opg.chain import Chain
from opg.errors import BadInput
from opg.governance.ballot import CHOICES, checked_choice
from opg.governance.proposal import Proposal

SAFE_VERSION = "1.0"


def transaction(chain: Chain, deed: str, proposal: Proposal, choice: str = "for") -> dict[str, str]:
    """`to`, `value` and `data` of a deed: submit, cancel, vote, queue or execute."""
    parts = [list(proposal.targets), list(proposal.values), list(proposal.calldatas)]
    governor = chain.contract("OPGGovernor")
    arguments: dict[str, tuple[str, list[Any]]] = {
        "submit": ("propose", [*parts, proposal.description]),
        "cancel": ("cancel", [*parts, proposal.description_hash]),
        "vote": ("castVote", [proposal.id, CHOICES[checked_choice(choice)]]),
        "queue": ("queue", [*parts, proposal.description_hash]),
        "execute": ("execute", [*parts, proposal.description_hash]),
    }
    if deed not in arguments:
        raise BadInput(f"{deed!r} cannot be exported", "choose one of: " + ", ".join(arguments))
    function, given = arguments[deed]
    return {"to": governor.address, "value": "0", "data": governor.encode_abi(function, given)}


def safe_batch(chain: Chain, name: str, made: dict[str, str]) -> dict[str, Any]:
    """What the Safe's transaction builder imports."""
    return {
        "version": SAFE_VERSION,
        "chainId": str(chain.id),
        "createdAt": 0,
        "meta": {"name": name, "description": "made by opg proposal export"},
        "transactions": [{**made, "contractMethod": None, "contractInputsValues": None}],
    }
