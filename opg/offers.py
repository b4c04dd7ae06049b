"""Who has offered which version, as the chain tells. It is kept in a file, so that nobody reads a chain of years for every question."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from opg.chain import Chain, EventReader
from opg.keeping import keep

DISCOVERY_SECONDS = 60  # the chain is asked no more often, but for a version that nobody is known to offer
REORG_BLOCKS = 64  # are read again


class Offers:
    """Safe to use from several threads. Whoever ever offered a version is named; what it asks now, and whether it is live, is to be looked at.

    A file of another chain, or of the same one before it was made anew, counts for nothing: it names a block and its hash.
    """

    def __init__(self, chain: Chain, path: Path) -> None:
        self.chain, self.path = chain, path
        self._offers: dict[int, set[str]] = {}
        self._looked = 0.0
        self._lock = threading.Lock()
        self._reader = EventReader(chain, [("Inference", "Offered")], self._load())

    def operators(self, version_id: int) -> list[str]:
        """Addresses, in order. Raises `ChainUnreachable`."""
        with self._lock:
            if time.monotonic() - self._looked > DISCOVERY_SECONDS or version_id not in self._offers:
                for event in self._reader.read():
                    self._offers.setdefault(int(event.args["versionId"]), set()).add(str(event.args["operator"]))
                self._looked = time.monotonic()
                self._save()
            return sorted(self._offers.get(version_id, ()))

    def _load(self) -> int | None:
        """The block to go on at; None: from the deployment on."""
        try:
            content = json.loads(self.path.read_text())
            offers = {int(version): set(map(str, operators)) for version, operators in content["offers"].items()}
            buried, name = int(content["block"]), str(content["hash"])
            if content["inference"] != self.chain.deployment.address("Inference") or buried > self.chain.head():
                return None
        except (OSError, ValueError, TypeError, AttributeError, KeyError):
            return None  # it is known again soon
        if self._hash(buried) != name:
            return None
        self._offers = offers
        return max(self.chain.deployment.block, buried)

    def _save(self) -> None:
        buried = max(self.chain.deployment.block, self._reader.cursor - 1 - REORG_BLOCKS)
        content = {
            "inference": self.chain.deployment.address("Inference"),
            "block": buried,
            "hash": self._hash(buried),
            "offers": {str(version): sorted(operators) for version, operators in self._offers.items()},
        }
        keep(self.path, json.dumps(content), durable=False)

    def _hash(self, block: int) -> str:
        return "0x" + bytes(self.chain.block(block)["hash"]).hex()
