"""`opg channel`: deposits that pay for off-chain answers, and the keys that may sign for them."""

from __future__ import annotations

from typing import Annotated

import typer

from opg.console import (
    DEFAULT_RPC,
    Amount,
    Keystore,
    Manifest,
    Operator,
    Rpc,
    address,
    amount,
    connect,
    moment,
    out,
    sender_of,
    shown,
)
from opg.errors import BadInput

channel_app = typer.Typer(no_args_is_help=True, help="Deposits that pay for off-chain answers.")
key_app = typer.Typer(no_args_is_help=True, help="Session keys: they sign vouchers for you, and can do nothing else.")
channel_app.add_typer(key_app, name="key")

Key = Annotated[str, typer.Argument(help="The session key's address.")]
DAY_SECONDS = 86_400


@channel_app.command("open")
def channel_open(
    operator: Operator,
    quantity: Amount,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Deposits OPG for one operator; again to add to it."""
    from opg import actions

    sender = sender_of(connect(rpc, manifest), keystore)
    actions.open_channel(sender, address(operator), amount(quantity))
    deposited, _ = sender.chain.read("Channels", "channel", sender.address, address(operator))
    out.print(f"deposit: {shown(deposited)}")


@channel_app.command("close")
def channel_close(
    operator: Operator,
    cancel: Annotated[bool, typer.Option("--cancel", help="Stay after all: the deposit pays again.")] = False,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Begins to take the deposit out; the same command again takes it, once the operator had time to
    redeem.
    """
    sender = sender_of(connect(rpc, manifest), keystore)
    operator = address(operator)
    deposited, closable_at = sender.chain.read("Channels", "channel", sender.address, operator)
    again = f"opg channel close --operator {operator}"
    if cancel:
        sender.send("Channels", "cancelClose", operator)
        out.print(f"stays open; deposit: {shown(deposited)}")
    elif not closable_at:
        sender.send("Channels", "startClose", operator)
        _, closable_at = sender.chain.read("Channels", "channel", sender.address, operator)
        out.print(f"closing; the rest is yours from {moment(closable_at)} on: {again}")
    elif sender.chain.now() < closable_at:
        raise BadInput(
            f"the operator has until {moment(closable_at)} to redeem", f"wait until then: {again}; or stay: --cancel"
        )
    else:
        sender.send("Channels", "finishClose", operator)
        out.print("closed")


@channel_app.command("status")
def channel_status(
    payer: Annotated[str, typer.Argument(help="Address.")],
    operator: Operator,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
) -> None:
    """Shows a deposit."""
    chain = connect(rpc, manifest)
    deposited, closable_at = chain.read("Channels", "channel", address(payer), address(operator))
    out.print(f"deposit: {shown(deposited)}" + (f", closing at {moment(closable_at)}" if closable_at else ""))


@key_app.command("authorise")
def key_authorise(
    key: Key,
    days: Annotated[
        float, typer.Option(min=0, help="How long, from now on; nodes take no key that ends within two days.")
    ] = 30.0,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Lets a key sign vouchers for you, with all your operators. Again: another time."""
    sender = sender_of(connect(rpc, manifest), keystore)
    until = sender.chain.now() + int(days * DAY_SECONDS)
    sender.send("Channels", "authoriseKey", address(key), until)
    out.print(f"{address(key)} signs for {sender.address} until {moment(until)}")


@key_app.command("revoke")
def key_revoke(key: Key, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Ends a key's time. What it has signed stays good for as long as a channel takes to close."""
    sender = sender_of(connect(rpc, manifest), keystore)
    sender.send("Channels", "revokeKey", address(key))
    until = sender.chain.read("Channels", "keyUntil", sender.address, address(key))
    out.print(f"{address(key)} signs for {sender.address} until {moment(until)}, and no longer")


@key_app.command("status")
def key_status(
    payer: Annotated[str, typer.Argument(help="Address of who pays.")],
    key: Key,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
) -> None:
    """Shows until when a key signs for somebody."""
    chain = connect(rpc, manifest)
    until = chain.read("Channels", "keyUntil", address(payer), address(key))
    now = chain.now()
    out.print("never authorised" if not until else f"until {moment(until)}" + ("" if now <= until else ": no longer"))
