"""What the two sides decide, with no chain in sight."""

import pytest
from eth_utils import keccak

from opg.errors import StaleView
from opg.game import Blame, ChallengerMind, Game, OperatorMind, Phase, Revealed, RevealTrace, trace_levels
from opg.tensor import Trace, trace
from opg.tensor.commitment import ListTree, fold, tensor_root_of
from tests.game_world import chain, some_words
from tests.liars import corrupted


@pytest.fixture
def honest() -> Trace:
    program = chain(op_count=5, words=150)
    return trace(program, some_words(program))


def game(phase: Phase, **changes: int | bytes) -> Game:
    """A game in this phase."""
    values = dict.fromkeys(Game.__dataclass_fields__, 0) | {"challenger": "0x", "phase": phase} | changes
    return Game(**values)


def shown(phase: Phase, level: list[bytes], **changes: int | bytes) -> Game:
    """A game in which the operator has revealed this level, all there is of its trace."""
    return game(phase, **{"node": fold(level), "trace_root": fold(level), "depth_left": 3} | changes)


@pytest.mark.parametrize("phase", Phase)
def test_each_phase_waits_for_one_side_or_for_nobody(phase):
    asleep = phase is Phase.NONE or phase.is_over
    assert phase.waits_for_operator + phase.waits_for_challenger + asleep == 1


@pytest.mark.parametrize("phase", [p for p in Phase if not p.waits_for_operator])
def test_the_operator_has_no_move_when_it_is_not_its_turn(honest, phase):
    assert OperatorMind(honest).move(game(phase)) is None


@pytest.mark.parametrize("phase", [p for p in Phase if not p.waits_for_challenger])
def test_the_challenger_has_no_move_when_it_is_not_its_turn(honest, phase):
    assert ChallengerMind(honest).move(game(phase), Revealed()) is None


def test_a_game_is_read_in_the_order_of_the_struct():
    values = ("0xabc", 5, 100, 7, 8, 3, 6, 4, 150, b"node", b"root")
    read = Game.of(values)
    assert (read.phase, read.depth_left, read.op_index, read.trace_root) == (Phase.REVEAL_NODES, 3, 4, b"root")
    assert Game.of(dict(zip(Game.__dataclass_fields__, values, strict=True))) == read


def test_the_first_move_shows_the_outputs_in_the_trace(honest):
    move = OperatorMind(honest).move(game(Phase.REVEAL_TRACE))
    assert isinstance(move, RevealTrace)
    assert fold(move.children) == honest.tree.root
    assert move.output_roots == [honest.trees[4].tensor_root]
    assert move.arguments(b"id", "answer")[:3] == [b"id", "answer", honest.program.header]


def test_moves_that_prove_themselves_do_not_take_the_answer(honest):
    state = game(Phase.REVEAL_CHUNK, op_index=2, index=1)
    move = OperatorMind(honest).move(state)
    assert move.arguments(b"id", "answer") == [b"id", honest.trees[2].chunks(1, 1)]


@pytest.mark.parametrize("op", range(5))
def test_the_first_difference_is_blamed(honest, op):
    """Though everything behind it differs as well."""
    lie = corrupted(honest, op, 149)
    level = OperatorMind.level(lie.tree, 3, 0)
    move = ChallengerMind(honest).move(shown(Phase.BLAME, level), Revealed([level]))
    assert isinstance(move, Blame)
    assert (move.child, move.tensor_root) == (op, lie.trees[op].tensor_root)
    assert move.path == ListTree(level).path(op)


def test_nothing_is_blamed_where_nothing_differs(honest):
    level = OperatorMind.level(honest.tree, 3, 0)
    assert ChallengerMind(honest).move(shown(Phase.BLAME, level), Revealed([level])) is None


def test_differences_in_the_padding_of_the_trace_are_nothing(honest):
    """All operations agree, so the answer is right."""
    level = OperatorMind.level(honest.tree, 3, 0)
    level[7] = b"\1" * 32
    assert ChallengerMind(honest).move(shown(Phase.BLAME, level), Revealed([level])) is None


def test_nothing_is_proven_where_nothing_differs(honest):
    """Not even what is behind the end of the tensor."""
    chunk = honest.trees[2].chunks(2, 2)[:-1] + b"\1"
    level = OperatorMind.level(honest.tree, 3, 0)
    at = {"op_index": 2, "index": 2, "word_count": 150, "depth_left": 0}
    state = shown(Phase.PROVE, level, node=keccak(chunk), **at)
    assert ChallengerMind(honest).move(state, Revealed([level], chunk)) is None


def views(honest: Trace, lie: Trace) -> dict[str, tuple[Game, Revealed]]:
    """Games, and events that are not theirs."""
    level, other = (OperatorMind.level(made.tree, 3, 0) for made in (lie, honest))
    blame = shown(Phase.BLAME, level)
    pick = shown(Phase.PICK_NODE, level, node=lie.trees[2].tensor_root, op_index=2, word_count=150, depth_left=2)
    chunk = lie.trees[2].chunks(1, 1)
    prove = shown(Phase.PROVE, level, node=keccak(chunk), op_index=2, index=1, word_count=150, depth_left=0)
    chunks = honest.trees[2].layers[0]
    return {
        "nothing yet": (blame, Revealed()),
        "another trace": (blame, Revealed([other])),
        "a level too many": (blame, Revealed([level, chunks])),
        "a level too few": (pick, Revealed([level])),
        "another tensor": (pick, Revealed([level, chunks])),
        "a tensor under another trace": (pick, Revealed([other, lie.trees[2].layers[0]])),
        "no chunk yet": (prove, Revealed([level, lie.trees[2].layers[0]])),
        "another chunk": (prove, Revealed([level, lie.trees[2].layers[0]], honest.trees[2].chunks(1, 1))),
        "a chunk of another trace": (prove, Revealed([other, lie.trees[2].layers[0]], chunk)),
    }


@pytest.mark.parametrize("what", [
    "nothing yet", "another trace", "a level too many", "a level too few", "another tensor",
    "a tensor under another trace", "no chunk yet", "another chunk", "a chunk of another trace",
])  # fmt: skip
def test_events_of_another_branch_are_noticed(honest, what):
    """Attack 21: a re-organisation between two reads must not stop whoever reads."""
    state, revealed = views(honest, corrupted(honest, 2, 70))[what]
    with pytest.raises(StaleView):
        ChallengerMind(honest).move(state, revealed)


def test_an_inner_level_of_another_branch_is_noticed():
    program = chain(op_count=257, words=3)
    honest = trace(program, some_words(program))
    lie, other = corrupted(honest, 200, 0), corrupted(honest, 201, 0)
    top = OperatorMind.level(lie.tree, 9, 0)
    chunk = lie.trees[200].data
    at = {"op_index": 200, "index": 0, "word_count": 3, "depth_left": 0}
    state = shown(Phase.PROVE, top, node=tensor_root_of(3, keccak(chunk)), **at)
    inner = [OperatorMind.level(made.tree, 4, 200 >> 4) for made in (lie, other)]
    assert ChallengerMind(honest).move(state, Revealed([top, inner[0]], chunk)) is not None
    with pytest.raises(StaleView):
        ChallengerMind(honest).move(state, Revealed([top, inner[1]], chunk))


@pytest.mark.parametrize(
    "op_count, levels",
    [(1, 1), (2, 1), (256, 1), (257, 2), (65_536, 2), (65_537, 3), (2**20, 3)],
)
def test_levels_of_a_trace(op_count, levels):
    assert trace_levels(op_count) == levels
