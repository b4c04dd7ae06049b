"""The Open Inference Protocol: raw HTTP as its specification says, and an unmodified client of Triton."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import zlib

import numpy as np
import pytest
from fastapi.testclient import TestClient

from opg.answers import Answer
from opg.chain import answer_digest, recover
from opg.node import create_app
from opg.tensor import unpack
from opg.versions import bundle
from opg.vouchers import make_voucher
from tests.stage import PRICE, channel, make_host
from tests.unit.node.test_infer import body

LENGTH = "Inference-Header-Content-Length"


@pytest.fixture(scope="module")
def served(session_stage, tmp_path_factory):
    """A host whose answers are free, and an HTTP client of it, for all tests of this file."""
    with session_stage.local.restored():
        made = make_host(session_stage, tmp_path_factory.mktemp("node") / "node.sqlite")
        yield made, TestClient(create_app(made.node, max_body_bytes=20_000), raise_server_exceptions=False)


@pytest.fixture
def pixels(digits):
    return digits.picture(0)


def tensor(pixels, **changes):
    data = {"name": "image", "datatype": "FP32", "shape": [1, 64], "data": pixels.reshape(-1).tolist()}
    return {key: value for key, value in (data | changes).items() if value is not None}


def ask(http, request, path="/v2/models/digits/infer", **options):
    return http.post(path, json=request, **options)


def framed(request, *tensors):
    head = json.dumps(request).encode()
    return {"content": b"".join([head, *tensors]), "headers": {LENGTH: str(len(head))}}


def scores_of(reply):
    """The first output of a reply, JSON or binary."""
    if LENGTH not in reply.headers:
        return np.array(reply.json()["outputs"][0]["data"], np.float32)
    size = int(reply.headers[LENGTH])
    (output, *_) = json.loads(reply.content[:size])["outputs"]
    assert size + output["parameters"]["binary_data_size"] == len(reply.content)
    return np.frombuffer(reply.content[size:], "<f4")


def test_health_and_metadata(served):
    _, http = served
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert http.get(path).status_code == http.head(path).status_code == 200
    assert http.get("/v2").json()["extensions"] == ["binary_tensor_data"]
    for path in ("digits", "digits/versions/1", "1", "1/versions/1"):
        told = http.get(f"/v2/models/{path}").json()
        assert told["versions"] == ["1"]
        assert told["inputs"] == [{"name": "image", "datatype": "FP32", "shape": [1, 64]}]
        assert told["outputs"][0]["shape"] == [1, 10]
        assert http.get(f"/v2/models/{path}/ready").status_code == 200


def test_answer_is_the_programs_words_and_carries_its_signature(stage, served, version, picture, pixels):
    host, http = served
    reply = ask(http, {"id": "7", "inputs": [tensor(pixels)]}).json()
    (words,) = version.execute(picture())
    assert (reply["id"], reply["model_name"], reply["model_version"]) == ("7", "digits", "1")
    given = np.array(reply["outputs"][0]["data"], np.float32)
    assert (given.view(np.uint32) == unpack(words)).all()
    answer = Answer.from_json(json.loads(reply["parameters"]["opg_answer"]))
    assert (answer.input, answer.output) == (bundle(picture()), bundle((words,)))
    digest = answer_digest(answer, stage.chain.id, stage.chain.deployment.address("Inference"))
    assert reply["parameters"]["opg_digest"] == "0x" + digest.hex()
    assert recover(digest, bytes.fromhex(reply["parameters"]["opg_signature"][2:])) == host.key.address
    assert host.node.store.answer(digest).outputs == (words,)


@pytest.mark.parametrize("binary_in", [True, False])
@pytest.mark.parametrize("binary_out", ["no", "all", "named"])
def test_tensors_travel_as_json_and_as_bytes(served, version, picture, pixels, binary_in, binary_out):
    raw = pixels.astype("<f4").tobytes()
    given = tensor(pixels, data=None, parameters={"binary_data_size": len(raw)}) if binary_in else tensor(pixels)
    request = {"inputs": [given]}
    if binary_out == "all":
        request["parameters"] = {"binary_data_output": True}
    elif binary_out == "named":
        name = version.compiled.outputs[0].name
        request["outputs"] = [{"name": name, "parameters": {"binary_data": True}}]
    reply = served[1].post("/v2/models/digits/infer", **framed(request, *([raw] if binary_in else [])))
    assert reply.status_code == 200, reply.text
    assert (LENGTH in reply.headers) == (binary_out != "no")
    assert (scores_of(reply).view(np.uint32) == unpack(version.execute(picture())[0])).all()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_compressed_bodies_are_read(served, pixels, encoding):
    plain = json.dumps({"inputs": [tensor(pixels)]}).encode()
    packed = gzip.compress(plain) if encoding == "gzip" else zlib.compress(plain)
    headers = {"Content-Encoding": encoding}
    assert served[1].post("/v2/models/digits/infer", content=packed, headers=headers).status_code == 200
    cut = served[1].post("/v2/models/digits/infer", content=packed[:-9], headers=headers)
    assert cut.status_code == 400
    bomb = gzip.compress(bytes(10_000_000)) if encoding == "gzip" else zlib.compress(bytes(10_000_000))
    assert served[1].post("/v2/models/digits/infer", content=bomb, headers=headers).status_code == 413


def test_compression_that_nobody_knows_is_refused(served):
    reply = served[1].post("/v2/models/digits/infer", content=b"x", headers={"Content-Encoding": "br"})
    assert reply.status_code == 415


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"name": "photo"}, "is not one that is missing"),
        ({"name": None}, "is not one that is missing"),
        ({"datatype": "INT32"}, "is said to be INT32"),
        ({"datatype": None}, "is said to be None"),
        ({"shape": [64]}, "is said to have shape [64]"),
        ({"shape": "all"}, "is said to have shape all"),
        ({"data": [1.0] * 63}, "does not fill its shape"),
        ({"data": [[1.0] * 32] * 2}, "has shape [2, 32]"),
        ({"data": None}, "has no data"),
        ({"data": ["a"] * 64}, "float32"),
        ({"data": [True] * 64}, "float32"),
        ({"data": [1e39] * 64}, "NaN or infinity"),
        ({"data": None, "parameters": {"binary_data_size": 256}}, "has not 256 bytes"),
        ({"data": None, "parameters": {"binary_data_size": -1}}, "has not 256 bytes"),
        ({"data": None, "parameters": {"binary_data_size": "256"}}, "has not 256 bytes"),
        ({"data": None, "parameters": {"binary_data_size": 10**30}}, "has not 256 bytes"),
    ],
)
def test_tensor_that_does_not_fit_is_unprocessable(served, pixels, changes, reason):
    reply = ask(served[1], {"inputs": [tensor(pixels, **changes)]})
    assert reply.status_code == 422, reply.text
    assert reason in reply.json()["error"]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({}, 400),
        ({"inputs": {}}, 400),
        ({"inputs": [1]}, 400),
        ({"inputs": []}, 422),
        ({"inputs": [], "id": 5}, 422),
        ({"inputs": [], "parameters": []}, 422),
        ({"inputs": [], "parameters": [1]}, 400),
        ({"inputs": [], "parameters": {"opg_ask": "{"}}, 422),
    ],
)
def test_request_that_is_none_is_refused(served, request_, status):
    assert ask(served[1], request_).status_code == status


def test_bytes_that_belong_to_nothing_are_refused(served, pixels):
    reply = served[1].post("/v2/models/digits/infer", **framed({"inputs": [tensor(pixels)]}, b"more"))
    assert reply.status_code == 422
    for length in ("-1", "9999999", "x", "٣"):
        headers = {LENGTH.encode(): length.encode()}
        assert served[1].post("/v2/models/digits/infer", content=b"{}", headers=headers).status_code == 400


def test_infinity_in_binary_input_is_refused(served, pixels):
    raw = np.full(64, np.inf, "<f4").tobytes()
    given = tensor(pixels, data=None, parameters={"binary_data_size": 256})
    reply = served[1].post("/v2/models/digits/infer", **framed({"inputs": [given]}, raw))
    assert (reply.status_code, "NaN or infinity" in reply.text) == (422, True)


def test_unknown_output_model_or_version_is_refused(served, pixels):
    request = {"inputs": [tensor(pixels)], "outputs": [{"name": "mood"}]}
    assert ask(served[1], request).status_code == 422
    for path in ("/v2/models/mnist", "/v2/models/digits/versions/2", "/v2/models/2", "/v2/models/digits/versions/x"):
        assert served[1].get(path).status_code == 404, path
        assert served[1].get(f"{path}/ready").status_code == 404, path
        assert ask(served[1], request, f"{path}/infer").status_code == 404, path


def test_signed_request_and_voucher_ride_in_the_parameters(stage, host, user, version, picture, pixels):
    made = host(price=PRICE)
    channel(user, made)
    http = TestClient(create_app(made.node))
    request = {"inputs": [tensor(pixels)]}
    assert ask(http, request).status_code == 400
    signed = body(stage.chain, made, picture(), user.account)
    parameters = {"opg_ask": json.dumps(signed["ask"]), "opg_ask_signature": signed["askSignature"]}
    assert ask(http, request | {"parameters": parameters}).status_code == 402
    voucher = make_voucher(stage.chain, user.account, made.address, version.model_id, PRICE)
    parameters["opg_voucher"] = json.dumps(voucher.json())
    first = ask(http, request | {"parameters": parameters}).json()
    assert json.loads(first["parameters"]["opg_answer"])["request"] == made.node.infer(signed)["answer"]["request"]
    assert ask(http, request | {"parameters": parameters}).json() == first
    assert made.node.store.voucher_totals(user.address) == {version.model_id: PRICE}


def test_page_about_the_routes_needs_nothing_from_elsewhere(served):
    page = served[1].get("/docs").text
    assert "/v2/models/{name}/infer" in page and "/opg/v1/infer" in page
    assert "//" not in page and "<script" not in page
    assert served[1].get("/openapi.json").json()["paths"]["/v2/models/{name}/infer"]["post"]["requestBody"]


TRITON = """
import sys, json, numpy as np, tritonclient.http as triton
from tritonclient.utils import InferenceServerException
url, out, binary_in, binary_out, pack = sys.argv[1], sys.argv[2], *(each == "1" for each in sys.argv[3:])
client = triton.InferenceServerClient(url)
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("digits", "1")
assert client.get_model_metadata("digits")["inputs"][0]["shape"] == [1, 64]
image = triton.InferInput("image", [1, 64], "FP32")
image.set_data_from_numpy(np.full((1, 64), 0.5, np.float32), binary_data=binary_in)
wanted = [triton.InferRequestedOutput(out, binary_data=binary_out)]
result = client.infer("digits", [image], outputs=wanted, request_id="9", request_compression_algorithm="gzip" if pack else None)
reply = result.get_response()
print(json.dumps({"scores": result.as_numpy(out).reshape(-1).tolist(), "id": reply["id"], **reply["parameters"]}))
try:
    client.infer("digits", [triton.InferInput("image", [1, 63], "FP32").set_data_from_numpy(np.zeros((1, 63), np.float32))])
except InferenceServerException as problem:
    assert "is said to have shape [1, 63]" in problem.message(), problem
else:
    raise SystemExit("a wrong shape was taken")
"""


@pytest.mark.parametrize("options", ["000", "110", "101", "011", "111"])
def test_unmodified_triton_client_gets_an_answer(host, version, options, clients_python):
    made = host()
    output = version.compiled.outputs[0].name
    with made.serving() as url:
        command = [clients_python, "-c", TRITON, url.removeprefix("http://"), output, *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    (words,) = version.execute(version.parse_inputs([[[0.5] * 64]]))
    assert (np.array(told["scores"], np.float32).view(np.uint32) == unpack(words)).all()
    assert (told["id"], told["opg_key"]) == ("9", made.key.address)
