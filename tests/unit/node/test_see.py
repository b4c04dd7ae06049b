"""What a node knows of the chain without asking: warm, it asks nobody; blind or with a wrong clock, it signs nothing."""

from __future__ import annotations

import json
import time

import pytest
import requests
from fastapi.testclient import TestClient

from opg import actions
from opg.chain import Sender
from opg.chain.deploying import OPG
from opg.errors import ChainUnreachable, NotStaked
from opg.node import Node, create_app
from opg.node.errors import ClockSkewed
from opg.node.view import ChainView
from opg.vouchers import make_voucher
from tests.stage import PRICE, channel
from tests.unit.node.test_infer import body


@pytest.fixture
def counted(stage, monkeypatch):
    """What the chain was asked: a list of methods for each request over HTTP."""
    asked: list[list[str]] = []
    send = requests.Session.send

    def counting(session, request, **options):
        body = json.loads(request.body)
        asked.append([each["method"] for each in (body if isinstance(body, list) else [body])])
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", counting)
    return asked


def test_chain_is_not_in_the_way_of_an_answer(stage, host, user, version, picture, counted):
    made = host(price=PRICE)
    channel(user, made)

    def request(number):
        voucher = make_voucher(stage.chain, user.account, made.address, version.model_id, number * PRICE)
        return body(stage.chain, made, picture(number), user.account) | {"voucher": voucher.json()}

    wanted = [request(number) for number in (1, 2, 3)]
    made.node.infer(wanted[0])
    made.node.tick()
    assert counted
    counted.clear()
    for each in wanted[1:]:
        made.node.infer(each)
    assert counted == []


def test_a_round_asks_little_however_many_are_served(stage, host, user, counted):
    """What did not change is not even decoded."""
    made = host(price=PRICE)
    payers = [stage.local.account().address for _ in range(30)]

    def look():
        return [made.node.view.read("Channels", "channel", each, made.address) for each in payers]

    look()
    made.node.tick()
    counted.clear()
    made.node.tick()
    assert ["eth_call"] * 33 in counted  # with the operator's key and stake, and the window
    assert len(counted) <= 4
    opened = Sender(stage.chain, stage.local.account())
    payers.append(opened.address)
    before = look()
    stage.pay(opened.address, 3)
    actions.open_channel(opened, made.address, 3 * OPG)
    made.node.tick()
    assert before[-1] == [0, 0] and look()[-1] == [3 * OPG, 0]
    assert look()[:-1] == before[:-1]


@pytest.mark.parametrize(
    "reply",
    [
        {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are not taken"}},
        [],
        [{"jsonrpc": "2.0", "id": 0, "error": {"code": -32005, "message": "limit"}}],
        requests.HTTPError("413"),
        None,
    ],
    ids=["an error", "nothing", "errors", "HTTP", "null"],
)
def test_ethereum_node_that_takes_no_batches_is_asked_one_by_one(stage, user, host, monkeypatch, reply):
    def refuse(_):
        if isinstance(reply, Exception):
            raise reply
        return reply

    monkeypatch.setattr(stage.chain.w3.provider, "make_batch_request", refuse)
    view = ChainView(stage.chain, 0, 900)
    made = host()
    key = ("Channels", "channel", user.address, made.address)
    assert view.read(*key) == [0, 0]
    for number in (1, 2):
        channel(user, made, 3)
        view.refresh()
        assert view.read(*key)[0] == number * 3 * OPG


def test_what_came_and_went_while_it_was_looked_at_is_gone(stage, user, host, monkeypatch):
    """A deposit between two replies of one round, taken away by a re-organisation."""
    view, made, raw = ChainView(stage.chain, 0, 900), host(), stage.chain.raw
    key = ("Channels", "channel", user.address, made.address)
    assert view.read(*key) == [0, 0]
    view.refresh()
    mark = stage.local.rpc("evm_snapshot")

    def meanwhile(calls):
        found = raw(calls)
        channel(user, made, 3)
        return found

    view._entries[key].raw = "0x"  # as if it had changed
    with monkeypatch.context() as patched:
        patched.setattr(stage.chain, "raw", meanwhile)
        view.refresh()
    stage.local.rpc("evm_revert", mark)
    view.refresh()
    assert view.read(*key) == [0, 0]


@pytest.mark.parametrize("change", ["twice", "turned", "nameless", "one too many"])
def test_replies_of_a_batch_that_are_mixed_up_are_nobodys(stage, user, host, monkeypatch, change):
    make = stage.chain.w3.provider.make_batch_request

    def mixed(asked):
        replies = make(asked)
        if change == "twice":
            replies[1] = replies[0]
        elif change == "nameless":
            replies = [{"result": each["result"]} for each in reversed(replies)]
        elif change == "turned":
            replies.reverse()
        else:
            replies.append(replies[0])
        return replies

    view, made = ChainView(stage.chain, 0, 900), host()
    keys = [("Channels", "channel", payer, made.address) for payer in (made.address, user.address)]
    monkeypatch.setattr(stage.chain.w3.provider, "make_batch_request", mixed)
    for number in range(3):
        assert [view.read(*key)[0] for key in keys] == [0, number * 3 * OPG]
        view.refresh()
        channel(user, made, 3)
        view.refresh()


def test_decoded_digits_are_what_the_chain_is_read_as(stage, user, host):
    made = host()
    channel(user, made, 3)
    views = [
        ("Staking", "operatorInfo", made.address), ("Staking", "isLive", made.address), ("Inference", "windowSeconds"),
        ("Channels", "channel", user.address, made.address), ("Channels", "keyUntil", user.address, made.address),
        ("Channels", "redeemed", user.address, made.address, 1), ("Models", "tokenURI", 1),
    ]  # fmt: skip
    found = stage.chain.raw([stage.chain.encoded(*view) for view in views])
    assert [stage.chain.decoded(*view[:2], raw) for view, raw in zip(views, found, strict=True)] == [
        stage.chain.read(*view) for view in views
    ]
    for nothing in ("", "0x", "0x12", "0x1", "no"):
        with pytest.raises(ValueError):
            stage.chain.decoded("Staking", "isLive", nothing)


def test_what_is_used_is_refreshed_and_what_is_not_is_forgotten(stage, user, host, monkeypatch):
    view = ChainView(stage.chain, 0, 900)
    made = host()
    key = ("Channels", "channel", user.address, made.address)
    assert view.read(*key) == [0, 0]
    channel(user, made, 3)
    assert view.read(*key) == [0, 0]
    view.refresh()
    assert view.read(*key)[0] == 3 * 10**18
    monkeypatch.setattr("opg.node.view.IDLE_SECONDS", -1)
    view.refresh()
    assert not view._entries


@pytest.mark.parametrize("off", [-3_600, 3_600])
def test_node_whose_clock_is_wrong_signs_nothing(stage, host, picture, off):
    made, old = None, host()
    made = Node(
        stage.chain, Sender(stage.chain, old.key), old.address, old.node.versions, old.node.store, old.node.policy,
        clock=lambda: time.time() + off,
    )  # fmt: skip
    with pytest.raises(ClockSkewed, match=r"seconds from the chain's"):
        made.infer(body(stage.chain, old, picture(), deadline=made.view.now() + 60))
    http = TestClient(create_app(made))
    assert http.get("/v2/health/ready").status_code == 503
    assert http.get("/v2/health/live").status_code == 200
    assert made.store.answer_count() == 0


def test_idle_chain_is_no_wrong_clock(stage, host, picture):
    """Nothing happened for long; the next block would have the time of now."""
    made = host()
    made.node.view.clock = lambda: time.time()
    assert stage.chain.block("latest")["timestamp"] <= time.time()
    made.node.tick()
    assert abs(made.node.view.skew) < 60
    assert made.node.infer(body(stage.chain, made, picture()))


def test_node_that_is_blind_for_too_long_signs_nothing(stage, host, picture, monkeypatch):
    made = host(max_blind_seconds=0.2)
    request = body(stage.chain, made, picture())
    time.sleep(0.3)
    with monkeypatch.context() as broken:
        broken.setattr(made.node.view.chain, "block", unreachable)
        with pytest.raises(ChainUnreachable):
            made.node.infer(request)
    assert made.node.infer(request)


def test_operator_that_lost_its_stake_answers_no_more(stage, host, picture):
    made = host()
    made.operator.send("Staking", "startThaw", 501 * 10**18)
    made.node.tick()
    http = TestClient(create_app(made.node), raise_server_exceptions=False)
    reply = http.post("/opg/v1/infer", json=body(stage.chain, made, picture()))
    assert (reply.status_code, reply.json()["kind"]) == (503, NotStaked.__name__)
    assert "unfit" in made.node.duties.alarms


def test_strangers_vouchers_do_not_hide_that_stake_is_gone(stage, host, monkeypatch):
    """Whatever is signed for any payer is looked up, and kept fresh for a while."""
    made = host(price=PRICE)
    monkeypatch.setattr("opg.node.view.REFRESHED", 3)
    for _ in range(12):
        made.node.view.read("Channels", "channel", stage.local.account().address, made.address)
    made.node.tick()
    made.operator.send("Staking", "startThaw", 501 * 10**18)
    made.node.tick()
    assert "unfit" in made.node.duties.alarms


def unreachable(*_):
    raise ChainUnreachable("http://nowhere", "gone")
