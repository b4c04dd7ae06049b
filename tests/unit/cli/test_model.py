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
