"""Batches: one hash for many answers, each provable on chain from the data that the node serves."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from opg.answers import SignedAnswer
from opg.chain import Evidence
from opg.errors import TransactionRefused
from opg.node import Node, Policy, commit_batch, create_app
from tests.unit.node.test_infer import body


@pytest.fixture
def answered(stage, host, picture):
    """A host that has given three answers."""
    made = host()
    for number in range(3):
        made.node.infer(body(stage.chain, made, picture(number), nonce=number))
    return made


def test_every_answer_of_a_batch_can_be_proven_from_what_is_served(stage, answered):
    batch_id = answered.node.commit()
    http = TestClient(create_app(answered.node))
    for place in range(3):
        item = http.get(f"/opg/v1/batch/{batch_id}/{place}").json()
        signed = SignedAnswer.from_json(item)
        path = tuple(bytes.fromhex(node[2:]) for node in item["path"])
        evidence = Evidence(batch_id=batch_id, index=place, path=path)
        stage.local.advance(1)
        digest, _ = stage.chain.read("Inference", "liability", signed.answer.abi(), evidence.abi())
        assert digest == signed.digest
        with pytest.raises(TransactionRefused, match="NotTheOperatorsAnswer"):
            other = Evidence(batch_id=batch_id, index=(place + 1) % 3, path=path)
            stage.chain.read("Inference", "liability", signed.answer.abi(), other.abi())


def test_batch_is_served_by_id_and_by_root(stage, answered):
    batch_id = answered.node.commit()
    http = TestClient(create_app(answered.node))
    served = http.get(f"/opg/v1/batch/{batch_id}").json()
    assert (served["batchId"], len(served["answers"])) == (batch_id, 3)
    assert http.get(f"/opg/v1/batch/{served['root']}").json() == served
    assert bytes.fromhex(served["root"][2:]) == stage.chain.read("Inference", "batch", batch_id)[3]
    assert http.get(f"/opg/v1/batch/{batch_id}/3").status_code == 404


def test_answers_are_committed_once(stage, answered, picture):
    first = answered.node.commit()
    assert answered.node.commit() is None
    answered.node.infer(body(stage.chain, answered, picture(5), nonce=5))
    assert answered.node.commit() == first + 1
    http = TestClient(create_app(answered.node))
    old, new = (http.get(f"/opg/v1/batch/{number}").json()["answers"] for number in (first, first + 1))
    assert (len(old), len(new)) == (3, 1)
    assert new[0] not in old


def test_batch_that_was_planned_when_the_node_died_is_sent_afterwards(stage, answered):
    store = answered.node.store

    class Dies:
        chain = stage.chain

        def send(self, *_):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commit_batch(store, Dies(), answered.address, answered.url)
    root, count, _ = store.planned_batch()
    assert count == 3
    batch_id = answered.node.commit()
    assert stage.chain.read("Inference", "batch", batch_id)[3] == root
    assert store.planned_batch() is None


def test_node_that_died_after_sending_learns_the_batchs_id_from_the_chain(answered):
    store = answered.node.store
    batch_id = answered.node.commit()
    with store._writing() as db:
        db.execute("update batches set id = null")
    answered.node.tick()
    assert store.batch_id(store.batch_head(batch_id)[0]) == batch_id


def test_node_commits_by_itself_when_it_is_time(stage, answered):
    old = answered.node
    policy = Policy(commit_every_seconds=3_600, endpoint=answered.url)
    node = Node(stage.chain, old.sender, answered.address, old.versions, old.store, policy)
    node.tick()
    assert node.store.uncommitted_count() == 3
    stage.local.advance(3_600)
    node.tick()
    assert node.store.uncommitted_count() == 0


def test_node_commits_by_itself_when_enough_answers_wait(stage, answered):
    old = answered.node
    policy = Policy(commit_every_seconds=3_600, commit_at=3, endpoint=answered.url)
    Node(stage.chain, old.sender, answered.address, old.versions, old.store, policy).tick()
    assert old.store.uncommitted_count() == 0
