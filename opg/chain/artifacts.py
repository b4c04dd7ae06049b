"""ABIs and bytecode, from `$OPG_BUILD`, from the checkout's `build/contracts`, or packaged beside this
file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from eth_utils.crypto import keccak

from opg.chain.codec import codec
from opg.errors import ArtifactMissing

CONTRACTS = (
    "OPG",
    "Models",
    "Staking",
    "Inference",
    "Channels",
    "Referee",
    "Disputes",
    "Equivocations",
    "OPGVotes",
    "OPGTimelock",
    "OPGGovernor",
    "Guardian",
    "OpenGradientFacade",
    "Escrow",
    "Genesis",
)

PANICS = {
    0x01: "assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x32: "index out of range",
    0x41: "out of memory",
}


@dataclass(frozen=True)
class Artifact:
    """A compiled contract. `bytecode` (for its creation) and `runtime` are hex without 0x, empty for an interface.

    `immutables` is where they lie in the runtime code, as [first byte, length], by `Contract.variable`.
    """

    name: str
    abi: list[dict[str, Any]]
    bytecode: str
    runtime: str = ""
    immutables: dict[str, list[list[int]]] = field(default_factory=dict)
    compiler: dict[str, Any] = field(default_factory=dict)
    source_path: str = ""

    def without_immutables(self, code: bytes) -> bytes:
        """Runtime code of this contract with zeros where its immutables lie."""
        made = bytearray(code)
        for places in self.immutables.values():
            for start, length in places:
                made[start : start + length] = bytes(length)
        return bytes(made)


def folders() -> list[Path]:
    """Where artifacts are looked for, in order."""
    here = Path(__file__).resolve()
    found = [here.parents[2] / "build" / "contracts", here.parent / "artifacts"]
    if given := os.environ.get("OPG_BUILD"):
        found.insert(0, Path(given))
    return found


@cache
def artifact(name: str) -> Artifact:
    """The artifact of a contract. Raises `ArtifactMissing`."""
    for folder in folders():
        path = folder / f"{name}.json"
        if path.is_file():
            data = json.loads(path.read_text())
            return Artifact(
                name,
                data["abi"],
                data.get("bytecode", "").removeprefix("0x"),
                data.get("deployedBytecode", "").removeprefix("0x"),
                data.get("immutables", {}),
                data.get("compiler", {}),
                data.get("sourcePath", ""),
            )
    raise ArtifactMissing(f"no compiled contract {name} was found", "compile the contracts first: make compile")


@cache
def known_errors() -> dict[bytes, dict[str, Any]]:
    """Custom errors of all contracts, by selector. First come, first kept."""
    errors: dict[bytes, dict[str, Any]] = {}
    for name in CONTRACTS:
        try:
            abi = artifact(name).abi
        except ArtifactMissing:
            continue
        for entry in abi:
            if entry["type"] == "error":
                errors.setdefault(selector(entry), entry)
    return errors


def decode_error(data: bytes) -> tuple[str, dict[str, Any]]:
    """Name and arguments of revert data: a custom error, a `require` text, or a panic."""
    if not data:
        return "Reverted", {}
    selector, body = data[:4], data[4:]
    try:
        if selector == bytes.fromhex("08c379a0"):
            return "Error", {"message": codec().decode(["string"], body)[0]}
        if selector == bytes.fromhex("4e487b71"):
            code = codec().decode(["uint256"], body)[0]
            return "Panic", {"code": code, "meaning": PANICS.get(code, "unknown")}
        entry = known_errors().get(selector)
        if entry is None:
            return "UnknownError", {"data": data}
        values = codec().decode([collapse_if_tuple(i) for i in entry["inputs"]], body)
        return entry["name"], {i["name"]: v for i, v in zip(entry["inputs"], values, strict=True)}
    except DecodingError:
        return "UnknownError", {"data": data}


def selector(entry: Mapping[str, Any]) -> bytes:
    """The first four bytes of a call, or of an error."""
    types = ",".join(collapse_if_tuple(dict(i)) for i in entry["inputs"])
    return keccak(text=f"{entry['name']}({types})")[:4]


def role_id(name: str) -> bytes:
    """As OpenZeppelin's AccessControl has it."""
    return bytes(32) if name == "DEFAULT_ADMIN_ROLE" else keccak(text=name)
