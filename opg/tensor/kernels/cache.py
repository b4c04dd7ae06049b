"""Where compiled kernels are kept: a folder of the user's, one for each version of their source.

numba itself notices only changes of the file that a kernel stands in, so the folder's name covers all of them.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numba
from numba.core import config

from opg.log import say


def folder() -> Path:
    """NUMBA_CACHE_DIR when it is set, else the user's cache folder; below it one folder for each version of the source."""
    named = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    if not named:
        home = Path.home()
        named = {"darwin": home / "Library" / "Caches", "win32": home / "AppData" / "Local"}.get(
            sys.platform, home / ".cache"
        )
    digest = hashlib.sha256(numba.__version__.encode())
    here = Path(__file__).parent
    for source in sorted([*here.glob("*.py"), here.parent / "functions.py"]):
        digest.update(source.read_bytes())
    return Path(named) / "opg" / f"kernels-{digest.hexdigest()[:16]}"


def writable() -> bool:
    """Whether the folder can be made and written; where it cannot, kernels are compiled in every process."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder(), os.W_OK | os.X_OK)


@contextmanager
def kept() -> Iterator[bool]:
    """Within it numba keeps what it compiles in our folder; gives False when it cannot be kept."""
    before = config.CACHE_DIR
    able = writable()
    config.CACHE_DIR = str(folder()) if able else before
    try:
        yield able
    finally:
        config.CACHE_DIR = before


def compiled(**options: object) -> Callable:
    """numba.njit for functions that Python calls, kept in our folder."""

    def decorate(function: Callable) -> Callable:
        with kept() as able:
            return numba.njit(function, error_model="numpy", cache=able, **options)

    return decorate


def announce() -> None:
    """Says that kernels are about to be compiled, when none are kept yet."""
    if not writable():
        say("compiling the tensor kernels; they cannot be kept, so every process does", folder=folder())
    elif next(folder().rglob("*.nbi"), None) is None:
        say("compiling the tensor kernels, once", folder=folder())
