"""`opg node`: serving, and looking at a node that serves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from opg.console import (
    DEFAULT_RPC,
    HERE,
    Data,
    Keystore,
    Manifest,
    Rpc,
    address,
    amount,
    connect,
    shown,
    table,
)
from opg.errors import BadInput

if TYPE_CHECKING:
    from opg.node import Store

node_app = typer.Typer(invoke_without_command=True, help="Serves versions; with `status`: shows how a node is.")

BATCH_SECONDS = 3_600
STATUS_SECONDS = 5.0


@node_app.callback()
def node(
    context: typer.Context,
    model: Annotated[list[Path] | None, typer.Option(help="The ONNX file; once for each --version-id.")] = None,
    version_id: Annotated[list[int] | None, typer.Option("--version-id", min=1, help="Number of the version.")] = None,
    operator: Annotated[str, typer.Option("--operator", help="The operator's address.")] = "",
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen at.")] = 8800,
    price: Annotated[str, typer.Option(help="In OPG for one off-chain answer.")] = "0",
    workers: Annotated[int, typer.Option(min=0, help="Processes that execute; 0: the node's own.")] = os.cpu_count()
    or 1,
    max_batch: Annotated[int, typer.Option(min=1, help="Requests that a worker gets at once.")] = 16,
    commit_every: Annotated[
        int, typer.Option(min=0, help="Seconds between batches; 0: only `opg operator commit`.")
    ] = (BATCH_SECONDS),
    eth_in_opg: Annotated[
        float, typer.Option(min=0, help="What one ether is worth, in OPG; 0: vouchers are redeemed before they end.")
    ] = 0.0,
    redeem_factor: Annotated[float, typer.Option(min=1, help="Redeem what is worth so many times its gas.")] = 20.0,
    max_skew: Annotated[
        float, typer.Option(min=0, help="Seconds that this clock may be off the chain's; 0: any.")
    ] = 60.0,
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between looks at the chain.")] = 2.0,
    confirmations: Annotated[int, typer.Option(min=0, help="Blocks that are left unread at the head.")] = 0,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Serves versions, answers on-chain requests, and defends its answers. Uses the serving key."""
    if context.invoked_subcommand:
        return
    from opg.chain import load_account
    from opg.node import Policy, launch, serve

    model, version_id = model or [], version_id or []
    if not model or not operator:
        raise BadInput("nothing to serve is named", "give --model, --version-id and --operator; see opg node --help")
    if len(model) != len(version_id):
        raise BadInput(f"{len(model)} files for {len(version_id)} versions", "give --model once for each --version-id")
    chain = connect(rpc, manifest)
    _, endpoint = chain.read("Staking", "operatorInfo", address(operator))
    policy = Policy(
        amount(price),
        poll,
        commit_every,
        endpoint=endpoint,
        confirmations=confirmations,
        eth_in_opg=eth_in_opg,
        redeem_factor=redeem_factor,
        max_skew_seconds=max_skew,
    )
    models = dict(zip(version_id, model, strict=True))
    account = load_account(keystore)
    made = launch(chain, account, address(operator), models, data, policy, workers=workers, max_batch=max_batch)
    serve(made, host, port)


@node_app.command("status")
def node_status(
    url: Annotated[str, typer.Option(help="Where the node is reached.")] = "http://127.0.0.1:8800",
    data: Data = HERE,
) -> None:
    """Shows versions, queue, answers, vouchers, games and alarms; of a node that does not run, what is on its disk."""
    from opg.node.status import stored

    found = _ask(url)
    if found is None:
        found = {"running": f"no, at {url}", **stored(store_at(data))}
    table(f"node at {url}", _rows(found))


def store_at(data: Path) -> Store:
    """The store of a node that ran here."""
    from opg.node import Store

    path = data / "node.sqlite"
    if not path.exists():
        raise BadInput(f"there is no node's data at {path}", "name its folder with --data")
    return Store(path)


def _ask(url: str) -> dict[str, Any] | None:
    import requests

    try:
        reply = requests.get(f"{url.rstrip('/')}/opg/v1/status", timeout=STATUS_SECONDS)
        return reply.json() if reply.status_code == 200 else None
    except (requests.RequestException, ValueError):
        return None


def _rows(found: dict[str, Any]) -> list[tuple[str, Any]]:
    chain = found.get("chain") or {}
    clocks = found.get("clocks") or {}
    games = [f"{game}  " + (f"{clocks[game]:.0f} s left to move" if game in clocks else "the challenger's turn")
             for game in found["games"]]  # fmt: skip
    requests = found["requests"]
    rows = [
        *((name, found[name]) for name in ("running", "ready", "operator", "key") if name in found),
        *((f"version {number}", name) for number, name in (found.get("versions") or {}).items()),
        ("price", shown(int(found["price"])) if "price" in found else None),
        ("workers", found.get("workers")),
        ("waiting", found.get("waiting")),
        ("answers", f"{found['answers']:,}"),
        ("in no batch yet", f"{found['uncommitted']:,}"),
        ("batch on its way", found["plannedBatch"]),
        ("vouchers", f"{found['vouchers']:,}, {shown(int(found['unredeemed']))} to redeem"),
        ("requests on chain", f"{requests['open']} open, {requests['fulfilled']} not final yet"),
        ("disputes", "\n".join(games) or "none"),
        (
            "chain",
            f"block {chain['head']:,}, seen {chain['ageSeconds']} s ago, clock {chain['skewSeconds']:+} s"
            if chain
            else None,
        ),
        ("alarms", "\n".join(f"{reason}: {what}" for reason, what in found.get("alarms", {}).items()) or "none"),
    ]
    return [(name, value) for name, value in rows if value is not None]
