"""The command line. Thin: every command is a few calls of the library. Errors are one line and what to do
next.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from typer.core import TyperGroup

from opg import cli_governance as governance
from opg.cli_channel import channel_app
from opg.cli_deploy import deploy, publish_sources, verify_deployment
from opg.cli_escrow import escrow_app, explain
from opg.cli_guardian import guardian_app
from opg.cli_model import model_app
from opg.cli_node import node_app, store_at
from opg.cli_request import request_app
from opg.cli_stake import stake_app
from opg.cli_watch import watch_app
from opg.console import (
    DEFAULT_RPC,
    HERE,
    Amount,
    Bindings,
    Data,
    Keystore,
    Manifest,
    Model,
    Operator,
    Rpc,
    VersionId,
    address,
    amount,
    connect,
    moment,
    out,
    sender_of,
    shown,
    stop_event,
    tell,
    was_interrupted,
)
from opg.console import table as _table
from opg.errors import ADVICE, BadInput, FileUnusable, OPGError, StakeRefused

INTERRUPTED = {
    "deploy": "the same command goes on where it stopped, and sends nothing twice",
    "ask": "what was asked may be answered and paid all the same: the next `opg ask` fetches that first",
    "devnet": "end what may have been started: opg devnet stop",
}


class Group(TyperGroup):
    """Says after Ctrl-C what may have happened all the same."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BaseException as problem:
            if not was_interrupted(problem):
                raise
            command = ctx.invoked_subcommand
            sent = "a transaction that was sent happens all the same: look before you do it again"
            tell(OPGError(f"opg {command} was interrupted", INTERRUPTED.get(command, sent)))
            raise typer.Exit(128 + signal.SIGINT) from None


class Commands(typer.Typer):
    """Commands whose errors are told in words; a traceback means a bug."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except OPGError as problem:
            tell(problem)
            sys.exit(1)
        except OSError as problem:
            tell(FileUnusable(str(problem), "look at the disk and at who may write there, or name another place"))
            sys.exit(1)


app = Commands(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="AI models that are owned, hosted by anyone, and verified by arithmetic.",
)
operator_app = typer.Typer(no_args_is_help=True, help="Stake, keys, offers and income of an operator.")
devnet_app = typer.Typer(no_args_is_help=True, help="A private chain to try everything on.")
app.add_typer(devnet_app, name="devnet")
app.add_typer(operator_app, name="operator")
app.add_typer(model_app, name="model")
app.add_typer(node_app, name="node")
app.add_typer(watch_app, name="watch")
app.add_typer(channel_app, name="channel")
app.add_typer(escrow_app, name="escrow")
app.add_typer(stake_app, name="stake")
app.add_typer(request_app, name="request")
app.command()(explain)
app.command()(deploy)
app.command("verify-deployment")(verify_deployment)
app.command("publish-sources")(publish_sources)
app.add_typer(governance.app, name="proposal")
app.add_typer(guardian_app, name="guardian")
app.command()(governance.delegate)
app.command()(governance.votes)

# ---------------------------------------------------------------------- compiling, keys


@app.command("compile")
def compile_(model: Model, bind: Bindings = "") -> None:
    """Compiles a model and shows what it costs to referee."""
    from opg.versions import compile_file

    compiled = compile_file(model, bind)
    report, program = compiled.report, compiled.program
    rows = [
        ("program root", "0x" + program.root.hex()),
        ("SHA-256 of the file", compiled.artifact_hash.hex()),
        ("inputs", "  ".join(f"{s.name} {s.dtype}{list(s.shape)}" for s in compiled.inputs)),
        ("outputs", "  ".join(f"{s.name} {s.dtype}{list(s.shape)}" for s in compiled.outputs)),
        ("operators", "  ".join(f"{name} ×{n}" for name, n in report.operators.items())),
        (
            "operations",
            f"{len(program.encoded):,}: " + "  ".join(f"{k} ×{n}" for k, n in report.kinds.items()),
        ),
        ("constants", f"{report.constants:,}, {report.constant_words:,} words"),
        ("multiply-adds", f"{report.macs:,}"),
        ("largest tensor", f"{report.largest_tensor:,} words"),
        ("dearest proof of an element", f"at most {report.worst_gas:,} gas: {report.worst_op}"),
        ("largest proof", f"{report.worst_proof_bytes:,} bytes"),
    ]
    _table(model.name, rows)


@app.command("new-key")
def new_key(keystore: Annotated[Path, typer.Argument(help="The file to write; it must not be there yet.")]) -> None:
    """Makes a key in an encrypted keystore."""
    from opg.chain.accounts import new_keystore

    out.print(f"{new_keystore(keystore)} in {keystore}")


# ---------------------------------------------------------------------- a private chain

DevnetFolder = Annotated[Path, typer.Option("--dir", help="Folder of its keys and manifest.")]
DEVNET = Path(".opg/devnet")


@devnet_app.command("start")
def devnet_start(
    folder: DevnetFolder = DEVNET,
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port of its JSON-RPC.")] = 8545,
    block_time: Annotated[int, typer.Option(min=0, help="Seconds between blocks; 0: one for each transaction.")] = 0,
) -> None:
    """Starts a chain in the background, with all contracts deployed and people who have OPG."""
    from opg.devnet import PEOPLE, Devnet

    people = Devnet(folder).start(port, block_time or None)
    rows = [(name, f"{people[name].address}  {opg:,} OPG") for name, opg in PEOPLE.items()]
    _table(f"devnet at http://127.0.0.1:{port}", rows)
    out.print(f"now: source {folder / 'env'}; keys are keystores in {folder}; end it with: opg devnet stop")


@devnet_app.command("advance")
def devnet_advance(
    seconds: Annotated[int, typer.Argument(min=1, help="How many.")], folder: DevnetFolder = DEVNET
) -> None:
    """Lets time pass on the chain."""
    from opg.devnet import Devnet

    out.print(f"it is {moment(Devnet(folder).advance(seconds))} there")


@devnet_app.command("stop")
def devnet_stop(folder: DevnetFolder = DEVNET) -> None:
    """Ends the chain and forgets its keys."""
    from opg.devnet import Devnet

    Devnet(folder).stop()
    out.print("stopped")


# ---------------------------------------------------------------------- operators


@operator_app.command("register")
def operator_register(
    key: Annotated[str, typer.Option(help="Address of the serving key: it signs the answers.")],
    endpoint: Annotated[str, typer.Option(help="Where the node is reached, http(s) URL.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Registers you as an operator, or changes your key and endpoint."""
    where = urlsplit(endpoint)
    if where.scheme not in ("http", "https") or not where.hostname:
        raise BadInput(f"nobody could reach a node at {endpoint!r}", "write its URL, like https://node.example.org")
    sender = sender_of(connect(rpc, manifest), keystore)
    sender.send("Staking", "register", address(key), endpoint)
    out.print(f"{sender.address} serves at {endpoint} with key {address(key)}")


@operator_app.command("stake")
def operator_stake(
    quantity: Amount, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None
) -> None:
    """Adds to your stake."""
    from opg import actions

    sender = sender_of(connect(rpc, manifest), keystore)
    actions.stake(sender, amount(quantity))
    active, _, _ = sender.chain.read("Staking", "stakeOf", sender.address)
    out.print(f"active stake: {shown(active)}")
    missing = sender.chain.read("Staking", "minStake") - active
    if missing > 0:
        out.print(f"{shown(missing)} are missing to the minimum: nobody can ask you before")


@operator_app.command("status")
def operator_status(who: Annotated[str, typer.Argument(help="Address.")], rpc: Rpc = DEFAULT_RPC,
                    manifest: Manifest = None) -> None:  # fmt: skip
    """Shows an operator's key, endpoint, stake and credit."""
    from opg import actions

    chain = connect(rpc, manifest)
    who = address(who)
    key, endpoint = chain.read("Staking", "operatorInfo", who)
    active, thawing, locked = chain.read("Staking", "stakeOf", who)
    rows = [
        ("live", "yes" if chain.read("Staking", "isLive", who) else "no"),
        ("serving key", key),
        ("endpoint", endpoint),
        ("active stake", shown(active)),
        ("locked", shown(locked)),
        ("thawing", shown(thawing)),
        *((f"income in {name}", shown(owed)) for name, owed in actions.incomes_of(chain, who).items() if owed),
        *((f"credit in {name}", shown(owed)) for name, owed in actions.credits_of(chain, who).items() if owed),
    ]
    _table(who, rows)


@operator_app.command("thaw")
def operator_thaw(
    quantity: Amount, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None
) -> None:
    """Begins to take stake out. It can be slashed until it is withdrawn."""
    from opg import actions

    thaw_id, until = actions.thaw(sender_of(connect(rpc, manifest), keystore), amount(quantity))
    out.print(f"thaw {thaw_id} is over at {moment(until)}; then: opg stake withdraw {thaw_id}")


@operator_app.command("offer")
def operator_offer(
    version_id: VersionId,
    price: Annotated[str, typer.Option(help="In OPG for one on-chain answer; `none`: no longer.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Offers on-chain answers of a version."""
    from opg import actions

    wei = actions.NO_LONGER_OFFERED if price == "none" else amount(price)
    if price != "none" and wei >= actions.NO_LONGER_OFFERED:
        raise BadInput(f"{price} OPG is more than there can be", "name a price that somebody can pay, or `none`")
    sender = sender_of(connect(rpc, manifest), keystore)
    if int(sender.chain.read("Staking", "operatorInfo", sender.address)[0], 16) == 0:
        raise StakeRefused(f"{sender.address} is no operator: nobody could ask it", ADVICE["NotAnOperator"])
    sender.send("Inference", "offer", version_id, wei)
    out.print(f"version {version_id}: " + ("no longer offered" if price == "none" else f"offered for {shown(wei)}"))


@operator_app.command("commit")
def operator_commit(
    operator: Operator,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Commits the node's answers that are in no batch yet, in one transaction."""
    from opg.node import commit_batch

    sender = sender_of(connect(rpc, manifest), keystore)
    _, endpoint = sender.chain.read("Staking", "operatorInfo", address(operator))
    batch = commit_batch(store_at(data), sender, address(operator), endpoint)
    out.print("nothing to commit" if batch is None else f"batch {batch}")


@operator_app.command("redeem")
def operator_redeem(
    data: Data = HERE, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None
) -> None:
    """Redeems the vouchers that the node holds."""
    from opg.node import redeem_vouchers

    paid = redeem_vouchers(store_at(data), sender_of(connect(rpc, manifest), keystore))
    out.print(f"redeemed: {shown(paid)}")


@app.command()
def collect(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Fetches everything that the contracts owe you: fees, shares, bounties, bonds, refunds."""
    from opg import actions

    out.print(f"collected: {shown(actions.collect(sender_of(connect(rpc, manifest), keystore)))}")


# ---------------------------------------------------------------------- asking, serving, watching


@app.command()
def ask(
    version_id: VersionId,
    inputs: Annotated[Path, typer.Argument(help="JSON (list, or object by name), or .npy for a single input.")],
    operator: Annotated[
        str, typer.Option("--operator", help="Whom to ask (without it: the best that accepts the terms).")
    ] = "",
    model: Annotated[Path | None, typer.Option(help="The ONNX file: checks shapes, and executes again here.")] = None,
    pay: Annotated[str, typer.Option(help="In OPG, by voucher; without --operator the most that you accept.")] = "0",
    deposit: Annotated[
        str | None, typer.Option(help="In OPG: what a channel is opened or topped up with (without it: the price).")
    ] = None,
    min_stake: Annotated[str | None, typer.Option(help="In OPG: what must be behind an answer, at least.")] = None,
    tries: Annotated[
        int | None, typer.Option(min=1, help="How many operators are asked, when something is wrong (without it: 3).")
    ] = None,
    receipt: Annotated[
        Path | None, typer.Option(help="Where the signed answer is kept (without it: in --data).")
    ] = None,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Asks, checks the answer completely, and keeps it as a receipt. Without --operator the best one is found, and another when it fails."""
    from opg.chain import load_account
    from opg.client import Client
    from opg.market import Market, Terms
    from opg.versions import load_version, read_published, read_tensors
    from opg.vouchers import VoucherBook

    choosing = {"--deposit": deposit, "--min-stake": min_stake, "--tries": tries}
    if operator and (given := [option for option, value in choosing.items() if value is not None]):
        raise BadInput(
            f"{given[0]} is for finding an operator, and --operator names one",
            "leave one of them out; a named operator's channel is opened, and topped up, by: opg channel open",
        )
    chain = connect(rpc, manifest)
    version = load_version(chain, version_id, model) if model else None
    tensors = read_tensors(inputs, version)
    client = Client(chain, load_account(keystore), VoucherBook(data / "vouchers.json"))
    market = Market(client, data)
    if operator:
        reply = client.ask(read_published(chain, version_id), address(operator), tensors, amount(pay))
    else:
        least, topped_up = amount(min_stake or "0"), amount(deposit or "0")
        terms = Terms(amount(pay), least, topped_up, audit=1.0 if version else 0.0, tries=tries or 3)
        reply = market.infer_words(version_id, tensors, terms, version)
    kept = receipt or market.receipt(reply.signed)
    reply.signed.save(kept)
    tensors_shown = version.show_outputs(reply.signed.outputs) if version else reply.tensors
    for tensor in tensors_shown:
        out.print(f"{tensor.get('name')} {tensor.get('dtype')}{tensor.get('shape')}")
        if "values" in tensor:
            out.print(json.dumps(tensor["values"]))
    out.print(f"signed by {reply.signed.key} for {reply.signed.answer.operator}, kept in {kept}")
    if version is not None:
        if operator and not client.check_locally(reply.signed, version):
            raise OPGError("the answer is WRONG: other words come out here", f"dispute it: opg dispute {kept}")
        out.print("executed again here: the same words")


@app.command()
def dispute(
    answer: Annotated[Path, typer.Argument(help="A receipt that `opg ask` wrote.")],
    model: Annotated[Path, typer.Option(help="The ONNX file of the version.")],
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between looks at the chain.")] = 2.0,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Plays one dispute to its end. Needs the bond in OPG; it comes back."""
    from opg.answers import SignedAnswer
    from opg.challenge import Case, Challenge, is_right
    from opg.errors import NothingToDispute
    from opg.versions import load_version

    signed = SignedAnswer.load(answer)
    chain = connect(rpc, manifest)
    version = load_version(chain, signed.answer.version, model)
    if is_right(version, signed.answer, signed.inputs):
        raise NothingToDispute("the answer is right: the same words come out here", "there is nothing to win")
    case = Case(signed.digest, signed.answer, signed.inputs, signed.evidence)
    challenge = Challenge(sender_of(chain, keystore), version, case)
    stop = stop_event()
    while not challenge.step():
        if stop.wait(poll):
            raise OPGError("the dispute goes on without you, and silence loses the bond", "the same command goes on")


@app.command()
def equivocation(
    one: Annotated[Path, typer.Argument(help="A receipt that `opg ask` wrote.")],
    other: Annotated[Path, typer.Argument(help="Another: the same operator, version and input, and other words.")],
    poll: Annotated[float, typer.Option(min=0.01, help="Seconds between looks at the chain.")] = 2.0,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Proves that an operator answered one question in two ways: it loses stake at once, without a game or a bond."""
    from opg.answers import SignedAnswer
    from opg.equivocation import Equivocation

    receipts = SignedAnswer.load(one), SignedAnswer.load(other)
    proof = Equivocation(sender_of(connect(rpc, manifest), keystore), *receipts)
    stop = stop_event()
    while not proof.step():
        if stop.wait(poll):
            raise OPGError("the proof is announced, and not given yet", "the same command goes on")


if __name__ == "__main__":
    app()
