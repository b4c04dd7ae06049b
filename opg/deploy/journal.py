"""What was signed, written down before it is sent: a deployment that was killed knows what may be under way."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from opg.errors import DeploymentStuck

FORMAT = 1


@dataclass(frozen=True)
class Attempt:
    """One signed transaction for a task. `raw` is hex with 0x; once sent it is public anyway."""

    task: str
    sender: str
    nonce: int
    hash: str
    raw: str
    max_fee: int
    tip: int


class Journal:
    """Lines of JSON, each on disk before what it tells happens. Only one process at a time can have it open.

    A journal of another chain with the same id (a test chain that was started anew) is put aside. Without a path nothing
    is kept.
    """

    def __init__(self, path: Path | None, chain: str) -> None:
        self.path, self.chain = path, chain
        self.attempts: list[Attempt] = []
        self._file: Any = None

    def __enter__(self) -> Self:
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a+")
            self._lock()
            self._read()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, attempt: Attempt) -> None:
        """Returns when it is on disk."""
        self.attempts.append(attempt)
        self._write(asdict(attempt))

    def of(self, task: str, sender: str) -> list[Attempt]:
        """Attempts at a task by an account, oldest first."""
        return [each for each in self.attempts if (each.task, each.sender) == (task, sender)]

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise DeploymentStuck(f"another process deploys with {self.path}", "wait for it, or end it") from None

    def _read(self) -> None:
        self._file.seek(0)
        entries = list(_parsed(self._file.read()))
        if entries and entries[0] != self._header():
            assert self.path is not None
            self.path.replace(self.path.with_suffix(".old"))
            self._file.close()
            self._file = self.path.open("a+")
            self._lock()
            entries = []
        self.attempts = [Attempt(**entry) for entry in entries[1:]]
        if not entries:
            self._file.truncate(0)
            self._write(self._header())
        else:
            self._write(None)  # ends a line that was torn by a crash

    def _header(self) -> dict[str, Any]:
        return {"journal": FORMAT, "chain": self.chain}

    def _write(self, entry: dict[str, Any] | None) -> None:
        if self._file is None:
            return
        self._file.write((json.dumps(entry) if entry else "") + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


def _parsed(text: str) -> Any:
    """Whole lines; the last may be torn, and then nothing of it was sent yet."""
    for line in text.split("\n"):
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict):
            yield entry
