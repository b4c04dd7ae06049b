"""Reading events: in order, once, from where one stopped."""

from __future__ import annotations

import pytest

from opg.chain import EventReader, emitted, events, find_events

TRANSFERS = [("OPG", "Transfer")]


@pytest.fixture
def sends(stage, user):
    """Three transfers of 1, 2 and 3 wei."""
    start = stage.chain.head() + 1
    for amount in (1, 2, 3):
        user.send("OPG", "transfer", stage.owner.address, amount)
    return start


def amounts(found):
    return [event.args["value"] for event in found]


def test_events_come_in_order(stage, sends):
    assert amounts(EventReader(stage.chain, TRANSFERS, sends).read()) == [1, 2, 3]


def test_reader_goes_on_where_it_stopped(stage, user, sends):
    reader = EventReader(stage.chain, TRANSFERS, sends)
    assert len(list(reader.read())) == 3
    assert not list(reader.read())
    user.send("OPG", "transfer", stage.owner.address, 4)
    assert amounts(reader.read()) == [4]
    assert amounts(EventReader(stage.chain, TRANSFERS, reader.cursor).read()) == []


def test_reader_that_was_interrupted_reads_the_span_again(stage, sends):
    reader = EventReader(stage.chain, TRANSFERS, sends)
    next(reader.read())
    assert amounts(reader.read()) == [1, 2, 3]


def test_unconfirmed_blocks_are_not_read(stage, sends):
    assert amounts(EventReader(stage.chain, TRANSFERS, sends, confirmations=1).read()) == [1, 2]


def test_many_spans_give_the_same(stage, sends, monkeypatch):
    monkeypatch.setattr(events, "MAX_SPAN", 1)
    assert amounts(EventReader(stage.chain, TRANSFERS, sends).read()) == [1, 2, 3]


def test_events_are_found_by_their_first_indexed_argument(stage, user, sends):
    mine = bytes(12) + bytes.fromhex(user.address[2:])
    assert amounts(find_events(stage.chain, TRANSFERS, mine, sends)) == [1, 2, 3]
    assert not find_events(stage.chain, TRANSFERS, bytes(31) + b"x", sends)


def test_events_of_a_transaction_are_those_of_the_named_contract(stage, user):
    sent = user.send("OPG", "transfer", stage.owner.address, 5)
    assert [args["value"] for args in emitted(stage.chain, sent, "OPG", "Transfer")] == [5]
    assert emitted(stage.chain, sent, "OPG", "Approval") == []
