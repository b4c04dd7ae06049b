"""Whatever comes in at the door, a reply with a reason goes out: never a 500, never an answer that was not asked for, never memory
that stays taken.
"""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from opg.node import create_app
from opg.node.http import Door
from tests.conftest import DEEP
from tests.stage import make_host
from tests.unit.node.test_infer import body

LENGTH = "Inference-Header-Content-Length"
ALLOWED = {200, 400, 402, 404, 405, 408, 413, 415, 422}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=20,
)
EXAMPLES = settings(max_examples=2_000 if DEEP else 60)


@pytest.fixture(scope="module")
def served(session_stage, tmp_path_factory):
    """A host, its door and an HTTP client."""
    doors = []
    init = Door.__init__

    def noted(self, *arguments):
        init(self, *arguments)
        doors.append(self)

    with session_stage.local.restored(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Door, "__init__", noted)
        made = make_host(session_stage, tmp_path_factory.mktemp("node") / "node.sqlite", max_skew_seconds=0)
        http = TestClient(create_app(made.node, max_body_bytes=20_000), raise_server_exceptions=False)
        yield made, doors[0], http


def check(served, reply) -> None:
    made, door, _ = served
    assert reply.status_code in ALLOWED, (reply.status_code, reply.text)
    if reply.status_code != 200:
        told = reply.json()
        assert told["error"] and told["reason"] and "Traceback" not in reply.text
    assert (door.reader.held, door.running, len(made.node._running)) == (0, 0, 0)


@EXAMPLES
@given(content=st.binary(max_size=300), path=st.sampled_from(["/opg/v1/infer", "/v2/models/digits/infer"]))
def test_any_bytes(served, content, path):
    reply = served[2].post(path, content=content)
    check(served, reply)
    assert reply.status_code != 200


@EXAMPLES
@given(value=json_values, path=st.sampled_from(["/opg/v1/infer", "/v2/models/digits/infer"]))
def test_any_json(served, value, path):
    reply = served[2].post(path, content=json.dumps(value))
    check(served, reply)
    assert reply.status_code != 200


@pytest.fixture(scope="module")
def good(session_stage, served):
    picture = served[0].node.versions[1].parse_inputs([[[0.5] * 64]])
    return body(session_stage.chain, served[0], picture, deadline=served[0].node.view.now() + 3_000)


@EXAMPLES
@given(data=st.data())
def test_request_with_one_thing_changed(served, good, data):
    """A value anywhere in a good request, replaced by any other."""
    request = json.loads(json.dumps(good))
    places = [(request, key) for key in request] + [(request["ask"], key) for key in request["ask"]]
    holder, key = data.draw(st.sampled_from(places))
    holder[key] = data.draw(json_values)
    check(served, served[2].post("/opg/v1/infer", content=json.dumps(request)))


@EXAMPLES
@given(data=st.data())
def test_tensor_request_with_one_thing_changed(served, data):
    request = {
        "id": "1",
        "parameters": {"binary_data_output": False},
        "inputs": [{"name": "image", "shape": [1, 64], "datatype": "FP32", "data": [0.5] * 64, "parameters": {}}],
        "outputs": [{"name": served[0].node.versions[1].compiled.outputs[0].name, "parameters": {}}],
    }
    holder = data.draw(st.sampled_from([request, request["inputs"][0], request["outputs"][0], request["parameters"]]))
    key = data.draw(st.sampled_from([*holder, "binary_data_size", "binary_data", "opg_ask", "opg_voucher"]))
    holder[key] = data.draw(json_values)
    tail = data.draw(st.binary(max_size=8))
    head = json.dumps(request).encode()
    length = data.draw(st.sampled_from([len(head), len(head) + len(tail), len(head) - 1]) | st.integers(-5, 10**6))
    headers = {LENGTH: str(length)} if data.draw(st.booleans()) else {}
    check(served, served[2].post("/v2/models/digits/infer", content=head + tail, headers=headers))


@EXAMPLES
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]),
    parts=st.lists(
        st.sampled_from(
            ["opg", "v1", "v2", "models", "digits", "versions", "infer", "batch", "answer", "info", "health", "1"]
        )
        | st.text(
            st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="?#/\\"), min_size=1, max_size=12
        ),
        max_size=6,
    ),
)
def test_any_path(served, method, parts):
    reply = served[2].request(method, "/" + "/".join(parts))
    if method == "HEAD":
        assert reply.status_code in ALLOWED
    else:
        check(served, reply)


@EXAMPLES
@given(
    encoding=st.sampled_from(["gzip", "deflate", "identity", "br", ""]) | st.text("abcdefgxyz", max_size=10),
    content=st.binary(max_size=100),
)
def test_any_encoding(served, encoding, content):
    reply = served[2].post("/opg/v1/infer", content=content, headers={"Content-Encoding": encoding})
    check(served, reply)
