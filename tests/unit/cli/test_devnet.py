"""A private chain from the command line."""

from __future__ import annotations

import socket

import pytest

from opg.chain import Chain, Deployment, load_account
from opg.chain.deploying import OPG
from opg.chain.local import free_port
from opg.devnet import PEOPLE, Devnet
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_errors import fails


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv("OPG_PASSWORD", "devnet")


@pytest.fixture
def devnet(cli: Cli, password, tmp_path):
    port = free_port()
    code, out, err = cli("devnet", "start", "--dir", str(tmp_path / "net"), "--port", str(port))
    assert code == 0, (out, err)
    yield Devnet(tmp_path / "net"), Chain(f"http://127.0.0.1:{port}")
    if (tmp_path / "net" / "state.json").exists():
        cli("devnet", "stop", "--dir", str(tmp_path / "net"))


def test_people_have_keystores_and_opg(devnet):
    net, chain = devnet
    chain.deployment = Deployment.load(net.manifest)
    for name, opg in PEOPLE.items():
        account = load_account(net.folder / f"{name}.json")
        assert chain.read("OPG", "balanceOf", account.address) == opg * OPG
        assert chain.w3.eth.get_balance(account.address) > 0


def test_environment_leaves_the_login_name_alone(devnet):
    """The names of all people are there, and none that a shell has of its own."""
    net, _ = devnet
    lines = (net.folder / "env").read_text().splitlines()
    names = {line.removeprefix("export ").partition("=")[0] for line in lines}
    assert names == {"OPG_RPC", "OPG_MANIFEST", "KEYS", "OPG_USER", *(name.upper() for name in set(PEOPLE) - {"user"})}


def test_no_key_is_written_in_clear(devnet):
    net, _ = devnet
    keys = [load_account(net.folder / f"{name}.json").key.hex().removeprefix("0x") for name in PEOPLE]
    written = "".join(path.read_text() for path in net.folder.iterdir()).lower()
    assert not [key for key in keys if key in written]


def test_a_second_one_is_refused_and_the_first_goes_on(cli: Cli, devnet):
    net, chain = devnet
    fails(cli("devnet", "start", "--dir", str(net.folder), "--port", str(free_port())), "runs already", "devnet stop")
    assert chain.head() > 0


def test_stopping_ends_the_node_and_forgets_the_keys(cli: Cli, devnet):
    net, _ = devnet
    assert cli("devnet", "stop", "--dir", str(net.folder))[0] == 0
    assert net.running() is None
    assert list(net.folder.iterdir()) == []
    fails(cli("devnet", "stop", "--dir", str(net.folder)), "no devnet runs", "devnet start")


def test_password_is_asked_for_first(cli: Cli, monkeypatch, tmp_path):
    monkeypatch.delenv("OPG_PASSWORD", raising=False)
    fails(cli("devnet", "start", "--dir", str(tmp_path / "net")), "need a password", "OPG_PASSWORD")
    assert not (tmp_path / "net").exists()


def test_port_of_somebody_else_is_not_taken_over(cli: Cli, password, tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        fails(cli("devnet", "start", "--dir", str(tmp_path / "net"), "--port", str(port)), "is taken", "--port")
