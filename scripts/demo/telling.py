"""How the demo speaks."""

from __future__ import annotations

import struct

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from opg.chain.deploying import OPG
from opg.errors import OPGError

console = Console(highlight=False)


def tell(text: str) -> None:
    console.print(Padding(text, (0, 0, 0, 3)))


def show(*columns: str, rows: list[tuple[str, ...]], title: str = "", left: int = 1) -> None:
    """A table whose columns behind the first `left` ones are numbers."""
    table = Table(*columns, title=title or None, title_justify="left")
    for column in table.columns[left:]:
        column.justify = "right"
    for row in rows:
        table.add_row(*row)
    console.print(table)


def expect(holds: bool, what: str) -> None:
    """The demo ends here when something is not as it should be."""
    if not holds:
        raise OPGError(f"not as it should be: expected that {what}")


def opg(wei: int) -> str:
    """Wei as OPG, with all its digits."""
    sign, wei = ("-" if wei < 0 else ""), abs(wei)
    text = f"{wei // OPG:,}.{wei % OPG:018d}".rstrip("0").rstrip(".")
    return sign + text


def as_float(word: int) -> str:
    """A word as the float32 that it is, with nine digits."""
    return f"{struct.unpack('>f', word.to_bytes(4, 'big'))[0]:.9g}"
