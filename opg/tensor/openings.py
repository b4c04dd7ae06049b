"""What a challenger shows the referee: the op, and those chunks of its operands that one element reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from opg.tensor.commitment import CHUNK_WORDS, ListTree, Tree, node
from opg.tensor.executor import Trace
from opg.tensor.interpreter import address, read, signed, steps
from opg.tensor.program import NO_VALUE, Kind, Op, Program

EMPTY = (0, bytes(32), [], [])
# What the referee takes, in gas with calldata: for a chunk; for a run, whatever its length, and for each level of its tree; and
# when it reads in another run than before.
CHUNK_GAS, RUN_GAS, LEVEL_GAS, SWITCH_GAS = 4_500, 2_500, 750, 600


def op_proof(program: Program, index: int) -> tuple:
    """The `OpProof` struct: (header, op bytes, path)."""
    return (program.header, program.encoded[index], program.ops_tree.path(index))


def reads(op: Op, values: Sequence[np.ndarray], position: int) -> list[list[int]]:
    """For each operand the addresses that one element reads in bounds, in order."""
    i = [int(x) for x in np.unravel_index(position, op.dims)] if op.dims else []
    found: list[list[int]] = [[] for _ in op.operands]

    def look(number: int, index: list[int], shift: int = 0) -> int | None:
        access = op.operands[number]
        length = 0 if access.value == NO_VALUE else len(values[access.value])
        at = address(access, index, length, shift)
        if at is not None:
            found[number].append(at)
        return at

    if op.kind == Kind.MAP:
        for number in range(len(op.operands)):
            look(number, i)
    elif op.kind == Kind.CONTRACT:
        for k in steps(op):
            look(0, i + k)
            look(1, i + k)
        look(2, i + [0] * len(op.reduced))
    elif op.kind == Kind.REDUCE:
        for k in steps(op):
            look(0, i + k)
    elif op.kind == Kind.MOVE:
        for number in range(len(op.operands)):
            if look(number, i) is not None:
                break
    else:
        look(1, i)
        picked = min(max(signed(read(values, op.operands[1], i)), 0), op.count - 1)
        look(0, i, op.stride * picked)
    return found


def runs_of(tree: Tree, addresses: Sequence[int]) -> list[tuple]:
    """The chunks that hold these addresses, as `Run` structs in ascending order.

    Chunks between two of them are shown too where that is cheaper than another run: when they are few, or when the reading goes to and
    fro across them often. That keeps every proof within the bounds of docs/tensor-machine.md.
    """
    if not addresses:
        return []
    chunks, visits = np.unique(np.asarray(addresses) // CHUNK_WORDS, return_inverse=True)
    # how often the reading crosses from the chunks up to this one to those behind it
    leaps = np.zeros(len(chunks) + 1, dtype=np.int64)
    np.add.at(leaps, np.minimum(visits[1:], visits[:-1]), 1)
    np.add.at(leaps, np.maximum(visits[1:], visits[:-1]), -1)
    crossings = np.cumsum(leaps)[: len(chunks) - 1]
    gaps = np.diff(chunks) - 1
    apart = gaps * CHUNK_GAS > RUN_GAS + LEVEL_GAS * tree.depth + crossings * SWITCH_GAS
    ends = np.flatnonzero(apart)
    firsts, lasts = chunks[[0, *(ends + 1)]], chunks[[*ends, len(chunks) - 1]]
    spans = zip(firsts.tolist(), lasts.tolist(), strict=True)
    return [(a, tree.chunks(a, b), tree.range_siblings(a, b)) for a, b in spans]


def openings(trace: Trace, op_index: int, position: int, trace_paths: ListTree | None = None) -> list[tuple]:
    """The `Operand` structs for one element of an op that is well-formed; an empty list for another.

    Args:
        trace: the challenger's own trace; it agrees with the operator's on every operand.
        trace_paths: gives `path(op index)` in the operator's trace tree; by default the own one.
    """
    program, op = trace.program, trace.program.op(op_index)
    if op is None:
        return []
    inputs, constants = len(program.input_words), len(program.constants)
    operands = []
    for access, addresses in zip(op.operands, reads(op, trace.values, position), strict=True):
        if access.value == NO_VALUE:
            operands.append(EMPTY)
            continue
        if access.value < inputs:
            tree = trace.input_trees[access.value]
            path = [t.tensor_root for t in trace.input_trees]
        elif access.value < inputs + constants:
            tree = program.constant_trees[access.value - inputs]
            path = program.constants_tree.path(access.value - inputs)
        else:
            earlier = access.value - inputs - constants
            tree = trace.trees[earlier]
            path = (trace_paths or trace.tree).path(earlier)
        operands.append((tree.words, tree.root, path, runs_of(tree, addresses)))
    return operands


class RevealedTree:
    """The operator's tree as far as it is known: the challenger's own, overlaid with the nodes that the operator revealed.

    To the left of the blamed leaf the two trees agree, wherever the descent went to the first child that differs; to its right every sibling of
    the descent was revealed. So the path of every leaf up to the blamed one is known.
    """

    def __init__(self, own: ListTree):
        self.own, self.count, self.depth = own, own.count, own.depth
        self.known: dict[tuple[int, int], bytes] = {}

    def reveal(self, height: int, position: int, bits: int, children: Sequence[bytes]) -> None:
        """Notes the `2**bits` nodes that lie `bits` levels under the node at `height` and `position`."""
        layer = list(children)
        for down in range(bits, -1, -1):
            for offset, value in enumerate(layer):
                self.known[height - down, (position << down) + offset] = value
            layer = [node(layer[i], layer[i + 1]) for i in range(0, len(layer) - 1, 2)]

    def node(self, height: int, position: int) -> bytes:
        return self.known.get((height, position), self.own.layers[height][position])

    @property
    def root(self) -> bytes:
        return self.node(self.depth, 0)

    def path(self, index: int) -> list[bytes]:
        return [self.node(h, (index >> h) ^ 1) for h in range(self.depth)]
