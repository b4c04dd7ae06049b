"""What a node tells about itself: numbers for Prometheus, a status for people."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from opg.log import say
from opg.node import create_app
from opg.vouchers import make_voucher
from tests.stage import PRICE, channel
from tests.unit.cli.conftest import Cli, cli  # noqa: F401
from tests.unit.node.test_infer import body


@pytest.fixture
def earning(stage, host, user, version, picture):
    """A host that gave one answer for a voucher."""
    made = host(price=PRICE)
    channel(user, made)
    voucher = make_voucher(stage.chain, user.account, made.address, version.model_id, PRICE)
    request = body(stage.chain, made, picture(), user.account) | {"voucher": voucher.json()}
    http = TestClient(create_app(made.node))
    assert http.post("/opg/v1/infer", json=request).status_code == 200
    return made, http


def numbers(http) -> dict[str, float]:
    """Every sample, by its name and labels."""
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(http.get("/metrics").text)
        for sample in family.samples
    }


def test_metrics_count_what_happened(earning):
    made, http = earning
    http.post("/opg/v1/infer", content=b"{")
    http.get("/nothing/here")
    found = numbers(http)
    assert found["opg_requests_total /opg/v1/infer 200"] == 1
    assert found["opg_requests_total /opg/v1/infer 400"] == 1
    assert found["opg_requests_total none 404"] == 1
    assert found["opg_answers_total 1"] == found["opg_log_answers"] == found["opg_uncommitted"] == 1
    assert found["opg_request_seconds_count /opg/v1/infer"] == 2
    made.node.commit()
    made.node.tick()
    found = numbers(http)
    assert found["opg_uncommitted"] == 0
    assert found["opg_transactions_total Inference.commit included"] == 1
    assert found["opg_chain_head"] == made.node.chain.head()
    assert found["opg_chain_age_seconds"] < 60


def test_status_says_what_is_held_and_owed(earning, stage, user, version):
    made, http = earning
    told = http.get("/opg/v1/status").json()
    assert (told["answers"], told["uncommitted"], told["vouchers"]) == (1, 1, 1)
    assert (told["unredeemed"], told["ready"]) == (str(PRICE), "yes")
    assert told["versions"] == {"1": "digits (model 1)"}
    assert (told["games"], told["alarms"]) == ([], {})
    user.send("Channels", "startClose", made.address)
    made.node.tick()
    assert http.get("/opg/v1/status").json()["unredeemed"] == "0"


def test_log_is_for_people_or_for_programs(capsys, monkeypatch):
    say("answered", request=b"\1\2", version=3)
    assert capsys.readouterr().err.endswith("answered  request=0x0102 version=3\n")
    monkeypatch.setenv("OPG_LOG", "json")
    say("answered", request=b"\1\2", version=3)
    told = json.loads(capsys.readouterr().err)
    assert (told["event"], told["request"], told["version"]) == ("answered", "0x0102", 3)


def test_command_shows_a_running_node(earning, cli: Cli):  # noqa: F811
    made, _ = earning
    with made.serving() as url:
        code, told, _ = cli("node", "status", "--url", url)
    assert code == 0
    for words in ("ready", "yes", "digits (model 1)", "1, 0.01 OPG to redeem", "in no batch yet", "none"):
        assert words in told, told


def test_command_shows_what_a_node_left(earning, cli: Cli, tmp_path):  # noqa: F811
    made, _ = earning
    made.node.store.path.rename(tmp_path / "node.sqlite")
    for end in ("-wal", "-shm"):
        made.node.store.path.with_name(made.node.store.path.name + end).rename(tmp_path / f"node.sqlite{end}")
    code, told, _ = cli("node", "status", "--url", made.url, "--data", str(tmp_path))
    assert code == 0
    assert f"no, at {made.url}" in told and "1, 0.01 OPG to redeem" in told


def test_command_without_a_node_says_so(cli: Cli, tmp_path):  # noqa: F811
    code, _, told = cli("node", "status", "--url", "http://127.0.0.1:9", "--data", str(tmp_path))
    assert (code, "no node's data" in told) == (1, True)
    code, _, told = cli("node")
    assert (code, "nothing to serve is named" in told) == (1, True)


def test_text_of_a_stranger_is_no_line_of_its_own(capfd, monkeypatch):
    monkeypatch.delenv("OPG_LOG", raising=False)
    say("ERROR", at="/v2/x\n12:00:00  ALARM  reason=chain\x1b[2J")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.endswith(r"at=/v2/x\n12:00:00  ALARM  reason=chain\x1b[2J")
