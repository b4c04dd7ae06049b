"""Brownie on a real anvil node of its own: never the port of somebody else, never another chain."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from opg.chain.local import LocalChain

ROOT = Path(__file__).resolve().parents[2]
CHAIN_ID = 31337


@pytest.fixture(scope="session")
def local() -> Iterator[LocalChain]:
    with LocalChain(CHAIN_ID) as local:
        yield local


@pytest.fixture(scope="session")
def contracts(local: LocalChain) -> Iterator[Any]:
    """This project in Brownie, connected: `contracts.Staking`, and so on."""
    from brownie import chain, network, project
    from brownie._config import CONFIG

    CONFIG.networks["development"]["host"] = local.url
    network.connect("development", launch_rpc=False)
    network.max_fee("10 gwei")
    network.priority_fee("1 gwei")
    assert chain.id == CHAIN_ID, "Brownie never checks which chain it talks to"
    loaded = project.load(ROOT, name="Opg")
    yield loaded
    loaded.close(raises=False)
    network.disconnect(kill_rpc=False)


@pytest.fixture(autouse=True)
def undone(local: LocalChain) -> Iterator[None]:
    """Every test leaves the chain as it was, and Brownie without memories: it waits for ever for a nonce that was undone."""
    from brownie import history

    with local.restored():
        yield
    history.clear()
