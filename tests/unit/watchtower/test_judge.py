"""The watchtower: finds every wrong answer that gets onto the chain, wherever its data is, and wins."""

from __future__ import annotations

import pytest

from opg.answers import SignedAnswer
from opg.chain.deploying import OPG
from opg.errors import ModelUnreadable
from opg.game import Phase
from opg.watchtower import Rules, Watchtower
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body
from tests.watching import ROUNDS, ask_on_chain, game_of, play, refuted, stakes


def test_right_answers_are_left_alone(stage, tower, host, user, picture):
    made = host()
    ask_on_chain(stage, user, made, picture())
    play(tower, made, rounds=3)
    assert (tower.report()["audited"], tower.report()["right"]) == (1, 1)
    assert tower.sender.log[-1].label != "Disputes.open"
    assert not tower.notes.cases("waiting")


def test_wrong_answer_on_chain_loses(stage, tower, liar, user, picture):
    before = stakes(stage, liar)
    terms, wrong = ask_on_chain(stage, user, liar, picture())
    play(tower, liar)
    assert refuted(stage, wrong.digest)
    assert before - stakes(stage, liar) == stage.chain.read("Disputes", "penalty")
    me = tower.sender.address
    assert stage.chain.read("Disputes", "creditOf", me) == stage.chain.read("Disputes", "bond")
    assert stage.chain.read("Staking", "creditOf", me) == stage.chain.read("Disputes", "penalty") // 2
    stage.local.advance(1)
    user.send("Inference", "refund", terms.abi())
    assert stage.chain.read("Inference", "creditOf", user.address) == OPG


def test_watchtower_withdraws_nothing_by_itself(stage, tower, liar, user, picture):
    ask_on_chain(stage, user, liar, picture())
    play(tower, liar)
    assert stage.balance(tower.sender.address) == 100 * OPG - stage.chain.read("Disputes", "bond")


@pytest.mark.parametrize("place", [(0, 31), (2, 0), (4, 9), (5, 0), (6, 3), (7, 0), (8, 0), (9, 9)])
def test_lie_anywhere_is_found(stage, tower, host, user, picture, place):
    """Every kind of operation of the model, first and last elements."""
    liar = host(executor=LyingExecutor(*place))
    _, wrong = ask_on_chain(stage, user, liar, picture(1))
    play(tower, liar)
    assert refuted(stage, wrong.digest)
    game = game_of(tower, wrong.digest)
    assert (game.phase, game.op_index) == (Phase.CHALLENGER_WON, place[0])


def test_wrong_answers_in_a_batch_lose(stage, tower, liar, picture):
    """Off chain, signed, in a batch of which all that is on chain is one hash."""
    stage.pay(tower.sender.address, 100)
    digests = [
        SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture(n), nonce=n))).digest for n in range(3)
    ]
    liar.node.commit()
    with liar.serving():
        play(tower, liar)
    assert tower.report()["wrong"] == 3
    assert all(refuted(stage, digest) for digest in digests)


def test_batch_whose_data_is_late_is_judged_when_it_comes(stage, tower, liar, picture):
    signed = SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture())))
    liar.node.commit()
    tower.tick()
    assert tower.report()["audited"] == 0
    tower.fetcher.later.clear()
    with liar.serving():
        play(tower, liar)
    assert refuted(stage, signed.digest)


def test_withheld_batch_is_given_up_when_its_window_is_over(stage, tower, liar, picture):
    liar.node.infer(body(stage.chain, liar, picture()))
    liar.node.commit()
    tower.tick()
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 1)
    tower.fetcher.later.clear()
    tower.tick()
    assert (tower.report()["unread_batches"], tower.report()["withheld_batches"]) == (0, 1)


def test_data_that_is_not_what_was_committed_is_not_believed(stage, tower, host, picture):
    """An operator that serves right answers for a wrong batch."""
    made = host()
    made.node.infer(body(stage.chain, made, picture()))
    made.node.commit()
    made.node.infer(body(stage.chain, made, picture(1), nonce=2))
    other = made.node.store.answer(made.node.store.waiting(1, 1_000_000)[0])
    made.node.store.batch_answers = lambda *_: [other]
    with made.serving():
        tower.tick()
    assert tower.report()["audited"] == 0


def test_batch_that_a_reorganisation_put_in_the_place_of_another_is_judged(stage, tower, liar, host, picture):
    """The same number on chain, the same block: another operator's answers."""
    honest = host()
    honest.node.infer(body(stage.chain, honest, picture()))
    signed = SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture())))
    before = stage.local.rpc("evm_snapshot")
    assert honest.node.commit() == 1
    with honest.serving(), liar.serving():
        tower.tick()
        stage.local.rpc("evm_revert", before)
        assert liar.node.commit() == 1
        stage.local.advance(2)  # the chain's clock was taken back, too, behind the answer's
        tower.tick()
        tower.tick()
        assert (tower.report()["right"], tower.report()["wrong"]) == (1, 1)
        play(tower, liar)
    assert refuted(stage, signed.digest)


def test_surfaced_answer_is_judged(stage, tower, liar, user, picture):
    signed = SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture())))
    stage.local.advance(1)
    user.send("Inference", "surface", signed.answer.abi(), signed.evidence.abi(), signed.inputs, signed.outputs)
    play(tower, liar)
    assert refuted(stage, signed.digest)


def test_silent_liar_loses_by_the_clock(stage, tower, liar, user, picture):
    _, wrong = ask_on_chain(stage, user, liar, picture())
    tower.tick()
    tower.tick()
    assert game_of(tower, wrong.digest).phase == Phase.REVEAL_TRACE
    stage.local.advance(stage.chain.read("Disputes", "clockSeconds") + 1)
    tower.tick()
    assert game_of(tower, wrong.digest).phase == Phase.CHALLENGER_WON
    assert refuted(stage, wrong.digest)


@pytest.mark.parametrize("forgets", [False, True])
def test_watchtower_that_dies_between_any_two_moves_still_wins(stage, liar, user, picture, tmp_path, forgets):
    """A new process for every move; with its notes, or with nothing but the chain."""
    sender, rules = stage.person(opg=100), Rules(budget=stage.chain.read("Disputes", "bond"))
    _, wrong = ask_on_chain(stage, user, liar, picture())
    for number in range(ROUNDS):
        notes = tmp_path / (f"tower-{number}.sqlite" if forgets else "tower.sqlite")
        tower = Watchtower(stage.chain, sender, [DIGITS], notes, rules)
        tower.tick()
        tower.close()
        liar.node.tick()
    assert refuted(stage, wrong.digest)
    assert [sent.label for sent in stage.log].count("Disputes.open") >= 1


def test_two_watchtowers_do_not_disturb_each_other(stage, tower, liar, user, picture, tmp_path):
    """Both play; the second to win finds the answer refuted and has its bond back."""
    other = Watchtower(stage.chain, stage.person(opg=100), [DIGITS], tmp_path / "other.sqlite")
    _, wrong = ask_on_chain(stage, user, liar, picture())
    for _ in range(ROUNDS):
        tower.tick()
        other.tick()
        liar.node.tick()
    assert refuted(stage, wrong.digest)
    bond = stage.chain.read("Disputes", "bond")
    for each in (tower, other):
        assert stage.chain.read("Disputes", "creditOf", each.sender.address) == bond
    assert stakes(stage, liar) == 1_000 * OPG


def test_watchtower_without_the_bond_says_so_and_goes_on(stage, tmp_path, liar, user, picture, capsys):
    poor = Watchtower(stage.chain, stage.person(), [DIGITS], tmp_path / "poor.sqlite")
    _, wrong = ask_on_chain(stage, user, liar, picture())
    poor.tick()
    assert "needs a bond" in capsys.readouterr().err
    stage.pay(poor.sender.address, 100)
    play(poor, liar)
    assert refuted(stage, wrong.digest)


def test_versions_without_a_file_are_not_judged(stage, liar, user, picture, tmp_path, capsys):
    blind = Watchtower(stage.chain, stage.person(opg=100), [], tmp_path / "blind.sqlite")
    ask_on_chain(stage, user, liar, picture())
    blind.tick()
    assert blind.report()["not_judged"] == 1
    assert "no model file for version 1" in capsys.readouterr().err


def test_file_that_is_not_there_is_said_at_once(stage, user, tmp_path):
    with pytest.raises(ModelUnreadable):
        Watchtower(stage.chain, user, [tmp_path / "none.onnx"], tmp_path / "tower.sqlite")
