"""On-chain requests: answered, defended while they can be disputed, collected when they are final."""

from __future__ import annotations

import time
from threading import Event

import pytest

from opg import actions
from opg.chain import Sender
from opg.chain.deploying import OPG
from opg.node import Node, Store
from opg.node.workers import Inline
from tests.waiting import wait_until


@pytest.fixture
def asked(stage, host, user, version, picture):
    """A host, and a request to it that waits."""
    made = host()
    deadline = stage.chain.now() + 60
    request_id, terms = actions.request(user, version.id, made.address, picture(), OPG, deadline)
    return made, request_id, terms


def state(stage, request_id):
    return int.from_bytes(stage.chain.read("Inference", "requestState", request_id), "big")


def again(host, stage):
    """The same node, started anew from what is on disk."""
    host.node.store.close()
    old = host.node
    sender = Sender(stage.chain, host.key)
    host.node = Node(stage.chain, sender, host.address, old.versions, Store(old.store.path), old.policy)
    return host.node


def test_request_is_answered_with_the_right_words(stage, asked, version, picture):
    host, request_id, _ = asked
    host.node.tick()
    host.node.tick()
    assert state(stage, request_id) > 2
    assert host.node.store.answer_to(request_id).outputs == version.execute(picture())


def test_fee_is_collected_when_the_answer_is_final_and_not_before(stage, asked):
    host, request_id, _ = asked
    for _ in range(3):
        host.node.tick()
    assert stage.chain.read("Inference", "incomeOf", host.address) == 0
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)
    host.node.tick()
    assert state(stage, request_id) == 0
    assert stage.chain.read("Inference", "incomeOf", host.address) == OPG - OPG // 10 - OPG * 3 // 100


def test_node_that_was_restarted_in_between_goes_on(stage, asked):
    host, request_id, _ = asked
    next(iter(host.node.duties.reader.read()))
    again(host, stage).tick()
    assert state(stage, request_id) > 2
    again(host, stage).tick()
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)
    again(host, stage).tick()
    assert state(stage, request_id) == 0


def test_answer_that_another_process_sent_is_not_sent_again(stage, asked, version, picture):
    host, request_id, terms = asked
    list(host.node.duties.reader.read())
    host.operator.send("Inference", "fulfil", terms.abi(), version.execute(picture()))
    host.node.tick()
    host.node.tick()
    assert not [sent for sent in host.node.sender.log if sent.label == "Inference.fulfil"]
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)
    host.node.tick()
    assert state(stage, request_id) == 0


class Slow(Inline):
    """Executes when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = Event()

    def run(self, version, inputs, urgent=False):
        assert self.let.wait(120)
        return super().run(version, inputs, urgent)


def test_an_execution_that_takes_long_keeps_nothing_else_waiting(stage, asked, version, picture):
    host, request_id, _ = asked
    host.node.duties.executions.patience = 0.1
    host.node.pool = Slow()
    begun = time.monotonic()
    for _ in range(3):
        host.node.tick()
    assert time.monotonic() - begun < 100
    assert state(stage, request_id) == 1
    host.node.pool.let.set()
    wait_until(lambda: host.node.tick() or state(stage, request_id) != 1)
    host.node.tick()
    assert host.node.store.answer_to(request_id).outputs == version.execute(picture())
    assert [sent.label for sent in host.node.sender.log].count("Inference.fulfil") == 1


def test_what_is_executed_comes_before_what_is_new(stage, asked, user, version, picture, monkeypatch):
    """Each new one is waited for: enough of them would keep it from its turn until it is too late."""
    host, request_id, _ = asked
    duties = host.node.duties
    duties.executions.patience = 0.1
    host.node.pool = Slow()
    host.node.tick()
    host.node.pool.let.set()
    for number in (1, 2):
        actions.request(user, version.id, host.address, picture(number), OPG, stage.chain.now() + 60)
    wait_until(duties.executions.ready)
    order, fulfil = [], duties._fulfil

    def noting(name, *rest):
        order.append(name)
        fulfil(name, *rest)

    monkeypatch.setattr(duties, "_fulfil", noting)
    host.node.tick()
    assert order[0] == request_id and len(order) == 3
    assert state(stage, request_id) > 2


def test_request_whose_time_is_over_is_left_alone(stage, asked):
    host, request_id, _ = asked
    stage.local.advance(61)
    host.node.tick()
    assert host.node.sender.log == []
    assert host.node.store.requests("closed")[0][0] == request_id


def test_requests_to_others_are_not_answered(stage, host, asked):
    other = host()
    other.node.tick()
    assert other.node.store.requests("open") == []
