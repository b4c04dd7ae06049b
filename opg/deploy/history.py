"""What Genesis did, read from its events: which transactions, from which block on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from web3.exceptions import Web3RPCError

from opg.chain.connection import Chain

SPAN = 10_000
STEP_RUN = "0x" + keccak(text="StepRun(bytes32)").hex()


@dataclass(frozen=True)
class History:
    """`transactions` of the steps that ran, in order; `block` is the first of them, or the head when there is none."""

    block: int
    transactions: tuple[str, ...]


def history(chain: Chain, genesis: str, steps: int) -> History:
    """Searched from the head backwards, so a young deployment is found at once."""
    found: list[Any] = []
    last = chain.head()
    while last >= 0 and len(found) < steps:
        first = max(0, last - SPAN + 1)
        found = logs(chain, genesis, [STEP_RUN], first, last) + found
        last = first - 1
    block = int(found[0]["blockNumber"]) if found else chain.head()
    return History(block, tuple("0x" + bytes(log["transactionHash"]).hex() for log in found))


def logs(chain: Chain, address: str, topics: list[Any], first: int, last: int | None = None) -> list[Any]:
    """Logs of one contract. What is too much for the node is asked for in smaller parts."""
    last = chain.head() if last is None else last
    found: list[Any] = []
    span = SPAN
    while first <= last:
        until = min(first + span - 1, last)
        wanted: Any = {"address": address, "topics": topics, "fromBlock": first, "toBlock": until}
        try:
            found += chain.rpc(lambda wanted=wanted: chain.w3.eth.get_logs(wanted))
        except Web3RPCError:
            if span == 1:
                raise
            span = max(1, span // 8)
            continue
        first = until + 1
    return found
