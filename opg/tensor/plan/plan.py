"""Programs as schedules of kernels: every operation matched to steps, and all of them laid out in one table."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from opg.tensor.hashing import DIGESTS, TABLE, Entry, Layout
from opg.tensor.kernels import library
from opg.tensor.plan.contractions import Contractions
from opg.tensor.plan.fusion import Fusion
from opg.tensor.plan.memory import lay_out
from opg.tensor.plan.parts import Buffer, Matched, Place, Read, Step, Table, span
from opg.tensor.program import NO_VALUE, Access, Kind, Op, Program

HASHED = 1 << 16  # words of results of a trace that are hashed while they are in the cache


def _without(access: Access, rank: int) -> Access:
    """The access at reduction index 0."""

    def cut(coefs: Sequence[int]) -> tuple[int, ...]:
        return (*coefs[:rank], *[0] * (len(coefs) - rank))

    guards = tuple(replace(g, coefs=cut(g.coefs)) for g in access.guards)
    return replace(access, coefs=cut(access.coefs), guards=guards)


class Plan(Contractions):
    """The schedule of a program.

    Args:
        program: any program.
        keep: keep the results of all operations and hash them, for a trace; else memory is used again after the last read.
    """

    hashing: Layout | None = None
    digests: int  # where they begin, in words

    def __init__(self, program: Program, keep: bool = False):
        super().__init__()
        self.program = program
        self.inputs = [Buffer(words) for words in program.input_words]
        constants = [Buffer(c.size, np.ascontiguousarray(c, dtype=np.uint32)) for c in program.constants]
        self.values = [*self.inputs, *constants]
        self.buffers += self.inputs
        for index in range(len(program.encoded)):
            out = self._buffer(program.words_of(index))
            self._lower(index, program.op(index), out)
            self.values.append(out)
        self.results = self.values[program.first_op_value :]
        self.outputs = [self.results[o] for o in program.outputs]
        if not keep:
            self.steps = Fusion(self.steps, self.outputs, self._set_rows).fused()
        self.words = lay_out(self.steps, self.buffers, self.inputs, self.results if keep else self.outputs)
        if keep:
            self._hash()
        self._linked = threading.Lock()

    # ---- matching

    def _lower(self, index: int, op: Op | None, out: Buffer) -> None:
        if op is None:
            op = Op(Kind.MOVE, 0, (), (), (Access(NO_VALUE, (), 0, 0),))
        reads = [self._read(a, op.dims + op.reduced) for a in op.operands]
        if op.kind == Kind.CONTRACT:  # the third is read at k = 0
            reads[2] = self._read(_without(op.operands[2], len(op.dims)), op.dims + op.reduced)
        m = Matched(index, op.kind, op.fn, list(op.dims), list(op.reduced), reads, out, op.stride, op.count)
        m.merge()
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

    # ---- the schedule

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
        starts = np.array([0, 8 * start, 4 * self.digests, *(4 * b.offset for b in self.results)])
        longs = made.longs + starts[made.relative]
        inside.extend((start + np.flatnonzero(made.relative == TABLE)).tolist())
        memory.extend((start + np.flatnonzero(made.relative >= DIGESTS)).tolist())
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
