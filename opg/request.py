"""On-chain requests: finding them, where they stand, and ending them. Amounts in wei of OPG, times in unix seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from opg.chain.connection import Chain
from opg.chain.events import Event, EventReader, emitted, find_events
from opg.chain.sender import Sender
from opg.chain.structs import NO_ADDRESS, NO_HASH, Request
from opg.errors import BadInput
from opg.facade import FACADE
from opg.words import moment

OPEN = NO_HASH[:-1] + b"\1"
ENDS = {"Finalised": "paid", "Expired": "late, and paid back", "Refunded": "refuted, and paid back"}
SHORT_SECONDS = 60


@dataclass(frozen=True)
class Standing:
    """Where a request stands. `state` is open, late, answered, final, refuted, or how it ended; `next_step` is for people."""

    id: bytes
    request: Request
    state: str
    next_step: str


def find(chain: Chain, request_id: bytes) -> Request:
    """The terms of a request. Raises `BadInput` when there is none."""
    for event in find_events(chain, [("Inference", "Requested")], request_id):
        return Request.of(event.args["request"])
    raise BadInput(f"there is no request 0x{request_id.hex()}", "see yours: opg request list")


def all_of(chain: Chain, account: str) -> list[tuple[bytes, Request]]:
    """Requests that an account made, also through the opengradient SDK, or was asked; oldest first."""
    names = {account}
    if FACADE in chain.deployment.addresses:
        names.add(str(chain.read(FACADE, "escrowOf", account)))
    asked = ((event.args, Request.of(event.args["request"])) for event in _requested(chain))
    return [
        (bytes(args["requestId"]), each) for args, each in asked if {each.user, each.operator} & (names - {NO_ADDRESS})
    ]


def standing(chain: Chain, request_id: bytes, request: Request) -> Standing:
    """Read from the chain as it is now."""
    named = f"0x{request_id.hex()}"
    state = bytes(chain.read("Inference", "requestState", request_id))
    if state == OPEN:
        if chain.now() <= request.deadline:
            return Standing(request_id, request, "open", f"it is answered until {moment(request.deadline)}")
        return Standing(request_id, request, "late", f"the fee goes back: opg request expire {named}")
    if state == NO_HASH:
        found = find_events(chain, [("Inference", name) for name in ENDS], request_id)
        return Standing(request_id, request, ENDS[found[-1].name] if found else "ended", "nothing more can happen")
    recorded_at, games, refuted = chain.read("Inference", "answerState", state)
    if refuted:
        return Standing(request_id, request, "refuted", f"the fee goes back: opg request refund {named}")
    if chain.read("Inference", "isFinal", state):
        return Standing(request_id, request, "final", f"the operator can be paid: opg request finalise {named}")
    until = recorded_at + chain.read("Inference", "windowSeconds")
    step = f"{games} disputes run" if games else f"it can be disputed until {moment(until)}"
    return Standing(request_id, request, "answered", step)


def deadline(chain: Chain, seconds: int | None) -> int:
    """So many seconds from now; without a number twice the shortest time that a request gives, and a minute at least."""
    least, most = (int(chain.read("Inference", f"{name}ResponseSeconds")) for name in ("min", "max"))
    return chain.now() + (seconds or min(most, max(2 * least, SHORT_SECONDS)))


def expire(sender: Sender, request_id: bytes) -> tuple[Request, int]:
    """Ends a request that was not answered in time; gives it, and what the operator lost. Anyone may."""
    request = find(sender.chain, request_id)
    sent = sender.send("Inference", "expire", request.abi())
    return request, int(emitted(sender.chain, sent, "Inference", "Expired")[0]["slashed"])


def refund(sender: Sender, request_id: bytes) -> Request:
    """Ends a request whose answer was refuted. Anyone may."""
    request = find(sender.chain, request_id)
    sender.send("Inference", "refund", request.abi())
    return request


def finalise(sender: Sender, request_id: bytes) -> Request:
    """Ends a request whose answer is final: pays, and calls back. Anyone may."""
    request = find(sender.chain, request_id)
    answered = find_events(sender.chain, [("Inference", "Fulfilled")], request_id)
    outputs = [bytes(each) for each in answered[-1].args["outputs"]] if answered else []
    sender.send("Inference", "finalise", request.abi(), outputs)
    return request


def _requested(chain: Chain) -> Iterator[Event]:
    return EventReader(chain, [("Inference", "Requested")]).read()
