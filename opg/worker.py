"""A process that executes, and does nothing else. It has no key, no store and no chain.

The versions lie in a file without a name, which all workers map: the constants of a large model are in memory once.
"""

from __future__ import annotations

import mmap
import os
import pickle
import signal
import tempfile
from multiprocessing.connection import Connection
from multiprocessing.reduction import DupFd
from typing import IO, Any

from opg.versions import LoadedVersion

ALIGNED = 64  # bytes; where arrays begin


def share(versions: dict[int, LoadedVersion]) -> IO[bytes]:
    """A file that `receive` reads: where everything lies, the objects, and the arrays as they are."""
    buffers: list[pickle.PickleBuffer] = []
    objects = pickle.dumps(versions, protocol=5, buffer_callback=buffers.append)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the pool
    places, at = [], 0
    for part in (objects, *(buffer.raw() for buffer in buffers)):
        at += -at % ALIGNED
        file.seek(at)
        file.write(part)
        places.append((at, len(part)))
        at += len(part)
    index = pickle.dumps(places)
    file.seek(at)
    file.write(index + len(index).to_bytes(8, "little"))
    file.flush()
    return file


class Inherited:
    """A file's descriptor, as an argument of a process that is being spawned: there it is a number."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (DupFd(self.file.fileno()),)


def _detached(duplicate: Any) -> int:
    return duplicate.detach()


def receive(descriptor: int) -> dict[int, LoadedVersion]:
    """The versions out of such a file. Their arrays cannot be written to."""
    view = memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    size = int.from_bytes(view[-8:], "little")
    objects, *buffers = [view[at : at + length] for at, length in pickle.loads(view[-8 - size : -8])]
    return pickle.loads(objects, buffers=buffers)


def work(pipe: Connection, shared: int, threads: int) -> None:
    """Answers batches until the pipe closes: a version's number and inputs in, (whether it went well, outputs) each out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the node, which ends us when it has answered
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.environ.setdefault("OPG_THREADS", str(threads))
    versions = receive(shared)
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
