"""The operator's side of disputes, played without anybody's help."""

from __future__ import annotations

from collections.abc import Callable

from opg.chain.connection import Chain
from opg.chain.events import REORG_BLOCKS
from opg.chain.sender import Sender
from opg.chain.structs import Answer
from opg.errors import TransactionRefused
from opg.game import OperatorMind, Phase
from opg.games import claim_when_due, play, read_game
from opg.log import say
from opg.node.store import Store
from opg.versions import LoadedVersion

MAX_MINDS = 4  # traces take much memory

Alarm = Callable[[str, str], None]  # reason and particulars; again while it lasts


class Defence:
    """Answers every move against this operator's answers. All it needs is in the store and on the chain.

    `clocks` is what is left, in seconds, by game in which it is this operator's turn; one below `alarm_seconds` is an alarm.
    """

    def __init__(
        self,
        chain: Chain,
        sender: Sender,
        versions: dict[int, LoadedVersion],
        store: Store,
        alarm_seconds: float = 3_600,
        alarm: Alarm = lambda *_: None,
    ) -> None:
        self.chain = chain
        self.sender = sender
        self.versions = versions
        self.store = store
        self.alarm_seconds = alarm_seconds
        self.alarm = alarm
        self.clocks: dict[bytes, float] = {}
        self._minds: dict[bytes, OperatorMind] = {}  # by answer; a trace takes time, so it is kept during the game

    def tick(self) -> None:
        """Moves in every game where it is the operator's turn, the most urgent first. What goes wrong in one does not stop the others; the
        first that nobody foresaw is raised at the end.
        """
        problems: list[Exception] = []
        try:
            self._recheck()
        except Exception as problem:
            problems.append(problem)
        games = self.store.games()
        self.clocks = {game_id: left for game_id, left in self.clocks.items() if game_id in {each for each, _ in games}}
        for game_id, answer in sorted(games, key=lambda each: self.clocks.get(each[0], 0)):
            try:
                self._move(game_id, answer)
            except TransactionRefused as problem:
                say("refused", doing="defending", game=game_id, why=self.chain.without_key(str(problem)))
            except Exception as problem:
                say(
                    "failed",
                    doing="defending",
                    game=game_id,
                    why=self.chain.without_key(f"{type(problem).__name__}: {problem}"),
                )
                problems.append(problem)
        if problems:
            raise problems[0]

    def _recheck(self) -> None:
        """Games whose end a re-organisation took away go on."""
        for game_id, head in self.store.games_ended():
            if not read_game(self.chain, game_id).phase.is_over:
                self.store.game_on(game_id)
            elif self.chain.head() > head + REORG_BLOCKS:
                self.store.game_buried(game_id)

    def _move(self, game_id: bytes, answer: Answer) -> None:
        game = read_game(self.chain, game_id)
        if game.phase == Phase.NONE:
            return  # a re-organisation took it away; it may come back
        if game.phase.is_over:
            won = game.phase == Phase.OPERATOR_WON
            say("dispute won" if won else "dispute lost", game=game_id)
            if not won:
                self.alarm("dispute_lost", f"game 0x{game_id.hex()}")
            self.store.game_over(game_id, self.chain.head())
            self.clocks.pop(game_id, None)
            self._minds.pop(answer.request, None)
            return
        if game.phase.waits_for_challenger:
            self.clocks.pop(game_id, None)
            claim_when_due(self.sender, game_id, answer)
            return
        deadline = int(self.chain.read("Disputes", "deadline", game_id))
        left = deadline - self.chain.now()
        self.clocks[game_id] = left
        if left < self.alarm_seconds:
            self.alarm("clock", f"game 0x{game_id.hex()} has {left} seconds left")
        if left < 0 and self.chain.head_time() > deadline:
            return  # too late; the challenger may claim
        mind = self._mind(answer)
        move = mind.move(game) if mind else None
        if move is not None:
            play(self.sender, game_id, answer, move)
            self.clocks.pop(game_id, None)
            say("defended", game=game_id, move=move.verb)

    def _mind(self, answer: Answer) -> OperatorMind | None:
        if answer.request not in self._minds:
            kept = self.store.answer_to(answer.request)
            version = self.versions.get(answer.version)
            if kept is None or version is None:
                self.alarm(
                    "cannot_defend", f"the data or the version of answer to 0x{answer.request.hex()} is not here"
                )
                return None
            while len(self._minds) >= MAX_MINDS:
                self._minds.pop(next(iter(self._minds)))
            self._minds[answer.request] = OperatorMind(version.trace(kept.inputs))
        return self._minds[answer.request]
