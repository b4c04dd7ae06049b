"""The operator opens the next level of its trace, or of the blamed tensor."""

from dataclasses import replace

import pytest
from eth_utils import keccak

from opg.game import ChallengerMind, OperatorMind, Phase, Pick, RevealNodes
from opg.tensor.commitment import bundle_of, fold, node, tensor_root_of
from tests.evm import reverts
from tests.game_world import CLOCK_SECONDS, GameWorld, chain
from tests.liars import corrupted


@pytest.fixture
def blamed(match, liar, challenger):
    """alice has blamed operation 1; the level of all its chunks is to be revealed."""
    return match.play_until(Phase.REVEAL_NODES, liar, challenger)


@pytest.fixture
def move(blamed, liar):
    return liar.move(blamed.state)


def test_an_unknown_game(blamed, move, frank):
    with reverts("NoSuchGame", b"\1" * 32):
        blamed.call("revealNodes", b"\1" * 32, move.children, sender=frank)


def test_before_anything_was_blamed(match, frank):
    with reverts("WrongPhase", match.id, Phase.REVEAL_TRACE):
        match.call("revealNodes", match.id, [b"\1" * 32] * 4, sender=frank)


def test_too_late(world, blamed, move):
    until = world.disputes.deadline(blamed.id)
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", until):
        blamed.send(move)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 8])
def test_a_wrong_number_of_children(blamed, move, count):
    """Attack 23: a level more or less would let nodes stand for leaves."""
    with reverts("WrongChildCount", count, 4):
        blamed.send(RevealNodes((move.children * 2)[:count]))


def test_children_of_another_node(blamed, lie):
    children = [keccak(child) for child in lie.trees[1].layers[0]]
    given = tensor_root_of(150, fold(children))
    with reverts("WrongNode", given, lie.trees[1].tensor_root):
        blamed.send(RevealNodes(children))


def test_children_that_fold_to_the_tensor_root_itself(evm):
    """Attack 23: above the tree of a tensor stands its length."""
    world = GameWorld(evm, chain(op_count=1, words=65))
    lie = corrupted(world.honest, 0, 0)
    match = world.against(lie)
    match.play_until(Phase.REVEAL_NODES, OperatorMind(lie), ChallengerMind(world.honest))
    preimage = [(65).to_bytes(32, "big"), lie.trees[0].root]
    assert fold(preimage) == match.state.node
    with reverts("WrongNode"):
        match.send(RevealNodes(preimage))


@pytest.mark.parametrize("who", ["frank", "bob", "alice", "charlie"])
def test_by_anyone_for_it_proves_itself(world, blamed, move, who):
    event = blamed.send(move, sender=getattr(world, who)).event("NodesRevealed")
    assert (event.gameId, event.children) == (blamed.id, move.children)
    assert blamed.phase == Phase.PICK_NODE


def test_twice(blamed, move):
    blamed.send(move)
    with reverts("WrongPhase", blamed.id, Phase.PICK_NODE):
        blamed.send(move)


def test_the_second_level_of_a_long_trace(evm):
    world = GameWorld(evm, chain(op_count=257, words=1))
    lie = corrupted(world.honest, 200, 0)
    match, liar = world.against(lie), OperatorMind(lie)
    match.play_until(Phase.REVEAL_TRACE_NODES, liar, ChallengerMind(world.honest))
    right = liar.move(match.state)
    other = replace(right, children=lie.tree.children(4, match.state.index + 1, 4))
    with reverts("WrongNode", fold(other.children), match.state.node):
        match.send(other)
    match.send(right)
    assert (match.phase, match.state.depth_left) == (Phase.BLAME, 4)


def test_the_three_levels_of_the_longest_trace(world):
    """A million operations, which all seem to make the same: nobody looks into them before one is blamed."""
    nodes = [keccak(b"made")]
    for _ in range(20):
        nodes.append(node(nodes[-1], nodes[-1]))
    header = ([150], 0, 1 << 20, bytes(32), b"\5" * 32, [0])
    version = world.models.publish(world.model, header, b"\1" * 32, "cid", "", 1, sender=world.charlie).value
    match = world.open(world.answer(version=version, output=bundle_of(nodes[:1])))
    seven = [nodes[13]] * 128
    match.call("revealTrace", match.id, match.answer, header, seven, nodes[:1], [nodes[:20]], sender=world.frank)
    match.send(Pick(0, nodes[13], nodes[13:20]))
    match.send(RevealNodes([nodes[6]] * 128))
    assert (match.phase, match.state.depth_left) == (Phase.PICK_TRACE, 13)
    match.send(Pick(0, nodes[6], nodes[6:13]))
    match.send(RevealNodes([nodes[0]] * 64))
    assert (match.phase, match.state.depth_left) == (Phase.BLAME, 6)


def test_the_second_level_of_a_long_tensor(evm):
    world = GameWorld(evm, chain(op_count=1, words=16_385))
    lie = corrupted(world.honest, 0, 9_999)
    match, liar, challenger = world.against(lie), OperatorMind(lie), ChallengerMind(world.honest)
    match.play_until(Phase.PICK_NODE, liar, challenger)
    assert len(match.levels[-1]) == 32
    match.play_until(Phase.REVEAL_NODES, liar, challenger)
    assert match.state.node == lie.trees[0].layers[4][match.state.index]
    match.play_until(Phase.PICK_NODE, liar, challenger)
    assert len(match.levels[-1]) == 16
