"""The games against plain books in Python, both sides adversarial: after every step every balance, credit, bond,
state and right to move is the books'.

bob answers right, and is awake. alice and dave challenge only what is wrong, and are awake: before time passes, the
three play whatever is theirs to play. carol signs anything, and plays as hypothesis likes, as do erin, grace and heidi:
they pick at random, throw garbage, or fall silent. Some answers are signed only, some committed, some given to
on-chain requests of erin's; all may be surfaced. Other modules slash carol, she runs with her stake, and governance
may take the roles of `Disputes` away in the middle of it all.

Attack 22.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from opg.game import (
    Blame,
    ChallengerMind,
    Move,
    OperatorMind,
    Phase,
    Pick,
    Prove,
    RevealChunk,
    RevealNodes,
    RevealTrace,
)
from opg.tensor import Trace, op_proof, openings, trace
from opg.tensor.commitment import ListTree, chunk_count, level_bits, unpack
from opg.tensor.executor import run_op
from tests.conftest import DEEP
from tests.evm import Evm, address_of, reverts, transactions_of
from tests.game_world import (
    BOND,
    CLOCK_SECONDS,
    MOVE_SECONDS,
    PENALTY,
    PURSE,
    STAKE,
    SUPPLY,
    GameWorld,
    chain,
    some_words,
)
from tests.liars import corrupted, dirty_leaf
from tests.machines import ChainMachine
from tests.market import (
    BURN_BPS,
    DAY,
    HOUR,
    JAIL_SECONDS,
    MIN_STAKE,
    NO_EVIDENCE,
    NOBODY,
    OPG,
    THAWING_SECONDS,
    WINDOW_SECONDS,
)
from tests.property.Disputes.books import LATER, OPS, WORDS, Asked, Given, Played, Stake

COLLATERAL, FEE, PROTOCOL_FEE_BPS = 100 * OPG, 30 * OPG, 200
EQUIVOCATION = 300 * OPG
CAROLS_STAKE = 2_500 * OPG  # gone after three of her lies
RIGHT = "right"


@cache
def traces() -> dict[str, Trace]:
    """Every trace that anybody defends."""
    program = chain(OPS, WORDS, later=LATER)
    right = trace(program, some_words(program))
    return {
        RIGHT: right,
        "wrong": corrupted(right, 100, 66),
        "wrong at first": corrupted(right, 0, 140, continued=False),
        "dirty": dirty_leaf(corrupted(right, OPS - 1, 3), 0),
        "mistaken": corrupted(right, 100, 67),
    }


def build(evm: Evm) -> GameWorld:
    """A world in which carol is an operator too."""
    right = traces()[RIGHT]
    world = GameWorld(evm, right.program, right.inputs)
    carol = world.people[9]
    world.staking.register(carol, "https://carol.example", sender=carol)
    world.staking.stake(CAROLS_STAKE, sender=carol)
    world.staking.grantRole(world.staking.SLASHER_ROLE(), world.admin, sender=world.admin)
    for operator in (world.bob, carol):
        world.inference.offer(world.version, FEE, sender=operator)
    world.token.approve(world.inference, 2**256 - 1, sender=world.erin)
    world.equivocations = evm.deploy("Equivocations", world.inference, world.staking, EQUIVOCATION)
    world.staking.grantRole(world.staking.SLASHER_ROLE(), world.equivocations, sender=world.admin)
    return world


@cache
def right_words(name: str, op: int) -> np.ndarray:
    """What the machine makes of this trace's own operands."""
    made = traces()[name]
    return run_op(made.program.op(op), made.values)


class DisputesBooks(ChainMachine):
    """See above."""

    build = staticmethod(build)

    def __init__(self) -> None:
        super().__init__()
        self.traces = traces()
        self.aside = self.world.aside()
        self.aside.__enter__()
        w = self.world
        self.evm, self.carol = w.evm, w.people[9]
        self.honest, self.wild = [w.alice, w.dave], [w.erin, *w.people[7:9]]
        self.parts = {"disputes": w.disputes, "staking": w.staking, "inference": w.inference}
        self.purse = {address_of(who): w.token.balanceOf(who) for who in w.people}
        self.credit: Counter = Counter()  # by contract and account
        self.stake = {self.world.bob: Stake(STAKE, STAKE), self.carol: Stake(CAROLS_STAKE, CAROLS_STAKE)}
        self.escrow = self.to_burn = self.burned = 0
        self.income: Counter[str] = Counter()  # of operators, in Inference
        self.given: list[Given] = []
        self.asked: list[Asked] = []  # and not answered
        self.games: list[Played] = []
        self.proven: set[bytes] = set()  # of two answers to one question
        self.may_dispute = self.may_slash = True
        self.salt = 0
        self.collateral, self.min_stake = COLLATERAL, MIN_STAKE
        self.enough, self.enough_until = MIN_STAKE, self.evm.now
        self.start = self.evm.now

    def teardown(self) -> None:
        try:
            self.end_everything()
        finally:
            self.aside.__exit__(None, None, None)

    # -- the books ------------------------------------------------------------

    @property
    def running(self) -> list[Played]:
        return [game for game in self.games if not game.phase.is_over]

    def owe(self, part: str, who: Any, amount: int) -> None:
        self.credit[part, address_of(who)] += amount

    def slash(self, operator: Any, amount: int, who: Any) -> int:
        """Clamped; a part burns, later; whoever is slashed is jailed."""
        pool = self.stake[operator]
        taken = min(amount, pool.tokens)
        pool.tokens -= taken
        pool.jailed_until = self.evm.now + JAIL_SECONDS
        if pool.tokens == 0:
            pool.shares = pool.thawing = 0
        burns = -(-taken * BURN_BPS // 10_000)
        self.to_burn += burns
        self.burned += burns
        self.owe("staking", who, taken - burns)
        return taken

    def has_min_stake(self, operator: Any) -> bool:
        return self.stake[operator].active >= self.min_stake

    @property
    def to_finish(self) -> int:
        """For a while after a vote the smallest minimum is enough to finish what began."""
        return self.enough if self.evm.now <= self.enough_until else self.min_stake

    def live(self, operator: Any) -> bool:
        return self.has_min_stake(operator) and not self.stake[operator].jailed_until

    def end(self, game: Played, phase: Phase) -> None:
        """The one to `CHALLENGER_WON` also for a game that is moot."""
        given = game.given
        self.owe("disputes", game.match.challenger if phase == Phase.CHALLENGER_WON else given.operator, BOND)
        game.phase = phase
        given.games -= 1

    def challenger_wins(self, game: Played) -> None:
        self.end(game, Phase.CHALLENGER_WON)
        if self.may_dispute and not game.given.refuted:
            game.given.refuted = True
            if self.may_slash:
                self.slash(game.given.operator, PENALTY, game.match.challenger)

    def sign(self, operator: Any, name: str, **changes: Any) -> dict:
        self.salt += 1
        who = {"operator": operator.address, "request": self.salt.to_bytes(32, "big")}
        return self.world.answer(self.traces[name], **who | changes)

    def key(self, operator: Any) -> Any:
        return self.world.frank if operator is self.world.bob else self.carol

    # -- answers --------------------------------------------------------------

    @initialize(name=st.sampled_from(["wrong", "wrong at first", "dirty"]))
    def begin(self, name: str) -> None:
        """A lie under two games, and a right answer under one; the liar gave that, too."""
        self.sign_an_answer("carol", name)
        self.sign_an_answer("bob", RIGHT)
        self.sign_an_answer("carol", RIGHT)
        for given, who in [(0, self.honest[0]), (0, self.wild[0]), (1, self.wild[1])]:
            self.opens(self.given[given], who)

    names = st.sampled_from([RIGHT, "wrong", "wrong", "wrong at first", "dirty"])
    by_whom = st.sampled_from(["bob", "carol", "carol"])

    def gives(self, by: str, name: str) -> tuple[Any, str]:
        return (self.world.bob, RIGHT) if by == "bob" else (self.carol, name)

    @rule(by=by_whom, name=names)
    def sign_an_answer(self, by: str, name: str) -> None:
        """Off chain: that alone makes it disputable."""
        operator, name = self.gives(by, name)
        answer = self.sign(operator, name)
        evidence = self.world.signed(answer, key=self.key(operator))
        self.given.append(
            Given(answer, self.world.inference.hashAnswer(answer), operator, name, evidence, self.evm.now)
        )

    @rule(by=by_whom, name=names, age=st.sampled_from([0, HOUR]))
    def commit_an_answer(self, by: str, name: str, age: int) -> None:
        """In a batch of three, issued now or a while ago."""
        operator, name = self.gives(by, name)
        if not self.live(operator):
            return
        answer = self.sign(operator, name, issuedAt=self.evm.now - age)
        digest = self.world.inference.hashAnswer(answer)
        tree = ListTree([b"\1" * 32, digest, b"\2" * 32])
        batch = self.world.inference.commit(operator, tree.root, 3, "cid", sender=self.key(operator)).value
        evidence = (NOBODY, b"", batch, 1, tree.path(1))
        self.given.append(Given(answer, digest, operator, name, evidence, self.evm.now))

    @rule(by=by_whom)
    def ask(self, by: str) -> Asked | None:
        """On chain, for a fee in escrow and a collateral."""
        operator, erin = self.gives(by, RIGHT)[0], self.world.erin.address
        pool = self.stake[operator]
        from_credit = self.credit["inference", erin] >= FEE
        args = (self.world.version, operator, self.packed(self.world.inputs), 0, FEE, self.evm.now + HOUR, NOBODY, 0)
        problem = (
            "OperatorNotLive" if not self.live(operator)
            else "NotEnoughStake" if pool.free < self.collateral
            else "ERC20InsufficientBalance" if not from_credit and self.purse[erin] < FEE
            else None
        )  # fmt: skip
        if problem:
            with reverts(problem):
                self.world.inference.request(*args, sender=self.world.erin)
            return None
        terms = self.world.inference.request(*args, sender=self.world.erin).event("Requested").request
        assert terms.collateral == self.collateral
        if from_credit:
            self.credit["inference", erin] -= FEE
        else:
            self.purse[erin] -= FEE
        self.escrow += FEE
        pool.locked += self.collateral
        self.asked.append(Asked(terms, operator))
        return self.asked[-1]

    @rule(by=by_whom, name=names)
    def ask_and_answer(self, by: str, name: str) -> None:
        """The usual way."""
        if asked := self.ask(by):
            self.answer(asked, name)

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), name=names)
    def answer_a_request(self, data: st.DataObject, name: str) -> None:
        """Until the deadline, in jail too, but with the stake that backs it."""
        self.answer(data.draw(st.sampled_from(self.asked)), name)

    def answer(self, asked: Asked, name: str) -> None:
        operator, name = self.gives("bob" if asked.operator is self.world.bob else "carol", name)
        outputs = self.packed(self.traces[name].outputs)
        late, backed = self.evm.now > asked.terms.deadline, self.stake[operator].active >= self.to_finish
        if late or not backed:
            with reverts("DeadlinePassed" if late else "OperatorNotLive"):
                self.world.inference.fulfil(asked.terms, outputs, sender=self.key(operator))
            return
        event = self.world.inference.fulfil(asked.terms, outputs, sender=self.key(operator)).event("Fulfilled")
        answer = dict(zip(self.world.answer(), event.answer, strict=True))
        assert answer == self.world.answer(self.traces[name], request=event.requestId, operator=operator.address)
        made = Given(answer, event.answerHash, operator, name, NO_EVIDENCE, self.evm.now, recorded=True, request=asked)
        self.given.append(made)
        self.asked.remove(asked)

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def expire(self, data: st.DataObject) -> None:
        """After the deadline, by anyone: the fee goes back, and the collateral is lost, as far as it is still there."""
        self.expire_or_not(data.draw(st.sampled_from(self.asked)))

    def expire_or_not(self, asked: Asked) -> None:
        inference, terms = self.world.inference, asked.terms
        if self.evm.now <= terms.deadline:
            with reverts("DeadlineNotPassed", terms.deadline):
                inference.expire(terms, sender=self.world.charlie)
            return
        slashed = inference.expire(terms, sender=self.world.charlie).event("Expired").slashed
        self.asked.remove(asked)
        self.escrow -= FEE
        self.owe("inference", self.world.erin, FEE)
        self.stake[asked.operator].locked -= terms.collateral
        assert slashed == self.slash(asked.operator, terms.collateral, self.world.erin)
        with reverts("WrongRequestState"):
            inference.expire(terms, sender=self.world.charlie)

    @staticmethod
    def packed(tensors: Any) -> list[bytes]:
        return [words.astype(">u4").tobytes() for words in tensors]

    @precondition(lambda self: any(not each.recorded for each in self.given))
    @rule(data=st.data())
    def surface(self, data: st.DataObject) -> None:
        """Whatever is on chain has a window of its own."""
        given = data.draw(st.sampled_from([each for each in self.given if not each.recorded]))
        if not self.live(given.operator):
            return
        tensors = self.packed(self.world.inputs), self.packed(self.traces[given.trace].outputs)
        args = (given.answer, given.evidence, *tensors)
        problem = "AnswerRefuted" if given.refuted else "WindowOver" if self.evm.now > given.until else None
        if problem:
            with reverts(problem):
                self.world.inference.surface(*args, sender=self.world.charlie)
            return
        self.world.inference.surface(*args, sender=self.world.charlie)
        given.recorded, given.since = True, self.evm.now

    @precondition(lambda self: any(each.request for each in self.given))
    @rule(data=st.data())
    def settle_a_request(self, data: st.DataObject) -> None:
        """Paid when the answer is final, refunded when it is refuted; nothing between the two."""
        self.settle(data.draw(st.sampled_from([each for each in self.given if each.request])))

    def settle(self, given: Given) -> None:
        assert given.request
        terms = given.request.terms
        inference, outputs = self.world.inference, self.packed(self.traces[given.trace].outputs)
        if not given.refuted:
            with reverts("NotRefuted"):
                inference.refund(terms, sender=self.world.charlie)
        if not self.is_final(given):
            with reverts("NotFinal"):
                inference.finalise(terms, outputs, sender=self.world.charlie)
        if given.refuted and given.since == self.evm.now:
            with reverts("AnsweredThisSecond"):
                inference.refund(terms, sender=self.world.charlie)
            return
        if given.refuted:
            inference.refund(terms, sender=self.world.charlie)
            self.owe("inference", self.world.erin, FEE)
        elif self.is_final(given):
            inference.finalise(terms, outputs, sender=self.world.charlie)
            self.owe("inference", self.world.charlie, FEE * PROTOCOL_FEE_BPS // 10_000)
            self.income[given.operator.address] += FEE - FEE * PROTOCOL_FEE_BPS // 10_000
        else:
            return
        self.escrow -= FEE
        self.stake[given.operator].locked -= terms.collateral
        given.request = None

    def counted(self, given: Given) -> int:
        return given.games if self.may_dispute else 0

    def is_final(self, given: Given) -> bool:
        return given.recorded and not given.refuted and not self.counted(given) and self.evm.now > given.until

    # -- games ----------------------------------------------------------------

    @precondition(lambda self: self.given)
    @rule(data=st.data(), honest=st.booleans())
    def open(self, data: st.DataObject, honest: bool) -> None:
        """Once for each challenger and answer, within the window, unless it is refuted."""
        pick = [each for each in self.given if each.trace != RIGHT] if honest else self.given
        if not pick:
            return
        given = data.draw(st.sampled_from(pick))
        who = data.draw(st.sampled_from(self.honest if honest else self.wild))
        self.opens(given, who)

    def opens(self, given: Given, who: Any) -> None:
        evidence = NO_EVIDENCE if given.recorded else given.evidence
        known = any(game.given is given and game.match.challenger is who for game in self.games)
        problem = (
            "WindowOver" if self.evm.now > given.until
            else "AlreadyOpened" if known
            else "AccessControlUnauthorizedAccount" if not self.may_dispute
            else "AnswerRefuted" if given.refuted
            else "ERC20InsufficientBalance" if self.purse[who.address] < BOND
            else None
        )  # fmt: skip
        if problem:
            with reverts(problem):
                self.world.open(given.answer, by=who, evidence=evidence)
            return
        match = self.world.open(given.answer, by=who, evidence=evidence)
        self.games.append(Played(match, given, self.evm.now))
        self.purse[who.address] -= BOND
        given.games += 1

    def is_awake(self, game: Played) -> bool:
        """Whether the side to move never lets its time run out."""
        if game.side == "operator":
            return game.given.operator is self.world.bob
        return game.match.challenger in self.honest

    def the_honest_move(self, game: Played) -> None:
        """What a mind moves is never refused."""
        match, name = game.match, game.given.trace
        if game.side == "operator":
            self.accepted(game, OperatorMind(self.traces[name]).move(match.state))
        else:
            self.accepted(game, ChallengerMind(self.world.honest).move(match.state, match.revealed))

    def accepted(self, game: Played, move: Move | None) -> None:
        """The move is made, and the books go on with it."""
        assert move is not None
        receipt = game.match.send(move, sender=self.mover(game, move))
        game.press(self.evm.now)
        if any(event.name == "ChallengerWon" for event in receipt.events):
            self.challenger_wins(game)
        else:
            game.go_on(move)

    def mover(self, game: Played, move: Move) -> Any:
        if game.side == "challenger":
            return game.match.challenger
        return self.key(game.given.operator) if isinstance(move, RevealTrace) else self.world.charlie

    @precondition(lambda self: self.running)
    @rule(data=st.data(), moves=st.integers(1, 14), wild=st.integers(0, 9))
    def play(self, data: st.DataObject, moves: int, wild: int) -> None:
        """The honest play on; carol defends her trace; the others go anywhere. Sometimes there is garbage, or silence."""
        game = data.draw(st.sampled_from(self.running))
        for _ in range(moves):
            if game.phase.is_over:
                return
            if self.is_awake(game):
                self.the_honest_move(game)
            elif not self.anything(game, data, garbage=wild == 0):
                return

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def play_to_the_end(self, data: st.DataObject) -> None:
        """As far as both sides make sense; the first to win has the bounty."""
        lies = [game for game in self.running if not game.given.refuted and game.given.trace != RIGHT]
        game = data.draw(st.sampled_from(lies or self.running))
        while not game.phase.is_over:
            if self.is_awake(game):
                self.the_honest_move(game)
            elif not self.anything(game, data, garbage=False):
                return

    def anything(self, game: Played, data: st.DataObject, garbage: bool) -> bool:
        """Whether it was a move."""
        match, made = game.match, self.traces[game.given.trace]
        problem: str | None = None
        if game.side == "operator":
            move = OperatorMind(made).move(match.state)
            if garbage and isinstance(move, RevealNodes | RevealTrace):
                children = [b"\1" * 32, *move.children[1:]]
                move = type(move)(*(children if v is move.children else v for v in vars(move).values()))
                problem = "WrongOutputs" if isinstance(move, RevealTrace) else "WrongNode"
            elif garbage and isinstance(move, RevealChunk):
                move, problem = RevealChunk(bytes(256)), "WrongNode"
        elif game.phase == Phase.PROVE:
            last = min(64 * game.index + 64, game.words)
            element = data.draw(st.integers(64 * game.index, last - 1))
            proof = op_proof(self.world.program, game.op)
            move = Prove(proof, element, match.chunk, openings(made, game.op, element))
            claimed = unpack(match.chunk)[element % 64]
            problem = None if claimed != right_words(game.given.trace, game.op)[element] else "NoContradiction"
        else:
            children = match.levels[-1]
            mistaken = ChallengerMind(self.traces["mistaken"]).move(match.state, match.revealed)
            plausible = mistaken.child if mistaken else 0
            child = data.draw(st.one_of(st.just(plausible), st.integers(0, len(children) - 1)))
            node, path = (b"\1" * 32 if garbage else children[child]), ListTree(children).path(child)
            at = (game.index << level_bits(game.depth)) + child
            if game.phase == Phase.BLAME:
                move = Blame(child, node, path, op_proof(self.world.program, min(at, OPS - 1)))
                problem = "WrongNode" if garbage else "NoSuchOp" if at >= OPS else None
            else:
                move = Pick(child, node, path)
                leaf = game.words and level_bits(game.depth) == game.depth and at >= chunk_count(game.words)
                problem = "WrongNode" if garbage else "NothingThere" if leaf and node == bytes(32) else None
        if self.evm.now > game.last:
            problem = "TooLate"
        if problem is None:
            self.accepted(game, move)
            return True
        with reverts(problem):
            match.send(move, sender=self.mover(game, move))
        return False

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_stranger_moves(self, data: st.DataObject) -> None:
        """The right move, by the wrong account: copied out of the mempool, say."""
        game = data.draw(st.sampled_from(self.running))
        if game.side == "operator" and game.phase != Phase.REVEAL_TRACE:
            return  # proves itself
        children = game.match.levels[-1] if game.match.levels else []
        if game.phase == Phase.REVEAL_TRACE:
            move, problem = OperatorMind(self.traces[game.given.trace]).move(game.match.state), "NotTheOperator"
        elif game.phase == Phase.PROVE:
            operands = openings(self.traces[game.given.trace], game.op, 64 * game.index)
            move = Prove(op_proof(self.world.program, game.op), 64 * game.index, game.match.chunk, operands)
            problem = "NotTheChallenger"
        elif game.phase == Phase.BLAME:
            path = ListTree(children).path(0)
            move, problem = Blame(0, children[0], path, op_proof(self.world.program, 0)), "NotTheChallenger"
        else:
            move, problem = Pick(0, children[0], ListTree(children).path(0)), "NotTheChallenger"
        with reverts("TooLate" if self.evm.now > game.last else problem):
            game.match.send(move, sender=self.world.charlie)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def claim(self, data: st.DataObject) -> None:
        """Not a second too early; by anyone."""
        self.claim_or_not(data.draw(st.sampled_from(self.running)))

    def claim_or_not(self, game: Played) -> None:
        if self.evm.now <= game.last:
            with reverts("NotTimedOut", game.last):
                game.match.claim()
            return
        game.match.claim()
        if game.side == "operator":
            self.challenger_wins(game)
        else:
            self.end(game, Phase.CHALLENGER_WON if game.given.refuted else Phase.OPERATOR_WON)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def close_moot(self, data: st.DataObject) -> None:
        moot = [game for game in self.running if game.given.refuted]
        game = data.draw(st.sampled_from(moot or self.running))
        if moot:
            game.match.close_moot()
            self.end(game, Phase.CHALLENGER_WON)
        else:
            with reverts("AnswerNotRefuted"):
                game.match.close_moot()

    # -- two answers to one question --------------------------------------------

    @staticmethod
    def differ(first: Given, second: Given) -> bool:
        return first.operator is second.operator and first.answer["output"] != second.answer["output"]

    @precondition(lambda self: len(self.given) > 1)
    @rule(data=st.data(), announced=st.booleans())
    def two_answers(self, data: st.DataObject, announced: bool) -> None:
        """All here answer one question: whoever gave two outputs pays for that, whatever became of either answer in a game."""
        first = data.draw(st.sampled_from(self.given))
        others = [
            each for each in self.given if self.differ(first, each) and not {first.digest, each.digest} & self.proven
        ]
        second = data.draw(st.sampled_from(others if announced and others else self.given))
        who = data.draw(st.sampled_from([*self.honest, *self.wild]))
        contract, used = self.world.equivocations, self.proven
        seal = contract.sealOf(who, first.digest, second.digest)
        if announced and not contract.announcedAt(seal):
            contract.announce(seal, sender=who)
            self.the_awake_act()
            self.evm.sleep(1)
        old = next((each for each in (first, second) if self.evm.now > each.until or each.digest in used), None)
        problem = (
            "DifferentQuestions" if first.operator is not second.operator
            else "SameOutput" if not self.differ(first, second)
            else "WindowOver" if old and self.evm.now > old.until
            else "AlreadyProven" if old
            else "NotAnnounced" if contract.announcedAt(seal) in (0, self.evm.now)
            else None
        )  # fmt: skip
        evidence = [NO_EVIDENCE if each.recorded else each.evidence for each in (first, second)]
        args = (first.answer, evidence[0], second.answer, evidence[1])
        if problem:
            with reverts(problem):
                contract.prove(*args, sender=who)
            return
        slashed = contract.prove(*args, sender=who).value.slashed
        used |= {first.digest, second.digest}
        assert slashed == self.slash(first.operator, EQUIVOCATION, who)

    # -- what else happens ----------------------------------------------------

    @rule(
        seconds=st.sampled_from(
            [1, 1, 60, MOVE_SECONDS, MOVE_SECONDS + 1, CLOCK_SECONDS // 2, CLOCK_SECONDS + 1, DAY + 1]
        )
    )
    def wait(self, seconds: int) -> None:
        """Whoever is awake has moved, and answered, before."""
        self.the_awake_act()
        self.evm.sleep(seconds)

    def the_awake_act(self) -> None:
        for asked in list(self.asked):
            if asked.operator is self.world.bob:
                self.answer(asked, RIGHT)
        for game in self.running:
            while not game.phase.is_over and self.is_awake(game):
                self.the_honest_move(game)

    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        """Pull payments change nothing for anybody else."""
        owed = [key for key, amount in self.credit.items() if amount]
        part = data.draw(st.sampled_from(sorted(self.parts)))
        for person in self.world.people:
            if (part, person.address) not in owed:
                with reverts("NothingToWithdraw"):
                    self.parts[part].withdrawCredit(person, sender=person)
                break
        if owed:
            self.fetched(*data.draw(st.sampled_from(owed)))

    def fetched(self, part: str, who: str) -> None:
        amount = self.credit.pop((part, who))
        assert self.parts[part].withdrawCredit(who, sender=who).value == amount
        self.purse[who] += amount

    @rule(amount=st.sampled_from([0, 0, 0, 1, 7 * OPG, STAKE]))
    def another_module_slashes(self, amount: int) -> None:
        """Two signed answers to one question, say. Then there may be nothing left for a winner."""
        if amount:
            self.world.staking.slash(self.carol, amount, self.world.charlie, sender=self.world.admin)
            self.slash(self.carol, amount, self.world.charlie)

    @rule(fear=st.integers(0, 3))
    def run_with_the_stake(self, fear: int) -> None:
        """All that is not locked; it stays slashable until it is gone."""
        if fear:
            return
        pool = self.stake[self.carol]
        free = pool.free
        if not free:
            return
        everything = free == pool.active
        shares = pool.shares - pool.thawing if everything else -(-free * pool.shares // pool.tokens)
        thaw = self.world.staking.startThaw(free, sender=self.carol).value
        pool.thawing += shares
        pool.thaws.append((thaw, shares, self.evm.now + THAWING_SECONDS))

    @staticmethod
    def signed_before(given: Given, thawed_at: int) -> bool:
        """While the stake that came out of its thaw then still was active."""
        return given.answer["issuedAt"] <= thawed_at - THAWING_SECONDS

    def is_disputable(self, given: Given) -> bool:
        """There can be a game, or is one whose side to move still has time; when that is over, anyone could have claimed it."""
        running = any(game.given is given and self.evm.now <= game.last for game in self.running)
        return not given.refuted and (self.evm.now <= given.until or running)

    @precondition(lambda self: self.stake[self.carol].thaws)
    @rule(patient=st.booleans())
    def leave_with_it(self, patient: bool) -> None:
        """Attack 1: not before the last word about all that was signed while this was active."""
        pool = self.stake[self.carol]
        thaw, shares, until = pool.thaws[0]
        if patient:
            while self.evm.now < until:
                self.wait(DAY)
        if self.evm.now < until:
            with reverts("ThawingNotOver", until):
                self.world.staking.finishThaw(thaw, sender=self.carol)
            return
        backed = [each for each in self.given if each.operator is self.carol and self.signed_before(each, until)]
        assert not any(self.is_disputable(each) for each in backed)
        paid = self.world.staking.finishThaw(thaw, sender=self.carol).event("Unstaked").amount
        pool.thaws.pop(0)
        if pool.thawing < shares:  # slashed to nothing since
            assert paid == 0
            return
        left = pool.worth(pool.shares - shares)
        assert paid == pool.worth(shares)
        self.to_burn += pool.tokens - left - paid
        self.burned += pool.tokens - left - paid
        self.purse[self.carol.address] += paid
        pool.tokens, pool.shares, pool.thawing = left, pool.shares - shares, pool.thawing - shares
        if not left:
            pool.shares = pool.thawing = 0

    @precondition(lambda self: self.stake[self.carol].jailed_until)
    @rule(patient=st.booleans())
    def rehabilitate(self, patient: bool) -> None:
        """carol is back, if enough was left."""
        until = self.stake[self.carol].jailed_until
        if patient and self.evm.now < until:
            self.wait(until - self.evm.now)
        problem = (
            "OperatorJailed" if self.evm.now < until else None if self.has_min_stake(self.carol) else "BelowMinStake"
        )
        if problem:
            with reverts(problem):
                self.world.staking.rehabilitate(sender=self.carol)
            return
        self.world.staking.rehabilitate(sender=self.carol)
        self.stake[self.carol].jailed_until = 0

    @rule()
    def pay_income(self) -> None:
        """By anyone; nobody delegates, so it is all the operator's."""
        for operator in self.stake:
            amount = self.income.pop(operator.address, 0)
            if not amount:
                with reverts("NoIncome", operator):
                    self.world.inference.payIncome(operator, sender=self.world.charlie)
                continue
            assert self.world.inference.payIncome(operator, sender=self.world.charlie).value == amount
            self.owe("staking", operator, amount)

    @rule(
        collateral=st.sampled_from([COLLATERAL // 2, COLLATERAL, 5 * COLLATERAL]),
        min_stake=st.sampled_from([1, MIN_STAKE, MIN_STAKE, CAROLS_STAKE]),
    )
    def vote(self, collateral: int, min_stake: int) -> None:
        """Other terms, of what begins later only."""
        self.world.inference.setCollateral(collateral, sender=self.world.admin)
        self.world.staking.setMinStake(min_stake, sender=self.world.admin)
        self.enough, self.enough_until = min(self.to_finish, min_stake), self.evm.now + THAWING_SECONDS
        self.collateral, self.min_stake = collateral, min_stake

    @precondition(lambda self: self.to_burn)
    @rule()
    def burn(self) -> None:
        self.world.staking.burnSlashed(sender=self.world.charlie)
        self.to_burn = 0

    @rule(often=st.integers(0, 40))
    def governance_takes_a_role(self, often: int) -> None:
        """Rarely. From then on games end as ever, but mean less."""
        if often == 0 and self.may_dispute:
            self.world.inference.revokeRole(
                self.world.inference.DISPUTER_ROLE(), self.world.disputes, sender=self.world.admin
            )
            self.may_dispute = False
        if often == 1 and self.may_slash:
            self.world.staking.revokeRole(
                self.world.staking.SLASHER_ROLE(), self.world.disputes, sender=self.world.admin
            )
            self.may_slash = False

    # -- what holds -----------------------------------------------------------

    @invariant()
    def everybody_has_what_the_books_say(self) -> None:
        w = self.world
        for who in w.people:
            assert w.token.balanceOf(who) == self.purse[who.address]
            for name, part in self.parts.items():
                assert part.creditOf(who) == self.credit[name, who.address], (name, who.address)
        for operator, pool in self.stake.items():
            assert w.inference.incomeOf(operator) == self.income[operator.address]
            active, thawing, locked = w.staking.stakeOf(operator)
            assert (active, thawing, locked) == (pool.active, pool.worth(pool.thawing), pool.locked)
            assert w.staking.isLive(operator) == self.live(operator)

    @invariant()
    def every_contract_has_what_it_owes(self) -> None:
        w, owed = self.world, Counter()
        for (part, _), amount in self.credit.items():
            owed[part] += amount
        assert w.token.balanceOf(w.disputes) == owed["disputes"] + len(self.running) * BOND
        assert w.token.balanceOf(w.inference) == owed["inference"] + self.escrow + self.income.total()
        pools = sum(pool.tokens for pool in self.stake.values())
        assert w.token.balanceOf(w.staking) == owed["staking"] + pools + self.to_burn
        assert w.staking.burnable() == self.to_burn
        assert w.token.totalSupply() == SUPPLY - self.burned + self.to_burn

    @invariant()
    def every_answer_stands_as_the_books_say(self) -> None:
        for given in self.given:
            state = self.world.inference.answerState(given.digest)
            assert (state.refuted, state.openGames) == (given.refuted, self.counted(given))
            assert state.recordedAt == (given.since if given.recorded else 0)
            assert self.world.inference.isFinal(given.digest) == self.is_final(given)
            assert not (given.refuted and given.trace == RIGHT and given.operator is self.world.bob)

    @invariant()
    def every_game_stands_as_the_books_say(self) -> None:
        for game in self.games:
            state = game.match.state
            assert state.phase == game.phase
            assert self.world.disputes.deadline(game.match.id) == (0 if game.phase.is_over else game.last)
            if not game.phase.is_over:
                assert (state.turn_since, state.operator_seconds, state.challenger_seconds) == (
                    game.since, game.clock["operator"], game.clock["challenger"],
                )  # fmt: skip
                assert (state.depth_left, state.index) == (game.depth, game.index)
                assert (state.op_index, state.word_count) == (game.op, game.words)

    @invariant()
    def honesty_costs_nothing(self) -> None:
        """All that an honest side put in is there, or in a game that runs."""
        bonds = Counter(game.match.challenger.address for game in self.running)
        for who in self.honest:
            own = self.purse[who.address] + sum(self.credit[part, who.address] for part in self.parts)
            assert own + bonds[who.address] * BOND >= PURSE
        assert self.stake[self.world.bob].tokens == STAKE

    def end_everything(self) -> None:
        """Each game and each request, by somebody who has nothing to do with it; and all that is owed is fetched."""
        self.the_awake_act()
        self.evm.sleep(self.world.disputes.maxGameSeconds())
        for asked in list(self.asked):
            self.expire_or_not(asked)
        for game in self.running:
            self.claim_or_not(game)
        self.evm.sleep(WINDOW_SECONDS)
        for given in self.given:
            if given.request:
                self.settle(given)
        self.pay_income()
        for part, who in [key for key, amount in self.credit.items() if amount]:
            self.fetched(part, who)
        assert not self.running and not self.escrow and not self.income.total()
        for check in (
            self.everybody_has_what_the_books_say,
            self.every_contract_has_what_it_owes,
            self.every_answer_stands_as_the_books_say,
            self.every_game_stands_as_the_books_say,
            self.honesty_costs_nothing,
        ):
            check()


SHARDS = 4 if DEEP else 1


@pytest.mark.parametrize("shard", range(SHARDS))
def test_books(shard: int) -> None:
    """3,000 steps; 150,000 in the deep campaign, in parts that can run side by side."""
    from hypothesis.stateful import run_state_machine_as_test

    examples, steps = (375, 100) if DEEP else (60, 50)
    part = type(f"Books{shard}", (DisputesBooks,), {})
    run_state_machine_as_test(
        part, settings=settings(max_examples=examples, stateful_step_count=steps, derandomize=not DEEP)
    )
    assert part.steps >= 0.8 * examples * steps  # the first dozen of hypothesis is short
    deeds = transactions_of("IDisputes") | transactions_of("IPayouts")
    assert {("Disputes", name) for name in deeds} <= part.world.evm.called
    assert {("Equivocations", name) for name in transactions_of("IEquivocations")} <= part.world.evm.called
