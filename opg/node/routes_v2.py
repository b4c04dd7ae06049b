"""/v2: the Open Inference Protocol, so that clients of KServe and Triton work as they are."""

from __future__ import annotations

import importlib.metadata
import json
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from opg.errors import OPGError, UnknownVersion
from opg.node import oip
from opg.node.body import parse_json
from opg.node.routes_opg import Endpoints, body_of
from opg.versions import LoadedVersion

if TYPE_CHECKING:
    from opg.node.http import Door
    from opg.node.node import Node

MAX_DIGITS = 78  # of a uint256
HEADER_LENGTH = "Inference-Header-Content-Length"
INFER = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": {"type": "object"}},
        "outputs": {"type": "array", "items": {"type": "object"}},
        "parameters": {
            "type": "object",
            "properties": {name: {"type": "string"} for name in (oip.ASK, oip.ASK_SIGNATURE, oip.VOUCHER)},
        },
    },
}


def add_v2_routes(app: FastAPI, door: Door) -> Endpoints:
    """Gives those that matter for speed, by their paths."""
    node = door.node
    extra = body_of(INFER)

    @app.get("/v2", tags=["open inference protocol"])
    def server() -> Response:
        """The server's metadata."""
        version = importlib.metadata.version("opg") if _installed() else "source"
        return _json({"name": "opg", "version": version, "extensions": ["binary_tensor_data"]})

    @app.head("/v2/health/live", include_in_schema=False)  # as monitors ask
    @app.get("/v2/health/live", tags=["open inference protocol"])
    def live() -> Response:
        """Whether the process is there."""
        return _json({"live": True})

    @app.head("/v2/health/ready", include_in_schema=False)
    @app.get("/v2/health/ready", tags=["open inference protocol"])
    def ready() -> Response:
        """Whether it answers now; otherwise the reason."""
        return _readiness(node)

    @app.get("/v2/models/{name}/versions/{number}/ready", tags=["open inference protocol"])
    @app.get("/v2/models/{name}/ready", tags=["open inference protocol"])
    def model_ready(name: str, number: str = "") -> Response:
        """Whether a model can be asked."""
        find(node, name, number)
        return _readiness(node)

    @app.get("/v2/models/{name}/versions/{number}", tags=["open inference protocol"])
    @app.get("/v2/models/{name}", tags=["open inference protocol"])
    def model(name: str, number: str = "") -> Response:
        """A model's inputs and outputs."""
        version = find(node, name, number)
        mine = sorted(each.id for each in node.versions.values() if each.model_id == version.model_id)
        return _json(oip.metadata(version, name, mine))

    @app.post("/v2/models/{name}/versions/{number}/infer", tags=["open inference protocol"], openapi_extra=extra)
    @app.post("/v2/models/{name}/infer", tags=["open inference protocol"], openapi_extra=extra)
    async def infer(request: Request, name: str, number: str = "") -> Response:
        """An answer; the signature is among its `parameters`."""
        length = request.headers.get(HEADER_LENGTH)
        return await door.work(request, lambda body: _infer(node, name, number, body, length))

    return [(f"/v2/models/{{name}}{version}/infer", infer) for version in ("/versions/{number}", "")]


def find(node: Node, name: str, number: str = "") -> LoadedVersion:
    """A served version by its model's name on chain, or number, and its own number; without that the newest. Raises `UnknownVersion`."""
    models = {model for model, known in node.names.items() if known == name}
    if not models and name.isascii() and name.isdecimal() and len(name) <= MAX_DIGITS:
        models = {int(name)}
    found = [each for each in node.versions.values() if each.model_id in models and number in ("", str(each.id))]
    if not found:
        served = ", ".join(f"{node.names[each.model_id]} version {each.id}" for each in node.versions.values())
        asked = f"{name[:80]!r}" + (f" version {number[:40]}" if number else "")
        raise UnknownVersion(f"{asked} is not served here", f"served are: {served}")
    if len({each.model_id for each in found}) > 1:
        raise UnknownVersion(f"several models are named {name[:80]!r}", "name the model's number instead")
    return max(found, key=lambda each: each.id)


def _infer(node: Node, name: str, number: str, body: bytes, length: str | None) -> Response:
    version = find(node, name, number)
    head, binary = oip.split(body, length)
    order, wanted = oip.parse(version, parse_json(head), binary)
    reply, tensors = oip.render(node.answer(order), version, name, wanted)
    if not tensors:
        return Response(reply, media_type="application/json")
    return Response(
        b"".join([reply, *tensors]), media_type="application/octet-stream", headers={HEADER_LENGTH: str(len(reply))}
    )


def _readiness(node: Node) -> Response:
    try:
        node.check_fit()
        why = "" if node.pool.alive else "no worker process is up"
    except OPGError as problem:
        why = str(problem)
    return Response(json.dumps({"ready": not why, "reason": why}), 503 if why else 200, media_type="application/json")


def _installed() -> bool:
    try:
        return bool(importlib.metadata.version("opg"))
    except importlib.metadata.PackageNotFoundError:
        return False


def _json(value: Any) -> Response:
    return Response(json.dumps(value), media_type="application/json")
