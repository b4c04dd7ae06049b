"""Games counted against an answer, and what is final."""

import pytest

from tests.evm import reverts
from tests.market import WINDOW_SECONDS


@pytest.fixture
def digest(market):
    """A surfaced answer."""
    return market.surface()


@pytest.mark.parametrize("verb", ["contest", "release", "refute"])
def test_only_the_judge_counts(market, inference, digest, verb):
    with reverts("AccessControlUnauthorizedAccount", market.alice, inference.DISPUTER_ROLE()):
        getattr(inference, verb)(digest, sender=market.alice)


def test_games_are_counted(market, inference, digest):
    for count in (1, 2, 3):
        assert inference.contest(digest, sender=market.dave).event("Contested").openGames == count
    for count in (2, 1, 0):
        assert inference.release(digest, sender=market.dave).event("Released").openGames == count
    with reverts("NotContested", digest):
        inference.release(digest, sender=market.dave)


@pytest.mark.parametrize("verb", ["release", "refute"])
def test_no_game_ends_that_did_not_begin(market, inference, digest, verb):
    with reverts("NotContested", digest):
        getattr(inference, verb)(digest, sender=market.dave)


def test_an_answer_may_be_contested_before_it_is_on_chain(market, inference):
    digest = market.digest(market.answer())
    inference.contest(digest, sender=market.dave)
    assert inference.answerState(digest) == (0, 1, False)


def test_a_refuted_answer_is_wrong_for_ever(market, inference, digest):
    inference.contest(digest, sender=market.dave)
    assert inference.contest(digest, sender=market.dave).event("Contested").openGames == 2
    inference.refute(digest, sender=market.dave)
    inference.release(digest, sender=market.dave)
    market.after_window()
    assert inference.answerState(digest).refuted
    assert not inference.isFinal(digest)
    with reverts("AnswerRefuted", digest):
        inference.contest(digest, sender=market.dave)


def test_nothing_final_is_disputable_and_nothing_disputable_final(market, inference, digest):
    """To the second: contested until the end of the window, final right behind it."""
    until = market.evm.now + WINDOW_SECONDS
    market.evm.sleep(WINDOW_SECONDS)
    assert not inference.isFinal(digest)
    mark = market.evm.snapshot()
    inference.contest(digest, sender=market.dave)
    market.evm.revert(mark)
    market.evm.sleep(1)
    assert inference.isFinal(digest)
    with reverts("WindowOver", until):
        inference.contest(digest, sender=market.dave)


def test_a_game_that_outlives_the_window_delays_finality_and_no_longer(market, inference, digest):
    inference.contest(digest, sender=market.dave)
    market.evm.sleep(5 * WINDOW_SECONDS)
    assert not inference.isFinal(digest)
    inference.release(digest, sender=market.dave)
    assert inference.isFinal(digest)


def test_what_is_not_on_chain_is_not_final(market, inference):
    """A batch alone makes nothing final: its data could be withheld."""
    answer = market.answer()
    market.committed([answer], 0)
    market.evm.sleep(100 * WINDOW_SECONDS)
    assert not inference.isFinal(market.digest(answer))
