"""What people do with `opg`, from the first deployment to the last collected wei."""

from __future__ import annotations

import json
import sqlite3
import threading
import time

import numpy as np
import pytest

from opg.answers import SignedAnswer
from opg.chain import Sender
from opg.chain.deploying import OPG
from scripts.liar import LyingExecutor
from scripts.stage import DIGITS
from tests.stage import PRICE
from tests.unit.cli.conftest import Cli
from tests.unit.node.test_infer import body


def good(result) -> str:
    code, out, err = result
    assert code == 0, err
    return out


def test_compile_shows_what_it_costs_to_referee(cli: Cli, stage):
    out = good(cli("compile", str(DIGITS), "--bind", "batch=1"))
    assert "0x" + stage.compiled.program.root.hex() in out
    for words in ("image float32[1, 64]", "Gemm ×3", "3,392", "CONTRACT ×3"):
        assert words in out


def test_model_is_registered_published_and_checked(cli: Cli, stage):
    owner = stage.person()
    assert "model 2" in good(cli("model", "register", "mine", "--fee", "12.5", key=owner.account))
    options = ["--model-id", "2", "--cid", "https://example.org/digits.onnx", "--bind", "batch=1"]
    assert "version 2" in good(cli("model", "publish", str(DIGITS), *options, key=owner.account))
    assert "0x" + stage.compiled.program.root.hex() in good(cli("model", "check", str(DIGITS), "--version-id", "2"))
    assert stage.chain.read("Models", "split", 2, 1_000) == [[owner.address], [125]]


def test_model_is_made_from_others_licensed_and_deprecated(cli: Cli, stage):
    me = stage.person()
    good(cli("model", "register", "tuned", "--fee", "20", "--parent", "1:25", key=me.account))
    assert stage.chain.read("Models", "split", 2, 1_000) == [[me.address, stage.owner.address], [150, 50]]
    good(cli("model", "licence", "--model-id", "2", "Apache-2.0", key=me.account))
    assert stage.chain.read("Models", "licenceOf", 2) == "Apache-2.0"
    good(cli("model", "deprecate", "--version-id", "1", key=stage.owner.account))
    assert stage.chain.read("Models", "terms", 1)[1]


@pytest.mark.parametrize("parent", ["1", "x:5", "1:", "1:x", "-1:5"])
def test_parent_that_makes_no_sense_is_refused(cli: Cli, stage, parent):
    code, _, err = cli("model", "register", "tuned", "--parent", parent, key=stage.person().account)
    assert code != 0
    assert "7:20" in err or "12.5" in err


def test_operator_registers_stakes_offers_and_leaves(cli: Cli, stage):
    me, key = stage.person(opg=2_000), stage.local.account()
    mine = {"key": me.account}
    good(cli("operator", "register", "--key", key.address, "--endpoint", "http://example.org", **mine))
    assert "2,000 OPG" in good(cli("operator", "stake", "2000", **mine))
    assert "offered for 0.5 OPG" in good(cli("operator", "offer", "--version-id", "1", "--price", "0.5", **mine))
    assert stage.chain.read("Inference", "priceOf", me.address, 1) == OPG // 2
    good(cli("operator", "offer", "--version-id", "1", "--price", "none", **mine))
    status = good(cli("operator", "status", me.address))
    for words in (key.address, "http://example.org", "2,000 OPG", "yes"):
        assert words in status
    assert "thaw 1 is over at" in good(cli("operator", "thaw", "1500", **mine))
    stage.local.advance(stage.chain.read("Staking", "thawingSeconds"))
    assert "withdrawn: 1,500 OPG" in good(cli("stake", "withdraw", "1", **mine))
    assert "no" in good(cli("operator", "status", me.address))


def test_user_asks_pays_and_leaves_and_the_operator_is_paid(cli: Cli, stage, host, user, digits, tmp_path):
    made = host(price=PRICE)
    me = {"key": user.account}
    assert "deposit: 5 OPG" in good(cli("channel", "open", "--operator", made.address, "5", **me))
    np.save(tmp_path / "picture.npy", digits.picture(0))
    options = ["--version-id", "1", "--operator", made.address, "--pay", "0.01", "--model", str(DIGITS)]
    with made.serving():
        out = good(cli("ask", *options, "--receipt", "kept.json", "picture.npy", **me))
    assert "executed again here: the same words" in out
    scores = json.loads(next(line for line in out.splitlines() if line.startswith("[[")))[0]
    assert scores.index(max(scores)) == digits.labels[0]
    assert SignedAnswer.load(tmp_path / "kept.json").answer.operator == made.address

    (tmp_path / "node").mkdir()
    with sqlite3.connect(made.node.store.path) as kept, sqlite3.connect(tmp_path / "node" / "node.sqlite") as copy:
        kept.backup(copy)
    key = {"key": made.key}
    assert "batch 1" in good(cli("operator", "commit", "--operator", made.address, "--data", "node", **key))
    assert "nothing" in good(cli("operator", "commit", "--operator", made.address, "--data", "node", **key))
    assert "redeemed: 0.01 OPG" in good(cli("operator", "redeem", "--data", "node", **key))
    assert "collected: 0.0087 OPG" in good(cli("collect", key=made.operator.account))

    assert "closing" in good(cli("channel", "close", "--operator", made.address, **me))
    assert "4.99 OPG, closing at" in good(cli("channel", "status", user.address, "--operator", made.address))
    stage.local.advance(stage.chain.read("Channels", "closeSeconds"))
    assert "closed" in good(cli("channel", "close", "--operator", made.address, **me))
    assert stage.balance(user.address) == 100 * OPG - PRICE


def test_user_asks_without_naming_an_operator(cli: Cli, stage, host, user, digits, tmp_path):
    """The cheapest lies, the next is down, the third is asked; the channel is opened on the way, and topped up."""
    liar, down, honest = host(executor=LyingExecutor(2, 5)), host(price=PRICE // 2), host(price=PRICE)
    np.save(tmp_path / "picture.npy", digits.picture(0))
    options = ["--version-id", "1", "--pay", "0.01", "--deposit", "0.01", "--model", str(DIGITS), "picture.npy"]
    with liar.serving(), honest.serving():
        outs = [good(cli("ask", *options, key=user.account)) for _ in range(2)]
        _, _, err = cli("ask", "--version-id", "1", "picture.npy", "--min-stake", "9999", key=user.account)
    for out in outs:
        assert f"for {honest.address}, kept in" in out
        assert "executed again here: the same words" in out
    assert stage.chain.read("Channels", "channel", user.address, honest.address)[0] == 2 * PRICE
    assert stage.chain.read("Channels", "channel", user.address, down.address)[0] == 0
    assert f"{honest.address}: costs 0.01 OPG, you accept 0 OPG" in err
    assert "change your terms" in err


def test_lie_is_found_by_asking_with_the_model_at_hand(cli: Cli, host, user, digits, tmp_path):
    made = host(executor=LyingExecutor(2, 5))
    np.save(tmp_path / "picture.npy", digits.picture(0))
    options = ["--version-id", "1", "--operator", made.address, "--model", str(DIGITS), "picture.npy"]
    with made.serving():
        code, _, err = cli("ask", *options, key=user.account)
    assert code == 1
    assert "the answer is WRONG" in err
    assert "opg dispute" in err


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_one_dispute_is_played_by_hand(cli: Cli, stage, host, picture, tmp_path):
    made = host(executor=LyingExecutor(2, 5))
    signed = SignedAnswer.from_json(made.node.infer(body(stage.chain, made, picture())))
    signed.save(tmp_path / "kept.json")
    challenger = stage.person(opg=60)
    stop = threading.Event()
    defender = threading.Thread(target=lambda: [made.node.tick() or time.sleep(0.05) for _ in iter(stop.is_set, True)])
    defender.start()
    try:
        code, _, err = cli("dispute", "kept.json", "--model", str(DIGITS), "--poll", "0.05", key=challenger.account)
    finally:
        stop.set()
        defender.join()
    assert code == 0, err
    for words in ("opened a dispute", "blamed", "op=2 kind=CONTRACT", "proved", "dispute won"):
        assert words in err
    collected = good(cli("collect", key=Sender(stage.chain, challenger.account).account))
    assert "collected: 300 OPG" in collected
