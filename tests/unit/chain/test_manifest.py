"""The manifest: complete, found by chain id, and refused when it is none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from opg.chain import Chain, Deployment
from opg.chain import deployment as module
from opg.chain.deployment import manifest_path
from opg.errors import NotDeployed

ROOT = Path(__file__).resolve().parents[3]


def test_manifest_survives_its_file(stage, tmp_path):
    path = tmp_path / "deployments" / "31337" / "manifest.json"
    stage.chain.deployment.save(path)
    assert Deployment.load(path) == stage.chain.deployment


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 1}', '{"format": 2, "chainId": "x"}'])
def test_file_that_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(NotDeployed):
        Deployment.load(path)


def test_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(NotDeployed) as problem:
        Deployment.load(tmp_path / "none.json")
    assert "opg deploy" in problem.value.advice


def test_manifest_is_found_by_chain_id_where_one_stands_or_where_the_package_is(tmp_path, monkeypatch):
    near, packaged = tmp_path / "near", tmp_path / "packaged"
    monkeypatch.setattr(module, "PLACES", (near, packaged))
    assert manifest_path(7) == near / "7" / "manifest.json"
    Deployment(7, {}).save(packaged / "7" / "manifest.json")
    assert manifest_path(7) == packaged / "7" / "manifest.json"
    Deployment(7, {}).save(near / "7" / "manifest.json")
    assert manifest_path(7) == near / "7" / "manifest.json"


def test_what_is_packaged_lies_in_the_package():
    assert Path(module.__file__).resolve().parents[1] / "deployments" in module.PLACES


def test_manifest_brings_its_abis_along(stage, monkeypatch):
    abi = json.loads(json.dumps(stage.deployment.abi("OPG")))
    deployment = Deployment(stage.chain.id, stage.deployment.addresses, record={"contracts": {"OPG": {"abi": abi}}})
    monkeypatch.setattr(module, "artifact", None)  # nothing is compiled where a package is installed
    assert Chain(stage.local.url, deployment).read("OPG", "symbol") == "OPG"


def test_package_is_built_with_the_manifests_of_public_chains(tmp_path):
    for name in ("pyproject.toml", "setup.py", "README.md", "opg"):
        (tmp_path / name).symlink_to(ROOT / name)
    for chain_id in (5, 31337):
        Deployment(chain_id, {}).save(tmp_path / "deployments" / str(chain_id) / "manifest.json")
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", "out"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    built = {path.parent.name for path in (tmp_path / "out" / "opg" / "deployments").glob("*/manifest.json")}
    assert built == {"5"}
    assert (tmp_path / "out" / "opg" / "deploy" / "plan.py").is_file()
