"""The newest on-chain answers for the versions that are served here, whoever gave them. In memory; oldest out."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

MAX_BYTES = 32 << 20


@dataclass(frozen=True)
class OnChain:
    """An answer as the chain has it. `outputs` are packed big-endian words."""

    version: int
    digest: bytes
    outputs: tuple[bytes, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.outputs))


class Board:
    """Answers by request. Safe to use from several threads."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._answers: OrderedDict[bytes, OnChain] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def show(self, request: bytes, answer: OnChain) -> None:
        """Puts an answer up, in the place of one that a re-organisation took away."""
        with self._lock:
            self._take_down(request)
            self._answers[request] = answer
            self._bytes += answer.size
            while self._bytes > self.max_bytes:
                self._take_down(next(iter(self._answers)))

    def get(self, request: bytes) -> OnChain | None:
        """The answer to a request, if it is known."""
        return self._answers.get(request)

    def _take_down(self, request: bytes) -> None:
        gone = self._answers.pop(request, None)
        if gone is not None:
            self._bytes -= gone.size
