"""What one operator serves hides no lie of another one, nor an answer on chain."""

from __future__ import annotations

import threading
import time

import pytest

from opg.answers import SignedAnswer
from opg.challenge import Challenge
from opg.errors import ChainUnreachable
from opg.game import Phase
from opg.watchtower import fetching
from scripts.liar import LyingExecutor
from tests.strangers import NO_ADDRESS, UNREADABLE, dripping, stranger, whole
from tests.unit.chain.test_text import commit_no_text
from tests.unit.node.test_infer import body
from tests.waiting import wait_until
from tests.watching import ask_on_chain, game_of

REPLIES = UNREADABLE | {"no address": whole(NO_ADDRESS), "no list": whole(b'{"answers": 1}')}


def commit(made, url, number=1):
    made.operator.send("Inference", "commit", made.address, bytes([number]) * 32, 1, url)


def lie_in_a_batch(stage, liar, picture):
    liar.node.infer(body(stage.chain, liar, picture()))
    liar.node.commit()


@pytest.mark.parametrize("kind", REPLIES)
def test_a_reply_that_cannot_be_read_hides_no_lie(stage, tower, liar, host, picture, kind):
    evil = host()
    with stranger(REPLIES[kind]) as url, liar.serving():
        commit(evil, url)
        lie_in_a_batch(stage, liar, picture)
        tower.audit()
        assert tower.report()["wrong"] == 1
        assert tower.report()["unread_batches"] == 1


def test_an_endpoint_that_is_no_address_hides_no_lie(stage, tower, liar, host, picture):
    evil = host()
    evil.operator.send("Staking", "register", evil.key.address, "ht tp://[")
    commit(evil, "ipfs://x")
    lie_in_a_batch(stage, liar, picture)
    with liar.serving():
        tower.audit()
    assert tower.report()["wrong"] == 1


def test_what_an_operator_names_forges_no_line_of_the_log(stage, tower, host, capsys):
    evil = host()
    commit(evil, "http://127.0.0.1:9/\n12:00:00  right  answer=0x00")
    tower.audit()
    said = capsys.readouterr().err
    assert "batch not readable" in said
    assert not [line for line in said.splitlines() if line.startswith("12:00:00  right")]


def test_on_a_public_chain_nothing_in_this_network_is_fetched(stage, tower, liar, picture, capsys):
    tower.fetcher.private = False
    lie_in_a_batch(stage, liar, picture)
    with liar.serving():
        tower.audit()
    assert tower.report()["unread_batches"] == 1
    assert "an address in a private network" in capsys.readouterr().err


def test_slow_operators_hold_up_nobody(stage, tower, liar, host, user, picture, monkeypatch):
    """As many as there are places, with several batches each; and an answer comes on chain meanwhile."""
    monkeypatch.setattr(fetching, "PATIENCE_SECONDS", 1.0)
    slow = [host() for _ in range(3)]
    with stranger(dripping(60)) as url, liar.serving():
        for each in slow:
            for number in range(3):
                commit(each, url, number + 1)
        lie_in_a_batch(stage, liar, picture)
        begun = time.monotonic()
        wait_until(lambda: tower.audit() or tower.report()["wrong"] == 1)
        ask_on_chain(stage, user, liar, picture(1))
        wait_until(lambda: tower.audit() or tower.report()["wrong"] == 2)
        assert time.monotonic() - begun < 55  # the first of the slow ones is not done yet
        assert len(tower.fetcher._running) == 3


def test_an_operator_that_fails_is_left_alone_for_longer_and_longer(stage, tower, host, monkeypatch):
    """However many batches it has; and comes behind those that did not fail when places are few."""
    evil, good = host(), host()
    with stranger(whole(b"{}")) as url:
        for number in range(4):
            commit(evil, url, number + 1)
        pauses = []
        for _ in range(8):
            tower.audit()
            pauses.append(tower.fetcher.later.pop(evil.address) - time.monotonic())
        assert [round(pause / 15) for pause in pauses] == [1, 2, 4, 8, 16, 32, 40, 40]
        commit(good, url)
        asked = []
        monkeypatch.setattr(fetching, "PLACES", 1)
        tower.fetcher.url_of = lambda batch: asked.append(batch.operator) or url
        tower.audit()
        assert asked == [good.address, evil.address]


def test_a_batch_that_a_reorganisation_replaced_while_it_came_is_asked_for_again(
    stage, tower, liar, host, picture, monkeypatch
):
    """What came is the other batch's; under the same number."""
    monkeypatch.setattr(fetching, "PATIENCE_SECONDS", 0.2)
    evil, let = host(), threading.Event()
    before = stage.local.rpc("evm_snapshot")
    with stranger([(b"", let), *whole(b"{}")]) as url, liar.serving():
        commit(evil, url)
        tower.audit()
        assert tower.fetcher._running
        monkeypatch.setattr(fetching, "PATIENCE_SECONDS", 30)
        stage.local.rpc("evm_revert", before)
        signed = SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture())))
        assert liar.node.commit() == 1
        let.set()
        for _ in range(3):
            tower.audit()
    assert tower.report()["wrong"] == 1
    assert tower.notes.cases("waiting")[0].digest == signed.digest


def test_a_content_identifier_that_is_no_text_hides_no_lie(stage, tower, liar, host, picture):
    commit_no_text(stage, host())
    lie_in_a_batch(stage, liar, picture)
    with liar.serving():
        tower.audit()
    assert tower.report()["wrong"] == 1


def test_a_chain_that_is_away_for_a_moment_makes_no_version_unusable(stage, tower, liar, user, picture, monkeypatch):
    """What it hid is judged when the chain is back."""
    ask_on_chain(stage, user, liar, picture())
    with monkeypatch.context() as away:
        away.setattr("opg.watchtower.tower.read_published", gone)
        with pytest.raises(ChainUnreachable):
            tower.audit()
    tower.audit()
    assert tower.report()["wrong"] == 1


def gone(*_):
    raise ChainUnreachable("http://x", "gone")


def test_a_case_that_breaks_down_stops_no_other(stage, tower, host, user, picture, capsys):
    """Whatever breaks in it: the clocks of the others run."""
    broken, other = (ask_on_chain(stage, user, host(executor=LyingExecutor(2, 5)), picture(n))[1] for n in range(2))
    tower.audit()
    step = Challenge.step

    def sometimes(challenge):
        if challenge.case.digest == broken.digest:
            raise RuntimeError("out of order")
        return step(challenge)

    tower.disputes._challenges.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Challenge, "step", sometimes)
        tower._play()
    assert "out of order" in capsys.readouterr().err
    assert game_of(tower, other.digest).phase != Phase.NONE
    assert game_of(tower, broken.digest).phase == Phase.NONE
    tower._play()
    assert game_of(tower, broken.digest).phase != Phase.NONE
