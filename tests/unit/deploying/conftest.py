"""A chain with the id of Base Sepolia, the plan for it, and that plan deployed once for all tests that look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from opg.chain import Deployment
from opg.chain.deploying import LOCAL, OPG, SUPPLY
from opg.chain.local import LocalChain
from opg.deploy import Network, Plan, Runner, plan_of
from opg.deploy.rehearsal import Rehearsal, rehearse
from tests.unit.cli.conftest import typed

CHAIN_ID = 84532
GUARDIAN = Account.from_key("0x" + "6a" * 32).address
HOLDER = Account.from_key("0x" + "40" * 32)
SHARE = 200_000_000 * OPG
NETWORK = Network(
    "sea", CHAIN_ID, GUARDIAN, {HOLDER.address: SHARE, "OPGTimelock": SUPPLY - SHARE}, parameters=LOCAL, rpc="SEA_RPC"
)


@dataclass(frozen=True)
class Deployed:
    """The plan, on a chain."""

    local: LocalChain
    plan: Plan
    rehearsal: Rehearsal
    deployer: LocalAccount
    deployment: Deployment

    def act(self, who: str, contract: str, function: str, *arguments: Any) -> None:
        """A transaction of whoever: anvil lets us be anybody, also the timelock."""
        call = self.local.chain.contract(contract).functions[function](*arguments)
        self.local.rpc("anvil_setBalance", who, hex(10**20))
        self.local.rpc("anvil_impersonateAccount", who)
        self.local.chain.w3.eth.wait_for_transaction_receipt(call.transact({"from": who}))
        self.local.rpc("anvil_stopImpersonatingAccount", who)


@pytest.fixture(scope="session")
def plan() -> Plan:
    return plan_of(NETWORK)


@pytest.fixture(scope="session")
def rehearsal(plan: Plan) -> Rehearsal:
    return rehearse(plan)


@pytest.fixture(scope="session")
def sea() -> Iterator[LocalChain]:
    with LocalChain(CHAIN_ID) as local:
        yield local


@pytest.fixture(scope="session")
def deployed_once(sea: LocalChain, plan: Plan, rehearsal: Rehearsal) -> Deployed:
    deployer = sea.account()
    deployment = Runner(sea.chain, deployer, plan, gas=rehearsal.gas).run()
    sea.chain.deployment = deployment
    return Deployed(sea, plan, rehearsal, deployer, deployment)


@pytest.fixture
def deployed(deployed_once: Deployed) -> Iterator[Deployed]:
    """Brought back after each test."""
    with deployed_once.local.restored():
        yield deployed_once
        deployed_once.local.chain.deployment = deployed_once.deployment


@pytest.fixture
def empty_sea() -> Iterator[LocalChain]:
    """A chain of one's own, without even the CREATE2 proxy."""
    with LocalChain(CHAIN_ID, None, "--disable-default-create2-deployer") as local:
        yield local


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """`cli("deploy", "sea")` gives exit code, output and errors; `sea.yaml` lies where it runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "250")
    for name in ("OPG_PRIVATE_KEY", "OPG_PASSWORD", "OPG_KEYSTORE", "SEA_RPC", "ETHERSCAN_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "networks").mkdir()
    (tmp_path / "networks" / "sea.yaml").write_text(SEA_YAML)

    def run(*arguments: str) -> tuple[int, str, str]:
        return typed(capsys, *arguments)

    return run


SEA_YAML = f"""
chain_id: {CHAIN_ID}
rpc: SEA_RPC
guardian: "{GUARDIAN}"
preset: local
allocations:
  "{HOLDER.address}": 200_000_000 OPG
  OPGTimelock: rest
"""


def with_parameters(**changes: int) -> Network:
    """The network, with other parameters."""
    return replace(NETWORK, parameters=replace(LOCAL, **changes))
