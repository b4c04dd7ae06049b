"""Our gas beside that of the best peer measured, each under its bound.

python -m scripts.gas_table

Reads tests/gas.json, which `make gas` writes from receipts of a real node: whole transactions, a second use. The peers were measured with the same
payload, 64 words in and 10 out, in the same way.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

GAS_FILE = Path(__file__).resolve().parents[1] / "tests" / "gas.json"
TX_GAS_CAP = 16_777_216  # EIP-7825


@dataclass(frozen=True)
class Row:
    """One unit of work: the names in tests/gas.json that it takes, our bound, and the best peer."""

    unit: str
    names: tuple[str, ...]
    bound: int
    peer: str
    divided_by: int = 1

    def gas(self, measured: dict[str, int]) -> int:
        """Ours, in whole gas, rounded up. Raises `KeyError` for what was never measured."""
        return -(-sum(measured[name] for name in self.names) // self.divided_by)


LIFE = ("Inference.request", "Inference.fulfil", "Inference.finalise with a callback")
ROWS = (
    Row("request, answer, callback, paid; disputable for a window", LIFE, 300_000, "Infernet 596,320 (unverified 368,472)"),
    Row("off-chain answer, in a batch of 1,000", ("Inference.commit",), 100, "Olas 142,157 (batch of 10)", 1_000),
    Row("voucher redeemed, shares of owner and ancestor", ("Channels.redeem with 1 ancestor",), 120_000,
        "The Graph 154,540 (no such shares)"),
    Row("slash", ("Staking.slash",), 75_000, "The Graph 78,448"),
    Row("liar who does not answer: open, claim", ("Disputes.open", "Disputes.claimTimeout"), 250_000,
        "OP Stack ≈612,000"),
    Row("full dispute, all moves of both sides, MiniLM's size", ("dispute of MiniLM's size, all moves",), 5_000_000,
        "OP Stack 28.2M, BoLD ≈31M a side"),
    Row("the same, MiniLM itself, half of all its operations", ("MiniLM's own dispute in any op: median",), 5_000_000, "–"),
    Row("the same, the dearest of its operations", ("MiniLM's own dispute in any op: most",), 5_000_000, "–"),
    Row("dearest proof of any operation, one transaction", ("Referee.element: dearest product",), TX_GAS_CAP, "–"),
)  # fmt: skip


def measured() -> dict[str, int]:
    """Gas by name."""
    return dict(json.loads(GAS_FILE.read_text()))


def main() -> int:
    gas, table = measured(), Table("unit of work", "ours", "at most", "best peer measured")
    for row in ROWS:
        table.add_row(row.unit, f"{row.gas(gas):,}", f"{row.bound:,}", row.peer)
    Console().print(table)
    return 0 if all(row.gas(gas) <= row.bound for row in ROWS) else 1


if __name__ == "__main__":
    sys.exit(main())
