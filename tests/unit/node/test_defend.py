"""An honest operator wins every dispute without anybody's help, and is paid for the trouble."""

from __future__ import annotations

import pytest

from opg import actions
from opg.answers import SignedAnswer
from opg.chain.deploying import OPG
from opg.challenge import Case, Challenge
from opg.errors import NothingToDispute
from opg.game import Phase
from opg.games import read_game
from opg.versions import load_version
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body
from tests.unit.node.test_on_chain import again


@pytest.fixture
def accused(stage, host, picture):
    """An honest host, and a challenger who believes in another result of op 2 and has opened a game."""
    made = host()
    signed = SignedAnswer.from_json(made.node.infer(body(stage.chain, made, picture())))
    challenger = stage.person(opg=100)
    mistaken = load_version(stage.chain, stage.version_id, DIGITS, LyingExecutor(2, 5))
    case = Case(signed.digest, signed.answer, signed.inputs, signed.evidence)
    stage.local.advance(1)
    challenge = Challenge(challenger, mistaken, case)
    challenge.step()
    made.node.tick()
    return made, challenge


def test_challenger_who_is_wrong_ends_with_nothing_to_prove(stage, accused):
    host, challenge = accused
    challenge.step()  # blames op 2
    host.node.tick()
    with pytest.raises(Exception, match="NoContradiction"):
        challenge.step()
    assert read_game(stage.chain, challenge.game_id).phase == Phase.PROVE


def test_bond_of_a_challenger_who_falls_silent_is_the_operators(stage, accused):
    host, challenge = accused
    stage.local.advance(stage.chain.read("Disputes", "clockSeconds") + 1)
    host.node.tick()
    assert read_game(stage.chain, challenge.game_id).phase == Phase.OPERATOR_WON
    assert stage.chain.read("Disputes", "creditOf", host.address) == stage.chain.read("Disputes", "bond")
    host.node.tick()
    assert host.node.store.games() == []


def test_node_that_was_restarted_defends_on(stage, accused):
    host, challenge = accused
    challenge.step()
    again(host, stage).tick()
    assert read_game(stage.chain, challenge.game_id).phase == Phase.PROVE


def test_own_answers_on_chain_are_defended_too(stage, host, user, version, picture):
    made = host()
    actions.request(user, version.id, made.address, picture(), OPG, stage.chain.now() + 60)
    made.node.tick()
    made.node.tick()
    kept = made.node.store.answer_to(made.node.store.requests("fulfilled")[0][0])
    mistaken = load_version(stage.chain, stage.version_id, DIGITS, LyingExecutor(0, 0))
    from opg.chain import Evidence

    challenge = Challenge(stage.person(opg=100), mistaken, Case(kept.digest, kept.answer, kept.inputs, Evidence()))
    challenge.step()
    made.node.tick()
    assert read_game(stage.chain, challenge.game_id).phase == Phase.BLAME


def test_honest_challenger_finds_nothing_to_win(stage, accused, version):
    _, challenge = accused
    honest = Challenge(challenge.sender, version, challenge.case)
    with pytest.raises(NothingToDispute):
        honest.step()
