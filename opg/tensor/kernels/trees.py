"""Merkle trees by whole layers: the messages of many trees share the eight lanes of a hash."""

from __future__ import annotations

from numba import njit

from opg.tensor.kernels.emit import copy_row, fill_row, long_at, set_long
from opg.tensor.kernels.keccak import hash_eight

# A block is a run of nodes of one layer of a tree, hashed up to some levels above it: the address of the words that its nodes are
# to be made from and how many (no words: the nodes stand there), its nodes, the address and the padded length of their layer, the
# first of them, the levels, whether it is the last block of its layer, and the address of the node over nothing of that height.
B_WORDS, B_LENGTH, B_COUNT, B_LAYER, B_WIDTH, B_FIRST, B_LEVELS, B_LAST, B_ZEROS, BLOCK_LONGS = range(10)
# A root: the length of its tensor as 32 bytes, the addresses of the tree's root and of the result.
R_TREE, R_TARGET, ROOT_LONGS = 4, 5, 6
ROOTS = 512  # in a tile

_SOURCES, _TARGETS, _SPARE = 512, 576, 640  # in scratch: eight addresses, eight addresses, eight chunks


@njit(error_model="numpy")
def _hash(chunks, scratch):
    if chunks:
        hash_eight(1, scratch + _SOURCES, scratch + _TARGETS)
    else:
        hash_eight(0, scratch + _SOURCES, scratch + _TARGETS)


@njit(error_model="numpy")
def _take(chunks, source, step, count, target, held, scratch):
    """Hashes `count` messages, `step` bytes apart, to neighbouring targets, whenever eight are there.

    Gives how many are held back; `held` were before.
    """
    i = 0
    while i < count:
        if held == 0 and i + 8 <= count:
            for j in range(8):
                set_long(scratch + _SOURCES, j, source + step * (i + j))
                set_long(scratch + _TARGETS, j, target + 32 * (i + j))
            i += 8
            _hash(chunks, scratch)
        else:
            set_long(scratch + _SOURCES, held, source + step * i)
            set_long(scratch + _TARGETS, held, target + 32 * i)
            i += 1
            held += 1
            if held == 8:
                _hash(chunks, scratch)
                held = 0
    return held


@njit(error_model="numpy")
def _finish(chunks, held, scratch):
    """Hashes what was held back; the first message in the lanes that are left."""
    if held > 0:
        for i in range(held, 8):
            set_long(scratch + _SOURCES, i, long_at(scratch + _SOURCES, 0))
            set_long(scratch + _TARGETS, i, long_at(scratch + _TARGETS, 0))
        _hash(chunks, scratch)


def blocks_kernel(_: int):
    """Parameters: the table of blocks, and for each tile its first block and the one behind its last."""

    def kernel(p, tile, scratch):
        blocks = long_at(p, 0)
        first, end = long_at(long_at(p, 1), tile), long_at(long_at(p, 1), tile + 1)
        top, held = 0, 0
        for number in range(first, end):
            block = blocks + 8 * BLOCK_LONGS * number
            top = max(top, long_at(block, B_LEVELS))
            words, length = long_at(block, B_WORDS), long_at(block, B_LENGTH)
            if words != 0:
                whole, rest = length // 64, length % 64
                target = long_at(block, B_LAYER) + 32 * long_at(block, B_FIRST)
                held = _take(True, words, 256, whole, target, held, scratch)
                if rest > 0:
                    spare = scratch + _SPARE + 256 * held
                    fill_row(spare, 0, 64)
                    copy_row(spare, words + 256 * whole, rest)
                    held = _take(True, spare, 256, 1, target + 32 * whole, held, scratch)
        _finish(True, held, scratch)
        for level in range(top):
            held = 0
            for number in range(first, end):
                block = blocks + 8 * BLOCK_LONGS * number
                if level >= long_at(block, B_LEVELS):
                    continue
                width = long_at(block, B_WIDTH)
                layer = long_at(block, B_LAYER) + 32 * (2 * width - (2 * width >> level))
                width >>= level
                begin = long_at(block, B_FIRST) >> level
                count = (long_at(block, B_COUNT) + (1 << level) - 1) >> level
                if long_at(block, B_LAST) != 0:
                    for missing in range(begin + count, width):
                        copy_row(layer + 32 * missing, long_at(block, B_ZEROS) + 32 * level, 8)
                above = layer + 32 * (width + (begin >> 1))
                held = _take(False, layer + 32 * begin, 64, (count + 1) >> 1, above, held, scratch)
            _finish(False, held, scratch)

    return kernel


def roots_kernel(_: int):
    """Tensor roots. Parameters: the table of roots, and how many there are."""

    def kernel(p, tile, scratch):
        held = 0
        for number in range(ROOTS * tile, min(ROOTS * (tile + 1), long_at(p, 1))):
            root = long_at(p, 0) + 8 * ROOT_LONGS * number
            message = scratch + _SPARE + 64 * held
            copy_row(message, root, 8)
            copy_row(message + 32, long_at(root, R_TREE), 8)
            held = _take(False, message, 64, 1, long_at(root, R_TARGET), held, scratch)
        _finish(False, held, scratch)

    return kernel
