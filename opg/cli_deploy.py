"""`opg deploy`, `opg verify-deployment`, `opg publish-sources`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from opg.console import Keystore, out
from opg.console import table as _table
from opg.errors import BadNetwork, NotDeployed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opg.chain import Deployment
    from opg.deploy import Check, Outcome, Release


def deploy(
    network: Annotated[str, typer.Argument(help="A name in scripts/networks/, or a YAML file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only rehearse, and show what it costs.")] = False,
    folder: Annotated[Path, typer.Option(help="Where manifests are kept, by chain id.")] = Path("deployments"),
    rpc: Annotated[
        str, typer.Option("--rpc", help="Ethereum node (without it: the variable that the network names).")
    ] = "",
    keystore: Keystore = None,
) -> None:
    """Deploys everything, or goes on where it was stopped; verifies it, and writes the manifest."""
    from opg.chain import Chain, load_account
    from opg.deploy import Network, Release, publish

    wanted = Network.load(network)
    account = load_account(keystore)
    release = Release(wanted, Chain(rpc or wanted.url()), account, folder, out.print)
    _costs(release, account.address)
    release.check_funds()
    if dry_run:
        return
    deployment, checks = release.run()
    _table(f"chain {deployment.chain_id}", list(deployment.addresses.items()))
    _checks("powers", [check for check in checks if check.group == "role" and check.expected == "held"])
    out.print(f"the deployer {account.address} holds no role; {len(checks)} checks of the chain hold")
    out.print(f"written: {release.manifest} and {release.folder / 'sources'}")
    _outcomes(publish(deployment, wanted.explorers))


def verify_deployment(
    what: Annotated[str, typer.Argument(help="A network, or a manifest.json.")],
    only_differences: Annotated[bool, typer.Option("--differences", help="Show nothing else.")] = False,
    rpc: Annotated[
        str, typer.Option("--rpc", help="Ethereum node (without it: the variable that the network names).")
    ] = "",
) -> None:
    """Compares the chain with the source in this checkout: code, wiring, roles, parameters, supply."""
    from opg.chain import Chain
    from opg.deploy import Network, check_chain, plan_of, verify_plan

    claimed = _manifest(Path(what), "name a network, or another manifest.json") if what.endswith(".json") else None
    wanted = Network.load(what) if claimed is None else Network.recorded(claimed.chain_id, claimed.record)
    chain = Chain(rpc or wanted.url())
    check_chain(wanted, chain)
    checks = verify_plan(chain, plan_of(wanted), claimed)
    wrong = [check for check in checks if not check.ok]
    _checks(f"{wanted.name}, chain {chain.id}", wrong if only_differences else checks)
    for check in wrong:
        out.print(f"✗ {check.group} {check.name}: expected {check.expected}, found {check.found}")
    out.print(f"{len(checks)} checks, {len(wrong)} differences")
    if wrong:
        raise typer.Exit(1)


def publish_sources(
    network: Annotated[str, typer.Argument(help="A name in scripts/networks/, or a YAML file.")],
    folder: Annotated[Path, typer.Option(help="Where manifests are kept, by chain id.")] = Path("deployments"),
) -> None:
    """Gives the sources of a deployment to the block explorers that its network names."""
    from opg.deploy import Network, publish

    wanted = Network.load(network)
    if not wanted.explorers:
        raise BadNetwork(f"{wanted.name} names no explorers", "add them under `explorers`: see docs/deploying.md")
    missing = f"deploy first: opg deploy {network}; or say where manifests are kept: --folder"
    deployment = _manifest(folder / str(wanted.chain_id) / "manifest.json", missing)
    if not _outcomes(publish(deployment, wanted.explorers)):
        raise typer.Exit(1)


def _manifest(path: Path, advice: str) -> Deployment:
    from opg.chain import Deployment

    try:
        return Deployment.load(path)
    except NotDeployed as problem:
        raise NotDeployed(str(problem), advice) from None


def _costs(release: Release, deployer: str) -> None:
    costs = release.costs()
    if not costs:
        out.print("everything is on chain already")
        return
    table = Table(title=f"{release.network.name}, chain {release.chain.id}, by {deployer}", title_justify="left")
    for title in ("transaction", "gas", "ETH now", "ETH at most"):
        table.add_column(title, justify="left" if title == "transaction" else "right", overflow="fold")
    for cost in costs:
        table.add_row(cost.label, f"{cost.gas:,}", f"{cost.wei / 10**18:.8f}", f"{cost.at_most / 10**18:.8f}")
    gas, wei, most = (sum(getattr(cost, field) for cost in costs) for field in ("gas", "wei", "at_most"))
    table.add_section()
    table.add_row("sum", f"{gas:,}", f"{wei / 10**18:.8f}", f"{most / 10**18:.8f}")
    out.print(table, soft_wrap=False)


def _checks(title: str, checks: list[Check]) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("", "", "what", "expected", "found", "bounds"):
        table.add_column(column, overflow="fold")
    for check in checks:
        sign = "✓" if check.ok else "✗"
        table.add_row(sign, check.group, check.name, check.expected, check.found, check.bounds)
    out.print(table, soft_wrap=False)


def _outcomes(outcomes: Iterable[Outcome]) -> bool:
    """Prints what explorers said; whether all took everything."""
    fine = True
    for outcome in outcomes:
        fine &= outcome.ok
        out.print(f"{outcome.explorer} {outcome.contract}: {outcome.message}")
    return fine
