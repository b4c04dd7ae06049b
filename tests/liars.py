"""Operators that lie, each in one place. A lie is a trace; what is revealed comes out of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from eth_utils import keccak

from opg.game import Game, Move, OperatorMind, Phase, RevealChunk, RevealNodes
from opg.tensor import Trace
from opg.tensor.commitment import CHUNK_BYTES, ListTree, Tree, pack, tensor_root_of
from opg.tensor.executor import run_op, trace

Words = np.ndarray


def corrupted(honest: Trace, op: int, element: int, flip: int = 1, continued: bool = True) -> Trace:
    """One word is wrong. What is behind it is computed from it, or, not continued, copied.

    The last output is wrong in any case: where the lie is lost on the way, one more bit is flipped.
    """
    results = flipped(list(honest.results), op, element, flip)
    if continued:
        values = [*honest.inputs, *honest.program.constants, *results[: op + 1]]
        for later in range(op + 1, len(results)):
            values.append(run_op(honest.program.op(later), values))
        results = values[honest.program.first_op_value :]
    made = claiming(honest, results)
    if made.output_root == honest.output_root:
        last = honest.program.outputs[-1]
        made = claiming(honest, flipped(results, last, element % len(results[last]), 1))
    return made


def flipped(results: list[Words], op: int, element: int, flip: int) -> list[Words]:
    """The same results, but for some bits of one word."""
    words = results[op].copy()
    words[element] ^= np.uint32(flip)
    return [*results[:op], words, *results[op + 1 :]]


def claiming(honest: Trace, results: list[Words]) -> Trace:
    """A trace of these results. What did not change is not hashed again."""
    made = Trace(honest.program, honest.inputs, results)
    made.trees = [
        tree if words is right else Tree(words)
        for words, right, tree in zip(results, honest.results, honest.trees, strict=True)
    ]
    return made


def other_input(honest: Trace, element: int = 0) -> Trace:
    """The right results, of another input."""
    inputs = [words.copy() for words in honest.inputs]
    inputs[0][element] ^= np.uint32(1 << 22)
    return trace(honest.program, inputs)


def garbage_trace(honest: Trace, last: Words) -> Trace:
    """A list of hashes of nothing, but for the outputs: those are what was signed."""
    outputs = honest.program.outputs
    made = claiming(honest, [*honest.results[: outputs[-1]], last, *honest.results[outputs[-1] + 1 :]])
    roots = [
        tree.tensor_root if op in outputs else keccak(b"nothing" + op.to_bytes(4, "big"))
        for op, tree in enumerate(made.trees)
    ]
    made.tree = ListTree(roots)
    return made


class FakeTree(Tree):
    """A tree over chunks and leaves that no tensor has."""

    def __init__(self, words: int, data: bytes, extra_leaves: Sequence[bytes] = ()) -> None:
        self.words, self.data = words, data
        leaves = [keccak(data[i : i + CHUNK_BYTES]) for i in range(0, len(data), CHUNK_BYTES)]
        ListTree.__init__(self, [*leaves, *extra_leaves])
        self.tensor_root = tensor_root_of(words, self.root)


def with_tree(honest: Trace, op: int, tree: Tree) -> Trace:
    """The right trace, but for how one result is committed to."""
    made = Trace(honest.program, honest.inputs, honest.results)
    made.trees = [*honest.trees[:op], tree, *honest.trees[op + 1 :]]
    return made


def wrong_length(honest: Trace, op: int, by: int) -> Trace:
    """A result is one word longer or shorter."""
    words = honest.results[op]
    changed = words[:by] if by < 0 else np.append(words, np.zeros(by, dtype=np.uint32))
    return with_tree(honest, op, Tree(changed))


def dirty_padding(honest: Trace, op: int) -> Trace:
    """The very last byte of the last chunk is not zero."""
    words = honest.results[op]
    data = pack(words)
    data = data.ljust(-(-len(data) // CHUNK_BYTES) * CHUNK_BYTES, b"\0")
    assert len(data) != 4 * len(words), "there is no padding in this tensor"
    return with_tree(honest, op, FakeTree(len(words), data[:-1] + b"\1"))


def dirty_leaf(honest: Trace, op: int) -> Trace:
    """A leaf behind the end of the tensor is not zero."""
    tree = honest.trees[op]
    width = 1 << tree.depth
    assert width > tree.count, "there is no padding in this tree"
    extra = [bytes(32)] * (width - tree.count - 1) + [keccak(b"nothing")]
    return with_tree(honest, op, FakeTree(tree.words, tree.data, extra))


class WrongNodes(OperatorMind):
    """Shows children, or a chunk, that are not those of the node in the game, from a phase on."""

    def __init__(self, trace: Trace, phase: Phase) -> None:
        super().__init__(trace)
        self.phase = phase

    def move(self, game: Game) -> Move | None:
        move = super().move(game)
        if game.phase != self.phase:
            return move
        if isinstance(move, RevealNodes):
            return RevealNodes([keccak(move.children[0]), *move.children[1:]])
        if isinstance(move, RevealChunk):
            return RevealChunk(bytes([move.chunk[0] ^ 1]) + move.chunk[1:])
        return move


class Silent(OperatorMind):
    """Plays `moves` moves, then no more."""

    def __init__(self, trace: Trace, moves: int) -> None:
        super().__init__(trace)
        self.moves = moves

    def move(self, game: Game) -> Move | None:
        self.moves -= 1
        return super().move(game) if self.moves >= 0 else None
