"""Trees by whole layers, against a plain implementation; a trace hashes what it computes."""

import gc

import numpy as np
import pytest
from eth_utils import keccak

from opg.tensor import Trace, compile_onnx, set_threads, trace
from opg.tensor.commitment import ListTree, Tree, forest, pack

# words: parts of a chunk, odd counts of chunks, one block, more, and more than a block of blocks has leaves
LENGTHS = [1, 64 * 512, 63, 64, 65, 64 * 513, 129, 64 * 9, 64 * 1025 - 3, 3, 64 * 511, 64 * 1500 + 7, 128]


@pytest.fixture(params=[1, 2], autouse=True, ids=["one thread", "two threads"])
def threads(request):
    set_threads(request.param)
    yield
    set_threads(None)


def layers(leaves: list[bytes]) -> list[list[bytes]]:
    width = 1 << (len(leaves) - 1).bit_length()
    found = [leaves + [bytes(32)] * (width - len(leaves))]
    while len(found[-1]) > 1:
        found.append([keccak(b"".join(found[-1][i : i + 2])) for i in range(0, len(found[-1]), 2)])
    return found


def same(tree: ListTree, leaves: list[bytes]) -> bool:
    return [list(layer) for layer in tree.layers] == layers(leaves)


def test_many_trees_share_a_hash_and_are_those_of_one():
    rng = np.random.default_rng(1)
    tensors = [rng.integers(0, 1 << 32, words, dtype=np.uint32) for words in LENGTHS]
    found = forest(tensors, listed=True)
    roots = []
    for words, tree in zip(tensors, found, strict=True):
        data = pack(words) + bytes(-4 * words.size % 256)
        assert same(tree, [keccak(data[i : i + 256]) for i in range(0, len(data), 256)])
        roots.append(keccak(words.size.to_bytes(32, "big") + tree.root))
    assert roots == [tree.tensor_root for tree in found] == [Tree(words).tensor_root for words in tensors]
    assert same(found.list_tree, roots) and found.bundle == keccak(b"".join(roots))
    assert [tree.words for tree in found[-2:]] == LENGTHS[-2:] and found[-1] is found[len(LENGTHS) - 1]


@pytest.mark.parametrize("count", [1, 2, 511, 512, 513, 1030])
def test_a_list_longer_than_a_block(count):
    leaves = [keccak(i.to_bytes(4, "big")) for i in range(count)]
    assert same(ListTree(leaves), leaves)


@pytest.fixture
def digits():
    return compile_onnx("opg/models/digits.onnx", {"batch": 1}).program


def picture(seed: int) -> list[np.ndarray]:
    return [np.random.default_rng(seed).random(64, dtype=np.float32).view(np.uint32)]


def test_a_trace_has_the_trees_of_its_results(digits):
    made = trace(digits, picture(1))
    again = Trace(digits, made.inputs, made.results)
    assert made.tree.root == again.tree.root and made.output_root == again.output_root
    assert same(made.tree, [tree.tensor_root for tree in again.trees])
    for own, other in zip(made.trees, again.trees, strict=True):
        assert [list(layer) for layer in own.layers] == [list(layer) for layer in other.layers]


def test_a_trace_keeps_its_words_while_anything_of_it_is_read(digits):
    first = trace(digits, picture(1))
    word, root = first.results[0], first.trees[0].root
    copy, tree = word.copy(), first.trees[0]
    del first
    gc.collect()
    others = [trace(digits, picture(seed)) for seed in range(2, 6)]
    assert np.array_equal(word, copy) and tree.root == root
    assert not any(np.shares_memory(word, other.results[0]) for other in others)


def test_the_memory_of_a_trace_is_used_again(digits):
    first = trace(digits, picture(1))
    place, root = first.results[0].__array_interface__["data"], first.tree.root
    del first
    gc.collect()
    second = trace(digits, picture(1))
    assert second.results[0].__array_interface__["data"] == place and second.tree.root == root
