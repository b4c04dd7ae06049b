"""Reading contract events in order, with a cursor that can be kept."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from eth_abi.exceptions import DecodingError
from web3.exceptions import Web3Exception, Web3RPCError
from web3.logs import DISCARD

from opg.chain.connection import Chain
from opg.chain.sender import Sent
from opg.errors import ChainUnreachable
from opg.log import say

SPAN = 2_000  # blocks asked for at once, at first: what all public nodes take
MAX_SPAN = 64 * SPAN
REORG_BLOCKS = 64  # what lies deeper stays

Topics = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Event:
    """One decoded event. `args` has the names of the Solidity event."""

    contract: str
    name: str
    args: Any
    block: int
    transaction: str
    index: int


class EventReader:
    """Follows some events of some contracts, oldest first.

    `topics` is pairs of contract and event names; `first_indexed` and `second_indexed`, when given, are what these
    arguments must be. `confirmations` blocks are left unread at the head, so a short re-organisation is
    never seen. Reading the same block twice does no harm to the readers here: they ask the chain for the
    state of things before they act.
    """

    def __init__(
        self,
        chain: Chain,
        topics: Topics,
        start: int | None = None,
        confirmations: int = 0,
        first_indexed: bytes | None = None,
        second_indexed: bytes | None = None,
    ) -> None:
        self.chain = chain
        self.cursor = chain.deployment.block if start is None else start
        self.confirmations = confirmations
        self.indexed = (first_indexed, second_indexed)
        self._decoders: dict[tuple[str, bytes], tuple[str, str, Any]] = {}
        for contract_name, event_name in topics:
            contract = chain.contract(contract_name)
            event = contract.events[event_name]()
            topic = bytes.fromhex(event.topic.removeprefix("0x"))
            self._decoders[(contract.address, topic)] = (contract_name, event_name, event)

    def read(self, head: int | None = None) -> Iterator[Event]:
        """Events up to the confirmed head; `head` is that of the chain, where it is known. The cursor moves behind each span of blocks
        once all of it was given out.
        """
        head = (self.chain.head() if head is None else head) - self.confirmations
        span, most = SPAN, MAX_SPAN
        while self.cursor <= head:
            last = min(self.cursor + span - 1, head)
            try:
                logs = self._logs(self.cursor, last)
            except (Web3RPCError, ChainUnreachable) as problem:  # some break off, or have no time for so much
                if span == 1 or (isinstance(problem, ChainUnreachable) and span <= SPAN):
                    raise
                most = max(1, span // 2)  # too much for this node
                span = max(1, span // 4)
                continue
            for log in logs:
                found = self._decoders.get((log["address"], bytes(log["topics"][0])))
                event = _event(found, log) if found is not None else None
                if event is not None:
                    yield event
            self.cursor = last + 1
            span = min(2 * span, most)  # a chain of years is read in minutes

    def _logs(self, first: int, last: int) -> list[Any]:
        topics: list[Any] = [sorted({"0x" + topic.hex() for _, topic in self._decoders})]
        topics += [word if word is None else "0x" + word.hex() for word in self.indexed]
        while topics[-1] is None:
            topics.pop()  # an event with fewer indexed arguments has no such topic
        wanted: Any = {
            "address": sorted({address for address, _ in self._decoders}),
            "fromBlock": first,
            "toBlock": last,
            "topics": topics,
        }
        return list(self.chain.rpc(lambda: self.chain.w3.eth.get_logs(wanted)))


def find_events(chain: Chain, topics: Topics, first_indexed: bytes, start: int | None = None) -> list[Event]:
    """All events so far whose first indexed argument is this."""
    return list(EventReader(chain, topics, start, first_indexed=first_indexed).read())


def emitted(chain: Chain, sent: Sent, contract: str, name: str) -> list[Any]:
    """Arguments of the events of this name that a transaction made a contract emit."""
    event = chain.contract(contract).events[name]()
    return [entry["args"] for entry in event.process_receipt(sent.receipt, errors=DISCARD)]


def _event(found: tuple[str, str, Any], log: Any) -> Event | None:
    """None, with a line in the log, for what cannot be decoded: one such event must not hide all that come after it."""
    contract_name, event_name, event = found
    block, transaction = int(log["blockNumber"]), "0x" + bytes(log["transactionHash"]).hex()
    try:
        args = event.process_log(log)["args"]
    except (Web3Exception, DecodingError, ValueError, TypeError, LookupError) as problem:
        why = f"{type(problem).__name__}: {problem}"
        say("skipped an event", event=f"{contract_name}.{event_name}", block=block, transaction=transaction, why=why)
        return None
    return Event(contract_name, event_name, args, block, transaction, int(log["logIndex"]))
