"""`opg guardian`: new business paused, and resumed, by the one account that may."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from opg.console import DEFAULT_RPC, Keystore, Manifest, Rpc, connect, moment, out, sender_of, table

guardian_app = typer.Typer(no_args_is_help=True, help="Pauses new business; exits, payments and disputes go on.")

HOUR_SECONDS = 3_600


class Business(StrEnum):
    """`IGuardian.Business`, in its order."""

    REQUESTS = "requests"
    CHANNELS = "channels"
    STAKING = "staking"

    @property
    def number(self) -> int:
        return list(Business).index(self)


What = Annotated[Business, typer.Argument(help="On-chain requests, deposits into channels, or new stake.")]


@guardian_app.command("show")
def show(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """Shows who the guardian is, what is paused, and for how long it may be."""
    chain = connect(rpc, manifest)
    longest, cooldown = (int(chain.read("Guardian", name)) for name in ("maxPauseSeconds", "cooldownSeconds"))
    now, rows = chain.now(), [("guardian", chain.read("Guardian", "guardian"))]
    for each in Business:
        until, pausable_from = chain.read("Guardian", "pauseOf", each.number)
        state = f"paused until {moment(until)}" if now <= until else "open"
        if now < pausable_from:
            state += f"; can be paused again from {moment(pausable_from)} on"
        rows.append((each.value, state))
    rows.append(
        ("longest pause", f"{longest / HOUR_SECONDS:g} hours, then {cooldown / HOUR_SECONDS:g} hours without one")
    )
    table("guardian", rows)


@guardian_app.command("pause")
def pause(
    what: What,
    hours: Annotated[float | None, typer.Option(min=0, help="How long (without it: as long as is allowed).")] = None,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Pauses new business of one kind. Only the guardian may."""
    sender = sender_of(connect(rpc, manifest), keystore)
    longest = int(sender.chain.read("Guardian", "maxPauseSeconds"))
    sender.send("Guardian", "pause", what.number, longest if hours is None else int(hours * HOUR_SECONDS))
    until, again = sender.chain.read("Guardian", "pauseOf", what.number)
    out.print(f"{what}: paused until {moment(until)}; it can be paused again from {moment(again)} on")


@guardian_app.command("resume")
def resume(what: What, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Ends a pause early. The time until the next one is not shortened by that."""
    sender = sender_of(connect(rpc, manifest), keystore)
    sender.send("Guardian", "resume", what.number)
    _, again = sender.chain.read("Guardian", "pauseOf", what.number)
    out.print(f"{what}: open; it can be paused again from {moment(again)} on")
