"""Bonds go where they bring most, and never more are out than was allowed."""

from __future__ import annotations

import sqlite3
from contextlib import suppress

import pytest

from opg import actions
from opg.answers import SignedAnswer
from opg.chain import EventReader
from opg.chain.deploying import OPG
from opg.watchtower import Rules, Watchtower, worth
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body
from tests.watching import ask_on_chain, play, refuted, stakes

BOND = 50 * OPG


def lies(stage, liar, picture, count):
    """Digests of wrong answers in a batch."""
    given = [liar.node.infer(body(stage.chain, liar, picture(n), nonce=n)) for n in range(count)]
    liar.node.commit()
    return [SignedAnswer.from_json(each).digest for each in given]


def opened(stage):
    """Answers in the order in which their games were opened."""
    events = EventReader(stage.chain, [("Disputes", "Opened")], stage.chain.deployment.block).read()
    return [bytes(event.args["answerHash"]) for event in events]


@pytest.mark.parametrize(
    ("stake", "bounty"), [(10_000, 250), (500, 250), (400, 200), (1, 0.5), (0, 0), (-300, 0)]
)  # fmt: skip
def test_an_answer_is_worth_its_bounty(stake, bounty):
    assert worth(500 * OPG, 5_000, stake * OPG) == bounty * OPG


def test_what_burns_is_rounded_up_as_the_contract_does():
    assert worth(3, 5_000, 3) == 1


@pytest.mark.parametrize("bonds", [1, 2])
def test_no_more_bonds_are_out_than_the_budget(stage, liar, picture, tmp_path, bonds):
    """Of three wrong answers, with OPG for all of them; also seen by a watchtower that began anew."""
    digests = lies(stage, liar, picture, 3)
    sender, rules = stage.person(opg=1_000), Rules(budget=bonds * BOND)
    made = []
    with liar.serving():
        for number in range(60):
            tower = Watchtower(stage.chain, sender, [DIGITS], tmp_path / f"tower-{number // 7}.sqlite", rules)
            liar.node.tick()
            tower.tick()
            out = sum(
                stage.chain.read("Disputes", "game", game)[1] not in (0, 9, 10)
                for game in games(stage, sender, digests)
            )
            made.append(out)
            tower.close()
            if all(refuted(stage, digest) for digest in digests):
                break
    assert max(made) == bonds
    assert all(refuted(stage, digest) for digest in digests)


def games(stage, sender, digests):
    return [bytes(stage.chain.read("Disputes", "gameIdOf", digest, sender.address)) for digest in digests]


def test_the_most_valuable_is_disputed_first_and_what_brings_nothing_not_at_all(stage, host, picture, tmp_path):
    """The first liar has 1,800 OPG: three lies bring 250 each, a fourth 150, the fifth nothing. Another liar's brings 250."""
    poor, rich = (host(executor=LyingExecutor(2, 5)) for _ in range(2))
    stage.pay(poor.address, 300)
    actions.stake(poor.operator, 300 * OPG)
    *good, fourth, fifth = lies(stage, poor, picture, 5)
    (other,) = lies(stage, rich, picture, 1)
    tower = Watchtower(stage.chain, stage.person(opg=60), [DIGITS], tmp_path / "tower.sqlite", Rules(budget=BOND))
    with poor.serving(), rich.serving():
        play(tower, poor, rich, rounds=60)
    *first, last = opened(stage)
    assert (sorted(first), last) == (sorted([*good, other]), fourth)
    assert not refuted(stage, fifth)
    assert stakes(stage, poor) == 0
    assert (tower.report()["won"], tower.report()["waiting"]) == (5, 1)
    assert tower.report()["bounty"] == 1_150 * OPG == stage.chain.read("Staking", "creditOf", tower.sender.address)


def test_bonds_that_came_back_are_used_again(stage, liar, picture, tmp_path):
    """60 OPG are enough for one game after another; bounties stay where they are."""
    digests = lies(stage, liar, picture, 2)
    tower = Watchtower(stage.chain, stage.person(opg=60), [DIGITS], tmp_path / "tower.sqlite")
    with liar.serving():
        play(tower, liar, rounds=40)
    assert all(refuted(stage, digest) for digest in digests)
    assert stage.chain.read("Staking", "creditOf", tower.sender.address) == 500 * OPG


def test_a_user_is_helped_also_when_there_is_nothing_to_win(stage, host, user, picture, tmp_path):
    """All its stake is gone, but a fee can still come back."""
    liar = host(executor=LyingExecutor(2, 5))
    terms, wrong = ask_on_chain(stage, user, liar, picture(9))
    digests = lies(stage, liar, picture, 3)
    other = Watchtower(stage.chain, stage.person(opg=200), [DIGITS], tmp_path / "other.sqlite")
    other._judge_on_chain = lambda: None  # it sees batches only
    with liar.serving():
        play(other, liar, rounds=40)
    assert stakes(stage, liar) == 0
    assert all(refuted(stage, digest) for digest in digests)
    tower = Watchtower(stage.chain, stage.person(opg=60), [DIGITS], tmp_path / "tower.sqlite")
    with liar.serving():
        play(tower, liar, rounds=40)
    assert refuted(stage, wrong.digest)
    stage.local.advance(1)
    user.send("Inference", "refund", terms.abi())


def test_full_disk_loses_no_game(stage, liar, picture, tmp_path):
    """With all that it has in the bond: who forgets that it plays would wait for another bond, and for its clock to run out."""
    (digest,) = lies(stage, liar, picture, 1)
    tower = Watchtower(stage.chain, stage.person(opg=50), [DIGITS], tmp_path / "tower.sqlite")
    with liar.serving():
        tower.audit()
        tower.notes._db.execute("pragma query_only = on")
        for _ in range(40):
            with suppress(sqlite3.OperationalError):
                tower.audit()
            tower._play()
            liar.node.tick()
    assert refuted(stage, digest)
    tower.notes._db.execute("pragma query_only = off")
    tower.tick()
    assert tower.report()["won"] == 1
    tower.close()
