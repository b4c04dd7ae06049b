"""The whole story on a private chain: a model is published, asked and paid, and a host that lies about one bit is judged.

    make demo
    make demo ARGS="--model digits"
    make demo ARGS="--lie-at OP:ELEMENT"

The model is magika, which tells of which kind a file is: it reads files of this repository. Its wheel is fetched by `make demo`; where
that cannot be, the digits model takes its place.

Real processes: an Ethereum node, two operators' nodes (one of them lies, see `scripts/liar.py`) and a watchtower. Everything they write goes to
a temporary folder. The exit code is zero only if the books balance to the last wei.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from opg.console import was_interrupted
from opg.errors import OPGError
from scripts.demo.story import Demo
from scripts.demo.subjects import chosen
from scripts.demo.telling import console


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM ends like Ctrl-C does, so that everything is cleaned up."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def place(text: str) -> tuple[int, int]:
    """`2:5` → operation 2, element 5."""
    op, _, element = text.partition(":")
    if not op.isdecimal() or not element.isdecimal():
        raise argparse.ArgumentTypeError("write it as OP:ELEMENT, like 2:5")
    return int(op), int(element)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="make demo", description="A model is published, asked and paid; a host that lies is judged."
    )
    parser.add_argument(
        "--model", choices=("magika", "digits"), help="which model; by default magika where it is installed"
    )
    parser.add_argument("--lie-at", type=place, metavar="OP:ELEMENT", help="which word the liar gets wrong")
    given = parser.parse_args()
    began = time.monotonic()
    try:
        with ended_by_signals(), ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="opg-demo-")))
            Demo(chosen(given.model), given.lie_at, folder, stack).play()
    except BaseException as problem:
        if was_interrupted(problem):
            console.print("\nstopped; nothing is left running")
            return 130
        if not isinstance(problem, OPGError):
            raise
        console.print(f"\n[bold red]error:[/] {problem}", markup=True, soft_wrap=True)
        if problem.advice:
            console.print(f"  → {problem.advice}", markup=False)
        return 1
    console.print(f"[dim]{time.monotonic() - began:.0f} seconds[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
