"""One line a thing that happened, for people and for grep: time, what, and its particulars. With OPG_LOG=json, one JSON object a line."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


def say(what: str, **particulars: Any) -> None:
    """Writes a line to standard error."""
    if os.environ.get("OPG_LOG") == "json":
        line = json.dumps(
            {"time": round(time.time(), 3), "event": what, **{k: _plain(v) for k, v in particulars.items()}}
        )
    else:
        shown = " ".join(f"{name}={_text(value)}" for name, value in particulars.items())
        line = f"{time.strftime('%H:%M:%S')}  {what}" + (f"  {shown}" if shown else "")
    print(line, file=sys.stderr, flush=True)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return "0x" + value.hex()
    text = str(value)  # a stranger's, often: it stays in its line
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _plain(value: Any) -> Any:
    return value if isinstance(value, (int, float, str, list, dict)) or value is None else _text(value)
