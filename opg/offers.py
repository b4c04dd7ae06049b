"""Who has offered which version, as the chain tells. It is kept in a file, so that nobody reads a chain of years for every question."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from web3.exceptions import Web3Exception

from opg.chain import Chain, EventReader
from opg.chain.events import REORG_BLOCKS
from opg.keeping import keep

DISCOVERY_SECONDS = 60  # the chain is asked no more often, but for a version that nobody is known to offer


class Offers:
    """Safe to use from several threads. Whoever ever offered a version is named; what it asks now, and whether it is live, is to be looked at.

    The newest blocks are read again each time: a re-organisation, or a node that lags behind another one of the same provider, hides nothing.
    What was read of another chain, or of the same one before it was made anew, is read again, too: it names a block and its hash.
    """

    def __init__(self, chain: Chain, path: Path) -> None:
        self.chain, self.path = chain, path
        self._offers: dict[int, set[str]] = {}
        self._looked = -float("inf")
        self._lock = threading.Lock()
        self._reader = EventReader(chain, [("Inference", "Offered")])
        self._buried: tuple[int, str] | None = None  # a block below all that is read again, and its hash
        self._whole = True  # else it goes on where it was cut off
        self._load()

    def operators(self, version_id: int) -> list[str]:
        """Addresses, in order. Raises `ChainUnreachable`."""
        with self._lock:
            if time.monotonic() - self._looked > DISCOVERY_SECONDS or version_id not in self._offers:
                self._look()
                self._looked = time.monotonic()
            return sorted(self._offers.get(version_id, ()))

    def _look(self) -> None:
        if self._whole:
            self._reader.cursor = self.chain.deployment.block
            if self._buried and self._buried[1] and self._hash(self._buried[0]) == self._buried[1]:
                self._reader.cursor = max(self._reader.cursor, self._buried[0])
        self._whole = False
        for event in self._reader.read():
            self._offers.setdefault(int(event.args["versionId"]), set()).add(str(event.args["operator"]))
        self._whole = True
        block = max(self.chain.deployment.block, self._reader.cursor - 1 - REORG_BLOCKS)
        self._buried = block, self._hash(block)
        content = {
            "inference": self.chain.deployment.address("Inference"),
            "block": block,
            "hash": self._buried[1],
            "offers": {str(version): sorted(operators) for version, operators in self._offers.items()},
        }
        keep(self.path, json.dumps(content), durable=False)

    def _load(self) -> None:
        try:
            content = json.loads(self.path.read_text())
            offers = {int(version): set(map(str, operators)) for version, operators in content["offers"].items()}
            buried = int(content["block"]), str(content["hash"])
            if content["inference"] != self.chain.deployment.address("Inference"):
                return
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return  # it is known again soon
        if buried[1] and self._hash(buried[0]) == buried[1]:
            self._offers, self._buried = offers, buried

    def _hash(self, block: int) -> str:
        """Empty when the Ethereum node does not know it, or no more."""
        try:
            return "0x" + bytes(self.chain.block(block)["hash"]).hex()
        except (Web3Exception, ValueError, OverflowError):
            return ""
