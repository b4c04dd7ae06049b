"""What a node refuses for its own reasons, and the HTTP status of every refusal."""

from __future__ import annotations

from opg.errors import AlreadyRunning as AlreadyRunning
from opg.errors import (
    BadInput,
    BadRequest,
    ChainUnreachable,
    NotStaked,
    OPGError,
    PaymentRequired,
    UnknownVersion,
    WrongKey,
)


class Busy(OPGError):
    """More requests are waiting than this node wants to hold, or it is about to stop."""


class TooLarge(OPGError):
    """The body is larger than the node reads."""


class TooSlow(OPGError):
    """The body did not come in time."""


class UnknownEncoding(OPGError):
    """The body is compressed in a way that the node does not read."""


class StoreFull(OPGError):
    """The log takes no more: what cannot be kept is not signed."""


class WorkerFailed(OPGError):
    """The process that executed a request died, every time that it was tried."""


class ClockSkewed(OPGError):
    """This machine's clock and the chain's differ: an answer would carry a wrong time."""


class NotAnsweredYet(OPGError):
    """The request waits for its operator."""


class AnswerRefuted(OPGError):
    """The answer was wrong, as a dispute has shown."""


STATUS: dict[type[OPGError], int] = {
    UnknownVersion: 404,
    PaymentRequired: 402,
    BadInput: 422,
    AnswerRefuted: 410,
    NotAnsweredYet: 504,
    BadRequest: 400,
    TooLarge: 413,
    TooSlow: 408,
    UnknownEncoding: 415,
    StoreFull: 507,
    Busy: 503,
    WorkerFailed: 503,
    ClockSkewed: 503,
    ChainUnreachable: 503,
    NotStaked: 503,
    WrongKey: 503,
}
RETRY = 503


def status_of(problem: OPGError) -> int:
    """The HTTP status of a refusal; 500 for what nobody foresaw."""
    return next((status for kind, status in STATUS.items() if isinstance(problem, kind)), 500)
