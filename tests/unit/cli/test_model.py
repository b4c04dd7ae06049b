"""opg model: published with its content, fetched by its name, checked."""

from __future__ import annotations

import pytest

from opg.storage import file_cid
from scripts.stage import DIGITS
from tests.unit.cli.conftest import Cli


@pytest.fixture
def published(cli: Cli, stage):
    """A second version of the digits model, in a local store; its number."""
    options = ["--model-id", "1", "--bind", "batch=1"]
    code, out, err = cli("model", "publish", str(DIGITS), *options, key=stage.owner.account)
    assert code == 0, err
    assert f"stored as {file_cid(DIGITS)}" in out
    return stage.chain.read("Models", "versionCount")


def test_published_file_can_be_fetched_and_checked(cli: Cli, stage, published, tmp_path):
    assert stage.chain.read("Models", "version", published)[8] == str(file_cid(DIGITS))
    code, out, err = cli("model", "fetch", str(published), "--to", str(tmp_path / "got.onnx"))
    assert code == 0, err
    assert f"is version {published}: program root 0x{stage.compiled.program.root.hex()}" in out
    assert (tmp_path / "got.onnx").read_bytes() == DIGITS.read_bytes()
    code, out, _ = cli("model", "check", str(tmp_path / "got.onnx"), "--version-id", str(published))
    assert (code, f"stored as {file_cid(DIGITS)}" in out) == (0, True)


def test_file_that_is_there_is_not_overwritten(cli: Cli, published, tmp_path):
    (tmp_path / "got.onnx").write_text("mine")
    code, _, err = cli("model", "fetch", str(published), "--to", str(tmp_path / "got.onnx"))
    assert (code, "is there already" in err, (tmp_path / "got.onnx").read_text()) == (1, True, "mine")


def test_version_whose_content_is_elsewhere_is_said(cli: Cli, published, tmp_path):
    code, _, err = cli("model", "fetch", str(published), "--storage", str(tmp_path / "empty"))
    assert (code, "is not in" in err) == (1, True)
    code, _, err = cli("model", "fetch", "1")  # published under a file name
    assert (code, "is no content identifier" in err) == (1, True)
    code, _, err = cli("model", "fetch", "99")
    assert (code, "NoSuchVersion" in err) == (1, True)


def test_wrong_name_of_a_right_file_is_said(cli: Cli, stage):
    name = "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
    options = ["--model-id", "1", "--bind", "batch=1", "--cid", name]
    assert cli("model", "publish", str(DIGITS), *options, key=stage.owner.account)[0] == 0
    number = str(stage.chain.read("Models", "versionCount"))
    code, _, err = cli("model", "check", str(DIGITS), "--version-id", number)
    assert (code, str(file_cid(DIGITS)) in err) == (1, True)


def test_models_are_listed_with_their_versions(cli: Cli, stage, published):
    me = stage.person()
    code, _, err = cli("model", "register", "tuned", "--fee", "20", "--parent", "1:25", key=me.account)
    assert code == 0, err
    _, out, _ = cli("model", "list")
    assert out.splitlines() == [
        f"model 1: digits of {stage.owner.address}, 10 % of each fee; versions: 1, {published}",
        f"model 2: tuned of {me.address}, 20 % of each fee; versions: none yet",
    ]


def test_model_is_shown_with_who_earns_and_who_offers_it(cli: Cli, stage, published, host):
    made, me = host(), stage.person()
    cli("model", "register", "tuned", "--fee", "20", "--parent", "1:25", key=me.account)
    assert cli("model", "metadata", "--model-id", "2", "https://example.org/tuned", key=me.account)[0] == 0
    assert cli("model", "deprecate", "--version-id", str(published), key=stage.owner.account)[0] == 0
    _, out, _ = cli("model", "show", "1")
    for words in (f"offered by {made.address}", "1 OPG", f"{file_cid(DIGITS)}, deprecated", "none stated"):
        assert words in out, out
    _, out, _ = cli("model", "show", "2")
    rows = [[cell.strip() for cell in line.split("│")[1:3]] for line in out.splitlines() if "│" in line]
    assert ["of that, model 2", "75 %"] in rows
    assert ["of that, model 1", "25 %"] in rows
    assert ["metadata", "https://example.org/tuned"] in rows


def test_model_that_is_not_there(cli: Cli):
    code, _, err = cli("model", "show", "9")
    assert code == 1
    assert "NoSuchModel" in err
    assert "opg model list" in err
