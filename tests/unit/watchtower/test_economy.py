"""How much of the chain is read: what is new, not all of it for every answer and every move."""

from __future__ import annotations

import pytest

from opg.chain import EventReader
from opg.lookback import find_back
from opg.watchtower import Watchtower
from scripts.stage import DIGITS
from tests.watching import ask_on_chain, refuted

SPAN, OLD_BLOCKS, ROUNDS = 25, 500, 14


@pytest.fixture
def spans(stage, monkeypatch):
    """Asks for logs so far, on an old chain whose node gives few blocks at once."""
    asked = []
    ask = EventReader._logs
    monkeypatch.setattr(EventReader, "_logs", lambda *given: asked.append(given[1:]) or ask(*given))
    monkeypatch.setattr("opg.chain.events.MAX_SPAN", SPAN)
    for module in ("opg.chain.events", "opg.lookback"):
        monkeypatch.setattr(f"{module}.SPAN", SPAN)
    stage.local.rpc("anvil_mine", hex(OLD_BLOCKS))
    return asked


def test_an_answer_on_chain_and_its_dispute_read_the_newest_blocks_only(stage, tower, liar, user, picture, spans):
    """By a watchtower that is started again before every move."""
    tower.tick()
    assert len(spans) >= OLD_BLOCKS // SPAN
    _, wrong = ask_on_chain(stage, user, liar, picture())
    for _ in range(ROUNDS):
        spans.clear()
        tower.tick()
        assert len(spans) < OLD_BLOCKS // SPAN / 2  # most for the blocks that are read again
        liar.node.tick()
        tower.close()
        tower = Watchtower(stage.chain, tower.sender, [DIGITS], tower.notes.path)
    assert refuted(stage, wrong.digest)


def test_what_is_looked_for_backwards_is_the_newest(stage, liar, user, picture, spans):
    """Of two offers of one operator; none of another; none before the first."""
    blocks = [liar.operator.send("Inference", "offer", 1, price).receipt["blockNumber"] for price in (5, 6)]
    word = bytes(12) + bytes.fromhex(liar.address[2:])
    stage.local.rpc("anvil_mine", hex(3 * SPAN))
    found = [find_back(stage.chain, "Inference", "Offered", word, last) for last in (None, *reversed(blocks))]
    assert [event.args["price"] for event in found] == [6, 6, 5]
    assert [event.block for event in found] == [blocks[1], blocks[1], blocks[0]]
    assert find_back(stage.chain, "Inference", "Offered", bytes(32)) is None
