"""Who offers what is read from the chain once, and kept."""

from __future__ import annotations

import json

import pytest
import requests

from opg.offers import Offers


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "offers.json"


@pytest.fixture
def from_blocks(monkeypatch):
    """The first blocks of the requests for events."""
    found, send = [], requests.Session.send

    def noting(session, request, **options):
        body = json.loads(request.body)
        if isinstance(body, dict) and body["method"] == "eth_getLogs":
            found.append(int(body["params"][0]["fromBlock"], 16))
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", noting)
    return found


def mine(stage, blocks):
    stage.local.rpc("anvil_mine", hex(blocks))


def test_the_chain_is_read_once(stage, host, path, from_blocks):
    first = host()
    assert Offers(stage.chain, path).operators(1) == [first.address]
    mine(stage, 200)
    Offers(stage.chain, path).operators(1)
    second = host()
    from_blocks.clear()
    assert Offers(stage.chain, path).operators(1) == sorted([first.address, second.address])
    assert from_blocks[0] > stage.chain.head() - 100 > stage.chain.deployment.block


def test_what_a_reorganisation_brings_is_found(stage, host, path):
    mine(stage, 100)
    mark = stage.local.rpc("evm_snapshot")
    gone = host()
    offers = Offers(stage.chain, path)
    assert offers.operators(1) == [gone.address]
    stage.local.rpc("evm_revert", mark)
    instead = host()
    mine(stage, 3)
    assert instead.address in Offers(stage.chain, path).operators(1)


def test_another_chain_with_the_same_contracts_is_read_anew(stage, host, path):
    made = host()
    Offers(stage.chain, path).operators(1)
    kept = json.loads(path.read_text())
    for change in ({"hash": "0x" + 64 * "0"}, {"inference": "0x" + 40 * "1"}, {"block": 10**9}):
        path.write_text(json.dumps({**kept, "offers": {"1": ["0x" + 40 * "2"]}, **change}))
        assert Offers(stage.chain, path).operators(1) == [made.address]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"offers": 1}', '{"offers": {"x": 1}}', "\x00"])
def test_a_damaged_file_is_read_anew(stage, host, path, content):
    made = host()
    path.parent.mkdir()
    path.write_text(content)
    assert Offers(stage.chain, path).operators(1) == [made.address]
    assert json.loads(path.read_text())["offers"] == {"1": [made.address]}
