"""The command line. Thin: every command is a few calls of the library. Errors are one line and what to do
next.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from opg.errors import BadInput, OPGError

if TYPE_CHECKING:
    from opg.chain import Chain, Sender

OPG = 10**18
DEFAULT_RPC = "http://127.0.0.1:8545"
BATCH_SECONDS = 3_600
HIGH_GAS = 16_777_216


class Commands(typer.Typer):
    """Commands whose errors are told in words; a traceback means a bug."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().__call__(*args, **kwargs)
        except OPGError as problem:
            tell(problem)
            sys.exit(1)


app = Commands(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="AI models that are owned, hosted by anyone, and verified by arithmetic.",
)
operator_app = typer.Typer(no_args_is_help=True, help="Stake, keys, offers and income of an operator.")
model_app = typer.Typer(no_args_is_help=True, help="Models and their versions.")
channel_app = typer.Typer(no_args_is_help=True, help="Deposits that pay for off-chain answers.")
devnet_app = typer.Typer(no_args_is_help=True, help="A private chain to try everything on.")
app.add_typer(devnet_app, name="devnet")
app.add_typer(operator_app, name="operator")
app.add_typer(model_app, name="model")
app.add_typer(channel_app, name="channel")

PIPED = 500  # what another program reads is not folded
out = Console(highlight=False, markup=False, soft_wrap=True, width=None if sys.stdout.isatty() else PIPED)
err = Console(stderr=True, highlight=False, soft_wrap=True)

Rpc = Annotated[str, typer.Option("--rpc", envvar="OPG_RPC", help="Ethereum node, http(s) URL.")]
Manifest = Annotated[
    Path | None,
    typer.Option("--manifest", envvar="OPG_MANIFEST", help="Deployment manifest [deployments/CHAIN_ID/manifest.json]."),
]
Keystore = Annotated[
    Path | None,
    typer.Option("--keystore", envvar="OPG_KEYSTORE", help="Encrypted keystore [the key in OPG_PRIVATE_KEY]."),
]
Data = Annotated[Path, typer.Option("--data", envvar="OPG_DATA", help="Folder of what must be kept.")]
VersionId = Annotated[int, typer.Option("--version-id", min=1, help="Number of the model version.")]
Operator = Annotated[str, typer.Option("--operator", help="The operator's address.")]
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


def amount(text: str) -> int:
    """Wei of a decimal amount of OPG: `12.5`."""
    try:
        value = Decimal(text) * OPG
    except InvalidOperation:
        raise BadInput(f"{text!r} is not an amount", "write it in OPG, like 12.5") from None
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        raise BadInput(f"{text!r} is not an amount of OPG", "write it in OPG, like 12.5, with at most 18 decimals")
    return int(value)


def shown(wei: int) -> str:
    """An amount of OPG for people."""
    return f"{Decimal(wei) / OPG:,f} OPG"


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _table(title: str, rows: list[tuple[str, Any]]) -> None:
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, str(value))
    out.print(table, soft_wrap=False)


def address(text: str) -> str:
    """An address with its checksum."""
    from eth_utils.address import is_address, to_checksum_address

    if not is_address(text):
        raise BadInput(f"{text!r} is no address", "write 0x and 40 hexadecimal digits")
    return str(to_checksum_address(text))


def moment(seconds: int) -> str:
    """Unix seconds for people."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


# ---------------------------------------------------------------------- compiling and deploying


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
        ("largest proof", f"{report.worst_proof_bytes:,} bytes"),
    ]
    _table(model.name, rows)


@app.command()
def deploy(
    treasury: Annotated[str, typer.Option(help="Gets the protocol's part of all fees.")],
    holder: Annotated[str, typer.Option(help="Gets the whole supply of OPG.")],
    admin: Annotated[str, typer.Option(help="May let in new modules; without it nobody may, for ever.")] = "",
    preset: Annotated[str, typer.Option(help="local (short windows) or testnet.")] = "testnet",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Deploys and wires all contracts, and writes the manifest."""
    from opg.chain import Chain
    from opg.chain.deploying import PRESETS, Web3Deployer
    from opg.chain.deploying import deploy as deploy_all
    from opg.chain.deployment import manifest_path

    if preset not in PRESETS:
        raise BadInput(f"there is no preset {preset!r}", "choose one of: " + ", ".join(PRESETS))
    chain = Chain(rpc)
    sender = sender_of(chain, keystore)
    to = manifest or manifest_path(chain.id)
    made = deploy_all(
        Web3Deployer(chain, sender),
        PRESETS[preset],
        address(holder),
        address(treasury),
        address(admin) if admin else None,
    )
    made.save(to)
    _table(f"chain {chain.id}", list(made.addresses.items()))
    out.print(f"written: {to}")


# ---------------------------------------------------------------------- a private chain

DevnetFolder = Annotated[Path, typer.Option("--dir", help="Folder of its keys and manifest.")]
DEVNET = Path(".opg/devnet")


@devnet_app.command("start")
def devnet_start(
    folder: DevnetFolder = DEVNET,
    port: Annotated[int, typer.Option(help="Port of its JSON-RPC.")] = 8545,
    block_time: Annotated[int, typer.Option(min=0, help="Seconds between blocks; 0: one for each transaction.")] = 0,
) -> None:
    """Starts a chain in the background, with all contracts deployed and people who have OPG."""
    from opg.devnet import PEOPLE, Devnet

    people = Devnet(folder).start(port, block_time or None)
    rows = [(name, f"{people[name].address}  {opg:,} OPG") for name, opg in PEOPLE.items()]
    _table(f"devnet at http://127.0.0.1:{port}", rows)
    out.print(f"now: source {folder / 'env'}; keys are keystores in {folder}; end it with: opg devnet stop")


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
    out.print(f"thaw {thaw_id} is over at {moment(until)}; then: opg operator withdraw {thaw_id}")


@operator_app.command("withdraw")
def operator_withdraw(
    thaw_id: Annotated[int, typer.Argument(help="Number that `thaw` gave.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Takes out stake that has thawed."""
    from opg.chain import emitted

    sender = sender_of(connect(rpc, manifest), keystore)
    sent = sender.send("Staking", "finishThaw", thaw_id)
    out.print(f"withdrawn: {shown(emitted(sender.chain, sent, 'Staking', 'Unstaked')[0]['amount'])}")


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
    sender_of(connect(rpc, manifest), keystore).send("Inference", "offer", version_id, wei)
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
    batch = commit_batch(_store(data), sender, address(operator), endpoint)
    out.print("nothing to commit" if batch is None else f"batch {batch}")


@operator_app.command("redeem")
def operator_redeem(
    data: Data = HERE, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None
) -> None:
    """Redeems the vouchers that the node holds."""
    from opg.node import redeem_vouchers

    paid = redeem_vouchers(_store(data), sender_of(connect(rpc, manifest), keystore))
    out.print(f"redeemed: {shown(paid)}")


@app.command()
def collect(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Fetches everything that the contracts owe you: fees, shares, bounties, bonds, refunds."""
    from opg import actions

    out.print(f"collected: {shown(actions.collect(sender_of(connect(rpc, manifest), keystore)))}")


# ---------------------------------------------------------------------- models


@model_app.command("register")
def model_register(
    name: Annotated[str, typer.Argument(help="Unique among your models.")],
    fee: Annotated[str, typer.Option(help="Your share of each fee, in percent, for ever.")] = "10",
    parent: Annotated[
        list[str] | None,
        typer.Option(help="A model that yours was made from and its part of your share in percent: 7:20. Repeatable."),
    ] = None,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Registers a model. You own it as a token."""
    from opg import actions

    sender = sender_of(connect(rpc, manifest), keystore)
    model_id = actions.register_model(sender, name, _basis_points(fee), [_parent(each) for each in parent or ()])
    out.print(f"model {model_id}: {name}, owned by {sender.address}")


@model_app.command("publish")
def model_publish(
    model: Model,
    model_id: Annotated[int, typer.Option("--model-id", min=1, help="Number of the model.")],
    cid: Annotated[str, typer.Option(help="Where the file can be fetched: URL or content id.")],
    bind: Bindings = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Publishes a version of your model. It can never change."""
    from opg import actions
    from opg.versions import compile_file

    compiled = compile_file(model, bind)
    version_id = actions.publish(sender_of(connect(rpc, manifest), keystore), model_id, compiled, cid)
    out.print(f"version {version_id}: program root 0x{compiled.program.root.hex()}")


@model_app.command("deprecate")
def model_deprecate(
    version_id: VersionId, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None
) -> None:
    """Refuses new requests for a version of your model, for ever."""
    sender_of(connect(rpc, manifest), keystore).send("Models", "deprecate", version_id)
    out.print(f"version {version_id} is deprecated")


@model_app.command("licence")
def model_licence(
    model_id: Annotated[int, typer.Option("--model-id", min=1, help="Number of the model.")],
    licence: Annotated[str, typer.Argument(help="An SPDX expression or a URI.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """States the licence of your model, for ever."""
    sender_of(connect(rpc, manifest), keystore).send("Models", "setLicence", model_id, licence)
    out.print(f"model {model_id} is under {licence}")


@model_app.command("check")
def model_check(model: Model, version_id: VersionId, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """Compiles the file again and compares it with the version on chain."""
    from opg.versions import load_version

    version = load_version(connect(rpc, manifest), version_id, model)
    out.print(f"version {version_id} is {model.name}: program root 0x{version.program.root.hex()}")


# ---------------------------------------------------------------------- channels


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
    operator: Operator, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None
) -> None:
    """Begins to take the deposit out; the same command again takes it, once the operator had time to
    redeem.
    """
    sender = sender_of(connect(rpc, manifest), keystore)
    operator = address(operator)
    _, closable_at = sender.chain.read("Channels", "channel", sender.address, operator)
    if not closable_at:
        sender.send("Channels", "startClose", operator)
        _, closable_at = sender.chain.read("Channels", "channel", sender.address, operator)
        out.print(f"closing; the rest is yours from {moment(closable_at)} on: opg channel close")
        return
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


# ---------------------------------------------------------------------- asking, serving, watching


@app.command()
def ask(
    version_id: VersionId,
    operator: Operator,
    inputs: Annotated[Path, typer.Argument(help="JSON (list, or object by name), or .npy for a single input.")],
    model: Annotated[Path | None, typer.Option(help="The ONNX file: checks shapes, and executes again here.")] = None,
    pay: Annotated[str, typer.Option(help="In OPG, by voucher; needs a channel.")] = "0",
    receipt: Annotated[Path | None, typer.Option(help="Where the signed answer is kept [in --data].")] = None,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Asks an operator, checks the answer completely, and keeps it as a receipt."""
    from opg.chain import load_account
    from opg.client import Client
    from opg.versions import load_version, read_published, read_tensors
    from opg.vouchers import VoucherBook

    chain = connect(rpc, manifest)
    published = read_published(chain, version_id)
    version = load_version(chain, version_id, model) if model else None
    tensors = read_tensors(inputs, version)
    client = Client(chain, load_account(keystore), VoucherBook(data / "vouchers.json"))
    reply = client.ask(published, address(operator), tensors, amount(pay))
    kept = receipt or data / "receipts" / f"{reply.signed.digest.hex()}.json"
    reply.signed.save(kept)
    for tensor in reply.tensors:
        out.print(f"{tensor.get('name')} {tensor.get('dtype')}{tensor.get('shape')}")
        if "values" in tensor:
            out.print(json.dumps(tensor["values"]))
    out.print(f"signed by {reply.signed.key}, kept in {kept}")
    if version is not None:
        if not client.check_locally(reply.signed, version):
            raise OPGError("the answer is WRONG: other words come out here", f"dispute it: opg dispute {kept}")
        out.print("executed again here: the same words")


@app.command()
def node(
    model: Annotated[list[Path], typer.Option(help="The ONNX file; once for each --version-id.")],
    version_id: Annotated[list[int], typer.Option("--version-id", min=1, help="Number of the version.")],
    operator: Operator,
    host: Annotated[str, typer.Option(help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen at.")] = 8800,
    price: Annotated[str, typer.Option(help="In OPG for one off-chain answer.")] = "0",
    commit_every: Annotated[int, typer.Option(help="Seconds between batches; 0: only `opg operator commit`.")] = (
        BATCH_SECONDS
    ),
    poll: Annotated[float, typer.Option(help="Seconds between looks at the chain.")] = 2.0,
    confirmations: Annotated[int, typer.Option(min=0, help="Blocks that are left unread at the head.")] = 0,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Serves versions, answers on-chain requests, and defends its answers. Uses the serving key."""
    from opg.chain import load_account
    from opg.node import Policy, launch, serve

    if len(model) != len(version_id):
        raise BadInput(f"{len(model)} files for {len(version_id)} versions", "give --model once for each --version-id")
    chain = connect(rpc, manifest)
    _, endpoint = chain.read("Staking", "operatorInfo", address(operator))
    policy = Policy(amount(price), poll, commit_every, endpoint=endpoint, confirmations=confirmations)
    models = dict(zip(version_id, model, strict=True))
    serve(launch(chain, load_account(keystore), address(operator), models, data, policy), host, port)


@app.command()
def watch(
    model: Annotated[list[Path], typer.Option(help="ONNX files of the versions to judge.")],
    poll: Annotated[float, typer.Option(help="Seconds between looks at the chain.")] = 2.0,
    confirmations: Annotated[int, typer.Option(min=0, help="Blocks that are left unread at the head.")] = 0,
    data: Data = HERE,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Executes every answer on chain again, and disputes the wrong ones to the end."""
    from opg.watchtower import Watchtower

    chain = connect(rpc, manifest)
    tower = Watchtower(chain, sender_of(chain, keystore), model, data / "watchtower.sqlite", confirmations)
    tower.run(_stop_event(), poll)


@app.command()
def dispute(
    answer: Annotated[Path, typer.Argument(help="A receipt that `opg ask` wrote.")],
    model: Annotated[Path, typer.Option(help="The ONNX file of the version.")],
    poll: Annotated[float, typer.Option(help="Seconds between looks at the chain.")] = 2.0,
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
    stop = _stop_event()
    while not challenge.step() and not stop.is_set():
        stop.wait(poll)


# ---------------------------------------------------------------------- helpers


def _stop_event() -> threading.Event:
    """Set by Ctrl-C and SIGTERM."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def _store(data: Path) -> Any:
    from opg.node import Store

    path = data / "node.sqlite"
    if not path.exists():
        raise BadInput(f"there is no node's data at {path}", "name its folder with --data")
    return Store(path)


def _parent(named: str) -> tuple[int, int]:
    number, colon, percent = named.partition(":")
    if not colon or not number.isdecimal():
        raise BadInput(f"{named!r} is not a parent", "write the model's number and its part in percent, like 7:20")
    return int(number), _basis_points(percent)


def _basis_points(percent: str) -> int:
    try:
        value = Decimal(percent) * 100
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or not 0 <= value <= 10_000 or value != value.to_integral_value():
        raise BadInput(f"{percent!r} is not a share", "write percent, like 12.5, with at most 2 decimals")
    return int(value)


if __name__ == "__main__":
    app()
