"""Asks a server over HTTP as fast as it answers, or at a steady rate, and measures how long it takes."""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

SECONDS_FOR_A_REPLY = 60.0


class Failed(Exception):
    """The server said something other than 200."""


@dataclass
class Found:
    """What a load met: replies, the seconds that they took altogether, and each one's latency in seconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Replies a second."""
        return len(self.latencies) / self.seconds


class Connection(asyncio.Protocol):
    """One kept-alive connection; one request at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._whole = math.inf
        self._reply: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, problem: Exception | None) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(Failed(f"the server closed the connection: {problem}"))

    async def ask(self, request: bytes) -> bytes:
        """The reply with its head. Raises `Failed`."""
        self._received.clear()
        self._whole = math.inf
        self._reply = asyncio.get_running_loop().create_future()
        self.transport.write(request)  # type: ignore[attr-defined]
        async with asyncio.timeout(SECONDS_FOR_A_REPLY):
            reply = await self._reply
        if not reply.startswith(b"HTTP/1.1 200"):
            raise Failed(reply[:2_000].decode(errors="replace"))
        return reply

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._whole == math.inf and (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = bytes(self._received[:end]).lower()
            self._whole = end + 4 + int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
        if len(self._received) >= self._whole and self._reply is not None and not self._reply.done():
            self._reply.set_result(bytes(self._received))


async def _connect(url: str, count: int) -> list[Connection]:
    parts, loop = urlsplit(url), asyncio.get_running_loop()
    return [(await loop.create_connection(Connection, parts.hostname, parts.port))[1] for _ in range(count)]


async def _closed(url: str, requests: Iterator[bytes], connections: int, seconds: float) -> Found:
    found = Found(0.0)
    begin = time.perf_counter()

    async def keep_asking(connection: Connection) -> None:
        while (asked := time.perf_counter()) < begin + seconds:
            await connection.ask(next(requests))
            found.latencies.append(time.perf_counter() - asked)

    open_ = await _connect(url, connections)
    begin = time.perf_counter()
    await asyncio.gather(*map(keep_asking, open_))
    found.seconds = time.perf_counter() - begin
    for each in open_:
        each.transport.close()
    return found


async def _paced(
    url: str, requests: Iterator[bytes], rate: float, seconds: float, gaps: Iterator[float], connections: int
) -> Found:
    """Latencies count from when a request was due, also when no connection was free then."""
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    open_ = await _connect(url, connections)
    for each in open_:
        idle.put_nowait(each)
    found, tasks = Found(seconds), []

    async def ask(due: float) -> None:
        connection = await idle.get()
        await connection.ask(next(requests))
        idle.put_nowait(connection)
        found.latencies.append(time.perf_counter() - due)

    begin = due = time.perf_counter()
    while due < begin + seconds:
        due += next(gaps) / rate
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(due)))
    await asyncio.gather(*tasks)
    for each in open_:
        each.transport.close()
    return found


def ask_without_pause(url: str, requests: Iterator[bytes], connections: int, seconds: float) -> Found:
    """As fast as the server answers so many connections. Raises `Failed`."""
    return asyncio.run(_closed(url, requests, connections, seconds))


def ask_steadily(url: str, requests: Iterator[bytes], rate: float, seconds: float, connections: int = 64) -> Found:
    """`rate` requests a second, evenly spaced. Raises `Failed`."""
    return asyncio.run(_paced(url, requests, rate, seconds, iter(lambda: 1.0, None), connections))


def ask_at_random(url: str, requests: Iterator[bytes], rate: float, seconds: float, connections: int = 64) -> Found:
    """`rate` requests a second on average, as a crowd sends them: a Poisson process. Raises `Failed`."""
    choice = random.Random(3)
    return asyncio.run(_paced(url, requests, rate, seconds, iter(lambda: choice.expovariate(1.0), None), connections))
