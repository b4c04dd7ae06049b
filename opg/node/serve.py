"""The node as a process: HTTP in front, one worker thread behind, executing processes beside, all ended by Ctrl-C or SIGTERM."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from eth_account.signers.local import LocalAccount

from opg.chain.connection import Chain
from opg.chain.sender import Sender
from opg.errors import BadInput
from opg.log import say
from opg.node.body import MAX_BODY_BYTES
from opg.node.http import create_app
from opg.node.metrics import Metrics
from opg.node.node import Node
from opg.node.policy import Policy
from opg.node.store import Store
from opg.node.workers import Pool, WorkerPool
from opg.versions import Executor, load_version

MAX_CONNECTIONS = 1_000
HEAD_SECONDS = 15.0  # a connection without a whole request head in that time is closed
REPLY_SECONDS = 900.0  # one whose request is not over by then, too: its other side reads too slowly
SWEEP_TICKS = 10  # uvicorn's, ten a second
SWITCH_SECONDS = 0.0005  # a duty gives way to requests ten times sooner than Python would let it


def launch(
    chain: Chain,
    account: LocalAccount,
    operator: str,
    models: dict[int, Path],
    data: Path,
    policy: Policy,
    executor: Executor | None = None,
    workers: int = 0,
    max_batch: int = 16,
    kind: type[Node] = Node,
) -> Node:
    """A node that is ready to serve: every version checked against its file, the key against the chain.

    `models`: files by version number. `data`: folder of what must be kept. `workers`: processes that execute; 0: this one does.
    """
    versions = {number: load_version(chain, number, path, executor) for number, path in models.items()}
    metrics, store = Metrics(), Store(data / "node.sqlite")
    pool: Pool | None = None
    try:
        if workers:
            pool = WorkerPool(versions, workers, max_batch, seen=metrics.batch_done)
        node = kind(chain, Sender(chain, account), operator, versions, store, policy, pool, metrics)
        if isinstance(pool, WorkerPool):
            pool.wait_ready()
        return node
    except BaseException:
        if pool is not None:
            pool.close()
        store.close()
        raise


class Server(uvicorn.Server):
    """Tells the node to take no more before it closes the door."""

    def __init__(self, config: uvicorn.Config, node: Node) -> None:
        super().__init__(config)
        self.node = node
        self._since: dict[
            Any, tuple[Any, bool, float]
        ] = {}  # by connection: its last request, whether that is over, and since when

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Raises `BadInput` when nobody can be served there."""
        at = f"http://{self.config.host}:{self.config.port}"
        try:
            await super().startup(sockets)
        except SystemExit:  # the reason is logged
            raise BadInput(
                f"cannot listen at {at}", "end what listens there, or name another --port or --host"
            ) from None
        say("serving", at=at, operator=self.node.operator, versions=sorted(self.node.versions))

    async def on_tick(self, counter: int) -> bool:
        if counter % SWEEP_TICKS == 0:
            self.sweep()
        return await super().on_tick(counter)

    def sweep(self) -> None:
        """Closes connections that others keep open for nothing: a thousand of them would shut everybody out. uvicorn waits for ever for the
        head of a first request.
        """
        now, before, self._since = time.monotonic(), self._since, {}
        for connection in list(self.server_state.connections):
            request = getattr(connection, "cycle", None)
            idle = request is None or request.response_complete
            known = before.get(connection)
            since = known[2] if known and known[0] is request and known[1] == idle else now
            if now - since > (HEAD_SECONDS if idle else REPLY_SECONDS):
                connection.transport.abort()
            else:
                self._since[connection] = (request, idle, since)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own would raise the signal again at the end, which kills the process before its log is closed."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: object) -> None:
        self.node.drain()
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def serve(node: Node, host: str, port: int, max_body_bytes: int = MAX_BODY_BYTES) -> None:
    """Runs until it is told to stop. What is being answered is answered first. Raises `AlreadyRunning`, `BadInput`."""
    stop = threading.Event()
    background = [
        threading.Thread(target=node.run, args=(stop,), name="worker"),
        threading.Thread(target=node.store.tidy, args=(stop,), name="tidy"),
    ]
    config = uvicorn.Config(
        create_app(node, max_body_bytes),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        proxy_headers=False,  # nothing here depends on where a request comes from
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=max(1, int(node.policy.drain_seconds)),
    )
    try:
        with node.store.exclusive("node"):
            try:
                for thread in background:
                    thread.start()
                gc.collect()
                gc.freeze()  # kernels and plans live as long as the process: looking through them again holds everybody up
                sys.setswitchinterval(SWITCH_SECONDS)
                Server(config, node).run()
            finally:
                stop.set()
                for thread in filter(threading.Thread.is_alive, background):
                    thread.join()
    finally:
        node.close()
        say("stopped")
