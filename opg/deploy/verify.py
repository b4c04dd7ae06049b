"""Whether a chain holds what the source in this checkout and a network's parameters make of it.

Everything is read from the chain. What it has to be comes from the plan and from a rehearsal of it: the same contracts,
made from this source on a private chain. Addresses are compared by the names of what they belong to, so one contract in the wrong
place is one difference, not a hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from opg.chain.artifacts import Artifact, artifact, role_id
from opg.chain.connection import Chain
from opg.chain.deploying import BOUNDS, OPG, SUPPLY
from opg.deploy.history import logs
from opg.deploy.plan import ANYBODY, GENESIS, ROLES, TIMELOCK_ROLES, Plan
from opg.deploy.reading import View, read, read_all_views, read_code, read_many
from opg.deploy.rehearsal import Rehearsal, rehearse

# views that tell of life, not of how things were set up
LIVING = frozenset({
    "burnable", "clock", "modelCount", "proposalCount", "totalCredit", "totalSupply", "versionCount", "next", "partCount", "eip712Domain",
    "DOMAIN_SEPARATOR",
})  # fmt: skip
GRANTED = keccak(text="RoleGranted(bytes32,address,address)")
REVOKED = keccak(text="RoleRevoked(bytes32,address,address)")
TRANSFER = keccak(text="Transfer(address,address,uint256)")
DOMAIN = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
ZERO_TOPIC = "0x" + "00" * 32


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `group` is address, code, immutable, wiring, parameter, role, delay, supply or step."""

    group: str
    name: str
    expected: str
    found: str
    bounds: str = ""

    @property
    def ok(self) -> bool:
        return self.expected == self.found


def verify(
    chain: Chain,
    plan: Plan,
    addresses: Mapping[str, str] | None = None,
    block: int = 0,
    suspects: Iterable[str] = (),
    rehearsal: Rehearsal | None = None,
) -> list[Check]:
    """Every check, also those that hold.

    `addresses` are those that somebody claims, by default the plan's. `block` is at or before the first event of the
    deployment. `suspects` must not hold any role, whatever the events say: the deployer, for example.
    """
    return _Verifier(chain, plan, dict(addresses or plan.addresses), block, rehearsal or rehearse(plan)).all(suspects)


class _Verifier:
    def __init__(self, chain: Chain, plan: Plan, at: dict[str, str], block: int, rehearsal: Rehearsal) -> None:
        self.chain, self.plan, self.block, self.rehearsal = chain, plan, block, rehearsal
        self.at = {name: at.get(name, ANYBODY) for name in plan.addresses}
        self.names_here = {address.lower(): name for name, address in self.at.items()}
        self.names_planned = {address.lower(): name for name, address in plan.addresses.items()}

    def all(self, suspects: Iterable[str]) -> list[Check]:
        checks: list[Check] = []
        for name in self.plan.addresses:
            checks += self.place(name)
        views = read_all_views(self.chain, self.at)
        for name in self.plan.addresses:
            checks += self.views(name, views[name])
        checks += self.parameters()
        checks += self.roles({*suspects, self.at[GENESIS]})
        checks += self.supply()
        checks += self.steps()
        return checks

    # ------------------------------------------------------------------ addresses, code, immutables

    def place(self, name: str) -> list[Check]:
        planned, here = self.plan.addresses[name], self.at[name]
        checks = [Check("address", name, planned, here)]
        code, expected = read_code(self.chain, here), self.rehearsal.code[name]
        if not code:
            return [*checks, Check("code", name, _digest(expected), "nothing")]
        made = artifact(name)
        if len(code) != len(expected):
            return [*checks, Check("code", name, _digest(expected), f"{_digest(code)}, {len(code):,} bytes")]
        body, metadata = _split(made.without_immutables(code))
        right_body, right_metadata = _split(made.without_immutables(expected))
        checks.append(Check("code", name, _digest(right_body), _digest(body)))
        checks.append(Check("code", f"{name} metadata", _digest(right_metadata), _digest(metadata)))
        return checks + self.immutables(name, made, code, expected)

    def immutables(self, name: str, made: Artifact, code: bytes, expected: bytes) -> list[Check]:
        checks = []
        for variable, places in made.immutables.items():
            here = {code[start : start + length] for start, length in places}
            right = expected[places[0][0] : places[0][0] + places[0][1]]
            if variable == "EIP712._cachedDomainSeparator":
                right = self.domain_separator(name, made, expected)
            found = " and ".join(sorted(self.word(each, self.names_here) for each in here))
            checks.append(Check("immutable", f"{name}: {variable}", self.word(right, self.names_planned), found))
        return checks

    def domain_separator(self, name: str, made: Artifact, expected: bytes) -> bytes:
        """What it has to be at the address where the contract is."""
        start, length = made.immutables["EIP712._hashedName"][0]
        hashed_name = expected[start : start + length]
        start, length = made.immutables["EIP712._hashedVersion"][0]
        parts = (DOMAIN, hashed_name, expected[start : start + length], self.chain.id, self.at[name])
        return keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], parts))

    # ------------------------------------------------------------------ what the contracts say

    def views(self, name: str, found: Mapping[str, Any]) -> list[Check]:
        checks = []
        parameters = {bound.getter for bound in BOUNDS.values() if bound.contract == name}
        for view, right in self.rehearsal.views[name].items():
            if view in LIVING or view in parameters:
                continue
            here = self.shown(found[view], self.names_here)
            group = "wiring" if _is_address(right) else "constant"
            checks.append(Check(group, f"{name}.{view}", self.shown(right, self.names_planned), here))
        return checks

    def parameters(self) -> list[Check]:
        checks = []
        values = read_many(self.chain, [View(self.at[bound.contract], bound.getter) for bound in BOUNDS.values()])
        for (parameter, bound), found in zip(BOUNDS.items(), values, strict=True):
            low, high = bound.limits(self.plan.network.parameters)
            group = "delay" if parameter == "timelock_seconds" else "parameter"
            expected = str(getattr(self.plan.network.parameters, parameter))
            limits = f"{low:,} … {high:,}"
            here = str(found)
            if found is not None and not low <= found <= high:
                here += " (out of bounds)"
            checks.append(Check(group, f"{bound.contract}.{bound.getter}", expected, here, limits))
        return checks

    # ------------------------------------------------------------------ roles

    def roles(self, suspects: set[str]) -> list[Check]:
        checks = []
        for name in dict.fromkeys(role.contract for role in (*TIMELOCK_ROLES, *ROLES)):
            checks += self.roles_in(name, suspects)
        return checks

    def roles_in(self, name: str, suspects: set[str]) -> list[Check]:
        known = {entry["name"] for entry in artifact(name).abi if entry.get("name", "").endswith("_ROLE")}
        names = {role_id(each): each for each in known}
        expected = {
            (role.id, self.at.get(role.holder, role.holder).lower())
            for role in (*TIMELOCK_ROLES, *ROLES)
            if role.contract == name
        }
        told = self.holders(name)
        ids = dict.fromkeys([*names, *(role for role, _ in told)])
        people = {who for _, who in told | expected} | {each.lower() for each in suspects}
        people |= {each.lower() for each in self.at.values()}
        pairs = [(role, who) for role in ids for who in sorted(people)]
        held = read_many(self.chain, [self.has_role(name, *pair) for pair in pairs])
        actual = {pair for pair, holds in zip(pairs, held, strict=True) if holds}
        checks = []
        for role, who in sorted(expected | actual | told):
            label = f"{name}.{names.get(role, '0x' + role.hex())} of {self.person(who)}"
            right = "held" if (role, who) in expected else "not held"
            here = "held" if (role, who) in actual else "not held"
            if here == "held" and (role, who) not in told:
                here += ", without an event"
            checks.append(Check("role", label, right, here))
        admins = read_many(
            self.chain, [View(self.at[name], "getRoleAdmin", ("bytes32",), (role,), ("bytes32",)) for role in ids]
        )
        for role, admin in zip(ids, admins, strict=True):
            label = f"{name}: admin of {names.get(role, '0x' + role.hex())}"
            here = names.get(admin, f"0x{admin.hex()}") if admin is not None else "None"
            checks.append(Check("role", label, "DEFAULT_ADMIN_ROLE", here))
        return checks

    def holders(self, name: str) -> set[tuple[bytes, str]]:
        """(role, account) pairs that were granted and not taken back, by the events."""
        held: set[tuple[bytes, str]] = set()
        wanted = [["0x" + GRANTED.hex(), "0x" + REVOKED.hex()]]
        for log in logs(self.chain, self.at[name], wanted, self.block):
            topic, role, account = (bytes(each) for each in log["topics"][:3])
            pair = (role, "0x" + account[12:].hex())
            if topic == GRANTED:
                held.add(pair)
            else:
                held.discard(pair)
        return held

    def has_role(self, name: str, role: bytes, who: str) -> View:
        return View(self.at[name], "hasRole", ("bytes32", "address"), (role, who), ("bool",))

    # ------------------------------------------------------------------ supply, allocations, steps

    def supply(self) -> list[Check]:
        given = self.transfers(self.at[GENESIS], None)
        expected = {self.plan.address(who): wei for who, wei in self.plan.network.allocations.items()}
        by_name = {self.person(who, self.names_planned): wei for who, wei in expected.items()}
        found: dict[str, int] = {}
        for to, wei in given:
            found[self.person(to)] = found.get(self.person(to), 0) + wei
        checks = [
            Check("supply", f"allocation to {who}", _opg(by_name.get(who, 0)), _opg(found.get(who, 0)))
            for who in dict.fromkeys([*by_name, *found])
        ]
        minted = sum(wei for _, wei in self.transfers(None, None))
        burned = sum(wei for _, wei in self.transfers(None, ANYBODY, mints=False))
        total = read(self.chain, View(self.at["OPG"], "totalSupply"))
        left = read(self.chain, View(self.at["OPG"], "balanceOf", ("address",), (self.at[GENESIS],)))
        checks.append(Check("supply", "ever minted", _opg(SUPPLY), _opg(minted)))
        checks.append(Check("supply", "total, less what was burned", _opg(SUPPLY - burned), _opg(total)))
        checks.append(Check("supply", "left with Genesis", _opg(0), _opg(left)))
        return checks

    def transfers(self, sender: str | None, to: str | None, mints: bool = True) -> list[tuple[str, int]]:
        """(to, wei) of Transfer events: from a sender, or of mints, or to an address."""
        source = _topic(sender) if sender else ZERO_TOPIC if mints else None
        wanted: list[Any] = ["0x" + TRANSFER.hex(), source]
        if to is not None:
            wanted.append(_topic(to))
        found = logs(self.chain, self.at["OPG"], wanted, self.block)
        return [
            (to_checksum_address(bytes(log["topics"][2])[12:]), decode(["uint256"], bytes(log["data"]))[0])
            for log in found
        ]

    def steps(self) -> list[Check]:
        left = read(self.chain, View(self.at[GENESIS], "next", outputs=("bytes32",)))
        commitments = [step.commitment for step in self.plan.steps] + [bytes(32)]
        done = commitments.index(left) if left in commitments else "unknown"
        return [Check("step", "steps that ran", str(len(self.plan.steps)), str(done))]

    # ------------------------------------------------------------------ names for people

    def person(self, address: str, names: Mapping[str, str] | None = None) -> str:
        if address == ANYBODY:
            return "anybody"
        known = self.names_here if names is None else names
        return known.get(address.lower(), to_checksum_address(address))

    def word(self, word: bytes, names: Mapping[str, str]) -> str:
        """An immutable's 32 bytes: a contract's name, a small number, or hexadecimal."""
        if (address := "0x" + word[-20:].hex()) in names and not any(word[:-20]):
            return names[address]
        number = int.from_bytes(word, "big")
        return str(number) if number < 2**96 else "0x" + word.hex()

    def shown(self, value: Any, names: Mapping[str, str]) -> str:
        if isinstance(value, str) and value.lower() in names:
            return names[value.lower()]
        return "0x" + value.hex() if isinstance(value, bytes) else str(value)


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("0x") and len(value) == 42


def _split(code: bytes) -> tuple[bytes, bytes]:
    """The instructions, and the compiler's metadata behind them (its last two bytes are its length)."""
    length = int.from_bytes(code[-2:], "big") + 2
    return (code[:-length], code[-length:]) if length < len(code) else (code, b"")


def _digest(code: bytes) -> str:
    return "0x" + keccak(code).hex()[:16]


def _opg(wei: int | None) -> str:
    if wei is None:
        return "None"
    whole, rest = divmod(wei, OPG)
    return f"{whole:,}" + (f".{rest:018d}".rstrip("0") if rest else "") + " OPG"


def _topic(address: str) -> str:
    return "0x" + "00" * 12 + address[2:].lower()
