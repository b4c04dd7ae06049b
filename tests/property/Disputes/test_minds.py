"""Attacks 20 and 21: what an honest mind moves is never refused, whatever the chain does to it.

Blocks are taken back, the other side then plays another branch, and what the honest side had sent before is in the
mempool still: it may come again at any time. A move for another branch does nothing; the one for this branch counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg.game import Blame, ChallengerMind, Move, OperatorMind, Phase, Pick
from opg.tensor import Trace, op_proof
from opg.tensor.commitment import ListTree, level_bits
from tests.evm import Evm, Reverted
from tests.game_world import BOND, MOVE_SECONDS, PURSE, STAKE, GameWorld, Match, chain
from tests.liars import claiming, corrupted, flipped

SHAPES = [(3, 150), (300, 70), (2, 16_385)]


@cache
def world_of(op_count: int, words: int) -> GameWorld:
    return GameWorld(Evm(), chain(op_count, words))


@dataclass
class Mark:
    """One block, to come back to."""

    evm: Any
    levels: list
    chunk: bytes | None
    gas: list


class Branches:
    """One game on a chain that is reorganised now and then, at most a few times."""

    def __init__(self, match: Match, random: Random, honest_side: str) -> None:
        self.match, self.random, self.honest_side = match, random, honest_side
        self.marks: list[Mark] = []
        self.mempool: list[Move] = []
        self.reorganisations = 3

    @property
    def is_honests_turn(self) -> bool:
        phase = self.match.phase
        return phase.waits_for_operator if self.honest_side == "operator" else phase.waits_for_challenger

    def maybe_wait(self) -> None:
        """Inclusion takes time, up to the last second."""
        left = self.match.world.disputes.deadline(self.match.id) - self.match.world.evm.now
        self.match.world.evm.sleep(self.random.choice([0, 0, 1, MOVE_SECONDS, left]) if left > MOVE_SECONDS else left)

    def send(self, move: Move) -> None:
        """A move for this branch, after a while."""
        match = self.match
        self.marks.append(Mark(match.world.evm.snapshot(), list(match.levels), match.chunk, list(match.gas)))
        self.maybe_wait()
        match.send(move)

    def honest_moves(self, move: Move | None) -> None:
        """Decided on the present state, so never refused."""
        assert move is not None
        self.mempool.append(move)
        self.send(move)

    def maybe_reorganise(self) -> None:
        if not self.marks or not self.reorganisations or self.random.random() < 0.7:
            return
        self.reorganisations -= 1
        back = self.random.randrange(len(self.marks))
        mark = self.marks[back]
        del self.marks[back:]
        match = self.match
        match.world.evm.revert(mark.evm)
        match.levels, match.chunk, match.gas = mark.levels, mark.chunk, mark.gas

    def stale_moves_arrive(self) -> None:
        """A copy of any earlier move of the honest side: it fits here, or it does nothing."""
        match = self.match
        for move in self.random.sample(self.mempool, self.random.randrange(len(self.mempool) + 1)):
            before = match.state
            try:
                match.send(move)
            except Reverted:
                assert match.state == before
            if match.phase.is_over:
                return


def lies(honest: Trace, random: Random) -> list[Trace]:
    """Traces with one and the same wrong output, each wrong in another place, too: what can be shown for one answer."""
    last = len(honest.results) - 1
    wrong = flipped(list(honest.results), last, 0, 1)
    made = [claiming(honest, wrong)]
    for _ in range(3):
        op = random.randrange(last)
        made.append(claiming(honest, flipped(wrong, op, random.randrange(len(wrong[op])), 1 << random.randrange(32))))
    assert len({each.output_root for each in made}) == 1
    return made


@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_honest_challenger_is_never_refused_and_wins(shape, seed):
    """In every branch the liar may show another trace."""
    world, random = world_of(*shape), Random(seed)
    with world.aside():
        traces = lies(world.honest, random)
        liar, mind = OperatorMind(random.choice(traces)), ChallengerMind(world.honest)
        game = Branches(world.against(traces[0]), random, "challenger")
        match = game.match
        while not match.phase.is_over:
            game.maybe_reorganise()
            game.stale_moves_arrive()
            if match.phase.is_over:
                break
            if game.is_honests_turn:
                game.honest_moves(mind.move(match.state, match.revealed))
                continue
            if match.phase == Phase.REVEAL_TRACE:
                liar = OperatorMind(random.choice(traces))
            game.send(liar.move(match.state))
        assert match.won_by_challenger
        assert world.wealth(match.challenger) > PURSE


@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_an_honest_operator_is_never_refused_and_wins(shape, seed):
    """In every branch the challenger may go another way."""
    world, random = world_of(*shape), Random(seed)
    with world.aside():
        mind = OperatorMind(world.honest)
        game = Branches(world.open(world.answer()), random, "operator")
        match = game.match
        while match.phase != Phase.PROVE:
            game.maybe_reorganise()
            game.stale_moves_arrive()
            if match.phase == Phase.PROVE:
                break
            if game.is_honests_turn:
                game.honest_moves(mind.move(match.state))
            else:
                game.send(anywhere(world, match, random))
        match.time_out()
        assert match.won_by_operator
        assert world.staking.stakeOf(world.bob).active == STAKE
        assert world.wealth(world.bob) == PURSE - STAKE + BOND


def anywhere(world: GameWorld, match: Match, random: Random) -> Move:
    """A correct move to a random place that is not padding."""
    state, children = match.state, match.levels[-1]
    bits = level_bits(state.depth_left)
    below = state.depth_left - bits
    leaves = -(-state.word_count // 64) if state.word_count else len(world.program.encoded)
    first = state.index << bits
    width = -(-leaves // (1 << below))  # nodes of this height that are over a leaf
    child = random.randrange(min(len(children), width - first))
    node, path = children[child], ListTree(children).path(child)
    if state.phase == Phase.BLAME:
        return Blame(child, node, path, op_proof(world.program, first + child))
    return Pick(child, node, path)


def test_a_challenger_blames_nothing_in_a_branch_where_the_trace_changed():
    """Attack 21: the move names what it answers, not only where."""
    world = world_of(3, 150)
    with world.aside():
        first, second = corrupted(world.honest, 2, 5), corrupted(world.honest, 2, 5)
        second = claiming(second, flipped(list(second.results), 0, 3, 1))
        match, mind = world.against(first), ChallengerMind(world.honest)
        mark = world.evm.snapshot()
        match.send(OperatorMind(first).move(match.state))
        blame = mind.move(match.state, match.revealed)
        world.evm.revert(mark)
        match.levels.clear()
        match.send(OperatorMind(second).move(match.state))
        with pytest.raises(Reverted, match="WrongNode"):
            match.send(blame)
        assert mind.move(match.state, match.revealed).child == 0
        match.play(OperatorMind(second), mind)
        assert match.won_by_challenger
