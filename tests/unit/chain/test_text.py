"""Texts on chain: whoever may write one may write any bytes, and nobody who reads them may be stopped by that."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from eth_abi import encode
from web3.exceptions import Web3ValueError

from opg.chain import EventReader
from opg.chain.artifacts import decode_error
from opg.chain.deploying import OPG
from opg.client import Client
from opg.market import Market, Terms
from tests.stage import PRICE

NO_TEXT = b"http://\xff\xfe"
SHOWN = "http://\\xff\\xfe"


def send_raw(stage, sender, contract, signature, values):
    """Calls a function with arguments as they are encoded: `string` as the bytes given."""
    types = signature.partition("(")[2].rstrip(")").split(",")
    arguments = encode(["bytes" if kind == "string" else kind for kind in types], values)
    selector = bytes(stage.chain.w3.keccak(text=signature)[:4])
    sender.send_data(stage.chain.deployment.address(contract), selector + arguments, signature)


def commit_no_text(stage, made):
    """A batch whose content identifier is no text."""
    values = [made.address, b"\1" * 32, 1, NO_TEXT]
    send_raw(stage, made.operator, "Inference", "commit(address,bytes32,uint32,string)", values)


def register_no_text(stage, made):
    """An endpoint that is no text."""
    send_raw(stage, made.operator, "Staking", "register(address,string)", [made.key.address, NO_TEXT])


def test_event_with_bytes_that_are_no_text_is_read(stage, host):
    made = host()
    start = stage.chain.head() + 1
    commit_no_text(stage, made)
    (event,) = EventReader(stage.chain, [("Inference", "Committed")], start).read()
    assert (event.args["operator"], event.args["cid"]) == (made.address, SHOWN)


def test_endpoint_that_is_no_text_is_read(stage, host):
    made = host()
    register_no_text(stage, made)
    assert stage.chain.read("Staking", "operatorInfo", made.address)[1] == SHOWN


def test_endpoint_that_is_no_text_does_not_stop_the_market(stage, host, user, digits, tmp_path):
    evil, good = host(price=0), host(price=PRICE)
    register_no_text(stage, evil)
    market = Market(Client(stage.chain, user.account), tmp_path / "market", seed=1)
    with good.serving():
        reply = market.infer(1, [digits.picture(0)], Terms(max_price=PRICE, deposit=OPG))
    assert reply.signed.answer.operator == good.address


@pytest.mark.parametrize("problem", [UnicodeDecodeError("utf-8", b"", 0, 1, "no"), Web3ValueError("odd"), KeyError(1)])
def test_event_that_cannot_be_decoded_hides_no_other(stage, user, monkeypatch, capfd, problem):
    start = stage.chain.head() + 1
    for amount in (1, 2, 3):
        user.send("OPG", "transfer", stage.owner.address, amount)
    reader = EventReader(stage.chain, [("OPG", "Transfer")], start)
    ((key, (contract, name, event)),) = reader._decoders.items()

    def process_log(log):
        if log["blockNumber"] == start + 1:
            raise problem
        return event.process_log(log)

    reader._decoders[key] = (contract, name, SimpleNamespace(process_log=process_log))
    assert [each.args["value"] for each in reader.read()] == [1, 3]
    assert reader.cursor == stage.chain.head() + 1
    assert "skipped an event  event=OPG.Transfer" in capfd.readouterr().err


def test_refusal_with_bytes_that_are_no_text_is_shown():
    data = bytes.fromhex("08c379a0") + encode(["bytes"], [b"no \xff"])
    assert decode_error(data) == ("Error", {"message": "no \\xff"})


def test_contract_cannot_have_urls_asked(stage):
    """EIP-3668: a revert that names URLs would make web3 ask them, from inside our network."""
    assert stage.chain.w3.provider.global_ccip_read_enabled is False
