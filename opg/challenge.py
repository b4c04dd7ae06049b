"""The challenger's side of one dispute, from the wrong answer to the verdict."""

from __future__ import annotations

from dataclasses import dataclass

from opg.chain.connection import Chain
from opg.chain.events import emitted
from opg.chain.sender import Sender, Sent
from opg.chain.structs import Answer, Evidence
from opg.errors import NoBond, NothingToDispute, StaleView
from opg.game import Blame, ChallengerMind, Game, Phase, Pick, Prove
from opg.games import claim_when_due, opening_block, play, read_game, read_revealed
from opg.log import say
from opg.tensor import Kind
from opg.versions import LoadedVersion, bundle
from opg.words import shown


@dataclass(frozen=True)
class Case:
    """A wrong answer, and what shows whose it is. `inputs` are packed words."""

    digest: bytes
    answer: Answer
    inputs: tuple[bytes, ...]
    evidence: Evidence


def is_right(version: LoadedVersion, answer: Answer, inputs: tuple[bytes, ...]) -> bool:
    """Executes again and compares. Raises `NothingToDispute` when these are not the answer's inputs."""
    if bundle(inputs) != answer.input:
        raise NothingToDispute("the inputs at hand are not the answer's", "get the right ones from the operator")
    return bundle(version.execute(inputs)) == answer.output


class Challenge:
    """One game, played move by move. Nothing is remembered here that cannot be read from the chain again."""

    def __init__(self, sender: Sender, version: LoadedVersion, case: Case) -> None:
        self.sender = sender
        self.chain: Chain = sender.chain
        self.version = version
        self.case = case
        self.game_id = bytes(self.chain.read("Disputes", "gameIdOf", case.digest, sender.address))
        self.opened_in: int | None = None  # block
        self._mind: ChallengerMind | None = None

    def step(self) -> bool:
        """Does what is to do now, at most one move. True: the dispute is over."""
        game = read_game(self.chain, self.game_id)
        if game.phase == Phase.NONE:
            if self._refuted():
                say("already refuted", answer=self.case.digest)
                return True
            self._open()
        elif game.phase.is_over:
            say("dispute won" if game.phase == Phase.CHALLENGER_WON else "dispute lost", game=self.game_id)
            return True
        elif self._refuted():
            self.sender.send("Disputes", "closeMoot", self.game_id, self.case.answer.abi())
            say("closed", game=self.game_id, why="another game refuted the answer")
        elif game.phase.waits_for_operator:
            if claim_when_due(self.sender, self.game_id, self.case.answer):
                say("claimed", game=self.game_id, why="the operator is silent")
        else:
            self._move(game)
        return False

    def _open(self) -> None:
        bond = int(self.chain.read("Disputes", "bond"))
        me, disputes = self.sender.address, self.chain.deployment.address("Disputes")
        balance = int(self.chain.read("OPG", "balanceOf", me))
        if balance < bond:
            raise NoBond(
                f"{me} has {shown(balance)}, a dispute needs a bond of {shown(bond)}",
                "send it some, or fetch bonds that came back: opg collect",
            )
        if self.chain.read("OPG", "allowance", me, disputes) < bond:
            self.sender.send("OPG", "approve", disputes, bond)
        sent = self.sender.send("Disputes", "open", self.case.answer.abi(), self.case.evidence.abi())
        self.opened_in = int(sent.receipt["blockNumber"])
        say("opened a dispute", game=self.game_id, operator=self.case.answer.operator, bond=bond)

    def _move(self, game: Game) -> None:
        if self._mind is None:
            self._mind = ChallengerMind(self.version.trace(self.case.inputs))
        try:
            if self.opened_in is None:
                self.opened_in = opening_block(self.chain, self.game_id)
            move = self._mind.move(game, read_revealed(self.chain, self.game_id, self.opened_in))
        except StaleView:
            self.opened_in = None  # the game may begin in another block now
            raise
        if move is None:
            raise NothingToDispute("the operator's computation is the same as ours", "check the model file")
        sent = play(self.sender, self.game_id, self.case.answer, move)
        if isinstance(move, Pick):
            say("narrowed down", game=self.game_id, child=move.child)
        elif isinstance(move, Blame):
            index = read_game(self.chain, self.game_id).op_index
            op = self.version.program.op(index)
            kind = Kind(op.kind).name if op else "malformed"
            say("blamed", game=self.game_id, op=index, kind=kind)
        elif isinstance(move, Prove):
            self._tell_verdict(sent)

    def _tell_verdict(self, sent: Sent) -> None:
        for args in emitted(self.chain, sent, "Disputes", "Proven"):
            say(
                "proved",
                game=self.game_id,
                op=args["opIndex"],
                element=args["element"],
                claimed=f"0x{args['claimed']:08x}",
                right=f"0x{args['right']:08x}",
            )

    def _refuted(self) -> bool:
        return bool(self.chain.read("Inference", "answerState", self.case.digest)[2])
