"""The compiled kernels. Each is `kernel(parameters, tile, scratch)`: addresses of its parameters and of memory of its thread.

An operation is cut into tiles that write different words, so neither their order nor their thread changes a result.

Row kernels walk the output by rows: the last axis is the row, the axes before it are walked by an odometer that carries the
value of every affine *form*: the address of each operand and each of its guards.
"""

from __future__ import annotations

from collections.abc import Callable

from numba import cfunc, njit, types

from opg.tensor.functions import ARGMAX, Fn, arity
from opg.tensor.kernels import cache
from opg.tensor.kernels.emit import (
    argument_row,
    call_kernel,
    contract_row,
    copy_row,
    copy_vector,
    fill_row,
    fold_columns,
    fold_rows,
    gather_row,
    gather_vector,
    let_others_run,
    long_at,
    map_row,
    multiply_add_row,
    multiply_block,
    set_long,
    set_word,
    shared_number,
    take_number,
    transpose_block,
    word_at,
)
from opg.tensor.kernels.trees import blocks_kernel, roots_kernel

ROW = (
    1024  # words of a row that are worked on at once, and the length of the buffers for operands that are no plain rows
)

# the parameters of a row kernel, in 64-bit numbers
OUT, LENGTH, ROWS, TILE_ROWS, TILE_WORDS, ROW_TILES, AXES, FORMS, STEPS, TABLE, STRIDE, COUNT, OUT_BYTES = range(13)
OPERANDS = 13  # three times these; HOW_MANY: forms, 0 for an immediate; SAFE: whether all reads are in bounds
SOURCE, FILL, FIRST, HOW_MANY, SAFE = range(5)
# a tensor that lives in scratch memory, between fused steps, has -1 - its offset there for an address; OUT_BYTES and SAFE are
# then the bytes of it in one tile: only those are kept
FORM_TABLE = 28  # for each form: LIMIT, BASE, INNER, then a coefficient for each outer axis; then the outer dims
LIMIT, BASE, INNER, COEFS = range(4)

# scratch of a thread, in bytes
VALUES, DIGITS, MOVED, BUFFERS = 0, 128, 256, 512
BUFFER = 4 * ROW
PANEL = BUFFERS + 4 * BUFFER
PANEL_WORDS = 64 * 4096
SCRATCH = PANEL + 4 * PANEL_WORDS


@njit(error_model="numpy")
def _form(p, form):
    return p + 8 * (FORM_TABLE + form * (COEFS + long_at(p, AXES)))


@njit(error_model="numpy")
def _start(p, row, scratch):
    """Sets the odometer to a row."""
    axes, forms = long_at(p, AXES), long_at(p, FORMS)
    dims = _form(p, forms)
    for form in range(forms):
        set_long(scratch + VALUES, form, long_at(_form(p, form), BASE))
    for axis in range(axes - 1, -1, -1):
        dim = long_at(dims, axis)
        digit = row % dim
        row //= dim
        set_long(scratch + DIGITS, axis, digit)
        for form in range(forms):
            value = long_at(scratch + VALUES, form) + digit * long_at(_form(p, form), COEFS + axis)
            set_long(scratch + VALUES, form, value)


@njit(error_model="numpy")
def _advance(p, scratch):
    """Moves the odometer by one row."""
    axes, forms = long_at(p, AXES), long_at(p, FORMS)
    dims = _form(p, forms)
    for axis in range(axes - 1, -1, -1):
        digit, dim = long_at(scratch + DIGITS, axis) + 1, long_at(dims, axis)
        by = 1 if digit < dim else 1 - dim
        for form in range(forms):
            value = long_at(scratch + VALUES, form) + by * long_at(_form(p, form), COEFS + axis)
            set_long(scratch + VALUES, form, value)
        if digit < dim:
            set_long(scratch + DIGITS, axis, digit)
            return
        set_long(scratch + DIGITS, axis, 0)


@njit(error_model="numpy")
def _clip(value, step, limit, low, high):
    """The part of low … high - 1 where 0 ≤ value + step·i < limit."""
    if step == 0:
        return (low, high) if 0 <= value < limit else (0, 0)
    if step > 0:
        low, high = max(low, -(value // step)), min(high, (limit - 1 - value) // step + 1)
    else:
        low, high = max(low, -((limit - 1 - value) // -step)), min(high, value // -step + 1)
    return (low, high) if low < high else (0, 0)


@njit(error_model="numpy")
def _bounds(p, operand, values, t, count, shift, guards_only):
    """The part of the words t … t + count - 1 of a row, counted from t, that is in bounds."""
    low, high = 0, count
    first = long_at(operand, FIRST)
    for number in range(1 if guards_only else 0, long_at(operand, HOW_MANY)):
        form = _form(p, first + number)
        value = long_at(values, first + number) + t * long_at(form, INNER)
        if number == 0:
            value += shift
        low, high = _clip(value, long_at(form, INNER), long_at(form, LIMIT), low, high)
    return low, high


@njit(error_model="numpy")
def _spread(target, source, step, count):
    """target[i] = source[step·i]."""
    if step == 1:
        copy_row(target, source, count)
    elif step == 0:
        if count > 0:
            fill_row(target, word_at(source, 0), count)
    else:
        gather_row(target, source, step, count)


@njit(error_model="numpy")
def _here(address, tile, size, scratch):
    """An address, or that of a tensor of which scratch memory holds one tile."""
    return address if address >= 0 else scratch + PANEL - 1 - address - tile * size


@njit(error_model="numpy")
def _source(p, number, tile, scratch):
    """Where an operand's tensor begins."""
    operand = p + 8 * (OPERANDS + 5 * number)
    return _here(long_at(operand, SOURCE), tile, long_at(operand, SAFE), scratch)


@njit(error_model="numpy")
def _read(p, number, begin, values, t, count, buffer):
    """The words t … t + count - 1 of an operand's row: an address and an increment. Uses the buffer where it must."""
    operand = p + 8 * (OPERANDS + 5 * number)
    if long_at(operand, HOW_MANY) == 0:
        return begin, 0
    first = long_at(operand, FIRST)
    step = long_at(_form(p, first), INNER)
    source = begin + 4 * (long_at(values, first) + t * step)
    low, high = 0, count
    if long_at(operand, SAFE) == 0:
        low, high = _bounds(p, operand, values, t, count, 0, False)
        if low > 0 or high < count:
            fill_row(buffer, long_at(operand, FILL), count)
    elif step == 1:
        return source, 1
    if low == 0 and high == count:
        if step == 1:
            return source, 1
        if step == 0:
            fill_row(buffer, word_at(source, 0), 16)
            return buffer, 0
    _spread(buffer + 4 * low, source + 4 * low * step, step, high - low)
    return buffer, 1


@njit(error_model="numpy")
def _tile(p, tile):
    """(first row, number of rows, first word of each row, number of words)."""
    across = long_at(p, ROW_TILES)
    row, t = tile // across * long_at(p, TILE_ROWS), tile % across * long_at(p, TILE_WORDS)
    return (
        row,
        min(long_at(p, TILE_ROWS), long_at(p, ROWS) - row),
        t,
        min(long_at(p, TILE_WORDS), long_at(p, LENGTH) - t),
    )


@njit(error_model="numpy")
def _step_to(p, k, scratch):
    """Puts the values of the forms at reduction step k into MOVED."""
    forms = long_at(p, FORMS)
    table = long_at(p, TABLE) + 8 * k * forms
    for form in range(forms):
        set_long(scratch + MOVED, form, long_at(scratch + VALUES, form) + long_at(table, form))


SIGNATURE = types.void(types.int64, types.int64, types.int64)
_made: dict[tuple, object] = {}


def kernel(name: str, fn: int = 0) -> int:
    """The address of a kernel, compiled or loaded when it is first wanted."""
    key = name, int(fn)
    if key not in _made:
        if not _made:
            cache.announce()
        with cache.kept() as able:
            _made[key] = cfunc(SIGNATURE, error_model="numpy", cache=able)(_KERNELS[name](int(fn)))
    return _made[key].address


def assembly(name: str, code: int = 0) -> str:
    """The machine code of a kernel, compiled anew, as text."""
    return cfunc(SIGNATURE, error_model="numpy")(_KERNELS[name](int(code)))._library.get_asm_str()


def _map(fn: int) -> Callable:
    operands = arity(fn)

    def kernel(p, tile, scratch):
        row, rows, begin, words = _tile(p, tile)
        _start(p, row, scratch)
        out = _here(long_at(p, OUT), tile, long_at(p, OUT_BYTES), scratch)
        sources = _source(p, 0, tile, scratch), _source(p, 1, tile, scratch), _source(p, 2, tile, scratch)
        for r in range(row, row + rows):
            for t in range(begin, begin + words, ROW):
                count = min(ROW, begin + words - t)
                a, ia = _read(p, 0, sources[0], scratch + VALUES, t, count, scratch + BUFFERS)
                b, ib, c, ic = a, ia, a, ia
                if operands > 1:
                    b, ib = _read(p, 1, sources[1], scratch + VALUES, t, count, scratch + BUFFERS + BUFFER)
                if operands > 2:
                    c, ic = _read(p, 2, sources[2], scratch + VALUES, t, count, scratch + BUFFERS + 2 * BUFFER)
                map_row(fn, out + 4 * (r * long_at(p, LENGTH) + t), a, ia, b, ib, c, ic, count)
            _advance(p, scratch)

    return kernel


def _move(_: int) -> Callable:
    def kernel(p, tile, scratch):
        row, rows, t, count = _tile(p, tile)
        _start(p, row, scratch)
        operands = long_at(p, COUNT)
        for r in range(row, row + rows):
            out = long_at(p, OUT) + 4 * (r * long_at(p, LENGTH) + t)
            for number in range(operands - 1, -1, -1):
                operand = p + 8 * (OPERANDS + 5 * number)
                low, high = 0, 0
                if long_at(operand, HOW_MANY) > 0:
                    low, high = _bounds(p, operand, scratch + VALUES, t, count, 0, False)
                if number == operands - 1 and (low > 0 or high < count):
                    fill_row(out, long_at(operand, FILL), count)
                if low < high:
                    first = long_at(operand, FIRST)
                    step = long_at(_form(p, first), INNER)
                    source = long_at(operand, SOURCE) + 4 * (long_at(scratch + VALUES, first) + (t + low) * step)
                    _spread(out + 4 * low, source, step, high - low)
            _advance(p, scratch)

    return kernel


# the parameters of `turn`: every 16×16 block of the planes that the axes T (the last) and Q make
T_DIM, Q_DIM, T_STEP, Q_OUT, T_BLOCKS, Q_BLOCKS, PLANES = 1, 2, 3, 4, 5, 6, 7


def _turn(_: int) -> Callable:
    def kernel(p, tile, scratch):
        planes = long_at(p, PLANES)
        q = tile % long_at(p, Q_BLOCKS) * 16
        plane = tile // long_at(p, Q_BLOCKS)
        out = long_at(p, OUT) + 8 * 0 + long_at(planes, 2 * plane) + 4 * q * long_at(p, Q_OUT)
        source = long_at(p, 8) + long_at(planes, 2 * plane + 1) + 4 * q
        columns = min(16, long_at(p, Q_DIM) - q)
        for t in range(0, long_at(p, T_DIM), 16):
            rows = min(16, long_at(p, T_DIM) - t)
            from_t = source + 4 * t * long_at(p, T_STEP)
            transpose_block(out + 4 * t, long_at(p, Q_OUT), from_t, long_at(p, T_STEP), rows, columns)

    return kernel


def _gather(_: int) -> Callable:
    """Words by a table of their offsets in bytes; parameters OUT, source, table, number of words, words of a tile."""

    def kernel(p, tile, scratch):
        begin = tile * long_at(p, 4)
        end = min(begin + long_at(p, 4), long_at(p, 3))
        out, source, table = long_at(p, OUT), long_at(p, 1), long_at(p, 2)
        for i in range(begin, end - 15, 16):
            gather_vector(out + 4 * i, source, table + 8 * i)
        rest = (end - begin) % 16
        if rest:
            gather_vector(scratch + BUFFERS, source, table + 8 * (end - rest))
            copy_row(out + 4 * (end - rest), scratch + BUFFERS, rest)

    return kernel


def _pick(_: int) -> Callable:
    def kernel(p, tile, scratch):
        row, rows, begin, words = _tile(p, tile)
        _start(p, row, scratch)
        stride, top = long_at(p, STRIDE), long_at(p, COUNT) - 1
        operand, values = p + 8 * OPERANDS, scratch + VALUES
        nothing = long_at(operand, HOW_MANY) == 0
        first, fill = long_at(operand, FIRST), long_at(operand, FILL)
        step, limit = long_at(_form(p, first), INNER), long_at(_form(p, first), LIMIT)
        for r in range(row, row + rows):
            for t in range(begin, begin + words, ROW):
                count = min(ROW, begin + words - t)
                out = long_at(p, OUT) + 4 * (r * long_at(p, LENGTH) + t)
                if nothing:
                    fill_row(out, fill, count)
                    continue
                index = p + 8 * (OPERANDS + 5)
                same = long_at(index, HOW_MANY) == 0
                if long_at(index, SAFE) != 0:
                    same = long_at(_form(p, long_at(index, FIRST)), INNER) == 0
                b, ib = _read(p, 1, long_at(p, OPERANDS + 5 + SOURCE), values, t, count, scratch + BUFFERS)
                address = long_at(values, first) + t * step
                if same:
                    shift = stride * min(max(word_at(b, 0), 0), top)
                    low, high = _bounds(p, operand, values, t, count, shift, False)
                    if low > 0 or high < count:
                        fill_row(out, fill, count)
                    source = long_at(operand, SOURCE) + 4 * (address + shift + low * step)
                    _spread(out + 4 * low, source, step, high - low)
                    continue
                low, high = _bounds(p, operand, values, t, count, 0, True)
                for i in range(count):
                    place = address + i * step + stride * min(max(word_at(b, i * ib), 0), top)
                    if low <= i < high and 0 <= place < limit:
                        set_word(out, i, word_at(long_at(operand, SOURCE), place))
                    else:
                        set_word(out, i, fill)
            _advance(p, scratch)

    return kernel


def _reduce(fn: int) -> Callable:
    """Any reduction, step by step over pieces of rows."""
    is_arg = fn >= ARGMAX
    fold_fn, arg_fn = (int(Fn.IADD), fn) if is_arg else (fn, ARGMAX)  # one of the two is never called

    def kernel(p, tile, scratch):
        row, rows, begin, words = _tile(p, tile)
        _start(p, row, scratch)
        best = scratch + BUFFERS + BUFFER
        for r in range(row, row + rows):
            for t in range(begin, begin + words, ROW):
                count = min(ROW, begin + words - t)
                out = long_at(p, OUT) + 4 * (r * long_at(p, LENGTH) + t)
                for k in range(long_at(p, STEPS)):
                    _step_to(p, k, scratch)
                    a, ia = _read(
                        p, 0, long_at(p, OPERANDS + 5 * 0 + SOURCE), scratch + MOVED, t, count, scratch + BUFFERS
                    )
                    if is_arg:
                        if k == 0:
                            _spread(best, a, ia, count)
                            fill_row(out, 0, count)
                        else:
                            argument_row(arg_fn, best, out, a, ia, k, count)
                    elif k == 0:
                        _spread(out, a, ia, count)
                    else:
                        map_row(fold_fn, out, out, 1, a, ia, a, ia, count)
            _advance(p, scratch)

    return kernel


def _reduce_columns(fn: int) -> Callable:
    """The outputs of a row lie side by side in the operand, all in bounds."""

    def kernel(p, tile, scratch):
        row, rows, t, count = _tile(p, tile)
        _start(p, row, scratch)
        for r in range(row, row + rows):
            source = long_at(p + 8 * OPERANDS, SOURCE) + 4 * (long_at(scratch + VALUES, 0) + t)
            out = long_at(p, OUT) + 4 * (r * long_at(p, LENGTH) + t)
            fold_columns(fn, out, source, long_at(p, TABLE), long_at(p, STEPS), count)
            _advance(p, scratch)

    return kernel


def _reduce_rows(fn: int) -> Callable:
    """What an output folds lies side by side in the operand, all in bounds; a row is one output."""

    def kernel(p, tile, scratch):
        row, rows, _, _ = _tile(p, tile)
        _start(p, row, scratch)
        steps, source = long_at(p, STEPS), _source(p, 0, tile, scratch)
        out = _here(long_at(p, OUT), tile, long_at(p, OUT_BYTES), scratch)
        starts = scratch + BUFFERS
        for r in range(row, row + rows, 16):
            count = min(16, row + rows - r)
            for i in range(16):
                set_long(starts, i, source + 4 * long_at(scratch + VALUES, 0))
                if i < count - 1:
                    _advance(p, scratch)
            fold_rows(fn, out + 4 * r, starts, steps, count, scratch + BUFFERS + BUFFER)
            _advance(p, scratch)

    return kernel


def _contract(fn: int) -> Callable:
    """Any contraction, step by step over pieces of rows."""

    def kernel(p, tile, scratch):
        row, rows, begin, words = _tile(p, tile)
        _start(p, row, scratch)
        for r in range(row, row + rows):
            for t in range(begin, begin + words, ROW):
                count = min(ROW, begin + words - t)
                out = long_at(p, OUT) + 4 * (r * long_at(p, LENGTH) + t)
                c, ic = _read(
                    p, 2, long_at(p, OPERANDS + 5 * 2 + SOURCE), scratch + VALUES, t, count, scratch + BUFFERS
                )
                _spread(out, c, ic, count)
                for k in range(long_at(p, STEPS)):
                    _step_to(p, k, scratch)
                    a, ia = _read(
                        p, 0, long_at(p, OPERANDS + 5 * 0 + SOURCE), scratch + MOVED, t, count, scratch + BUFFERS
                    )
                    b, ib = _read(
                        p,
                        1,
                        long_at(p, OPERANDS + 5 * 1 + SOURCE),
                        scratch + MOVED,
                        t,
                        count,
                        scratch + BUFFERS + BUFFER,
                    )
                    multiply_add_row(fn, out, a, ia, b, ib, count)
            _advance(p, scratch)

    return kernel


def _contract_rows(code: int) -> Callable:
    """At every step both operands are single words, rows, or every second word of rows, all in bounds.

    The code is fn + 256·(kind of a) + 4096·(kind of b), kinds as in `contract_row`.
    """
    fn, kind_a, kind_b = code & 255, code >> 8 & 15, code >> 12

    def kernel(p, tile, scratch):
        row, rows, t, count = _tile(p, tile)
        _start(p, row, scratch)
        table, forms, steps = long_at(p, TABLE), long_at(p, FORMS), long_at(p, STEPS)
        for r in range(row, row + rows):
            for i in range(t, t + count, ROW):
                words = min(ROW, t + count - i)
                out = long_at(p, OUT) + 4 * (r * long_at(p, LENGTH) + i)
                c, ic = _read(
                    p, 2, long_at(p, OPERANDS + 5 * 2 + SOURCE), scratch + VALUES, i, words, scratch + BUFFERS
                )
                a = long_at(p, OPERANDS + SOURCE) + 4 * (long_at(scratch + VALUES, 0) + kind_a * i)
                b = long_at(p, OPERANDS + 5 + SOURCE) + 4 * (long_at(scratch + VALUES, 1) + kind_b * i)
                contract_row(fn, kind_a, kind_b, out, c, ic, a, b, table, forms, steps, words)
            _advance(p, scratch)

    return kernel


# the parameters of `multiply`; the tables are of offsets in bytes
(M_OUT, M_A, M_B, M_C, M_STEPS, M_ROWS, M_TILE, M_TILES, M_PANELS, M_BATCHES, M_ROW_TABLE, M_A_STEPS,
 M_B_STEPS, M_INCREMENT, M_PACK, M_COLUMNS, M_PLAIN, M_BETWEEN, M_LENGTH, M_PANEL_TABLE) = range(20)  # fmt: skip
# then for each panel: its first column, its vectors, its columns, where it lies in b, and where each k lies in it
PACKED, GATHER, TURN = 0, 1, 2


@njit(error_model="numpy")
def _pack(p, b, first, vectors, target):
    """The columns first … of b as a panel: for each k, 16·vectors neighbouring words."""
    steps, b_steps, columns = long_at(p, M_STEPS), long_at(p, M_B_STEPS), long_at(p, M_COLUMNS)
    width = 64 * vectors
    for v in range(vectors):
        n = first + 16 * v
        if long_at(p, M_PACK) == TURN:
            between, count = long_at(p, M_BETWEEN), min(16, long_at(p, M_LENGTH) - n)
            source = b + long_at(columns, n)
            for k in range(0, steps, 16):
                into = target + 64 * v + k * width
                transpose_block(into, 16 * vectors, source + 4 * k, between, count, min(16, steps - k))
        elif long_at(long_at(p, M_PLAIN), n // 16) != 0:
            source = b + long_at(columns, n)
            for k in range(steps):
                copy_vector(target + 64 * v + k * width, source + long_at(b_steps, k))
        else:
            for k in range(steps):
                gather_vector(target + 64 * v + k * width, b + long_at(b_steps, k), columns + 8 * n)


def _multiply(code: int) -> Callable:
    """Matrix products. A tile is some rows of one panel, which is at most 64 neighbouring columns, of one batch.

    The code is fn, + 256 when panels of a single vector are cut into blocks of eight rows, else four.
    """
    fn, height = code & 255, 8 if code >> 8 else 4

    def kernel(p, tile, scratch):
        tiles = long_at(p, M_TILES)
        m = tile % tiles * long_at(p, M_TILE)
        panel = p + 8 * M_PANEL_TABLE + 40 * (tile // tiles % long_at(p, M_PANELS))
        batch = long_at(p, M_BATCHES) + 32 * (tile // tiles // long_at(p, M_PANELS))
        end = min(m + long_at(p, M_TILE), long_at(p, M_ROWS))
        n, vectors, count = long_at(panel, 0), long_at(panel, 1), long_at(panel, 2)
        a, out = long_at(p, M_A) + long_at(batch, 0), long_at(p, M_OUT) + long_at(batch, 1) + 4 * n
        increment = long_at(p, M_INCREMENT)
        c = long_at(p, M_C) + long_at(batch, 2) + 4 * n * increment
        b = long_at(p, M_B) + long_at(batch, 3) + long_at(panel, 3)
        b_steps = long_at(panel, 4)
        if long_at(p, M_PACK) != PACKED:
            _pack(p, b, n, vectors, scratch + PANEL)
            b = scratch + PANEL
        rows, a_steps, steps = long_at(p, M_ROW_TABLE), long_at(p, M_A_STEPS), long_at(p, M_STEPS)
        if vectors == 1:
            while m + height <= end:
                multiply_block(fn, height, 1, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += height
            while m < end:
                multiply_block(fn, 1, 1, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 1
        elif vectors == 2:
            while m + 8 <= end:
                multiply_block(fn, 8, 2, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 8
            while m < end:
                multiply_block(fn, 1, 2, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 1
        elif vectors == 3:
            while m + 4 <= end:
                multiply_block(fn, 4, 3, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 4
            while m < end:
                multiply_block(fn, 1, 3, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 1
        else:
            while m + 4 <= end:
                multiply_block(fn, 4, 4, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 4
            while m < end:
                multiply_block(fn, 1, 4, a, b, c, increment, out, rows + 24 * m, a_steps, b_steps, steps, count)
                m += 1

    return kernel


# ---- schedules: for each entry KERNEL, PARAMETERS, TILES, GRAIN (tiles that a thread takes at once), TICKET (the first)

KERNEL, PARAMETERS, TILES, GRAIN, TICKET = range(5)
SPINS = 2000  # looks at a counter before a thread lets others run
ENTRY_LONGS = 5


def _fused(_: int) -> Callable:
    """One tile of several entries, one after the other."""

    def kernel(p, tile, scratch):
        for number in range(long_at(p, 1)):
            entry = long_at(p, 0) + 8 * ENTRY_LONGS * number
            call_kernel(long_at(entry, KERNEL), long_at(entry, PARAMETERS), tile, scratch)

    return kernel


def _sequence(_: int) -> Callable:
    """Entries one after the other, as one tile."""

    def kernel(p, tile, scratch):
        for number in range(long_at(p, 1)):
            entry = long_at(p, 0) + 8 * ENTRY_LONGS * number
            for each in range(long_at(entry, TILES)):
                call_kernel(long_at(entry, KERNEL), long_at(entry, PARAMETERS), each, scratch)

    return kernel


_KERNELS: dict[str, Callable[[int], Callable]] = {
    "map": _map,
    "move": _move,
    "turn": _turn,
    "gather": _gather,
    "pick": _pick,
    "reduce": _reduce,
    "reduce columns": _reduce_columns,
    "reduce rows": _reduce_rows,
    "contract": _contract,
    "contract rows": _contract_rows,
    "multiply": _multiply,
    "sequence": _sequence,
    "fused": _fused,
    "blocks": blocks_kernel,
    "roots": roots_kernel,
}


@cache.compiled(nogil=True)
def run_alone(entries: int, count: int, scratch: int) -> None:
    """Runs a schedule on this thread."""
    for number in range(count):
        entry = entries + 8 * ENTRY_LONGS * number
        for tile in range(long_at(entry, TILES)):
            call_kernel(long_at(entry, KERNEL), long_at(entry, PARAMETERS), tile, scratch)


@njit(error_model="numpy")
def _await(counter, least):
    waited = 0
    while shared_number(counter) < least:
        waited += 1
        if waited > SPINS:
            let_others_run()


@cache.compiled(nogil=True)
def take_part(entries: int, count: int, tickets: int, counters: int, scratch: int, stay: bool) -> None:
    """Takes tickets of a schedule until none is left; `stay`: and waits until all are done.

    A ticket's tiles run when all tickets of the entries before it are done, so a schedule ends however many threads take
    part, and whenever they come. The two counters, 128 bytes apart, begin at 0.
    """
    number = 0
    while True:
        ticket = take_number(counters, 1)
        if ticket >= tickets:
            break
        while number + 1 < count and long_at(entries + 8 * ENTRY_LONGS * (number + 1), TICKET) <= ticket:
            number += 1
        entry = entries + 8 * ENTRY_LONGS * number
        _await(counters + 128, long_at(entry, TICKET))
        first = (ticket - long_at(entry, TICKET)) * long_at(entry, GRAIN)
        for tile in range(first, min(first + long_at(entry, GRAIN), long_at(entry, TILES))):
            call_kernel(long_at(entry, KERNEL), long_at(entry, PARAMETERS), tile, scratch)
        take_number(counters + 128, 1)
    if stay:
        _await(counters + 128, tickets)
