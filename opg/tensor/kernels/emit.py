"""The inner loops of the kernels, emitted as LLVM vectors. Addresses are in bytes; lengths, steps and offsets in words.

An operand of a row comes as an address and an increment: 1 walks along its words, 0 repeats the first sixteen.
"""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba import types
from numba.core import cgutils

from opg.tensor.functions import ARGMAX, ARGMIN, IARGMAX, Fn, arity
from opg.tensor.kernels.lanes import (
    LANES,
    LONG,
    WORD,
    WORDS,
    Lanes,
    at,
    emitted,
    load,
    mask_below,
    number,
    shuffle,
    splat,
    splat_constant,
    store,
    transpose,
)
from opg.tensor.kernels.sequences import TABLE, ordered

Builder, Value = ir.IRBuilder, ir.Value


# ---- single words


@emitted(0, 2, types.int64)
def long_at(build: Builder, address: Value, index: Value) -> Value:
    """The 64-bit number `index` of a table."""
    return build.load(at(build, address, build.shl(index, number(1)), LONG))


@emitted(0, 3)
def set_long(build: Builder, address: Value, index: Value, value: Value) -> None:
    build.store(value, at(build, address, build.shl(index, number(1)), LONG))


@emitted(0, 2, types.int64)
def word_at(build: Builder, address: Value, index: Value) -> Value:
    """The word `index` of a row, as a signed number."""
    return build.sext(build.load(at(build, address, index, WORD)), LONG)


@emitted(0, 3)
def set_word(build: Builder, address: Value, index: Value, value: Value) -> None:
    build.store(build.trunc(value, WORD), at(build, address, index, WORD))


# ---- rows


def _blocks(build: Builder, count: Value, body: Callable[[Value, Value], None]) -> None:
    """body(first word, mask) for every sixteen of `count` words."""
    blocks = build.ashr(build.add(count, number(LANES - 1)), number(4))
    with cgutils.for_range(build, blocks, intp=LONG) as loop:
        first = build.shl(loop.index, number(4))
        body(first, mask_below(build, build.sub(count, first)))


@emitted(0, 3)
def fill_row(build: Builder, target: Value, word: Value, count: Value) -> None:
    lanes = splat(build, build.trunc(word, WORD))
    _blocks(build, count, lambda i, mask: store(build, lanes, target, i, mask))


@emitted(0, 3)
def copy_row(build: Builder, target: Value, source: Value, count: Value) -> None:
    _blocks(build, count, lambda i, mask: store(build, load(build, source, i, mask), target, i, mask))


@emitted(0, 2)
def copy_vector(build: Builder, target: Value, source: Value) -> None:
    """Sixteen words."""
    store(build, load(build, source), target)


@emitted(0, 4)
def gather_row(build: Builder, target: Value, source: Value, step: Value, count: Value) -> None:
    """target[i] = source[step·i]."""
    with cgutils.for_range(build, count, intp=LONG) as loop:
        word = build.load(at(build, source, build.mul(loop.index, step), WORD))
        build.store(word, at(build, target, loop.index, WORD))


@emitted(1, 8)
def map_row(build: Builder, fn: int, target: Value, a: Value, ia: Value, b: Value, ib: Value, c: Value, ic: Value, count: Value) -> None:  # fmt: skip
    """target[i] = fn(a[i], b[i], c[i])."""
    operands = [(x, by, build.shl(by, number(4))) for x, by in ((a, ia), (b, ib), (c, ic))][: arity(fn)]

    def body(i: Value, vectors: int, mask: Value | None) -> None:
        starts = [build.mul(i, by) for _, by, _ in operands]
        for v in range(vectors):
            places = [build.add(s, build.mul(o[2], number(v))) for s, o in zip(starts, operands, strict=True)]
            words = [load(build, o[0], place, mask) for place, o in zip(places, operands, strict=True)]
            store(build, TABLE[fn](*words), target, build.add(i, number(LANES * v)), mask)

    _strips(build, count, 4 if fn in LIGHT else 1, body)


def _times_plus(fn: int, acc: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """acc + a·b; the words of NaNs are left to `_finished`."""
    if fn == Fn.MUL:
        return (acc.floats() + a.floats() * b.floats()).words()
    return acc + a * b


def _finished(fn: int, acc: Lanes) -> Lanes:
    return acc.floats().canonical() if fn in (Fn.MUL, Fn.ADD) else acc


@emitted(1, 6)
def multiply_add_row(build: Builder, fn: int, acc: Value, a: Value, ia: Value, b: Value, ib: Value, count: Value) -> None:  # fmt: skip
    """acc[i] += a[i]·b[i]."""

    def body(i: Value, mask: Value) -> None:
        x, y = load(build, a, build.mul(i, ia), mask), load(build, b, build.mul(i, ib), mask)
        store(build, _finished(fn, _times_plus(fn, load(build, acc, i, mask), x, y)), acc, i, mask)

    _blocks(build, count, body)


LIGHT = frozenset(
    {
        Fn.ADD,
        Fn.SUB,
        Fn.MUL,
        Fn.DIV,
        Fn.MIN,
        Fn.MAX,
        Fn.SQRT,
        Fn.NEG,
        Fn.ABS,
        Fn.IADD,
        Fn.ISUB,
        Fn.IMUL,
        Fn.WHERE,
        Fn.CLAMP,
    }
)


def _strips(build: Builder, count: Value, vectors: int, body: Callable) -> None:
    """body(first word, number of vectors, mask of the last) over `count` words: wide strips, then single vectors."""
    wide = build.sdiv(count, number(LANES * vectors))
    with cgutils.for_range(build, wide, intp=LONG) as loop:
        body(build.mul(loop.index, number(LANES * vectors)), vectors, None)
    done = build.mul(wide, number(LANES * vectors))
    _blocks(build, build.sub(count, done), lambda i, mask: body(build.add(done, i), 1, mask))


def _operand(build: Builder, kind: int, address: Value, place: Value, count: Value, mask: Value | None) -> Lanes:
    """Sixteen words of a row from `place` on: kind 0 repeats one word, 1 takes neighbours, 2 every second word.

    Kind 2 may read one word behind the last that is wanted.
    """
    if kind == 0:
        return splat(build, build.load(at(build, address, 0, WORD)))
    if kind == 1:
        return load(build, address, place, mask)
    place, masks = build.shl(place, number(1)), (None, None)
    if mask is not None:
        left = build.shl(count, number(1))
        masks = tuple(mask_below(build, build.sub(left, build.add(place, number(LANES * i)))) for i in range(2))
    low, high = (load(build, address, build.add(place, number(LANES * i)), masks[i]) for i in range(2))
    return Lanes(build, shuffle(build, low.value, high.value, range(0, 2 * LANES, 2)))


@emitted(3, 9)
def contract_row(build: Builder, fn: int, kind_a: int, kind_b: int, target: Value, c: Value, ic: Value, a: Value,
                 b: Value, table: Value, columns: Value, steps: Value, count: Value) -> None:  # fmt: skip
    """target[i] = c[i] + the sum over k of a[i]·b[i]; the first two columns of the table move a and b, in words."""

    def body(i: Value, vectors: int, mask: Value | None) -> None:
        places = [build.add(i, number(LANES * v)) for v in range(vectors)]
        accs = [cgutils.alloca_once(build, WORDS) for _ in places]
        for acc, place in zip(accs, places, strict=True):
            build.store(load(build, c, build.mul(place, ic), mask).value, acc)
        with cgutils.for_range(build, steps, intp=LONG) as loop:
            row = build.shl(build.mul(loop.index, columns), number(1))
            moved = []
            for column, start in ((0, a), (2, b)):
                by = build.load(at(build, table, build.add(row, number(column)), LONG))
                moved.append(build.add(start, build.shl(by, number(2))))
            for acc, place in zip(accs, places, strict=True):
                x = _operand(build, kind_a, moved[0], place, count, mask)
                y = _operand(build, kind_b, moved[1], place, count, mask)
                build.store(_times_plus(fn, Lanes(build, build.load(acc)), x, y).value, acc)
        for acc, place in zip(accs, places, strict=True):
            store(build, _finished(fn, Lanes(build, build.load(acc))), target, place, mask)

    _strips(build, count, 4, body)


# ---- reductions


def _better(fn: int, best: Lanes, word: Lanes) -> Lanes:
    pair = (best, word) if fn in (ARGMAX, IARGMAX) else (word, best)
    if fn in (ARGMAX, ARGMIN):
        return pair[0].floats() < pair[1].floats()
    return pair[0] < pair[1]


class _Folding:
    """The state of a fold in registers.

    For the arg functions the best word so far and where it was. For MIN and MAX the best in an order of integers, so that a
    step takes one cycle, and whether there was a NaN.
    """

    def __init__(self, build: Builder, fn: int, first: Lanes):
        self.build, self.fn = build, fn
        self.best, self.other = cgutils.alloca_once(build, WORDS), cgutils.alloca_once(build, WORDS)
        build.store((ordered(first) if fn in (Fn.MIN, Fn.MAX) else first).value, self.best)
        nan = first.floats().is_nan().flag() if fn in (Fn.MIN, Fn.MAX) else None
        build.store(splat_constant(WORDS, 0) if nan is None else nan.value, self.other)

    def step(self, word: Lanes, k: Value) -> None:
        build, fn = self.build, self.fn
        best, other = (Lanes(build, build.load(x)) for x in (self.best, self.other))
        if fn >= ARGMAX:
            better = _better(fn, best, word)
            build.store(better.where(word, best).value, self.best)
            build.store(better.where(splat(build, build.trunc(k, WORD)), other).value, self.other)
        elif fn in (Fn.MIN, Fn.MAX):
            new = ordered(word)
            first = best < new if fn == Fn.MIN else best > new
            build.store(first.where(best, new).value, self.best)
            build.store(word.floats().is_nan().where(1, other).value, self.other)
        elif fn == Fn.ADD:
            build.store((best.floats() + word.floats()).words().value, self.best)
        else:
            build.store(TABLE[fn](best, word).value, self.best)

    def result(self) -> Lanes:
        best, other = (Lanes(self.build, self.build.load(x)) for x in (self.best, self.other))
        if self.fn >= ARGMAX:
            return other
        if self.fn in (Fn.MIN, Fn.MAX):
            return other.differs(0).where(0x7FC00000, ordered(best))
        return _finished(self.fn, best)


@emitted(1, 5)
def fold_columns(build: Builder, fn: int, target: Value, source: Value, table: Value, steps: Value, count: Value) -> None:  # fmt: skip
    """target[i] = the fold over k of source[i]; the table moves the source, in words. At least two steps."""

    def body(i: Value, vectors: int, mask: Value | None) -> None:
        places = [build.add(i, number(LANES * v)) for v in range(vectors)]
        folds = [_Folding(build, fn, load(build, source, place, mask)) for place in places]
        with cgutils.for_range_slice(build, number(1), steps, number(1), intp=LONG, inc=True) as (k, _):
            by = build.load(at(build, table, build.shl(k, number(1)), LONG))
            moved = build.add(source, build.shl(by, number(2)))
            for fold, place in zip(folds, places, strict=True):
                fold.step(load(build, moved, place, mask), k)
        for fold, place in zip(folds, places, strict=True):
            store(build, fold.result(), target, place, mask)

    _strips(build, count, 4, body)


@emitted(1, 5)
def fold_rows(build: Builder, fn: int, target: Value, rows: Value, steps: Value, count: Value, scratch: Value) -> None:
    """target[i] = the fold over the `steps` neighbouring words at rows[i], for sixteen rows of which `count` are stored."""
    starts = [build.load(at(build, rows, 2 * r, LONG)) for r in range(LANES)]
    first = ir.Constant(WORDS, ir.Undefined)
    for r, start in enumerate(starts):
        first = build.insert_element(first, build.load(at(build, start, 0, WORD)), ir.Constant(WORD, r))
    fold = _Folding(build, fn, Lanes(build, first))

    def body(k: Value, mask: Value) -> None:
        for j, column in enumerate(transpose(build, [load(build, start, k, mask) for start in starts])):
            store(build, column, scratch, LANES * j)
        left = build.sub(steps, k)
        stop = build.select(build.icmp_signed("<", left, number(LANES)), left, number(LANES))
        begin = build.select(build.icmp_signed("==", k, number(0)), number(1), number(0))
        with cgutils.for_range_slice(build, begin, stop, number(1), intp=LONG, inc=True) as (j, _):
            fold.step(load(build, scratch, build.mul(j, number(LANES))), build.add(k, j))

    _blocks(build, steps, body)
    store(build, fold.result(), target, 0, mask_below(build, count))


@emitted(1, 6)
def argument_row(build: Builder, fn: int, best: Value, place: Value, word: Value, step: Value, k: Value, count: Value) -> None:  # fmt: skip
    """Where word[i] beats best[i]: best[i] = word[i] and place[i] = k."""

    def body(i: Value, mask: Value) -> None:
        known, new = load(build, best, i, mask), load(build, word, build.mul(i, step), mask)
        better = _better(fn, known, new)
        store(build, better.where(new, known), best, i, mask)
        store(build, better.where(splat(build, build.trunc(k, WORD)), load(build, place, i, mask)), place, i, mask)

    _blocks(build, count, body)


# ---- blocks


@emitted(0, 6)
def transpose_block(build: Builder, target: Value, target_step: Value, source: Value, source_step: Value, rows: Value, columns: Value) -> None:  # fmt: skip
    """target[j][i] = source[i][j] for i below `rows` and j below `columns`, both at most 16; the steps are between rows."""
    wanted = mask_below(build, columns)
    last = build.sub(rows, number(1))
    found = []
    for i in range(LANES):
        row = build.select(build.icmp_signed("<", number(i), rows), number(i), last)  # beyond them: the last again
        found.append(load(build, source, build.mul(row, source_step), wanted))
    kept = mask_below(build, rows)
    for j, column in enumerate(transpose(build, found)):
        with build.if_then(build.icmp_signed("<", number(j), columns)):
            store(build, column, target, build.mul(number(j), target_step), kept)


@emitted(0, 3)
def gather_vector(build: Builder, target: Value, source: Value, offsets: Value) -> None:
    """Sixteen words from offsets in bytes."""
    for i in range(LANES):
        moved = build.add(source, build.load(at(build, offsets, 2 * i, LONG)))
        build.store(build.load(at(build, moved, 0, WORD)), at(build, target, i, WORD))


@emitted(3, 10)
def multiply_block(build: Builder, fn: int, height: int, vectors: int, a: Value, b: Value, c: Value, ic: Value, out: Value,
                   rows: Value, a_steps: Value, b_steps: Value, steps: Value, count: Value) -> None:  # fmt: skip
    """out = c + a·b for a block of `height` rows and `vectors`·16 columns, of which `count` are stored.

    Args:
        rows: for each row where it begins in a, out and c, three offsets in bytes.
        a_steps, b_steps: for each k where it lies in a and in b, in bytes.
        ic: 1 when a row of c has a word for every column, 0 when it has one word.
    """
    starts = [[build.load(at(build, rows, 2 * (3 * m + i), LONG)) for i in range(3)] for m in range(height)]
    last = mask_below(build, build.sub(count, number(LANES * (vectors - 1))))
    masks = [None] * (vectors - 1) + [last]
    accs = [[cgutils.alloca_once(build, WORDS) for _ in range(vectors)] for _ in range(height)]
    with build.if_else(build.icmp_signed("==", ic, number(0))) as (one, many):
        with one:
            for m in range(height):
                word = splat(build, build.load(at(build, build.add(c, starts[m][2]), 0, WORD)))
                for v in range(vectors):
                    build.store(word.value, accs[m][v])
        with many:
            for m in range(height):
                for v in range(vectors):
                    build.store(load(build, build.add(c, starts[m][2]), LANES * v, masks[v]).value, accs[m][v])
    a_rows = [build.add(a, start[0]) for start in starts]
    with cgutils.for_range(build, steps, intp=LONG) as loop:
        k = build.shl(loop.index, number(1))
        by_a = build.load(at(build, a_steps, k, LONG))
        from_b = build.add(b, build.load(at(build, b_steps, k, LONG)))
        columns = [load(build, from_b, LANES * v) for v in range(vectors)]
        for m in range(height):
            left = splat(build, build.load(at(build, build.add(a_rows[m], by_a), 0, WORD)))
            for v in range(vectors):
                acc = Lanes(build, build.load(accs[m][v]))
                build.store(_times_plus(fn, acc, left, columns[v]).value, accs[m][v])
    for m in range(height):
        for v in range(vectors):
            done = _finished(fn, Lanes(build, build.load(accs[m][v])))
            store(build, done, build.add(out, starts[m][1]), LANES * v, masks[v])


# ---- the schedule


@emitted(0, 4)
def call_kernel(build: Builder, kernel: Value, parameters: Value, tile: Value, scratch: Value) -> None:
    """Calls a compiled kernel by its address."""
    kind = ir.FunctionType(ir.VoidType(), [LONG, LONG, LONG])
    build.call(build.inttoptr(kernel, kind.as_pointer()), [parameters, tile, scratch])


@emitted(0, 2, types.int64)
def take_number(build: Builder, counter: Value, by: Value) -> Value:
    """Adds to a counter that threads share and gives what it was."""
    return build.atomic_rmw("add", at(build, counter, 0, LONG), by, "acq_rel")


@emitted(0, 1, types.int64)
def shared_number(build: Builder, counter: Value) -> Value:
    return build.load_atomic(at(build, counter, 0, LONG), "acquire", 8)


@emitted(0, 0)
def let_others_run(build: Builder) -> None:
    kind = ir.FunctionType(ir.IntType(32), [])
    build.call(cgutils.get_or_insert_function(build.module, kind, "sched_yield"), [])
