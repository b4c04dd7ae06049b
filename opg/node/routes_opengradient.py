"""The route that the `opengradient` SDK asks for the answer to an on-chain request; see docs/compatibility.md.

The SDK asks once, right after its transaction, so the reply waits for the answer.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import time
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from opg.errors import BadInput, UnknownVersion
from opg.node.board import OnChain
from opg.node.errors import AnswerRefuted, Busy, NotAnsweredYet
from opg.node.routes_opg import hash_of
from opg.tensor import Spec, unpack

if TYPE_CHECKING:
    from opg.node.node import Node

WAIT_SECONDS = 25.0  # the SDK gives up after 30
GRACE_SECONDS = 3.0  # the asker's Ethereum node may be ahead of ours
LOOK_SECONDS = 0.1
MAX_WAITING = 256
NO_REQUEST = bytes(32)  # `Inference.requestState` of a request that never was, or has ended
NEGATIVE_ZERO = (-1, 400)  # fixed point has no -0; this is rounded to it


def add_opengradient_routes(app: FastAPI, node: Node) -> None:
    waiting = Waiting(node)

    @app.get("/artela-network/artela-rollkit/inference/tx/{name}", tags=["opengradient SDK"])
    async def inference(name: str) -> Response:
        """The answer to an on-chain request by its id, as the opengradient SDK 1.1.4 reads it. Waits for it."""
        found = await waiting.answer(hash_of(name))
        return await run_in_threadpool(_reply, node, found)


class Waiting:
    """Requests whose answers somebody waits for."""

    def __init__(self, node: Node, wait: float = WAIT_SECONDS, grace: float = GRACE_SECONDS) -> None:
        self.node, self.wait, self.grace = node, wait, grace
        self.count = 0

    async def answer(self, request: bytes) -> OnChain:
        """Raises `UnknownVersion` when there is no such request, `NotAnsweredYet` when it takes too long, and `Busy`."""
        found = self.node.board.get(request) or await run_in_threadpool(self._kept, request)
        if found is not None:
            return found
        if self.count >= MAX_WAITING:
            raise Busy("too many wait for answers here", "ask again in a moment")
        self.count += 1
        try:
            return await self._wait_for(request)
        finally:
            self.count -= 1

    async def _wait_for(self, request: bytes) -> OnChain:
        begin, sure = time.monotonic(), False
        while (waited := time.monotonic() - begin) < self.wait:
            found = self.node.board.get(request)
            if found is not None:
                return found
            if self.node.draining:
                raise Busy("the node is about to stop", "ask again in a moment, or another node")
            if not sure and waited >= self.grace:
                state = await run_in_threadpool(self.node.chain.read, "Inference", "requestState", request)
                sure = bytes(state) != NO_REQUEST
                if not sure:
                    raise UnknownVersion(
                        "no such request waits on this chain, and none for a version served here was answered lately",
                        "check the id, and that the node serves the model that was asked",
                    )
            await asyncio.sleep(LOOK_SECONDS)
        raise NotAnsweredYet("the request is not answered yet", "ask again; after its deadline the fee comes back")

    def _kept(self, request: bytes) -> OnChain | None:
        """An answer of this operator's, from its log. Off-chain answers have signatures, and are their askers' own."""
        kept = self.node.store.answer_to(request)
        if kept is None or kept.signature or kept.answer.version not in self.node.versions:
            return None
        return OnChain(kept.answer.version, kept.digest, kept.outputs)


def _reply(node: Node, found: OnChain) -> Response:
    _, _, refuted = node.chain.read("Inference", "answerState", found.digest)
    if refuted:
        raise AnswerRefuted("the answer was wrong: a dispute has refuted it", "ask again; the fee comes back")
    outputs = model_output(node.versions[found.version].compiled.outputs, found.outputs)
    result = {"InferenceResult": {"VanillaResult": {"model_output": outputs}}}
    encoded = base64.b64encode(json.dumps(result).encode()).decode()
    return Response(json.dumps({"inference_results": [encoded]}), media_type="application/json")


def model_output(specs: Sequence[Spec], tensors: Sequence[bytes]) -> dict[str, Any]:
    """The SDK's `ModelOutput`. Raises `BadInput` for NaN and infinity."""
    numbers = [
        {"name": spec.name, "values": _fixed_points(spec, words), "shape": list(spec.shape)}
        for spec, words in zip(specs, tensors, strict=True)
    ]
    return {"numbers": numbers, "strings": [], "jsons": [], "is_simulation_result": False}


def fixed_point(number: float) -> tuple[int, int]:
    """(value, decimals) of a float32: value · 10^-decimals is so near that reading it as a double or as a float32 gives that number again.

    Both fit an int128; decimals may be negative. Raises `ValueError` for NaN and infinity.
    """
    if not math.isfinite(number):
        raise ValueError(number)
    if number == 0:
        return NEGATIVE_ZERO if math.copysign(1, number) < 0 else (0, 0)
    sign, digits, exponent = Decimal(repr(float(number))).normalize().as_tuple()
    value = int("".join(map(str, digits)))
    return -value if sign else value, -int(exponent)


def _fixed_points(spec: Spec, words: bytes) -> list[dict[str, Any]]:
    array = spec.from_words(unpack(words)).reshape(-1)
    if array.dtype.kind != "f":
        return [{"value": str(int(each)), "decimals": 0} for each in array]
    try:
        pairs = [fixed_point(each) for each in array.tolist()]
    except ValueError:
        raise BadInput(
            f"output {spec.name!r} holds NaN or infinity, which fixed-point numbers cannot say",
            "read the answer on chain, in the event Fulfilled",
        ) from None
    return [{"value": str(value), "decimals": decimals} for value, decimals in pairs]
