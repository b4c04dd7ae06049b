"""Network files: small, with units, and wrong ones are refused in words."""

from __future__ import annotations

import pytest
import yaml

from opg.chain.deploying import DAY, OPG, SUPPLY, TESTNET
from opg.deploy import Network
from opg.deploy.network import NOBODY
from opg.errors import BadNetwork
from tests.unit.deploying.conftest import CHAIN_ID, GUARDIAN, HOLDER, NETWORK, SEA_YAML

GOOD = yaml.safe_load(SEA_YAML)


def test_file_says_where_and_what():
    made = Network.parse("sea", GOOD)
    assert (made.chain_id, made.guardian, made.treasury) == (CHAIN_ID, GUARDIAN, "OPGTimelock")
    assert made.allocations == NETWORK.allocations
    assert sum(made.allocations.values()) == SUPPLY


def test_units_are_those_of_people():
    wanted = {"min_stake": "2_000 OPG", "window_seconds": "2 days", "thawing_seconds": "30 days", "burn_bps": "45.5 %"}
    made = Network.parse("sea", GOOD | {"preset": "testnet", "parameters": wanted}).parameters
    assert (made.min_stake, made.window_seconds, made.burn_bps) == (2_000 * OPG, 2 * DAY, 4_550)
    assert made.bond == TESTNET.bond


def test_environment_fills_in(tmp_path, monkeypatch):
    path = tmp_path / "sea.yaml"
    path.write_text(SEA_YAML.replace(f'"{GUARDIAN}"', "${SEA_GUARDIAN} # who pauses ${NOT_READ"))
    monkeypatch.setenv("SEA_GUARDIAN", GUARDIAN.lower())
    assert Network.load(str(path)).guardian == GUARDIAN
    monkeypatch.delenv("SEA_GUARDIAN")
    with pytest.raises(BadNetwork, match="SEA_GUARDIAN") as problem:
        Network.load(str(path))
    assert "export SEA_GUARDIAN=" in problem.value.advice


@pytest.mark.parametrize("name", ["base-sepolia", "sepolia", "local"])
def test_networks_that_come_along_are_right(name, monkeypatch):
    monkeypatch.setenv("OPG_GUARDIAN", GUARDIAN)
    monkeypatch.setenv("OPG_HOLDER", HOLDER.address)
    assert Network.load(name).name == name


@pytest.mark.parametrize(
    "typed, words",
    [
        (GUARDIAN[:-1], "guardian .* is no address"),  # a digit is missing: no zero takes its place
        ("0x123", "guardian '0x123' is no address"),
        ("1234", "guardian '1234' is no address"),
        (GUARDIAN[2:], "is no address"),
        (GUARDIAN.replace("B7", "b7"), "guardian .* has a wrong checksum"),
    ],
)
def test_mistyped_addresses_are_refused_without_quotes_too(tmp_path, monkeypatch, typed, words):
    path = tmp_path / "sea.yaml"
    monkeypatch.setenv("SEA_GUARDIAN", typed)
    for written in (typed, "${SEA_GUARDIAN}"):
        path.write_text(SEA_YAML.replace(f'"{GUARDIAN}"', written))
        with pytest.raises(BadNetwork, match=words):
            Network.load(str(path))


def test_mistyped_holder_gets_nothing(tmp_path):
    path = tmp_path / "sea.yaml"
    path.write_text(SEA_YAML.replace(f'"{HOLDER.address}"', HOLDER.address[:-1]))
    with pytest.raises(BadNetwork, match=f"the allocation to '{HOLDER.address[:-1]}' is no address"):
        Network.load(str(path))


def test_addresses_need_no_quotes(tmp_path):
    path = tmp_path / "sea.yaml"
    path.write_text(SEA_YAML.replace('"', ""))
    assert Network.load(str(path)).allocations == NETWORK.allocations


def test_nobody_can_be_the_guardian():
    assert Network.parse("sea", GOOD | {"guardian": "nobody"}).guardian == NOBODY


def test_unknown_network_lists_the_known():
    with pytest.raises(BadNetwork, match="no network 'moon'") as problem:
        Network.load("moon")
    assert "base-sepolia" in problem.value.advice


def test_missing_url_names_the_variable(monkeypatch):
    monkeypatch.delenv("SEA_RPC", raising=False)
    with pytest.raises(BadNetwork) as problem:
        NETWORK.url()
    assert "SEA_RPC" in problem.value.advice


def test_manifest_gives_the_network_back():
    assert Network.recorded(CHAIN_ID, NETWORK.record()) == NETWORK
    with pytest.raises(BadNetwork):
        Network.recorded(CHAIN_ID, {})


REST = {"OPGTimelock": "rest"}


@pytest.mark.parametrize(
    "change, words",
    [
        ({"colour": "red"}, "no setting 'colour'"),
        ({"chain_id": "84532"}, "chain_id"),
        ({"chain_id": 0}, "chain_id"),
        ({"guardian": "0x12"}, "no address"),
        ({"guardian": GUARDIAN.replace("B7", "b7")}, "checksum"),
        ({"guardian": None}, "no address"),
        ({"preset": "moon"}, "no preset"),
        ({"treasury": "nobody"}, "fees"),
        ({"parameters": {"colour": 1}}, "no parameter"),
        ({"parameters": {"bond": "1 day"}}, "bond"),
        ({"parameters": {"window_seconds": "1 OPG"}}, "window_seconds"),
        ({"parameters": {"window_seconds": "0.0001 seconds"}}, "whole number"),
        ({"parameters": {"burn_bps": 9_001}}, "burn_bps is 9001; Staking takes 1000 to 9000"),
        ({"allocations": {}}, "allocations"),
        ({"allocations": {"OPGTimelock": "5 OPG"}}, "sum to 5 OPG"),
        ({"allocations": {"OPGTimelock": "1_000_000_001 OPG"}}, "sum to"),
        ({"allocations": {**REST, HOLDER.address: "rest"}}, "only one"),
        ({"allocations": {**REST, HOLDER.address: "0 OPG"}}, "nothing"),
        ({"allocations": {**REST, HOLDER.address: "1_000_000_000 OPG"}}, "nothing"),
        ({"allocations": {**REST, HOLDER.address: "1 OPG", HOLDER.address.lower(): "1 OPG"}}, "two allocations"),
        ({"allocations": {**REST, "nobody": "1 OPG"}}, "address zero"),
        ({"confirmations": -1}, "confirmations"),
    ],
)
def test_what_is_wrong_is_said(change, words):
    with pytest.raises(BadNetwork, match=words) as problem:
        Network.parse("sea", GOOD | change)
    assert problem.value.advice


@pytest.mark.parametrize("name", ["chain_id", "guardian", "allocations"])
def test_what_is_missing_is_said(name):
    with pytest.raises(BadNetwork, match=f"{name} is missing"):
        Network.parse("sea", {key: value for key, value in GOOD.items() if key != name})


@pytest.mark.parametrize("text", ["- a list", "{unclosed", ""])
def test_file_that_is_none(tmp_path, text):
    path = tmp_path / "sea.yaml"
    path.write_text(text)
    with pytest.raises(BadNetwork):
        Network.load(str(path))
