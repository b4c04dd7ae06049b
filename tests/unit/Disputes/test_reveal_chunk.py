"""The operator opens 64 words."""

import pytest
from eth_utils import keccak

from opg.game import ChallengerMind, OperatorMind, Phase, RevealChunk
from opg.tensor.commitment import tensor_root_of
from tests.evm import reverts
from tests.game_world import CLOCK_SECONDS, GameWorld, chain
from tests.liars import FakeTree, corrupted, dirty_padding, with_tree


@pytest.fixture
def picked(match, liar, challenger):
    """alice has picked the second chunk of operation 1."""
    return match.play_until(Phase.REVEAL_CHUNK, liar, challenger)


@pytest.fixture
def move(picked, liar):
    return liar.move(picked.state)


def test_an_unknown_game(picked, move, frank):
    with reverts("NoSuchGame", b"\1" * 32):
        picked.call("revealChunk", b"\1" * 32, move.chunk, sender=frank)


def test_before_it_was_picked(match, frank):
    with reverts("WrongPhase", match.id, Phase.REVEAL_TRACE):
        match.call("revealChunk", match.id, bytes(256), sender=frank)


def test_too_late(world, picked, move):
    until = world.disputes.deadline(picked.id)
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", until):
        picked.send(move)


@pytest.mark.parametrize("length", [0, 32, 64, 252, 255, 257, 512])
def test_a_chunk_of_another_length(picked, move, length):
    with reverts("WrongChunkLength", length, 256):
        picked.send(RevealChunk((move.chunk * 2)[:length]))


def test_a_preimage_that_is_no_chunk(world):
    """Attack 23: a leaf is the hash of 256 bytes; two nodes are 64."""
    tree = world.honest.trees[2]
    pair = b"\1" * 64
    fake = FakeTree(150, tree.data[:256], [keccak(pair), keccak(pair)])
    lie = with_tree(world.honest, 2, fake)
    match = world.against(lie)
    match.play_until(Phase.REVEAL_CHUNK, OperatorMind(lie), ChallengerMind(world.honest))
    with reverts("WrongChunkLength", 64, 256):
        match.send(RevealChunk(pair))


def test_another_chunk(picked, lie):
    first = lie.trees[1].chunks(0, 0)
    with reverts("WrongNode", keccak(first), lie.trees[1].layers[0][1]):
        picked.send(RevealChunk(first))


def test_the_right_chunk_where_the_operators_is_wrong(world, picked):
    right = world.honest.trees[1].chunks(1, 1)
    with reverts("WrongNode", keccak(right), picked.state.node):
        picked.send(RevealChunk(right))


def test_words_behind_the_end(world):
    """A tensor has one commitment: whoever hides something behind its end cannot open it."""
    lie = dirty_padding(world.honest, 2)
    match, liar = world.against(lie), OperatorMind(lie)
    match.play_until(Phase.REVEAL_CHUNK, liar, ChallengerMind(world.honest))
    assert match.state.index == 2
    with reverts("PaddingNotZero"):
        match.send(liar.move(match.state))


@pytest.mark.parametrize("words", [1, 7, 63])
def test_words_behind_the_end_of_a_single_chunk(evm, words):
    world = GameWorld(evm, chain(op_count=1, words=words))
    lie = dirty_padding(world.honest, 0)
    match, liar = world.against(lie), OperatorMind(lie)
    match.play_until(Phase.REVEAL_CHUNK, liar, ChallengerMind(world.honest))
    with reverts("PaddingNotZero"):
        match.send(liar.move(match.state))


@pytest.mark.parametrize("words", [1, 63, 64])
def test_a_single_chunk_is_hashed_with_the_length_of_its_tensor(evm, words):
    world = GameWorld(evm, chain(op_count=1, words=words))
    lie = corrupted(world.honest, 0, words - 1)
    match, liar = world.against(lie), OperatorMind(lie)
    match.play_until(Phase.REVEAL_CHUNK, liar, ChallengerMind(world.honest))
    right = world.honest.trees[0].data
    with reverts("WrongNode", tensor_root_of(words, keccak(right)), lie.trees[0].tensor_root):
        match.send(RevealChunk(right))
    match.send(liar.move(match.state))
    assert match.phase == Phase.PROVE


@pytest.mark.parametrize("who", ["frank", "bob", "alice", "charlie"])
def test_by_anyone_for_it_proves_itself(world, picked, move, who):
    event = picked.send(move, sender=getattr(world, who)).event("ChunkRevealed")
    assert (event.gameId, event.chunk) == (picked.id, move.chunk)
    assert picked.phase == Phase.PROVE


def test_twice(picked, move):
    picked.send(move)
    with reverts("WrongPhase", picked.id, Phase.PROVE):
        picked.send(move)


def test_the_last_chunk_with_its_zeros(world):
    lie = corrupted(world.honest, 2, 149)
    match = world.against(lie)
    match.play_until(Phase.PROVE, OperatorMind(lie), ChallengerMind(world.honest))
    assert match.chunk[4 * (150 - 128) :] == bytes(256 - 4 * 22)
