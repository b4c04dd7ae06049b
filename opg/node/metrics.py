"""Numbers for Prometheus: `GET /metrics`. What is a state is read when it is asked for; what happens is counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The numbers of one node. Names begin with `opg_`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("opg_requests", "HTTP requests", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "opg_request_seconds", "Seconds until the reply", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.answers = Counter("opg_answers", "Answers signed", ["version"], registry=self.registry)
        self.execution = Histogram(
            "opg_batch_seconds", "Seconds that a worker took for a batch", buckets=SECONDS, registry=self.registry
        )
        self.batch = Histogram("opg_batch_size", "Requests in a worker's batch", buckets=SIZES, registry=self.registry)
        self.transactions = Counter("opg_transactions", "Transactions", ["call", "outcome"], registry=self.registry)
        self.failures = Counter("opg_failures", "Rounds of the worker thread that failed", registry=self.registry)
        self.alarms = Gauge("opg_alarm", "1 while somebody should look", ["reason"], registry=self.registry)
        self.games = Gauge(
            "opg_game_seconds_left", "Seconds left to move in a dispute", ["game"], registry=self.registry
        )

    def watch(self, name: str, what: str, read: Callable[[], float]) -> None:
        """A number that is read when it is asked for."""
        Gauge(name, what, registry=self.registry).set_function(read)

    def batch_done(self, size: int, seconds: float) -> None:
        self.batch.observe(size)
        self.execution.observe(seconds)

    def running_games(self, left: Iterable[tuple[str, float]]) -> None:
        """Replaces what is known of the games."""
        self.games.clear()
        for game, seconds in left:
            self.games.labels(game).set(seconds)

    def text(self) -> bytes:
        """The exposition format, version 0.0.4."""
        return generate_latest(self.registry)
