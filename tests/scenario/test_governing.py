"""A whole proposal's life by commands, on a chain that behaves like a live one, and on another client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from opg.chain import Chain, Deployment, Sender, artifact
from opg.chain.artifacts import role_id
from opg.chain.deploying import LOCAL, OPG
from opg.chain.local import LocalChain, free_port, stop_process
from opg.deploy.proxy import PROXY, created_at
from opg.governance.terms import Vesting
from opg.governance.vesting import wallet_address
from tests.scenario.test_deploying import CHAIN_ID, wait_for
from tests.scenario.test_docs import ROOT

SECONDS = 300
ETHER = 10**18
TRANSFER_GAS = 21_000
BOB, EVE = (to_checksum_address("0x" + byte * 20) for byte in ("b0", "e0"))
START, YEAR = 1_800_000_000, 31_536_000
NETWORK = """
chain_id: {chain_id}
rpc: OPG_RPC
guardian: "{guardian}"
preset: local
allocations:
  "{holder}": 500_000_000 OPG
  OPGTimelock: rest
"""
PROPOSAL = '''"""A new season

Everything that votes can do, at once.

1. Lock 50 OPG of the operator for a request
2. Pay 500 OPG to {bob}
3. Pay 100 OPG to {eve} over 365 days
4. Let the module {module} slash
5. Let the module {module} dispute
6. Make {bob} the guardian
"""

from opg.governance import Guardian, Inference, Staking, days, give_role, grant, set_, stream, tokens

ACTIONS = [
    ("Lock 50 OPG of the operator for a request", set_(Inference.collateral, tokens(50))),
    ("Pay 500 OPG to {bob}", grant("{bob}", tokens(500))),
    ("Pay 100 OPG to {eve} over 365 days", stream("{eve}", tokens(100), {start}, days(365))),
    ("Let the module {module} slash", give_role(Staking, "SLASHER_ROLE", "{module}")),
    ("Let the module {module} dispute", give_role(Inference, "DISPUTER_ROLE", "{module}")),
    ("Make {bob} the guardian", Guardian.setGuardian("{bob}")),
]
'''


@dataclass
class Place:
    """A chain, who has ether on it, and a folder to type commands in."""

    url: str
    rich: LocalAccount
    folder: Path

    def opg(self, *arguments: str, key: LocalAccount) -> str:
        """Types a command; what it says."""
        bare = {name: value for name, value in os.environ.items() if not name.startswith("OPG_")}
        given = bare | {"OPG_RPC": self.url, "OPG_PRIVATE_KEY": key.key.hex(), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [Path(sys.executable).parent / "opg", *arguments],
            cwd=self.folder, env=given, capture_output=True, text=True, timeout=SECONDS,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def pass_time(self, chain: Chain, seconds: int) -> None:
        """So many seconds on, and a block that knows."""
        then = chain.block("latest")["timestamp"] + seconds
        chain.w3.provider.make_request("evm_increaseTime", [seconds])  # type: ignore[arg-type]
        until = time.monotonic() + SECONDS
        while chain.block("latest")["timestamp"] < then:
            assert time.monotonic() < until
            time.sleep(0.1)

    def give_ether(self, chain: Chain, to: str) -> None:
        eth = chain.w3.eth
        signed = self.rich.sign_transaction(
            {
                "to": to, "value": ETHER, "gas": TRANSFER_GAS, "nonce": eth.get_transaction_count(self.rich.address),
                "maxFeePerGas": 10**10, "maxPriorityFeePerGas": 10**9, "chainId": CHAIN_ID, "data": b"",
            }
        )  # fmt: skip
        eth.wait_for_transaction_receipt(eth.send_raw_transaction(signed.raw_transaction))


@pytest.fixture(params=["live-like", "py-evm"])
def place(request, tmp_path) -> Iterator[Place]:
    """A block a second, EIP-1559 fees, Base Sepolia's id, no account unlocked for us; on two implementations."""
    rich = Account.create()
    if request.param == "live-like":
        with LocalChain(CHAIN_ID, 1, "--disable-default-create2-deployer") as local:
            local.rpc("anvil_setBalance", rich.address, hex(1_000 * ETHER))
            yield Place(local.url, rich, tmp_path)
        return
    port = free_port()
    command = [sys.executable, "-m", "tests.second_client", str(port), str(CHAIN_ID), rich.address]
    client = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
    try:
        wait_for(f"http://127.0.0.1:{port}", client)
        yield Place(f"http://127.0.0.1:{port}", rich, tmp_path)
    finally:
        stop_process(client)


def test_votes_change_a_parameter_pay_grants_let_a_module_in_and_replace_the_guardian(place):
    holder, chain = Account.create(), Chain(place.url)
    network = place.folder / "season.yaml"
    network.write_text(NETWORK.format(chain_id=CHAIN_ID, guardian=EVE, holder=holder.address))
    place.opg("deploy", str(network), key=place.rich)
    place.give_ether(chain, holder.address)
    chain.deployment = Deployment.load(place.folder / "deployments" / str(CHAIN_ID) / "manifest.json")
    parts = [chain.deployment.address(name) for name in ("OPG", "Models", "Staking", "Inference", "Referee")]
    stricter = replace(LOCAL, bond=2 * LOCAL.bond)
    made = artifact("Disputes")
    factory = chain.w3.eth.contract(abi=made.abi, bytecode="0x" + made.bytecode)
    code = bytes.fromhex(str(factory.constructor(*parts, stricter.disputes()).data_in_transaction)[2:])
    Sender(chain, holder).send_data(PROXY, bytes(32) + code, "another Disputes")
    module = created_at(bytes(32), code)
    assert chain.has_code(module)
    path = place.folder / "2026_11_21_a_new_season.py"
    path.write_text(PROPOSAL.format(bob=BOB, eve=EVE, module=module, start=START))

    def say(*arguments: str) -> str:
        return place.opg(*arguments, key=holder)

    say("delegate", holder.address)
    place.pass_time(chain, 2)
    assert "voting begins" in say("proposal", "submit", path.name)
    place.pass_time(chain, 61)
    signed = place.folder / "vote.json"
    signed.write_text(say("proposal", "sign-vote", path.name, "for", "--reason", "why not"))
    assert "for: 500,000,000 votes" in place.opg("proposal", "cast-vote", signed.name, key=place.rich)
    assert "active; voting ends" in say("proposal", "show", path.name)
    place.pass_time(chain, 601)
    assert "it can be executed" in say("proposal", "queue", path.name)
    place.pass_time(chain, 601)
    assert "executed in 0x" in say("proposal", "execute", path.name)
    assert "A new season" in say("proposal", "list")

    assert chain.read("Inference", "collateral") == 50 * OPG
    assert chain.read("OPG", "balanceOf", BOB) == 500 * OPG
    assert chain.read("OPG", "balanceOf", wallet_address(Vesting(EVE, START, YEAR))) == 100 * OPG
    assert chain.read("Staking", "hasRole", role_id("SLASHER_ROLE"), module)
    assert chain.read("Inference", "hasRole", role_id("DISPUTER_ROLE"), module)
    assert chain.read("Guardian", "guardian") == BOB
    manifest = json.loads((place.folder / "deployments" / str(CHAIN_ID) / "manifest.json").read_text())
    assert module not in manifest["addresses"].values()
