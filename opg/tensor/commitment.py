"""Tensor commitments: chunks, trees, bundles, and the proofs that the referee reads.

Normative text: docs/tensor-machine.md, "Commitments".
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from eth_utils import keccak

from opg.tensor.errors import TensorError
from opg.tensor.hashing import CHUNK_BYTES, CHUNK_WORDS, ZERO, Layout, chunk_count, depth_of, layout

__all__ = ["CHUNK_BYTES", "CHUNK_WORDS", "ZERO", "chunk_count", "depth_of"]
MAX_LEVEL_BITS = 8


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
        self._digests = np.empty(((2 << self.depth) - 1, 32), dtype=np.uint8)
        self._digests[: self.count] = np.frombuffer(b"".join(leaves), dtype=np.uint8).reshape(-1, 32)
        layout((), self.count).run([], self._digests)

    @classmethod
    def hashed(cls, count: int, digests: np.ndarray) -> ListTree:
        """The tree over so many leaves whose layers stand at the beginning of some digests, shape [rows, 32]."""
        tree = cls.__new__(cls)
        tree.count, tree.depth, tree._digests = count, depth_of(count), digests
        return tree

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

    _root: np.ndarray

    def __init__(self, words: np.ndarray):
        [array] = _arrays([words])
        made = layout((array.size,))
        digests = np.empty((made.rows, 32), dtype=np.uint8)
        made.run([array], digests)
        self._see(array, digests, digests[-1])

    def _see(self, words: np.ndarray, digests: np.ndarray, root: np.ndarray) -> None:
        self._array, self._digests, self._root = words, digests, root
        self.words = words.size
        self.count = chunk_count(self.words)
        self.depth = depth_of(self.count)

    @cached_property
    def tensor_root(self) -> bytes:
        return self._root.tobytes()

    @cached_property
    def data(self) -> bytes:
        """The packed words, zero-padded to whole chunks."""
        packed = pack(self._array)
        return packed + bytes(-len(packed) % CHUNK_BYTES)

    def chunks(self, first: int, last: int) -> bytes:
        """The bytes of the chunks first … last."""
        return self.data[first * CHUNK_BYTES : (last + 1) * CHUNK_BYTES]


def tensor_root_of(words: int, merkle_root: bytes) -> bytes:
    return keccak(words.to_bytes(32, "big") + merkle_root)


class Forest(Sequence):
    """The trees over several tensors, hashed together.

    Args:
        tensors: flat uint32 arrays.
        made: the layout for their lengths.
        digests: what it made of them, shape [rows, 32].
    """

    def __init__(self, tensors: Sequence[np.ndarray], made: Layout, digests: np.ndarray):
        self._tensors, self._layout, self._digests = tensors, made, digests
        self._trees: list[Tree | None] = [None] * len(tensors)

    def __len__(self) -> int:
        return len(self._trees)

    def __getitem__(self, index: int | slice) -> Tree | list[Tree]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        tree = self._trees[index]
        if tree is None:
            index %= len(self)
            tree = Tree.__new__(Tree)
            tree._see(self._tensors[index], self._digests[self._layout.firsts[index] :], self._roots[index])
            self._trees[index] = tree
        return tree

    @property
    def _roots(self) -> np.ndarray:
        return self._digests[self._layout.roots : self._layout.roots + len(self)]

    @property
    def bundle(self) -> bytes:
        """The commitment to all of them."""
        return keccak(self._roots.tobytes())

    @property
    def list_tree(self) -> ListTree:
        """The list tree over the tensor roots, where the layout has one."""
        return ListTree.hashed(len(self), self._digests[self._layout.roots :])


def _arrays(tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
    arrays = [np.ascontiguousarray(words, dtype=np.uint32).reshape(-1) for words in tensors]
    if not all(array.size for array in arrays):
        raise TensorError("a tensor has at least one word")
    return arrays


def forest(tensors: Sequence[np.ndarray], listed: bool = False) -> Forest:
    """Commits to many tensors at once; listed: with the list tree over their roots."""
    arrays = _arrays(tensors)
    made = layout(tuple([array.size for array in arrays]), len(arrays) if listed else 0)
    digests = np.empty((made.rows, 32), dtype=np.uint8)
    if arrays:
        made.run(arrays, digests)
    return Forest(arrays, made, digests)


def tensor_root(words: np.ndarray) -> bytes:
    return Tree(words).tensor_root


def bundle_of(roots: Sequence[bytes]) -> bytes:
    """The commitment to several tensors."""
    return keccak(b"".join(roots))


def bundle(tensors: Sequence[np.ndarray]) -> bytes:
    return forest(tensors).bundle
