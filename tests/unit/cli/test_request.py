"""opg request: asked on chain, answered or not, ended by whoever wants to."""

from __future__ import annotations

import json

import pytest

from opg.chain.deploying import OPG
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_errors import fails
from tests.unit.cli.test_story import good


@pytest.fixture
def asked(cli: Cli, user, digits, tmp_path):
    """`asked(host)`: the id of a request that the user made on the command line."""
    (tmp_path / "picture.json").write_text(json.dumps([digits.picture(0).tolist()]))

    def ask(operator, *options: str) -> str:
        named = ["--version-id", "1", "--operator", operator.address, "picture.json", *options]
        out = good(cli("request", "make", *named, key=user.account))
        assert "1 OPG, answered until 20" in out
        return out.split()[1].rstrip(":")

    return ask


def test_silent_operator_pays_and_the_fee_comes_back(cli: Cli, stage, host, user, asked):
    made = host()
    number = asked(made, "--seconds", "30")
    assert "open; it is answered until 20" in good(cli("request", "list", key=user.account))
    anybody = {"key": stage.person().account}
    fails(cli("request", "expire", number, **anybody), "DeadlineNotPassed(deadline=20", "opg request expire")
    stage.local.advance(31)
    assert f"late; the fee goes back: opg request expire {number}" in good(cli("request", "list", made.address))
    assert "the operator lost" in good(cli("request", "expire", number, **anybody))
    shown = good(cli("request", "show", number))
    assert "late, and paid back" in shown
    assert "nothing more can happen" in shown
    assert stage.chain.read("Inference", "creditOf", user.address) == OPG
    good(cli("collect", key=user.account))
    assert stage.balance(user.address) > 100 * OPG  # with the bounty
    fails(cli("request", "expire", number, **anybody), "WrongRequestState", "opg request show")


def test_answer_is_paid_when_its_window_is_over(cli: Cli, stage, host, user, asked):
    made = host()
    number = asked(made, "--model", str(DIGITS))
    made.node.tick()
    assert "answered; it can be disputed until 20" in good(cli("request", "list", key=user.account))
    anybody = {"key": stage.person().account}
    fails(cli("request", "refund", number, **anybody), "NotRefuted", "opg watch")
    fails(cli("request", "finalise", number, **anybody), "NotFinal", "opg request show")
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)
    assert f"final; the operator can be paid: opg request finalise {number}" in good(
        cli("request", "list", user.address)
    )
    assert "1 OPG are paid" in good(cli("request", "finalise", number, **anybody))
    assert ", paid; nothing more" in good(cli("request", "list", user.address))


def test_refuted_answer_is_paid_back(cli: Cli, stage, host, user, asked):
    from opg.watchtower import Rules, Watchtower

    made = host(executor=LyingExecutor(2, 5))
    number = asked(made)
    made.node.tick()
    tower = Watchtower(stage.chain, stage.person(opg=50), [DIGITS], made.node.store.path.with_name("w.sqlite"), Rules())
    until = 30
    while "refuted" not in good(cli("request", "list", user.address)):
        tower.tick()
        made.node.tick()
        until -= 1
        assert until, "the game does not end"
    stage.local.advance(1)  # no request ends in the second of its answer
    assert "1 OPG are" in good(cli("request", "refund", number, key=stage.person().account))
    assert ", refuted, and paid back; nothing more" in good(cli("request", "list", user.address))
    assert stage.chain.read("Inference", "creditOf", user.address) == OPG


def test_requests_are_paid_from_what_was_prepaid(cli: Cli, stage, host, user, asked):
    assert "credit: 3 OPG" in good(cli("request", "prepay", "3", key=user.account))
    asked(host())
    assert stage.chain.read("Inference", "creditOf", user.address) == 2 * OPG
    assert stage.chain.read("OPG", "allowance", user.address, stage.chain.deployment.address("Inference")) == 0
    assert "collected: 2 OPG" in good(cli("collect", key=user.account))


def test_requests_that_are_none(cli: Cli, stage, user):
    assert "there are none" in good(cli("request", "list", user.address))
    fails(cli("request", "show", "0x" + "11" * 32), "there is no request 0x1111", "opg request list")
    for wrong in ("0x12", "hello", "é"):
        fails(cli("request", "expire", wrong, key=user.account), "is no id", "64 hexadecimal digits")


def test_operator_who_does_not_offer_it_is_not_asked(cli: Cli, stage, user, tmp_path, digits):
    (tmp_path / "picture.json").write_text(json.dumps([digits.picture(0).tolist()]))
    named = ["--version-id", "1", "--operator", stage.person().address, "picture.json"]
    fails(cli("request", "make", *named, key=user.account), "NotOffered", "choose an operator that offers")
