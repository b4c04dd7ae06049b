"""What `make mutate` changes in a contract, and whom it asks."""

from __future__ import annotations

import tomllib

import pytest

from scripts.mutate import CAMPAIGN, ROOT, Compiler, targets
from scripts.mutations import mutants_of, switched

SOURCE = """
pragma solidity 0.8.37;
library Math { enum Rounding { Floor, Ceil }
  function min(uint256 a, uint256 b) internal pure returns (uint256) { return a < b ? a : b; }
  function ceilDiv(uint256 a, uint256 b) internal pure returns (uint256) { return (a + b - 1) / b; } }
contract C {
  error Refused(string why, int rule); // é: places count in bytes
  modifier onlyMe() { if (msg.sender != address(this)) revert Refused("you", 1); _; }
  function f(uint256 a, uint256 b) external onlyMe returns (uint256) {
    if (a == 0 || b == 0) revert Refused("zero", 2);
    _checkSum(a, b);
    return Math.ceilDiv(a, b) + Math.min(a, b);
  }
  function _checkSum(uint256 a, uint256 b) private pure { if (a + b > 9) { revert Refused("sum", 3); } }
}
"""
CHANGES = {
    'f: if (a == 0 || b == 0) revert Refused("zero", 2) → nothing',
    "f: a == 0 → false",
    "f: b == 0 → false",
    "f: onlyMe → nothing",
    "f: _checkSum(a, b) → nothing",
    "f: Math.ceilDiv(a, b) → (a) / (b)",
    "f: Math.min(a, b) → uint256(a)",
    "f: Math.min(a, b) → uint256(b)",
    'onlyMe: if (msg.sender != address(this)) revert Refused("you", 1) → nothing',
    '_checkSum: if (a + b > 9) { revert Refused("sum", 3); } → nothing',
    "_checkSum: a + b > 9 → a + b >= 9",
    "min: a < b → a <= b",
    "min: a < b ? a : b → (a)",
    "min: a < b ? a : b → (b)",
    "ceilDiv: (a + b - 1) / b → (a) / b",
}
CODE = {"C.sol": {"C": ["evm.bytecode.object"]}}


@pytest.fixture(scope="module")
def compiler():
    process = Compiler()
    yield process
    process.close()


def test_every_check_part_clamp_and_rounding_is_found(compiler):
    unit = compiler.compile({"C.sol": SOURCE}, {"C.sol": {"": ["ast"]}})["sources"]["C.sol"]["ast"]
    found = mutants_of(SOURCE, unit)
    assert {f"{m.function}: {m.what}" for m in found} == CHANGES
    for mutant in found:  # each is one that compiles
        compiler.compile({"C.sol": mutant.apply(SOURCE)}, CODE)


def test_many_changes_stand_in_one_build_each_behind_a_switch(compiler):
    unit = compiler.compile({"C.sol": SOURCE}, {"C.sol": {"": ["ast"]}})["sources"]["C.sol"]["ast"]
    found = [mutant for mutant in mutants_of(SOURCE, unit) if mutant.has_switch]
    made = compiler.compile({"C.sol": switched(SOURCE, found)}, CODE)["contracts"]["C.sol"]["C"]
    code = made["evm"]["bytecode"]["object"]
    assert all(f"{mutant.mark:064x}" in code for mutant in found)


def test_every_contract_has_tests_that_exist():
    campaign = tomllib.loads(CAMPAIGN.read_text())
    for target in targets(campaign):
        assert target.entries and target.tests
        assert all((ROOT / "tests" / path).exists() for path in target.tests)
