"""Commitments and proofs, against a second, plain implementation."""

import numpy as np
import pytest
from eth_utils import keccak

from opg.tensor.commitment import ListTree, Tree, bundle_of, level_bits, pack, tensor_root, unpack, verify_path
from opg.tensor.errors import TensorError
from opg.tensor.openings import RevealedTree


def plain_root(leaves):
    while len(leaves) & (len(leaves) - 1):
        leaves = [*leaves, bytes(32)]
    if len(leaves) == 1:
        return leaves[0]
    half = len(leaves) // 2
    return keccak(plain_root(leaves[:half]) + plain_root(leaves[half:]))


@pytest.mark.parametrize("words", [1, 63, 64, 65, 128, 129, 1000])
def test_tensor_root(words):
    tensor = np.random.default_rng(words).integers(0, 1 << 32, words, dtype=np.uint32)
    data = b"".join(int(w).to_bytes(4, "big") for w in tensor)
    data += bytes(-len(data) % 256)
    leaves = [keccak(data[i : i + 256]) for i in range(0, len(data), 256)]
    assert tensor_root(tensor) == keccak(words.to_bytes(32, "big") + plain_root(leaves))


@pytest.mark.parametrize("count", range(1, 40))
def test_paths_lead_to_the_root(count):
    leaves = [keccak(bytes([i])) for i in range(count)]
    tree = ListTree(leaves)
    assert tree.root == plain_root(leaves)
    assert all(verify_path(leaf, i, tree.path(i)) == tree.root for i, leaf in enumerate(leaves))


def test_words_pack_and_unpack():
    words = np.array([0, 1, 0xFFFFFFFF], dtype=np.uint32)
    assert pack(words) == bytes.fromhex("0000000000000001ffffffff")
    assert np.array_equal(unpack(pack(words)), words)
    with pytest.raises(TensorError, match="whole number of words"):
        unpack(b"123")
    with pytest.raises(TensorError, match="at least one word"):
        Tree(np.zeros(0, dtype=np.uint32))


def test_a_bundle_depends_on_the_order():
    a, b = keccak(b"a"), keccak(b"b")
    assert bundle_of([a, b]) == keccak(a + b) != bundle_of([b, a])


@pytest.mark.parametrize(("depth", "bits"), [(0, [0]), (1, [1]), (8, [8]), (9, [5, 4]), (16, [8, 8]), (17, [6, 6, 5])])
def test_a_descent_is_balanced(depth, bits):
    found = []
    while not found or depth:
        found.append(level_bits(depth))
        depth -= found[-1]
    assert found == bits


@pytest.mark.parametrize("count", [1, 2, 3, 10, 64, 300, 1000])
def test_a_revealed_tree_knows_the_path_of_every_earlier_leaf(count):
    rng = np.random.default_rng(count)
    own = ListTree([rng.bytes(32) for _ in range(count)])
    for blamed in {0, count - 1, int(rng.integers(count))}:
        later = [rng.bytes(32) for _ in range(count - blamed)]
        theirs = ListTree(own.layers[0][:blamed] + later)
        seen, height, position = RevealedTree(own), theirs.depth, 0
        while True:  # the descent of a game: to the first child that differs
            bits = level_bits(height)
            children = theirs.children(height, position, bits)
            seen.reveal(height, position, bits, children)
            height -= bits
            mine = own.layers[height]
            start = position << bits
            child = next(i for i, c in enumerate(children) if c != mine[start + i])
            position = start + child
            if height == 0:
                break
        assert position == blamed
        assert seen.root == theirs.root
        for leaf in range(blamed + 1):
            assert verify_path(theirs.layers[0][leaf], leaf, seen.path(leaf)) == theirs.root
