"""Bodies: no more of them are read at a time than memory is there for, however they are written."""

from __future__ import annotations

import asyncio
import gzip
import json
import tracemalloc
from types import SimpleNamespace

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from opg.node import create_app
from opg.node.body import MAX_BODY_BYTES, MAX_HELD_BYTES, SMALL_BYTES, body_limit, parse_json, weight
from opg.node.http import Door

SHAPES = {
    "objects": ("{},", 3),
    "lists": ("[],", 3),
    "nested lists": ("[[0]],", 6),
    "members": ('{"":0},', 7),
    "texts": ('"a",', 4),
    "empty texts": ('"",', 3),
    "numbers": ("1,", 2),
    "floats": ("1.5,", 4),
    "wide text": ('"\U0001f600' + "a" * 300 + '",', 307),
    "escaped": ('"\\ud83d\\ude00' + "a" * 50 + '",', 65),
}


@pytest.mark.parametrize("size", [SMALL_BYTES - 100, 100 * SMALL_BYTES])
@pytest.mark.parametrize("shape", SHAPES)
def test_weight_of_a_body_bounds_what_it_takes(shape, size):
    part, length = SHAPES[shape]
    body = ('{"x":[' + part * (size // length) + "0]}").encode()
    tracemalloc.start()
    parse_json(body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak <= weight(body)


def test_honest_body_weighs_little():
    body = json.dumps({"inputs": [[0.12345678] * 100_000]}).encode()
    assert weight(body) < 10 * len(body)
    assert 10 * weight(body) < MAX_HELD_BYTES


def test_body_that_would_fill_the_memory_is_refused_before_it_is_parsed(host, monkeypatch):
    """16 KB that unpack to 16 MB of empty objects, each of which takes thirty times its length."""
    made = host()
    monkeypatch.setattr("opg.node.http.body_limit", lambda _: MAX_BODY_BYTES)
    http = TestClient(create_app(made.node))
    packed = gzip.compress(b'{"version":1,"inputs":[' + b"{}," * 5_500_000 + b"{}]}", 9)
    monkeypatch.setattr("opg.node.routes_opg.parse_json", lambda _: pytest.fail("it was parsed"))
    for path in ("/opg/v1/infer", "/v2/models/digits/infer"):
        reply = http.post(path, content=packed, headers={"Content-Encoding": "gzip"})
        assert reply.status_code == 413
        assert "of memory" in reply.json()["reason"]


def test_body_that_is_honest_is_read_when_much_is_held(host):
    """The quick bound would not fit any more; counting shows that it does."""
    door = Door(host().node, MAX_BODY_BYTES)
    door.reader.limit = MAX_BODY_BYTES
    door.reader.held = MAX_HELD_BYTES // 2
    body = json.dumps({"inputs": [0.12345678] * 1_000_000}).encode()
    assert 36 * len(body) > MAX_HELD_BYTES

    async def receive():
        return {"type": "http.request", "body": body}

    request = Request({"type": "http", "headers": []}, receive)
    assert asyncio.run(door.reader.read(request)) == body
    door.reader.done(request)
    assert door.reader.held == MAX_HELD_BYTES // 2


def test_body_is_no_longer_than_the_model_needs(host, version):
    made = host()
    assert Door(made.node, MAX_BODY_BYTES).reader.limit == body_limit(64)
    assert Door(made.node, 1_000).reader.limit == 1_000
    http = TestClient(create_app(made.node))
    packed = gzip.compress(b'{"version":1,"inputs":[' + b"0," * 50_000 + b"0]}")
    reply = http.post("/opg/v1/infer", content=packed, headers={"Content-Encoding": "gzip"})
    assert (reply.status_code, reply.json()["kind"]) == (413, "TooLarge")


def test_limit_follows_the_largest_version(host):
    made = host()
    specs = [SimpleNamespace(shape=(3, 224, 224)), SimpleNamespace(shape=())]
    node = SimpleNamespace(
        versions={**made.node.versions, 2: SimpleNamespace(compiled=SimpleNamespace(inputs=specs))},
    )
    assert Door(node, MAX_BODY_BYTES).reader.limit == body_limit(3 * 224 * 224 + 1)
