"""What is given up for good is given up by the chain's clock: this machine's may be ahead."""

from __future__ import annotations

import time

import pytest

from tests.unit.node.test_infer import body


@pytest.fixture
def ahead(stage, monkeypatch):
    """This machine's clock is a year ahead."""
    monkeypatch.setattr("opg.chain.connection.time.time", lambda now=time.time: now() + 365 * 86_400)
    assert stage.chain.now() > stage.chain.block("latest")["timestamp"] + 86_400


def batch(stage, liar, picture):
    liar.node.infer(body(stage.chain, liar, picture()))
    liar.node.commit()


def after_window(stage):
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)


def test_a_batch_is_waited_for_until_its_window_is_over_on_chain(stage, tower, liar, picture, request):
    batch(stage, liar, picture)
    request.getfixturevalue("ahead")
    tower.audit()
    assert tower.report()["withheld_batches"] == 0
    tower.fetcher.later.clear()
    after_window(stage)
    tower.audit()
    assert tower.report()["withheld_batches"] == 1


def test_a_case_with_nothing_to_win_waits_until_its_window_is_over_on_chain(stage, tower, liar, picture, request):
    """It may bring something again: its operator can stake more."""
    batch(stage, liar, picture)
    with liar.serving():
        tower.audit()
    request.getfixturevalue("ahead")
    tower.disputes.penalty = 0
    tower._play()
    assert (tower.report()["waiting"], tower.report()["late"]) == (1, 0)
    after_window(stage)
    tower._play()
    assert (tower.report()["waiting"], tower.report()["late"]) == (0, 1)
