"""keccak256 of eight messages at once, one in each lane of a vector."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir
from numba.core import cgutils

from opg.tensor.kernels import keccak_zmm
from opg.tensor.kernels.lanes import LONG, WORD, WORDS, at, emitted, number, wide

EIGHT, FOUR = ir.VectorType(LONG, 8), ir.VectorType(LONG, 4)
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


def _permuted(build: ir.IRBuilder, lanes: Sequence[ir.Value]) -> list[ir.Value]:
    """keccak-f[1600] of eight states; their lanes x + 5·y."""
    constants = _constants(build.module)
    whole = ir.ArrayType(EIGHT, 25)
    memory = cgutils.alloca_once(build, whole)
    state = [build.gep(memory, [number(0), number(lane)]) for lane in range(25)]
    for lane, place in zip(lanes, state, strict=True):
        build.store(lane, place)
    if wide():
        function = keccak_zmm.permutation(build.module, constants, ROTATIONS)
        build.call(function, [build.bitcast(memory, LONG.as_pointer())])
    else:
        _permute(build, state, constants)
    return [build.load(place) for place in state]


def _constants(module: ir.Module) -> ir.GlobalVariable:
    if "keccak.constants" not in module.globals:
        kind = ir.ArrayType(LONG, 24)
        table = ir.GlobalVariable(module, kind, "keccak.constants")
        table.initializer = ir.Constant(kind, [ir.Constant(LONG, c) for c in round_constants()])
        table.global_constant, table.linkage = True, "internal"
    return module.globals["keccak.constants"]


def _permute(build: ir.IRBuilder, state: list[ir.Value], constants: ir.Value) -> None:
    """keccak-f[1600] of eight states, for any processor; `state` holds pointers to the lanes x + 5·y."""
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
    starts = [build.load(at(build, sources, 2 * i, LONG)) for i in range(8)]
    state = [_constant(0)] * 25
    length = 32 if chunks else 8
    words: list[ir.Value] = []
    for first in range(0, length + 1, RATE):
        while len(words) < min(first + RATE, length):
            words += _read(build, starts, len(words), chunks)
        for lane in range(RATE):
            if first + lane < length:
                state[lane] = build.xor(state[lane], words[first + lane])
            elif pad := (first + lane == length) | (1 << 63 if lane == RATE - 1 else 0):
                state[lane] = build.xor(state[lane], _constant(pad))
        state = _permuted(build, state)
    for i, row in enumerate(_turned(build, state[:4] * 2)):
        target = build.load(at(build, targets, 2 * i, LONG))
        build.store(_shuffled(build, row, row, range(4)), at(build, target, 0, FOUR), align=1)


def _read(build: ir.IRBuilder, starts: Sequence[ir.Value], lane: int, chunks: int) -> list[ir.Value]:
    """The lanes `lane` … `lane` + 7 of eight messages."""
    rows = [build.load(at(build, start, 2 * lane, EIGHT), align=1) for start in starts]
    return [_swapped(build, word) if chunks else word for word in _turned(build, rows)]


def _turned(build: ir.IRBuilder, rows: Sequence[ir.Value]) -> list[ir.Value]:
    """Eight vectors as the columns of what they were the rows of."""
    rows = list(rows)
    for half in (4, 2, 1):
        turned = list(rows)
        for i in range(8):
            if not i & half:
                a, b = rows[i], rows[i + half]
                turned[i] = _shuffled(build, a, b, [x if not x & half else 8 + (x ^ half) for x in range(8)])
                turned[i + half] = _shuffled(build, a, b, [x | half if not x & half else 8 + x for x in range(8)])
        rows = turned
    return rows


def _shuffled(build: ir.IRBuilder, a: ir.Value, b: ir.Value, order: Sequence[int]) -> ir.Value:
    kind = ir.VectorType(WORD, len(order))
    return build.shuffle_vector(a, b, ir.Constant(kind, [ir.Constant(WORD, i) for i in order]))


def _swapped(build: ir.IRBuilder, lane: ir.Value) -> ir.Value:
    """The bytes of each 32-bit half turned round."""
    kind = ir.FunctionType(WORDS, [WORDS])
    function = cgutils.get_or_insert_function(build.module, kind, "llvm.bswap.v16i32")
    return build.bitcast(build.call(function, [build.bitcast(lane, WORDS)]), EIGHT)
