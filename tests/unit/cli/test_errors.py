"""Every error is one line and what to do next; exit code 1, no traceback, no key."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from eth_account import Account
from onnx import TensorProto, helper

from opg.chain.deploying import OPG
from opg.chain.local import free_port
from opg.console import amount
from scripts.stage import DIGITS
from tests.unit.cli.conftest import Cli


def fails(result, *parts: str) -> None:
    """One line and an arrow with advice, on standard error; nothing else."""
    code, out, err = result
    assert code == 1, (out, err)
    assert out == ""
    lines = err.strip().splitlines()
    assert [line.split()[0] for line in lines] == ["error:", "→"], err
    for part in parts:
        assert part in err, (part, err)


def test_unknown_operator_names_the_node_and_the_operator(cli: Cli, tmp_path):
    node = helper.make_node("Det", ["x"], ["y"], name="the_odd_one")
    tensors = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [2, 2]), ("y", []))]
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:])
    path = tmp_path / "odd.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    fails(cli("compile", str(path)), "the_odd_one", "Det", "not supported")


def test_unbound_axis_says_how_to_bind_it(cli: Cli):
    fails(cli("compile", str(DIGITS)), "axis 0 is dynamic", "--bind batch=1")


def test_file_that_is_not_there_or_no_model(cli: Cli, tmp_path):
    fails(cli("compile", str(tmp_path / "none.onnx")), "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    fails(cli("compile", str(tmp_path / "text.onnx")), "not a valid ONNX file")


def test_chain_that_is_not_there_is_named(cli: Cli):
    url = f"http://127.0.0.1:{free_port()}"
    fails(cli("operator", "status", Account.create().address, rpc=url), url, "--rpc")


def test_missing_manifest_says_what_to_do(cli: Cli, tmp_path):
    fails(cli("operator", "status", Account.create().address, manifest=tmp_path / "none.json"), "opg deploy")


def test_no_key_says_where_to_put_one(cli: Cli):
    fails(cli("operator", "stake", "5"), "OPG_PRIVATE_KEY")


def test_wrong_key_names_the_keystore(cli: Cli, user):
    """OPG_PRIVATE_KEY is not looked at where a keystore is named."""
    deprecate = ["model", "deprecate", "--version-id", "1"]
    fails(cli(*deprecate, key=user.account), "NotModelOwner", "--keystore or OPG_KEYSTORE")


@pytest.mark.parametrize(
    "command, parts",
    [
        (["model", "register", ""], ("BadName(", "1 to 64 printable")),
        (["model", "register", "mine", "--fee", "60"], ("FeeTooHigh(feeBps=6000", "lower --fee")),
        (["operator", "commit", "--operator", "0x" + "11" * 20], ("no node's data", "--data")),
        (["operator", "offer", "--version-id", "1", "--price", "1"], ("is no operator", "opg operator register")),
    ],
    ids=lambda value: " ".join(value[:2]),
)
def test_refusals_say_what_to_do(cli: Cli, user, command, parts):
    fails(cli(*command, key=user.account), *parts)


def test_version_is_deprecated_once(cli: Cli, stage):
    deprecate = ["model", "deprecate", "--version-id", "1"]
    assert cli(*deprecate, key=stage.owner.account)[0] == 0
    fails(cli(*deprecate, key=stage.owner.account), "AlreadyDeprecated(versionId=1)", "nothing is left to do")


def test_more_than_there_is_cannot_be_staked(cli: Cli, host):
    fails(cli("operator", "stake", "1e30", key=host().operator.account), "SafeCastOverflow", "name a smaller amount")


def test_serving_key_that_was_replaced_never_returns(cli: Cli, stage, user):
    first, second = (stage.local.account().address for _ in range(2))
    for key in (first, second):
        register = ["operator", "register", "--key", key, "--endpoint", "https://example.org"]
        assert cli(*register, key=user.account)[0] == 0
    register[3] = first
    fails(cli(*register, key=user.account), "KeyUsed", "opg new-key")


def test_what_a_disk_refuses_is_told(cli: Cli, host, tmp_path, monkeypatch):
    monkeypatch.setenv("OPG_PASSWORD", "x")
    made = host()
    damaged, file = tmp_path / "damaged", tmp_path / "file"
    damaged.mkdir()
    (damaged / "node.sqlite").write_bytes(b"hello" * 1_000)
    (damaged / "watchtower.sqlite").write_bytes(b"hello" * 1_000)
    file.write_text("")
    status = ["node", "status", "--url", "http://127.0.0.1:1", "--data"]
    fails(cli(*status, str(damaged)), "node.sqlite: file is not a database", ".recover")
    fails(cli("watch", "status", "--data", str(damaged)), "watchtower.sqlite: file is not a database", "move it away")
    watch = ["watch", "--model", str(DIGITS), "--workers", "0", "--data", str(file / "folder" / "data")]
    fails(cli(*watch, key=made.operator.account), "Not a directory", "--data")
    fails(cli("devnet", "start", "--dir", str(file / "folder" / "net")), "Not a directory", "the disk")


def test_what_strangers_write_on_chain_is_no_command_for_a_terminal(cli: Cli, host):
    made = host()
    made.operator.send("Staking", "register", made.key.address, "http://\x1b[2J\x07[red]x")
    code, out, _ = cli("operator", "status", made.address)
    assert code == 0 and "[2J" in out and "[red]x" in out
    assert not any(each in out for each in "\x1b\x07")
    code, _, err = cli(
        "ask",
        "--version-id",
        "1",
        "--operator",
        made.address,
        str(DIGITS.with_name("digits-picture.json")),
        key=made.operator.account,
    )
    assert code == 1 and not any(each in err for each in "\x1b\x07")


@pytest.mark.parametrize("endpoint", ["notaurl", "example.org:8800", "ftp://example.org", "http://", "https://:80"])
def test_endpoint_that_nobody_can_reach_is_not_registered(cli: Cli, stage, user, endpoint):
    register = ["operator", "register", "--key", stage.local.account().address, "--endpoint", endpoint]
    fails(cli(*register, key=user.account), "nobody could reach", "https://")
    assert stage.chain.read("Staking", "operatorInfo", user.address)[1] == ""


@pytest.mark.parametrize(
    "command",
    [
        ["node", "--poll", "-1"],
        ["node", "--poll", "0"],
        ["node", "--commit-every", "-5"],
        ["node", "--port", "70000"],
        ["watch", "--poll", "-1"],
        ["dispute", "kept.json", "--model", "x.onnx", "--poll", "0"],
    ],
    ids=" ".join,
)
def test_numbers_that_make_no_sense_are_refused(cli: Cli, command):
    code, _, err = cli(*command)
    assert code == 2
    assert "not in the range" in err or "than or equal" in err


def test_keys_are_never_options(cli: Cli):
    key = "0x" + "5e" * 32
    code, _, err = cli("operator", "stake", "5", "--private-key", key)
    assert code != 0
    assert "No such option" in err


def test_wrong_input_shape_is_said_before_anything_is_sent(cli: Cli, stage, host, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((1, 63), np.float32))
    options = ["--version-id", "1", "--operator", host().address, "--model", str(DIGITS)]
    fails(cli("ask", *options, str(tmp_path / "x.npy"), key=stage.local.account()), "shape [1, 63]", "[1, 64]")


def test_wrong_input_shape_is_said_by_the_operator_otherwise(cli: Cli, stage, host, tmp_path):
    made = host()
    (tmp_path / "x.json").write_text(json.dumps([[[0.5] * 63]]))
    with made.serving():
        options = ["--version-id", "1", "--operator", made.address, str(tmp_path / "x.json")]
        fails(cli("ask", *options, key=stage.local.account()), "the operator refuses", "63 words", "[1, 64]")


def test_input_file_that_is_unreadable(cli: Cli, stage, host, tmp_path):
    options = ["--version-id", "1", "--operator", host().address]
    fails(cli("ask", *options, str(tmp_path / "none.json"), key=stage.local.account()), "cannot read")


@pytest.mark.parametrize("option", ["--deposit", "--min-stake", "--tries"])
def test_what_finds_an_operator_is_refused_where_one_is_named(cli: Cli, stage, option):
    named = ["--version-id", "1", "--operator", stage.person().address, option, "3", "x.json"]
    fails(cli("ask", *named, key=stage.local.account()), f"{option} is for finding", "opg channel open")


def test_unstaked_operator_is_refused(cli: Cli, stage, tmp_path):
    (tmp_path / "x.json").write_text(json.dumps([[[0.5] * 64]]))
    nobody = stage.person()
    options = ["--version-id", "1", "--operator", nobody.address, str(tmp_path / "x.json")]
    fails(cli("ask", *options, key=stage.local.account()), "minimum stake", "opg operator stake")


def test_wrong_key_does_not_serve(cli: Cli, stage, host, tmp_path):
    options = ["--model", str(DIGITS), "--version-id", "1", "--operator", host().address, "--data", str(tmp_path)]
    fails(cli("node", *options, key=stage.local.account()), "is not the serving key", "opg operator register")


def test_other_peoples_model_cannot_be_published(cli: Cli, stage, user):
    options = ["--model-id", "1", "--cid", "x", "--bind", "batch=1"]
    fails(cli("model", "publish", str(DIGITS), *options, key=user.account), "NotModelOwner", "model's owner")


def test_expired_window_is_said(cli: Cli, stage, host, picture, tmp_path):
    from opg.answers import SignedAnswer
    from scripts.liar import LyingExecutor
    from tests.unit.node.test_infer import body

    made = host(executor=LyingExecutor(2, 5))
    receipt = tmp_path / "receipt.json"
    SignedAnswer.from_json(made.node.infer(body(stage.chain, made, picture()))).save(receipt)
    stage.local.advance(stage.chain.read("Inference", "windowSeconds") + 60)
    challenger = stage.person(opg=100)
    fails(cli("dispute", str(receipt), "--model", str(DIGITS), key=challenger.account), "WindowOver", "no longer")


def test_right_answer_is_not_disputed(cli: Cli, stage, host, picture, tmp_path):
    from opg.answers import SignedAnswer
    from tests.unit.node.test_infer import body

    made = host()
    receipt = tmp_path / "receipt.json"
    SignedAnswer.from_json(made.node.infer(body(stage.chain, made, picture()))).save(receipt)
    challenger = stage.person(opg=100)
    fails(cli("dispute", str(receipt), "--model", str(DIGITS), key=challenger.account), "the answer is right")


def test_thaw_that_is_not_over_is_said_with_its_time(cli: Cli, stage):
    operator = stage.operator(1_500, stage.local.account(), "http://x")
    operator.send("Staking", "startThaw", OPG)
    fails(
        cli("stake", "withdraw", "1", key=operator.account),
        "thaw 1 of 1 OPG is not over before 20",
        "wait",
        "opg stake withdraw 1",
    )


def test_account_without_ether_is_told(cli: Cli):
    fails(cli("model", "register", "mine", key=Account.create()), "insufficient funds", "ether")


@pytest.mark.parametrize(
    "text",
    ["five", "-1", "1e-19", "nan", "inf", "", "1e999999", "1e-999999", "1e-9999999999999999999", "1e400", "9" * 70],
)
def test_amount_that_is_none(cli: Cli, user, text):
    fails(cli("operator", "stake", "--", text, key=user.account), "is not an amount", "12.5")


@pytest.mark.parametrize("text", ["1e999999", "100.01", "1e-999999"])
def test_share_that_is_none(cli: Cli, user, text):
    fails(cli("stake", "commission", text, key=user.account), "is not a share")


def test_price_that_nobody_could_pay(cli: Cli, user):
    fails(
        cli("operator", "offer", "--version-id", "1", "--price", "1e30", key=user.account),
        "more than there can be",
        "none",
    )


def test_amounts_are_exact():
    assert amount("123456789.123456789012345678") == 123456789123456789012345678


def test_address_that_is_none(cli: Cli):
    fails(cli("operator", "status", "0x12"), "is no address")


@pytest.mark.parametrize("command", [["operator", "status"], ["delegate"], ["votes"], ["stake", "delegate"]])
def test_address_with_a_mistyped_digit_is_refused(cli: Cli, stage, user, command):
    typed = user.address.swapcase().replace("X", "x")
    more = ["5"] if command[0] == "stake" else []
    fails(cli(*command, typed, *more, key=user.account), "wrong checksum", "copy it again")
    assert int(stage.chain.read("OPG", "delegates", user.address), 16) == 0


def test_files_and_versions_have_to_match(cli: Cli, host, user, tmp_path):
    options = ["--model", str(DIGITS), "--version-id", "1", "--version-id", "2"]
    fails(cli("node", *options, "--operator", host().address, key=user.account), "1 files for 2 versions")


def test_commands_on_a_node_that_never_ran_here(cli: Cli, user, tmp_path):
    fails(cli("operator", "redeem", "--data", str(tmp_path), key=user.account), "no node's data", "--data")


def test_console_script_prints_no_traceback(stage, tmp_path):
    """The real process, with everything that is imported on the way."""
    environment = {**os.environ, "OPG_RPC": stage.local.url, "OPG_MANIFEST": str(tmp_path / "none.json")}
    command = [str(Path(sys.executable).parent / "opg")]
    if not Path(command[0]).exists():
        command = [sys.executable, "-m", "opg.cli"]
    done = subprocess.run([*command, "collect"], env=environment, capture_output=True, text=True)
    fails((done.returncode, done.stdout, done.stderr), "no deployment manifest")
