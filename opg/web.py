"""Reading what strangers serve over HTTP: for no longer than so many seconds in all, no more than so many bytes, and only at the address
that was named. Whatever goes wrong is `OperatorUnreachable`.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
import zlib
from concurrent.futures import Future
from functools import cache
from typing import Any, NamedTuple

import httpx

from opg.errors import OperatorUnreachable

MAX_VALUES = 1_000_000  # in one JSON text: each takes up to a hundred bytes of memory, whatever it took on the way
ADVICE = "try later, or ask another operator"


class Reply(NamedTuple):
    """What came, whatever its status."""

    url: str
    status: int
    content: bytes

    def json(self) -> dict[str, Any]:
        """The object that it holds. Raises `OperatorUnreachable`."""
        try:
            if sum(self.content.count(each) for each in (b",", b":", b"[", b"{")) > MAX_VALUES:
                raise ValueError("too many values")
            found = json.loads(self.content)
            if not isinstance(found, dict):
                raise ValueError("no object")
            return found
        except (ValueError, RecursionError) as problem:
            what = f"{type(problem).__name__}, HTTP {self.status}"
            raise OperatorUnreachable(f"the reply is not JSON that can be read: {self.url} ({what})", ADVICE) from None


def begin(url: str, seconds: float, max_bytes: int, body: dict[str, Any] | None = None) -> Future[Reply]:
    """Sends a GET, or a POST of `body` as JSON, a second time when the connection breaks. The future ends within `seconds`; its only exception is `OperatorUnreachable`.

    No redirection is followed: it could lead into the reader's own network.
    """
    return asyncio.run_coroutine_threadsafe(_bounded(url, seconds, max_bytes, body), _loop(os.getpid()))


def read(url: str, seconds: float, max_bytes: int, body: dict[str, Any] | None = None) -> Reply:
    """The same, waited for."""
    return begin(url, seconds, max_bytes, body).result()


async def _bounded(url: str, seconds: float, max_bytes: int, body: dict[str, Any] | None) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            try:
                return await _read(url, max_bytes, body)
            except (httpx.NetworkError, httpx.RemoteProtocolError):  # the connection was kept, and closed by then
                return await _read(url, max_bytes, body)
    except TimeoutError:
        reason = f"not done after {seconds:.0f} s"
    except Exception as problem:  # a stranger's bytes were read here: there is no list of what can happen
        reason = str(problem) if isinstance(problem, _Unusable) else type(problem).__name__
    raise OperatorUnreachable(f"no operator answers at {url} ({reason})", ADVICE)


async def _read(url: str, max_bytes: int, body: dict[str, Any] | None) -> Reply:
    headers = {"Accept-Encoding": "gzip"}
    async with _client().stream("GET" if body is None else "POST", url, json=body, headers=headers) as response:
        unpack = _unpacker(response.headers.get("content-encoding", "identity").strip().lower())
        pieces, size = [], 0
        async for packed in response.aiter_raw():
            piece = unpack(packed, max_bytes + 1 - size) if unpack else packed
            pieces.append(piece)
            size += len(piece)
            if size > max_bytes:
                raise _Unusable(f"more than {max_bytes:,} bytes")
        return Reply(url, response.status_code, b"".join(pieces))


class _Unusable(Exception):
    """Says why."""


def _unpacker(encoding: str) -> Any:
    """Of gzip, which never gives more than it is asked for: a small reply may unpack to gigabytes."""
    if encoding == "identity":
        return None
    if encoding != "gzip":
        raise _Unusable("an encoding that was not asked for")
    machine = zlib.decompressobj(16 + zlib.MAX_WBITS)
    return machine.decompress


@cache
def _loop(_process: int) -> asyncio.AbstractEventLoop:
    """One event loop a process, in a thread of its own: only there every step, the look-up of the name too, can be given up."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="web", daemon=True).start()
    return loop


_CLIENTS: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}


def _client() -> httpx.AsyncClient:
    """Of the loop that runs here: it keeps connections for the next request."""
    loop = asyncio.get_running_loop()
    if loop not in _CLIENTS:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32)
        _CLIENTS[loop] = httpx.AsyncClient(limits=limits, timeout=None, follow_redirects=False)
    _CLIENTS[loop].cookies.clear()  # nobody asked for any
    return _CLIENTS[loop]
