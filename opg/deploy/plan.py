"""What is deployed, with what, and how it is wired: the tables at the top. Below them, what that makes on chain.

Genesis is deployed through the canonical CREATE2 proxy; it commits to all steps, creates every part by its own nonce and wires
them. So addresses depend on the source, the parameters, the allocations and the salt, and on nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import rlp
from eth_abi.abi import encode
from eth_utils.abi import collapse_if_tuple
from eth_utils.address import to_canonical_address, to_checksum_address
from eth_utils.crypto import keccak

from opg.chain.artifacts import artifact, role_id
from opg.deploy.network import Network
from opg.deploy.proxy import created_at

GENESIS = "Genesis"
ADMIN = "DEFAULT_ADMIN_ROLE"
ANYBODY = "0x" + "00" * 20
STEP = "(uint8,bytes,(uint32,uint8)[])[]"
RUN = keccak(text=f"run({STEP},bytes32)")[:4]
MAX_PARTS = 127


class At(str):
    """Stands for the address of the part of this name."""


@dataclass(frozen=True)
class Part:
    """A contract and its constructor's arguments."""

    name: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Role:
    """Who holds a role in the end."""

    contract: str
    name: str
    holder: str

    @property
    def id(self) -> bytes:
        return role_id(self.name)


@dataclass(frozen=True)
class Wire:
    """One call by which Genesis wires the parts."""

    contract: str
    function: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Step:
    """One transaction to Genesis: what it does, and the commitment to what comes after it."""

    label: str
    actions: tuple[tuple[int, bytes, tuple[tuple[int, int], ...]], ...]
    rest: bytes

    @property
    def commitment(self) -> bytes:
        return keccak(encode([STEP, "bytes32"], [self.actions, self.rest]))


# who holds what; the wiring follows from it, and `opg verify-deployment` expects exactly this and nothing more
ROLES = (
    Role("Staking", "SLASHER_ROLE", "Disputes"),
    Role("Staking", "SLASHER_ROLE", "Equivocations"),
    Role("Staking", "SLASHER_ROLE", "Inference"),
    Role("Staking", "LOCKER_ROLE", "Inference"),
    Role("Inference", "DISPUTER_ROLE", "Disputes"),
    Role("Staking", ADMIN, "OPGTimelock"),
    Role("Inference", ADMIN, "OPGTimelock"),
)
TIMELOCK_ROLES = (  # by its constructor
    Role("OPGTimelock", ADMIN, "OPGTimelock"),
    Role("OPGTimelock", "PROPOSER_ROLE", "OPGGovernor"),
    Role("OPGTimelock", "CANCELLER_ROLE", "OPGGovernor"),
    Role("OPGTimelock", "EXECUTOR_ROLE", ANYBODY),
)


def parts_of(network: Network) -> tuple[Part, ...]:
    """All contracts in the order of their creation; that decides their addresses."""
    p = network.parameters
    opg, models, staking, inference = At("OPG"), At("Models"), At("Staking"), At("Inference")
    timelock, genesis, referee = At("OPGTimelock"), At(GENESIS), At("Referee")
    treasury, guardian, brake = _who(network.treasury), _who(network.guardian), At("Guardian")
    return (
        Part("OPG", (genesis,)),
        Part("OPGVotes", (opg, staking)),  # before the governor, who asks it for the time at once
        Part("OPGTimelock", (p.timelock_seconds, [At("OPGGovernor")])),
        Part("OPGGovernor", (At("OPGVotes"), timelock, p.governor())),
        Part("Guardian", (timelock, guardian, p.max_pause_seconds, p.cooldown_seconds)),
        Part("Models"),
        Part("Staking", (opg, genesis, brake, p.min_stake, p.thawing_seconds, p.burn_bps)),
        Part("Inference", (opg, models, staking, genesis, brake, p.inference(treasury))),
        Part("Channels", (opg, models, staking, brake, treasury, p.protocol_fee_bps, p.close_seconds)),
        Part("Referee"),
        Part("Disputes", (opg, models, staking, inference, referee, p.disputes())),
        Part("Equivocations", (inference, staking, p.penalty)),
        Part("OpenGradientFacade", (opg, models, staking, inference)),
    )


def wiring_of(network: Network) -> tuple[tuple[str, tuple[Wire, ...]], ...]:
    """Transactions after all parts are there, by label."""
    grants = [Wire(role.contract, "grantRole", (role.id, At(role.holder))) for role in ROLES]
    admins = dict.fromkeys(role.contract for role in ROLES)
    leaving = [Wire(contract, "renounceRole", (role_id(ADMIN), At(GENESIS))) for contract in admins]
    shares = [Wire("OPG", "transfer", (_who(to), amount)) for to, amount in network.allocations.items()]
    return (("grant the roles, renounce the admin's", (*grants, *leaving)), ("hand out the supply", tuple(shares)))


def plan_of(network: Network) -> Plan:
    """The plan for a network."""
    return Plan(network, parts_of(network), wiring_of(network))


@dataclass(frozen=True)
class Plan:
    """Everything that happens, down to the bytes."""

    network: Network
    parts: tuple[Part, ...]
    wiring: tuple[tuple[str, tuple[Wire, ...]], ...]

    @cached_property
    def numbers(self) -> dict[str, int]:
        """Genesis' own name has the number 0."""
        assert len(self.parts) <= MAX_PARTS, "their nonces have to be one byte of RLP"
        return {GENESIS: 0} | {part.name: number for number, part in enumerate(self.parts, 1)}

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """One for each part, then the wiring."""
        drafts = [(f"create {part.name}", (self._creation(part),)) for part in self.parts]
        drafts += [(label, tuple(map(self._call, wires))) for label, wires in self.wiring]
        steps: list[Step] = []
        rest = bytes(32)
        for label, actions in reversed(drafts):
            steps.append(Step(label, actions, rest))
            rest = steps[-1].commitment
        return tuple(reversed(steps))

    @cached_property
    def calls(self) -> tuple[bytes, ...]:
        """What is sent to Genesis, one for each step."""
        return tuple(RUN + encode([STEP, "bytes32"], [step.actions, step.rest]) for step in self.steps)

    @cached_property
    def genesis_code(self) -> bytes:
        """Init code of Genesis."""
        return bytes.fromhex(artifact(GENESIS).bytecode) + self.steps[0].commitment

    @property
    def salt(self) -> bytes:
        return keccak(text=f"OPG {self.network.salt}")

    @cached_property
    def addresses(self) -> dict[str, str]:
        """Where everything will be, or is, on any chain."""
        genesis = created_at(self.salt, self.genesis_code)
        made = {GENESIS: genesis}
        for number, part in enumerate(self.parts, 1):
            made[part.name] = to_checksum_address(keccak(rlp.encode([to_canonical_address(genesis), number]))[12:])
        return made

    def address(self, who: str) -> str:
        """Of a part by name; an address is its own."""
        return self.addresses.get(who, who)

    def arguments(self, part: Part) -> list[Any]:
        """A part's constructor arguments, with addresses."""
        return _replaced(list(part.arguments), self.addresses)

    def encoded_arguments(self, name: str) -> bytes:
        """The same, as they follow the creation code."""
        if name == GENESIS:
            return self.steps[0].commitment
        part = self.parts[self.numbers[name] - 1]
        return encode(_constructor(name), self.arguments(part))

    def _creation(self, part: Part) -> tuple[int, bytes, tuple[tuple[int, int], ...]]:
        code = bytes.fromhex(artifact(part.name).bytecode)
        data, holes = self._with_holes(_constructor(part.name), list(part.arguments))
        return 0, code + data, tuple((len(code) + at, number) for at, number in holes)

    def _call(self, wire: Wire) -> tuple[int, bytes, tuple[tuple[int, int], ...]]:
        (entry,) = (e for e in artifact(wire.contract).abi if e["type"] == "function" and e["name"] == wire.function)
        types = [collapse_if_tuple(i) for i in entry["inputs"]]
        selector = keccak(text=f"{wire.function}({','.join(types)})")[:4]
        data, holes = self._with_holes(types, list(wire.arguments))
        return self.numbers[wire.contract], selector + data, tuple((len(selector) + at, n) for at, n in holes)

    def _with_holes(self, types: list[str], values: list[Any]) -> tuple[bytes, list[tuple[int, int]]]:
        """Encodes with a mark for each part's address, and tells where the marks are: the addresses depend on this."""
        marks = {name: to_checksum_address(keccak(text=f"the address of {name}")[:20]) for name in self.numbers}
        data = encode(types, _replaced(values, marks))
        holes = []
        for name, mark in marks.items():
            raw, at = to_canonical_address(mark), -1
            while (at := data.find(raw, at + 1)) >= 0:
                holes.append((at, self.numbers[name]))
                data = data[:at] + bytes(20) + data[at + 20 :]
        return data, sorted(holes)


def _who(name: str) -> str:
    return name if name.startswith("0x") else At(name)


def _constructor(name: str) -> list[str]:
    entries = [e for e in artifact(name).abi if e["type"] == "constructor"]
    return [collapse_if_tuple(i) for i in entries[0]["inputs"]] if entries else []


def _replaced(value: Any, addresses: dict[str, str]) -> Any:
    if isinstance(value, At):
        return addresses[value]
    if isinstance(value, (list, tuple)):
        return type(value)(_replaced(each, addresses) for each in value)
    return value
