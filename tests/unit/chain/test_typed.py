"""What is signed here is what the contracts hash."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from opg.chain import Answer, Voucher, answer_digest, ask_digest, recover, sign_digest, voucher_digest
from opg.chain.structs import Ask, Evidence, Request

HASHES = st.binary(min_size=32, max_size=32)
ADDRESSES = st.builds(lambda b: "0x" + b.hex(), st.binary(min_size=20, max_size=20))
ME = Account.from_key("0x" + "11" * 32)
ASK = Ask(3, b"i" * 32, ME.address, ME.address, 7, 1_000)


def test_answer_digest_is_the_contracts(stage):
    answer = Answer(b"r" * 32, 2**200, b"i" * 32, b"o" * 32, ME.address, 2**64 - 1)
    inference = stage.chain.deployment.address("Inference")
    assert answer_digest(answer, stage.chain.id, inference) == stage.chain.read("Inference", "hashAnswer", answer.abi())


def test_voucher_digest_is_the_contracts(stage):
    voucher = Voucher(ME.address, stage.bank.address, 2**64, 10**30, 2**64 - 1)
    channels = stage.chain.deployment.address("Channels")
    assert voucher_digest(voucher, stage.chain.id, channels) == stage.chain.read(
        "Channels", "hashVoucher", voucher.abi()
    )


@pytest.mark.parametrize("field", [f.name for f in fields(Ask)])
def test_every_field_of_a_request_is_signed(field):
    other = {"input": b"j" * 32, "operator": "0x" + "22" * 20, "user": "0x" + "22" * 20}.get(field, 99)
    assert ask_digest(ASK, 1, ME.address) != ask_digest(replace(ASK, **{field: other}), 1, ME.address)


def test_request_is_bound_to_chain_and_contract():
    assert (
        len({ask_digest(ASK, 1, ME.address), ask_digest(ASK, 2, ME.address), ask_digest(ASK, 1, "0x" + "22" * 20)}) == 3
    )


@given(HASHES)
def test_signature_leads_back_to_its_key(digest):
    assert recover(digest, sign_digest(digest, ME)) == ME.address


@given(HASHES, st.binary(max_size=70))
def test_garbage_is_nobodys_signature(digest, garbage):
    assert recover(digest, garbage) != ME.address


@given(HASHES, st.integers(0, 2**256 - 1), HASHES, HASHES, ADDRESSES, st.integers(0, 2**64 - 1))
def test_answer_survives_json(request_hash, version, one, two, operator, issued_at):
    from eth_utils import to_checksum_address

    answer = Answer(request_hash, version, one, two, to_checksum_address(operator), issued_at)
    assert Answer.from_json(answer.json()) == answer


def test_evidence_survives_json():
    evidence = Evidence(ME.address, b"s" * 65, 4, 5, (b"a" * 32, b"b" * 32))
    assert Evidence.from_json(evidence.json()) == evidence


@pytest.mark.parametrize(
    "change",
    [
        {"version": "3"},
        {"version": True},
        {"version": -1},
        {"input": "zz"},
        {"operator": "0x12"},
        {"deadline": 2**64},  # what a contract cannot take is worth nothing
        {"nonce": 2**256},
        {"input": "0x" + "12" * 31},
        {"more": 1},
    ],
)
def test_json_that_is_no_request_is_refused(change):
    with pytest.raises(ValueError):
        Ask.from_json(ASK.json() | change)


def test_json_without_a_field_is_refused():
    data = ASK.json()
    del data["nonce"]
    with pytest.raises(ValueError):
        Ask.from_json(data)
    with pytest.raises(ValueError):
        Request.from_json([])
