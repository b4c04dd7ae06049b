"""How the trees over tensors of given lengths are hashed: a schedule of kernels, laid out once and run on any words.

Small trees share the lanes of a hash; large ones are cut into blocks that fit into the cache and that threads share.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import numpy as np
from eth_utils import keccak

from opg.tensor.kernels import library, trees
from opg.tensor.kernels.schedule import Schedule, Scratch, threads

CHUNK_WORDS = 64
CHUNK_BYTES = 256
ZERO = bytes(32)
BLOCK_LEVELS = 9
BLOCK = 1 << BLOCK_LEVELS  # leaves; a hundred kilobytes of words
SMALL = BLOCK  # leaves; fewer are hashed by one thread

NOTHING, TABLE, DIGESTS, TENSORS = range(4)  # what numbers of a layout are relative to
Entry = tuple[int, int, int, int]  # kernel, offset of the parameters in bytes, tiles, tiles that a thread takes at once


def depth_of(leaves: int) -> int:
    """Depth of the tree over so many leaves."""
    return max(leaves - 1, 0).bit_length()


def chunk_count(words: int) -> int:
    return -(-words // CHUNK_WORDS)


def address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _zeros() -> np.ndarray:
    """The nodes over nothing but zero leaves, by height."""
    found = [ZERO]
    while len(found) < 33:
        found.append(keccak(found[-1] + found[-1]))
    return np.frombuffer(b"".join(found), dtype=np.uint8).copy()


_ZEROS = _zeros()
_scratch = threading.local()


class Layout:
    """Where the digests of some trees lie, and the schedule that makes them.

    Args:
        lengths: words of each tensor.
        listed: leaves of a list tree: as many as there are tensors, over their roots; or without tensors, over digests that stand there.
        groups: where a tensor begins whose leaves are hashed by an entry of their own, with those behind it.

    Attributes:
        rows: digests, 32 bytes each: of each tree all layers, the leaves first; then the tensor roots; above them the list tree.
        firsts: the first row of each tree.
        roots: the first row of the tensor roots, or of the leaves of a list tree.
        longs: entries, parameters and tables.
        relative: for each of them what it is to be added to: NOTHING, the address of this TABLE, of the DIGESTS, or from TENSORS on of a
            tensor.
        entries: the entries of the groups, then the others.
    """

    def __init__(self, lengths: Sequence[int], listed: int = 0, groups: Sequence[int] = ()):
        self.leaves = sum(map(chunk_count, lengths)) or listed
        self._longs: list[np.ndarray] = []
        self._used = 0
        # places in `longs`, and what they are relative to
        self._relative: list[tuple[np.ndarray | range, np.ndarray | int]] = []
        self.firsts: list[int] = []
        stages: list[list[list[int]]] = [[]]  # by their height the blocks, the number of its tensor in front of each
        starts = []
        row = 0
        for tensor, length in enumerate(lengths):
            starts.append(len(stages[0]))
            self.firsts.append(row)
            count = chunk_count(length)
            _cut(stages, row, count, depth_of(count), tensor, length)
            row += (2 << depth_of(count)) - 1
        self.roots = row
        cuts = [starts[g] for g in groups] + [len(stages[0])]
        self.entries = [self._blocks(stages[0][a:b]) for a, b in pairwise(cuts)]
        self.entries += [self._blocks(stage) for stage in (stages[1:] if groups else stages) if stage]
        if lengths:
            self.entries.append(self._roots(lengths))
        if listed:
            stages = [[]]
            _cut(stages, row, listed, depth_of(listed), -1, 0)
            self.entries += [self._blocks(stage) for stage in stages]
        self.rows = row + ((2 << depth_of(listed)) - 1 if listed else len(lengths))
        self._finish()

    def _finish(self) -> None:
        self.own_entries, ticket = self._used, 0
        rows = []
        for kernel, parameters, tiles, grain in self.entries:
            rows.append((kernel, parameters, tiles, grain, ticket))
            ticket += tiles
        self.tickets = ticket
        at = self._lay(np.array(rows))
        self._relative.append((range(at + library.PARAMETERS, self._used, library.ENTRY_LONGS), TABLE))
        self.longs = np.concatenate(self._longs)
        self.relative = np.zeros(self.longs.size, dtype=np.int64)
        for places, to in self._relative:
            self.relative[places] = to

    def _lay(self, numbers: np.ndarray) -> int:
        at = self._used
        self._longs.append(numbers.astype(np.int64).reshape(-1))
        self._used += numbers.size
        return at

    def _blocks(self, blocks: Sequence[Sequence[int]]) -> Entry:
        """An entry that hashes blocks; a tile takes a large one, or small ones together."""
        table = np.array(blocks, dtype=np.int64)
        ends, held = [0], 0
        for number, count in enumerate(table[:, 1 + trees.B_COUNT].tolist(), 1):
            held += count
            if held >= BLOCK or number == len(blocks):
                ends.append(number)
                held = 0
        at = self._lay(table[:, 1:])
        rows = at + trees.BLOCK_LONGS * np.arange(len(blocks))
        tensors = np.flatnonzero(table[:, 0] >= 0)
        self._relative.append((rows[tensors] + trees.B_WORDS, TENSORS + table[tensors, 0]))
        self._relative.append((rows + trees.B_LAYER, DIGESTS))
        tiles = self._lay(np.array(ends))
        self._relative.append((range(self._used, self._used + 2), TABLE))
        parameters = self._lay(np.array([8 * at, 8 * tiles]))
        return library.kernel("blocks"), 8 * parameters, len(ends) - 1, 1

    def _roots(self, lengths: Sequence[int]) -> Entry:
        table = np.zeros((len(lengths), trees.ROOT_LONGS), dtype=np.int64)
        table[:, 3] = np.array(lengths, dtype=np.uint64).byteswap().view(np.int64)  # as the end of 32 big-endian bytes
        tops = [first + (2 << depth_of(chunk_count(n))) - 2 for first, n in zip(self.firsts, lengths, strict=True)]
        table[:, trees.R_TREE] = 32 * np.array(tops)
        table[:, trees.R_TARGET] = 32 * (self.roots + np.arange(len(lengths)))
        at = self._lay(table)
        rows = at + trees.ROOT_LONGS * np.arange(len(lengths))
        self._relative += [(rows + trees.R_TREE, DIGESTS), (rows + trees.R_TARGET, DIGESTS)]
        self._relative.append((range(self._used, self._used + 1), TABLE))
        parameters = self._lay(np.array([8 * at, len(lengths)]))
        return library.kernel("roots"), 8 * parameters, -(-len(lengths) // trees.ROOTS), 1

    def run(self, tensors: Sequence[np.ndarray], digests: np.ndarray) -> None:
        """Fills in the digests, an array of shape [rows, 32] in which the leaves of a list tree without tensors stand."""
        longs = np.empty_like(self.longs)
        start = address(longs)
        starts = np.array([0, start, address(digests), *map(address, tensors)])
        starts.take(self.relative, out=longs, mode="clip")
        longs += self.longs
        if not hasattr(_scratch, "own"):
            _scratch.own = Scratch()
        if self.leaves <= SMALL:
            library.run_alone(start + 8 * self.own_entries, len(self.entries), _scratch.own.address(0))
        else:
            Schedule(longs, self.own_entries, len(self.entries), self.tickets).run(_scratch.own, threads())


def _cut(stages: list[list[list[int]]], row: int, count: int, depth: int, tensor: int, length: int) -> None:
    """Appends the blocks of a tree to the stages: `count` nodes at `row` that have `depth` levels above them."""
    height, stage = 0, 0
    while True:
        levels, width = min(BLOCK_LEVELS, depth), 1 << depth
        if stage == len(stages):
            stages.append([])
        for first in range(0, count, BLOCK):
            nodes = min(BLOCK, count - first)
            words = min(length - CHUNK_WORDS * first, CHUNK_WORDS * BLOCK)
            last = int(first + nodes == count)
            zeros = address(_ZEROS) + 32 * height
            stages[stage].append(
                [tensor, CHUNK_BYTES * first, words, nodes, 32 * row, width, first, levels, last, zeros]
            )
        depth -= levels
        if not depth:
            return
        row += 2 * width - (2 * width >> levels)
        count = -(-count // BLOCK)
        height, stage, tensor, length = height + levels, stage + 1, -1, 0


@lru_cache(maxsize=256)
def layout(lengths: tuple[int, ...], listed: int = 0) -> Layout:
    """The layout for these lengths; those used last are kept."""
    return Layout(lengths, listed)
