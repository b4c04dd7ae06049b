"""Asking without naming an operator: cheap and quick ones first, and none twice that was caught."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import opg
from opg.chain.deploying import OPG
from opg.client import Client
from opg.errors import NoOperator, NotStaked, OperatorUnreachable
from opg.market import Market, Record, Terms
from opg.node import redeem_vouchers
from scripts.liar import LyingExecutor
from tests.stage import PRICE

TERMS = Terms(max_price=PRICE, deposit=OPG)


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
        with pytest.raises(NoOperator, match="nobody who is live offers it on these terms"):
            market.infer(1, inputs)


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
        client.now = lambda: stage.chain.now() + 1_000
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
