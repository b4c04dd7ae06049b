"""Attacks 18 to 24 on the games, each told from the attacker's side. docs/threat-model.md names the line that holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from opg.game import ChallengerMind, OperatorMind, Phase
from tests.evm import ROOT, Reverted, reverts
from tests.game_world import BOND, BOUNTY, CLOCK_SECONDS, MOVE_SECONDS, PENALTY, PURSE, STAKE, GameWorld, chain
from tests.liars import claiming, corrupted, flipped
from tests.market import HOUR, NO_EVIDENCE, NOBODY, OPG, WINDOW_SECONDS

# -- 18: spam, duplicates, near-zero stakes, two wrong answers ----------------


def test_a_friend_of_the_liar_cannot_use_up_the_dispute(world, lie, liar, challenger, dave):
    """Attack 18: the friend opens first and loses on purpose; whoever is serious has a game of its own."""
    answer = world.answer(lie)
    friend = world.open(answer, by=dave).play_until(Phase.BLAME, liar, challenger)
    friend.time_out()
    assert friend.won_by_operator
    serious = world.open(answer, by=world.alice).play(liar, challenger)
    assert serious.won_by_challenger
    assert world.wealth(world.alice) == PURSE + BOUNTY


def test_a_game_cannot_be_played_again(world, honest_operator, challenger):
    """Attack 18: one bond buys one game; else an operator could be kept busy with a game that is lost already."""
    match = world.open(world.answer())
    match.play(honest_operator, challenger)
    assert match.won_by_operator
    with reverts("AlreadyOpened", match.id):
        world.open(match.answer)


def test_spam_pays_whom_it_hurts(world, honest_operator, challenger):
    """Attack 18: each game against a right answer costs its bond, and that goes to the operator."""
    answer = world.answer()
    matches = [world.open(answer, by=who) for who in world.challengers]
    for match in matches:
        match.play_until(Phase.BLAME, honest_operator, challenger)
    for match in matches:
        match.play(honest_operator, challenger)
    assert world.disputes.creditOf(world.bob) == BOND * len(world.challengers)
    assert world.staking.stakeOf(world.bob).active == STAKE


def test_a_game_for_next_to_nothing_cannot_be_configured(world):
    """Attack 18: with a bond of a wei, spam would be free."""
    with reverts("OutOfBounds", "bond", 1, OPG, 10_000_000 * OPG):
        world.deploy_disputes(bond=1)


def test_a_game_takes_its_bond(world, lie, alice):
    """Attack 18: who cannot pay the bond opens nothing."""
    world.token.transfer(world.charlie, PURSE - BOND + 1, sender=alice)
    with reverts("ERC20InsufficientBalance", alice, BOND - 1, BOND):
        world.against(lie)


def test_two_wrong_answers_do_not_shield_each_other(world, lie, challenger):
    """Attack 18: signed for one request, each is judged and costs the penalty."""
    other = corrupted(world.honest, op=0, element=3)
    matches = [world.against(made) for made in (lie, other)]
    for match, made in zip(matches, (lie, other), strict=True):
        match.play(OperatorMind(made), challenger)
    assert all(match.won_by_challenger for match in matches)
    assert world.staking.stakeOf(world.bob).active == STAKE - 2 * PENALTY
    world.check_books()


def test_one_wrong_answer_costs_one_penalty(world, match, liar, challenger, dave):
    """Attack 18: any number of games cannot multiply it."""
    others = [world.open(match.answer, by=who) for who in (dave, world.erin)]
    for each in [match, *others]:
        each.play(liar, challenger)
    assert world.staking.stakeOf(world.bob).active == STAKE - PENALTY
    world.check_books()


# -- 19: what changes while a game runs ---------------------------------------


@pytest.mark.parametrize("phase", [Phase.REVEAL_TRACE, Phase.BLAME, Phase.PROVE])
def test_a_module_out_of_office_still_pays_its_bonds_back(world, match, liar, challenger, dave, phase):
    """Attack 19: governance revokes `DISPUTER_ROLE` in the middle. Bonds go where they would have gone."""
    other = world.open(match.answer, by=dave)
    for each in (match, other):
        each.play_until(phase, liar, challenger)
    world.inference.revokeRole(world.inference.DISPUTER_ROLE(), world.disputes, sender=world.admin)
    match.play(liar, challenger)
    assert match.won_by_challenger
    assert world.wealth(world.alice) == PURSE
    other.time_out()
    assert other.won_by_challenger == phase.waits_for_operator
    assert world.token.balanceOf(world.disputes) == 2 * BOND
    assert sum(world.disputes.creditOf(who) for who in (world.alice, dave, world.bob)) == 2 * BOND
    assert world.staking.stakeOf(world.bob).active == STAKE


def test_a_module_that_may_not_slash_any_more_still_refutes(world, match, liar, challenger):
    """Attack 19: governance revokes `SLASHER_ROLE` in the middle: no bounty, but the bond and the verdict."""
    match.play_until(Phase.PROVE, liar, challenger)
    world.staking.revokeRole(world.staking.SLASHER_ROLE(), world.disputes, sender=world.admin)
    event = match.send(challenger.move(match.state, match.revealed)).event("ChallengerWon")
    assert (event.slashed, event.bounty) == (0, 0)
    assert world.inference.answerState(event.answerHash).refuted
    assert world.wealth(world.alice) == PURSE


def test_whoever_ends_a_game_cannot_starve_the_slash(world, match):
    """Attack 19: with gas for everything but the slash, the game does not end."""
    world.evm.sleep(CLOCK_SECONDS + 1)
    for gas in range(120_000, 520_000, 40_000):
        with pytest.raises(Reverted):
            world.disputes.claimTimeout(match.id, match.answer, sender=world.charlie, gas=gas)
    match.claim()
    assert world.staking.stakeOf(world.bob).active == STAKE - PENALTY


def test_no_right_ends_with_what_the_operator_does_meanwhile(world, match, liar, challenger, dave):
    """Attack 19: a new key, a fresh record of the answer, all stake on its way out: the game goes on as it began."""
    match.play_until(Phase.PROVE, liar, challenger)
    world.staking.register(dave, "", sender=world.bob)
    world.surface(match.answer, liar.trace)
    world.staking.startThaw(STAKE, sender=world.bob)
    match.play(liar, challenger)
    active, thawing, _ = world.staking.stakeOf(world.bob)
    assert active + thawing == STAKE - PENALTY


def test_the_stakes_of_a_game_have_no_setter(world):
    """Attack 19: bond, penalty and clocks are immutable; whatever is not a move is a view."""
    moves = {
        "open", "revealTrace", "revealNodes", "revealChunk", "pick", "blame", "prove", "claimTimeout", "closeMoot",
        "withdrawCredit",
    }  # fmt: skip
    functions = [f for f in world.disputes.abi if f["type"] == "function"]
    assert {f["name"] for f in functions if f["stateMutability"] not in ("view", "pure")} == moves


# -- 20: the clock ------------------------------------------------------------


def test_a_last_second_move_leaves_the_other_side_its_time(world, match, liar, challenger):
    """Attack 20: alice, whose total is used up, has a minimum for every move whenever bob moves."""
    match.play_until(Phase.BLAME, liar, challenger)
    world.evm.sleep(CLOCK_SECONDS)
    match.step(liar, challenger)
    world.evm.sleep(CLOCK_SECONDS)
    match.step(liar, challenger)
    assert match.state.challenger_seconds == 0
    world.evm.sleep(MOVE_SECONDS)
    match.step(liar, challenger)
    match.play(liar, challenger)
    assert match.won_by_challenger


def test_no_clock_runs_for_the_side_that_waits(world, match, liar, challenger):
    """Attack 20: bob's slowness costs bob's time alone."""
    world.evm.sleep(CLOCK_SECONDS)
    match.send(liar.move(match.state))
    assert (match.state.operator_seconds, match.state.challenger_seconds) == (0, CLOCK_SECONDS)
    assert world.disputes.deadline(match.id) == world.evm.now + CLOCK_SECONDS


def test_a_move_after_the_last_second_is_refused(world, match, liar):
    """Attack 20: silence has lost; nothing can be revealed in front of the claim."""
    world.evm.sleep(CLOCK_SECONDS + 1)
    with reverts("TooLate", world.evm.now - 1):
        match.send(liar.move(match.state))
    match.claim()
    assert match.won_by_challenger


def test_time_cannot_be_claimed_in_the_last_second(world, match, liar):
    """Attack 20: in front of a move that is just in time."""
    world.evm.sleep(CLOCK_SECONDS)
    with reverts("NotTimedOut", world.evm.now):
        match.claim()
    match.send(liar.move(match.state))


def test_a_refused_move_stops_no_clock(world, match):
    """Attack 20: garbage buys no time."""
    world.evm.sleep(100)
    until = world.disputes.deadline(match.id)
    with pytest.raises(Reverted):
        match.call("revealNodes", match.id, [bytes(32)], sender=world.frank)
    assert world.disputes.deadline(match.id) == until


def test_a_game_opened_in_the_last_second_ends_before_the_stake_can_leave(world, lie):
    """Attack 20: bob begins to thaw when he signs, lets the answer be surfaced and opened as late as can be, and plays
    every move in its last second."""
    answer = world.answer(lie)
    thaw = world.staking.startThaw(
        STAKE - 1_000 * OPG, sender=world.bob
    ).value  # live still, so that it can be surfaced
    signed_at = world.evm.now
    world.evm.sleep(WINDOW_SECONDS)
    world.surface(answer, lie)
    world.evm.sleep(WINDOW_SECONDS)
    match = world.open(answer, evidence=NO_EVIDENCE)
    while not match.phase.is_over:
        world.evm.sleep(world.disputes.deadline(match.id) - world.evm.now)
        assert match.step(OperatorMind(lie), ChallengerMind(world.honest))
    assert world.evm.now - signed_at <= world.staking.thawingSeconds()
    assert match.won_by_challenger
    assert sum(world.staking.stakeOf(world.bob)[:2]) == STAKE - PENALTY
    assert world.staking.thaw(thaw).amount < STAKE - 1_000 * OPG


# -- 21: re-organisations, and moves of other people --------------------------


@pytest.mark.parametrize("verb", ["blame", "pick", "prove", "revealNodes", "revealChunk"])
def test_a_move_for_another_branch_does_nothing(world, lie, challenger, verb):
    """Attack 21: after a re-organisation bob shows another trace with the same output; every move that was sent against
    the first is refused, for it names the node that it answers."""
    branch = claiming(lie, flipped(list(lie.results), 1, 71, 1))  # the same chunk, and another word of it
    match, liar = world.against(lie), OperatorMind(lie)
    mark = world.evm.snapshot()
    phase = {
        "blame": Phase.BLAME, "pick": Phase.PICK_NODE, "prove": Phase.PROVE,
        "revealNodes": Phase.REVEAL_NODES, "revealChunk": Phase.REVEAL_CHUNK,
    }[verb]  # fmt: skip
    match.play_until(phase, liar, challenger)
    move = liar.move(match.state) or challenger.move(match.state, match.revealed)
    assert move.verb == verb
    world.evm.revert(mark)
    match.levels, match.chunk, match.gas = [], None, []
    match.play_until(phase, OperatorMind(branch), challenger)
    before = match.state
    with reverts("WrongNode"):
        match.send(move)
    assert match.state == before


@pytest.mark.parametrize("phase", [Phase.BLAME, Phase.PICK_NODE, Phase.PROVE])
def test_nobody_moves_for_the_challenger(world, match, liar, challenger, phase):
    """Attack 21 (and 14): not the operator, not a relay with the challenger's own transaction in its hands."""
    match.play_until(phase, liar, challenger)
    move = challenger.move(match.state, match.revealed)
    for who in (world.bob, world.frank, world.dave):
        with reverts("NotTheChallenger", who):
            match.send(move, sender=who)


def test_nobody_chooses_the_operators_trace(world, match, liar):
    """Attack 21: a trace proves nothing by itself."""
    with reverts("NotTheOperator", world.dave):
        match.send(liar.move(match.state), sender=world.dave)


def sources(path: Path, seen: set[Path]) -> set[Path]:
    """A contract and whatever it imports from this repository."""
    if path not in seen:
        seen.add(path)
        for imported in re.findall(r'from "(\.[^"]+)"', path.read_text()):
            sources((path.parent / imported).resolve(), seen)
    return seen


def code_of(*names: str) -> str:
    """Solidity without its comments."""
    found: set[Path] = set()
    for name in names:
        sources(ROOT / "contracts" / f"{name}.sol", found)
    return "\n".join(re.sub(r"//[^\n]*|/\*.*?\*/", "", path.read_text(), flags=re.S) for path in sorted(found))


def test_the_origin_of_a_transaction_means_nothing():
    """Attack 21: no contract asks for it."""
    assert "tx.origin" not in code_of("Disputes", "Inference", "Staking", "Models", "Referee", "Channels", "OPG")


# -- 22: the rich against the poor --------------------------------------------


@pytest.mark.parametrize("first", [True, False])
def test_friends_of_the_liar_cannot_make_an_honest_challenger_pay(world, lie, liar, challenger, first):
    """Attack 22: five of them open games, and win the bounty in front of alice when they like. Her bond comes back."""
    answer = world.answer(lie)
    mine = world.open(answer, by=world.alice)
    friends = [world.open(answer, by=who) for who in world.challengers[1:]]
    mine.play_until(Phase.PROVE, liar, challenger)
    if first:
        friends[0].play(liar, challenger)
    mine.play(liar, challenger)
    assert mine.won_by_challenger
    assert world.wealth(world.alice) == PURSE + (0 if first else BOUNTY)
    for each in friends[1:]:
        each.close_moot()
    world.check_books()


def test_a_liar_without_a_wei_left_does_not_keep_the_bond(evm):
    """Attack 22: another fault has taken all its stake; there is no bounty, but no loss."""
    world = GameWorld(evm, chain(op_count=1, words=5))
    world.staking.grantRole(world.staking.SLASHER_ROLE(), world.admin, sender=world.admin)
    made = corrupted(world.honest, 0, 0)
    match = world.against(made)
    world.staking.slash(world.bob, STAKE, world.charlie, sender=world.admin)
    match.play(OperatorMind(made), ChallengerMind(world.honest))
    assert match.won_by_challenger
    assert world.wealth(world.alice) == PURSE


def test_a_user_is_refunded_while_other_games_still_run(world, lie, liar, challenger, dave):
    """Attack 22: the first verdict is enough, and the games that are left still pay their bonds back."""
    world.inference.offer(world.version, 3 * OPG, sender=world.bob)
    world.token.approve(world.inference, 2**256 - 1, sender=world.erin)
    packed = [[w.astype(">u4").tobytes() for w in side] for side in (world.inputs, lie.outputs)]
    args = (world.version, world.bob, packed[0], 0, 3 * OPG, world.evm.now + HOUR, NOBODY, 0)
    terms = world.inference.request(*args, sender=world.erin).event("Requested").request
    event = world.inference.fulfil(terms, packed[1], sender=world.frank).event("Fulfilled")
    answer = dict(zip(world.answer(), event.answer, strict=True))
    first, second = (world.open(answer, by=who, evidence=NO_EVIDENCE) for who in (world.alice, dave))
    first.play(liar, challenger)
    with reverts("AnsweredThisSecond"):  # a whole game, and no time went by
        world.inference.refund(terms, sender=world.charlie)
    world.evm.sleep(1)
    world.inference.refund(terms, sender=world.charlie)
    assert world.inference.creditOf(world.erin) == 3 * OPG
    second.close_moot()
    assert world.wealth(dave) == PURSE


# -- 24: chance ---------------------------------------------------------------


def test_no_game_depends_on_chance():
    """Attack 24: nothing is drawn, so there is nothing to grind: no verdict reads a block's hash, number or beacon."""
    code = code_of("Disputes")
    for word in ("blockhash", "block.number", "prevrandao", "difficulty", "block.coinbase", "blobhash"):
        assert word not in code, word
