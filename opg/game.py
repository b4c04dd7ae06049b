"""What each side of a dispute plays. Pure: from the state of a game, and what was revealed, to the next move.

The rules are in `contracts/interfaces/IDisputes.sol`. A node plays one side, a watchtower the other:

    move = OperatorMind(trace).move(game)
    move = ChallengerMind(own_trace).move(game, revealed)
    send(move.verb, *move.arguments(game_id, answer))

Both are stateless, so that either side can be restarted at any time and read everything from the chain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from typing import Any, ClassVar

from eth_utils import keccak

from opg.errors import StaleView
from opg.tensor.commitment import CHUNK_WORDS, ListTree, chunk_count, depth_of, fold, level_bits, tensor_root_of, unpack
from opg.tensor.executor import Trace
from opg.tensor.openings import RevealedTree, op_proof, openings


class Phase(IntEnum):
    """Whose move it is, and which: `Phase` of IDisputes.sol."""

    NONE = 0
    REVEAL_TRACE = 1
    PICK_TRACE = 2
    REVEAL_TRACE_NODES = 3
    BLAME = 4
    REVEAL_NODES = 5
    PICK_NODE = 6
    REVEAL_CHUNK = 7
    PROVE = 8
    OPERATOR_WON = 9
    CHALLENGER_WON = 10

    @property
    def waits_for_operator(self) -> bool:
        return self in (self.REVEAL_TRACE, self.REVEAL_TRACE_NODES, self.REVEAL_NODES, self.REVEAL_CHUNK)

    @property
    def waits_for_challenger(self) -> bool:
        return self in (self.PICK_TRACE, self.BLAME, self.PICK_NODE, self.PROVE)

    @property
    def is_over(self) -> bool:
        return self in (self.OPERATOR_WON, self.CHALLENGER_WON)


@dataclass(frozen=True)
class Game:
    """A game as it stands: `Game` of IDisputes.sol, in the same order. Times in seconds."""

    challenger: str
    phase: Phase
    turn_since: int
    operator_seconds: int
    challenger_seconds: int
    depth_left: int
    index: int
    op_index: int
    word_count: int
    node: bytes
    trace_root: bytes

    @classmethod
    def of(cls, values: Any) -> Game:
        """From the decoded struct: a tuple, or a mapping in the struct's order."""
        values = list(values.values()) if hasattr(values, "values") else list(values)
        values[1] = Phase(values[1])
        return cls(*values)


@dataclass(frozen=True)
class Revealed:
    """What the operator has shown in one game, in the order of the events.

    Attributes:
        levels: `children` of `TraceRevealed`, then of every `NodesRevealed`.
        chunk: the one of `ChunkRevealed`.
    """

    levels: Sequence[Sequence[bytes]] = ()
    chunk: bytes | None = None


@dataclass(frozen=True)
class Move:
    """A transaction to `Disputes`; its fields are the arguments behind `gameId` and `answer`."""

    verb: ClassVar[str]
    takes_answer: ClassVar[bool] = True

    def arguments(self, game_id: bytes, answer: Any) -> list[Any]:
        """All arguments, in the contract's order."""
        own = [getattr(self, f.name) for f in fields(self)]
        return [game_id, answer, *own] if self.takes_answer else [game_id, *own]


@dataclass(frozen=True)
class RevealTrace(Move):
    verb = "revealTrace"
    header: tuple
    children: list[bytes]
    output_roots: list[bytes]
    output_paths: list[list[bytes]]


@dataclass(frozen=True)
class RevealNodes(Move):
    verb = "revealNodes"
    takes_answer = False
    children: list[bytes]


@dataclass(frozen=True)
class RevealChunk(Move):
    verb = "revealChunk"
    takes_answer = False
    chunk: bytes


@dataclass(frozen=True)
class Pick(Move):
    verb = "pick"
    child: int
    node: bytes
    path: list[bytes]


@dataclass(frozen=True)
class Blame(Move):
    verb = "blame"
    child: int
    tensor_root: bytes
    path: list[bytes]
    op_proof: tuple


@dataclass(frozen=True)
class Prove(Move):
    verb = "prove"
    op_proof: tuple
    element: int
    chunk: bytes
    operands: list[tuple] = field(repr=False)


class OperatorMind:
    """Reveals one trace, level by level, wherever the challenger goes."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def move(self, game: Game) -> Move | None:
        """The next move, or None when it is not the operator's turn."""
        trace = self.trace
        match game.phase:
            case Phase.REVEAL_TRACE:
                tree, outputs = trace.tree, trace.program.outputs
                return RevealTrace(
                    trace.program.header,
                    self.level(tree, tree.depth, 0),
                    [trace.trees[o].tensor_root for o in outputs],
                    [tree.path(o) for o in outputs],
                )
            case Phase.REVEAL_TRACE_NODES:
                return RevealNodes(self.level(trace.tree, game.depth_left, game.index))
            case Phase.REVEAL_NODES:
                return RevealNodes(self.level(trace.trees[game.op_index], game.depth_left, game.index))
            case Phase.REVEAL_CHUNK:
                return RevealChunk(trace.trees[game.op_index].chunks(game.index, game.index))
        return None

    @staticmethod
    def level(tree: ListTree, height: int, position: int) -> list[bytes]:
        """The next level under a node, as the rules cut it."""
        return list(tree.children(height, position, level_bits(height)))


class ChallengerMind:
    """Descends to the first operation that differs from its own, then to a differing word, and proves it."""

    def __init__(self, own: Trace) -> None:
        self.own = own

    def move(self, game: Game, revealed: Revealed) -> Move | None:
        """The next move, or None: it is not the challenger's turn, or nothing differs and all is lost.

        Raises `StaleView` when what was revealed is not what the game stands on: read both again.
        """
        if game.phase.waits_for_challenger:
            check_view(game, revealed)
        match game.phase:
            case Phase.PICK_TRACE:
                return self._pick(self.own.tree, game, revealed)
            case Phase.BLAME:
                return self._blame(game, revealed)
            case Phase.PICK_NODE:
                return self._pick(self.own.trees[game.op_index], game, revealed)
            case Phase.PROVE:
                return self._prove(game, revealed)
        return None

    def _pick(self, own: ListTree, game: Game, revealed: Revealed) -> Pick | None:
        child = self._first_difference(own, game, revealed)
        if child is None:
            return None
        children = revealed.levels[-1]
        return Pick(child, children[child], ListTree(children).path(child))

    def _blame(self, game: Game, revealed: Revealed) -> Blame | None:
        picked = self._pick(self.own.tree, game, revealed)
        if picked is None:
            return None
        op_index = (game.index << game.depth_left) + picked.child
        if op_index >= len(self.own.results):
            return None
        return Blame(picked.child, picked.node, picked.path, op_proof(self.own.program, op_index))

    def _prove(self, game: Game, revealed: Revealed) -> Prove | None:
        words = self.own.results[game.op_index][game.index * CHUNK_WORDS : (game.index + 1) * CHUNK_WORDS]
        assert revealed.chunk is not None, "see check_view"
        differing = (unpack(revealed.chunk)[: len(words)] != words).nonzero()[0]
        if not len(differing):
            return None
        element = game.index * CHUNK_WORDS + int(differing[0])
        operands = openings(self.own, game.op_index, element, self._operators_trace(game, revealed))
        return Prove(op_proof(self.own.program, game.op_index), element, revealed.chunk, operands)

    @staticmethod
    def _first_difference(own: ListTree, game: Game, revealed: Revealed) -> int | None:
        """In the trace it has to be the first: everything before it then agrees, and with it all operands."""
        mine = OperatorMind.level(own, game.depth_left, game.index)
        pairs = zip(mine, revealed.levels[-1], strict=True)
        return next((child for child, (ours, theirs) in enumerate(pairs) if ours != theirs), None)

    def _operators_trace(self, game: Game, revealed: Revealed) -> RevealedTree:
        """The operator's trace tree, as far as paths up to the blamed operation need it."""
        tree = RevealedTree(self.own.tree)
        height = tree.depth
        for children in revealed.levels[: trace_levels(tree.count)]:
            bits = level_bits(height)
            _check(height == tree.depth or fold(children) == tree.node(height, game.op_index >> height))
            tree.reveal(height, game.op_index >> height, bits, children)
            height -= bits
        return tree


def check_view(game: Game, revealed: Revealed) -> None:
    """Raises `StaleView` unless the node in the game is what was revealed last, and the trace what was revealed first."""
    levels, depth = revealed.levels, game.depth_left
    _check(bool(levels) and fold(levels[0]) == game.trace_root)
    if game.phase == Phase.PROVE:
        _check(revealed.chunk is not None)
        shown = keccak(revealed.chunk or b"")
    else:
        _check(len(levels[-1]) == 1 << level_bits(depth))
        shown = fold(levels[-1])
    if game.word_count and depth == depth_of(chunk_count(game.word_count)):
        shown = tensor_root_of(game.word_count, shown)
    _check(shown == game.node)


def _check(fits: bool) -> None:
    if not fits:
        raise StaleView("the chain was re-organised while a game was read", "nothing: it is read again")


def trace_levels(op_count: int) -> int:
    """In how many moves the operator reveals its trace."""
    levels, depth = 1, depth_of(op_count)
    while depth > level_bits(depth):
        depth -= level_bits(depth)
        levels += 1
    return levels
