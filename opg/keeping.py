"""Files that must not be lost, and are nobody else's business."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opg.errors import AlreadyRunning, FileUnusable

PRIVATE = 0o600


def keep(path: Path, text: str, durable: bool = True) -> None:
    """Writes a file that only its owner can read: all of it or nothing, whatever happens meanwhile; `durable`: the power's failure, too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with os.fdopen(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "w", encoding="utf-8"
        ) as file:
            file.write(text)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def opening(path: Path, otherwise: str) -> Iterator[None]:
    """What keeps a database from being opened is `FileUnusable`. `otherwise`: what to do about one that is damaged."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise FileUnusable(f"cannot use {path}: {why}", "name another folder: --data") from None
    except sqlite3.DatabaseError as problem:
        damaged = not isinstance(problem, sqlite3.OperationalError)  # that: locked, full, not to be opened
        advice = otherwise if damaged else "free its disk, look who may write there, or name another folder: --data"
        raise FileUnusable(f"cannot use {path}: {problem}", advice) from None


@contextmanager
def exclusive(path: Path, what: str) -> Iterator[None]:
    """Holds a lock on this file's name among all processes. Raises `AlreadyRunning`. Ends with the process."""
    with open(path.with_suffix(f".{what}.lock"), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(
                f"another process is at work on {path} ({what})", "wait for it, or name another folder: --data"
            ) from None
        yield


def keep_private(path: Path) -> None:
    """Makes a file when it is not there, and takes it away from others when it is."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE))
    except FileExistsError:
        path.chmod(PRIVATE)  # and not opened: closing it would drop the locks that this process has on a database
