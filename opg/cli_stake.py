"""`opg stake`: what is at stake, delegating and leaving, commission and jail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from opg.console import (
    DEFAULT_RPC,
    Amount,
    Keystore,
    Manifest,
    Rpc,
    Who,
    account_of,
    address,
    amount,
    basis_points,
    connect,
    moment,
    out,
    percent,
    sender_of,
    shown,
    table,
)

if TYPE_CHECKING:
    from opg.stakes import Delegation, OwnStake

stake_app = typer.Typer(no_args_is_help=True, help="Delegating, leaving, commission and jail; see also opg operator.")

To = Annotated[str, typer.Argument(help="The operator's address.")]


@stake_app.command("show")
def show(
    who: Who = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Shows all that an operator or a delegator has at stake, on its way out and to fetch."""
    from opg import stakes

    chain = connect(rpc, manifest)
    who = account_of(chain, who, keystore)
    own = stakes.own_stake(chain, who)
    rows = _own(own, chain.now()) if own else []
    for each in stakes.delegations_of(chain, who):
        rows.append((f"delegated to {each.operator}", shown(each.active)))
        rows.append(("  earning", _earning(each, chain.now())))
        if each.income:
            rows.append(("  income to settle", f"{shown(each.income)}: opg stake settle"))
    for thaw in stakes.thaws_of(chain, who):
        over = f"over: opg stake withdraw {thaw.id}" if chain.now() >= thaw.until else f"until {moment(thaw.until)}"
        rows.append((f"thaw {thaw.id}", f"{shown(thaw.amount)}, {over}"))
    if credit := chain.read("Staking", "creditOf", who):
        rows.append(("credit", f"{shown(credit)}: opg collect"))
    rows.append(("votes of the stake", shown(chain.read("Staking", "getVotes", who))))
    table(who, rows)


def _own(own: OwnStake, now: int) -> list[tuple[str, str]]:
    commission = percent(own.commission_bps)
    if own.next_commission_bps != own.commission_bps:
        commission += f", {percent(own.next_commission_bps)} from {moment(own.next_commission_at)} on"
    return [
        ("live", _live(own, now)),
        ("serving key", own.key),
        ("endpoint", own.endpoint),
        ("own stake", f"{shown(own.active)} of at least {shown(own.min_stake)}"),
        ("  locked behind requests", shown(own.locked)),
        ("  free", shown(own.free)),
        ("  thawing", shown(own.thawing)),
        ("delegated to it", f"{shown(own.delegated)}, of which {shown(own.delegated_earning)} earn"),
        ("  thawing", shown(own.delegated_thawing)),
        ("commission", commission),
    ]


def _live(own: OwnStake, now: int) -> str:
    if own.live:
        return "yes"
    if own.jailed_until:
        over = now >= own.jailed_until
        return "no: in jail; opg stake rehabilitate" if over else f"no: in jail until {moment(own.jailed_until)}"
    return f"no: {shown(own.min_stake - own.active)} too few; opg operator stake"


def _earning(each: Delegation, now: int) -> str:
    if each.earning == each.active:
        return "all of it"
    warm = "from the next opg stake settle on" if now >= each.warm_at else f"from {moment(each.warm_at)} on"
    return f"{shown(each.earning)}, the rest {warm}"


@stake_app.command("delegate")
def delegate(
    operator: To,
    quantity: Amount,
    max_commission: Annotated[
        str,
        typer.Option(
            "--max-commission", help="What it may take of the income, in percent (without it: what it takes now)."
        ),
    ] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Lends stake to an operator: it votes for you and earns, and is lost when the operator lies and its own is gone."""
    from opg import stakes

    sender = sender_of(connect(rpc, manifest), keystore)
    most = basis_points(max_commission) if max_commission else None
    warm_at = stakes.delegate(sender, address(operator), amount(quantity), most)
    out.print(f"delegated: {shown(amount(quantity))}; it earns from {moment(warm_at)} on, after opg stake settle")


@stake_app.command("undelegate")
def undelegate(
    operator: To,
    quantity: Annotated[str, typer.Argument(help="In OPG; all when it is left away.")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Begins to take delegated stake out. It can be slashed until it is withdrawn."""
    from opg import stakes

    sender = sender_of(connect(rpc, manifest), keystore)
    thaw = stakes.undelegate(sender, address(operator), amount(quantity) if quantity else None)
    out.print(
        f"thaw {thaw.id} of {shown(thaw.amount)} is over at {moment(thaw.until)}; then: opg stake withdraw {thaw.id}"
    )


@stake_app.command("withdraw")
def withdraw(
    numbers: Annotated[
        list[int] | None, typer.Argument(help="Numbers of thaws (without it: all that are over).")
    ] = None,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Takes out stake that has thawed, your own or delegated."""
    from opg import stakes

    out.print(f"withdrawn: {shown(stakes.withdraw(sender_of(connect(rpc, manifest), keystore), numbers or []))}")


@stake_app.command("settle")
def settle(
    who: Annotated[str, typer.Argument(help="The delegator's address (without it: yours).")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Credits a delegator's income with all its operators, and lets stake earn that has become warm."""
    from opg import stakes

    sender = sender_of(connect(rpc, manifest), keystore)
    out.print(
        f"credited: {shown(stakes.settle(sender, address(who) if who else sender.address))}; fetch it: opg collect"
    )


@stake_app.command("commission")
def commission(
    part: Annotated[str, typer.Argument(help="What you take of your delegators' income, in percent.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Changes your commission: less at once, more in small steps that are announced."""
    from opg import stakes

    bps = basis_points(part)
    since = stakes.set_commission(sender_of(connect(rpc, manifest), keystore), bps)
    out.print(f"commission: {percent(bps)} from {moment(since)} on")


@stake_app.command("rehabilitate")
def rehabilitate(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Ends your jail after a slash, when its time is over and your own stake reaches the minimum."""
    from opg import stakes

    sender = sender_of(connect(rpc, manifest), keystore)
    stakes.rehabilitate(sender)
    out.print(f"{sender.address} is out of jail")


@stake_app.command("burn")
def burn(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Burns what slashes have set aside for it. Anyone may."""
    from opg import stakes

    out.print(f"burned: {shown(stakes.burn_slashed(sender_of(connect(rpc, manifest), keystore)))}")
