"""opg guardian: a pause, its end, and who may."""

from __future__ import annotations

from opg.chain import EventReader
from opg.chain.deploying import HOUR
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_errors import fails
from tests.unit.cli.test_story import good


def test_guardian_pauses_and_resumes_new_business(cli: Cli, stage, user, host):
    operator, guardian = host().address, {"key": stage.guardian.account}
    assert "channels: paused until 20" in good(cli("guardian", "pause", "channels", "--hours", "0.5", **guardian))
    until, _ = stage.chain.read("Guardian", "pauseOf", 1)
    assert HOUR // 2 - 60 < until - stage.chain.now() <= HOUR // 2
    deposit = ("channel", "open", "--operator", operator, "5")
    fails(cli(*deposit, key=user.account), "BusinessPaused", "until the time shown")
    shown = good(cli("guardian", "show"))
    assert stage.guardian.address in shown
    assert shown.count("paused until") == 1
    assert shown.count("│ open") == 2
    assert "channels: open" in good(cli("guardian", "resume", "channels", **guardian))
    good(cli(*deposit, key=user.account))
    fails(cli("guardian", "pause", "channels", **guardian), "CoolingDown", "wait until the time shown")
    fails(cli("guardian", "resume", "channels", **guardian), "NotPaused")


def test_longest_pause_is_taken_when_none_is_named(cli: Cli, stage):
    good(cli("guardian", "pause", "staking", key=stage.guardian.account))
    (paused,) = EventReader(stage.chain, [("Guardian", "Paused")]).read()
    begun = stage.chain.block(paused.block)["timestamp"]
    # `until` is the last second of it
    assert paused.args["until"] - begun + 1 == stage.chain.read("Guardian", "maxPauseSeconds")


def test_only_the_guardian_may(cli: Cli, user):
    for deed in ("pause", "resume"):
        fails(cli("guardian", deed, "requests", key=user.account), "NotTheGuardian", "opg guardian show")


def test_business_that_is_none(cli: Cli, stage):
    code, _, err = cli("guardian", "pause", "exits", key=stage.guardian.account)
    assert code == 2
    assert "requests" in err
