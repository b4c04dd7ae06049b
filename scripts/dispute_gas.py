"""What a dispute of a real model costs in all, whichever of its ops the lie is in: the games are played to their end on a real node.

    make models && python -m scripts.dispute_gas                    all ops of MiniLM
    python -m scripts.dispute_gas --model magika --every 8          each eighth

For each op the operator lies about the element that is dearest to prove. Gas is that of all moves of both sides, from receipts, the second game of its
accounts. Exits with 1 when the median is above its budget, or a transaction above the most that it may have.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from opg.game import ChallengerMind, OperatorMind
from opg.tensor.program import Kind
from tests.evm import TX_GAS_CAP, Evm
from tests.game_world import GameWorld
from tests.liars import corrupted
from tests.models import LADDER, MINILM, Ladder
from tests.proofs import Proofs

BUDGET = 5_000_000  # of the median


@dataclass(frozen=True)
class Dispute:
    """One game: where the lie was, and the gas of each move."""

    op: int
    kind: str
    moves: tuple[tuple[str, int], ...]

    @property
    def total(self) -> int:
        return sum(gas for _, gas in self.moves)


def world_of(model: Ladder, evm: Evm) -> GameWorld:
    """The model published, an answer to its first input, and one game over already."""
    compiled = model.compile()
    given = next(iter(model.inputs()))
    world = GameWorld(evm, compiled.program, [spec.to_words(given[spec.name]) for spec in compiled.inputs])
    lie = corrupted(world.honest, compiled.program.outputs[0], 0)
    world.open(world.answer(lie, request=b"\1" * 32)).time_out()
    return world


def disputes(world: GameWorld, ops: Iterable[int]) -> Iterator[Dispute]:
    """The game about a lie in each of these ops, always from the same state of the chain."""
    proofs = Proofs(Evm().deploy("Referee"), world.honest)
    for op in ops:
        element, _ = proofs.dearest(op)
        lie = corrupted(world.honest, op, element, continued=False)
        with world.aside():
            match = world.against(lie).play(OperatorMind(lie), ChallengerMind(world.honest))
            if not match.won_by_challenger or match.gas[-1][0] != "prove" or match.state.op_index != op:
                raise AssertionError(f"the lie in op {op} did not lose by a proof")
            yield Dispute(op, Kind(world.program.op(op).kind).name, tuple(match.gas))


def spread(values: list[int]) -> tuple[int, int, int, int]:
    """Least, median, 90th percentile, most; each of them one of the values."""
    return tuple(int(np.percentile(values, q, method="higher")) for q in (0, 50, 90, 100))  # type: ignore[return-value]


def main() -> int:
    parser = argparse.ArgumentParser(description="Gas of a dispute in each op of a real model.")
    names = [model.name for model in LADDER]
    parser.add_argument("--model", choices=names, default=MINILM.name)
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth op")
    given = parser.parse_args()
    evm = Evm("anvil")
    try:
        world = world_of(LADDER[names.index(given.model)], evm)
        ops = range(0, len(world.program.encoded), given.every)
        found = list(track(disputes(world, ops), given.model, len(ops), console=Console(stderr=True)))
    finally:
        evm.close()

    table = Table("lie in", "disputes", "least", "median", "90 %", "most", title=f"{given.model}: gas of all moves")
    for kind in ["any op", *sorted({each.kind for each in found})]:
        totals = [each.total for each in found if kind in ("any op", each.kind)]
        table.add_row(kind, str(len(totals)), *(f"{value:,}" for value in spread(totals)))
    Console().print(table)
    _, median, _, _ = spread([each.total for each in found])
    largest = max(gas for each in found for _, gas in each.moves)
    print(f"the largest transaction: {largest:,}")
    return 0 if median <= BUDGET and largest < TX_GAS_CAP else 1


if __name__ == "__main__":
    sys.exit(main())
