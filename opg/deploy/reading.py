"""Reading many views at once, of contracts that may be anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak
from web3.types import RPCEndpoint

from opg.chain.artifacts import artifact
from opg.chain.connection import Chain

BATCH = 50  # public nodes refuse much more
CALL = RPCEndpoint("eth_call")


@dataclass(frozen=True)
class View:
    """One call of a view, and the types of what it returns."""

    address: str
    function: str
    types: tuple[str, ...] = ()
    values: tuple[Any, ...] = ()
    outputs: tuple[str, ...] = ("uint256",)

    @property
    def request(self) -> tuple[RPCEndpoint, list[Any]]:
        data = keccak(text=f"{self.function}({','.join(self.types)})")[:4] + encode(self.types, self.values)
        return CALL, [{"to": self.address, "data": "0x" + data.hex()}, "latest"]

    def decoded(self, answer: Any) -> Any:
        """A single value stands for itself. None: it reverted, or what it returned has other types."""
        result = answer.get("result") if isinstance(answer, dict) else None
        if not isinstance(result, str):
            return None
        try:
            values = decode(self.outputs, bytes.fromhex(result.removeprefix("0x")))
        except (DecodingError, ValueError):
            return None
        return values[0] if len(values) == 1 else values


def read(chain: Chain, view: View) -> Any:
    """One view."""
    return read_many(chain, [view])[0]


def read_many(chain: Chain, views: Sequence[View]) -> list[Any]:
    """Many, in few requests where the node takes several at once."""
    provider: Any = chain.w3.provider
    found: list[Any] = []
    for start in range(0, len(views), BATCH):
        some = views[start : start + BATCH]
        requests = [view.request for view in some]
        answers = chain.rpc(lambda requests=requests: provider.make_batch_request(requests))
        if not isinstance(answers, list) or len(answers) != len(some):
            answers = [chain.rpc(lambda r=request: provider.make_request(*r)) for request in requests]
        found += [view.decoded(answer) for view, answer in zip(some, answers, strict=True)]
    return found


def read_all_views(chain: Chain, addresses: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every view without arguments of every contract, by contract and function."""
    wanted = [
        (name, View(address, entry["name"], outputs=tuple(collapse_if_tuple(o) for o in entry["outputs"])))
        for name, address in addresses.items()
        for entry in artifact(name).abi
        if entry["type"] == "function" and entry["stateMutability"] in ("view", "pure") and not entry["inputs"]
    ]
    found: dict[str, dict[str, Any]] = {name: {} for name in addresses}
    values = read_many(chain, [view for _, view in wanted])
    for (name, view), value in zip(wanted, values, strict=True):
        found[name][view.function] = value
    return found


def read_code(chain: Chain, address: str) -> bytes:
    """Runtime code."""
    return bytes(chain.rpc(lambda: chain.w3.eth.get_code(address)))  # type: ignore[arg-type]
