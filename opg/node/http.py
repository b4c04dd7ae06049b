"""The node's HTTP door. Everything that it refuses, it refuses with a reason.

POST /opg/v1/infer          {"version", "inputs", "ask", "askSignature", "voucher"?} → a signed answer with
its outputs GET  /opg/v1/answer/<hash>  a stored answer, by its digest or its request GET
/opg/v1/batch/<id>     all answers of a batch, by its id on chain or its root GET  /opg/v1/batch/<id>/<n>
one answer of a batch with its Merkle path GET  /opg/v1/info           who this is, what it serves, for how
much
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response

from opg.errors import BadInput, BadRequest, ChainUnreachable, OPGError, PaymentRequired, UnknownVersion

if TYPE_CHECKING:
    from opg.node.node import Node

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_WAITING = 64  # requests that wait for the executor; more are told to come back
STATUS = {
    UnknownVersion: 404,
    PaymentRequired: 402,
    BadInput: 422,
    BadRequest: 400,
    ChainUnreachable: 503,
}


class Busy(OPGError):
    """More requests are waiting than this node wants to hold."""


class TooLarge(OPGError):
    """The body is larger than the node reads."""


def create_app(node: Node, max_body_bytes: int = MAX_BODY_BYTES) -> FastAPI:
    """The HTTP application around a node."""
    app = FastAPI(title="OPG node", docs_url=None, redoc_url=None, openapi_url=None)
    executing = threading.Semaphore(os.cpu_count() or 1)
    waiting = threading.Semaphore(MAX_WAITING)

    @app.exception_handler(OPGError)
    async def refused(_: Request, problem: OPGError) -> JSONResponse:
        return JSONResponse(
            {"error": type(problem).__name__, "reason": str(problem), "advice": problem.advice},
            _status(problem),
            {"Retry-After": "1"} if isinstance(problem, Busy) else None,
        )

    @app.post("/opg/v1/infer")
    async def infer(request: Request) -> Response:
        body = parse(await _read(request, max_body_bytes))
        if not waiting.acquire(blocking=False):
            raise Busy("the node has too much to do", "try again in a moment")
        try:
            return _json(await run_in_threadpool(work, body))
        finally:
            waiting.release()

    def work(body: dict[str, Any]) -> dict[str, Any]:
        with executing:
            return node.infer(body)

    @app.get("/opg/v1/answer/{name}")
    def answer(name: str) -> Response:
        found = node.stored_answer(_hash(name))
        if found is None:
            raise UnknownVersion("there is no such answer here", "ask for one by its digest or its request")
        return _json(found)

    @app.get("/opg/v1/batch/{name}")
    def batch(name: str) -> Response:
        return _json(node.batch(_batch(name)))

    @app.get("/opg/v1/batch/{name}/{place}")
    def batch_item(name: str, place: int) -> Response:
        return _json(node.batch_item(_batch(name), place))

    @app.get("/opg/v1/info")
    def info() -> Response:
        return _json(node.info())

    return app


def parse(body: bytes) -> dict[str, Any]:
    """A JSON object; NaN and Infinity, which are no JSON, are refused."""
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise BadRequest(f"the body is not JSON: {problem}", "send a JSON object") from None
    if not isinstance(value, dict):
        raise BadRequest("the body is not a JSON object", "send a JSON object")
    return value


async def _read(request: Request, limit: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"the body is larger than {limit:,} bytes", "send base64 words instead of numbers")
        chunks.append(chunk)
    return b"".join(chunks)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _status(problem: OPGError) -> int:
    if isinstance(problem, TooLarge):
        return 413
    if isinstance(problem, Busy):
        return 503
    for kind, status in STATUS.items():
        if isinstance(problem, kind):
            return status
    return 500


def _hash(text: str) -> bytes:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != 32:
        raise BadRequest(f"{text[:80]!r} is not a hash", "name 32 bytes in hexadecimal")
    return value


def _batch(text: str) -> int | bytes:
    if text.isdecimal() and len(text) <= 18:
        return int(text)
    return _hash(text)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")
