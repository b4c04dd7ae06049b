"""Two different outputs to one question: one of them is wrong, whichever it is, and no game has to say so."""

import pytest

from tests.evm import reverts
from tests.market import (
    BURN_BPS,
    INPUT,
    JAIL_SECONDS,
    NO_EVIDENCE,
    OPG,
    OTHER_OUTPUT,
    OUTPUT,
    STAKE,
    THAWING_SECONDS,
    WINDOW_SECONDS,
    bundle,
)
from tests.unit.Equivocations.conftest import PENALTY

BOUNTY = PENALTY - PENALTY * BURN_BPS // 10_000


def test_two_signed_outputs_are_slashed_at_once(market, equivocations, alice, bob):
    """Without a game, a bond, or anybody's computing anything."""
    receipt = market.announced_and_proven(market.one, market.other)
    assert receipt.value == (PENALTY, BOUNTY)
    event = receipt.event("Equivocated")
    assert (event.operator, event.prover) == (bob.address, alice.address)
    assert (event.first, event.second) == (market.digest(market.one), market.digest(market.other))
    assert (event.slashed, event.bounty) == (PENALTY, BOUNTY)
    assert market.staking.stakeOf(bob).active == STAKE - PENALTY
    assert market.staking.creditOf(alice) == BOUNTY
    assert market.staking.jailedUntil(bob) == market.evm.now + JAIL_SECONDS


def test_either_comes_first(market):
    assert market.announced_and_proven(market.other, market.one).value == (PENALTY, BOUNTY)


def test_the_question_counts_not_who_asked_it_when(market):
    """The same version and input, asked by two users, a while apart."""
    market.evm.sleep(3)
    other = market.answer(request=b"\x09" * 32, output=bundle([OTHER_OUTPUT]))
    assert market.announced_and_proven(market.one, other).value.slashed == PENALTY


def test_a_batch_is_evidence(market):
    evidence = market.committed([market.answer(request=b"\1" * 32), market.other], 1)
    market.announce(market.one, market.other)
    assert market.prove(market.one, market.other, evidence=(None, evidence)).value.slashed == PENALTY


def test_what_a_request_was_answered_is_evidence(market):
    """bob told alice's contract one thing, and somebody else another."""
    req = market.ask()
    digest = market.fulfil(req, [OUTPUT])
    answer = market.answer(request=market.inference.hashRequest(req), input=bundle([INPUT]))
    assert market.digest(answer) == digest
    receipt = market.announced_and_proven(answer, market.other, evidence=(NO_EVIDENCE, None))
    assert receipt.value.slashed == PENALTY


def test_no_answer_is_refuted_by_it(market):
    """The right one of the two goes on to be final; the wrong one is for a game."""
    digest = market.surface(market.one)
    market.announced_and_proven(market.one, market.other, evidence=(NO_EVIDENCE, None))
    market.after_window()
    assert market.inference.isFinal(digest)


@pytest.mark.parametrize("game_first", [True, False], ids=["game first", "proof first"])
def test_a_game_and_a_proof_settle_alike_in_either_order(market, bob, dave, game_first):
    """Attack 18: two faults, two penalties, whichever is noticed first; and the game goes on as if there was no proof."""
    digest = market.digest(market.other)
    market.announce(market.one, market.other)
    market.inference.contest(digest, sender=dave)

    def game():
        market.inference.refute(digest, sender=dave)
        market.staking.slash(bob, 500 * OPG, dave, sender=dave)

    deeds = [game, lambda: market.prove(market.one, market.other)]
    for deed in deeds if game_first else reversed(deeds):
        deed()
    assert market.staking.stakeOf(bob).active == STAKE - PENALTY - 500 * OPG
    assert market.inference.answerState(digest).refuted
    assert not market.inference.answerState(market.digest(market.one)).refuted


# what is no equivocation


def test_an_operator_may_repeat_itself(market):
    """Signed again, at another time and for another request: the output is the same."""
    market.evm.sleep(3)
    again = market.answer(request=b"\x09" * 32)
    market.announce(market.one, again)
    with reverts("SameOutput", market.one["output"]):
        market.prove(market.one, again)


@pytest.mark.parametrize("field", ["version", "input"])
def test_other_questions_have_other_answers(market, field):
    value = 2 if field == "version" else b"\5" * 32
    other = market.other | {field: value}
    market.announce(market.one, other)
    with reverts("DifferentQuestions"):
        market.prove(market.one, other)


def test_two_operators_may_disagree(market, dave):
    """Which of them lies is for a game."""
    market.staking.register(dave, "", sender=dave)
    others = market.other | {"operator": dave.address}
    market.announce(market.one, others)
    with reverts("DifferentQuestions"):
        market.prove(market.one, others, evidence=(None, market.signed(others, key=dave)))


@pytest.mark.parametrize("forged", [0, 1])
def test_both_are_the_operators(market, dave, forged):
    answers = market.one, market.other
    evidence = [None, None]
    evidence[forged] = market.signed(answers[forged], key=dave)
    market.announce(*answers)
    with reverts("NotTheOperatorsAnswer", market.digest(answers[forged])):
        market.prove(*answers, evidence=tuple(evidence))


@pytest.mark.parametrize("old", [0, 1])
def test_both_can_still_be_disputed(market, old):
    """To the second: the stake behind an older one may be gone, and with it the fault of which it is half."""
    market.evm.sleep(60)
    young = market.answer(output=bundle([OTHER_OUTPUT]))
    answers = (market.one, young) if old == 0 else (young, market.one)
    market.announce(*answers)
    until = market.one["issuedAt"] + WINDOW_SECONDS
    market.evm.sleep(until + 1 - market.evm.now)
    with reverts("WindowOver", until):
        market.prove(*answers)


def test_the_last_second_counts(market):
    market.announce(market.one, market.other)
    market.evm.sleep(market.one["issuedAt"] + WINDOW_SECONDS - market.evm.now)
    assert market.prove(market.one, market.other).value.slashed == PENALTY


# how often, and how much


def test_a_proof_is_given_once(market):
    market.announced_and_proven(market.one, market.other)
    with reverts("AlreadyProven", market.digest(market.one)):
        market.prove(market.one, market.other)
    with reverts("AlreadyProven", market.digest(market.other)):
        market.announced_and_proven(market.other, market.one)


def test_each_answer_is_part_of_one_proof(market, equivocations):
    """Three answers are one fault more than they should be, not three."""
    third = market.answer(output=bundle([OUTPUT[:8]]))
    market.announced_and_proven(market.one, market.other)
    for pair, used in [((market.one, third), market.one), ((third, market.other), market.other)]:
        with reverts("AlreadyProven", market.digest(used)):
            market.announced_and_proven(*pair)
    proven = [equivocations.isProven(market.digest(each)) for each in (market.one, market.other, third)]
    assert proven == [True, True, False]


def test_four_answers_are_two_proofs(market):
    more = [market.answer(request=b"\3" * 32), market.answer(request=b"\3" * 32, output=bundle([OTHER_OUTPUT]))]
    market.announced_and_proven(market.one, market.other)
    assert market.announced_and_proven(*more).value.slashed == PENALTY


def test_running_does_not_help(market, bob):
    """Attack 1: stake that thaws is slashed too."""
    market.staking.startThaw(STAKE, sender=bob)
    market.announced_and_proven(market.one, market.other)
    market.evm.sleep(THAWING_SECONDS)
    assert market.staking.finishThaw(1, sender=bob).value == STAKE - PENALTY


def test_who_has_less_loses_all(market, bob, dave):
    """Attack 3."""
    market.staking.slash(bob, STAKE - 10 * OPG, dave, sender=dave)
    assert market.announced_and_proven(market.one, market.other).value == (10 * OPG, 5 * OPG)


def test_a_module_out_of_office_slashes_nobody(market, equivocations):
    """And the answers are not used up."""
    role = market.staking.SLASHER_ROLE()
    market.staking.revokeRole(role, equivocations, sender=market.admin)
    market.announce(market.one, market.other)
    with reverts("AccessControlUnauthorizedAccount", equivocations, role):
        market.prove(market.one, market.other)
    assert not equivocations.isProven(market.digest(market.one))
    market.staking.grantRole(role, equivocations, sender=market.admin)
    assert market.prove(market.one, market.other).value.slashed == PENALTY
