"""Attacks 18 and 22, and the books: games against right and wrong answers, all at once, in any order.

The ghost is a table of what everybody should own. It knows three things: a bond leaves when a game is opened; it
comes back, or goes to the operator; and the first game that refutes an answer costs the operator the penalty, of
which half burns and half goes to that challenger.
"""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from opg.game import ChallengerMind, OperatorMind
from tests.evm import Evm, Reverted, credits_of, reverts
from tests.game_world import (
    BOND,
    BOUNTY,
    CLOCK_SECONDS,
    MOVE_SECONDS,
    PENALTY,
    PURSE,
    STAKE,
    GameWorld,
    Match,
    chain,
)
from tests.liars import corrupted, dirty_leaf


@cache
def the_world() -> GameWorld:
    return GameWorld(Evm(), chain(op_count=3, words=150))


class Games(RuleBasedStateMachine):
    """Three answers of bob's, one of them right; anybody may challenge any."""

    def __init__(self) -> None:
        super().__init__()
        self.world = the_world()
        self.aside = self.world.aside()
        self.aside.__enter__()
        honest = self.world.honest
        self.traces = [honest, corrupted(honest, 1, 70), dirty_leaf(honest, 2)]
        self.answers = [self.world.answer(made) for made in self.traces]
        self.matches: list[tuple[Match, int]] = []
        self.owns = {who.address: PURSE for who in self.world.challengers}
        self.owns[self.world.bob.address] = PURSE - STAKE
        self.stake, self.burned = STAKE, 0
        self.refuted: set[int] = set()

    def teardown(self) -> None:
        """Every game ends, and then nothing is left in the contract but what it owes."""
        try:
            self.world.evm.sleep(self.world.disputes.maxGameSeconds())
            for match, number in self.running:
                operators = match.phase.waits_for_operator
                match.claim()
                self.settle(match, number, challenger_won=operators)
            self.books_are_right()
            assert self.world.token.balanceOf(self.world.disputes) == credits_of(self.world.disputes, self.world.people)
        finally:
            self.aside.__exit__(None, None, None)

    @property
    def running(self) -> list[tuple[Match, int]]:
        return [(match, number) for match, number in self.matches if not match.phase.is_over]

    def settle(self, match: Match, number: int, challenger_won: bool) -> None:
        """What the ghost knows about the end of a game."""
        if number in self.refuted or challenger_won:
            self.owns[match.challenger.address] += BOND
        else:
            self.owns[self.world.bob.address] += BOND
        if challenger_won and number not in self.refuted:
            self.refuted.add(number)
            self.owns[match.challenger.address] += BOUNTY
            self.stake -= PENALTY
            self.burned += PENALTY - BOUNTY

    @rule(number=st.integers(0, 2), who=st.integers(0, 5))
    def open(self, number: int, who: int) -> None:
        """Once for each challenger and answer, unless it is refuted or the window is over."""
        challenger = self.world.challengers[who]
        taken = any(m.challenger == challenger and n == number for m, n in self.matches)
        try:
            match = self.world.open(self.answers[number], by=challenger)
        except Reverted as problem:
            late = self.world.evm.now > self.answers[number]["issuedAt"] + self.world.inference.windowSeconds()
            assert late or taken or number in self.refuted, problem
            return
        assert not taken and number not in self.refuted
        self.matches.append((match, number))
        self.owns[challenger.address] -= BOND

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def play_the_next_move(self, data: st.DataObject) -> None:
        """Both sides as well as they can; the operator defends even its lies."""
        match, number = data.draw(st.sampled_from(self.running))
        late = self.world.evm.now > self.world.disputes.deadline(match.id)
        challenger = ChallengerMind(self.world.honest if number else self.traces[1])
        operators = match.phase.waits_for_operator
        move = OperatorMind(self.traces[number]).move(match.state)
        if not operators:
            move = challenger.move(match.state, match.revealed)
        if late:
            with reverts("TooLate"):
                match.send(move)
        elif not number and match.phase.name == "PROVE":
            with reverts("NoContradiction"):
                match.send(move)
        else:
            match.send(move)
        if match.phase.is_over:
            self.settle(match, number, challenger_won=True)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        """Only after the deadline; whoever was to move loses."""
        match, number = data.draw(st.sampled_from(self.running))
        operators = match.phase.waits_for_operator
        if self.world.evm.now <= self.world.disputes.deadline(match.id):
            with reverts("NotTimedOut"):
                match.claim()
            return
        match.claim()
        self.settle(match, number, challenger_won=operators)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def close_moot(self, data: st.DataObject) -> None:
        """Only when another game has refuted the answer."""
        match, number = data.draw(st.sampled_from(self.running))
        if number not in self.refuted:
            with reverts("AnswerNotRefuted"):
                match.close_moot()
            return
        match.close_moot()
        self.settle(match, number, challenger_won=False)

    @rule(seconds=st.sampled_from([1, MOVE_SECONDS, CLOCK_SECONDS // 3, CLOCK_SECONDS + 1]))
    def wait(self, seconds: int) -> None:
        self.world.evm.sleep(seconds)

    @rule(who=st.integers(0, 6))
    def fetch(self, who: int) -> None:
        """Pull payments, at any time, change nothing for the others."""
        everybody = [*self.world.challengers, self.world.bob]
        sender = everybody[who]
        for contract in (self.world.disputes, self.world.staking):
            if contract.creditOf(sender):
                contract.withdrawCredit(sender, sender=sender)

    @invariant()
    def books_are_right(self) -> None:
        """Everybody owns what the ghost says, and every contract has exactly what it owes."""
        world = self.world
        for who in [*world.challengers, world.bob]:
            assert world.wealth(who) == self.owns[who.address]
        assert world.staking.stakeOf(world.bob).active == self.stake
        assert world.burned == self.burned
        for number, answer in enumerate(self.answers):
            state = world.inference.answerState(world.inference.hashAnswer(answer))
            assert state.refuted == (number in self.refuted)
        world.check_books()


TestGames = Games.TestCase
