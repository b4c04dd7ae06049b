"""A re-organisation takes back what was read or won: the lie is disputed all the same."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from opg.answers import SignedAnswer
from opg.watchtower import Watchtower
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body
from tests.watching import ask_on_chain, game_of, play, refuted


@pytest.fixture
def signed(stage, liar, picture):
    """A wrong answer that is in no batch yet."""
    return SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture())))


@contextmanager
def taken_back(stage):
    """All blocks of this block of code are gone after it."""
    before = stage.local.rpc("evm_snapshot")
    yield
    stage.local.rpc("evm_revert", before)
    stage.local.advance(2)  # the chain's clock was taken back, too, behind the answer's


@pytest.mark.parametrize("when", ["found", "opened"])
def test_a_batch_that_has_another_number_now_is_disputed_under_that(stage, tower, liar, signed, when):
    with liar.serving():
        with taken_back(stage):
            assert liar.node.commit() == 1
            tower.audit()
            if when == "opened":
                tower._play()
                assert tower.report()["playing"] == 1
        liar.operator.send("Inference", "commit", liar.address, b"\7" * 32, 1, "x")  # takes number 1
        for _ in range(3):
            liar.node.tick()
        assert liar.node.commit() == 2
        for _ in range(16):
            tower.fetcher.later.clear()
            liar.node.tick()
            tower.tick()
    assert refuted(stage, signed.digest)


@pytest.mark.parametrize("forgets", [False, True])
def test_a_game_whose_end_was_taken_back_is_played_to_its_end(stage, tower, liar, user, picture, tmp_path, forgets):
    """Also by a watchtower that was started again meanwhile."""
    _, wrong = ask_on_chain(stage, user, liar, picture())
    tower.tick()
    with taken_back(stage):
        play(tower, liar)
        assert tower.report()["won"] == 1
    assert not refuted(stage, wrong.digest)
    if forgets:
        tower.close()
        tower = Watchtower(stage.chain, tower.sender, [DIGITS], tmp_path / "tower.sqlite")
    play(tower, liar)
    play(tower, liar)
    assert refuted(stage, wrong.digest)
    assert (tower.report()["won"], tower.report()["waiting"]) == (1, 0)


def test_an_answer_that_another_refuted_is_disputed_when_that_was_taken_back(
    stage, tower, liar, user, picture, tmp_path
):
    _, wrong = ask_on_chain(stage, user, liar, picture())
    with taken_back(stage):
        other = Watchtower(stage.chain, stage.person(opg=100), [DIGITS], tmp_path / "other.sqlite")
        play(other, liar)
        tower.tick()
        assert tower.report()["moot"] == 1
    play(tower, liar)
    play(tower, liar)
    assert refuted(stage, wrong.digest)


def test_an_answer_that_came_off_the_chain_is_disputed_by_its_batch(stage, tower, liar, user, signed):
    """Surfaced, but only for a while."""
    liar.node.commit()
    with liar.serving():
        tower.audit()
        stage.local.advance(1)
        with taken_back(stage):
            user.send("Inference", "surface", signed.answer.abi(), signed.evidence.abi(), signed.inputs, signed.outputs)
            tower.audit()
            assert tower.notes.on_chain() == {signed.digest}
        play(tower, liar)
        play(tower, liar)
    assert refuted(stage, signed.digest)
    assert game_of(tower, signed.digest).phase.is_over
