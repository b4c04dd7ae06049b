"""Reading bodies: not more than is allowed, not for ever, and not more of them at a time than memory is there for."""

from __future__ import annotations

import asyncio
import json
import zlib
from typing import Any

from starlette.requests import ClientDisconnect, Request

from opg.errors import BadRequest
from opg.node.errors import Busy, TooLarge, TooSlow, UnknownEncoding

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_HELD_BYTES = 256 * 1024 * 1024
READ_SECONDS = 30.0
BODY_BYTES = 64 * 1024  # of a request beside its numbers
NUMBER_BYTES = 64  # of a number in JSON, with space around it
SMALL_BYTES = 4 * 1024
SMALL_FACTOR = 36  # what JSON may take in memory for each byte of it: an empty object is three bytes long
WINDOW = {"gzip": 31, "deflate": 15}


def weight(body: bytes) -> int:
    """Bytes that a body may take once it is read as JSON: a bound."""
    if len(body) <= SMALL_BYTES:
        return SMALL_FACTOR * len(body)
    counts = (40 * body.count(b","), 200 * body.count(b"{"), 100 * body.count(b"["), 40 * body.count(b'"'))
    return (6 if body.isascii() else 10) * len(body) + sum(counts)  # four bytes a letter, in the whole and in its texts


def body_limit(numbers: int) -> int:
    """How long a request with so many numbers can reasonably be, in bytes."""
    return BODY_BYTES + NUMBER_BYTES * numbers


class Reader:
    """Reads the bodies of one application. `held` counts the memory that requests that are not answered yet may take, in bytes."""

    def __init__(
        self, limit: int = MAX_BODY_BYTES, held_limit: int = MAX_HELD_BYTES, seconds: float = READ_SECONDS
    ) -> None:
        self.limit = limit
        self.held_limit = max(held_limit, limit)
        self.seconds = seconds
        self.held = 0

    async def read(self, request: Request) -> bytes:
        """The body, decompressed. What it takes counts until `done`."""
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(request)
        except TimeoutError:
            raise TooSlow(f"the body did not come within {self.seconds:.0f} seconds", "send it faster") from None
        except ClientDisconnect:
            raise BadRequest("the body ended early", "send all of it") from None
        encoding = request.headers.get("content-encoding", "identity").lower()
        if encoding != "identity":
            body = self._decompress(body, encoding, request)
        needed = SMALL_FACTOR * len(body)
        if self.held + needed > self.held_limit // 2:  # to count takes a fifth of the time that reading does
            needed = weight(body)
        if needed > self.held_limit:
            raise TooLarge(f"the body would take {needed:,} bytes of memory", "send binary tensors, or base64 words")
        self._hold(request, needed)
        return body

    def done(self, request: Request) -> None:
        """The request is answered."""
        self.held -= getattr(request.state, "held", 0)
        request.state.held = 0

    async def _read(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self.limit:
            raise self._too_large()
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > self.limit:
                raise self._too_large()
            self._hold(request, len(chunk))
            chunks.append(chunk)
        return b"".join(chunks)

    def _hold(self, request: Request, size: int) -> None:
        if self.held + size > self.held_limit:
            raise Busy("the node holds as many requests as it has memory for", "try again in a moment")
        self.held += size
        request.state.held = getattr(request.state, "held", 0) + size

    def _decompress(self, body: bytes, encoding: str, request: Request) -> bytes:
        if encoding not in WINDOW:
            raise UnknownEncoding(f"bodies in {encoding[:40]!r} are not read", "send gzip, deflate, or plain")
        unpacker = zlib.decompressobj(WINDOW[encoding])
        try:
            plain = unpacker.decompress(body, self.limit + 1)
        except zlib.error:
            raise BadRequest(f"the body is not {encoding}", "compress it again") from None
        if len(plain) > self.limit:
            raise self._too_large()
        if not unpacker.eof:
            raise BadRequest(f"the {encoding} body ends early", "send all of it")
        self._hold(request, len(plain))
        return plain

    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body is larger than {self.limit:,} bytes", "send binary tensors, or base64 words")


def parse_json(body: bytes) -> dict[str, Any]:
    """A JSON object; NaN and Infinity, which are no JSON, are refused."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise BadRequest(f"the body is not JSON: {problem}", "send a JSON object") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object", "send a JSON object")
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")
