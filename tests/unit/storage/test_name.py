"""Identifiers are those of IPFS: the vectors were made by js-IPFS' importer (scripts/ipfs_vectors.mjs), and by kubo itself
(scripts/kubo_vectors.py).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import deque
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg.storage import BadCid, Cid, file_cid, is_cid, protobuf, unixfs
from opg.storage.cid import RAW, SHA2_256
from opg.storage.unixfs import Link, Profile, build, chunks, decode, encode

VECTORS, KUBO = (
    json.loads((Path(__file__).parent / name).read_text())["vectors"] for name in ("vectors.json", "kubo.json")
)
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def content(seed: str, size: int) -> bytes:
    return hashlib.shake_256(seed.encode()).digest(size)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: f"{v['size']}-by-{v['chunk']}-{v['width']}")
def test_name_is_the_one_that_ipfs_gives(vector):
    profile = Profile(vector["chunk"], vector["width"])
    stream = io.BytesIO(content(vector["seed"], vector["size"]))
    ((root, _),) = deque(build(chunks(stream, profile.chunk_bytes), profile), maxlen=1)
    assert str(root) == vector["cid"]


class Version0(NamedTuple):
    """A name as kubo gives it by default."""

    digest: bytes

    def encode(self) -> bytes:
        return SHA2_256 + self.digest

    def __str__(self) -> str:
        number, text = int.from_bytes(self.encode(), "big"), ""
        while number:
            number, place = divmod(number, 58)
            text = BASE58[place] + text
        return text


@pytest.mark.parametrize("vector", KUBO, ids=lambda v: str(v["size"]))
def test_tree_over_the_leaves_is_the_one_of_kubo(vector, monkeypatch):
    """Its library gives names of version 0 alone, with leaves in dag-pb: those are made here, all above them as always."""

    def leaf(piece: bytes) -> bytes:
        return protobuf.chunk(1, protobuf.number(1, 2) + protobuf.chunk(2, piece) + protobuf.number(3, len(piece)))

    def name(codec: int, block: bytes) -> Version0:
        return Version0(hashlib.sha256(leaf(block) if codec == RAW else block).digest())

    def link(cid: Version0, size: int, total: int) -> Link:
        return Link(cid, size, len(leaf(bytes(size))) if size == total else total)

    monkeypatch.setattr(unixfs, "Cid", SimpleNamespace(of=name))
    monkeypatch.setattr(unixfs, "Link", link)
    stream = io.BytesIO(content(vector["seed"], vector["size"]))
    ((root, _),) = deque(build(chunks(stream, unixfs.PROFILE.chunk_bytes)), maxlen=1)
    assert str(root) == vector["cid"]


def test_name_of_a_file_is_the_one_of_its_bytes(tmp_path):
    vector = next(v for v in VECTORS if v["size"] == 1_000_003)
    (tmp_path / "file").write_bytes(content(vector["seed"], vector["size"]))
    assert str(file_cid(tmp_path / "file")) == vector["cid"]


def test_name_reads_back():
    for text in {v["cid"] for v in VECTORS}:
        assert str(Cid.parse(text)) == text
        assert Cid.parse(f"ipfs://{text}") == Cid.parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "digits.onnx",
        "https://example.org/model.onnx",
        "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG",  # version 0
        "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk",  # a letter too few
        "BAFKREIHDWDCEFGH4DQKJV67UZCMW7OJEE6XEDZDETOJUZJEVTENXQUVYKU",  # another base
        "bafkrgqhdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",  # another hash
        "b" + "a" * 58,
    ],
)
def test_text_that_is_no_name_is_refused(text):
    assert not is_cid(text)
    with pytest.raises(BadCid, match=r"no (CIDv1|content identifier)"):
        Cid.parse(text)


@given(st.lists(st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 2**40)), min_size=1, max_size=5))
def test_node_reads_back(children):
    links = [Link(Cid(0x55, digest), size, size) for digest, size in children]
    block = encode(links)
    assert decode(Cid.of(0x70, block), block) == links
