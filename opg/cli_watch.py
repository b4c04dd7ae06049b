"""`opg watch`: judging what operators have answered, and looking at what came of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from opg.console import (
    DEFAULT_RPC,
    HERE,
    Data,
    Keystore,
    Manifest,
    Rpc,
    amount,
    connect,
    sender_of,
    shown,
    stop_event,
    table,
)
from opg.errors import BadInput

watch_app = typer.Typer(
    invoke_without_command=True,
    help="Executes answers again and disputes wrong ones; with `status`: shows what came of it.",
)


@watch_app.callback()
def watch(
    context: typer.Context,
    model: Annotated[list[Path] | None, typer.Option(help="ONNX files of the versions to judge.")] = None,
    sample: Annotated[float, typer.Option(min=0, max=1, help="Share of the batched answers to execute again.")] = 1.0,
    seed: Annotated[
        str,
        typer.Option(
            envvar="OPG_WATCH_SEED", help="Secret that says which are in the sample (without it: drawn once, and kept)."
        ),
    ] = "",
    workers: Annotated[int, typer.Option(min=0, help="Processes that execute; 0: this one.")] = os.cpu_count() or 1,
    cluster: Annotated[str, typer.Option(help="Address of a dask scheduler; its workers execute, not --workers.")] = "",
    budget: Annotated[
        str, typer.Option(help="In OPG: the most that is out in bonds at once (without it: all there is).")
    ] = "",
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between looks at the chain.")] = 2.0,
    confirmations: Annotated[int, typer.Option(min=0, help="Blocks that are left unread at the head.")] = 0,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Executes answers again, and disputes the wrong ones to the end."""
    if context.invoked_subcommand:
        return
    from opg.watchtower import Cluster, Inline, Processes, Rules, Watchtower

    if not model:
        raise BadInput("no model is named", "give --model once for each version's file; see opg watch --help")
    chain = connect(rpc, manifest)
    rules = Rules(sample, seed.encode(), amount(budget) if budget else None, confirmations)
    engine = Cluster(cluster) if cluster else Processes(workers) if workers else Inline()
    tower = Watchtower(chain, sender_of(chain, keystore), model, data / "watchtower.sqlite", rules, engine)
    tower.run(stop_event(), poll)


@watch_app.command("status")
def watch_status(data: Data = HERE) -> None:
    """Shows how many answers were judged and what came of the disputes; also while the watchtower runs."""
    from opg.watchtower import Notes

    path = data / "watchtower.sqlite"
    if not path.exists():
        raise BadInput(f"there is no watchtower's data at {path}", "name its folder with --data")
    notes = Notes(path)
    counts = notes.counts()
    notes.close()
    rows = [
        ("answers executed again", f"{counts['audited']:,}"),
        ("right", f"{counts['right']:,}"),
        ("wrong", f"{counts['wrong']:,}"),
        ("not in the sample", f"{counts['left out']:,}"),
        ("not judged", f"{counts['not judged']:,} for want of the model or of the right inputs"),
        (
            "batches",
            f"{counts['unread batches']:,} to be read, {counts['withheld batches']:,} withheld until their window was over",
        ),
        ("disputes", f"{counts['playing']:,} running, {counts['waiting']:,} waiting for a bond or for stake to win"),
        (
            "ended",
            f"{counts['won']:,} won, {counts['lost']:,} lost, {counts['moot']:,} decided by others, {counts['late']:,} too late",
        ),
        ("bounties", shown(counts["bounty"])),
    ]
    table(f"watchtower at {data}", rows)
