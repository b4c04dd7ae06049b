"""The mirror: whatever is tried against a right answer, the operator has its stake and the challenger's bond.

A mistaken challenger moves correctly to any place it likes; a wild one also throws garbage. The operator just
plays `OperatorMind`, and none of its moves is ever refused.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opg.game import Blame, ChallengerMind, Move, OperatorMind, Phase, Pick, Prove
from opg.tensor import op_proof, openings
from opg.tensor.commitment import ListTree, level_bits
from tests.evm import Evm, Reverted
from tests.game_world import BOND, PURSE, STAKE, GameWorld, Match, chain, digits
from tests.liars import corrupted

SHAPES = [(1, 1), (3, 150), (300, 2), (2, 16_385)]
CHALLENGERS_PHASES = [p for p in Phase if p.waits_for_challenger]


@cache
def world_of(op_count: int, words: int) -> GameWorld:
    return GameWorld(Evm(), chain(op_count, words))


@cache
def digits_world() -> GameWorld:
    return GameWorld(Evm(), digits())


def check_operator_has_won(world: GameWorld, match: Match) -> None:
    """What has to hold whatever the challenger tried."""
    assert match.won_by_operator
    assert world.staking.stakeOf(world.bob).active == STAKE
    assert world.wealth(world.bob) == PURSE - STAKE + BOND
    assert world.wealth(match.challenger) == PURSE - BOND
    state = world.inference.answerState(world.inference.hashAnswer(match.answer))
    assert (state.refuted, state.openGames) == (False, 0)
    world.check_books()


def operator_moves(match: Match, operator: OperatorMind) -> None:
    """An honest move; that it is accepted is part of the property."""
    move = operator.move(match.state)
    assert move is not None
    match.send(move)


def tried(match: Match, move: Move) -> bool:
    """Whether a move of the challenger's was accepted."""
    before = match.state
    try:
        match.send(move)
    except Reverted:
        assert match.state == before
        return False
    return True


class Wild:
    """Goes anywhere, with garbage on the way."""

    def __init__(self, world: GameWorld, random: Random) -> None:
        self.world, self.random, self.right = world, random, world.honest

    def tries(self, match: Match) -> list[Move]:
        """Moves for this phase; most are wrong, one leads on to a random place."""
        game, random = match.state, self.random
        moves: list[Move] = []
        if game.phase == Phase.PROVE:
            moves = [self.proof(match, random.randrange(game.word_count)) for _ in range(2)]
            inside = range(64 * game.index, min(64 * game.index + 64, game.word_count))
            moves += [self.proof(match, random.choice(inside)) for _ in range(3)]
        else:
            children = match.levels[-1]
            child = random.randrange(len(children))
            node, path = children[child], ListTree(children).path(child)
            if game.phase == Phase.BLAME:
                op = (game.index << level_bits(game.depth_left)) + child
                program = self.world.program
                proof = op_proof(program, min(op, len(program.encoded) - 1))
                moves = [Blame(child, node, path, proof)]
            else:
                moves = [Pick(child, node, path)]
        return [self.mangled(random.choice(moves)) for _ in range(random.randrange(4))] + moves

    def proof(self, match: Match, element: int) -> Prove:
        game = match.state
        operands = openings(self.right, game.op_index, element)
        return Prove(op_proof(self.world.program, game.op_index), element, match.chunk, operands)

    def mangled(self, move: Move) -> Move:
        """One field of it is changed."""
        random = self.random
        if isinstance(move, Prove):
            kind = random.randrange(4)
            if kind == 0:
                return replace(move, element=random.randrange(2**32))
            if kind == 1:
                at = random.randrange(256)
                return replace(move, chunk=move.chunk[:at] + bytes([move.chunk[at] ^ 1]) + move.chunk[at + 1 :])
            if kind == 2:
                return replace(move, operands=move.operands[: random.randrange(len(move.operands))])
            length, root, path, runs = move.operands[0]
            changed = [(first, bytes(len(chunks)), siblings) for first, chunks, siblings in runs]
            return replace(move, operands=[(length, root, path, changed), *move.operands[1:]])
        kind = random.randrange(3)
        if kind == 0:
            return replace(move, child=random.randrange(2**32))
        if kind == 1:
            longer, other = [*move.path, bytes(32)], [*move.path[:-1], b"\1" * 32]
            return replace(move, path=random.choice([longer, other]))
        field = "node" if isinstance(move, Pick) else "tensor_root"
        return replace(move, **{field: random.randbytes(32)})


@given(seed=st.integers(0, 2**32 - 1))
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_challengers_lose_their_bonds(shape, seed):
    """Random places, wrong paths, garbage proofs, and silence in the end."""
    check_wild(world_of(*shape), Random(seed))


@given(seed=st.integers(0, 2**32 - 1))
def test_random_challengers_of_digits_lose_their_bonds(seed):
    """The same on a real model, with every kind of operation that it has."""
    check_wild(digits_world(), Random(seed))


def check_wild(world: GameWorld, random: Random) -> None:
    with world.aside():
        match, operator = world.open(world.answer()), OperatorMind(world.honest)
        wild = Wild(world, random)
        while not match.phase.is_over:
            if match.phase.waits_for_operator:
                operator_moves(match, operator)
            elif random.random() < 0.1 or not any([tried(match, move) for move in wild.tries(match)][-1:]):
                match.time_out()
        check_operator_has_won(world, match)


@given(data=st.data())
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_challengers_who_compute_something_else_lose_their_bonds(shape, data):
    """It plays all the way down to where it was wrong itself, and cannot prove it."""
    world = world_of(*shape)
    op = data.draw(st.integers(0, shape[0] - 1), "op")
    element = data.draw(st.integers(0, shape[1] - 1), "element")
    with world.aside():
        match, operator = world.open(world.answer()), OperatorMind(world.honest)
        mistaken = ChallengerMind(corrupted(world.honest, op, element))
        while match.phase != Phase.PROVE:
            if match.phase.waits_for_operator:
                operator_moves(match, operator)
            else:
                match.send(mistaken.move(match.state, match.revealed))
        assert not tried(match, mistaken.move(match.state, match.revealed))
        match.time_out()
        check_operator_has_won(world, match)


@pytest.mark.parametrize("phase", CHALLENGERS_PHASES)
def test_challengers_who_fall_silent_lose_their_bonds(phase):
    world = world_of(300, 70)
    with world.aside():
        match = world.open(world.answer())
        mistaken = ChallengerMind(corrupted(world.honest, 123, 66))
        match.play_until(phase, OperatorMind(world.honest), mistaken)
        match.time_out()
        check_operator_has_won(world, match)


def test_a_challenger_who_agrees_has_no_move():
    """Whoever computes the same cannot even blame."""
    world = world_of(3, 150)
    with world.aside():
        match = world.open(world.answer())
        match.play(OperatorMind(world.honest), ChallengerMind(world.honest))
        assert [verb for verb, _ in match.gas] == ["open", "revealTrace", "claimTimeout"]
        check_operator_has_won(world, match)


@given(seed=st.integers(0, 2**32 - 1))
def test_many_challengers_at_once_all_lose_their_bonds(seed):
    """Attacks 18 and 22: a rich attacker pays one bond after another to the honest operator."""
    world, random = world_of(3, 150), Random(seed)
    with world.aside():
        operator, wild = OperatorMind(world.honest), Wild(world, random)
        matches = [world.open(world.answer(), by=who) for who in world.challengers]
        running = list(matches)
        while running:
            match = random.choice(running)
            if match.phase.waits_for_operator:
                operator_moves(match, operator)
            elif random.random() < 0.3 or not tried(match, random.choice(wild.tries(match))):
                running.remove(match)
        world.evm.sleep(world.disputes.maxGameSeconds())
        for match in matches:
            match.claim()
            assert match.won_by_operator
        assert world.staking.stakeOf(world.bob).active == STAKE
        assert world.wealth(world.bob) == PURSE - STAKE + len(matches) * BOND
        world.check_books()
