"""Opening a game."""

import pytest

from opg.game import Phase
from opg.tensor.commitment import ListTree
from tests.evm import reverts
from tests.game_world import BOND, CLOCK_SECONDS, PENALTY, PURSE
from tests.market import DAY, NO_EVIDENCE, WINDOW_SECONDS


def test_an_answer_that_the_operator_did_not_sign(world, lie, dave):
    answer = world.answer(lie)
    with reverts("NotTheOperatorsAnswer", world.inference.hashAnswer(answer)):
        world.open(answer, evidence=world.signed(answer, key=dave))


def test_an_answer_of_the_future(world, lie):
    answer = world.answer(lie, issuedAt=world.evm.now + 1)
    with reverts("IssuedInTheFuture", world.evm.now + 1):
        world.open(answer)


def test_a_version_that_does_not_exist(world, lie):
    with reverts("NoSuchVersion", 99):
        world.open(world.answer(lie, version=99))


def test_the_window_is_over(world, lie):
    answer = world.answer(lie)
    until = world.evm.now + WINDOW_SECONDS
    world.evm.sleep(WINDOW_SECONDS + 1)
    with reverts("WindowOver", until):
        world.open(answer)


def test_the_last_second_of_the_window(world, lie):
    answer = world.answer(lie)
    world.evm.sleep(WINDOW_SECONDS)
    assert world.open(answer).phase == Phase.REVEAL_TRACE


def test_twice_by_the_same_challenger(world, match):
    with reverts("AlreadyOpened", match.id):
        world.open(match.answer)


def test_again_after_it_is_over(world, match, honest_operator, challenger):
    """Attack 18: one game for each challenger and answer, ever."""
    match.play_until(Phase.REVEAL_TRACE, honest_operator, challenger)
    match.time_out()
    with reverts("AlreadyOpened", match.id):
        world.open(match.answer)


def test_against_an_answer_that_is_refuted(world, match, dave):
    match.time_out()
    with reverts("AnswerRefuted", world.inference.hashAnswer(match.answer)):
        world.open(match.answer, by=dave)


def test_without_an_allowance(world, lie, alice):
    world.token.approve(world.disputes, BOND - 1, sender=alice)
    with reverts("ERC20InsufficientAllowance", world.disputes, BOND - 1, BOND):
        world.against(lie)


def test_without_the_bond(world, lie, alice, charlie):
    world.token.transfer(charlie, PURSE - BOND + 1, sender=alice)
    with reverts("ERC20InsufficientBalance", alice, BOND - 1, BOND):
        world.against(lie)


def test_the_operator_is_to_move(world, lie, alice):
    answer = world.answer(lie)
    receipt = world.disputes.open(answer, world.signed(answer), sender=alice)
    game_id = world.disputes.gameIdOf(world.inference.hashAnswer(answer), alice)
    event = receipt.event("Opened")
    assert (event.gameId, event.answerHash) == (game_id, world.inference.hashAnswer(answer))
    assert (event.challenger, event.bond, event.penalty) == (alice.address, BOND, PENALTY)
    assert tuple(event.answer) == tuple(answer.values())
    game = world.disputes.game(game_id)
    assert game.challenger == alice.address
    assert Phase(game.phase) == Phase.REVEAL_TRACE
    assert world.disputes.deadline(game_id) == world.evm.now + CLOCK_SECONDS


def test_the_bond_is_taken(world, lie, alice):
    world.against(lie)
    assert world.token.balanceOf(world.disputes) == BOND
    assert world.token.balanceOf(alice) == PURSE - BOND
    world.check_books()


def test_the_answer_cannot_become_final_meanwhile(world, lie):
    answer = world.answer(lie)
    digest = world.surface(answer, lie)
    world.open(answer, evidence=NO_EVIDENCE)
    world.evm.sleep(30 * DAY)
    assert not world.inference.isFinal(digest)


def test_an_answer_on_chain_needs_no_evidence(world, lie):
    """Its window began when it was put there."""
    answer = world.answer(lie)
    world.evm.sleep(WINDOW_SECONDS)
    world.surface(answer, lie)
    world.evm.sleep(WINDOW_SECONDS)
    assert world.open(answer, evidence=NO_EVIDENCE).phase == Phase.REVEAL_TRACE


def test_an_answer_in_a_batch(world, lie, bob):
    answers = [world.answer(), world.answer(lie), world.answer(request=b"\x08" * 32)]
    tree = ListTree([world.inference.hashAnswer(answer) for answer in answers])
    batch_id = world.inference.commit(bob, tree.root, tree.count, "cid", sender=bob).value
    evidence = ("0x" + "00" * 20, b"", batch_id, 1, tree.path(1))
    assert world.open(answers[1], evidence=evidence).phase == Phase.REVEAL_TRACE


@pytest.mark.parametrize("others", [1, 4])
def test_any_number_of_challengers(world, lie, others):
    """Attack 18: a friend of the operator cannot occupy the answer."""
    answer = world.answer(lie)
    ids = {world.open(answer, by=who).id for who in world.challengers[: 1 + others]}
    assert len(ids) == 1 + others
    assert world.inference.answerState(world.inference.hashAnswer(answer)).openGames == 1 + others
    world.check_books()
