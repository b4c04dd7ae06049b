"""A program as a schedule of compiled kernels over one block of memory, made once and run many times.

Every operation is matched to a kernel by its access maps. What matches nothing better goes to the general kernels, which
take every access map there is; so a plan never refuses a program.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import lcm, prod

import numpy as np

from opg.tensor.hashing import Entry, Layout
from opg.tensor.kernels import library
from opg.tensor.kernels.lanes import wide
from opg.tensor.kernels.schedule import LINE, aligned
from opg.tensor.program import NO_VALUE, Access, Guard, Kind, Op, Program

TILE = 16_384  # words of work in a tile
TICKET = 4 * TILE  # words of work, some ten microseconds, that are worth waking and waiting for another thread
GATHERED = 1 << 18  # words of a MOVE with short rows that is made by a table of addresses
GATHER_TILE = 2048  # words
FUSED = ("map", "reduce rows")  # kernels whose steps may be fused
FUSED_WORDS = 4096  # of a tile of a fused step
SLOTS = library.PANEL_WORDS  # words of scratch memory for what is between fused steps
SLACK = 64  # words behind the memory that vectors may read
HASHED = 1 << 16  # words of results of a trace that are hashed while they are in the cache


@dataclass(eq=False)
class Buffer:
    """A flat tensor: a constant at a fixed address, or words of the plan's memory from `offset` on."""

    words: int
    array: np.ndarray | None = None
    offset: int = -1
    first: int = -1  # the step that writes it, and the last that reads it
    last: int = -1


@dataclass(frozen=True)
class Place:
    """An address to be: so many bytes behind the start of a buffer."""

    buffer: Buffer
    bytes: int = 0


@dataclass(frozen=True)
class Table:
    """An address to be: a table of the plan's own."""

    offset: int


Long = int | Place | Table


@dataclass
class Read:
    """An operand while it is matched: like `Access`, with the buffer for the value. No buffer: an immediate."""

    buffer: Buffer | None
    coefs: list[int]
    base: int
    fill: int
    guards: list[Guard]

    def forms(self) -> list[tuple[int, int, list[int]]]:
        """(limit, base, coefs) of the address and the guards."""
        if self.buffer is None:
            return []
        return [(self.buffer.words, self.base, self.coefs), *((g.limit, g.offset, list(g.coefs)) for g in self.guards)]

    def safe(self, dims: Sequence[int]) -> bool:
        """Whether every read is in bounds, by the address alone; `guards` that always hold must be gone."""
        if self.buffer is None or self.guards:
            return False
        low, high = span(self.base, self.coefs, dims)
        return low >= 0 and high < self.buffer.words


def span(base: int, coefs: Sequence[int], dims: Sequence[int]) -> tuple[int, int]:
    """The least and the greatest value of an affine form."""
    low = base + sum(min(0, c * (d - 1)) for c, d in zip(coefs, dims, strict=True))
    return low, base + sum(max(0, c * (d - 1)) for c, d in zip(coefs, dims, strict=True))


def offsets_of(coefs: Sequence[int], dims: Sequence[int]) -> np.ndarray:
    """The values of a form with base 0 over all indices, row-major; one value when there are no axes."""
    total = np.zeros(1, dtype=np.int64)
    for coef, dim in zip(coefs, dims, strict=True):
        total = (total[:, None] + coef * np.arange(dim, dtype=np.int64)).reshape(-1)
    return total


@dataclass
class Step:
    """One call of a kernel, with what it reads and writes.

    Attributes:
        op: the index of the operation that it belongs to.
        code: the fn or variant for which the kernel is compiled.
        parameters: 64-bit numbers, or addresses that are not known yet.
        grain: tiles that a thread takes at once.
    """

    op: int
    kernel: str
    code: int
    parameters: list[Long]
    tiles: int
    grain: int
    reads: list[Buffer]
    writes: list[Buffer]
    work: RowWork | None = None
    parts: list[Step] = field(default_factory=list)  # of a fused step


@dataclass
class RowWork:
    """What a row kernel walks; its parameters follow when its tiles are known.

    Attributes:
        cost: work for each word.
        inner: whether the last axis is the row; else a row is one word.
    """

    m: Matched
    cost: int
    inner: bool

    @property
    def length(self) -> int:
        """Words of a row."""
        return self.m.dims[-1] if self.inner and self.m.dims else 1

    @property
    def span(self) -> int:
        """How many words of an operand that is read in order belong to the result."""
        return self.m.words * self.m.steps

    def in_order(self, read: Read) -> bool:
        """Whether an operand is read at the output's (and reduction's) flat index, or that divided by a number."""
        if read.guards or read.base or self.span % read.buffer.words:
            return False
        each, stride = self.span // read.buffer.words, self.span
        for coef, dim in zip(read.coefs, self.m.axes, strict=True):
            whole, stride = stride, stride // dim
            if coef != (stride // each if stride % each == 0 else 0) or (stride % each and whole > each):
                return False
        return True


def _unit(group: Sequence[Step]) -> int | None:
    """The words of a tile: a multiple of every member's rows, near the size that the cache likes; None: there is none."""
    whole = max(s.work.span for s in group)
    unit, folds = 1, False
    for step in group:
        work = step.work
        flat = len(work.m.dims) <= 1 and work.inner
        ratio = whole // work.m.words
        unit = lcm(unit, ratio if flat else ratio * work.length)
        folds = folds or step.kernel == "reduce rows"
    if folds:
        unit = lcm(unit, 16 * min(whole // s.work.m.words for s in group if s.kernel == "reduce rows"))
    return unit * max(1, FUSED_WORDS // unit) if unit <= 4 * FUSED_WORDS else None


@dataclass
class Tiles:
    """How a row kernel's work is cut: rows and words of a row in a tile."""

    rows: int
    words: int


@dataclass
class Matched:
    """An operation with its axes merged: the dims and the operands that the kernels see."""

    index: int
    kind: int
    fn: int
    dims: list[int]
    reduced: list[int]
    reads: list[Read]
    out: Buffer
    stride: int = 0
    count: int = 0

    @property
    def axes(self) -> list[int]:
        return self.dims + self.reduced

    @property
    def words(self) -> int:
        return prod(self.dims)

    @property
    def steps(self) -> int:
        return prod(self.reduced)


def merge(dims: list[int], forms: list[list[int]], first: int) -> list[int]:
    """Drops axes of one and joins neighbours that all forms walk as one; `forms` are changed in place from axis `first` on."""
    dims = list(dims)
    for axis in range(len(dims) - 1, -1, -1):
        here = first + axis
        joined = axis + 1 < len(dims) and all(f[here] == f[here + 1] * dims[axis + 1] for f in forms)
        if dims[axis] == 1 or joined:
            if joined and dims[axis] != 1:
                dims[axis + 1] *= dims[axis]
            del dims[axis]
            for form in forms:
                del form[here]
    return dims


def _without(access: Access, rank: int) -> Access:
    """The access at reduction index 0."""

    def cut(coefs: Sequence[int]) -> tuple[int, ...]:
        return (*coefs[:rank], *[0] * (len(coefs) - rank))

    guards = tuple(replace(g, coefs=cut(g.coefs)) for g in access.guards)
    return replace(access, coefs=cut(access.coefs), guards=guards)


def _merge_borders(m: Matched) -> None:
    """Joins neighbouring axes where all addresses walk them as one and guards, if at all, count only the outer one.

    With an inner axis of d, 0 ≤ o + x < l for the outer index x says the same as 0 ≤ o·d + j < l·d for the joint index j.
    """
    for axis in range(len(m.dims) - 2, -1, -1):
        dim = m.dims[axis + 1]
        pair = slice(axis, axis + 2)
        guards = [g for r in m.reads for g in r.guards]
        if any(r.coefs[axis] != r.coefs[axis + 1] * dim for r in m.reads if r.buffer is not None):
            continue
        if any(g.coefs[axis] != g.coefs[axis + 1] * dim and g.coefs[pair] != (1, 0) for g in guards):
            continue
        for read in m.reads:
            read.coefs = [*read.coefs[:axis], *read.coefs[axis + 1 :]]
            made = []
            for g in read.guards:
                scale = dim if g.coefs[pair] == (1, 0) else 1
                coefs = [scale * c for c in (*g.coefs[:axis], *g.coefs[axis + 1 :])]
                if scale > 1:
                    coefs[axis] = 1
                made.append(Guard(g.offset * scale, g.limit * scale, tuple(coefs)))
            read.guards = made
        m.dims[axis : axis + 2] = [m.dims[axis] * dim]


class Plan:
    """The schedule of a program.

    Args:
        program: any program.
        keep: keep the results of all operations and hash them, for a trace; else memory is used again after the last read.
    """

    hashing: Layout | None = None
    digests: int  # where they begin, in words

    def __init__(self, program: Program, keep: bool = False):
        self.program, self.keep = program, keep
        self.steps: list[Step] = []
        self._longs: list[np.ndarray] = []  # tables, one after the other
        self._used = 0
        self._known: dict[bytes, Table] = {}
        self._padded: dict[tuple, Buffer] = {}
        self._panels: dict[tuple, tuple[Buffer, list[int]]] = {}
        self.inputs = [Buffer(words) for words in program.input_words]
        constants = [Buffer(c.size, np.ascontiguousarray(c, dtype=np.uint32)) for c in program.constants]
        self.values = [*self.inputs, *constants]
        self.buffers = list(self.inputs)
        for index in range(len(program.encoded)):
            out = self._buffer(program.words_of(index))
            self._lower(index, program.op(index), out)
            self.values.append(out)
        self.results = self.values[program.first_op_value :]
        self.outputs = [self.results[o] for o in program.outputs]
        if not keep:
            self._fuse()
        self._lay_out()
        if keep:
            self._hash()
        self._linked = threading.Lock()

    # ---- memory

    def _buffer(self, words: int) -> Buffer:
        self.buffers.append(Buffer(words))
        return self.buffers[-1]

    def _lay_out(self) -> None:
        """Gives every buffer its place; one that is dead leaves its place to others."""
        for buffer in self.inputs:
            buffer.first = 0
        for number, step in enumerate(self.steps):
            for buffer in step.reads:
                buffer.last = number
            for buffer in step.writes:
                if buffer.first < 0:
                    buffer.first = number
                buffer.last = max(buffer.last, number)
        forever = len(self.steps)
        for buffer in [*self.outputs, *(self.results if self.keep else ())]:
            buffer.last = forever
        free = _FreeList()
        ending: list[tuple[int, int, int]] = []
        for buffer in sorted((b for b in self.buffers if b.first >= 0), key=lambda b: b.first):
            while ending and ending[0][0] < buffer.first:
                _, offset, size = heapq.heappop(ending)
                free.give(offset, size)
            size = -(-buffer.words // LINE) * LINE
            buffer.offset = free.take(size)
            heapq.heappush(ending, (max(buffer.last, buffer.first), buffer.offset, size))
        self.words = free.end + SLACK

    def _hash(self) -> None:
        """Makes place for the digests of all results."""
        groups, held = [0], 0
        for number, buffer in enumerate(self.results):
            if held >= HASHED:
                groups.append(number)
                held = 0
            held += buffer.words
        self._groups = groups
        self.hashing = Layout([b.words for b in self.results], len(self.results), groups)
        self.digests, self.words = self.words, self.words + 8 * self.hashing.rows

    def table(self, numbers: Iterable[int] | np.ndarray) -> Table:
        """Numbers at an address of the plan's."""
        array = np.ascontiguousarray(np.fromiter(numbers, np.int64) if not isinstance(numbers, np.ndarray) else numbers, dtype=np.int64)  # fmt: skip
        key = array.tobytes()
        if key not in self._known:
            self._known[key] = Table(self._used)
            self._longs.append(array.reshape(-1))
            self._used += array.size
        return self._known[key]

    def link(self) -> None:
        """Compiles the kernels; lays the parameters of all steps and the schedule into one table, `longs`.

        `inside` and `memory` are the places of its numbers that are addresses in the table itself and in the plan's memory.
        """
        with self._linked:
            if not hasattr(self, "longs"):
                self._link()

    def _link(self) -> None:
        inside: list[int] = []
        memory: list[int] = []
        entries = [self._entry(step, inside, memory) for step in self.steps]
        whole = self._with_hashing(entries, inside, memory) if self.hashing else entries
        self.entries, self.tickets = self._schedule(whole, inside)
        self.singly = self._lay([(*entry, 0) for entry in entries], inside)
        self.inside, self.memory = np.array(inside, dtype=np.int64), np.array(memory, dtype=np.int64)
        longs = np.concatenate(self._longs)
        self._longs, self._known = [], {}
        self.longs = longs

    def _with_hashing(self, entries: list[Entry], inside: list[int], memory: list[int]) -> list[Entry]:
        """The entries, and those that hash: a group of results as soon as its last operation is done, the rest behind all."""
        made, start = self.hashing, self._used
        longs = made.longs
        longs[made.inside] += 8 * start
        longs[made.digests] += 4 * self.digests
        longs[made.words] += 4 * np.array([b.offset for b in self.results])[made.tensors]
        inside.extend((start + made.inside).tolist())
        memory.extend((start + np.concatenate([made.digests, made.words])).tolist())
        self._longs.append(longs)
        self._used += longs.size
        hashing = [(kernel, 8 * start + parameters, tiles, grain) for kernel, parameters, tiles, grain in made.entries]
        found: list[Entry] = []
        ends = [*self._groups[1:], len(self.results)]
        for step, entry in zip(self.steps, entries, strict=True):
            while step.op >= ends[0]:
                found.append(hashing.pop(0))
                ends.pop(0)
            found.append(entry)
        return found + hashing

    def _entry(self, step: Step, inside: list[int], memory: list[int]) -> Entry:
        """Lays out a step's parameters; gives (kernel, offset, tiles, grain)."""
        if step.parts:
            rows = [(*self._entry(part, inside, memory), 0) for part in step.parts]
            step.parameters = [Table(self._lay(rows, inside)), len(rows)]
        elif step.work and not step.parameters:
            self._set_rows(step, self._tiles(step.work), {})
        start = self._used
        numbers = np.zeros(len(step.parameters), dtype=np.int64)
        for i, p in enumerate(step.parameters):
            if isinstance(p, Table):
                numbers[i] = 8 * p.offset
                inside.append(start + i)
            elif isinstance(p, Place) and p.buffer.array is not None:
                numbers[i] = p.buffer.array.ctypes.data + p.bytes
            elif isinstance(p, Place):
                numbers[i] = 4 * p.buffer.offset + p.bytes
                memory.append(start + i)
            else:
                numbers[i] = p
        self._longs.append(numbers)
        self._used += numbers.size
        return library.kernel(step.kernel, step.code), 8 * start, step.tiles, step.grain

    def _lay(self, rows: list[tuple[int, int, int, int, int]], inside: list[int]) -> int:
        start = self._used
        array = np.array(rows, dtype=np.int64).reshape(-1)
        inside.extend(range(start + library.PARAMETERS, start + array.size, library.ENTRY_LONGS))
        self._longs.append(array)
        self._used += array.size
        return start

    def _schedule(self, entries: list[Entry], inside: list[int]) -> tuple[tuple[int, int], int]:
        """Puts the entries into the table, runs of single tickets as one; gives ((offset, count), tickets)."""

        grouped: list[Entry] = []
        run: list[Entry] = []

        def close() -> None:
            if len(run) < 2:
                grouped.extend(run)
            else:
                start = self._lay([(*entry, 0) for entry in run], inside)
                at = self._used
                self._longs.append(np.array([8 * start, len(run)], dtype=np.int64))
                self._used += 2
                inside.append(at)
                grouped.append((library.kernel("sequence"), 8 * at, 1, 1))
            run.clear()

        for entry in entries:
            if entry[2] <= entry[3]:
                run.append(entry)
            else:
                close()
                grouped.append(entry)
        close()
        rows, ticket = [], 0
        for kernel, parameters, tiles, grain in grouped:
            rows.append((kernel, parameters, tiles, grain, ticket))
            ticket += -(-tiles // grain)
        return (self._lay(rows, inside), len(rows)), ticket

    # ---- matching

    def _lower(self, index: int, op: Op | None, out: Buffer) -> None:
        if op is None:
            op = Op(Kind.MOVE, 0, (), (), (Access(NO_VALUE, (), 0, 0),))
        reads = [self._read(a, op.dims + op.reduced) for a in op.operands]
        if op.kind == Kind.CONTRACT:  # the third is read at k = 0
            reads[2] = self._read(_without(op.operands[2], len(op.dims)), op.dims + op.reduced)
        m = Matched(index, op.kind, op.fn, list(op.dims), list(op.reduced), reads, out, op.stride, op.count)
        self._merge(m)
        if m.kind == Kind.MAP:
            self._rows(m, "map", m.fn)
        elif m.kind == Kind.MOVE:
            self._move(m)
        elif m.kind == Kind.PICK:
            self._rows(m, "pick", 0)
        elif m.kind == Kind.REDUCE:
            self._reduce(m)
        else:
            self._contract(m)

    def _read(self, access: Access, dims: Sequence[int]) -> Read:
        if access.value == NO_VALUE:
            return Read(None, [0] * len(dims), 0, access.fill, [])
        guards = []
        for guard in access.guards:
            low, high = span(guard.offset, guard.coefs, dims)
            if low < 0 or high >= guard.limit:
                guards.append(guard)
        return Read(self.values[access.value], list(access.coefs), access.base, access.fill, guards)

    @staticmethod
    def _merge(m: Matched) -> None:
        forms = [list(r.coefs) for r in m.reads]
        guards = [list(g.coefs) for r in m.reads for g in r.guards]
        r = len(m.dims)
        m.reduced = merge(m.reduced, forms + guards, r)
        m.dims = merge(m.dims, forms + guards, 0)
        rest = iter(guards)
        for read, coefs in zip(m.reads, forms, strict=True):
            read.coefs = coefs
            read.guards = [Guard(g.offset, g.limit, tuple(next(rest))) for g in read.guards]

    # ---- rows: kernels that walk the output by its last axis

    def _rows(self, m: Matched, kernel: str, code: int, cost: int = 1, inner: bool = True) -> None:
        """A step of a row kernel."""
        self._emit(m, kernel, code, [], 0, 0)
        self.steps[-1].work = RowWork(m, cost, inner)

    @staticmethod
    def _tiles(work: RowWork) -> Tiles:
        length = work.length
        words = max(LINE, TILE // work.cost)
        tile_words = min(length, -(-words // LINE) * LINE)
        tile_rows = max(1, min(work.m.words // length, words // tile_words))
        return Tiles(tile_rows if work.inner else -(-tile_rows // 16) * 16, tile_words)

    def _set_rows(self, step: Step, tiles: Tiles, local: Mapping[int, tuple[int, int]]) -> None:
        """Makes the parameters of a row kernel.

        Args:
            tiles: how it is cut.
            local: for buffers that live in scratch memory, by id: the offset there and the bytes of a tile.
        """
        work = step.work
        m, r, length = work.m, len(work.m.dims), work.length
        cut = r - 1 if work.inner and r else r
        outer, rows = m.dims[:cut], m.words // length
        across = -(-length // tiles.words)
        forms: list[tuple[int, int, list[int]]] = []
        operands: list[Long] = []
        for read in m.reads:
            if read.buffer is None:
                word = read.fill & 0xFFFFFFFF
                table = self.table(np.full(8, word | word << 32, dtype=np.uint64).view(np.int64))
                operands += [table, read.fill, 0, 0, 0]
                continue
            own = read.forms()
            where: list[Long] = [Place(read.buffer), read.fill, len(forms), len(own), int(read.safe(m.axes))]
            if id(read.buffer) in local:
                offset, size = local[id(read.buffer)]
                where[0], where[4] = -1 - offset, size
            operands += where
            forms += own
        operands += [0] * (15 - len(operands))
        table = self.table([0] * max(1, len(forms)))
        if m.reduced and forms:
            table = self.table(np.stack([offsets_of(c[r:], m.reduced) for _, _, c in forms], axis=1))
        out: Long = Place(m.out)
        own_bytes = 0
        if id(m.out) in local:
            offset, own_bytes = local[id(m.out)]
            out = -1 - offset
        count = m.count if m.kind == Kind.PICK else len(m.reads)
        head = [out, length, rows, tiles.rows, tiles.words, across, len(outer), len(forms), m.steps, table, m.stride, count, own_bytes]  # fmt: skip
        for limit, base, coefs in forms:
            operands += [limit, base, coefs[cut] if cut < r else 0, *coefs[:cut]]
        step.parameters = [*head, *operands, *outer]
        step.tiles = -(-rows // tiles.rows) * across
        step.grain = max(1, TICKET // max(1, tiles.rows * tiles.words * work.cost))

    def _emit(self, m: Matched, kernel: str, code: int, parameters: list[Long], tiles: int, grain: int, reads: list[Buffer] | None = None) -> None:  # fmt: skip
        found = [r.buffer for r in m.reads if r.buffer is not None] if reads is None else reads
        self.steps.append(Step(m.index, kernel, code, parameters, tiles, grain, [b for b in found if b.array is None], [m.out]))  # fmt: skip

    # ---- fusion: steps that walk the same words go tile by tile, so that what is between them stays in the cache

    def _fuse(self) -> None:
        """Puts runs of row steps together; not in a plan that keeps all results."""
        readers: dict[int, list[int]] = {}
        for number, step in enumerate(self.steps):
            for buffer in step.reads:
                readers.setdefault(id(buffer), []).append(number)
        done: list[Step] = []
        group: list[Step] = []
        for step in [*self.steps, None]:
            if step is not None and self._joins(group, step):
                group.append(step)
                continue
            self._close(group, readers, done)
            group = [step] if step is not None and step.kernel in FUSED else []
            if step is not None and not group:
                done.append(step)
        self.steps = done

    @staticmethod
    def _joins(group: list[Step], step: Step) -> bool:
        if not group or step.kernel not in FUSED:
            return False
        whole = max(s.work.span for s in group)
        span = step.work.span
        if max(whole, span) % min(whole, span) or max(whole, span) % step.work.m.words:
            return False
        if any(max(whole, span) % s.work.m.words for s in group):
            return False
        made = {id(s.writes[0]) for s in group}
        inside = [r for r in step.work.m.reads if r.buffer is not None and id(r.buffer) in made]
        return all(step.work.in_order(r) for r in inside) and _unit([*group, step]) is not None

    def _close(self, group: list[Step], readers: Mapping[int, list[int]], done: list[Step]) -> None:
        """Appends a group as one step, or its steps where there is nothing to gain."""
        if len(group) < 2:
            done.extend(group)
            return
        whole, unit = max(s.work.span for s in group), _unit(group)
        kept = {id(b) for b in self.outputs}
        place = {id(s): number for number, s in enumerate(self.steps)}
        inside = {place[id(s)] for s in group}
        local: dict[int, tuple[int, int]] = {}
        slots: list[tuple[int, int, int]] = []  # free from this member on, offset, bytes
        end = 0
        for number, step in enumerate(group):
            buffer = step.writes[0]
            uses = readers.get(id(buffer), [])
            if id(buffer) in kept or not uses or not set(uses) <= inside:
                continue
            size = 4 * unit * buffer.words // whole
            room = -(-size // 64) * 64
            last = max(i for i, s in enumerate(group) if buffer in s.reads)
            fitting = [s for s in slots if s[0] < number and s[2] == room]
            if fitting:
                slots.remove(fitting[0])
                offset = fitting[0][1]
            else:
                offset, end = end, end + room
            slots.append((last, offset, room))
            local[id(buffer)] = offset, size
        if end > 4 * SLOTS or not local:
            done.extend(group)
            return
        for step in group:
            own = unit * step.work.m.words // whole
            length = step.work.length
            tiles = Tiles(1, own) if len(step.work.m.dims) <= 1 and step.work.inner else Tiles(own // length, length)
            self._set_rows(step, tiles, local)
        gone = set(local)
        reads = {id(b): b for s in group for b in s.reads if id(b) not in gone}
        writes = [s.writes[0] for s in group if id(s.writes[0]) not in gone]
        reads = [b for key, b in reads.items() if b not in writes]
        work = unit * sum(s.work.cost * s.work.m.words for s in group) // whole
        grain = max(1, TICKET // max(1, work))
        done.append(Step(group[-1].op, "fused", 0, [], -(-whole // unit), grain, reads, writes, parts=group))

    def _move(self, m: Matched) -> None:
        a, r = m.reads[0], len(m.dims)
        if len(m.reads) == 1 and r >= 2 and a.safe(m.dims) and a.coefs[-1] not in (0, 1):
            side = [x for x in range(r - 1) if a.coefs[x] == 1]
            if side and m.dims[side[-1]] >= 4 and m.dims[-1] >= 4 and a.coefs[-1] > 0:
                return self._turn(m, side[-1])
        _merge_borders(m)
        if len(m.reads) == 1 and m.dims and m.dims[-1] < 16 and 64 <= m.words <= GATHERED and m.reads[0].safe(m.dims):
            return self._gather(m)
        return self._rows(m, "move", 0)

    def _gather(self, m: Matched) -> None:
        """Short rows: every word by its address."""
        a = m.reads[0]
        places = 4 * offsets_of(a.coefs, m.dims)
        places = np.concatenate([places, np.repeat(places[-1:], -len(places) % 16)])
        tiles = -(-m.words // GATHER_TILE)
        parameters = [Place(m.out), Place(a.buffer, 4 * a.base), self.table(places), m.words, GATHER_TILE]
        self._emit(m, "gather", 0, parameters, tiles, max(1, TICKET // (4 * GATHER_TILE)))

    def _turn(self, m: Matched, q: int) -> None:
        a, rest = m.reads[0], [x for x in range(len(m.dims) - 1) if x != q]
        strides = [prod(m.dims[x + 1 :]) for x in range(len(m.dims))]
        dims = [m.dims[x] for x in rest]
        outs, sources = (offsets_of([c[x] for x in rest], dims) for c in (strides, a.coefs))
        planes = self.table(4 * np.stack([outs, sources], axis=1))
        blocks = -(-m.dims[q] // 16)
        parameters = [Place(m.out), m.dims[-1], m.dims[q], a.coefs[-1], strides[q], 0, blocks, planes]
        tiles = blocks * len(outs)
        grain = max(1, TICKET // (16 * m.dims[-1]))
        self._emit(m, "turn", 0, [*parameters, Place(a.buffer, 4 * a.base)], tiles, grain)

    def _reduce(self, m: Matched) -> None:
        self._unguard(m, 0)
        a, r = m.reads[0], len(m.dims)
        if m.steps >= 2 and a.safe(m.axes):
            if r and a.coefs[r - 1] == 1 and (m.dims[-1] >= 8 or a.coefs[r:] != [1]):
                return self._rows(m, "reduce columns", m.fn, m.steps)
            if a.coefs[r:] == [1]:
                return self._rows(m, "reduce rows", m.fn, m.steps, inner=False)
        return self._rows(m, "reduce", m.fn, 4 * m.steps)

    # ---- guards

    def _unguard(self, m: Matched, number: int) -> None:
        """Where the guards of an operand are those of a border: reads a copy with the border around it instead.

        Every guard is then a coordinate: all axes move the address by the guard's stride times its own coefficient.
        """
        read = m.reads[number]
        if not read.guards or read.buffer is None:
            return
        groups: list[tuple[int, dict[int, int], Guard | None]] = []  # (stride, axis → coefficient, guard)
        owner: set[int] = set()
        for guard in read.guards:
            axes = {x: c for x, c in enumerate(guard.coefs) if c}
            stride, rest = divmod(read.coefs[min(axes)], axes[min(axes)]) if axes else (0, 1)
            fits = not rest and stride > 0 and not owner & set(axes)
            if not fits or any(read.coefs[x] != stride * c for x, c in axes.items()):
                return
            owner |= set(axes)
            groups.append((stride, axes, guard))
        free: dict[int, dict[int, int]] = {}
        for x, coef in enumerate(read.coefs):
            if coef and x not in owner:
                free.setdefault(coef, {})[x] = 1
        groups += [(coef, axes, None) for coef, axes in free.items()]
        groups.sort(key=lambda g: -abs(g[0]))
        dims, base, lows = [], read.base, []
        for stride, axes, guard in groups:
            low, high = span(guard.offset if guard else 0, list(axes.values()), [m.axes[x] for x in axes])
            dims.append(high - low + 1)
            lows.append(low)
            base += stride * (low - (guard.offset if guard else 0))
        if prod(dims) > 4 * read.buffer.words + 4096:
            return
        strides = [prod(dims[i + 1 :]) for i in range(len(dims))]
        coefs, start = [0] * len(m.axes), 0
        for (_, axes, guard), low, own in zip(groups, lows, strides, strict=True):
            start += own * ((guard.offset if guard else 0) - low)
            for x, c in axes.items():
                coefs[x] = own * c
        guards = []
        for i, ((_, _, guard), low) in enumerate(zip(groups, lows, strict=True)):
            if guard:
                unit = tuple(int(j == i) for j in range(len(dims)))
                guards.append(Guard(low, guard.limit, unit))
        key = (id(read.buffer), tuple(dims), base, tuple(g[0] for g in groups), tuple(guards), read.fill)
        if key not in self._padded:
            copy = self._buffer(prod(dims))
            source = Read(read.buffer, [g[0] for g in groups], base, read.fill, guards)
            padding = Matched(m.index, Kind.MOVE, 0, dims, [], [source], copy)
            self._merge(padding)
            self._move(padding)
            self._padded[key] = copy
        m.reads[number] = replace(read, buffer=self._padded[key], coefs=coefs, base=start, guards=[])

    # ---- contractions

    def _contract(self, m: Matched) -> None:
        self._unguard(m, 0)
        self._unguard(m, 1)
        a, b, _ = m.reads
        if not m.dims:  # one output: as a single column, of the constant if there is one
            column = a if a.buffer is not None and a.buffer.array is not None else b
            m.dims = [1]
            for read in m.reads:
                read.coefs = [int(read is column), *read.coefs]
                read.guards = [replace(g, coefs=(0, *g.coefs)) for g in read.guards]
        if a.buffer and b.buffer and a.safe(m.axes) and b.safe(m.axes):
            last = len(m.dims) - 1
            if a.coefs[last] and not b.coefs[last]:
                m.reads[0], m.reads[1] = b, a
            a, b, _ = m.reads
            columns = not a.coefs[last] and b.coefs[last] != 0
            rows = any(ca and not cb for ca, cb in zip(a.coefs[:last], b.coefs[:last], strict=True))
            if columns and (rows or b.buffer.array is not None):
                return self._multiply(m)
            if not columns:
                self._relay(m, 0)
                self._relay(m, 1)
                m.reads[:2] = sorted(m.reads[:2], key=lambda read: read.coefs[last])
            a, b, _ = m.reads
            kinds = a.coefs[last], b.coefs[last]
            if kinds in ((0, 1), (1, 1)) or (kinds in ((0, 2), (1, 2)) and b.buffer.array is None):
                return self._rows(m, "contract rows", m.fn + 256 * kinds[0] + 4096 * kinds[1], m.steps)
            if columns:
                return self._multiply(m)
        return self._rows(m, "contract", m.fn, 4 * m.steps)

    def _relay(self, m: Matched, number: int) -> None:
        """Lays a constant out as it is read, the last output axis contiguous."""
        read, r = m.reads[number], len(m.dims)
        if read.buffer.array is None or read.coefs[r - 1] in (0, 1):
            return
        axes = [x for x in [*range(r, len(m.axes)), *range(r)] if read.coefs[x]]
        dims = [m.axes[x] for x in axes]
        if prod(dims) > 2 * read.buffer.words:
            return
        places = read.base + offsets_of([read.coefs[x] for x in axes], dims)
        words = aligned(read.buffer.array[places])
        coefs = [0] * len(m.axes)
        for i, x in enumerate(axes):
            coefs[x] = prod(dims[i + 1 :])
        m.reads[number] = replace(read, buffer=Buffer(words.size, words), base=0, coefs=coefs)

    def _multiply(self, m: Matched) -> None:
        """As a product of matrices: a walks the rows, b the columns, both the batches."""
        a, b, c = m.reads
        r = len(m.dims)
        first = r
        while first and not a.coefs[first - 1] and b.coefs[first - 1]:
            first -= 1
        columns = list(range(first, r))
        rows = [x for x in range(first) if a.coefs[x] and not b.coefs[x]]
        batches = [x for x in range(first) if x not in rows]
        strides = [prod(m.dims[x + 1 :]) for x in range(r)]
        length = prod(m.dims[x] for x in columns)

        def offsets(coefs: Sequence[int], axes: Sequence[int]) -> np.ndarray:
            return offsets_of([coefs[x] for x in axes], [m.dims[x] for x in axes])

        increment = 0
        if c.buffer is None:
            word = self.table(np.full(1, c.fill, dtype=np.int64))
            start: Long = word
        else:
            along = offsets(c.coefs, columns)
            plain = c.safe(m.axes) and (not along.any() or np.array_equal(along, np.arange(length)))
            if not plain:
                copy = self._buffer(m.words)
                padding = Matched(m.index, Kind.MOVE, 0, list(m.dims), [], [replace(c, coefs=c.coefs[:r], guards=[replace(g, coefs=g.coefs[:r]) for g in c.guards])], copy)  # fmt: skip
                self._merge(padding)
                self._move(padding)
                c = Read(copy, [*strides, *[0] * len(m.reduced)], 0, 0, [])
                increment = 1
            else:
                increment = int(length > 1 and along[-1] > 0)
            start = Place(c.buffer, 4 * c.base)
        a_steps, b_steps = (4 * offsets_of(x.coefs[r:], m.reduced) for x in (a, b))
        b_columns, b_batches = 4 * offsets(b.coefs, columns), 4 * offsets(b.coefs, batches)
        widths = self._panel_widths(length)
        panels: list[Long] = []
        n = 0
        pack = library.PACKED
        packed: Buffer | None = None
        source = Place(b.buffer, 4 * b.base)
        if b.buffer.array is not None:
            packed, b_batches, places = self._packed(b, b_steps, b_columns, b_batches, widths)
            source = Place(packed)
        else:
            neighbours = len(columns) == 1 and b.coefs[columns[0]] == 1
            few = prod(m.dims[x] for x in rows) < 16
            pack = library.PACKED if neighbours and few else library.GATHER
            if pack == library.GATHER and not neighbours and b.coefs[r:] == [1] and len(columns) == 1 and b.coefs[columns[0]] > 0:  # fmt: skip
                pack = library.TURN
            places = [0] * len(widths)
        for number, width in enumerate(widths):
            count = min(16 * width, length - n)
            direct = packed is None and pack == library.PACKED
            table = self.table(b_steps if direct else 64 * width * np.arange(m.steps, dtype=np.int64))
            place = 4 * n if direct else 0 if packed is None else places[number]
            panels += [n, width, count, place, table]
            n += 16 * width
        padded = np.concatenate([b_columns, np.repeat(b_columns[-1:], -length % 16)])
        groups = padded.reshape(-1, 16)
        plain_groups = (groups == groups[:, :1] + 4 * np.arange(16)).all(axis=1)
        if length % 16:  # the words behind the last column may be anything
            tail = b_columns[len(b_columns) // 16 * 16 :]
            plain_groups[-1] = bool((tail == tail[0] + 4 * np.arange(len(tail))).all())
        row_table = np.stack([4 * offsets(x, rows) for x in (a.coefs, strides, c.coefs)], axis=1)
        batch_table = np.stack([*(4 * offsets(x, batches) for x in (a.coefs, strides, c.coefs)), b_batches], axis=1)
        height = len(row_table)
        if pack == library.PACKED:
            tile = max(16, -(-TILE * 16 // (64 * m.steps) // 16) * 16)
        else:
            tile = height
        tile = min(tile, height)
        tiles = -(-height // tile)
        parameters: list[Long] = [
            Place(m.out), Place(a.buffer, 4 * a.base), source, start, m.steps, height, tile, tiles, len(widths),
            self.table(batch_table), self.table(row_table), self.table(a_steps), self.table(b_steps),
            increment, pack, self.table(padded), self.table(plain_groups.astype(np.int64)),
            b.coefs[columns[0]], length, *panels,
        ]  # fmt: skip
        total = tiles * len(widths) * len(batch_table)
        grain = max(1, 16 * TICKET // (tile * min(length, 64) * m.steps))
        reads = [x.buffer for x in (a, b, c) if x.buffer is not None]
        self._emit(m, "multiply", m.fn + 256 * wide(), parameters, total, grain, reads)

    @staticmethod
    def _panel_widths(length: int) -> list[int]:
        """Vectors of each panel."""
        most = 4 if wide() else 1
        whole, rest = divmod(length, 16 * most)
        return [most] * whole + ([-(-rest // 16)] if rest else [])

    def _packed(self, b: Read, steps: np.ndarray, columns: np.ndarray, batches: np.ndarray, widths: list[int]) -> tuple[Buffer, np.ndarray, list[int]]:  # fmt: skip
        """A constant b as panels: the buffer, where each batch begins in it, and each panel in a batch, in bytes."""
        distinct, which = np.unique(batches, return_inverse=True)
        places = [0]
        for width in widths:
            places.append(places[-1] + 64 * width * len(steps))
        key = (id(b.buffer), b.base, steps.tobytes(), columns.tobytes(), distinct.tobytes(), tuple(widths))
        if key not in self._panels:
            words = b.buffer.array
            whole = np.zeros(len(distinct) * places[-1] // 4, dtype=np.uint32)
            for i, batch in enumerate(distinct):
                n = 0
                for width, place in zip(widths, places, strict=False):
                    wanted = columns[n : n + 16 * width]
                    at = (b.base + (batch + steps[:, None] + wanted) // 4).astype(np.int64)
                    start = i * places[-1] // 4 + place // 4
                    panel = whole[start : start + 16 * width * len(steps)].reshape(len(steps), 16 * width)
                    panel[:, : len(wanted)] = words[at]
                    n += 16 * width
            self._panels[key] = Buffer(whole.size, aligned(whole)), places
        buffer, places = self._panels[key]
        return buffer, which.reshape(-1) * places[-1], places


class _FreeList:
    """Places in a memory that grows: first fit, neighbours joined."""

    def __init__(self) -> None:
        self.end = 0
        self.holes: list[list[int]] = []  # [offset, size], by offset

    def take(self, size: int) -> int:
        best = None
        for hole in self.holes:
            if hole[1] >= size and (best is None or hole[1] < best[1]):
                best = hole
        if best is None:
            if self.holes and sum(self.holes[-1]) == self.end:  # the last hole can grow
                offset = self.holes.pop()[0]
            else:
                offset = self.end
            self.end = offset + size
            return offset
        offset = best[0]
        best[0] += size
        best[1] -= size
        if not best[1]:
            self.holes.remove(best)
        return offset

    def give(self, offset: int, size: int) -> None:
        at = 0
        while at < len(self.holes) and self.holes[at][0] < offset:
            at += 1
        self.holes.insert(at, [offset, size])
        for i in (at, at - 1):
            if 0 <= i < len(self.holes) - 1 and sum(self.holes[i]) == self.holes[i + 1][0]:
                self.holes[i][1] += self.holes.pop(i + 1)[1]
