"""`opg request`: asking on chain, and ending what nobody answered or what was refuted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from opg.console import (
    DEFAULT_RPC,
    Amount,
    Keystore,
    Manifest,
    Operator,
    Rpc,
    VersionId,
    Who,
    account_of,
    address,
    amount,
    connect,
    hash_of,
    moment,
    out,
    sender_of,
    shown,
    table,
)

request_app = typer.Typer(no_args_is_help=True, help="Requests on chain: made, looked at, ended.")

Which = Annotated[str, typer.Argument(help="The request's id, 0x and 64 digits.")]


@request_app.command("make")
def make(
    version_id: VersionId,
    operator: Operator,
    inputs: Annotated[Path, typer.Argument(help="JSON (list, or object by name), or .npy for a single input.")],
    fee: Annotated[str, typer.Option(help="In OPG: what you pay (without it: the operator's price).")] = "",
    seconds: Annotated[int | None, typer.Option(min=1, help="How long the operator has for the answer.")] = None,
    model: Annotated[Path | None, typer.Option(help="The ONNX file: checks shapes before anything is paid.")] = None,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Asks an operator on chain, where it answers or loses stake. It cannot be cancelled."""
    from opg import actions, request
    from opg.versions import load_version, read_tensors

    sender = sender_of(connect(rpc, manifest), keystore)
    chain, operator = sender.chain, address(operator)
    tensors = read_tensors(inputs, load_version(chain, version_id, model) if model else None)
    price = amount(fee) if fee else int(chain.read("Inference", "priceOf", operator, version_id))
    until = request.deadline(chain, seconds)
    made, terms = actions.request(sender, version_id, operator, tensors, price, until)
    out.print(f"request 0x{made.hex()}: {shown(terms.fee)}, answered until {moment(terms.deadline)}")
    out.print(f"then: opg request show 0x{made.hex()}")


@request_app.command("list")
def list_(
    who: Who = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Requests that an account made, also with the opengradient SDK, or was asked."""
    from opg import request

    chain = connect(rpc, manifest)
    who = account_of(chain, who, keystore)
    found = [request.standing(chain, number, terms) for number, terms in request.all_of(chain, who)]
    for each in found:
        out.print(f"0x{each.id.hex()}: {shown(each.request.fee)}, {each.state}; {each.next_step}")
    if not found:
        out.print("there are none")


@request_app.command("show")
def show(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """Shows a request's terms, where it stands, and what can be done."""
    from opg import request

    chain, number = connect(rpc, manifest), hash_of(which)
    terms = request.find(chain, number)
    stands = request.standing(chain, number, terms)
    rows = [
        ("state", stands.state),
        ("next", stands.next_step),
        ("version", terms.version),
        ("user", terms.user),
        ("operator", terms.operator),
        ("fee", shown(terms.fee)),
        ("stake behind it", shown(terms.collateral)),
        ("deadline", moment(terms.deadline)),
    ]
    table("0x" + number.hex(), rows)


@request_app.command("expire")
def expire(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Ends a request that was not answered in time: the fee goes back, the operator loses stake. Anyone may."""
    from opg import request

    terms, slashed = request.expire(sender_of(connect(rpc, manifest), keystore), hash_of(which))
    out.print(f"{shown(terms.fee)} are {terms.user}'s again; the operator lost {shown(slashed)}")
    out.print(FETCH)


@request_app.command("refund")
def refund(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Ends a request whose answer was refuted: the fee goes back. Anyone may."""
    from opg import request

    terms = request.refund(sender_of(connect(rpc, manifest), keystore), hash_of(which))
    out.print(f"{shown(terms.fee)} are {terms.user}'s again")
    out.print(FETCH)


@request_app.command("finalise")
def finalise(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Ends a request whose answer is final: everyone is paid, the contract that asked is called. Anyone may; the node does."""
    from opg import request

    terms = request.finalise(sender_of(connect(rpc, manifest), keystore), hash_of(which))
    out.print(f"{shown(terms.fee)} are paid")


@request_app.command("prepay")
def prepay(quantity: Amount, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Adds to the credit that your requests are paid from. `opg collect` takes it back at any time."""
    from opg import actions

    sender = sender_of(connect(rpc, manifest), keystore)
    actions.prepay(sender, amount(quantity))
    out.print(f"credit: {shown(sender.chain.read('Inference', 'creditOf', sender.address))}")


FETCH = "the user fetches it: opg collect; with the opengradient SDK: opg escrow withdraw"
