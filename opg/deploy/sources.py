"""The sources of a contract as the compiler's standard JSON: what explorers verify with, and what the manifest's hash is of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

from eth_utils.crypto import keccak

from opg.chain.artifacts import artifact
from opg.errors import ArtifactMissing

ROOT = Path(__file__).resolve().parents[2]
IMPORT = re.compile(r"""^\s*import\s[^;]*?["']([^"']+)["']\s*;""", re.M)
REMAPPING = ("@openzeppelin/", "node_modules/@openzeppelin/")


def standard_json(name: str) -> dict[str, Any]:
    """The compiler's input that makes exactly the bytecode of a contract. Raises `ArtifactMissing`."""
    made = artifact(name)
    compiler = made.compiler
    return {
        "language": "Solidity",
        "sources": {path: {"content": content} for path, content in sorted(_tree(made.source_path).items())},
        "settings": {
            "evmVersion": compiler["evm_version"],
            "optimizer": compiler["optimizer"],
            "remappings": ["=".join(REMAPPING)],
            "outputSelection": {"*": {"*": ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "metadata"]}},
        },
    }


def compiler_version(name: str) -> str:
    """Like 0.8.37+commit.f401782d."""
    return str(artifact(name).compiler["version"])


def source_hash(name: str) -> str:
    """Of all that the compiler is given for a contract."""
    return "0x" + keccak(text=json.dumps(standard_json(name), sort_keys=True)).hex()


def identifier(name: str) -> str:
    """As explorers name it: contracts/OPG.sol:OPG."""
    return f"{artifact(name).source_path}:{name}"


def _tree(path: str) -> dict[str, str]:
    """A file and all that it imports, by the names under which the compiler knows them."""
    found: dict[str, str] = {}
    wanted = [path]
    while wanted:
        path = wanted.pop()
        if path in found:
            continue
        try:
            found[path] = (ROOT / path).read_text()
        except OSError:
            raise ArtifactMissing(f"the source {path} is not here", "run this in a checkout: make setup") from None
        for named in IMPORT.findall(found[path]):
            if named.startswith("."):
                wanted.append(normpath(join(dirname(path), named)))
            else:
                wanted.append(re.sub("^" + re.escape(REMAPPING[0]), REMAPPING[1], named))
    return found
