"""Reading events: in order, once, from where one stopped."""

from __future__ import annotations

import pytest
from web3.exceptions import Web3RPCError

from opg.chain import EventReader, emitted, events, find_events
from opg.errors import ChainUnreachable

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
    monkeypatch.setattr(events, "SPAN", 1)
    assert amounts(EventReader(stage.chain, TRANSFERS, sends).read()) == [1, 2, 3]


@pytest.fixture
def asked(monkeypatch):
    """How many blocks were asked for at once; `asked.limit`: the node refuses more, in its own way."""

    class Asked(list):
        limit, problem = 10**9, Web3RPCError("range too wide")

    found, logs = Asked(), EventReader._logs

    def limited(reader, first, last):
        found.append(last - first + 1)
        if found[-1] > found.limit:
            raise found.problem
        return logs(reader, first, last)

    monkeypatch.setattr(EventReader, "_logs", limited)
    return found


@pytest.fixture
def long_chain(stage, sends, monkeypatch):
    """Of 400 blocks, where 20 are asked for at first."""
    monkeypatch.setattr(events, "SPAN", 20)
    stage.local.rpc("anvil_mine", hex(400))
    return sends


def test_a_long_chain_is_read_in_few_requests(stage, long_chain, asked):
    assert amounts(EventReader(stage.chain, TRANSFERS, long_chain).read()) == [1, 2, 3]
    assert asked[:4] == [20, 40, 80, 160] and len(asked) == 5


@pytest.mark.parametrize("problem", [Web3RPCError("range too wide"), ChainUnreachable("http://x", "HTTPError")])
@pytest.mark.parametrize("limit", [20, 50])
def test_a_node_that_gives_less_at_once_is_asked_for_less(stage, long_chain, asked, limit, problem):
    asked.limit, asked.problem = limit, problem
    assert amounts(EventReader(stage.chain, TRANSFERS, long_chain).read()) == [1, 2, 3]
    assert sum(each > limit for each in asked) <= 2, "it is not asked for too much again and again"


def test_a_node_that_is_away_is_not_asked_again(stage, long_chain, asked):
    asked.limit, asked.problem = 0, ChainUnreachable("http://x", "ConnectionError")
    with pytest.raises(ChainUnreachable):
        list(EventReader(stage.chain, TRANSFERS, long_chain).read())
    assert len(asked) == 1


def test_events_are_found_by_their_first_indexed_argument(stage, user, sends):
    mine = bytes(12) + bytes.fromhex(user.address[2:])
    assert amounts(find_events(stage.chain, TRANSFERS, mine, sends)) == [1, 2, 3]
    assert not find_events(stage.chain, TRANSFERS, bytes(31) + b"x", sends)


def test_events_of_a_transaction_are_those_of_the_named_contract(stage, user):
    sent = user.send("OPG", "transfer", stage.owner.address, 5)
    assert [args["value"] for args in emitted(stage.chain, sent, "OPG", "Transfer")] == [5]
    assert emitted(stage.chain, sent, "OPG", "Approval") == []
