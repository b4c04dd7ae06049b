"""Each contract can be followed from its interface: everything that it shows is declared there, and said in words. And it fits."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from opg.chain.artifacts import CONTRACTS, artifact, selector
from tests.evm import ROOT

MAX_LINES, MAX_CODE = 500, 24_576  # EIP-170
SOURCES = sorted((ROOT / "contracts").rglob("*.sol"))
INTERFACES = [path for path in SOURCES if path.parent.name == "interfaces"]
OF_A_STANDARD = {"OPG", "OPGGovernor", "OPGTimelock"}  # OpenZeppelin's words are at OpenZeppelin's
INHERITED = {"DEFAULT_ADMIN_ROLE"}  # from OpenZeppelin's AccessControl, whose interface lacks it
DECLARED = re.compile(r"\s*(function|event|error|struct|enum)\s+(\w+)")


def name_of(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", INTERFACES, ids=name_of)
def test_everything_that_is_declared_is_explained(path):
    """But the types of somebody else's SDK."""
    above, missing = "", []
    for line in path.read_text().splitlines():
        if found := DECLARED.match(line):
            foreign = path.stem == "IOpenGradient" and found[1] == "struct"
            if not above.lstrip().startswith("///") and not foreign:
                missing.append(found[2])
        above = line
    assert not missing


@cache
def declared() -> set[bytes]:
    """Selectors of all functions of all interfaces, those of the standards among them."""
    names = [path.stem for path in (ROOT / "build" / "contracts").glob("I[A-Z]*.json")]
    return {selector(entry) for name in names for entry in artifact(name).abi if entry["type"] == "function"}


@pytest.mark.parametrize("name", [name for name in CONTRACTS if name not in OF_A_STANDARD])
def test_everything_that_can_be_called_is_declared(name):
    functions = [entry for entry in artifact(name).abi if entry["type"] == "function"]
    assert not [f["name"] for f in functions if selector(f) not in declared() and f["name"] not in INHERITED]


@pytest.mark.parametrize("name", CONTRACTS)
def test_it_fits_on_chain(name):
    assert 0 < len(artifact(name).runtime) // 2 < MAX_CODE


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_no_file_is_long(path):
    assert len(path.read_text().splitlines()) <= MAX_LINES
