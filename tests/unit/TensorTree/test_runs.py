"""Proofs of neighbouring chunks: complete ones lead to the root, all others do not."""

from __future__ import annotations

import numpy as np
import pytest

from opg.tensor.commitment import CHUNK_BYTES, CHUNK_WORDS, Tree, depth_of, node
from tests.conftest import DEEP

NOTHING = bytes(32)


def tensor(chunks: int) -> Tree:
    """So many chunks, the last of them not full."""
    return Tree(np.random.default_rng(chunks).integers(0, 1 << 32, chunks * CHUNK_WORDS - 1, dtype=np.uint32))


def run(made: Tree, first: int, last: int) -> tuple:
    return first, made.chunks(first, last), made.range_siblings(first, last), made.count


def ranges(chunks: int) -> list[tuple[int, int]]:
    return [(a, b) for a in range(chunks) for b in range(a, chunks)]


@pytest.mark.parametrize("chunks", range(1, 18))
def test_every_range_of_small_tensors_leads_to_the_root(tree, chunks):
    made = tensor(chunks)
    for first, last in ranges(chunks):
        assert tree.runRoot(*run(made, first, last)) == made.root


@pytest.mark.parametrize("chunks", range(18, 131) if DEEP else [31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 130])
def test_ranges_of_larger_tensors_lead_to_the_root(tree, chunks):
    made, rng = tensor(chunks), np.random.default_rng(chunks)
    pairs = [sorted(int(x) for x in rng.integers(0, chunks, 2)) for _ in range(12)]
    for first, last in [(0, chunks - 1), (0, 0), (chunks - 1, chunks - 1), *pairs]:
        assert tree.runRoot(*run(made, first, last)) == made.root


@pytest.mark.parametrize("chunks", [1, 2, 3, 5, 8, 11])
def test_a_wrong_bit_or_place_leads_elsewhere(tree, chunks):
    made, rng = tensor(chunks), np.random.default_rng(chunks)
    for first, last in ranges(chunks):
        _, data, siblings, count = run(made, first, last)
        damaged = bytearray(data)
        damaged[int(rng.integers(0, len(data)))] ^= 1 << int(rng.integers(0, 8))
        assert tree.runRoot(first, bytes(damaged), siblings, count) != made.root
        for other in set(range(chunks)) - {first}:
            assert tree.runRoot(other, data, siblings, count) != made.root
        for i in range(len(siblings)):
            wrong = [*siblings[:i], b"\1" * 32, *siblings[i + 1 :]]
            assert tree.runRoot(first, data, wrong, count) != made.root


@pytest.mark.parametrize("chunks", [1, 2, 3, 5, 8, 11])
def test_siblings_too_many_or_too_few_are_nothing(tree, chunks):
    made = tensor(chunks)
    for first, last in ranges(chunks):
        _, data, siblings, count = run(made, first, last)
        assert tree.runRoot(first, data, [*siblings, NOTHING], count) == NOTHING
        if siblings:
            assert tree.runRoot(first, data, siblings[:-1], count) == NOTHING


def test_a_run_past_the_end_is_nothing(tree):
    made = tensor(5)
    _, data, siblings, count = run(made, 3, 4)
    assert tree.runRoot(4, data, siblings, count) == NOTHING
    assert tree.runRoot(5, data[:CHUNK_BYTES], siblings, count) == NOTHING
    assert tree.runRoot(2**32 - 1, data, siblings, count) == NOTHING
    padding = bytes(CHUNK_BYTES)
    assert tree.runRoot(4, made.chunks(4, 4) + padding, made.range_siblings(4, 5), count) == NOTHING


@pytest.mark.parametrize("length", [0, 1, 32, 255, 257, 511])
def test_a_broken_chunk_is_nothing(tree, length):
    made = tensor(2)
    assert tree.runRoot(0, (made.data * 2)[:length], [], 2) == NOTHING


@pytest.mark.parametrize("extra", [1, 4, CHUNK_BYTES - 1])
def test_words_behind_whole_chunks_are_nothing(tree, extra):
    """They would be read with the rest, but no root holds them."""
    made = tensor(5)
    for first, last in ranges(5):
        _, data, siblings, count = run(made, first, last)
        assert tree.runRoot(first, data + bytes(extra), siblings, count) == NOTHING


def test_a_node_cannot_stand_for_a_leaf(tree):
    """A tree of half the size has the same root over its nodes, but its depth is another: the preimage of a leaf is 256 bytes."""
    made = tensor(4)
    nodes = made.layers[1][0] + made.layers[1][1]
    assert node(made.layers[1][0], made.layers[1][1]) == made.root
    for count in (1, 2, 4):
        assert tree.runRoot(0, nodes, [], count) == NOTHING
        assert tree.runRoot(0, nodes + bytes(CHUNK_BYTES - 64), [], count) != made.root


def test_the_count_fixes_the_depth(tree):
    made = tensor(8)
    for count in range(1, 40):
        got = tree.runRoot(0, made.chunks(0, 0), made.range_siblings(0, 0), count)
        assert (got == made.root) == (depth_of(count) == 3)
