"""The same deployment on a private chain with the same id, first: what it costs, whether anything refuses, and what must be there afterwards.

Addresses depend on the plan only, so the rehearsed contracts are the real ones, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from web3.exceptions import ContractLogicError, Web3RPCError

from opg.chain.artifacts import artifact
from opg.chain.connection import Chain
from opg.chain.local import LocalChain
from opg.deploy.plan import Plan
from opg.deploy.runner import Runner


@dataclass(frozen=True)
class Rehearsal:
    """Gas by task; code and the values of all views without arguments by contract."""

    gas: dict[str, int]
    code: dict[str, bytes]
    views: dict[str, dict[str, Any]]


def rehearse(plan: Plan) -> Rehearsal:
    """Takes a second or two. Raises what the deployment would."""
    with LocalChain(plan.network.chain_id) as local:
        runner = Runner(local.chain, local.account(1_000), plan)
        runner.run()
        code = {name: read_code(local.chain, at) for name, at in plan.addresses.items()}
        views = {name: read_views(local.chain, name, at) for name, at in plan.addresses.items()}
        return Rehearsal(runner.used, code, views)


def read_code(chain: Chain, address: str) -> bytes:
    """Runtime code."""
    return bytes(chain.rpc(lambda: chain.w3.eth.get_code(address)))  # type: ignore[arg-type]


def read_views(chain: Chain, name: str, address: str) -> dict[str, Any]:
    """Every view of a contract that takes no arguments, by name. A single value stands for itself; None: it reverts."""
    found = {}
    for entry in artifact(name).abi:
        if entry["type"] == "function" and entry["stateMutability"] in ("view", "pure") and not entry["inputs"]:
            found[entry["name"]] = read_view(chain, address, entry["name"], [], [], entry["outputs"])
    return found


def read_view(
    chain: Chain, address: str, function: str, types: list[str], values: list[Any], outputs: list[dict[str, Any]]
) -> Any:
    """One view; None when it reverts or does not answer in its types, as whatever else lies at that address might."""
    data = keccak(text=f"{function}({','.join(types)})")[:4] + encode(types, values)
    fields: Any = {"to": address, "data": "0x" + data.hex()}
    try:
        raw = bytes(chain.rpc(lambda: chain.w3.eth.call(fields)))
        values = list(decode([collapse_if_tuple(o) for o in outputs], raw))
    except (ContractLogicError, Web3RPCError, DecodingError, ValueError):
        return None
    return values[0] if len(values) == 1 else tuple(values)
