"""opg channel: leaving, staying after all, and keys that sign for somebody."""

from __future__ import annotations

from opg.chain.deploying import OPG
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_errors import fails
from tests.unit.cli.test_story import good


def test_closing_names_the_whole_command_and_its_time(cli: Cli, stage, host, user):
    operator, me = host().address, {"key": user.account}
    fails(cli("channel", "close", "--operator", operator, **me), "NoDeposit", "opg channel open")
    good(cli("channel", "open", "--operator", operator, "5", **me))
    told = good(cli("channel", "close", "--operator", operator, **me))
    command = told.strip().partition("opg ")[2].split()
    assert command == ["channel", "close", "--operator", operator]
    fails(cli(*command, **me), "the operator has until 20", "wait until then", "--cancel")
    stage.local.advance(stage.chain.read("Channels", "closeSeconds"))
    assert good(cli(*command, **me)) == "closed\n"
    assert stage.balance(user.address) == 100 * OPG


def test_closing_is_cancelled(cli: Cli, stage, host, user):
    operator, me = host().address, {"key": user.account}
    good(cli("channel", "open", "--operator", operator, "5", **me))
    fails(cli("channel", "close", "--operator", operator, "--cancel", **me), "NotClosing", "nothing is left to do")
    good(cli("channel", "close", "--operator", operator, **me))
    fails(cli("channel", "open", "--operator", operator, "1", **me), "ChannelClosing(closableAt=20", "--cancel")
    assert "stays open; deposit: 5 OPG" in good(cli("channel", "close", "--operator", operator, "--cancel", **me))
    assert stage.chain.read("Channels", "channel", user.address, operator) == [5 * OPG, 0]


def test_session_key_is_authorised_and_revoked(cli: Cli, stage, user):
    key, me = stage.local.account().address, {"key": user.account}
    assert "never authorised" in good(cli("channel", "key", "status", user.address, key))
    fails(cli("channel", "key", "authorise", key, "--days", "0", **me), "KeyTooShort(until=20", "--days")
    assert f"{key} signs for {user.address} until 20" in good(cli("channel", "key", "authorise", key, **me))
    until = stage.chain.read("Channels", "keyUntil", user.address, key)
    assert until - stage.chain.now() > 29 * 86_400
    assert "and no longer" in good(cli("channel", "key", "revoke", key, **me))
    assert stage.chain.read("Channels", "keyUntil", user.address, key) < until
    stage.local.advance(stage.chain.read("Channels", "closeSeconds") + 60)
    assert "no longer" in good(cli("channel", "key", "status", user.address, key))
    fails(cli("channel", "key", "revoke", key, **me), "NotAKey", "opg channel key status")
