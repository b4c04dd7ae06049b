"""The package for JavaScript is one that Node imports."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from opg.chain.artifacts import CONTRACTS, artifact
from opg.chain.deployment import Deployment
from scripts.package_js import write_package

FACADE = "0x" + "ab" * 20
USE = """
import { abis, addressOf, contract, deployments } from "opg-contracts";
import abi from "opg-contracts/abi/Inference.json" with { type: "json" };
const problems = [];
for (const [name, chain] of [["Models", 5], ["Inference", 1], ["toString", 5]])
  try { contract(name, chain) } catch (problem) { problems.push(problem.message) }
console.log(JSON.stringify({
  names: Object.keys(abis), chains: Object.keys(deployments), address: addressOf("OpenGradientFacade", 5),
  same: contract("OpenGradientFacade", "5").abi === abis.OpenGradientFacade, inference: abi, problems,
}));
"""


@pytest.fixture
def project(tmp_path):
    """Somebody's project that depends on the package, with one deployment on chain 5."""
    manifest = tmp_path / "manifest.json"
    Deployment(5, {"OpenGradientFacade": FACADE}, block=7, parameters={"bond": 1}).save(manifest)
    write_package(tmp_path / "node_modules" / "opg-contracts", [manifest])
    return tmp_path


def test_node_imports_it(project):
    (project / "use.mjs").write_text(USE)
    done = subprocess.run(["node", "use.mjs"], cwd=project, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["names"] == list(CONTRACTS)
    assert (told["chains"], told["address"], told["same"]) == (["5"], FACADE, True)
    assert told["inference"] == artifact("Inference").abi
    assert told["problems"] == [
        f"OPG has no contract {what}" for what in ("Models on chain 5", "Inference on chain 1", "toString")
    ]


def test_every_contract_has_a_type(project):
    types = (project / "node_modules" / "opg-contracts" / "index.d.ts").read_text()
    (union,) = re.findall(r"type ContractName = (.*);", types)
    assert json.loads(f"[{union.replace(' | ', ',')}]") == list(CONTRACTS)


def test_everything_that_is_published_is_there_and_nothing_of_this_machine(project):
    package = project / "node_modules" / "opg-contracts"
    manifest = json.loads((package / "package.json").read_text())
    assert all((package / name).exists() for name in manifest["files"])
    assert json.loads((package / "deployments.json").read_text()) == {
        "5": {"block": 7, "addresses": {"OpenGradientFacade": FACADE}, "parameters": {"bond": 1}}
    }
