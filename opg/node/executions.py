"""On-chain requests while they are executed: who defends our stake cannot wait for a model that takes long, or for a worker that hangs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait

from opg.node.workers import AT_ONCE, Tensors

PATIENCE_SECONDS = 5.0


class Executions:
    """For one thread. A new one is waited for, so many seconds; the others are looked at."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self.patience = patience
        self._running: dict[bytes, Future[Tensors]] = {}
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="on-chain")

    def outputs(self, request: bytes, execute: Callable[[], Tensors]) -> Tensors | None:
        """None while they are not there: ask again. Raises what `execute` raises; asked again, it is executed again."""
        known = self._running.get(request)
        running = self._running[request] = known or self._threads.submit(execute)
        done, _ = wait([running], 0 if known else self.patience)
        if not done:
            return None
        del self._running[request]
        return running.result()

    def ready(self) -> list[bytes]:
        """Those that are over."""
        return [request for request, running in self._running.items() if running.done()]

    def only(self, requests: Collection[bytes]) -> None:
        """Forgets all others: they are answered, or too late."""
        for request in self._running.keys() - set(requests):
            self._running.pop(request).cancel()
