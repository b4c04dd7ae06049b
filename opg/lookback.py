"""Finding one event without reading the whole chain."""

from __future__ import annotations

from opg.chain.connection import Chain
from opg.chain.events import SPAN, Event, EventReader


def find_back(chain: Chain, contract: str, name: str, first_indexed: bytes, last: int | None = None) -> Event | None:
    """The newest such event at or before block `last` (the newest block), looked for from there backwards."""
    last = chain.head() if last is None else last
    while last >= chain.deployment.block:
        first = max(chain.deployment.block, last - SPAN + 1)
        unread = max(0, chain.head() - last)
        found = list(EventReader(chain, [(contract, name)], first, unread, first_indexed).read())
        if found:
            return found[-1]
        last = first - 1
    return None
