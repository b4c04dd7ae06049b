"""A process that executes, and does nothing else. It has no key, no store and no chain.

The versions lie in a file without a name, which all workers map: the constants of a large model are in memory once.
"""

from __future__ import annotations

import mmap
import os
import pickle
import queue
import signal
import tempfile
import threading
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
    for version in versions.values():  # the first execution loads the kernels, and no request should wait for that
        _execute(version, tuple(bytes(4 * words) for words in version.program.input_words))
    pipe.send("ready")
    ahead: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(pipe, ahead), daemon=True).start()
    while (order := ahead.get()) is not None:
        number, batch = order
        try:
            pipe.send([_execute(versions[number], inputs) for inputs in batch])
        except OSError:
            return


def _read(pipe: Connection, ahead: queue.SimpleQueue[Any]) -> None:
    """Takes what comes at once: nobody waits for us to read while we wait for them to."""
    try:
        while True:
            ahead.put(pipe.recv())
    except (EOFError, OSError):
        ahead.put(None)


def _execute(version: LoadedVersion, inputs: tuple[bytes, ...]) -> tuple[bool, tuple[bytes, ...] | str]:
    try:
        return True, version.execute(inputs)
    except MemoryError:
        raise
    except Exception as problem:
        return False, f"{type(problem).__name__}: {problem}"
