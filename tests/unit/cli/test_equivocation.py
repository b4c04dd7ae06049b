"""`opg equivocation`: two receipts that contradict each other, by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from opg.answers import SignedAnswer
from opg.chain.deploying import LOCAL, OPG
from opg.chain.typed import answer_digest
from opg.versions import bundle
from scripts.liar import LyingExecutor
from tests.unit.cli.conftest import Cli
from tests.unit.node.test_infer import body


@pytest.fixture
def liar(stage, host):
    return host(executor=LyingExecutor(2, 5))


@pytest.fixture
def lie(stage, liar, picture) -> SignedAnswer:
    """What the operator told somebody."""
    signed = SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture())))
    signed.save(Path("lie.json"))
    return signed


def told_too(stage, liar, lie: SignedAnswer, outputs, name: str) -> SignedAnswer:
    """What it told somebody else, who asked the same."""
    answer = replace(lie.answer, request=b"\7" * 32, output=bundle(outputs))
    digest = answer_digest(answer, stage.chain.id, stage.chain.deployment.address("Inference"))
    signature = bytes(liar.key.unsafe_sign_hash(digest).signature)
    signed = replace(lie, answer=answer, digest=digest, signature=signature, outputs=outputs)
    signed.save(Path(name))
    return signed


def test_two_receipts_take_the_stake_without_a_game(cli: Cli, stage, liar, lie, version):
    """And without a bond: whoever holds them needs gas alone."""
    told_too(stage, liar, lie, tuple(version.execute(lie.inputs)), "truth.json")
    somebody = stage.person()
    code, _, err = cli("equivocation", "lie.json", "truth.json", "--poll", "0.05", key=somebody.account)
    assert code == 0, err
    assert "announced a proof" in err and "proved two answers to one question" in err
    bounty = LOCAL.penalty * (10_000 - LOCAL.burn_bps) // 10_000
    assert stage.chain.read("Staking", "creditOf", somebody.address) == bounty
    assert stage.chain.read("Staking", "stakeOf", liar.address)[0] == 1_500 * OPG - LOCAL.penalty
    code, _, err = cli("equivocation", "lie.json", "truth.json", "--poll", "0.05", key=somebody.account)
    assert code != 0 and "AlreadyProven" in err


def test_what_an_operator_repeats_is_no_contradiction(cli: Cli, stage, liar, lie):
    told_too(stage, liar, lie, lie.outputs, "again.json")
    code, _, err = cli("equivocation", "lie.json", "again.json", key=stage.person().account)
    assert code != 0 and "both answers say the same" in err


def test_answers_to_two_questions_are_no_contradiction(cli: Cli, stage, liar, lie, picture):
    SignedAnswer.from_json(liar.node.infer(body(stage.chain, liar, picture(1)))).save(Path("other.json"))
    code, _, err = cli("equivocation", "lie.json", "other.json", key=stage.person().account)
    assert code != 0 and "not of one operator to one version and input" in err


def test_a_forged_receipt_is_noticed_before_anything_is_sent(cli: Cli, stage, liar, lie, version):
    forged = told_too(stage, liar, lie, tuple(version.execute(lie.inputs)), "truth.json")
    replace(forged, signature=lie.signature).save(Path("truth.json"))
    somebody = stage.person()
    code, _, err = cli("equivocation", "lie.json", "truth.json", key=somebody.account)
    assert code != 0 and "not acceptable" in err
    assert stage.chain.w3.eth.get_transaction_count(somebody.address) == 0
