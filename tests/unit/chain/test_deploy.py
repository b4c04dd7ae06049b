"""Deploying: wired as it should be, the deployer left with nothing, the manifest complete."""

from __future__ import annotations

import pytest

from opg.chain import Deployment
from opg.chain.artifacts import CONTRACTS
from opg.chain.deploying import ADMIN_ROLE, LOCAL, TESTNET, Web3Deployer, deploy
from opg.errors import NotDeployed, TransactionRefused

WIRED = ("Staking", "Inference")


def has(stage, contract, role, who):
    role_id = ADMIN_ROLE if role is None else stage.chain.read(contract, role)
    return stage.chain.read(contract, "hasRole", role_id, who)


def test_deployer_keeps_nothing(stage):
    me = stage.deployer.address
    for contract in WIRED:
        assert not has(stage, contract, None, me)
    for contract, role in (("Staking", "SLASHER_ROLE"), ("Staking", "LOCKER_ROLE"), ("Inference", "DISPUTER_ROLE")):
        assert not has(stage, contract, role, me)
    assert stage.balance(me) == 0


def test_without_an_admin_nobody_can_ever_let_a_module_in(stage):
    role = stage.chain.read("Staking", "SLASHER_ROLE")
    with pytest.raises(TransactionRefused, match="AccessControlUnauthorizedAccount"):
        stage.deployer.send("Staking", "grantRole", role, stage.deployer.address)


def test_admin_that_is_named_gets_the_role(stage):
    admin = stage.person()
    parts = (stage.bank.address, stage.treasury.address, admin.address)
    stage.chain.deployment = deploy(Web3Deployer(stage.chain, stage.deployer), LOCAL, *parts)
    try:
        for contract in WIRED:
            assert has(stage, contract, None, admin.address)
            assert not has(stage, contract, None, stage.deployer.address)
    finally:
        stage.chain.deployment = stage.deployment


def test_modules_have_their_roles_and_no_others(stage):
    at = stage.chain.deployment.address
    holders = {
        ("Staking", "SLASHER_ROLE"): {"Disputes", "Inference"},
        ("Staking", "LOCKER_ROLE"): {"Inference"},
        ("Inference", "DISPUTER_ROLE"): {"Disputes"},
    }
    for (contract, role), modules in holders.items():
        assert {name for name in CONTRACTS if has(stage, contract, role, at(name))} == modules


def test_contracts_have_the_parameters_that_the_manifest_names(stage):
    written = stage.chain.deployment.parameters
    read = {
        "min_stake": stage.chain.read("Staking", "minStake"),
        "thawing_seconds": stage.chain.read("Staking", "thawingSeconds"),
        "window_seconds": stage.chain.read("Inference", "windowSeconds"),
        "close_seconds": stage.chain.read("Channels", "closeSeconds"),
        "bond": stage.chain.read("Disputes", "bond"),
        "penalty": stage.chain.read("Disputes", "penalty"),
        "clock_seconds": stage.chain.read("Disputes", "clockSeconds"),
        "move_seconds": stage.chain.read("Disputes", "moveSeconds"),
    }
    assert {name: written[name] for name in read} == read


@pytest.mark.parametrize("preset", [LOCAL, TESTNET])
def test_stake_outlasts_every_dispute(preset):
    game = 2 * (preset.clock_seconds + 7 * preset.move_seconds)
    assert preset.thawing_seconds >= 2 * preset.window_seconds + game
    assert preset.min_stake >= preset.penalty


def test_manifest_survives_its_file(stage, tmp_path):
    path = tmp_path / "deployments" / "31337" / "manifest.json"
    stage.chain.deployment.save(path)
    assert Deployment.load(path) == stage.chain.deployment


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "chainId": "x"}'])
def test_file_that_is_no_manifest_is_refused(tmp_path, content):
    path = tmp_path / "manifest.json"
    path.write_text(content)
    with pytest.raises(NotDeployed):
        Deployment.load(path)


def test_missing_manifest_says_what_to_do(tmp_path):
    with pytest.raises(NotDeployed) as problem:
        Deployment.load(tmp_path / "none.json")
    assert "opg deploy" in problem.value.advice
