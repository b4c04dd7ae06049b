"""A deployment from the first check to the manifest."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from typing import Any

from eth_account.signers.local import LocalAccount

from opg.chain.artifacts import artifact
from opg.chain.connection import Chain
from opg.chain.deployment import Deployment
from opg.deploy.history import history
from opg.deploy.network import Network
from opg.deploy.plan import GENESIS, Plan, plan_of
from opg.deploy.reading import read_code
from opg.deploy.rehearsal import Rehearsal, rehearse
from opg.deploy.runner import Cost, Runner
from opg.deploy.sources import compiler_version, identifier, source_hash, standard_json
from opg.deploy.verify import Check, verify
from opg.errors import BadNetwork, DeploymentStuck, NotDeployed, WrongChain
from opg.words import origin

Show = Callable[[list[Cost]], None]


class Release:
    """One network's deployment. Making it rehearses on a private chain; nothing is sent before `run`.

    Raises `WrongChain` and `BadNetwork`; what the contracts would refuse is refused here.
    """

    def __init__(
        self, network: Network, chain: Chain, account: LocalAccount, folder: Path, say: Callable[[str], None]
    ) -> None:
        check_chain(network, chain)
        if network.guardian == account.address:
            raise BadNetwork(
                f"{network.name}: the guardian is the deployer, which has to end without any power",
                "name another guardian, or deploy with another key",
            )
        self.network, self.chain, self.folder = network, chain, folder / str(chain.id)
        self.plan: Plan = plan_of(network)
        self.rehearsal: Rehearsal = rehearse(self.plan)
        journal = self.folder / f"journal-{self.plan.addresses[GENESIS]}.jsonl"
        self.account, self.say = account, say
        self.runner = Runner(chain, account, self.plan, journal, self.rehearsal.gas, say)

    def costs(self) -> list[Cost]:
        """Of what is still to be sent."""
        return self.runner.costs()

    def check_funds(self) -> None:
        """Raises `Underfunded`."""
        self.runner.check_funds()

    def run(self) -> tuple[Deployment, list[Check]]:
        """Sends what is missing, verifies everything, writes the manifest and the sources.

        Raises `DeploymentStuck` when the chain does not hold what it should; then there is no manifest.
        """
        self.check_funds()
        deployment = self.runner.run(self.network.confirmations)
        checks = verify_plan(self.chain, self.plan, rehearsal=self.rehearsal, suspects=[self.account.address])
        if wrong := [check for check in checks if not check.ok]:
            raise DeploymentStuck(
                f"{wrong[0].name}: expected {wrong[0].expected}, found {wrong[0].found}; {len(wrong)} differences",
                "don't use it; see them all: opg verify-deployment " + self.network.name,
            )
        deployment = replace(deployment, record=self.record(deployment))
        self._put_aside()
        self.write_sources()
        deployment.save(self.manifest)
        return deployment, checks

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    def _put_aside(self) -> None:
        """Keeps the manifest and the sources of another deployment on this chain: only the manifest names that one's contracts."""
        try:
            there = json.loads(self.manifest.read_text())["addresses"][GENESIS]
        except FileNotFoundError:
            return
        except (ValueError, KeyError, TypeError):
            there = "unreadable"
        if there == self.plan.addresses[GENESIS]:
            return
        for name in ("manifest.json", "sources"):
            if (path := self.folder / name).exists():
                kept = path.with_stem(f"{path.stem}-{there}")
                if kept.is_dir():
                    rmtree(kept)
                path.replace(kept)
                self.say(f"{path} was of another deployment: it is {kept} now")

    def record(self, deployment: Deployment) -> dict[str, Any]:
        """All that the manifest says beside addresses and parameters."""
        past = history(self.chain, self.plan.addresses[GENESIS], len(self.plan.steps))
        transactions = dict(zip((step.label for step in self.plan.steps), past.transactions, strict=True))
        created = self.runner.hash_of(f"create {GENESIS}")
        return self.network.record() | {
            "transactions": ({f"create {GENESIS}": created} if created else {}) | transactions,
            "compiler": compiler_version(GENESIS),
            "settings": standard_json(GENESIS)["settings"],
            "contracts": {name: self._contract(name) for name in self.plan.addresses},
        }

    def _contract(self, name: str) -> dict[str, Any]:
        return {
            "source": identifier(name),
            "sourceHash": source_hash(name),
            "arguments": "0x" + self.plan.encoded_arguments(name).hex(),
            "abi": artifact(name).abi,
        }

    def write_sources(self) -> None:
        """Standard JSON for explorers, one file a contract."""
        folder = self.folder / "sources"
        folder.mkdir(parents=True, exist_ok=True)
        for name in self.plan.addresses:
            (folder / f"{name}.json").write_text(json.dumps(standard_json(name), indent=1, sort_keys=True) + "\n")


def verify_plan(
    chain: Chain,
    plan: Plan,
    claimed: Deployment | None = None,
    rehearsal: Rehearsal | None = None,
    suspects: list[str] | None = None,
) -> list[Check]:
    """`verify`, with what the chain tells about the deployment: where it began, and who sent it.

    Raises `NotDeployed` when nothing is there and nobody claims anything.
    """
    addresses = claimed.addresses if claimed else plan.addresses
    if not claimed and not read_code(chain, plan.addresses[GENESIS]):
        raise NotDeployed(
            f"chain {chain.id} has no deployment of this source with these parameters: "
            f"its {GENESIS} would be at {plan.addresses[GENESIS]}",
            "check out the source that was deployed, name the manifest, or deploy",
        )
    past = history(chain, addresses.get(GENESIS, plan.addresses[GENESIS]), len(plan.steps))
    senders = {str(chain.rpc(lambda h=h: chain.w3.eth.get_transaction(h))["from"]) for h in past.transactions}
    block = min(past.block, claimed.block) if claimed else past.block
    return verify(chain, plan, addresses, block, [*senders, *(suspects or [])], rehearsal)


def check_chain(network: Network, chain: Chain) -> None:
    """Raises `WrongChain`."""
    if chain.id != network.chain_id:
        raise WrongChain(
            f"{origin(chain.url)} serves chain {chain.id}; {network.name} is chain {network.chain_id}",
            f"put another node's URL into {network.rpc}",
        )
