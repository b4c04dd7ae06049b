"""POST /opg/v1/infer: what is answered, and what is refused with which reason."""

from __future__ import annotations

import base64
import json
import secrets
from dataclasses import replace

import pytest
from eth_account import Account
from fastapi.testclient import TestClient

from opg.answers import SignedAnswer
from opg.chain import answer_digest, ask_digest, recover, sign_digest
from opg.chain.structs import Ask
from opg.node import Store, create_app
from opg.versions import bundle
from tests.stage import make_host

USER = Account.from_key("0x" + "a1" * 32)


@pytest.fixture(scope="module")
def served(session_stage, tmp_path_factory):
    """A host and an HTTP client of it, for all tests of this file."""
    with session_stage.local.restored():
        made = make_host(session_stage, tmp_path_factory.mktemp("node") / "node.sqlite")
        yield made, TestClient(create_app(made.node, max_body_bytes=20_000), raise_server_exceptions=False)


def body(chain, host, tensors, account=USER, **changes):
    """A request as a user signs it, with some of its signed fields changed."""
    ask = Ask(1, bundle(tensors), host.address, account.address, 1, chain.now() + 60)
    ask = replace(ask, **changes)
    digest = ask_digest(ask, chain.id, chain.deployment.address("Inference"))
    return {
        "version": 1,
        "inputs": [{"words": base64.b64encode(words).decode()} for words in tensors],
        "ask": ask.json(),
        "askSignature": "0x" + sign_digest(digest, account).hex(),
    }


@pytest.fixture
def good(stage, served, picture):
    """A request that is answered."""
    return body(stage.chain, served[0], picture(), nonce=secrets.randbits(52))


def test_answer_is_right_and_signed(stage, served, good, picture, version, digits):
    host, http = served
    reply = http.post("/opg/v1/infer", json=good)
    assert reply.status_code == 200
    signed = SignedAnswer.from_json(reply.json())
    assert signed.outputs == version.execute(picture())
    assert signed.answer.output == bundle(signed.outputs)
    digest = answer_digest(signed.answer, stage.chain.id, stage.chain.deployment.address("Inference"))
    assert recover(digest, signed.signature) == host.key.address
    scores = reply.json()["tensors"][0]["values"][0]
    assert scores.index(max(scores)) == digits.labels[0]


def test_chain_accepts_the_signature_as_the_operators(stage, served, good):
    signed = SignedAnswer.from_json(served[1].post("/opg/v1/infer", json=good).json())
    stage.local.advance(5)
    digest, until = stage.chain.read("Inference", "liability", signed.answer.abi(), signed.evidence.abi())
    assert digest == signed.digest
    assert until == signed.answer.issued_at + stage.chain.read("Inference", "windowSeconds")


def test_same_request_gets_the_same_answer(stage, served, good):
    _, http = served
    first = http.post("/opg/v1/infer", json=good).json()
    stage.local.advance(30)
    assert http.post("/opg/v1/infer", json=good).json() == first
    assert http.get(f"/opg/v1/answer/{first['digest']}").json()["signature"] == first["signature"]
    assert http.get(f"/opg/v1/answer/{first['answer']['request']}").json()["digest"] == first["digest"]


def test_answer_is_on_disk_when_it_leaves(served, good):
    host, http = served
    reply = http.post("/opg/v1/infer", json=good).json()
    elsewhere = Store(host.node.store.path)
    assert elsewhere.answer(bytes.fromhex(reply["digest"][2:])).json() == SignedAnswer.from_json(reply).json()
    elsewhere.close()


def test_answer_that_cannot_be_kept_does_not_leave(stage, host, picture):
    made = host()
    made.node.store.close()
    http = TestClient(create_app(made.node), raise_server_exceptions=False)
    assert http.post("/opg/v1/infer", json=body(stage.chain, made, picture())).status_code == 500


def test_inputs_may_be_plain_numbers_by_name(stage, served, digits, picture):
    host, http = served
    numbers = {"image": digits.picture(0).tolist()}
    reply = http.post("/opg/v1/infer", json=body(stage.chain, host, picture()) | {"inputs": numbers})
    assert reply.status_code == 200


ROW = [0.5] * 64


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ([[ROW, ROW]], "has shape [2, 64]"),
        ([ROW], "has shape [64]"),
        ([[[0.5] * 63]], "has shape [1, 63]"),
        ([[[0.5] * 63 + [[1, 2]]]], "no rectangular array"),
        ([[["x"] * 64]], "float32"),
        ([[[True] * 64]], "float32"),
        ([[[None] * 64]], "float32"),
        ([[[1e39] * 64]], "NaN or infinity"),
        ([[[10**100] * 64]], "image"),
        ([], "0 inputs were given"),
        ([[ROW], [ROW]], "2 inputs were given"),
        ("picture", "neither a list nor an object"),
        (None, "neither a list nor an object"),
        ({"photo": [ROW]}, "['photo']"),
        ([{"words": "AAAA"}], "no whole number of base64 words"),
        ([{"words": "AAAAAA=="}], "has 1 words"),
        ([{"words": "#"}], "base64"),
        ([{"words": None}], "base64"),
        ([{"word": ""}], "base64"),
        ([{"words": base64.b64encode(bytes.fromhex("7fc00000") * 64).decode()}], "NaN or infinity"),
        ([{"words": base64.b64encode(bytes.fromhex("ff800000") * 64).decode()}], "NaN or infinity"),
    ],
)
def test_bad_inputs_are_unprocessable(served, good, inputs, reason):
    reply = served[1].post("/opg/v1/infer", content=json.dumps(good | {"inputs": inputs}))
    assert reply.status_code == 422, reply.text
    assert reason in reply.json()["reason"]
    assert reply.json()["advice"]


@pytest.mark.parametrize("number", [2, 0, -1, "1", 1.0, True, None, [1]])
def test_version_that_is_not_served_is_not_found(served, good, number):
    reply = served[1].post("/opg/v1/infer", json=good | {"version": number})
    assert reply.status_code == 404
    assert reply.json()["advice"] == "served are: 1"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"1", b'{"inputs": NaN}', b"\xff", b"[" * 5_000])
def test_body_that_is_no_json_object_is_refused(served, content):
    reply = served[1].post("/opg/v1/infer", content=content)
    assert reply.status_code == 400, reply.text
    assert reply.json()["kind"] == "BadRequest"


def test_oversized_body_is_refused_unread(served, good):
    reply = served[1].post("/opg/v1/infer", json=good | {"filler": "x" * 20_000})
    assert reply.status_code == 413


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"operator": USER.address}, "the request is for"),
        ({"version": 2}, "is for version 2"),
        ({"input": b"x" * 32}, "for another input"),
        ({"deadline": 1}, "deadline"),
        ({"deadline": 2**40}, "deadline"),
        ({"user": "0x" + "22" * 20}, "not signed by its user"),
    ],
)
def test_request_that_does_not_fit_is_refused(stage, served, picture, changes, reason):
    host, http = served
    reply = http.post("/opg/v1/infer", json=body(stage.chain, host, picture(), **changes))
    assert reply.status_code == 400
    assert reason in reply.json()["reason"]


@pytest.mark.parametrize("change", [{"ask": None}, {"ask": {}}, {"askSignature": "zz"}, {"askSignature": "0x00"}])
def test_request_without_a_signature_is_refused(served, good, change):
    assert served[1].post("/opg/v1/infer", json=good | change).status_code == 400


def test_signature_of_another_request_is_refused(stage, served, good, picture):
    other = body(stage.chain, served[0], picture(), nonce=2)
    reply = served[1].post("/opg/v1/infer", json=good | {"askSignature": other["askSignature"]})
    assert reply.status_code == 400


def test_unknown_answers_and_batches_are_not_found(served):
    _, http = served
    for path in ("answer/0x" + "00" * 32, "batch/1", "batch/1/0", "batch/0x" + "00" * 32):
        assert http.get(f"/opg/v1/{path}").status_code == 404, path
    for path in ("answer/zz", "batch/zz", "batch/0x12"):
        assert http.get(f"/opg/v1/{path}").status_code == 400, path


def test_info_says_who_serves_what_for_how_much(served):
    host, http = served
    info = http.get("/opg/v1/info").json()
    assert (info["operator"], info["key"]) == (host.address, host.key.address)
    assert (info["versions"], info["price"]) == ([1], "0")


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/opg/v1/infer", {"version": "\ud800", "inputs": []}, 404),
        ("/opg/v1/infer", {"version": 1, "inputs": {"\ud800": []}}, 422),
        ("/opg/v1/infer", {"version": 1, "inputs": [{"words": "\ud800"}]}, 422),
        ("/opg/v1/infer", {"version": 1, "inputs": ["\ud800"]}, 422),
        ("/v2/models/digits/infer", {"inputs": [{"name": "image", "datatype": "\ud800", "shape": [1]}]}, 422),
        ("/v2/models/digits/infer", {"inputs": [{"name": "\ud800"}]}, 422),
        ("/v2/models/digits/infer", {"inputs": [], "outputs": [{"name": "\ud800"}]}, 422),
        ("/v2/models/digits/infer", {"inputs": [], "parameters": {"opg_ask": "\ud800"}}, 422),
    ],
)
def test_letters_that_no_encoding_has_are_refused(served, path, content, status):
    """JSON can say them; a reply that quotes them must not fail."""
    reply = served[1].post(path, content=json.dumps(content).encode())
    assert reply.status_code == status, reply.text
    assert reply.json()["reason"]


@pytest.mark.parametrize("digits", [79, 4_301, 5_000])
def test_number_of_a_model_that_no_number_is_so_long_as_is_not_found(served, digits):
    for path in ("/v2/models/{}", "/v2/models/{}/ready", "/v2/models/digits/versions/{}"):
        assert served[1].get(path.format("1" * digits)).status_code == 404
    for path in ("/opg/v1/batch/{}", "/opg/v1/batch/0x" + "00" * 32 + "/{}"):
        assert served[1].get(path.format("1" * digits)).status_code in (400, 404)
