"""What moves cost, as a real node's receipts have it. Every contract and account has been used before."""

import numpy as np
import pytest

from opg.game import ChallengerMind, OperatorMind
from opg.tensor import Access, Kind, Op, Program, Trace, element
from opg.tensor.executor import run_op
from opg.tensor.functions import Fn
from opg.tensor.program import NO_VALUE
from tests.evm import TX_GAS_CAP
from tests.game_world import GameWorld, Match, chain, digits
from tests.liars import corrupted


@pytest.fixture
def world(anvil_evm) -> GameWorld:
    """The digits model, after one game of alice's against another answer of bob's."""
    world = GameWorld(anvil_evm, digits())
    against(world, lie(world), request=b"\1" * 32).time_out()
    return world


def lie(world: GameWorld) -> Trace:
    return corrupted(world.honest, 0, 0)


def against(world: GameWorld, made: Trace, **changes: object) -> Match:
    """alice's game against an answer that is the same in every run, to the bit: zero bytes are cheaper."""
    return world.open(world.answer(made, issuedAt=world.evm.now, **changes))


def test_a_liar_who_does_not_answer(world, gas_snapshot):
    """The budget for both moves of the challenger is 250,000."""
    match = against(world, lie(world))
    match.time_out()
    gas = dict(match.gas)
    gas_snapshot("Disputes.open", gas["open"])
    gas_snapshot("Disputes.claimTimeout", gas["claimTimeout"])
    assert gas["open"] + gas["claimTimeout"] <= 250_000


def test_every_move_of_a_game(world, gas_snapshot):
    """The budget for all moves of both sides is 5,000,000."""
    made = lie(world)
    match = against(world, made)
    match.play(OperatorMind(made), ChallengerMind(world.honest))
    for verb, gas in match.gas[1:]:
        gas_snapshot(f"Disputes.{verb}", gas)
    assert match.won_by_challenger
    assert sum(gas for _, gas in match.gas) <= 5_000_000  # the bound for the largest model, here for the smallest


def test_a_moot_game(world, gas_snapshot):
    match = against(world, lie(world))
    other = world.open(match.answer, by=world.dave)
    match.time_out()
    gas_snapshot("Disputes.closeMoot", other.close_moot())


def test_the_widest_levels(anvil_evm, gas_snapshot):
    """256 operations and 256 chunks: one level each, and the most that a level can have."""
    world = GameWorld(anvil_evm, chain(op_count=256, words=16_384, later=1))
    made = corrupted(world.honest, 0, 9_999)
    match = against(world, made).play(OperatorMind(made), ChallengerMind(world.honest))
    gas = dict(match.gas)
    gas_snapshot("Disputes.revealTrace of 256 ops", gas["revealTrace"])
    gas_snapshot("Disputes.revealNodes of 256 chunks", gas["revealNodes"])
    gas_snapshot("Disputes.pick of 256 chunks", gas["pick"])
    assert max(gas.values()) < TX_GAS_CAP


TOKENS, WIDTH, HIDDEN = 128, 384, 1_536
COPIES = 85  # 85 · 128 · 384 words are 65,280 chunks: as deep as 4,194,304 words


def the_size_of_minilm() -> tuple[Program, list[np.ndarray], Trace]:
    """800 operations, the first of which is the second half of a feed-forward layer, k = 1,536, written 85 times.

    Executed once and copied: all copies have the same operands.
    """
    random = np.random.default_rng(7)
    hidden, weights = (random.normal(size=n * HIDDEN).astype(np.float32).view(np.uint32) for n in (TOKENS, WIDTH))
    bias = random.normal(size=WIDTH).astype(np.float32).view(np.uint32)

    def product(copies: int) -> Op:
        coefs = [(0, HIDDEN, 0, 1), (0, 0, HIDDEN, 1), (0, 0, 1, 0)]
        reads = tuple(Access(value, each) for value, each in enumerate(coefs))
        return Op(Kind.CONTRACT, Fn.MUL, (copies, TOKENS, WIDTH), (HIDDEN,), reads)

    later = [Op(Kind.MAP, Fn.TANH, (64,), (), (Access(3 + j, (1,)),)).encode() for j in range(799)]
    program = Program((len(hidden),), [weights, bias], [product(COPIES).encode(), *later], (799,))
    once = run_op(product(1), [hidden, weights, bias])
    values = [hidden, weights, bias, np.tile(once, COPIES)]
    for j in range(1, 800):
        values.append(run_op(program.op(j), values))
    return program, [hidden], Trace(program, [hidden], values[3:])


def test_a_dispute_of_the_size_of_minilm(anvil_evm, gas_snapshot):
    """All moves of both sides are to take at most 5,000,000. The deepest trees, the widest levels, the longest sum."""
    program, inputs, right = the_size_of_minilm()
    place = 3_000_000
    assert int(right.results[0][place]) == element(program, right.values, 0, place)
    world = GameWorld(anvil_evm, program, inputs)
    world.honest = right
    against(world, corrupted(right, 799, 0), request=b"\1" * 32).time_out()
    made = corrupted(right, 0, place, continued=False)
    match = against(world, made).play(OperatorMind(made), ChallengerMind(right))
    assert match.won_by_challenger
    verbs = [verb for verb, _ in match.gas]
    assert verbs == [
        "open",
        "revealTrace",
        "pick",
        "revealNodes",
        "blame",
        "revealNodes",
        "pick",
        "revealNodes",
        "pick",
        "revealChunk",
        "prove",
    ]
    for number, (verb, gas) in enumerate(match.gas, start=1):
        gas_snapshot(f"dispute of MiniLM's size {number:02} {verb}", gas)
    total = sum(gas for _, gas in match.gas)
    gas_snapshot("dispute of MiniLM's size, all moves", total)
    assert total <= 5_000_000
    assert max(gas for _, gas in match.gas) < TX_GAS_CAP


def matrix_product(k: int, op_count: int = 256, rows: int = 128, columns: int = 384) -> Program:
    """A layer of MiniLM: rows × k by k × columns, both laid out along k, behind an activation and before many small ops."""
    weights = np.random.default_rng(k).standard_normal(columns * k).astype(np.float32).view(np.uint32)
    copy = Op(Kind.MAP, Fn.ABS, (rows * k,), (), (Access(0, (1,)),))
    operands = (Access(2, (k, 0, 1)), Access(1, (0, k, 1)), Access(NO_VALUE, (0, 0, 0)))
    product = Op(Kind.CONTRACT, Fn.MUL, (rows, columns), (k,), operands)
    small = [Op(Kind.MAP, Fn.NEG, (1,), (), (Access(j, (1,)),)).encode() for j in range(3, op_count + 1)]
    return Program((rows * k,), [weights], [copy.encode(), product.encode(), *small], (op_count - 1,))


@pytest.mark.parametrize("k", [384, 1536])
def test_a_matrix_product(anvil_evm, gas_snapshot, k):
    """256 ops, 768 chunks in the blamed result, and a dot product over all of k."""
    world = GameWorld(anvil_evm, matrix_product(k))
    made = corrupted(world.honest, 1, 31_415)
    match = against(world, made).play(OperatorMind(made), ChallengerMind(world.honest))
    assert match.won_by_challenger
    gas_snapshot(f"Disputes.prove of a product of {k}", dict(match.gas)["prove"])
    gas_snapshot(f"Disputes, all moves over a product of {k}", sum(gas for _, gas in match.gas))
    assert sum(gas for _, gas in match.gas) <= 5_000_000
