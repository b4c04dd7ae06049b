"""The operator's side of disputes, played without anybody's help."""

from __future__ import annotations

from opg.chain.connection import Chain
from opg.chain.sender import Sender
from opg.chain.structs import Answer
from opg.errors import TransactionRefused
from opg.game import OperatorMind, Phase
from opg.games import claim_when_due, play, read_game
from opg.log import say
from opg.node.store import Store
from opg.versions import LoadedVersion


class Defence:
    """Answers every move against this operator's answers. All it needs is in the store and on the chain."""

    def __init__(self, chain: Chain, sender: Sender, versions: dict[int, LoadedVersion], store: Store) -> None:
        self.chain = chain
        self.sender = sender
        self.versions = versions
        self.store = store
        self._minds: dict[
            bytes, OperatorMind
        ] = {}  # by answer; a trace takes time and memory, so it is kept during the game

    def tick(self) -> None:
        """Moves in every game where it is the operator's turn."""
        for game_id, answer in self.store.games():
            try:
                self._move(game_id, answer)
            except TransactionRefused as problem:
                say("refused", doing="defending", game=game_id, why=str(problem))

    def _move(self, game_id: bytes, answer: Answer) -> None:
        game = read_game(self.chain, game_id)
        if game.phase.is_over:
            won = game.phase == Phase.OPERATOR_WON
            say("dispute won" if won else "dispute lost", game=game_id)
            self.store.game_over(game_id)
            self._minds.clear()
            return
        if game.phase.waits_for_challenger:
            claim_when_due(self.sender, game_id, answer)
            return
        if self.chain.now() > self.chain.read("Disputes", "deadline", game_id):
            return  # too late; the challenger may claim
        mind = self._mind(answer)
        move = mind.move(game) if mind else None
        if move is not None:
            play(self.sender, game_id, answer, move)
            say("defended", game=game_id, move=move.verb)

    def _mind(self, answer: Answer) -> OperatorMind | None:
        if answer.request not in self._minds:
            kept = self.store.answer_to(answer.request)
            version = self.versions.get(answer.version)
            if kept is None or version is None:
                say("cannot defend", answer=answer.request, why="its data or its version is not here")
                return None
            self._minds[answer.request] = OperatorMind(version.trace(kept.inputs))
        return self._minds[answer.request]
