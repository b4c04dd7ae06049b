"""Waiting for what another thread or process does: for as long as a slow machine takes, and no longer than a quick one."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE_SECONDS = 120


def wait_until(what: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> None:
    """Until something is true. Fails after so many seconds, which only what is broken takes."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.01)
