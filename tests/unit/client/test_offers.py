"""Who offers what is read from the chain once, and kept."""

from __future__ import annotations

import json

import pytest
import requests
from web3.exceptions import BlockNotFound

from opg import offers as module
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


@pytest.mark.parametrize("depth", [20, 200])
def test_what_a_reorganisation_brings_is_found_by_who_saw_the_other_blocks(stage, host, path, monkeypatch, depth):
    """Where new blocks are, others were read before; and nobody who reads the file afterwards misses it."""
    monkeypatch.setattr(module, "DISCOVERY_SECONDS", -1)
    mine(stage, 100)
    mark = stage.local.rpc("evm_snapshot")
    gone = host()
    mine(stage, depth)
    offers = Offers(stage.chain, path)
    assert offers.operators(1) == [gone.address]
    stage.local.rpc("evm_revert", mark)
    instead = host()
    mine(stage, depth)
    assert instead.address in offers.operators(1)
    mine(stage, 200)
    assert instead.address in offers.operators(1)
    assert instead.address in Offers(stage.chain, path).operators(1)


def test_a_node_that_has_no_old_blocks_is_read_all_the_same(stage, host, path, monkeypatch):
    made = host()
    Offers(stage.chain, path).operators(1)

    def pruned(_):
        raise BlockNotFound("it is not here any more")

    with monkeypatch.context() as patched:
        patched.setattr(stage.chain, "block", pruned)
        assert Offers(stage.chain, path).operators(1) == [made.address]
    later = host()
    assert later.address in Offers(stage.chain, path).operators(1)


def test_a_machine_that_was_just_switched_on_reads_the_chain(stage, host, path, monkeypatch):
    host()
    Offers(stage.chain, path).operators(1)
    later = host()
    monkeypatch.setattr(module.time, "monotonic", lambda: 5.0)
    assert later.address in Offers(stage.chain, path).operators(1)


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
