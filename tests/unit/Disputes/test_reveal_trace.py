"""The operator binds itself to a trace."""

from dataclasses import replace

import pytest
from eth_utils import keccak

from opg.game import OperatorMind, Phase
from opg.tensor.commitment import fold
from tests.evm import reverts
from tests.game_world import CLOCK_SECONDS, GameWorld, chain
from tests.liars import corrupted


@pytest.fixture
def move(match, liar):
    return liar.move(match.state)


def test_an_unknown_game(world, match, move, frank):
    with reverts("NoSuchGame", b"\1" * 32):
        match.call("revealTrace", *move.arguments(b"\1" * 32, match.answer), sender=frank)


def test_twice(match, move):
    match.send(move)
    with reverts("WrongPhase", match.id, Phase.BLAME):
        match.send(move)


def test_of_another_answer(world, match, move, frank):
    other = world.answer()
    with reverts("WrongAnswer", match.id):
        match.call("revealTrace", *move.arguments(match.id, other), sender=frank)


@pytest.mark.parametrize("who", ["alice", "dave", "admin"])
def test_by_anybody_else(world, match, move, who):
    """A trace proves nothing by itself: a friend of the challenger must not choose it."""
    sender = getattr(world, who)
    with reverts("NotTheOperator", sender):
        match.send(move, sender=sender)


def test_by_a_key_that_was_replaced(world, match, move, bob, dave):
    world.staking.register(dave, "", sender=bob)
    with reverts("NotTheOperator", world.frank):
        match.send(move)
    match.send(move, sender=dave)


@pytest.mark.parametrize("who", ["bob", "frank"])
def test_by_the_operator_or_its_key(world, match, move, who):
    match.send(move, sender=getattr(world, who))
    assert match.phase == Phase.BLAME


@pytest.mark.parametrize("field", range(6))
def test_of_another_program(world, match, move, field):
    header = list(move.header)
    header[field] = [7] if isinstance(header[field], list) else b"\7" * 32 if field in (3, 4) else 7
    with reverts("WrongProgram", world.program.root):
        match.send(replace(move, header=tuple(header)))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
def test_a_wrong_number_of_children(match, move, count):
    children = (move.children * 2)[:count]
    with reverts("WrongChildCount", count, 4):
        match.send(replace(move, children=children))


def test_outputs_that_were_not_signed(world, match, honest_operator):
    """Attack 23: the trace is right, but the answer is not in it."""
    with reverts("WrongOutputs", world.honest.output_root, match.answer["output"]):
        match.send(honest_operator.move(match.state))


def test_the_signed_output_is_not_in_the_trace(world, match, move, honest_operator):
    right = honest_operator.move(match.state)
    with reverts("WrongOutputs"):
        match.send(replace(move, children=right.children, output_paths=right.output_paths))


def test_the_signed_output_stands_elsewhere_in_the_trace(match, move):
    """Attack 23: at another operation than the program says."""
    children = [move.children[i] for i in (0, 2, 1, 3)]
    paths = [[children[0], keccak(children[2] + children[3])]]
    with reverts("WrongOutputs"):
        match.send(replace(move, children=children, output_paths=paths))


@pytest.mark.parametrize("roots, paths", [(2, 1), (1, 2), (0, 0), (2, 2)])
def test_more_or_fewer_outputs_than_the_program_has(match, move, roots, paths):
    """Also when they are those that were signed: see below."""
    with reverts("WrongOutputs"):
        match.send(replace(move, output_roots=move.output_roots * roots, output_paths=move.output_paths * paths))


@pytest.mark.parametrize("paths", [1, 2])
def test_an_answer_with_more_outputs_than_the_program_has(world, liar, lie, paths):
    root = lie.trees[2].tensor_root
    signed = keccak(root + root)
    match = world.open(world.answer(lie, output=signed))
    move = liar.move(match.state)
    with reverts("WrongOutputs", signed, signed):
        match.send(replace(move, output_roots=[root, root], output_paths=move.output_paths * paths))


@pytest.mark.parametrize("paths", [1, 2])
def test_an_answer_with_fewer_outputs_than_the_program_has(evm, paths):
    world = GameWorld(evm, chain(op_count=2, words=3, outputs=(1, 0)))
    signed = keccak(world.honest.trees[1].tensor_root)
    match = world.open(world.answer(output=signed))
    move = OperatorMind(world.honest).move(match.state)
    with reverts("WrongOutputs", signed, signed):
        match.send(replace(move, output_roots=move.output_roots[:1], output_paths=move.output_paths[:paths]))


@pytest.mark.parametrize("length", [0, 1, 3])
def test_a_path_of_another_length(match, move, length):
    """Attack 23: a node cannot stand for a leaf."""
    paths = [(move.output_paths[0] * 2)[:length]]
    with reverts("WrongPathLength", length, 2):
        match.send(replace(move, output_paths=paths))


def test_too_late(world, match, move):
    until = world.disputes.deadline(match.id)
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", until):
        match.send(move)


def test_in_the_last_second(world, match, move):
    world.evm.sleep(CLOCK_SECONDS)
    match.send(move)
    assert match.state.operator_seconds == 0


def test_the_challenger_is_to_move(world, match, move, lie):
    event = match.send(move).event("TraceRevealed")
    assert event.gameId == match.id
    assert event.traceRoot == lie.tree.root == fold(event.children)
    game = match.state
    assert (game.phase, game.depth_left, game.index) == (Phase.BLAME, 2, 0)
    assert game.node == game.trace_root == lie.tree.root


def test_a_program_of_one_operation_has_one_child(evm):
    world = GameWorld(evm, chain(op_count=1, words=5))
    lie = corrupted(world.honest, 0, 0)
    match = world.against(lie)
    event = match.send(OperatorMind(lie).move(match.state)).event("TraceRevealed")
    assert event.children == [lie.tree.root]
    assert match.phase == Phase.BLAME


def test_a_program_of_256_operations_has_one_level(evm):
    world = GameWorld(evm, chain(op_count=256, words=1))
    match = world.against(corrupted(world.honest, 0, 0))
    event = match.send(OperatorMind(corrupted(world.honest, 0, 0)).move(match.state)).event("TraceRevealed")
    assert len(event.children) == 256
    assert (match.phase, match.state.depth_left) == (Phase.BLAME, 8)


def test_a_program_of_257_operations_has_two_levels(evm):
    world = GameWorld(evm, chain(op_count=257, words=1))
    lie = corrupted(world.honest, 0, 0)
    match = world.against(lie)
    event = match.send(OperatorMind(lie).move(match.state)).event("TraceRevealed")
    assert len(event.children) == 32
    assert (match.phase, match.state.depth_left) == (Phase.PICK_TRACE, 9)


def test_several_outputs_in_any_order(evm):
    world = GameWorld(evm, chain(op_count=5, words=3, outputs=(3, 0, 3)))
    lie = corrupted(world.honest, 1, 0)
    match = world.against(lie)
    match.send(OperatorMind(lie).move(match.state))
    assert match.phase == Phase.BLAME
