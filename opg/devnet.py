"""A private chain to try everything on: the contracts deployed, and people with OPG whose keys are in encrypted keystores.

export OPG_PASSWORD=devnet
opg devnet start && source .opg/devnet/env
OPG_KEYSTORE=$KEYS/owner.json opg model register digits
opg devnet stop
"""

from __future__ import annotations

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from opg.chain import Chain, Sender
from opg.chain.deploying import LOCAL, OPG, SUPPLY
from opg.chain.local import LocalChain
from opg.deploy import Network, deploy, plan_of
from opg.errors import BadInput, NoKey

PEOPLE = {
    "holder": 900_000_000,
    "guardian": 0,
    "owner": 0,
    "operator": 2_000,
    "serving": 0,
    "user": 1_000,
    "challenger": 1_000,
}
KDF_ROUNDS = 4_096  # these keys hold nothing of worth; opening a keystore should not take a second each time


@dataclass(frozen=True)
class Devnet:
    """What `start` made, and what `stop` needs."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state.json"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    def start(self, port: int, block_seconds: int | None) -> dict[str, LocalAccount]:
        """Starts the node in the background and deploys. Gives the people, who have ether and OPG.

        Raises `BadInput` when one runs already or the port is taken, `NoKey` without `$OPG_PASSWORD`.
        """
        password = os.environ.get("OPG_PASSWORD")
        if not password:
            raise NoKey("the keystores need a password", "choose one: export OPG_PASSWORD=devnet")
        if self.running() is not None:
            raise BadInput(f"a devnet runs already in {self.folder}", "use it, or end it first: opg devnet stop")
        self.folder.mkdir(parents=True, exist_ok=True)
        with LocalChain(block_seconds=block_seconds, port=port) as local:
            people = self._populate(local)
            for name, account in people.items():
                keystore = Account.encrypt(account.key, password, kdf="pbkdf2", iterations=KDF_ROUNDS)
                (self.folder / f"{name}.json").write_text(json.dumps(keystore))
            names = "".join(f"export {_variable(name)}={account.address}\n" for name, account in people.items())
            (self.folder / "env").write_text(
                f"export OPG_RPC={local.url}\nexport OPG_MANIFEST={self.manifest.resolve()}\n"
                f"export KEYS={self.folder.resolve()}\n{names}"
            )
            self.state.write_text(json.dumps({"pid": local.process.pid, "url": local.url}))
            local.detach()
        return people

    def stop(self) -> None:
        """Ends the node and forgets the keys. Raises `BadInput` when none runs."""
        pid = self.running()
        if pid is None:
            raise BadInput(f"no devnet runs in {self.folder}", "start one: opg devnet start")
        os.killpg(pid, signal.SIGTERM)
        for name in (*(f"{name}.json" for name in PEOPLE), "env", "state.json", "manifest.json"):
            (self.folder / name).unlink(missing_ok=True)

    def running(self) -> int | None:
        """The process of the node; None when there is none, or its number belongs to another program by now."""
        try:
            pid = int(json.loads(self.state.read_text())["pid"])
            return pid if b"anvil" in Path(f"/proc/{pid}/cmdline").read_bytes() else None
        except (OSError, ValueError, KeyError):
            return None

    def advance(self, seconds: int) -> int:
        """Lets seconds pass on the chain; gives its new time. Raises `BadInput` when none runs."""
        if self.running() is None:
            raise BadInput(f"no devnet runs in {self.folder}", "start one: opg devnet start")
        chain = Chain(json.loads(self.state.read_text())["url"])
        then = chain.now() + seconds
        for method, parameters in (("evm_setNextBlockTimestamp", [then]), ("evm_mine", [])):
            chain.w3.provider.make_request(method, parameters)  # type: ignore[arg-type]
        return then

    def _populate(self, local: LocalChain) -> dict[str, LocalAccount]:
        people = {name: local.account() for name in PEOPLE}
        holder, deployer = people["holder"], local.account()
        allocations = {holder.address: sum(PEOPLE.values()) * OPG}
        allocations["OPGTimelock"] = SUPPLY - sum(allocations.values())
        network = Network("devnet", local.chain.id, people["guardian"].address, allocations, parameters=LOCAL)
        made = deploy(local.chain, deployer, plan_of(network))
        made.save(self.manifest)
        local.chain.deployment = made
        bank = Sender(local.chain, holder)
        for name, opg in PEOPLE.items():
            if opg and name != "holder":
                bank.send("OPG", "transfer", people[name].address, opg * OPG)
        return people


def _variable(name: str) -> str:
    """Of the environment. USER is the shell's own: who is logged in."""
    return "OPG_USER" if name == "user" else name.upper()
