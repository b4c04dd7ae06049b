"""The whole system in process, for games: a program is published, bob has staked, alice has a bond.

    world = GameWorld(evm, chain(op_count=3, words=65))
    match = world.against(lie)                     # alice against bob's answer
    match.play(OperatorMind(lie), ChallengerMind(world.honest))
    assert match.won_by_challenger
    world.check_books()

A lie is a trace that is not the right one: see `tests.liars`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any

import numpy as np
from eth_account import Account

from opg.game import ChallengerMind, Game, Move, OperatorMind, Phase, Revealed
from opg.tensor import Access, Kind, Op, Program, Trace, compile_onnx, parse_bindings, trace
from opg.tensor.functions import Fn
from opg.tensor.program import NO_VALUE
from tests.evm import ROOT, Contract, Evm, Receipt, Reverted, account, credits_of
from tests.market import BURN_BPS, HOUR, NO_EVIDENCE, OPG, WINDOW_SECONDS, deploy_guardian, deploy_staking

BOND = 500 * OPG
PENALTY = 1_000 * OPG
BOUNTY = PENALTY - PENALTY * BURN_BPS // 10_000
CLOCK_SECONDS = 6 * HOUR
MOVE_SECONDS = HOUR
MOVES_PER_SIDE = 7
STAKE = 50_000 * OPG
PURSE = 100_000 * OPG
SUPPLY = 1_000_000_000 * OPG


def chain(op_count: int, words: int, later: int = 0, outputs: tuple[int, ...] = ()) -> Program:
    """Op j adds j + 1 to every word of the result before it (of the input, for the first).

    The input and the first result have `words` words, the later results `later`, by default as many.
    """
    lengths = [words] + [later or words] * (op_count - 1)
    ops = [
        Op(Kind.MAP, Fn.IADD, (n,), (), (Access(j, (1,)), Access(NO_VALUE, (0,), fill=j + 1))).encode()
        for j, n in enumerate(lengths)
    ]
    return Program((words,), [], ops, outputs or (op_count - 1,))


@cache
def digits() -> Program:
    """The digits model: 64 words in, ten operations, 10 words out."""
    return compile_onnx(ROOT / "opg" / "models" / "digits.onnx", parse_bindings("batch=1")).program


def some_words(program: Program, seed: int = 0) -> list[np.ndarray]:
    """Inputs for a program: small finite floats."""
    random = np.random.default_rng(seed)
    return [random.normal(size=n).astype(np.float32).view(np.uint32) for n in program.input_words]


class GameWorld:
    """bob is the operator, frank his key, charlie owns the model; alice, dave, erin and others challenge."""

    def __init__(self, evm: Evm, program: Program, inputs: list[np.ndarray] | None = None, **params: int) -> None:
        self.evm, self.program = evm, program
        people = [account(i) for i in range(10)]
        self.admin, self.alice, self.bob, self.charlie, self.dave, self.erin, self.frank = people[:7]
        self.people, self.challengers = people, [self.alice, self.dave, self.erin, *people[7:]]
        self.inputs = inputs or some_words(program)
        self.burned, self.matches = 0, []

        self.token = evm.deploy("OPG", self.admin)
        self.models = evm.deploy("Models")
        self.referee = evm.deploy("Referee")
        self.guardian = deploy_guardian(evm)
        self.staking = deploy_staking(evm, self.token, self.guardian)
        self.inference = self.deploy_inference()
        self.disputes = self.deploy_disputes(**params)
        for role, holder, where in [
            ("LOCKER_ROLE", self.inference, self.staking),
            ("SLASHER_ROLE", self.inference, self.staking),
            ("SLASHER_ROLE", self.disputes, self.staking),
            ("DISPUTER_ROLE", self.disputes, self.inference),
        ]:
            where.grantRole(getattr(where, role)(), holder, sender=self.admin)
        for who in [self.bob, *self.challengers]:
            self.token.transfer(who, PURSE, sender=self.admin)
            self.token.approve(self.staking, 2**256 - 1, sender=who)
            self.token.approve(self.disputes, 2**256 - 1, sender=who)
        self.staking.register(self.frank, "https://bob.example", sender=self.bob)
        self.staking.stake(STAKE, sender=self.bob)
        self.model = self.models.register("model", 0, sender=self.charlie).value
        self.version = self.publish(program)

    def deploy_inference(self, **changes: int) -> Contract:
        """`Inference` with this file's parameters, but for those that are named."""
        params = {
            "windowSeconds": WINDOW_SECONDS,
            "minResponseSeconds": 60,
            "maxResponseSeconds": HOUR,
            "collateral": 100 * OPG,
            "maxCallbackGas": 1_000_000,
            "protocolFeeBps": 200,
            "treasury": self.charlie,
        }
        parts = self.token, self.models, self.staking, self.admin, self.guardian
        return self.evm.deploy("Inference", *parts, params | changes)

    def deploy_disputes(self, **changes: int) -> Contract:
        """`Disputes` with this file's parameters, but for those that are named."""
        params = {
            "bond": BOND,
            "penalty": PENALTY,
            "clockSeconds": CLOCK_SECONDS,
            "moveSeconds": MOVE_SECONDS,
        } | changes
        parts = (self.token, self.models, self.staking, self.inference, self.referee)
        return self.evm.deploy("Disputes", *parts, params)

    def publish(self, program: Program) -> int:
        """A version of charlie's model."""
        args = (self.model, program.header, b"\1" * 32, "cid", "", 1)
        return self.models.publish(*args, sender=self.charlie).value

    @cached_property
    def honest(self) -> Trace:
        """The right trace on the inputs of this world."""
        return trace(self.program, self.inputs)

    def answer(self, made: Trace | None = None, **changes: Any) -> dict:
        """bob's answer out of this trace (by default the right one), issued now, but for what is named."""
        return {
            "request": b"\7" * 32,
            "version": self.version,
            "input": self.honest.input_root,
            "output": (made or self.honest).output_root,
            "operator": self.bob.address,
            "issuedAt": self.evm.now,
        } | changes

    def signed(self, answer: dict, key: Any = None) -> tuple:
        """Evidence: the answer under bob's serving key."""
        key = key or self.frank
        digest = self.inference.hashAnswer(answer)
        return (key.address, bytes(Account.unsafe_sign_hash(digest, key.key).signature), 0, 0, [])

    def surface(self, answer: dict, made: Trace | None = None) -> bytes:
        """Puts an answer on chain with its data; its hash."""
        made = made or self.honest
        data = [[words.astype(">u4").tobytes() for words in side] for side in (self.inputs, made.outputs)]
        return self.inference.surface(answer, self.signed(answer), *data, sender=self.alice).value

    def open(self, answer: dict, by: Any = None, evidence: tuple | None = None) -> Match:
        """A game of `by` (alice) against an answer."""
        by = by or self.alice
        receipt = self.disputes.open(answer, evidence or self.signed(answer), sender=by)
        match = Match(self, receipt.value, answer, by)
        match.gas.append(("open", receipt.gas_used))
        self.matches.append(match)
        return match

    def against(self, lie: Trace, by: Any = None) -> Match:
        """A game of `by` (alice) against bob's answer out of this trace."""
        return self.open(self.answer(lie), by)

    @contextmanager
    def aside(self) -> Iterator[GameWorld]:
        """What happens inside is undone afterwards."""
        mark, burned, matches = self.evm.snapshot(), self.burned, list(self.matches)
        try:
            yield self
        finally:
            self.evm.revert(mark)
            self.burned, self.matches = burned, matches

    def note(self, receipt: Receipt) -> Receipt:
        """Keeps count of what was taken to be burned."""
        self.burned += sum(e.burned for e in receipt.events if e.name == "Slashed")
        return receipt

    def wealth(self, who: Any) -> int:
        """All that somebody has or may fetch, stake aside."""
        credits = (self.disputes.creditOf(who), self.staking.creditOf(who), self.inference.creditOf(who))
        return self.token.balanceOf(who) + sum(credits)

    def check_books(self) -> None:
        """Every contract has exactly what it owes, and what shall burn."""
        running = sum(not match.state.phase.is_over for match in self.matches)
        assert self.token.balanceOf(self.disputes) == credits_of(self.disputes, self.people) + running * BOND
        active, thawing, _ = self.staking.stakeOf(self.bob)
        to_burn = self.staking.burnable()
        assert self.token.balanceOf(self.staking) == credits_of(self.staking, self.people) + active + thawing + to_burn
        assert self.token.balanceOf(self.inference) == credits_of(self.inference, self.people) == 0
        assert self.token.totalSupply() == SUPPLY - self.burned + to_burn
        holders = [*self.people, self.disputes, self.staking, self.inference]
        assert sum(self.token.balanceOf(holder) for holder in holders) == self.token.totalSupply()
        by_answer: dict[bytes, int] = {}
        for match in self.matches:
            digest = self.inference.hashAnswer(match.answer)
            by_answer[digest] = by_answer.get(digest, 0) + (not match.state.phase.is_over)
        for digest, count in by_answer.items():
            assert self.inference.answerState(digest).openGames == count


class Match:
    """One game and what was revealed in it."""

    def __init__(self, world: GameWorld, game_id: bytes, answer: dict, challenger: Any) -> None:
        self.world, self.id, self.answer, self.challenger = world, game_id, answer, challenger
        self.levels: list[list[bytes]] = []
        self.chunk: bytes | None = None
        self.gas: list[tuple[str, int]] = []

    @property
    def state(self) -> Game:
        return Game.of(self.world.disputes.game(self.id))

    @property
    def phase(self) -> Phase:
        return self.state.phase

    @property
    def revealed(self) -> Revealed:
        return Revealed(self.levels, self.chunk)

    @property
    def won_by_challenger(self) -> bool:
        return self.phase == Phase.CHALLENGER_WON

    @property
    def won_by_operator(self) -> bool:
        return self.phase == Phase.OPERATOR_WON

    def call(self, verb: str, *args: Any, sender: Any) -> Receipt:
        """A transaction to `Disputes`, and what it revealed."""
        receipt = self.world.note(getattr(self.world.disputes, verb)(*args, sender=sender))
        self.gas.append((verb, receipt.gas_used))
        for event in receipt.events:
            if event.name in ("TraceRevealed", "NodesRevealed"):
                self.levels.append(event.children)
            elif event.name == "ChunkRevealed":
                self.chunk = event.chunk
        return receipt

    def send(self, move: Move, sender: Any = None) -> Receipt:
        """Plays a move; by default whoever may."""
        operators = move.verb.startswith("reveal")
        sender = sender or (self.world.frank if operators else self.challenger)
        return self.call(move.verb, *move.arguments(self.id, self.answer), sender=sender)

    def step(self, operator: OperatorMind, challenger: ChallengerMind) -> bool:
        """One move. False when the side to move has none, or (the operator's) one that is refused."""
        state = self.state
        assert len(self.gas) <= 1 + 2 * MOVES_PER_SIDE, "a game has an end"
        if state.phase.waits_for_challenger:
            move = challenger.move(state, self.revealed)
            if move is None:
                return False
            self.send(move)
            return True
        move = operator.move(state)
        try:
            if move is None:
                return False
            self.send(move)
        except Reverted:
            return False
        return True

    def play_until(self, phase: Phase, operator: OperatorMind, challenger: ChallengerMind) -> Match:
        """Plays up to a phase."""
        while self.phase != phase:
            assert not self.phase.is_over and self.step(operator, challenger), f"never came to {phase!r}"
        return self

    def play(self, operator: OperatorMind, challenger: ChallengerMind) -> Match:
        """Plays to the end; silence is claimed by whoever it is that waits."""
        while not self.phase.is_over:
            if not self.step(operator, challenger):
                self.time_out()
        return self

    def time_out(self, sender: Any = None) -> Receipt:
        """Lets the running turn pass and claims it."""
        self.world.evm.sleep(self.world.disputes.deadline(self.id) + 1 - self.world.evm.now)
        return self.claim(sender)

    def claim(self, sender: Any = None) -> Receipt:
        return self.call("claimTimeout", self.id, self.answer, sender=sender or self.world.charlie)

    def close_moot(self, sender: Any = None) -> Receipt:
        return self.call("closeMoot", self.id, self.answer, sender=sender or self.world.charlie)


__all__ = [
    "BOND",
    "BOUNTY",
    "CLOCK_SECONDS",
    "MOVE_SECONDS",
    "NO_EVIDENCE",
    "PENALTY",
    "GameWorld",
    "Match",
    "chain",
]
