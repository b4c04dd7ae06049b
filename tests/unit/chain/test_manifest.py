"""The manifest: complete, found by chain id, and refused when it is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opg.chain import Chain, Deployment
from opg.chain import deployment as module
from opg.chain.deployment import manifest_path
from opg.errors import NotDeployed


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
