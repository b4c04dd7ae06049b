"""Tensor commitments: chunks, trees, bundles, and the proofs that the referee reads.

Normative text: docs/tensor-machine.md, "Commitments".
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property

import numpy as np
from eth_utils import keccak

from opg.tensor.errors import TensorError
from opg.tensor.kernels import library
from opg.tensor.kernels.schedule import Schedule, Scratch, threads

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


class Layer(Sequence):
    """The nodes of one height, 32 bytes each; an array of shape [nodes, 32] underneath."""

    def __init__(self, digests: np.ndarray):
        self.digests = digests

    def __len__(self) -> int:
        return len(self.digests)

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        if isinstance(index, slice):
            return [row.tobytes() for row in self.digests[index]]
        return self.digests[index].tobytes()


class ListTree:
    """A Merkle tree over 32-byte leaves, padded with zeros to a power of two."""

    def __init__(self, leaves: Sequence[bytes]):
        if not leaves:
            raise TensorError("a tree has at least one leaf")
        self.count, self.depth = len(leaves), depth_of(len(leaves))
        self._digests = np.empty((self._rows, 32), dtype=np.uint8)
        self._digests[: self.count] = np.frombuffer(b"".join(leaves), dtype=np.uint8).reshape(-1, 32)
        _hash_trees([self._job(_address(self._digests))], self.count)

    @property
    def _rows(self) -> int:
        """Digests of all layers, the leaves first, and one more: for the tensor root."""
        return 2 << self.depth

    def _job(self, digests: int) -> tuple[int, ...]:
        """The parameters of the kernel that hashes trees; no words: the leaves stand there already."""
        return (0, 0, self.count, digests, self.depth, _ZEROS_AT, 0)

    @cached_property
    def layers(self) -> list[Layer]:
        """All nodes by height, leaves first."""
        found, first = [], 0
        for height in range(self.depth, -1, -1):
            found.append(Layer(self._digests[first : first + (1 << height)]))
            first += 1 << height
        return found

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
    """The tree over a tensor's chunks. It reads the words, not a copy of them: they are not to be changed."""

    def __init__(self, words: np.ndarray):
        self._take(words)
        self._digests = np.empty((self._rows, 32), dtype=np.uint8)
        _hash_trees([self._job(_address(self._digests))], self.count)

    def _take(self, words: np.ndarray) -> None:
        self._array = np.ascontiguousarray(words, dtype=np.uint32)
        self.words = self._array.size
        if not self.words:
            raise TensorError("a tensor has at least one word")
        self.count = chunk_count(self.words)
        self.depth = depth_of(self.count)

    def _job(self, digests: int) -> tuple[int, ...]:
        root = digests + 32 * (self._rows - 1)
        return (_address(self._array), self.words, self.count, digests, self.depth, _ZEROS_AT, root)

    @cached_property
    def tensor_root(self) -> bytes:
        return self._digests[-1].tobytes()

    @cached_property
    def data(self) -> bytes:
        """The packed words, zero-padded to whole chunks."""
        packed = pack(self._array)
        return packed + bytes(-len(packed) % CHUNK_BYTES)

    def chunks(self, first: int, last: int) -> bytes:
        """The bytes of the chunks first … last."""
        return self.data[first * CHUNK_BYTES : (last + 1) * CHUNK_BYTES]


def _zeros() -> np.ndarray:
    """The nodes over nothing but zero leaves, by height."""
    found = [ZERO]
    while len(found) < 33:
        found.append(node(found[-1], found[-1]))
    return np.frombuffer(b"".join(found), dtype=np.uint8).copy()


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


_ZEROS = _zeros()
_ZEROS_AT = _address(_ZEROS)
_scratch = threading.local()
_SMALL = 512  # chunks; fewer are hashed by one thread


def _hash_trees(jobs: Sequence[tuple[int, ...]], chunks: int) -> None:
    """Fills in the digests of trees that have so many leaves together."""
    table = np.array(jobs, dtype=np.int64)
    entry = np.array([library.kernel("tree"), _address(table), len(jobs), 1, 0], dtype=np.int64)
    if not hasattr(_scratch, "own"):
        _scratch.own = Scratch()
    Schedule(entry, 0, 1, len(jobs)).run(_scratch.own, threads() if chunks > _SMALL else 1)


def tensor_root_of(words: int, merkle_root: bytes) -> bytes:
    return keccak(words.to_bytes(32, "big") + merkle_root)


def tensor_tree(words: np.ndarray) -> Tree:
    """Commits to a flat array of uint32 words."""
    return Tree(words)


def forest(tensors: Sequence[np.ndarray]) -> list[Tree]:
    """Commits to many tensors at once."""
    trees = []
    for words in tensors:
        tree = Tree.__new__(Tree)
        tree._take(words)
        trees.append(tree)
    block = np.empty((sum(tree._rows for tree in trees), 32), dtype=np.uint8)
    jobs, first, start = [], 0, _address(block)
    for tree in trees:
        tree._digests = block[first : first + tree._rows]
        jobs.append(tree._job(start + 32 * first))
        first += tree._rows
    if jobs:
        _hash_trees(jobs, sum(tree.count for tree in trees))
    return trees


def tensor_root(words: np.ndarray) -> bytes:
    return Tree(words).tensor_root


def bundle_of(roots: Sequence[bytes]) -> bytes:
    """The commitment to several tensors."""
    return keccak(b"".join(roots))


def bundle(tensors: Sequence[np.ndarray]) -> bytes:
    return bundle_of([tree.tensor_root for tree in forest(tensors)])
