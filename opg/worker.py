"""A process that executes, and does nothing else. It has no key, no store and no chain."""

from __future__ import annotations

import signal
from multiprocessing.connection import Connection

from opg.versions import LoadedVersion


def work(pipe: Connection, versions: dict[int, LoadedVersion]) -> None:
    """Answers batches until the pipe closes: a version's number and inputs in, (whether it went well, outputs) each out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the node, which ends us when it has answered
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pipe.send("ready")
    while True:
        try:
            number, batch = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send([_execute(versions[number], inputs) for inputs in batch])


def _execute(version: LoadedVersion, inputs: tuple[bytes, ...]) -> tuple[bool, tuple[bytes, ...] | str]:
    try:
        return True, version.execute(inputs)
    except MemoryError:
        raise
    except Exception as problem:
        return False, f"{type(problem).__name__}: {problem}"
