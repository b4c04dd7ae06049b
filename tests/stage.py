"""Fixtures for what runs off chain: a real Ethereum node with the contracts, the digits model, honest and lying nodes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from eth_account.signers.local import LocalAccount

from opg import actions
from opg.chain import Chain, Sender, artifact
from opg.chain.deploying import OPG
from opg.chain.local import LocalChain, free_port
from opg.node import Node, Policy, Store, create_app
from opg.versions import Executor, LoadedVersion, load_version
from scripts.stage import DIGITS, Digits, Stage

STAKE = 1_500
PRICE = OPG // 100


@pytest.fixture(scope="session")
def session_stage() -> Iterator[Stage]:
    with LocalChain() as local:
        stage = Stage(local)
        stage.publish(stage.person())
        yield stage


@pytest.fixture
def stage(session_stage: Stage) -> Iterator[Stage]:
    """The contracts on a chain of their own, with the digits model published; brought back after each test."""
    with session_stage.local.restored():
        yield session_stage


@pytest.fixture(scope="session")
def digits() -> Digits:
    return Digits.load()


@pytest.fixture(scope="session")
def version(session_stage: Stage) -> LoadedVersion:
    """The published version, checked against its file."""
    return load_version(session_stage.chain, session_stage.version_id, DIGITS)


@pytest.fixture(scope="session")
def picture(version: LoadedVersion, digits: Digits) -> Callable[[int], tuple[bytes, ...]]:
    """Held-out picture n as input tensors."""
    return lambda number=0: version.parse_inputs([digits.picture(number).tolist()])


@dataclass
class Host:
    """A staked operator with a node that is not running: tests call `node.tick()` and `node.infer()` themselves."""

    operator: Sender
    key: LocalAccount
    node: Node
    port: int

    @property
    def address(self) -> str:
        return self.operator.address

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Real HTTP at the operator's endpoint."""
        server = uvicorn.Server(uvicorn.Config(create_app(self.node), port=self.port, log_level="error"))
        thread = threading.Thread(target=server.run)
        thread.start()
        until = time.monotonic() + 30
        while not server.started and time.monotonic() < until:
            time.sleep(0.01)
        try:
            assert server.started, f"nothing listens at {self.url}"
            yield self.url
        finally:
            server.should_exit = True
            thread.join()


def make_host(
    stage: Stage,
    data: Path,
    price: int = 0,
    executor: Executor | None = None,
    kind: type[Node] = Node,
    chain: Chain | None = None,
    **policy: Any,
) -> Host:
    """A staked operator with a node. `price` in wei; `executor` and `kind` other than the honest ones; `chain` another way to it."""
    key, port = stage.local.account(), free_port()
    url = f"http://127.0.0.1:{port}"
    operator = stage.operator(STAKE, key, url)
    operator.send("Inference", "offer", stage.version_id, OPG)
    versions = {stage.version_id: load_version(stage.chain, stage.version_id, DIGITS, executor)}
    chain = chain or stage.chain
    chosen = Policy(price=price, endpoint=url, **policy)
    node = kind(chain, Sender(chain, key), operator.address, versions, Store(data), chosen)
    return Host(operator, key, node, port)


@pytest.fixture
def host(stage: Stage, tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Makes hosts, see `make_host`."""
    made: list[Host] = []

    def make(**options: Any) -> Host:
        made.append(make_host(stage, tmp_path / f"node-{len(made)}.sqlite", **options))
        return made[-1]

    yield make
    for each in made:
        each.node.store.close()


def create(sender: Sender, name: str, *arguments: Any) -> str:
    """Deploys one contract; its address."""
    made = artifact(name)
    factory = sender.chain.w3.eth.contract(abi=made.abi, bytecode="0x" + made.bytecode)
    return str(sender.transact(factory.constructor(*arguments), f"create {name}").receipt["contractAddress"])


@pytest.fixture
def user(stage: Stage) -> Sender:
    """Somebody with 100 OPG."""
    return stage.person(opg=100)


def channel(user: Sender, host: Host, opg: int = 10) -> None:
    """A deposit of the user for the host."""
    actions.open_channel(user, host.address, opg * OPG)
