"""What the chain said last. Whoever asks for an answer waits for the model, not for the chain.

One thread refreshes; everybody reads. A view that was not refreshed for too long, or whose time is not this machine's, refuses to
be relied on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any

from web3.exceptions import Web3Exception

from opg.chain.connection import Call, Chain
from opg.errors import ChainUnreachable, OPGError
from opg.node.errors import ClockSkewed

IDLE_SECONDS = 300.0  # what nobody asked for in that time is forgotten
AGAIN_SECONDS = 1.0  # a refusal is confirmed by the chain itself, but not more often
MAX_ENTRIES = 50_000
REFRESHED = 400  # entries a round
BATCH = 100  # of them in one request

Key = tuple[Any, ...]


@dataclass
class _Entry:
    value: Any
    read_at: float
    used_at: float
    call: Call | None = None
    raw: str | None = None  # what the value was decoded from


def _urgency(each: tuple[Key, _Entry]) -> tuple[bool, float]:
    """First the operator's own key and stake: strangers choose how many channels are looked at."""
    return each[0][0] != "Staking", each[1].read_at


class ChainView:
    """The views of contracts that were asked for, kept fresh by `refresh`. Has what `check_voucher` needs of a `Chain`."""

    def __init__(self, chain: Chain, max_skew: float, max_blind: float, clock: Callable[[], float] = time.time) -> None:
        self.chain = chain
        self.max_skew = max_skew
        self.max_blind = max_blind
        self.clock = clock
        self.id = chain.id
        self.deployment = chain.deployment
        self.head = 0
        self.head_time = 0  # unix seconds
        self._skew = 0.0
        self._seen_at = -float("inf")
        self._entries: dict[Key, _Entry] = {}
        self._lock = threading.Lock()

    def now(self) -> int:
        """Unix seconds: this machine's clock, or the newest block's when that is ahead. Asks nobody."""
        return max(int(self.clock()), self.head_time)

    @property
    def age(self) -> float:
        """Seconds since the chain was seen."""
        return time.monotonic() - self._seen_at

    @property
    def skew(self) -> float:
        """Seconds that this machine's clock is ahead of the chain's, when it was seen last."""
        return self._skew

    def read(self, contract: str, function: str, *arguments: Any) -> Any:
        """A view's value, as it was when the chain was seen last; the first time, the chain is asked."""
        key = (contract, function, *arguments)
        now = time.monotonic()
        entry = self._entries.get(key)
        if entry is not None and now - entry.read_at <= self.max_blind:
            entry.used_at = now
            return entry.value
        return self._read(key)

    def forget(self, *keys: Key) -> bool:
        """Drops what is known under these keys, unless it is new. Whether anything was dropped."""
        old = time.monotonic() - AGAIN_SECONDS
        with self._lock:
            gone = [key for key in keys if key in self._entries and self._entries[key].read_at <= old]
            for key in gone:
                del self._entries[key]
        return bool(gone)

    def refresh(self) -> None:
        """Asks the chain for what was of use lately, the oldest first; not for all at once, which would take too long."""
        latest = self.chain.block("latest")
        wall = self.clock()
        times = [int(latest["timestamp"])]
        if wall - times[0] > max(self.max_skew, 1) > 0:  # an idle chain: the time that its next block would have
            times += self._pending_time()
        self.head = int(latest["number"])
        self.head_time = times[0]
        self._skew = wall - max(times)
        self._seen_at = time.monotonic()
        used = self._seen_at - IDLE_SECONDS
        with self._lock:
            self._entries = {key: entry for key, entry in self._entries.items() if entry.used_at >= used}
            oldest = nsmallest(REFRESHED, self._entries.items(), key=_urgency)
        for start in range(0, len(oldest), BATCH):
            self._look_again(oldest[start : start + BATCH])

    def check(self) -> None:
        """Raises `ChainUnreachable` or `ClockSkewed` when answers should not be signed now."""
        if self.age > self.max_blind:
            try:
                self.refresh()
            except (Web3Exception, ValueError) as problem:
                raise ChainUnreachable(self.chain.url, type(problem).__name__) from None
        if self.max_skew and abs(self._skew) > self.max_skew:
            raise ClockSkewed(
                f"this machine's clock is {self._skew:+.0f} seconds from the chain's",
                "try another operator; if it is yours: set its clock (NTP), or name another Ethereum node",
            )

    def _look_again(self, entries: list[tuple[Key, _Entry]]) -> None:
        """Most are what they were, and need not be decoded: that takes more of the processor than all answers of that time together."""
        for key, entry in entries:
            entry.call = entry.call or self.chain.encoded(*key)
        begun = time.monotonic()
        found = self.chain.raw([entry.call for _, entry in entries if entry.call])
        for (key, entry), raw in zip(entries, found, strict=True):
            if raw is not None and raw == entry.raw:
                entry.read_at = begun
                continue
            try:
                made = _Entry(self.chain.decoded(*key[:2], raw or ""), begun, entry.used_at, entry.call, raw)
            except ValueError:
                self._read(key, entry.used_at, entry.call)
                continue
            with self._lock:
                if self._entries.get(key) is entry:  # or somebody has read it since
                    self._entries[key] = made

    def _pending_time(self) -> list[int]:
        try:
            return [int(self.chain.block("pending")["timestamp"])]
        except (Web3Exception, OPGError, KeyError, TypeError, ValueError):
            return []

    def _read(self, key: Key, used_at: float | None = None, call: Call | None = None) -> Any:
        value = self.chain.read(*key)
        now = time.monotonic()
        with self._lock:
            if len(self._entries) >= MAX_ENTRIES and key not in self._entries:
                self._entries.pop(next(iter(self._entries)))
            self._entries[key] = _Entry(value, now, now if used_at is None else used_at, call)
        return value
