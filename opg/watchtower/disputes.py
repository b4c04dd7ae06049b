"""Which wrong answers are worth a bond, in which order, and playing their games to the end."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable

from opg.chain.events import REORG_BLOCKS
from opg.chain.sender import Sender
from opg.challenge import Case, Challenge
from opg.errors import ChainUnreachable, NoBond, NothingToDispute, OPGError, StaleView, TransactionRefused
from opg.game import Phase
from opg.games import read_game
from opg.log import say
from opg.lookback import find_back
from opg.versions import LoadedVersion
from opg.watchtower.notes import Notes
from opg.words import shown

BPS = 10_000
VersionOf = Callable[[int], LoadedVersion | None]  # by number; None: its model is not here
ENDS = {"WindowOver": "late", "AnswerRefuted": "moot"}  # refusals after which nothing is left to do


def worth(penalty: int, burn_bps: int, stake: int) -> int:
    """Wei that the first game to win against an answer brings, when its operator has so much own stake left."""
    lost = min(penalty, max(0, stake))
    return lost - -(-lost * burn_bps // BPS)


class Disputes:
    """Plays the cases that are in the notes. Never more than `budget` wei in bonds are out at once; None: as much as there is."""

    def __init__(self, sender: Sender, notes: Notes, budget: int | None = None) -> None:
        self.sender, self.chain, self.notes = sender, sender.chain, notes
        read = self.chain.read
        self.bond, self.penalty = int(read("Disputes", "bond")), int(read("Disputes", "penalty"))
        self.burn_bps = int(read("Staking", "burnBps"))
        self.budget = budget
        self._challenges: dict[bytes, Challenge] = {}
        self._complaints: dict[bytes, str] = {}
        self._looked: set[bytes] = set()
        self._playing: set[bytes] = set()  # also what a full disk keeps from the notes
        self._poor = False

    @property
    def bonds_out(self) -> int:
        """Wei in games that run."""
        return self.bond * len(self._cases()[0])

    def _cases(self) -> tuple[list[Case], list[Case]]:
        """Those that are played, and those that wait."""
        playing, waiting = self.notes.cases("playing"), []
        for case in self.notes.cases("waiting"):
            (playing if case.digest in self._playing else waiting).append(case)
        return playing, waiting

    def _note(self, digest: bytes, state: str, bounty: int = 0, ended: int = 0) -> None:
        """A game's clock waits for no disk: what cannot be written is known until this process ends, and found again by the next one."""
        (self._playing.add if state == "playing" else self._playing.discard)(digest)
        try:
            self.notes.case_state(digest, state, bounty, ended)
        except sqlite3.Error as problem:
            say("cannot note", answer=digest, state=state, why=str(problem))

    def tick(self, version_of: VersionOf) -> None:
        """At most one move in each running game; then new games, the most valuable first, as far as the bonds go."""
        self._find_running()
        self._recheck()
        for case in self._cases()[0]:
            self._guarded(case, version_of)
        playing, waiting = self._cases()
        if not waiting:
            return
        out = self.bond * len(playing)
        stakes, relied_on = self._stakes(playing, waiting), self.notes.on_chain()

        def value(case: Case) -> tuple[int, bool]:
            """The bounty; then answers on chain, whose users get their fees back."""
            return worth(self.penalty, self.burn_bps, stakes[case.answer.operator]), case.digest in relied_on

        while waiting and self._affordable(out):
            case = max(waiting, key=value)
            waiting.remove(case)
            if value(case) <= (0, False):  # nothing to win, and nobody can rely on it
                self._drop_late(case)
                continue
            if self._guarded(case, version_of):
                out += self.bond
                stakes[case.answer.operator] -= self.penalty

    def _stakes(self, playing: list[Case], waiting: list[Case]) -> Counter[str]:
        """Own stake by operator, without what the games that run will take."""
        found: Counter[str] = Counter()
        for operator in {case.answer.operator for case in waiting}:
            active, thawing, _ = self.chain.read("Staking", "stakeOf", operator)
            found[operator] = int(active) + int(thawing)
        for case in playing:
            found[case.answer.operator] -= self.penalty
        return found

    def _affordable(self, out: int) -> bool:
        if self.budget is not None and out + self.bond > self.budget:
            return False
        me = self.sender.address
        if int(self.chain.read("OPG", "balanceOf", me)) >= self.bond:
            self._poor = False
            return True
        if int(self.chain.read("Disputes", "creditOf", me)) >= self.bond:  # bonds that came back
            self.sender.send("Disputes", "withdrawCredit", me)
            return True
        if not self._poor:
            say(
                "cannot dispute",
                why=f"{me} has too few OPG: a dispute needs a bond of {shown(self.bond)}",
                advice="send it some",
            )
        self._poor = True
        return False

    def _find_running(self) -> None:
        """Games that were opened before this process began, or whose opening was not noted."""
        for case in self.notes.cases("waiting"):
            if case.digest not in self._looked:
                self._looked.add(case.digest)
                if self._phase(case) != Phase.NONE:
                    self._note(case.digest, "playing")

    def _recheck(self) -> None:
        """Cases whose end a re-organisation took away go on."""
        for case, state in self.notes.just_ended(max(0, self.chain.head() - REORG_BLOCKS)):
            if state in ("won", "moot"):
                stands = bool(self.chain.read("Inference", "answerState", case.digest)[2])
            else:
                stands = state != "lost" or self._phase(case) == Phase.OPERATOR_WON
            if not stands:
                say("a re-organisation took an end away", answer=case.digest, was=state)
                self._looked.discard(case.digest)
                self._note(case.digest, "waiting")

    def _guarded(self, case: Case, version_of: VersionOf) -> bool:
        """One step. Whether a game runs now. Whatever is wrong with this one, the others' clocks run, too."""
        try:
            return self._step(case, version_of)
        except ChainUnreachable:
            raise
        except Exception as problem:
            self._complain(case, problem)
            return self._phase(case) not in (Phase.NONE, Phase.OPERATOR_WON, Phase.CHALLENGER_WON)

    def _step(self, case: Case, version_of: VersionOf) -> bool:
        version = version_of(case.answer.version)
        if version is None:
            return False
        if case.digest not in self._challenges:
            self._challenges[case.digest] = Challenge(self.sender, version, case)
        challenge = self._challenges[case.digest]
        challenge.case = case  # its evidence may be another one now
        over = False
        try:
            over = challenge.step()
        except TransactionRefused as problem:
            self._complain(case, problem)
            if problem.name in ENDS:
                self._end(case, ENDS[problem.name])
                return False
        except (NothingToDispute, NoBond, StaleView) as problem:
            self._complain(case, problem)
        phase = read_game(self.chain, challenge.game_id).phase
        if over:
            ended = {Phase.CHALLENGER_WON: "won", Phase.OPERATOR_WON: "lost"}.get(phase, "moot")
            self._end(case, ended, self._bounty(challenge.game_id) if ended == "won" else 0)
            return False
        running = phase != Phase.NONE
        self._note(case.digest, "playing" if running else "waiting")
        return running

    def _phase(self, case: Case) -> Phase:
        game = bytes(self.chain.read("Disputes", "gameIdOf", case.digest, self.sender.address))
        return read_game(self.chain, game).phase

    def _bounty(self, game_id: bytes) -> int:
        event = find_back(self.chain, "Disputes", "ChallengerWon", game_id)
        return int(event.args["bounty"]) if event else 0

    def _drop_late(self, case: Case) -> None:
        """By the chain's clock: this machine's may be wrong, and what is dropped stays so."""
        try:
            _, until = self.chain.read("Inference", "liability", case.answer.abi(), case.evidence.abi())
        except TransactionRefused:
            return
        if int(until) < self.chain.head_time():
            self._end(case, "late")

    def _end(self, case: Case, state: str, bounty: int = 0) -> None:
        self._note(case.digest, state, bounty, self.chain.head())
        self._challenges.pop(case.digest, None)
        self._complaints.pop(case.digest, None)

    def _complain(self, case: Case, problem: Exception) -> None:
        """Says what is in the way, once for as long as it is the same."""
        why = str(problem) if isinstance(problem, OPGError) else f"{type(problem).__name__}: {problem}"
        if self._complaints.get(case.digest) != why:
            self._complaints[case.digest] = why
            say("cannot dispute", answer=case.digest, why=why, advice=getattr(problem, "advice", ""))
