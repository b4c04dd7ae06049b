"""keccak256 of eight messages at once, and whole Merkle trees from it."""

from __future__ import annotations

from llvmlite import ir
from numba import njit
from numba.core import cgutils

from opg.tensor.kernels.emit import copy_row, fill_row, long_at, set_long
from opg.tensor.kernels.lanes import LONG, WORDS, at, emitted, number

EIGHT = ir.VectorType(LONG, 8)
RATE = 17  # 64-bit lanes of a block

ROTATIONS = [
    [0, 36, 3, 41, 18],
    [1, 44, 10, 45, 2],
    [62, 6, 43, 15, 61],
    [28, 55, 25, 21, 56],
    [27, 20, 39, 8, 14],
]  # of lane [x][y]


def round_constants() -> list[int]:
    """The 24 constants of iota, from the linear feedback shift register that defines them."""
    found, state = [], 1
    for _ in range(24):
        constant = 0
        for j in range(7):
            if state & 1:
                constant |= 1 << ((1 << j) - 1)
            state = (state << 1) ^ (0x171 if state >> 7 else 0)
        found.append(constant)
    return found


def _constant(word: int) -> ir.Constant:
    return ir.Constant(EIGHT, [ir.Constant(LONG, word)] * 8)


def _rotated(build: ir.IRBuilder, lane: ir.Value, by: int) -> ir.Value:
    if not by:
        return lane
    return build.or_(build.shl(lane, _constant(by)), build.lshr(lane, _constant(64 - by)))


def _permute(build: ir.IRBuilder, state: list[ir.Value], constants: ir.Value) -> None:
    """keccak-f[1600] of eight states; `state` holds pointers to the lanes x + 5·y."""
    with cgutils.for_range(build, number(24), intp=LONG) as loop:
        a = [[build.load(state[x + 5 * y]) for y in range(5)] for x in range(5)]
        column = []
        for x in range(5):
            c = a[x][0]
            for y in range(1, 5):
                c = build.xor(c, a[x][y])
            column.append(c)
        b: list[list] = [[None] * 5 for _ in range(5)]
        for x in range(5):
            d = build.xor(column[(x + 4) % 5], _rotated(build, column[(x + 1) % 5], 1))
            for y in range(5):
                b[y][(2 * x + 3 * y) % 5] = _rotated(build, build.xor(a[x][y], d), ROTATIONS[x][y])
        for x in range(5):
            for y in range(5):
                mixed = build.and_(build.xor(b[(x + 1) % 5][y], _constant(-1)), b[(x + 2) % 5][y])
                lane = build.xor(b[x][y], mixed)
                if x == y == 0:
                    one = build.load(build.gep(constants, [number(0), loop.index]))
                    lane = build.xor(lane, _spread(build, one))
                build.store(lane, state[x + 5 * y])


def _spread(build: ir.IRBuilder, scalar: ir.Value) -> ir.Value:
    one = build.insert_element(ir.Constant(EIGHT, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), 8), [ir.Constant(ir.IntType(32), 0)] * 8)
    return build.shuffle_vector(one, ir.Constant(EIGHT, ir.Undefined), zeros)


@emitted(1, 2)
def hash_eight(build: ir.IRBuilder, chunks: int, sources: ir.Value, targets: ir.Value) -> None:
    """The digests of eight messages to eight addresses.

    Args:
        chunks: 1: messages of 64 words, hashed as big-endian bytes; 0: of 64 bytes.
        sources, targets: tables of eight addresses.
    """
    module = build.module
    if "keccak.constants" not in module.globals:
        kind = ir.ArrayType(LONG, 24)
        table = ir.GlobalVariable(module, kind, "keccak.constants")
        table.initializer = ir.Constant(kind, [ir.Constant(LONG, c) for c in round_constants()])
        table.global_constant, table.linkage = True, "internal"
    constants = module.globals["keccak.constants"]
    starts = [build.load(at(build, sources, 2 * i, LONG)) for i in range(8)]
    state = [cgutils.alloca_once(build, EIGHT) for _ in range(25)]
    lanes = 32 if chunks else 8
    for first in range(0, lanes + 1, RATE):
        for lane in range(25):
            known = _constant(0) if not first else build.load(state[lane])
            word = None
            if lane < RATE and first + lane < lanes:
                word = _gathered(build, starts, first + lane)
                if chunks:
                    word = _swapped(build, word)
            elif lane < RATE and first + lane >= lanes:
                pad = (first + lane == lanes) | (1 << 63 if lane == RATE - 1 else 0)
                word = _constant(pad) if pad else None
            build.store(known if word is None else build.xor(known, word), state[lane])
        _permute(build, state, constants)
    for i in range(8):
        target = build.load(at(build, targets, 2 * i, LONG))
        for lane in range(4):
            word = build.extract_element(build.load(state[lane]), ir.Constant(ir.IntType(32), i))
            build.store(word, at(build, target, 2 * lane, LONG), align=1)


def _gathered(build: ir.IRBuilder, starts: list[ir.Value], lane: int) -> ir.Value:
    found = ir.Constant(EIGHT, ir.Undefined)
    for i, start in enumerate(starts):
        word = build.load(at(build, start, 2 * lane, LONG), align=1)
        found = build.insert_element(found, word, ir.Constant(ir.IntType(32), i))
    return found


def _swapped(build: ir.IRBuilder, lane: ir.Value) -> ir.Value:
    """The bytes of each 32-bit half turned round."""
    kind = ir.FunctionType(WORDS, [WORDS])
    function = cgutils.get_or_insert_function(build.module, kind, "llvm.bswap.v16i32")
    return build.bitcast(build.call(function, [build.bitcast(lane, WORDS)]), EIGHT)


@emitted(0, 2)
def set_byte(build: ir.IRBuilder, address: ir.Value, value: ir.Value) -> None:
    byte = ir.IntType(8)
    build.store(build.trunc(value, byte), build.inttoptr(address, byte.as_pointer()))


# ---- trees: the parameters of each

T_WORDS, T_LENGTH, T_LEAVES, T_DIGESTS, T_DEPTH, T_ZEROS, T_ROOT, T_LONGS = range(8)
_SOURCES, _TARGETS, _LAST = 512, 576, 640  # in scratch


@njit(error_model="numpy")
def _hash_row(chunks, source, step, count, target, last, scratch):
    """Digests of `count` messages, `step` bytes apart; the last one stands at `last`. The targets are neighbours."""
    for first in range(0, count, 8):
        for i in range(8):
            each = min(first + i, count - 1)
            set_long(scratch + _SOURCES, i, last if each == count - 1 else source + step * each)
            set_long(scratch + _TARGETS, i, target + 32 * each)
        if chunks:
            hash_eight(1, scratch + _SOURCES, scratch + _TARGETS)
        else:
            hash_eight(0, scratch + _SOURCES, scratch + _TARGETS)


def tree_kernel(_: int):
    """Merkle trees, one a tile: all layers from the words, or from leaves that stand there, and the tensor root."""

    def kernel(p, tile, scratch):
        p += 8 * T_LONGS * tile
        words, length, count = long_at(p, T_WORDS), long_at(p, T_LENGTH), long_at(p, T_LEAVES)
        layer, depth, zeros = long_at(p, T_DIGESTS), long_at(p, T_DEPTH), long_at(p, T_ZEROS)
        if words != 0:
            last = words + 256 * (count - 1)
            if length % 64:
                fill_row(scratch + _LAST, 0, 64)
                copy_row(scratch + _LAST, last, length % 64)
                last = scratch + _LAST
            _hash_row(True, words, 256, count, layer, last, scratch)
        for height in range(depth + 1):
            for missing in range(count, 1 << (depth - height)):
                copy_row(layer + 32 * missing, zeros + 32 * height, 8)
            if height == depth:
                break
            above = layer + (32 << (depth - height))
            count = (count + 1) // 2
            _hash_row(False, layer, 64, count, above, layer + 64 * (count - 1), scratch)
            layer = above
        if words != 0:
            fill_row(scratch + _LAST, 0, 8)
            for i in range(8):  # the length as a big-endian number of 32 bytes
                set_byte(scratch + _LAST + 31 - i, length >> 8 * i)
            copy_row(scratch + _LAST + 32, layer, 8)
            _hash_row(False, scratch + _LAST, 64, 1, long_at(p, T_ROOT), scratch + _LAST, scratch)

    return kernel
