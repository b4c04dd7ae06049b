"""Files into stores and out of them: whole, verified, resumable, in bounded memory."""

from __future__ import annotations

import os
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg.errors import BadInput
from opg.storage import BlockCorrupt, BlockMissing, Cid, LocalBlocks, fetch_file, file_cid, open_blocks, store_file
from opg.storage.cid import DAG_PB
from opg.storage.unixfs import Link, decode, encode
from tests.conftest import DEEP
from tests.unit.storage.test_name import content

CHUNK = 256 * 1024
SIZES = [0, 1, CHUNK, CHUNK + 1, 5 * CHUNK + 7]


class Counting:
    """A store that counts what is read, and fails after some leaves."""

    def __init__(self, store: LocalBlocks, fails_after: int | None = None) -> None:
        self.store, self.fails_after, self.got = store, fails_after, 0

    def get(self, cid: Cid) -> bytes:
        self.got += 1
        if self.fails_after is not None and self.got > self.fails_after:
            raise BlockMissing(f"{cid} is away")
        return self.store.get(cid)


@pytest.fixture
def stored(tmp_path):
    """A file of several leaves in a local store."""
    data = content("stored", 20 * CHUNK + 5)
    (tmp_path / "file").write_bytes(data)
    store = LocalBlocks(tmp_path / "blocks")
    return data, store_file(tmp_path / "file", store), store


@pytest.mark.parametrize("size", SIZES)
def test_file_comes_back_as_it_was(tmp_path, size):
    data = content("x", size)
    (tmp_path / "in").write_bytes(data)
    store = LocalBlocks(tmp_path / "blocks")
    seen = []
    root = store_file(tmp_path / "in", store, lambda done, total: seen.append((done, total)))
    assert root == file_cid(tmp_path / "in")
    assert seen[-1] == (size, size)
    seen.clear()
    fetch_file(root, store, tmp_path / "out", lambda done, total: seen.append((done, total)))
    assert (tmp_path / "out").read_bytes() == data
    assert seen[-1] == (size, size)
    assert not (tmp_path / "out.part").exists()


def test_fetch_that_was_cut_off_goes_on_where_it_was(stored, tmp_path):
    data, root, store = stored
    with pytest.raises(BlockMissing):
        fetch_file(root, Counting(store, fails_after=14), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    again = Counting(store)
    fetch_file(root, again, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data
    assert again.got < 20


def test_what_an_earlier_try_left_is_not_believed(stored, tmp_path):
    data, root, store = stored
    (tmp_path / "out.part").write_bytes(os.urandom(3 * CHUNK) + data[3 * CHUNK :] + b"more than there was")
    fetch_file(root, store, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == data


def test_damaged_block_is_refused(stored, tmp_path):
    _, root, store = stored
    leaf = decode(root, store.get(root))[7].cid
    path = store.path(leaf)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(BlockCorrupt, match=str(leaf)):
        fetch_file(root, store, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_block_that_is_not_there_is_named(stored, tmp_path):
    _, root, store = stored
    store.path(decode(root, store.get(root))[0].cid).unlink()
    with pytest.raises(BlockMissing, match="bafkrei"):
        fetch_file(root, store, tmp_path / "out")


def test_node_whose_sizes_contradict_its_leaves_is_refused(tmp_path):
    store = LocalBlocks(tmp_path / "blocks")
    leaf = Cid.of(0x55, b"four")
    store.put(leaf, b"four")
    block = encode([Link(leaf, 5, 5)])
    store.put(Cid.of(DAG_PB, block), block)
    with pytest.raises(BlockCorrupt, match="4 bytes, 5 were promised"):
        fetch_file(Cid.of(DAG_PB, block), store, tmp_path / "out")


def test_tree_that_never_ends_is_refused(tmp_path):
    store = LocalBlocks(tmp_path / "blocks")
    child = Link(Cid.of(0x55, b"x"), 1, 1)
    for _ in range(20):
        block = encode([child])
        cid = Cid.of(DAG_PB, block)
        store.put(cid, block)
        child = Link(cid, 1, 1)
    with pytest.raises(BlockCorrupt, match="too deep"):
        fetch_file(child.cid, store, tmp_path / "out")


@given(st.binary(max_size=200))
def test_block_of_any_bytes_is_a_node_or_refused(block):
    try:
        links = decode(Cid.of(DAG_PB, block), block)
    except BlockCorrupt:
        return
    assert links


def test_half_written_block_is_not_there(tmp_path, monkeypatch):
    store = LocalBlocks(tmp_path)
    cid = Cid.of(0x55, b"hello")

    def dies(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        store.put(cid, b"hello")
    assert not store.has(cid)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(BadInput, match=r"none\.onnx"):
        store_file(tmp_path / "none.onnx", LocalBlocks(tmp_path / "blocks"))


@pytest.mark.parametrize("where", ["rpc:nowhere", "gateway:", "ftp://host"])
def test_store_that_is_none_is_refused(where):
    with pytest.raises(BadInput, match=r"neither|names no"):
        open_blocks(where)


def test_memory_does_not_grow_with_the_file(tmp_path):
    size = (1024 if DEEP else 48) * 1024 * 1024
    with open(tmp_path / "big", "wb") as file:
        for number in range(size // CHUNK):
            file.write(number.to_bytes(8, "big") * (CHUNK // 8))
    store = LocalBlocks(tmp_path / "blocks")
    tracemalloc.start()
    root = store_file(tmp_path / "big", store)
    fetch_file(root, store, tmp_path / "out")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 12 * 1024 * 1024, f"{peak:,} bytes"
    assert file_cid(tmp_path / "out") == root
