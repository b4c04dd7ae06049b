"""A small world on a private chain, for the demo and the tests: contracts, people with OPG, a model."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from eth_account.signers.local import LocalAccount

from opg import actions
from opg.chain.deploying import LOCAL, OPG, SUPPLY, Parameters
from opg.chain.local import LocalChain
from opg.chain.sender import Sender, Sent
from opg.deploy import Network, deploy, plan_of
from opg.tensor import Compiled
from opg.versions import compile_file

MODELS = Path(__file__).resolve().parents[1] / "opg" / "models"
DIGITS = MODELS / "digits.onnx"
BINDINGS = "batch=1"
PIXEL_MAX = 16.0


@dataclass
class Digits:
    """Held-out pictures of handwritten digits, 8 × 8 pixels from 0 to 16, and what they show."""

    images: np.ndarray
    labels: np.ndarray

    @classmethod
    def load(cls) -> Digits:
        data = np.load(MODELS / "digits-heldout.npz")
        return cls(data["images"], data["labels"])

    def picture(self, index: int) -> np.ndarray:
        """As the model takes it: float32 [1, 64], 0 to 1."""
        return (self.images[index].astype(np.float32) / np.float32(PIXEL_MAX)).reshape(1, -1)


class Stage:
    """Contracts on a local chain and accounts to act with. `bank` holds all OPG in the beginning."""

    def __init__(self, local: LocalChain, parameters: Parameters = LOCAL) -> None:
        self.local = local
        self.chain = local.chain
        self.log: list[Sent] = []
        self.deployer, self.bank, self.treasury, self.guardian = (self.person(opg=0) for _ in range(4))
        self.network = Network(
            "stage",
            self.chain.id,
            self.guardian.address,
            {self.bank.address: SUPPLY},
            self.treasury.address,
            parameters,
        )
        self.deployment = deploy(self.chain, self.deployer.account, plan_of(self.network))

    def person(self, opg: int = 0) -> Sender:
        """A new account with ether and so many OPG."""
        made = Sender(self.chain, self.local.account())
        made.log = self.log  # one list of all transactions, in order
        if opg:
            self.pay(made.address, opg)
        return made

    def pay(self, to: str, opg: int) -> None:
        """OPG out of the bank."""
        self.bank.send("OPG", "transfer", to, opg * OPG, label="OPG.transfer")

    @cached_property
    def compiled(self) -> Compiled:
        """The digits model."""
        return compile_file(DIGITS, BINDINGS)

    def publish(
        self, owner: Sender, name: str = "digits", fee_bps: int = 1_000, model: Path = DIGITS, bindings: str = BINDINGS
    ) -> int:
        """Registers a model and publishes it; gives the version's number."""
        self.owner = owner
        model_id = actions.register_model(owner, name, fee_bps)
        compiled = self.compiled if model == DIGITS else compile_file(model, bindings)
        self.version_id = actions.publish(owner, model_id, compiled, model.name)
        return self.version_id

    def operator(self, stake: int, key: LocalAccount, endpoint: str, opg: int | None = None) -> Sender:
        """A new operator with a serving key and so many OPG staked."""
        made = self.person(opg if opg is not None else stake)
        made.send("Staking", "register", key.address, endpoint)
        actions.stake(made, stake * OPG)
        return made

    def balance(self, address: str) -> int:
        """Wei of OPG."""
        return int(self.chain.read("OPG", "balanceOf", address))
