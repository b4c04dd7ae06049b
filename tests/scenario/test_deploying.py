"""Deploying as people do: by the page, with commands, on a chain that behaves like a live one; and on another client."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from eth_account import Account

from opg.chain import Chain
from opg.chain.local import LocalChain, free_port, stop_process
from opg.deploy import Network, plan_of
from opg.errors import ChainUnreachable
from tests.scenario.test_docs import ROOT, commands, here

PAGE = "docs/deploying.md"
CHAIN_ID = 84532
PASSWORD = "correct horse battery staple"
PUBLIC_NODE = "https://sepolia.base.org"
PEOPLE = {"OPG_GUARDIAN": "0x" + "11" * 20, "OPG_HOLDER": "0x" + "22" * 20}
SECONDS = 600
START_SECONDS = 240


def environment(url: str) -> dict[str, str]:
    """Of a fresh shell with the checkout's tools; explorers cannot be reached from it."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith(("OPG_", "ETHERSCAN", "BASE_"))}
    path = f"{Path(sys.executable).parent}:{bare['PATH']}"
    nowhere = f"http://127.0.0.1:{free_port()}"
    return bare | PEOPLE | {"PATH": path, "PYTHONPATH": str(ROOT), "BASE_SEPOLIA_RPC": url, "HTTPS_PROXY": nowhere}


@pytest.fixture
def network(monkeypatch) -> Network:
    for name, value in PEOPLE.items():
        monkeypatch.setenv(name, value)
    return Network.load("base-sepolia")


@pytest.fixture
def live_like() -> Iterator[LocalChain]:
    """A block a second, the id of Base Sepolia, fees by EIP-1559, and not even the CREATE2 proxy."""
    with LocalChain(CHAIN_ID, 1, "--disable-default-create2-deployer") as local:
        yield local


def make_keystore(folder: Path) -> str:
    """As the page says: gives the address."""
    done = subprocess.run(
        [Path(sys.executable).parent / "opg", "new-key", "deployer.json"],
        cwd=folder, env=environment("") | {"OPG_PASSWORD": PASSWORD}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()[0]


def kill_after(transactions: int, local: LocalChain, deployer: str, folder: Path) -> None:
    """Starts a deployment and kills its process, without a warning, once so many transactions are in blocks."""
    given = environment(local.url) | {"OPG_PASSWORD": PASSWORD, "OPG_KEYSTORE": "deployer.json"}
    running = subprocess.Popen(
        [Path(sys.executable).parent / "opg", "deploy", "base-sepolia"],
        cwd=folder, env=given, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until = time.monotonic() + START_SECONDS
    while local.chain.w3.eth.get_transaction_count(deployer) < transactions:
        assert running.poll() is None and time.monotonic() < until, "it ended by itself"
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()


def test_page_deploys_also_what_was_killed_on_the_way(live_like, network, tmp_path):
    script = commands(PAGE).replace(PUBLIC_NODE, live_like.url).replace("opg new-key deployer.json", "true")
    script = script.replace("make deploy", "make --no-print-directory -o compile deploy")  # compiled it is already
    script = here(tmp_path, script)
    deployer = make_keystore(tmp_path)
    live_like.rpc("anvil_setBalance", deployer, hex(10**18))
    for transactions in (3, 8):
        kill_after(transactions, live_like, deployer, tmp_path)

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path, env=environment(live_like.url), capture_output=True, text=True, timeout=SECONDS,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    for words in ("create Disputes", f"the deployer {deployer} holds no role", "ETHERSCAN_API_KEY", "sourcify Genesis"):
        assert words in told, told
    assert told.count(" 0 differences") == 2
    assert "Traceback" not in told
    plan = plan_of(network)
    assert live_like.chain.w3.eth.get_transaction_count(deployer) == 2 + len(plan.steps)
    manifest = json.loads((tmp_path / "deployments" / str(CHAIN_ID) / "manifest.json").read_text())
    assert manifest["addresses"] == plan.addresses
    assert len(manifest["record"]["transactions"]) == 1 + len(plan.steps)
    sources = {path.stem for path in (tmp_path / "deployments" / str(CHAIN_ID) / "sources").glob("*.json")}
    assert sources == set(plan.addresses)


def test_second_client_takes_the_same_deployment(network, tmp_path):
    deployer = Account.create()
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.second_client", str(port), str(CHAIN_ID), deployer.address],
        cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(url, client)
        given = environment(url) | {"OPG_PRIVATE_KEY": deployer.key.hex(), "COLUMNS": "200"}
        for command in (["deploy", "base-sepolia"], ["verify-deployment", "base-sepolia", "--differences"]):
            done = subprocess.run(
                [Path(sys.executable).parent / "opg", *command],
                cwd=tmp_path, env=given, capture_output=True, text=True, timeout=SECONDS,
            )  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
        assert " 0 differences" in done.stdout
        manifest = json.loads((tmp_path / "deployments" / str(CHAIN_ID) / "manifest.json").read_text())
        assert manifest["addresses"] == plan_of(network).addresses
        assert Chain(url).w3.client_version == "py-evm"
    finally:
        stop_process(client)


def wait_for(url: str, process: subprocess.Popen) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            Chain(url)
            return
        except ChainUnreachable:
            assert process.poll() is None, "py-evm is not installed: run make setup"
            assert time.monotonic() < until
            time.sleep(0.1)
