"""Numbers as people read them, and what strangers have written."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from urllib.parse import urlsplit

OPG = 10**18


def shown(wei: int) -> str:
    """An amount of OPG: `1,234.5 OPG`."""
    return f"{Decimal(wei) / OPG:,f} OPG"


def ether(wei: int) -> str:
    """An amount of ether, to a millionth: `0.012000 ETH`."""
    return f"{Decimal(wei) / 10**18:,.6f} ETH"


def percent(bps: int) -> str:
    """Basis points: `12.5 %`."""
    return f"{(Decimal(bps) / 100).normalize():f} %"


def moment(seconds: int) -> str:
    """Unix seconds: `2026-11-21 12:00:00 UTC`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def harmless(text: str) -> str:
    """What strangers have written, on chain or elsewhere, may hold commands for a terminal, and signs that turn or hide other ones."""
    lines = text.replace("\r\n", "\n")
    return "".join(each if each.isprintable() or each in "\n\t" else "\N{REPLACEMENT CHARACTER}" for each in lines)


def origin(url: str) -> str:
    """Scheme, host and port of a URL. The rest of an Ethereum node's often is a key that costs its owner money."""
    try:
        parts = urlsplit(url)
        host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
    except ValueError:
        return "(no URL)"
    return f"{parts.scheme}://{host}" if parts.scheme else host or url.partition("/")[0].rpartition("@")[2]
