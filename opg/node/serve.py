"""The node as a process: HTTP in front, one worker thread behind, both ended by Ctrl-C or SIGTERM."""

from __future__ import annotations

import threading
from pathlib import Path

import uvicorn
from eth_account.signers.local import LocalAccount

from opg.chain.connection import Chain
from opg.chain.sender import Sender
from opg.log import say
from opg.node.http import MAX_BODY_BYTES, create_app
from opg.node.node import Node, Policy
from opg.node.store import Store
from opg.versions import Executor, load_version


def launch(
    chain: Chain,
    account: LocalAccount,
    operator: str,
    models: dict[int, Path],
    data: Path,
    policy: Policy,
    executor: Executor | None = None,
) -> Node:
    """A node that is ready to serve: every version checked against its file, the key against the chain.

    `models`: files by version number. `data`: folder of what must be kept.
    """
    versions = {number: load_version(chain, number, path, executor) for number, path in models.items()}
    return Node(chain, Sender(chain, account), operator, versions, Store(data / "node.sqlite"), policy)


def serve(node: Node, host: str, port: int, max_body_bytes: int = MAX_BODY_BYTES) -> None:
    """Runs until it is told to stop. What is being answered is answered first."""
    stop = threading.Event()
    worker = threading.Thread(target=node.run, args=(stop,), name="worker")
    config = uvicorn.Config(
        create_app(node, max_body_bytes),
        host=host,
        port=port,
        log_level="warning",
        timeout_graceful_shutdown=10,
    )
    worker.start()
    say("serving", at=f"http://{host}:{port}", operator=node.operator, versions=sorted(node.versions))
    try:
        uvicorn.Server(config).run()
    finally:
        stop.set()
        worker.join()
        node.store.close()
        say("stopped")
