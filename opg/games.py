"""Playing on chain what `opg.game` decides: reading games, sending moves, claiming time that ran out."""

from __future__ import annotations

from opg.chain.connection import Chain
from opg.chain.events import find_events
from opg.chain.sender import Sender, Sent
from opg.chain.structs import Answer
from opg.errors import StaleView
from opg.game import Game, Move, Revealed
from opg.lookback import find_back

SHOWN = [("Disputes", "TraceRevealed"), ("Disputes", "NodesRevealed"), ("Disputes", "ChunkRevealed")]


def read_game(chain: Chain, game_id: bytes) -> Game:
    """A game as it stands."""
    return Game.of(chain.read("Disputes", "game", game_id))


def opening_block(chain: Chain, game_id: bytes) -> int:
    """In which block a game began. Raises `StaleView` when its opening is not there (yet)."""
    opened = find_back(chain, "Disputes", "Opened", game_id)
    if opened is None:
        raise StaleView("the opening of a game is not to be found", "nothing: it is looked for again")
    return opened.block


def read_revealed(chain: Chain, game_id: bytes, start: int) -> Revealed:
    """What the operator has shown in a game so far, from the events since block `start`."""
    levels: list[list[bytes]] = []
    chunk = None
    for event in find_events(chain, SHOWN, game_id, start):
        if event.name == "ChunkRevealed":
            chunk = bytes(event.args["chunk"])
        else:
            levels.append([bytes(child) for child in event.args["children"]])
    return Revealed(levels, chunk)


def play(sender: Sender, game_id: bytes, answer: Answer, move: Move) -> Sent:
    """Sends a move."""
    return sender.send("Disputes", move.verb, *move.arguments(game_id, answer.abi()), label=f"Disputes.{move.verb}")


def claim_when_due(sender: Sender, game_id: bytes, answer: Answer) -> bool:
    """Ends a game whose other side let its time run out; False when it still has time."""
    deadline = int(sender.chain.read("Disputes", "deadline", game_id))
    if deadline == 0 or sender.chain.now() <= deadline:
        return False
    sender.send("Disputes", "claimTimeout", game_id, answer.abi())
    return True
