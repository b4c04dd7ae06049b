"""Reading what strangers serve over HTTP: for no longer than so many seconds in all, no more than so many bytes, and only at the address
that was named. Whatever goes wrong is `OperatorUnreachable`.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
import zlib
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from itertools import zip_longest
from typing import Any, NamedTuple

import httpcore
import httpx
from httpcore import AsyncNetworkStream as Stream

from opg.errors import OperatorUnreachable

MAX_VALUES = 1_000_000  # in one JSON text: each takes up to a hundred bytes of memory, whatever it took on the way
KEPT = 32  # connections
TRANSLATED = IPv6Network("64:ff9b::/96")  # IPv4 through NAT64
GLOBAL_UNICAST = IPv6Network("2000::/3")
# protocol assignments, where Oracle's cloud tells its machines their secrets; anycast of 6to4; where Azure's does
RESERVED = [IPv4Network(each) for each in ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")]
HEAD_START_SECONDS = 0.25
MAX_ADDRESSES = 6  # of one name: its owner must not make us knock at many doors
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


def begin(
    url: str, seconds: float, max_bytes: int, body: dict[str, Any] | None = None, private: bool = True
) -> Future[Reply]:
    """Sends a GET, or a POST of `body` as JSON, a second time when the connection breaks. The future ends within `seconds`; its only exception is `OperatorUnreachable`.

    No redirection is followed: it could lead into the reader's own network. Nothing in there is connected to unless `private`, whatever name
    it has; behind a proxy that is the proxy's to refuse.
    """
    return asyncio.run_coroutine_threadsafe(_bounded(url, seconds, max_bytes, body, private), _loop(os.getpid()))


def read(url: str, seconds: float, max_bytes: int, body: dict[str, Any] | None = None, private: bool = True) -> Reply:
    """The same, waited for."""
    return begin(url, seconds, max_bytes, body, private).result()


async def _bounded(url: str, seconds: float, max_bytes: int, body: dict[str, Any] | None, private: bool) -> Reply:
    try:
        async with asyncio.timeout(seconds):
            try:
                return await _read(url, max_bytes, body, private)
            except (httpx.NetworkError, httpx.RemoteProtocolError):  # the connection was kept, and closed by then
                return await _read(url, max_bytes, body, private)
    except TimeoutError:
        reason = f"not done after {seconds:.0f} s"
    except Exception as problem:  # a stranger's bytes were read here: there is no list of what can happen
        reason = str(problem) if isinstance(problem, _Unusable) else type(problem).__name__
    raise OperatorUnreachable(f"no operator answers at {url} ({reason})", ADVICE)


async def _read(url: str, max_bytes: int, body: dict[str, Any] | None, private: bool) -> Reply:
    headers = {"Accept-Encoding": "gzip"}
    method = "GET" if body is None else "POST"
    async with _client(private).stream(method, url, json=body, headers=headers) as response:
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


class Public(httpcore.AsyncNetworkBackend):
    """Connects to addresses that all the world can reach, and to no others. What is looked up is what is connected to: a name that means
    something else a moment later gains nothing.
    """

    def __init__(self) -> None:
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *arguments: Any, **options: Any) -> Stream:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as problem:
            raise httpcore.ConnectError(str(problem)) from problem
        reachable = [str(each[4][0]) for each in found if is_public(str(each[4][0]))]
        if not reachable:
            raise _Unusable("an address in a private network; OPG_PRIVATE_ENDPOINTS=1 allows those")
        return await _first(
            lambda address: self._inner.connect_tcp(address, port, *arguments, **options), _by_turns(reachable)
        )

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


def _by_turns(addresses: list[str]) -> list[str]:
    """Some addresses of one name: IPv6 and IPv4 by turns, else in the system's order, which has the best first."""
    first, other = [], []
    for address in dict.fromkeys(addresses):
        (first if (":" in address) is (":" in addresses[0]) else other).append(address)
    return [each for pair in zip_longest(first, other) for each in pair if each is not None][:MAX_ADDRESSES]


async def _first(connect: Callable[[str], Coroutine[Any, Any, Stream]], addresses: list[str]) -> Stream:
    """The first connection that is made (RFC 8305): an address that is silent keeps the next from being tried for `HEAD_START_SECONDS`,
    one that refuses not at all. Raises the last refusal when there is no other.
    """
    waiting, running = addresses[::-1], set[asyncio.Task[Stream]]()
    try:
        while True:
            if waiting:
                running.add(asyncio.create_task(connect(waiting.pop())))
            patience = HEAD_START_SECONDS if waiting else None
            ended, running = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            made = [each for each in ended if each.exception() is None]
            running.update(made[1:])
            if made or not (waiting or running):
                return (made or list(ended))[0].result()
    finally:
        for each in running:
            each.cancel()
        for late in await asyncio.gather(*running, return_exceptions=True):
            if not isinstance(late, BaseException):
                await late.aclose()


def is_public(address: str) -> bool:
    """Of an IP address: neither this machine nor its network, nor what a cloud keeps there for its machines alone."""
    found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        inside = found.ipv4_mapped or found.sixtofour
        if found in TRANSLATED:
            inside = IPv4Address(int(found) & 0xFFFFFFFF)
        if inside is None and found not in GLOBAL_UNICAST:
            return False  # among them older ways to write an IPv4 address
        found = inside or found
    return found.is_global and not found.is_multicast and not any(found in each for each in RESERVED)


_CLIENTS: dict[tuple[asyncio.AbstractEventLoop, bool], httpx.AsyncClient] = {}


def _client(private: bool) -> httpx.AsyncClient:
    """Of the loop that runs here: it keeps connections for the next request."""
    key = asyncio.get_running_loop(), private
    if key not in _CLIENTS:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT)
        client = _CLIENTS[key] = httpx.AsyncClient(limits=limits, timeout=None, follow_redirects=False)
        if not private:  # whatever goes through no proxy, and httpx passes no backend on
            client._transport._pool._network_backend = Public()  # type: ignore[attr-defined]
    _CLIENTS[key].cookies.clear()  # nobody asked for any
    return _CLIENTS[key]
