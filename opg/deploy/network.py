"""A network: one small YAML file that says where, with which parameters, and who gets the supply.

chain_id: 84532
rpc: BASE_SEPOLIA_RPC          # the environment variable that holds the node's URL
confirmations: 3
salt: 1                        # another one gives another deployment, with other addresses
guardian: ${OPG_GUARDIAN}      # from the environment; or an address; or nobody
treasury: OPGTimelock          # gets the protocol's part of fees: a contract of the deployment, or an address
preset: testnet
parameters: {window_seconds: 1 day, burn_bps: 50 %, min_stake: 1000 OPG}
allocations: {"${OPG_HOLDER}": 100000000 OPG, OPGTimelock: rest}
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from opg.addresses import checked
from opg.chain.deploying import BOUNDS, DAY, HOUR, MINUTE, OPG, PRESETS, SUPPLY, Parameters, shortest_thawing
from opg.errors import BadInput, BadNetwork

NOBODY = "0x" + "00" * 20
FOLDERS = (Path("networks"), Path(__file__).resolve().parents[2] / "scripts" / "networks")
NAMES = frozenset({"OPGTimelock"})  # contracts of the deployment that may hold what an address may
UNITS = {"second": 1, "minute": MINUTE, "hour": HOUR, "day": DAY}
REST = "rest"


@dataclass(frozen=True)
class Network:
    """Where to deploy, and what. `allocations` are wei of OPG by address or contract name, summing to the supply."""

    name: str
    chain_id: int
    guardian: str
    allocations: Mapping[str, int]
    treasury: str = "OPGTimelock"
    parameters: Parameters = field(default_factory=Parameters)
    rpc: str = "OPG_RPC"
    confirmations: int = 1
    salt: str = "1"
    explorers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, name: str) -> Network:
        """Reads `scripts/networks/NAME.yaml`, or the file of that path. Raises `BadNetwork`."""
        path = _find(name)
        try:
            text = path.read_text()
            content = yaml.load(_filled(text, path), _Loader)
        except (OSError, yaml.YAMLError) as problem:
            raise BadNetwork(f"cannot read {path}: {problem}") from None
        if not isinstance(content, dict):
            raise BadNetwork(f"{path} is no network file", "see scripts/networks/base-sepolia.yaml")
        return cls.parse(path.stem, content)

    @staticmethod
    def place(name: str) -> tuple[str, int]:
        """URL and chain id alone: for who only wants to look there. Raises `BadNetwork`."""
        path = _find(name)
        try:
            content = yaml.safe_load(re.sub(r"\$\{\w+\}", "unset", path.read_text()))
            variable, chain_id = str(content.get("rpc", "OPG_RPC")), _whole(name, "chain_id", content["chain_id"])
        except (OSError, yaml.YAMLError, KeyError, AttributeError) as problem:
            raise BadNetwork(
                f"{path} is no network file: {problem}", "see scripts/networks/base-sepolia.yaml"
            ) from None
        if url := os.environ.get(variable):
            return url, chain_id
        raise BadNetwork(f"no node is known for {name}", f"put its URL into the environment variable {variable}")

    @classmethod
    def parse(cls, name: str, content: dict[str, Any]) -> Network:
        """From the content of a file."""
        known = {each.name for each in fields(cls)} - {"name"} | {"preset"}
        if unknown := sorted(map(str, set(content) - known)):
            raise BadNetwork(f"{name}: there is no setting {unknown[0]!r}", "there are: " + ", ".join(sorted(known)))
        if missing := sorted({"chain_id", "guardian", "allocations"} - set(content)):
            raise BadNetwork(f"{name}: {missing[0]} is missing")
        made = cls(
            name,
            _whole(name, "chain_id", content["chain_id"]),
            _account(name, "guardian", content["guardian"]),
            _allocations(name, content["allocations"]),
            _account(name, "treasury", content.get("treasury", "OPGTimelock")),
            _parameters(name, content.get("preset", "testnet"), content.get("parameters") or {}),
            str(content.get("rpc", "OPG_RPC")),
            _whole(name, "confirmations", content.get("confirmations", 1)),
            str(content.get("salt", "1")),
            dict(content.get("explorers") or {}),
        )
        made.check()
        return made

    def check(self) -> None:
        """Raises `BadNetwork` where a contract would refuse, before anything is paid for."""
        for name, bound in BOUNDS.items():
            value, (low, high) = getattr(self.parameters, name), bound.limits(self.parameters)
            if not low <= value <= high:
                raise BadNetwork(f"{self.name}: {name} is {value}; {bound.contract} takes {low} to {high}")
        least = shortest_thawing(self.parameters)
        if self.parameters.thawing_seconds < least:
            raise BadNetwork(
                f"{self.name}: thawing_seconds is {self.parameters.thawing_seconds}; stake has to outlast every dispute",
                f"at least {least} with these windows and clocks",
            )
        if sum(self.allocations.values()) != SUPPLY:
            raise BadNetwork(
                f"{self.name}: the allocations sum to {Decimal(sum(self.allocations.values())) / OPG:,f} OPG",
                f"they have to sum to {SUPPLY // OPG:,}: give one of them `rest`",
            )
        if self.treasury == NOBODY:
            raise BadNetwork(f"{self.name}: fees cannot go to the address zero")

    def url(self) -> str:
        """The node's URL, from the environment. Raises `BadNetwork`."""
        if found := os.environ.get(self.rpc):
            return found
        raise BadNetwork(
            f"no Ethereum node is named for {self.name}", f"put its URL into the environment variable {self.rpc}"
        )

    def record(self) -> dict[str, Any]:
        """For the manifest: all that decides what is deployed."""
        return {
            "network": self.name,
            "rpc": self.rpc,
            "salt": self.salt,
            "guardian": self.guardian,
            "treasury": self.treasury,
            "allocations": {who: str(wei) for who, wei in self.allocations.items()},
            "parameters": asdict(self.parameters),
        }

    @classmethod
    def recorded(cls, chain_id: int, record: Mapping[str, Any]) -> Network:
        """The network that a manifest was written for. Raises `BadNetwork`."""
        try:
            return cls(
                str(record["network"]),
                chain_id,
                str(record["guardian"]),
                {str(who): int(wei) for who, wei in record["allocations"].items()},
                str(record["treasury"]),
                Parameters(**record["parameters"]),
                str(record["rpc"]),
                salt=str(record["salt"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadNetwork("the manifest does not say what was deployed", "name the network instead") from None


class _Loader(yaml.SafeLoader):
    """0x… stays text. As a number it would lose its checksum, and zeros would make an address of any of them."""

    yaml_implicit_resolvers = yaml.SafeLoader.yaml_implicit_resolvers | {
        "0": [("tag:yaml.org,2002:str", re.compile("0x")), *yaml.SafeLoader.yaml_implicit_resolvers["0"]]
    }


def _find(name: str) -> Path:
    if name.endswith((".yaml", ".yml")) or "/" in name:
        if Path(name).is_file():
            return Path(name)
        raise BadNetwork(f"there is no network file {name}")
    for folder in FOLDERS:
        if (path := folder / f"{name}.yaml").is_file():
            return path
    known = sorted({path.stem for folder in FOLDERS for path in folder.glob("*.yaml")})
    raise BadNetwork(
        f"there is no network {name!r}", "there are: " + ", ".join(known) + "; or write scripts/networks/NAME.yaml"
    )


def _filled(text: str, path: Path) -> str:
    def value(found: re.Match[str]) -> str:
        if given := os.environ.get(found[1]):
            return given
        raise BadNetwork(
            f"{path} needs the environment variable {found[1]}",
            f"export {found[1]}=…; docs/deploying.md says what each is for",
        )

    lines = (
        line if line.lstrip().startswith("#") else re.sub(r"\$\{(\w+)\}", value, line) for line in text.split("\n")
    )
    return "\n".join(lines)


def _account(name: str, what: str, given: Any) -> str:
    text = str(given)
    if text in NAMES:
        return text
    if text == "nobody":
        return NOBODY
    try:
        return checked(text, what)
    except BadInput as problem:
        raise BadNetwork(f"{name}: {problem}", problem.advice) from None


def _allocations(name: str, given: Any) -> dict[str, int]:
    if not isinstance(given, dict) or not given:
        raise BadNetwork(f"{name}: allocations say who gets how much of the supply")
    made = {_account(name, "the allocation to", who): share for who, share in given.items()}
    if len(made) != len(given):
        raise BadNetwork(f"{name}: two allocations go to one address", "add them up")
    if NOBODY in made:
        raise BadNetwork(f"{name}: an allocation goes to the address zero")
    amounts = {who: _quantity(name, who, share) for who, share in made.items() if share != REST}
    if rest := [who for who, share in made.items() if share == REST]:
        if len(rest) > 1:
            raise BadNetwork(f"{name}: only one allocation can be the rest")
        amounts[rest[0]] = SUPPLY - sum(amounts.values())
    if any(amount <= 0 for amount in amounts.values()):
        raise BadNetwork(f"{name}: an allocation is not more than nothing")
    return amounts


def _parameters(name: str, preset: str, given: Any) -> Parameters:
    if preset not in PRESETS:
        raise BadNetwork(f"{name}: there is no preset {preset!r}", "choose one of: " + ", ".join(PRESETS))
    if not isinstance(given, dict):
        raise BadNetwork(f"{name}: parameters are pairs of a name and a value")
    if unknown := sorted(map(str, set(given) - set(BOUNDS))):
        raise BadNetwork(f"{name}: there is no parameter {unknown[0]!r}", "there are: " + ", ".join(BOUNDS))
    return replace(PRESETS[preset], **{key: _quantity(name, key, value) for key, value in given.items()})


def _quantity(name: str, key: str, given: Any) -> int:
    """`12`, `12.5 OPG`, `3 days`, `50 %`; a unit only where it fits the parameter."""
    number, _, unit = str(given).replace("_", "").strip().partition(" ")
    scale = {"": 1}
    if key.endswith("_seconds"):
        scale |= {word: seconds for each, seconds in UNITS.items() for word in (each, each + "s")}
    elif key.endswith("_bps"):
        scale["%"] = 100
    elif key.endswith("_percent"):
        scale["%"] = 1
    elif not key.endswith("_gas"):
        scale = {"OPG": OPG, "wei": 1}
    try:
        value = Decimal(number) * scale[unit.strip()]
    except (InvalidOperation, KeyError):
        units = ", ".join(unit for unit in scale if unit)
        raise BadNetwork(f"{name}: {key} is {given!r}", f"write a number and a unit: {units or 'none'}") from None
    if not value.is_finite() or value != value.to_integral_value():
        raise BadNetwork(f"{name}: {key} is {given!r}, which is no whole number of its smallest unit")
    return int(value)


def _whole(name: str, what: str, given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise BadNetwork(f"{name}: {what} is {given!r}, not a number from 1 on")
    return given
