"""What a payer must not lose: what was signed, what was sent, what was answered."""

from __future__ import annotations

import json
import stat
import threading
import time
from dataclasses import replace

import pytest

from opg import actions
from opg.chain.deploying import OPG
from opg.client import Client
from opg.errors import BookDamaged, NoOperator, OperatorRefused, OperatorUnreachable
from opg.market import Candidate, Market, Record, Terms
from opg.node import redeem_vouchers
from opg.node.errors import Busy
from opg.versions import read_published
from opg.vouchers import VoucherBook, make_voucher
from tests.stage import PRICE

TERMS = Terms(max_price=PRICE, deposit=OPG)
DAMAGED = ["", "{", "[]", "null", "7", '{"a": 5}', '{"a": "-5"}', '{"a": "1.5"}', '{"a": null}', "[" * 100_000, "\0"]


@pytest.fixture
def market(stage, user, tmp_path) -> Market:
    return Market(Client(stage.chain, user.account), tmp_path / "market", seed=1)


@pytest.fixture
def inputs(digits):
    return [digits.picture(0)]


class LosesReplies(Client):
    """The next reply is lost on the way."""

    lose = False

    def _post(self, url, body):
        reply = super()._post(url, body)
        if self.lose:
            self.lose = False
            raise OperatorUnreachable("the connection broke", "")
        return reply


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_book_is_said_before_anything_is_sent_and_stays_as_it_is(market, host, inputs, content):
    made = host(price=PRICE)
    with made.serving():
        market.infer(1, inputs, TERMS)
        market.client.book.path.write_text(content)
        with pytest.raises(BookDamaged, match=r"vouchers\.json is damaged") as told:
            market.infer(1, inputs, TERMS)
    assert "put back a copy" in told.value.advice
    assert market.client.book.path.read_text() == content
    assert made.node.store.answer_count() == 1


def test_a_book_that_was_put_back_goes_on(market, host, inputs):
    made = host(price=PRICE)
    with made.serving():
        market.infer(1, inputs, TERMS)
        good = market.client.book.path.read_text()
        market.client.book.path.write_text("")
        with pytest.raises(BookDamaged):
            market.infer(1, inputs, TERMS)
        market.client.book.path.write_text(good)
        market.infer(1, inputs, TERMS)
    assert redeem_vouchers(made.node.store, made.node.sender) == 2 * PRICE


@pytest.mark.parametrize("content", ["", "{}", "[]", "null", '{"operator": 1}'])
def test_a_damaged_note_of_what_was_sent_is_said(market, host, inputs, content):
    path = market.client.book.unanswered / f"{'00' * 32}.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with host(price=PRICE).serving(), pytest.raises(BookDamaged, match=r"0000\.json is damaged"):
        market.infer(1, inputs, TERMS)
    assert path.read_text() == content


def test_what_is_kept_is_its_owners_only_and_whole(host, inputs, stage, user, tmp_path):
    made, client = host(price=PRICE), LosesReplies(stage.chain, user.account)
    market = Market(client, tmp_path / "market")
    with made.serving():
        market.infer(1, inputs, TERMS)
        client.lose = True
        with pytest.raises(NoOperator):
            market.infer(1, inputs, TERMS)
    (receipt,), (sent,) = market.receipts(), client.book.unanswered.iterdir()
    for path in (receipt, sent, client.book.path, market.folder / "records.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        json.loads(path.read_text())
    assert not list(market.folder.rglob("*.tmp"))


def test_a_receipt_that_cannot_be_written_leaves_the_old_one(market, host, inputs, monkeypatch):
    """The disk is full half-way."""
    with host(price=0).serving():
        signed = market.infer(1, inputs).signed
    (path,) = market.receipts()
    before = path.read_text()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("opg.keeping.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        replace(signed, outputs=(bytes(4),)).save(path)
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]


def test_files_that_are_no_receipts_are_left_alone(market, host, inputs, stage):
    with host(price=0).serving():
        market.infer(1, inputs)
    other = market.folder / "receipts" / "mine.json"
    other.write_text("{}")
    stage.local.advance(2 * stage.chain.read("Inference", "windowSeconds") + 200)
    assert market.receipts() == []
    assert list(other.parent.iterdir()) == [other]


def test_a_clock_that_is_ahead_throws_no_receipt_away(market, host, inputs, monkeypatch):
    with host(price=0).serving():
        market.infer(1, inputs)
    monkeypatch.setattr("opg.chain.connection.time.time", lambda now=time.time: now() + 365 * 86_400)
    assert len(market.receipts()) == 1


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {}}', '{"a": {"latency": "x"}}', "null"])
def test_records_that_are_damaged_are_made_anew(market, host, inputs, content):
    market.folder.mkdir(parents=True)
    (market.folder / "records.json").write_text(content)
    again = Market(market.client, market.folder)
    with host(price=0).serving():
        again.infer(1, inputs)
    assert len(Market(market.client, market.folder)._records) == 1


# ---------------------------------------------------------------------- what an operator could not say


@pytest.fixture
def lost(stage, host, user, version, picture, tmp_path):
    """A host, and a client whose paid answer was lost; it could no longer be given."""
    made, client = host(price=PRICE, max_skew_seconds=0), LosesReplies(stage.chain, user.account)
    client.book = VoucherBook(tmp_path / "vouchers.json")
    actions.open_channel(user, made.address, OPG)
    with made.serving():
        client.lose = True
        with pytest.raises(OperatorUnreachable):
            client.ask(version.published, made.address, picture(), PRICE)
        stage.local.advance(3_600)
        made.node.tick()
        yield made, client


@pytest.mark.parametrize("problem", [Busy("too many", ""), RuntimeError("database is locked")])
def test_an_operator_in_trouble_does_not_make_a_paid_answer_forgotten(lost, version, picture, monkeypatch, problem):
    made, client = lost
    found = []
    client.late = found.append

    def fail(_):
        raise problem

    with monkeypatch.context() as broken:
        broken.setattr(made.node, "stored_answer", fail)
        with pytest.raises((OperatorRefused, OperatorUnreachable), match=r"too many|the node failed"):
            client.ask(version.published, made.address, picture(1), PRICE)
    assert len(client.book.sent()) == 1
    client.ask(version.published, made.address, picture(1), PRICE)
    assert (len(found), len(client.book.sent())) == (1, 0)
    assert redeem_vouchers(made.node.store, made.node.sender) == 2 * PRICE


def test_what_was_never_answered_is_forgotten_when_the_operator_says_so_too_late(lost, version, picture, monkeypatch):
    made, client = lost
    with monkeypatch.context() as denying:
        denying.setattr(made.node, "stored_answer", lambda _: None)
        client.recover(made.address, made.url)
    assert client.book.sent() == []


def test_a_clock_that_is_ahead_forgets_nothing(stage, host, user, version, picture, tmp_path, monkeypatch):
    made, client = host(price=PRICE), Client(stage.chain, user.account, VoucherBook(tmp_path / "vouchers.json"))
    actions.open_channel(user, made.address, OPG)
    with pytest.raises(OperatorUnreachable):
        client.ask(version.published, made.address, picture(), PRICE)
    monkeypatch.setattr("opg.chain.connection.time.time", lambda now=time.time: now() + 365 * 86_400)
    with made.serving():
        client.recover(made.address, made.url)
    assert len(client.book.sent()) == 1


# ---------------------------------------------------------------------- one deposit, several models


def test_a_deposit_is_topped_up_for_all_models_of_an_operator(market, host, inputs, stage, user):
    """The operator counts them together, see `check_voucher`."""
    made, terms = host(price=PRICE), Terms(max_price=PRICE, deposit=PRICE)
    with made.serving():
        market.infer(1, inputs, terms)
    candidate, other = Candidate(made.address, made.url, 0, PRICE), replace(read_published(stage.chain, 1), model_id=2)
    assert market._fund(candidate, other, terms)
    assert stage.chain.read("Channels", "channel", user.address, made.address)[0] == 2 * PRICE
    assert not market._fund(candidate, other, terms)
    redeem_vouchers(made.node.store, made.node.sender)
    assert stage.chain.read("Channels", "channel", user.address, made.address)[0] == PRICE
    assert not market._fund(candidate, other, terms)


def test_what_an_answer_cost_that_was_lost_is_counted(host, inputs, stage, user, tmp_path):
    """The deposit covers it, and no more: the next request needs a new one."""
    made, client = host(price=PRICE), LosesReplies(stage.chain, user.account)
    market, terms = Market(client, tmp_path / "market"), Terms(max_price=PRICE, deposit=PRICE)
    with made.serving():
        client.lose = True
        with pytest.raises(NoOperator):
            market.infer(1, inputs, terms)
        market._records.clear()
        market.infer(1, inputs, terms)
    assert redeem_vouchers(made.node.store, made.node.sender) == 2 * PRICE


def test_totals_are_of_one_payer_and_operator(stage, host, user, tmp_path):
    book, (one, two) = VoucherBook(tmp_path / "vouchers.json"), (host(), host())
    for operator, model, total in ((one, 1, 5), (one, 2, 6), (one, 12, 7), (two, 1, 8)):
        book.note(stage.chain, make_voucher(stage.chain, user.account, operator.address, model, total).voucher)
    assert book.totals(stage.chain, user.address, one.address) == {1: 5, 2: 6, 12: 7}
    assert book.totals(stage.chain, one.address, two.address) == {}


# ---------------------------------------------------------------------- several threads


def test_who_goes_through_records_and_looks_sees_none_change(market, host):
    """What is new waits for the lock that `_save` and `_failed` hold meanwhile."""
    asked, answer = threading.Event(), threading.Event()
    market.client.price = lambda *_: asked.set() or int(not answer.wait(10))
    made = host()
    look = threading.Thread(target=market._look, args=(made.address, 1, Record()))
    look.start()
    assert asked.wait(10)
    record = threading.Thread(target=market._record, args=(made.address,))
    with market._lock:
        record.start()
        answer.set()
        for each in (look, record):
            each.join(0.5)
            assert each.is_alive()
        assert not market._looks
        assert not market._records
    for each in (look, record):
        each.join(10)
    assert market._looks
    assert market._records
