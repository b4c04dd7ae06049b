"""`opg model`: registered, published, fetched and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opg.console import (
    DEFAULT_RPC,
    Bindings,
    Keystore,
    Manifest,
    Model,
    Rpc,
    VersionId,
    address,
    basis_points,
    connect,
    err,
    out,
    percent,
    sender_of,
    shown,
    table,
)
from opg.errors import BadInput, WrongModel

if TYPE_CHECKING:
    from opg.storage.files import Progress

model_app = typer.Typer(no_args_is_help=True, help="Models and their versions.")

BLOCKS = ".opg/blocks"
Storage = Annotated[
    str,
    typer.Option("--storage", envvar="OPG_STORAGE", help="Folder of blocks, rpc:URL of an IPFS node, or gateway:URL."),
]


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
    model_id = actions.register_model(sender, name, basis_points(fee), [_parent(each) for each in parent or ()])
    out.print(f"model {model_id}: {name}, owned by {sender.address}")


@model_app.command("publish")
def model_publish(
    model: Model,
    model_id: Annotated[int, typer.Option("--model-id", min=1, help="Number of the model.")],
    cid: Annotated[str, typer.Option(help="Its content identifier, where the file is stored already.")] = "",
    bind: Bindings = "",
    storage: Storage = BLOCKS,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Stores the file and publishes a version of your model. It can never change."""
    from opg import actions
    from opg.storage import open_blocks, store_file
    from opg.versions import compile_file

    sender = sender_of(connect(rpc, manifest), keystore)
    compiled = compile_file(model, bind)
    if not cid:
        with _bar(f"storing {model.name}") as progress:
            cid = str(store_file(model, open_blocks(storage), progress))
    version_id = actions.publish(sender, model_id, compiled, cid)
    out.print(f"version {version_id}: program root 0x{compiled.program.root.hex()}")
    out.print(f"stored as {cid}")


@model_app.command("list")
def model_list(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """All models with the numbers of their versions."""
    from opg import catalogue

    chain = connect(rpc, manifest)
    versions = catalogue.versions_of(chain)
    for number in range(1, catalogue.count(chain) + 1):
        each = catalogue.model(chain, number)
        listed = ", ".join(map(str, versions.get(number, []))) or "none yet"
        out.print(
            f"model {number}: {each.name} of {each.owner}, {percent(each.fee_bps)} of each fee; versions: {listed}"
        )
    if not catalogue.count(chain):
        out.print("there are none yet: opg model register")


@model_app.command("show")
def model_show(
    model_id: Annotated[int, typer.Argument(min=1, help="Number of the model.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
) -> None:
    """Shows a model: who earns from it, its versions, and which operators offer them on chain."""
    from opg import catalogue
    from opg.versions import read_published

    chain = connect(rpc, manifest)
    each = catalogue.model(chain, model_id)
    rows = [("owner", each.owner), ("of each fee", percent(each.fee_bps))]
    rows += [(f"  of that, model {number}", _millionths(part)) for number, part in each.parts.items()]
    rows += [("licence", each.licence or "none stated"), ("metadata", each.metadata_uri or "none")]
    for number in catalogue.versions_of(chain, model_id).get(model_id, []):
        version = read_published(chain, number)
        rows.append((f"version {number}", version.artifact_cid + (", deprecated" if version.deprecated else "")))
        rows.append(("  program root", "0x" + version.program_root.hex()))
        rows += [(f"  offered by {who}", shown(price)) for who, price in catalogue.offers_of(chain, number).items()]
    table(f"model {model_id}: {each.name}", rows)


@model_app.command("fetch")
def model_fetch(
    version_id: Annotated[int, typer.Argument(min=1, help="Number of the version.")],
    to: Annotated[Path | None, typer.Option(help="The file to write (without it: version-NUMBER.onnx).")] = None,
    storage: Storage = BLOCKS,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
) -> None:
    """Fetches a version's file by its content identifier, and checks it against the chain. Goes on where it was cut off."""
    from opg.storage import Cid, fetch_file, open_blocks
    from opg.versions import load_version, read_published

    chain = connect(rpc, manifest)
    published = read_published(chain, version_id)
    path = to or Path(f"version-{version_id}.onnx")
    if path.exists():
        raise BadInput(f"{path} is there already", "check it: opg model check, or name another one: --to")
    root = Cid.parse(published.artifact_cid)
    with _bar(f"fetching {path.name}") as progress:
        fetch_file(root, open_blocks(storage), path, progress)
    version = load_version(chain, version_id, path)
    out.print(f"{path} is version {version_id}: program root 0x{version.program.root.hex()}")


@model_app.command("check")
def model_check(model: Model, version_id: VersionId, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """Compiles the file again and compares it with the version on chain."""
    from opg.storage import file_cid, is_cid
    from opg.versions import load_version

    version = load_version(connect(rpc, manifest), version_id, model)
    out.print(f"version {version_id} is {model.name}: program root 0x{version.program.root.hex()}")
    published = version.published.artifact_cid
    if is_cid(published):
        if (found := str(file_cid(model))) != published.removeprefix("ipfs://"):
            raise WrongModel(
                f"the published content identifier is {published}, the file's is {found}",
                "the file is right; whoever published it cut it in another way, so it can only be fetched from them",
            )
        out.print(f"stored as {published}")


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


@model_app.command("metadata")
def model_metadata(
    model_id: Annotated[int, typer.Option("--model-id", min=1, help="Number of the model.")],
    uri: Annotated[str, typer.Argument(help="Where more about it can be read.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Says where more about your model can be read. It may move."""
    sender_of(connect(rpc, manifest), keystore).send("Models", "setMetadataUri", model_id, uri)
    out.print(f"model {model_id}: {uri}")


@model_app.command("open")
def model_open(
    model: Model,
    version_id: VersionId,
    operator: Annotated[list[str], typer.Option(help="Who is asked for those who prefer none; up to 8. Repeatable.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Opens a version of your model to users of the opengradient SDK, under its content identifier. Again: other operators."""
    from opg import facade
    from opg.versions import load_version

    sender = sender_of(connect(rpc, manifest), keystore)
    version = load_version(sender.chain, version_id, model)
    facade.open_to_sdk(sender, version_id, version.compiled, [address(each) for each in operator])
    cid = version.published.artifact_cid
    meant = sender.chain.read(facade.FACADE, "versionOf", cid)
    out.print(f"{cid} means version {meant}")


@contextmanager
def _bar(what: str) -> Iterator[Progress]:
    """A progress bar on standard error, where somebody looks at it."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _millionths(part: int) -> str:
    return f"{part / 10_000:g} %"


def _parent(named: str) -> tuple[int, int]:
    number, colon, percent = named.partition(":")
    if not colon or not number.isdecimal():
        raise BadInput(f"{named!r} is not a parent", "write the model's number and its part in percent, like 7:20")
    return int(number), basis_points(percent)
