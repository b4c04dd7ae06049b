"""Tensor commitments: chunks, trees, bundles, and the proofs that the referee reads.

Normative text: docs/tensor-machine.md, "Commitments".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from eth_utils import keccak

from opg.tensor.errors import TensorError

CHUNK_WORDS = 64
CHUNK_BYTES = 256
ZERO = bytes(32)
MAX_LEVEL_BITS = 8


def depth_of(leaves: int) -> int:
    """Depth of the tree over so many leaves."""
    return max(leaves - 1, 0).bit_length()


def chunk_count(words: int) -> int:
    return -(-words // CHUNK_WORDS)


def level_bits(depth: int) -> int:
    """How many levels of a tree with `depth` bits left one move of a game reveals: balanced, at most 8."""
    return -(-depth // -(-depth // MAX_LEVEL_BITS)) if depth else 0


def pack(words: np.ndarray) -> bytes:
    """Words as big-endian bytes, 4 each."""
    return np.ascontiguousarray(words, dtype=np.uint32).astype(">u4").tobytes()


def unpack(data: bytes) -> np.ndarray:
    """The words of packed bytes, shape [len(data) / 4]."""
    if not data or len(data) % 4:
        raise TensorError(f"{len(data)} bytes are not a whole number of words; 4 bytes make one")
    return np.frombuffer(data, dtype=">u4").astype(np.uint32)


def node(left: bytes, right: bytes) -> bytes:
    return keccak(left + right)


def fold(children: Sequence[bytes]) -> bytes:
    """The node above a power of two of nodes."""
    layer = list(children)
    while len(layer) > 1:
        layer = [node(layer[i], layer[i + 1]) for i in range(0, len(layer), 2)]
    return layer[0]


class ListTree:
    """A Merkle tree over 32-byte leaves, padded with zeros to a power of two."""

    def __init__(self, leaves: Sequence[bytes]):
        if not leaves:
            raise TensorError("a tree has at least one leaf")
        self.count = len(leaves)
        self.depth = depth_of(self.count)
        layer = list(leaves) + [ZERO] * ((1 << self.depth) - self.count)
        self.layers = [layer]  # leaves first
        while len(layer) > 1:
            layer = [node(layer[i], layer[i + 1]) for i in range(0, len(layer), 2)]
            self.layers.append(layer)

    @property
    def root(self) -> bytes:
        return self.layers[-1][0]

    def path(self, index: int) -> list[bytes]:
        """Siblings of a leaf, bottom-up."""
        return [self.layers[h][(index >> h) ^ 1] for h in range(self.depth)]

    def children(self, height: int, position: int, bits: int) -> list[bytes]:
        """The nodes `bits` levels under the node at `height` (leaves have height 0) and `position`."""
        layer = self.layers[height - bits]
        return layer[position << bits : (position + 1) << bits]

    def range_siblings(self, first: int, last: int) -> list[bytes]:
        """What a proof of the leaves first … last needs besides them, bottom-up, left before right."""
        found = []
        for layer in self.layers[:-1]:
            if first & 1:
                found.append(layer[first - 1])
            if not last & 1:
                found.append(layer[last + 1])
            first, last = first >> 1, last >> 1
        return found


def verify_path(leaf: bytes, index: int, path: Sequence[bytes]) -> bytes:
    """The root that a leaf and its path lead to."""
    for height, sibling in enumerate(path):
        leaf = node(sibling, leaf) if index >> height & 1 else node(leaf, sibling)
    return leaf


class Tree(ListTree):
    """The tree over a tensor's chunks."""

    def __init__(self, words: np.ndarray):
        self.words = len(words)
        if not self.words:
            raise TensorError("a tensor has at least one word")
        data = pack(words)
        self.data = data + bytes(-len(data) % CHUNK_BYTES)
        super().__init__([keccak(self.data[i : i + CHUNK_BYTES]) for i in range(0, len(self.data), CHUNK_BYTES)])

    @cached_property
    def tensor_root(self) -> bytes:
        return tensor_root_of(self.words, self.root)

    def chunks(self, first: int, last: int) -> bytes:
        """The bytes of the chunks first … last."""
        return self.data[first * CHUNK_BYTES : (last + 1) * CHUNK_BYTES]


def tensor_root_of(words: int, merkle_root: bytes) -> bytes:
    return keccak(words.to_bytes(32, "big") + merkle_root)


def tensor_tree(words: np.ndarray) -> Tree:
    """Commits to a flat array of uint32 words."""
    return Tree(words)


def tensor_root(words: np.ndarray) -> bytes:
    return Tree(words).tensor_root


def bundle_of(roots: Sequence[bytes]) -> bytes:
    """The commitment to several tensors."""
    return keccak(b"".join(roots))


def bundle(tensors: Sequence[np.ndarray]) -> bytes:
    return bundle_of([tensor_root(t) for t in tensors])
