"""Asking without naming an operator: cheap and quick ones first, and none twice that was caught."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

import opg
from opg import web
from opg.chain import Chain
from opg.chain.deploying import OPG
from opg.client import Client
from opg.errors import BadInput, ChainUnreachable, NoOperator, NotStaked, OperatorRefused, OperatorUnreachable
from opg.market import Market, Record, Terms
from opg.node import redeem_vouchers
from scripts.liar import LyingExecutor
from tests.stage import PRICE
from tests.strangers import UNREADABLE, stranger, whole

TERMS = Terms(max_price=PRICE, deposit=OPG)


def raising(problem):
    raise problem


@pytest.fixture
def market(stage, user, tmp_path) -> Market:
    return Market(Client(stage.chain, user.account), tmp_path / "market", seed=1)


@pytest.fixture
def inputs(digits):
    return [digits.picture(0)]


def test_the_cheapest_is_asked_and_paid(market, host, inputs, stage, user, digits):
    dear, cheap = host(price=PRICE), host(price=PRICE // 2)
    with dear.serving(), cheap.serving():
        replies = [market.infer(1, inputs, TERMS) for _ in range(2)]
    assert {reply.signed.answer.operator for reply in replies} == {cheap.address}
    scores = replies[0].tensors[0]["values"][0]
    assert scores.index(max(scores)) == digits.labels[0]
    assert stage.chain.read("Channels", "channel", user.address, cheap.address)[0] == OPG
    assert redeem_vouchers(cheap.node.store, cheap.node.sender) == PRICE


def test_on_a_public_chain_nobody_in_this_network_is_asked(market, host, inputs, monkeypatch):
    monkeypatch.setattr(Chain, "is_private", False)
    made = host(price=PRICE)
    with made.serving(), pytest.raises(NoOperator):
        market.infer(1, inputs, TERMS)
    assert made.node.store.answer_count() == 0


def test_a_channel_that_runs_out_is_topped_up(market, host, inputs, stage, user):
    made = host(price=PRICE)
    with made.serving():
        for _ in range(3):
            market.infer(1, inputs, Terms(max_price=PRICE, deposit=2 * PRICE))
    assert stage.chain.read("Channels", "channel", user.address, made.address)[0] == 4 * PRICE


def test_who_is_down_is_passed_over_and_left_alone_for_a_while(market, host, inputs):
    down, up = host(price=0), host(price=PRICE)
    with up.serving():
        assert market.infer(1, inputs, TERMS).signed.answer.operator == up.address
        assert [each.operator for each in market.candidates(1, TERMS)] == [up.address]
    assert market._records[down.address].avoid_until > time.time()


def test_who_lies_is_caught_kept_for_a_dispute_and_never_asked_again(market, host, inputs, version, stage):
    liar, honest = host(price=0, executor=LyingExecutor(2, 5)), host(price=PRICE)
    with liar.serving(), honest.serving():
        terms = Terms(max_price=PRICE, deposit=OPG, audit=1.0)
        reply = market.infer(1, inputs, terms, version)
        assert reply.signed.answer.operator == honest.address
        again = Market(market.client, market.folder)
        assert [each.operator for each in again.candidates(1, TERMS)] == [honest.address]
    operators = {path.read_text().count(liar.address) > 0 for path in market.receipts()}
    assert operators == {True, False}


def test_terms_are_kept(market, host, inputs):
    made = host(price=PRICE)
    with made.serving():
        assert market.candidates(1, Terms(max_price=PRICE - 1)) == []
        assert market.candidates(1, Terms(max_price=PRICE, min_stake=10**6 * OPG)) == []
        with pytest.raises(NoOperator, match=f"{made.address}: costs 0.01 OPG, you accept 0 OPG"):
            market.infer(1, inputs)
        with pytest.raises(NoOperator, match="has a stake of 1,500 OPG, you ask for 9,000 OPG"):
            market.infer(1, inputs, Terms(max_price=PRICE, min_stake=9_000 * OPG))


def test_who_was_left_alone_is_named(market, host, inputs):
    down = host(price=0)
    for why in ("no operator answers", "is left alone for [0-9]+ s more"):
        with pytest.raises(NoOperator, match=f"{down.address}: .*{why}"):
            market.infer(1, inputs, TERMS)


def test_a_request_that_nobody_takes_is_not_held_against_those_who_refuse_it(market, host, inputs):
    """A mistake in the inputs must not shut its user out."""
    cheap, dear = host(price=0), host(price=PRICE)
    with cheap.serving(), dear.serving():
        for _ in range(3):
            with pytest.raises(NoOperator, match="the operator refuses") as told:
                market.infer(1, [inputs[0][:, :3]], TERMS)
            assert "[1, 64]" in told.value.advice
        assert market.infer(1, inputs, TERMS).signed.answer.operator == cheap.address


def test_who_refuses_what_others_take_is_left_alone(market, host, inputs):
    picky, good = host(price=0), host(price=PRICE)
    picky.node.infer = lambda _: raising(BadInput("I do not like it"))
    with picky.serving(), good.serving():
        assert market.infer(1, inputs, TERMS).signed.answer.operator == good.address
    assert market._records[picky.address].failures == 1


def test_who_refuses_everything_does_not_use_up_all_tries_again(market, host, inputs):
    """Names are cheap: so many as there are tries, and nobody would ever be answered."""
    picky, good = [host(price=0) for _ in range(2)], host(price=PRICE)
    for each in picky:
        each.node.infer = lambda _: raising(BadInput("I do not like it"))
    terms = replace(TERMS, tries=2)
    with picky[0].serving(), picky[1].serving(), good.serving():
        with pytest.raises(NoOperator, match="I do not like it"):
            market.infer(1, inputs, terms)
        again = Market(market.client, market.folder)
        assert again.infer(1, inputs, terms).signed.answer.operator == good.address


@pytest.mark.parametrize(
    "price", [None, [], {}, True, "-5", -5, "٣", "1e3", 0.5, float("inf"), float("nan"), 2**128, "9" * 5_000]
)
def test_a_price_that_is_none_stops_nobody(market, host, inputs, price):
    evil, good = host(price=0), host(price=PRICE)
    evil.node.info = lambda: {"price": price}
    with evil.serving(), good.serving():
        assert market.infer(1, inputs, TERMS).signed.answer.operator == good.address
    assert market._records[evil.address].failures == 1


@pytest.mark.parametrize("kind", ["cut off", "no gzip", "deep", "bad redirection"])
def test_an_endpoint_that_serves_rubbish_stops_nobody(market, host, inputs, kind):
    evil, good = host(price=0), host(price=PRICE)
    with stranger(UNREADABLE[kind]) as url, good.serving():
        evil.operator.send("Staking", "register", evil.key.address, url)
        assert market.infer(1, inputs, TERMS).signed.answer.operator == good.address


@pytest.mark.parametrize(
    "changes",
    [
        {"key": ""}, {"key": "x"}, {"key": 5}, {"answer": None}, {"outputs": 7}, {"outputs": ["0x1"]}, {"signature": "0x"},
        {"answer": {"operator": "x" * 42}}, {"digest": None}, {"inputs": None},
    ],
)  # fmt: skip
def test_an_answer_that_is_none_stops_nobody(market, host, inputs, changes):
    evil, good = host(price=0), host(price=PRICE)
    honest = evil.node.infer

    def infer(body):
        reply = honest(body)
        if isinstance(changes.get("answer"), dict):
            return reply | {"answer": reply["answer"] | changes["answer"]}
        return reply | changes

    evil.node.infer = infer
    with evil.serving(), good.serving():
        assert market.infer(1, inputs, TERMS).signed.answer.operator == good.address


def test_silent_operators_hold_up_nobody_one_after_the_other(market, host, inputs, monkeypatch):
    """All are looked at at once, and none for longer than INFO_SECONDS."""
    monkeypatch.setattr("opg.client.INFO_SECONDS", 3.0)
    price, looks = market.client.price, []

    def noting(*arguments):
        begun = time.monotonic()
        try:
            return price(*arguments)
        finally:
            looks.append((begun, time.monotonic()))

    market.client.price = noting
    silent, good = [host(price=0) for _ in range(4)], host(price=PRICE)
    with stranger([(b"", 60)]) as url, good.serving():
        for each in silent:
            each.operator.send("Staking", "register", each.key.address, url)
        assert market.infer(1, inputs, TERMS).signed.answer.operator == good.address
    begins, ends = zip(*(each for each in looks if each[1] - each[0] >= 3), strict=True)
    assert len(begins) == 4 and max(begins) < min(ends), looks


def test_a_request_is_given_up_in_time_with_all_its_tries(market, host, inputs, monkeypatch):
    monkeypatch.setattr("opg.client.TIMEOUT_SECONDS", 1.0)
    made, given, read = host(price=0), [], web.read
    market.client.price = lambda *_: 0
    monkeypatch.setattr(web, "read", lambda url, seconds, *rest: given.append(seconds) or read(url, seconds, *rest))
    with stranger([(b"", 60)]) as url:
        made.operator.send("Staking", "register", made.key.address, url)
        with pytest.raises(NoOperator, match="not done after"):
            market.infer(1, inputs, TERMS)
    assert len(given) == 1 and given[0] <= 1, "nothing is left for another try"


def test_a_reply_that_was_cut_off_is_asked_for_again(stage, user, version, picture, host):
    made = host()
    with made.serving() as url, cutting_off_once(made.port) as broken:
        reply = Client(stage.chain, user.account).ask(version.published, made.address, picture(), endpoint=broken)
        assert url != broken
    assert reply.signed.outputs == version.execute(picture())
    assert made.node.store.answer_count() == 1


def test_a_refusals_words_fit_in_a_line(stage, user, version, picture, host):
    made = host()
    refusal = whole(
        b'{"reason": "\\u001b[2J\\nright  answer=0x00", "advice": "%s"}' % (b"x" * 9_999), status=b"400 Bad"
    )
    with stranger(refusal) as url, pytest.raises(OperatorRefused) as told:
        Client(stage.chain, user.account).ask(version.published, made.address, picture(), endpoint=url)
    assert str(told.value) == "the operator refuses:  [2J right  answer=0x00"
    assert len(told.value.advice) == 300


@pytest.mark.parametrize(
    "told",
    [
        [{"dtype": []}], [{"dtype": "int64"}], [{"shape": [10**400]}], [{"shape": [1] * 99 + [10]}], [{"name": "\ud800"}],
        [{"dtype": "bool", "shape": [10, 1]}],
    ],
)  # fmt: skip
def test_a_receipt_is_kept_whatever_is_told_of_the_outputs(market, host, inputs, told):
    made = host(price=0)
    honest = made.node.infer
    made.node.infer = lambda body: {**honest(body), "tensors": told}
    with made.serving():
        market.infer(1, inputs, TERMS)
    assert len(market.receipts()) == 1


def test_a_chain_that_is_away_is_no_operators_failure(market, host, monkeypatch):
    made = host(price=0)
    monkeypatch.setattr(market.client, "endpoint", lambda _: raise_(ChainUnreachable("http://x", "gone")))
    with pytest.raises(ChainUnreachable):
        market.candidates(1)
    assert market._records[made.address].failures == 0


def raise_(problem):
    raise problem


@contextmanager
def cutting_off_once(port):
    """The URL of a proxy that breaks off the first reply half-way."""
    listening = socket.create_server(("127.0.0.1", 0))

    def carry():
        for number in range(2):
            caller, _ = listening.accept()
            with caller, socket.create_connection(("127.0.0.1", port)) as server:
                head = b""
                while b"\r\n\r\n" not in head:
                    head += caller.recv(65_536)
                size = int(re.search(rb"(?i)content-length: (\d+)", head)[1])
                while len(head.split(b"\r\n\r\n", 1)[1]) < size:
                    head += caller.recv(65_536)
                server.sendall(head)
                reply = server.recv(65_536)
                caller.sendall(reply[: len(reply) // 2] if number == 0 else reply)
                while number and (reply := server.recv(65_536)):
                    caller.sendall(reply)

    threading.Thread(target=carry, daemon=True).start()
    with listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_nobody_left_names_every_reason(market, host, inputs):
    made = [host(price=0, executor=Broken()) for _ in range(2)]
    with made[0].serving(), made[1].serving(), pytest.raises(NoOperator) as told:
        market.infer(1, inputs, TERMS)
    for each in made:
        assert each.address in str(told.value)


class LosesReplies(Client):
    """The next replies are lost on the way."""

    lost = 0

    def _post(self, url, body):
        reply = super()._post(url, body)
        if self.lost:
            self.lost -= 1
            raise OperatorUnreachable("the connection broke", "")
        return reply


@pytest.mark.parametrize("forgets", [False, True])
def test_an_answer_whose_reply_was_lost_is_fetched_and_paid_once(host, inputs, stage, user, tmp_path, forgets):
    """Also by a new process. Nobody signs twice for it, and no later voucher is too low."""
    made, client = host(price=PRICE), LosesReplies(stage.chain, user.account)
    market = Market(client, tmp_path / "market")
    with made.serving():
        market.infer(1, inputs, TERMS)
        client.lost = 1
        with pytest.raises(NoOperator, match="the connection broke"):
            market.infer(1, inputs, TERMS)
        assert len(market.receipts()) == 1
        if forgets:
            market = Market(Client(stage.chain, user.account), tmp_path / "market")
        market._records.clear()
        market.infer(1, inputs, TERMS)
    assert len(market.receipts()) == made.node.store.answer_count() == 3
    assert redeem_vouchers(made.node.store, made.node.sender) == 3 * PRICE
    assert not list((tmp_path / "market" / "unanswered").iterdir())


def test_a_request_that_never_came_is_not_paid(host, inputs, stage, user, tmp_path):
    """It is forgotten when it could no longer be answered."""
    made, client = host(price=PRICE), Client(stage.chain, user.account)
    market = Market(client, tmp_path / "market")
    with pytest.raises(NoOperator):
        terms = Terms(max_price=PRICE, deposit=OPG)
        client.price = lambda *_: PRICE
        market.infer(1, inputs, terms)
    market._records.clear()
    unanswered = tmp_path / "market" / "unanswered"
    assert len(list(unanswered.iterdir())) == 1
    with made.serving():
        market.infer(1, inputs, TERMS)
        assert len(list(unanswered.iterdir())) == 1
        stage.local.advance(1_000)
        client.recover(made.address, made.url)
    assert not list(unanswered.iterdir())
    assert redeem_vouchers(made.node.store, made.node.sender) == PRICE


class Broken:
    """An executor that fails."""

    def execute(self, program, inputs):
        raise NotStaked("out of order", "")

    trace = execute


def test_who_was_never_asked_comes_behind_a_quick_one(market, host):
    known, new = host(price=0), host(price=0)
    market._records[known.address] = Record(latency=0.05, good=9)
    with known.serving(), new.serving():
        assert [each.operator for each in market.candidates(1)] == [known.address, new.address]


def test_receipts_are_kept_for_as_long_as_they_can_be_disputed(market, host, inputs, stage):
    with host(price=0).serving():
        market.infer(1, inputs)
    assert len(market.receipts()) == 1
    stage.local.advance(2 * stage.chain.read("Inference", "windowSeconds") + 200)
    assert market.receipts() == []


def test_many_at_once_and_without_blocking(market, host, inputs):
    made = host(price=PRICE)
    terms = Terms(max_price=PRICE, deposit=OPG)
    with made.serving():
        with ThreadPoolExecutor(4) as pool:
            replies = list(pool.map(lambda _: market.infer(1, inputs, terms), range(8)))
        replies.append(asyncio.run(market.infer_async(1, inputs, terms)))
    assert len({reply.signed.digest for reply in replies}) == 9
    assert redeem_vouchers(made.node.store, made.node.sender) == 9 * PRICE


def test_from_the_environment(stage, user, tmp_path, monkeypatch):
    stage.chain.deployment.save(tmp_path / "manifest.json")
    monkeypatch.setenv("OPG_RPC", stage.local.url)
    monkeypatch.setenv("OPG_MANIFEST", str(tmp_path / "manifest.json"))
    monkeypatch.setenv("OPG_PRIVATE_KEY", user.account.key.hex())
    with opg.Client.from_environment(tmp_path / "market") as market:
        assert isinstance(market, Market)
        assert market.client.account.address == user.address
    assert (tmp_path / "market" / "records.json").exists()
