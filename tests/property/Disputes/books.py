"""The books of the games in plain Python: answers, games by the rules of docs/protocol.md, and what backs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opg.game import Blame, Move, Phase, Pick, RevealChunk, RevealNodes, RevealTrace
from opg.tensor.commitment import chunk_count, depth_of, level_bits
from tests.game_world import CLOCK_SECONDS, MOVE_SECONDS, Match
from tests.market import WINDOW_SECONDS

OPS, WORDS, LATER = 257, 150, 70


@dataclass
class Asked:
    """A request on chain, while it is open or answered."""

    terms: Any
    operator: Any


@dataclass
class Given:
    """An answer. `games` counts those that run."""

    answer: dict
    digest: bytes
    operator: Any
    trace: str
    evidence: tuple
    since: int
    recorded: bool = False
    refuted: bool = False
    games: int = 0
    request: Asked | None = None  # while it is answered

    @property
    def until(self) -> int:
        return self.since + WINDOW_SECONDS


@dataclass
class Played:
    """One game as the rules have it."""

    match: Match
    given: Given
    since: int
    phase: Phase = Phase.REVEAL_TRACE
    clock: dict[str, int] = field(default_factory=lambda: {"operator": CLOCK_SECONDS, "challenger": CLOCK_SECONDS})
    depth: int = 0
    index: int = 0
    op: int = 0
    words: int = 0

    @property
    def side(self) -> str:
        return "operator" if self.phase.waits_for_operator else "challenger"

    @property
    def last(self) -> int:
        return self.since + max(self.clock[self.side], MOVE_SECONDS)

    def press(self, now: int) -> None:
        self.clock[self.side] = max(self.clock[self.side] - (now - self.since), 0)
        self.since = now

    def go_on(self, move: Move) -> None:
        """The position after a move that is accepted and does not end the game."""
        if isinstance(move, RevealTrace):
            self.depth = depth_of(OPS)
        if isinstance(move, Pick | Blame):
            bits = level_bits(self.depth)
            self.index, self.depth = (self.index << bits) + move.child, self.depth - bits
        if isinstance(move, Blame):
            self.op, self.index = self.index, 0
            self.words = WORDS if self.op == 0 else LATER
            self.depth = depth_of(chunk_count(self.words))
        last = level_bits(self.depth) == self.depth
        match move, bool(self.words):
            case ((RevealTrace() | RevealNodes()), False):
                self.phase = Phase.BLAME if last else Phase.PICK_TRACE
            case Pick(), False:
                self.phase = Phase.REVEAL_TRACE_NODES
            case RevealNodes(), True:
                self.phase = Phase.PICK_NODE
            case ((Pick() | Blame()), True):
                self.phase = Phase.REVEAL_NODES if self.depth else Phase.REVEAL_CHUNK
            case RevealChunk(), True:
                self.phase = Phase.PROVE


@dataclass
class Stake:
    """One operator's pool. All of it is its own."""

    tokens: int
    shares: int
    thawing: int = 0  # shares
    locked: int = 0
    thaws: list[tuple[int, int, int]] = field(default_factory=list)  # id, shares, until
    jailed_until: int = 0

    def worth(self, shares: int) -> int:
        return shares * self.tokens // self.shares if self.shares else 0

    @property
    def active(self) -> int:
        return self.worth(self.shares - self.thawing)

    @property
    def free(self) -> int:
        return max(self.active - self.locked, 0)
