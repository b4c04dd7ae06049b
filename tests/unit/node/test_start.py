"""What a node checks before it serves anything."""

from __future__ import annotations

import pytest
from eth_account import Account

from opg.chain import Sender
from opg.errors import BadInput, ModelUnreadable, NotStaked, TransactionRefused, WrongKey, WrongModel
from opg.node import Node, Policy, Store, launch, serve
from opg.versions import load_version
from scripts.stage import BINDINGS, DIGITS, Stage


def start(stage: Stage, host, account=None, path=DIGITS, version_id=None):
    folder = host.node.store.path.parent / "other"
    models = {version_id or stage.version_id: path}
    return launch(stage.chain, account or host.key, host.address, models, folder, Policy())


def test_key_that_is_not_registered_is_refused(stage, host):
    with pytest.raises(WrongKey, match="is not the serving key"):
        start(stage, host(), Account.create())


def test_retired_key_is_refused(stage, host):
    made = host()
    made.operator.send("Staking", "register", Account.create().address, made.url)
    stage.local.advance(2)
    with pytest.raises(WrongKey):
        start(stage, made)


def test_operator_with_too_little_stake_is_refused(stage, host):
    made = host()
    made.operator.send("Staking", "startThaw", 501 * 10**18)
    with pytest.raises(NotStaked, match="minimum stake"):
        start(stage, made)


def test_other_file_is_refused_by_its_hash(stage, host, tmp_path):
    import onnx

    model = onnx.load(DIGITS)
    model.doc_string = "the same model, another file"
    other = tmp_path / "other.onnx"
    onnx.save(model, other)
    with pytest.raises(WrongModel, match="SHA-256"):
        start(stage, host(), path=other)


def test_version_that_does_not_come_from_its_file_is_refused(stage, host):
    """Somebody published a program root that is not the file's."""
    header = list(stage.compiled.program.header)
    header[4] = b"x" * 32
    stage.owner.send("Models", "publish", 1, header, stage.compiled.artifact_hash, "x", BINDINGS, 1)
    with pytest.raises(WrongModel, match="does not come from its file"):
        start(stage, host(), version_id=2)


def test_file_that_is_no_model_is_refused(stage, host, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_text("hello")
    with pytest.raises(ModelUnreadable):
        start(stage, host(), path=path)
    with pytest.raises(ModelUnreadable, match="cannot read"):
        start(stage, host(), path=tmp_path / "none.onnx")


def test_version_that_does_not_exist_is_refused(stage, host):
    with pytest.raises(TransactionRefused, match="NoSuchVersion"):
        start(stage, host(), version_id=9)


def test_operators_own_key_is_as_good_when_it_is_registered(stage, version, tmp_path):
    person = stage.local.account()
    operator = stage.operator(1_500, person, "http://x")
    with pytest.raises(WrongKey):
        Node(stage.chain, operator, operator.address, {1: version}, Store(tmp_path / "a.sqlite"))
    Node(stage.chain, Sender(stage.chain, person), operator.address, {1: version}, Store(tmp_path / "b.sqlite"))
    assert load_version(stage.chain, 1, DIGITS).program.root == version.program.root


def test_address_that_is_taken_is_refused_and_nothing_is_said_to_be_served(host, capfd):
    made, other = host(), host()
    with other.serving(), pytest.raises(BadInput, match=f"cannot listen at {other.url}"):
        serve(made.node, "127.0.0.1", other.port)
    assert "serving" not in capfd.readouterr().err


def test_address_that_is_not_ours_is_refused(host):
    with pytest.raises(BadInput, match="cannot listen"):
        serve(host().node, "192.0.2.1", 8800)
