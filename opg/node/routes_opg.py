"""/opg/v1: signed requests and answers, stored answers, batches, and what this node is."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse

from opg.errors import BadRequest, UnknownVersion
from opg.node.body import parse_json
from opg.node.status import status

if TYPE_CHECKING:
    from opg.node.http import Door
    from opg.node.node import Node

PAGE = 64  # answers of a batch that are in memory at once
INFER = {
    "type": "object",
    "required": ["version", "inputs"],
    "properties": {
        "version": {"type": "integer", "description": "number of the version on chain"},
        "inputs": {
            "description": "a list in order or an object by name; nested numbers, or {words: base64 of big-endian words}"
        },
        "ask": {"type": "object", "description": "the request that is signed, EIP-712 `Ask`"},
        "askSignature": {"type": "string"},
        "voucher": {"type": "object", "description": "the signed voucher; needed unless the price is 0"},
    },
}


def body_of(schema: dict[str, Any]) -> dict[str, Any]:
    """What the OpenAPI page says about a body that is read as a stream."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


Endpoints = list[tuple[str, Callable[..., Awaitable[Response]]]]


def add_opg_routes(app: FastAPI, door: Door) -> Endpoints:
    """Gives those that matter for speed, by their paths."""
    node = door.node

    @app.post("/opg/v1/infer", tags=["opg"], openapi_extra=body_of(INFER))
    async def infer(request: Request) -> Response:
        """A signed answer with its outputs. The same signed request gets the same answer again, for nothing."""
        return await door.work(request, lambda body: _json(node.infer(parse_json(body))))

    @app.get("/opg/v1/answer/{name}", tags=["opg"])
    def answer(name: str) -> Response:
        """A stored answer, by its digest or its request."""
        found = node.stored_answer(hash_of(name))
        if found is None:
            raise UnknownVersion("there is no such answer here", "ask for one by its digest or its request")
        return _json(found)

    @app.get("/opg/v1/batch/{name}", tags=["opg"])
    def batch(name: str) -> Response:
        """All answers of a batch, by its id on chain or its root."""
        return StreamingResponse(_batch_json(node, *node.batch_head(_batch(name))), media_type="application/json")

    @app.get("/opg/v1/batch/{name}/{place}", tags=["opg"])
    def batch_item(name: str, place: int) -> Response:
        """One answer of a batch with its Merkle path."""
        return _json(node.batch_item(_batch(name), place))

    @app.get("/opg/v1/info", tags=["opg"])
    def info() -> Response:
        """Who this is, what it serves, for how much."""
        return _json(node.info())

    @app.get("/opg/v1/status", tags=["operating"])
    def node_status() -> Response:
        """What `opg node status` shows."""
        return _json(status(node))

    return [("/opg/v1/infer", infer)]


def _batch_json(node: Node, root: bytes, batch_id: int | None, count: int) -> Iterator[str]:
    """A batch as one JSON object, piece by piece: it may be larger than memory."""
    yield json.dumps({"root": "0x" + root.hex(), "batchId": batch_id})[:-1] + ', "answers": ['
    for first in range(0, count, PAGE):
        page = ", ".join(json.dumps(each.json()) for each in node.store.batch_answers(root, first, PAGE))
        yield page if first + PAGE >= count else page + ", "
    yield "]}"


def hash_of(text: str) -> bytes:
    try:
        value = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        value = b""
    if len(value) != 32:
        raise BadRequest(f"{text[:80]!r} is not a hash", "name 32 bytes in hexadecimal")
    return value


def _batch(text: str) -> int | bytes:
    if text.isascii() and text.isdecimal() and len(text) <= 18:
        return int(text)
    return hash_of(text)


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")
