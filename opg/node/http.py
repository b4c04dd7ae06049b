"""The node's HTTP door: /opg/v1, the Open Inference Protocol at /v2, and /metrics. Everything that it refuses, it refuses with a reason."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.exceptions import HTTPException

from opg.errors import OPGError
from opg.log import say
from opg.node.body import MAX_BODY_BYTES, Reader, body_limit
from opg.node.docs_page import page
from opg.node.errors import RETRY, Busy, status_of
from opg.node.routes_opengradient import add_opengradient_routes
from opg.node.routes_opg import add_opg_routes
from opg.node.routes_v2 import add_v2_routes
from opg.node.workers import MAX_RUNNING

if TYPE_CHECKING:
    from opg.node.node import Node

ABOUT = "Answers that are signed, and that cost the operator its stake when they are wrong. Amounts are wei of OPG."


HotRoute = tuple[str, re.Pattern[str], Callable[..., Awaitable[Response]]]


@dataclass(frozen=True)
class Named:
    """What `Counted` needs of a route."""

    path: str


def hot_route(template: str, endpoint: Callable[..., Awaitable[Response]]) -> HotRoute:
    """A route whose names between braces are arguments of its endpoint."""
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(template))
    return template, re.compile(pattern), endpoint


class Door:
    """What all routes share."""

    def __init__(self, node: Node, max_body_bytes: int) -> None:
        self.node = node
        inputs = (each.compiled.inputs for each in node.versions.values())
        numbers = max((sum(math.prod(spec.shape) for spec in specs) for specs in inputs), default=0)
        self.reader = Reader(min(max_body_bytes, body_limit(numbers)))
        self.running = 0
        self._threads = ThreadPoolExecutor(MAX_RUNNING, thread_name_prefix="request")

    async def work(self, request: Request, deed: Callable[[bytes], Response]) -> Response:
        """Reads the body and gives it to `deed` in a thread. Raises `Busy` rather than to queue without end."""
        try:
            body = await self.reader.read(request)
            if self.running >= MAX_RUNNING:
                raise Busy("the node has too much to do", "try again in a moment")
            self.running += 1
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, deed, body)
            finally:
                self.running -= 1
        finally:
            self.reader.done(request)


def create_app(node: Node, max_body_bytes: int = MAX_BODY_BYTES) -> FastAPI:
    """The HTTP application around a node."""
    app = FastAPI(title="OPG node", description=ABOUT, docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    door = Door(node, max_body_bytes)
    _add_errors(app)
    hot = [hot_route(*each) for each in (*add_opg_routes(app, door), *add_v2_routes(app, door))]
    add_opengradient_routes(app, node)

    @app.get("/metrics", tags=["operating"], response_class=PlainTextResponse)
    def metrics() -> Response:
        """Numbers for Prometheus."""
        return Response(node.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/docs", include_in_schema=False)
    def docs() -> Response:
        return HTMLResponse(page(app.openapi()))

    app.add_middleware(Hot, routes=hot)
    app.add_middleware(Counted, node=node)
    return app


class Hot:
    """Leads the requests that matter for speed past the framework's layers, which cost more than to sign an answer. Their routes stand in
    the application too: for the OpenAPI page, and for what is wrong with a request's method.
    """

    def __init__(self, app: Any, routes: list[HotRoute]) -> None:
        self.app = app
        self.routes = routes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            for template, pattern, endpoint in self.routes:
                if found := pattern.fullmatch(scope["path"]):
                    scope["route"] = Named(template)
                    request = Request(scope, receive, send)
                    response = await _answered(request, endpoint, found.groupdict())
                    await response(scope, receive, send)
                    return
        await self.app(scope, receive, send)


async def _answered(request: Request, endpoint: Callable[..., Awaitable[Response]], names: dict[str, str]) -> Response:
    try:
        return await endpoint(request, **names)
    except OPGError as problem:
        return _refused(problem)
    except Exception as problem:
        return _failed(request, problem)


class Counted:
    """Counts requests by route and status, and measures them."""

    def __init__(self, app: Any, node: Node) -> None:
        self.app = app
        self.metrics = node.metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 500

        async def noted(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.requests.labels(route, str(status)).inc()
            self.metrics.seconds.labels(route).observe(time.perf_counter() - begin)


def refusal(status: int, name: str, reason: str, advice: str) -> JSONResponse:
    """An error as both protocols have it: OIP's clients read `error`, ours all of it."""
    headers = {"Retry-After": "1"} if status == RETRY else None
    # what is refused may be quoted, and JSON can bring letters that no encoding has: half a surrogate pair
    reason, advice = (text.encode(errors="backslashreplace").decode() for text in (reason, advice))
    return JSONResponse(
        {"error": f"{name}: {reason}", "kind": name, "reason": reason, "advice": advice}, status, headers
    )


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(OPGError)
    async def refused(_: Request, problem: OPGError) -> JSONResponse:
        return _refused(problem)

    @app.exception_handler(HTTPException)
    async def not_routed(_: Request, problem: HTTPException) -> JSONResponse:
        return refusal(problem.status_code, "HTTP", str(problem.detail), "see /docs")

    @app.exception_handler(RequestValidationError)
    async def not_valid(_: Request, problem: RequestValidationError) -> JSONResponse:
        where = ", ".join(".".join(map(str, each["loc"])) for each in problem.errors())
        return refusal(400, "BadRequest", f"not readable: {where}", "see /docs")

    @app.exception_handler(Exception)
    async def failed(request: Request, problem: Exception) -> JSONResponse:
        return _failed(request, problem)


def _refused(problem: OPGError) -> JSONResponse:
    return refusal(status_of(problem), type(problem).__name__, str(problem), problem.advice)


def _failed(request: Request, problem: Exception) -> JSONResponse:
    say("ERROR", at=request.url.path, why=f"{type(problem).__name__}: {problem}")
    return refusal(500, "Internal", "the node failed", "tell the operator")
