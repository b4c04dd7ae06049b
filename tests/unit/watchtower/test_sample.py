"""A sample that nobody can foresee, and that stays the same when the watchtower is started again."""

from __future__ import annotations

import hmac
import stat

import pytest

from opg.answers import SignedAnswer
from opg.watchtower import Rules, Watchtower
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body
from tests.watching import ask_on_chain

ANSWERS = 24


@pytest.fixture
def batch(stage, host, picture):
    """An honest operator and the digests of what it committed."""
    made = host()
    given = [made.node.infer(body(stage.chain, made, picture(n), nonce=n)) for n in range(ANSWERS)]
    made.node.commit()
    return made, [SignedAnswer.from_json(each).digest for each in given]


def judged(capsys):
    return {line.split("answer=0x")[1][:64] for line in capsys.readouterr().err.splitlines() if "  right  " in line}


def test_a_seed_says_which_are_executed_again(stage, batch, tmp_path, capsys):
    made, digests = batch
    seen = []
    for seed in (b"one", b"two"):
        rules = Rules(sample=0.5, seed=seed)
        tower = Watchtower(stage.chain, stage.person(), [DIGITS], tmp_path / f"{seed.hex()}.sqlite", rules)
        with made.serving():
            tower.tick()
        expected = {d.hex() for d in digests if hmac.digest(seed, d, "sha256")[0] < 128}
        assert judged(capsys) == expected
        assert tower.report()["audited"] == len(expected) == ANSWERS - tower.report()["left_out"]
        seen.append(expected)
    assert seen[0] != seen[1]


def test_a_seed_of_its_own_is_drawn_once_and_kept(stage, batch, tmp_path):
    seeds = {Watchtower(stage.chain, stage.person(), [], tmp_path / "tower.sqlite")._seed for _ in range(2)}
    other = Watchtower(stage.chain, stage.person(), [], tmp_path / "other.sqlite")._seed
    assert len(seeds) == 1
    assert len(other) == 32
    assert other not in seeds


@pytest.mark.parametrize("there", [False, True])
def test_the_seed_is_nobody_elses_business(stage, tmp_path, there):
    path = tmp_path / "tower.sqlite"
    if there:
        path.touch(0o644)
    Watchtower(stage.chain, stage.person(), [], path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_answers_on_chain_are_always_executed_again(stage, host, user, picture, tmp_path):
    ask_on_chain(stage, user, host(), picture())
    tower = Watchtower(stage.chain, stage.person(), [DIGITS], tmp_path / "tower.sqlite", Rules(sample=0.0))
    tower.tick()
    assert tower.report()["audited"] == 1


def test_nothing_is_counted_twice(stage, batch, tmp_path):
    """By a watchtower that is ended and started again, and reads the newest blocks once more each time."""
    made, _ = batch
    with made.serving():
        for _ in range(3):
            tower = Watchtower(stage.chain, stage.person(), [DIGITS], tmp_path / "tower.sqlite")
            tower.tick()
            tower.tick()
            assert tower.report()["audited"] == ANSWERS
            tower.close()
