"""`opg escrow`: what pays for questions asked with the opengradient SDK."""

from __future__ import annotations

from typing import Annotated

import typer

from opg.console import DEFAULT_RPC, Amount, Keystore, Manifest, Rpc, address, amount, connect, out, sender_of, shown
from opg.errors import BadInput

escrow_app = typer.Typer(no_args_is_help=True, help="Deposits that pay for questions asked with the opengradient SDK.")


@escrow_app.command("deposit")
def deposit(
    quantity: Amount,
    max_fee: Annotated[str, typer.Option("--max-fee", help="In OPG: what you pay at most for one answer.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Pays OPG into your escrow; again to add to it."""
    from opg import facade

    sender = sender_of(connect(rpc, manifest), keystore)
    at = facade.deposit(sender, amount(quantity), amount(max_fee))
    out.print(f"escrow {at}: {shown(facade.available(sender.chain, sender.address))}")
    out.print(f"inference_contract_address: {sender.chain.deployment.address(facade.FACADE)}")


@escrow_app.command("withdraw")
def withdraw(
    quantity: Annotated[str, typer.Argument(help="In OPG; all when it is left away.")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Takes OPG out of your escrow, with what came back from late and lying operators."""
    from opg import facade

    taken = facade.withdraw(sender_of(connect(rpc, manifest), keystore), amount(quantity) if quantity else None)
    out.print(f"withdrawn: {shown(taken)}")


@escrow_app.command("prefer")
def prefer(
    cid: Annotated[str, typer.Argument(help="The model's content identifier, as you ask for it.")],
    version_id: Annotated[int, typer.Option("--version-id", min=0, help="What it means for you; 0: as for all.")] = 0,
    operator: Annotated[str, typer.Option("--operator", help="Who is asked (without it: the cheapest listed).")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Chooses your own version, or operator, for a model. Check the version first: opg model check."""
    from opg import facade
    from opg.chain.structs import NO_ADDRESS

    sender = sender_of(connect(rpc, manifest), keystore)
    who = address(operator) if operator else NO_ADDRESS
    sender.send(facade.FACADE, "prefer", cid, version_id, who)
    meant = f"version {version_id}" if version_id else "the version that it means for all"
    out.print(f"{cid}: {meant}, answered by {operator or 'the cheapest operator that its owner lists'}")


@escrow_app.command("status")
def status(
    user: Annotated[str, typer.Argument(help="Address.")], rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None
) -> None:
    """Shows what is in an escrow."""
    from opg import facade

    chain = connect(rpc, manifest)
    left = facade.available(chain, address(user))
    out.print(f"{shown(left)}, at most {shown(chain.read(facade.FACADE, 'maxFeeOf', address(user)))} for an answer")


def explain(data: Annotated[str, typer.Argument(help="What came back instead of an answer: 0x…")]) -> None:
    """Says what a contract's refusal means, where another program shows it as hexadecimal."""
    from opg.chain.artifacts import decode_error
    from opg.errors import TransactionRefused

    try:
        name, arguments = decode_error(bytes.fromhex(data.removeprefix("0x")))
    except ValueError:
        raise BadInput(f"{data[:80]!r} is not hexadecimal", "copy all of it, from 0x on") from None
    meant = TransactionRefused("refused", name, arguments)
    out.print(str(meant))
    out.print(f"→ {meant.advice}")
