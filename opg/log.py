"""One line a thing that happened, for people and for grep: time, what, and its particulars."""

from __future__ import annotations

import sys
import time
from typing import Any


def say(what: str, **particulars: Any) -> None:
    """Writes a line to standard error."""
    shown = " ".join(f"{name}={_text(value)}" for name, value in particulars.items())
    print(f"{time.strftime('%H:%M:%S')}  {what}" + (f"  {shown}" if shown else ""), file=sys.stderr, flush=True)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(value)
