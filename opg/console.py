"""What all commands share: options, the console, amounts, and how errors are told."""

from __future__ import annotations

import signal
import sys
import threading
from decimal import Decimal, Inexact, InvalidOperation, Overflow, Subnormal, localcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from opg.errors import BadInput, OPGError
from opg.words import OPG
from opg.words import harmless as harmless
from opg.words import moment as moment
from opg.words import percent as percent
from opg.words import shown as shown

if TYPE_CHECKING:
    from opg.chain import Chain, Sender

DEFAULT_RPC = "http://127.0.0.1:8545"

MAX_WEI = 1 << 255  # what contracts take as a number; most of them refuse far less
DIGITS = 100
PIPED = 500  # what another program reads is not folded
# what is printed stays what it is: `:x:` no picture, for it may be signed
out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED)
err = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

Rpc = Annotated[str, typer.Option("--rpc", envvar="OPG_RPC", help="Ethereum node, http(s) URL.")]
Manifest = Annotated[
    Path | None,
    typer.Option(
        "--manifest",
        envvar="OPG_MANIFEST",
        help="Deployment manifest (without it: deployments/CHAIN_ID/manifest.json).",
    ),
]
Keystore = Annotated[
    Path | None,
    typer.Option(
        "--keystore", envvar="OPG_KEYSTORE", help="Encrypted keystore (without it: the key in OPG_PRIVATE_KEY)."
    ),
]
Data = Annotated[Path, typer.Option("--data", envvar="OPG_DATA", help="Folder of what must be kept.")]
VersionId = Annotated[int, typer.Option("--version-id", min=1, help="Number of the model version.")]
Operator = Annotated[str, typer.Option("--operator", help="The operator's address.")]
Who = Annotated[str, typer.Argument(help="Address (without it: yours).")]
Bindings = Annotated[str, typer.Option("--bind", help="Dynamic axes: batch=1,sequence=128.")]
Model = Annotated[Path, typer.Argument(help="The ONNX file.")]
Amount = Annotated[str, typer.Argument(help="In OPG, like 12.5.")]

HERE = Path(".opg")


def tell(problem: OPGError) -> None:
    """One line, and what to do next."""
    err.print(f"[bold red]error:[/] {_plain(str(problem))}")
    if problem.advice:
        err.print(f"  [dim]→[/] {_plain(problem.advice)}")


def connect(rpc: str, manifest: Path | None) -> Chain:
    """The chain with its deployment."""
    from opg.chain import Chain, Deployment
    from opg.chain.deployment import manifest_path

    chain = Chain(rpc)
    chain.deployment = Deployment.load(manifest or manifest_path(chain.id))
    return chain


def sender_of(chain: Chain, keystore: Path | None) -> Sender:
    """Sends with the caller's key."""
    from opg.chain import Sender, load_account

    return Sender(chain, load_account(keystore))


def account_of(chain: Chain, who: str, keystore: Path | None) -> str:
    """The account that is named; without a name the caller's own."""
    return address(who) if who else sender_of(chain, keystore).address


def amount(text: str) -> int:
    """Wei of a decimal amount of OPG: `12.5`."""
    try:
        value = _scaled(text, OPG)
    except ArithmeticError:
        raise BadInput(f"{text!r} is not an amount", "write it in OPG, like 12.5") from None
    if not 0 <= value < MAX_WEI or value != value.to_integral_value():
        raise BadInput(f"{text!r} is not an amount of OPG", "write it in OPG, like 12.5, with at most 18 decimals")
    return int(value)


def basis_points(text: str) -> int:
    """Hundredths of a percent of a decimal number of percent: `12.5`."""
    try:
        value = _scaled(text, 100)
    except ArithmeticError:
        value = Decimal(-1)
    if not 0 <= value <= 10_000 or value != value.to_integral_value():
        raise BadInput(f"{text!r} is not a share", "write percent, like 12.5, with at most 2 decimals")
    return int(value)


def _scaled(text: str, unit: int) -> Decimal:
    """The product, exactly. Raises `ArithmeticError` for what is no finite number, or has more digits than anybody needs."""
    with localcontext(prec=DIGITS, Emax=DIGITS, Emin=-DIGITS, traps=[InvalidOperation, Overflow, Inexact, Subnormal]):
        value = Decimal(text) * unit
    if not value.is_finite():
        raise InvalidOperation
    return value


def _plain(text: str) -> str:
    return harmless(text).replace("[", r"\[")


def table(title: str, rows: list[tuple[str, Any]]) -> None:
    """Prints names and values."""
    shape = Table(title=title, show_header=False, title_justify="left")
    shape.add_column()
    shape.add_column(overflow="fold")
    for name, value in rows:
        shape.add_row(harmless(name), harmless(str(value)))
    out.print(shape, soft_wrap=False)


def address(text: str) -> str:
    """An address with its checksum. Raises `BadInput` for a mistyped one."""
    from opg.addresses import checked

    return checked(text)


def hash_of(text: str) -> bytes:
    """32 bytes in hexadecimal: the id of a request. Raises `BadInput`."""
    try:
        made = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        made = b""
    if len(made) != 32:
        raise BadInput(f"{text[:80]!r} is no id", "copy all of it: 0x and 64 hexadecimal digits")
    return made


def stop_event() -> threading.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def was_interrupted(problem: BaseException | None) -> bool:
    """Whether Ctrl-C is behind it: a library in C that is being loaded makes an ImportError of it."""
    seen: list[BaseException] = []  # `raise e from e` goes round in a circle
    while problem is not None and problem not in seen and not isinstance(problem, KeyboardInterrupt):
        seen.append(problem)
        problem = problem.__cause__ or (None if problem.__suppress_context__ else problem.__context__)
    return isinstance(problem, KeyboardInterrupt)
