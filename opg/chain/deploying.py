"""Deploying and wiring all contracts, in order. What `scripts/deploy.py` and `opg deploy` do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from opg.chain.artifacts import artifact
from opg.chain.connection import Chain
from opg.chain.deployment import Deployment
from opg.chain.sender import Sender
from opg.errors import OPGError

OPG = 10**18
MINUTE, HOUR, DAY = 60, 3_600, 86_400
ADMIN_ROLE = bytes(32)


@dataclass(frozen=True)
class Parameters:
    """What the contracts are made with; none of it can change afterwards. Amounts in wei of OPG, times in
    seconds.
    """

    min_stake: int = 1_000 * OPG
    thawing_seconds: int = 7 * DAY
    burn_bps: int = 5_000
    window_seconds: int = DAY
    min_response_seconds: int = 5 * MINUTE
    max_response_seconds: int = 7 * DAY
    collateral: int = 100 * OPG
    max_callback_gas: int = 1_000_000
    protocol_fee_bps: int = 300
    bond: int = 50 * OPG
    penalty: int = 500 * OPG
    clock_seconds: int = DAY
    move_seconds: int = HOUR
    close_seconds: int = DAY

    def inference(self, treasury: str) -> tuple[Any, ...]:
        """`InferenceParams`."""
        return (
            self.window_seconds,
            self.min_response_seconds,
            self.max_response_seconds,
            self.collateral,
            self.max_callback_gas,
            self.protocol_fee_bps,
            treasury,
        )

    def disputes(self) -> tuple[int, ...]:
        """`DisputeParams`."""
        return (self.bond, self.penalty, self.clock_seconds, self.move_seconds)


TESTNET = Parameters()
LOCAL = Parameters(
    thawing_seconds=HOUR,
    window_seconds=10 * MINUTE,
    min_response_seconds=10,
    max_response_seconds=DAY,
    clock_seconds=10 * MINUTE,
    move_seconds=MINUTE,
    close_seconds=HOUR,
)
PRESETS = {"local": LOCAL, "testnet": TESTNET}


class Deployer(Protocol):
    """Whatever can send transactions: a `Sender`, or Brownie's account in tests."""

    address: str
    chain_id: int
    block: int

    def create(self, name: str, *arguments: Any) -> str:
        """Deploys a contract; gives its address."""

    def send(self, name: str, address: str, function: str, *arguments: Any) -> None:
        """Sends a call to a deployed contract."""

    def read(self, name: str, address: str, function: str, *arguments: Any) -> Any:
        """Calls a view of a deployed contract."""


class Web3Deployer:
    """Deploys through web3 with a local key."""

    def __init__(self, chain: Chain, sender: Sender) -> None:
        self.chain, self.sender = chain, sender
        self.address, self.chain_id, self.block = sender.address, chain.id, chain.head()

    def create(self, name: str, *arguments: Any) -> str:
        made = artifact(name)
        factory = self.chain.w3.eth.contract(abi=made.abi, bytecode="0x" + made.bytecode)
        sent = self.sender.transact(factory.constructor(*arguments), f"deploy {name}")
        return str(sent.receipt["contractAddress"])

    def send(self, name: str, address: str, function: str, *arguments: Any) -> None:
        self.sender.transact(self._at(name, address).functions[function](*arguments), f"{name}.{function}")

    def read(self, name: str, address: str, function: str, *arguments: Any) -> Any:
        return self.chain.call(self._at(name, address).functions[function](*arguments), f"{name}.{function}")

    def _at(self, name: str, address: str) -> Any:
        return self.chain.w3.eth.contract(address=address, abi=artifact(name).abi)  # type: ignore[call-overload]


def deploy(
    deployer: Deployer, parameters: Parameters, holder: str, treasury: str, admin: str | None = None
) -> Deployment:
    """Deploys everything and wires it.

    `holder` gets the whole supply of OPG, `treasury` the protocol's part of fees. The admin role, which can
    let in new modules, goes to `admin`, or to nobody when that is None. The deployer keeps nothing; that is
    checked.
    """
    me = deployer.address
    at: dict[str, str] = {}
    at["OPG"] = deployer.create("OPG", holder)
    at["Models"] = deployer.create("Models")
    at["Staking"] = deployer.create(
        "Staking", at["OPG"], me, parameters.min_stake, parameters.thawing_seconds, parameters.burn_bps
    )
    at["Inference"] = deployer.create(
        "Inference", at["OPG"], at["Models"], at["Staking"], me, parameters.inference(treasury)
    )
    at["Channels"] = deployer.create(
        "Channels",
        at["OPG"],
        at["Models"],
        at["Staking"],
        treasury,
        parameters.protocol_fee_bps,
        parameters.close_seconds,
    )
    at["Referee"] = deployer.create("Referee")
    parts = (at["OPG"], at["Models"], at["Staking"], at["Inference"], at["Referee"])
    at["Disputes"] = deployer.create("Disputes", *parts, parameters.disputes())

    grants = [
        ("Staking", "SLASHER_ROLE", "Disputes"),
        ("Staking", "SLASHER_ROLE", "Inference"),
        ("Staking", "LOCKER_ROLE", "Inference"),
        ("Inference", "DISPUTER_ROLE", "Disputes"),
    ]
    for contract, role, module in grants:
        role_id = deployer.read(contract, at[contract], role)
        deployer.send(contract, at[contract], "grantRole", role_id, at[module])
    for contract in ("Staking", "Inference"):
        if admin is not None and admin != me:
            deployer.send(contract, at[contract], "grantRole", ADMIN_ROLE, admin)
        deployer.send(contract, at[contract], "renounceRole", ADMIN_ROLE, me)

    for contract, role, module in grants:
        role_id = deployer.read(contract, at[contract], role)
        _expect(deployer.read(contract, at[contract], "hasRole", role_id, at[module]), f"{module} has {role}")
        _expect(not deployer.read(contract, at[contract], "hasRole", role_id, me), f"the deployer has no {role}")
    for contract in ("Staking", "Inference"):
        held = deployer.read(contract, at[contract], "hasRole", ADMIN_ROLE, me)
        _expect(not held, f"the deployer is no admin of {contract}")
        if admin is not None:
            held = deployer.read(contract, at[contract], "hasRole", ADMIN_ROLE, admin)
            _expect(held, f"{admin} is admin of {contract}")
    return Deployment(deployer.chain_id, at, deployer.block, asdict(parameters))


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise OPGError(f"the deployment is not as it should be: expected that {what}", "don't use it; deploy again")
