"""Trees of every size up to three chunks past a power of two, the same on chain as off."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.commitment import ListTree, chunk_count, depth_of, fold, node, pack, tensor_root, tensor_root_of
from tests.evm import reverts

SIZES = range(1, 131)


def leaves(count: int) -> list[bytes]:
    return [bytes([i % 255 + 1]) * 32 for i in range(count)]


def test_depths(tree):
    for count in [0, *SIZES, 2**20 - 1, 2**20, 2**20 + 1, 2**32 - 1, 2**32]:
        assert tree.depthOf(count) == depth_of(count)


def test_chunk_counts(tree):
    for words in [0, 1, 63, 64, 65, 127, 128, 129, 2**28, 2**32 - 1]:
        assert tree.chunkCount(words) == chunk_count(words)


def test_a_tensor_root_commits_to_the_length(tree):
    for words, root in [(1, bytes(32)), (2, bytes(32)), (2**28, b"\1" * 32)]:
        assert tree.tensorRoot(words, root) == tensor_root_of(words, root)


def test_every_leaf_of_every_size_climbs_to_the_root(tree):
    for count in SIZES:
        made = ListTree(leaves(count))
        for index in {0, 1, count // 2, count - 2, count - 1} & set(range(count)):
            assert tree.climb(made.layers[0][index], index, made.path(index)) == made.root


def test_another_leaf_index_or_path_climbs_elsewhere(tree):
    made = ListTree(leaves(11))
    path = made.path(5)
    assert tree.climb(made.layers[0][6], 5, path) != made.root
    assert tree.climb(made.layers[0][5], 4, path) != made.root
    for height in range(4):
        assert tree.climb(made.layers[0][5], 5 ^ 1 << height, path) != made.root
        wrong = [*path[:height], bytes(32), *path[height + 1 :]]
        assert tree.climb(made.layers[0][5], 5, wrong) != made.root


def test_climbing_by_no_path_stays(tree):
    assert tree.climb(b"\7" * 32, 0, []) == b"\7" * 32


def test_bits_of_an_index_beyond_the_path_do_not_count(tree):
    """Why whoever calls it compares the path's length with the depth, and the index with the count."""
    made = ListTree(leaves(4))
    assert tree.climb(made.layers[0][1], 1 + 4, made.path(1)) == made.root


@pytest.mark.parametrize("bits", range(9))
def test_fold(tree, bits):
    assert tree.fold(leaves(1 << bits)) == fold(leaves(1 << bits))


def test_folding_nothing_is_refused(tree):
    with reverts("Panic", 0x32):
        tree.fold([])


@pytest.mark.parametrize("words", [1, 2, 63, 64, 65, 127, 128, 129, 191, 193, 320, 64 * 31 + 1, 64 * 33])
def test_root_of_words(tree, words):
    made = np.random.default_rng(words).integers(0, 1 << 32, words, dtype=np.uint32)
    assert tree.rootOf(pack(made)) == tensor_root(made)
    assert tree.rootOf(pack(np.full(words, 0xFFFFFFFF, dtype=np.uint32))) == tensor_root(
        np.full(words, 0xFFFFFFFF, dtype=np.uint32)
    )


def test_a_node_is_the_hash_of_both_halves_in_order(tree):
    left, right = b"\1" * 32, b"\2" * 32
    assert tree.climb(left, 0, [right]) == tree.climb(right, 1, [left]) == node(left, right)
    assert tree.climb(left, 1, [right]) == node(right, left)
