"""`opg watch` and what it says of itself."""

from __future__ import annotations

from opg import actions
from opg.chain.deploying import OPG
from opg.keeping import exclusive
from opg.watchtower import Rules, Watchtower
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.unit.cli.conftest import Cli
from tests.unit.cli.test_story import good


def test_status_tells_what_came_of_it(cli: Cli, stage, host, user, picture, tmp_path):
    made, liar = host(), host(executor=LyingExecutor(2, 5))
    for each in (made, liar):
        actions.request(user, 1, each.address, picture(), OPG, stage.chain.now() + 300)
        each.node.tick()
    data = tmp_path / "watch"
    rules = Rules(budget=50 * OPG)
    tower = Watchtower(stage.chain, stage.person(opg=50), [DIGITS], data / "watchtower.sqlite", rules)
    tower.tick()
    rows = rows_of(good(cli("watch", "status", "--data", "watch")))
    assert (rows["answers executed again"], rows["right"], rows["wrong"]) == ("2", "1", "1")
    assert rows["disputes"].startswith("1 running")
    for _ in range(12):
        liar.node.tick()
        tower.tick()
    rows = rows_of(good(cli("watch", "status", "--data", "watch")))
    assert rows["ended"].startswith("1 won, 0 lost")
    assert rows["bounties"] == "250 OPG"


def rows_of(out: str) -> dict[str, str]:
    lines = [line.strip("│ ").split("│") for line in out.splitlines() if line.count("│") == 3]
    return {name.strip(): value.strip() for name, value in lines}


def test_nothing_to_watch_is_said(cli: Cli, stage):
    code, _, err = cli("watch", key=stage.person().account)
    assert code == 1
    assert "no model is named" in err


def test_status_of_nothing_is_said(cli: Cli):
    code, _, err = cli("watch", "status", "--data", "nowhere")
    assert code == 1
    assert "no watchtower's data" in err


def test_cluster_that_is_not_there_is_said(cli: Cli, stage):
    options = ["--model", str(DIGITS), "--cluster", "tcp://127.0.0.1:1"]
    code, _, err = cli("watch", *options, key=stage.person().account)
    assert code == 1
    assert "dask" in err


def test_two_of_them_do_not_share_a_folder(cli: Cli, stage, tmp_path):
    """Each would count what the other does, and send with the same key."""
    data = tmp_path / "watch" / "watchtower.sqlite"
    first = Watchtower(stage.chain, stage.person(opg=50), [DIGITS], data)
    with exclusive(data, "watch"):
        options = ["--model", str(DIGITS), "--workers", "0", "--data", "watch"]
        code, _, err = cli("watch", *options, key=stage.person().account)
        assert code == 1
        assert "another process is at work" in err and "--data" in err
        assert "watching" not in err
    first.close()
