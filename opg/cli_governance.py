"""`opg proposal …`, `opg delegate`, `opg votes`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from opg.console import DEFAULT_RPC, Keystore, Manifest, Rpc, address, connect, harmless, out, sender_of
from opg.errors import BadInput

Which = Annotated[
    str, typer.Argument(help="A proposal file, or the (first digits of the) number of a proposal on chain.")
]
Choice = Annotated[str, typer.Argument(help="for, against or abstain.")]

app = typer.Typer(no_args_is_help=True, help="Write, simulate, submit, vote, execute. See docs/governance.md.")


@app.command()
def new(
    slug: Annotated[str, typer.Argument(help="Name, like raise_the_minimum_stake.")],
    folder: Annotated[Path, typer.Option(help="Where proposals are kept.")] = Path("scripts/proposals"),
) -> None:
    """Writes a proposal file to fill in, and lists the parameters that a vote can set."""
    from opg.governance import settable
    from opg.governance.script import new_script

    out.print(f"written: {new_script(slug, folder, datetime.now(UTC).date())}")
    out.print("set_(…, value) takes: " + ", ".join(settable()))


@app.command()
def simulate(
    which: Which,
    report: Annotated[
        Path | None, typer.Option(help="Where the report goes, without ending (without it: beside the file).")
    ] = None,
    network: Annotated[str, typer.Option(help="A name in scripts/networks/, instead of --rpc and --manifest.")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
) -> None:
    """Plays the whole life of a proposal on a copy of the chain, and judges it. Exit code 1 when it should not be voted for."""
    from opg.governance.checks import judge, worst
    from opg.governance.report import MARKS, WORDS, html, markdown
    from opg.governance.simulation import simulate as play

    if network:
        from opg.chain.deployment import manifest_path
        from opg.deploy import Network

        rpc, chain_id = Network.place(network)
        manifest = manifest_path(chain_id)
    governance = _governance(rpc, manifest)
    proposal = _proposal(governance, which)
    made = play(governance.chain, proposal)
    findings = judge(made)
    page = markdown(made, findings)
    to = report or (Path(which).with_suffix("") if which.endswith(".py") else Path(f"proposal-{str(proposal.id)[:8]}"))
    to.parent.mkdir(parents=True, exist_ok=True)
    to.with_suffix(".md").write_text(page)
    to.with_suffix(".html").write_text(html(page, proposal.title))
    for finding in findings:
        out.print(f"{MARKS[finding.verdict]} {finding.check}: {harmless(finding.text)}")
    verdict = worst(findings)
    out.print(f"{MARKS[verdict]} {WORDS[verdict]}; the report: {to.with_suffix('.md')} and .html")
    if verdict == "bad":
        sys.exit(1)


@app.command()
def submit(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Proposes what a file says, so that nobody else can propose these words in front of you."""
    governance = _governance(rpc, manifest)
    script, draft = _draft(governance.chain.deployment, which)
    sender = _sender(governance, keystore)
    if script.proposer not in (None, sender.address):
        raise BadInput(f"{which} is proposed by {script.proposer}, your key is that of {sender.address}",
                       "use that key, or write your own address behind PROPOSER")  # fmt: skip
    others = _copies(governance, draft)
    number = governance.submit(sender, draft, script.streams)
    out.print(f"proposal {number}: {governance.standing(draft.by(sender.address)).next_step(governance.time())}")
    if script.proposer is None:
        out.print(f'so that the file means yours, whoever copies it, write into it: PROPOSER = "{sender.address}"')
    for other in others:
        out.print(f"not to be mistaken for {other}, which says and does the same")


@app.command()
def cancel(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Takes back your own proposal, before voting begins. Whoever wants it then words it anew."""
    governance = _governance(rpc, manifest)
    sender = _sender(governance, keystore)
    governance.cancel(sender, _on_chain(governance, which, sender.address))
    out.print("cancelled; the same words cannot be submitted again")


@app.command("list")
def list_(rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """All proposals, the newest first, whoever made them."""
    governance = _governance(rpc, manifest)
    table = Table("number", "title", "by", "state", "next")
    for number, proposal, who in reversed(list(governance.all())):
        standing = governance.standing(proposal)
        step = standing.next_step(governance.time())
        table.add_row(str(number)[:12] + "…", harmless(proposal.title), who, standing.state.name.lower(), step)
    out.print(table if table.row_count else "there are no proposals yet")


@app.command()
def show(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None) -> None:
    """What a proposal says, what its calls are, and where it stands."""
    from opg.governance.proposal import decode_proposal

    governance = _governance(rpc, manifest)
    proposal = _proposal(governance, which)
    submitted = governance.exists(proposal)
    known = submitted or proposal.reserved  # else the number follows from who proposes it
    out.print((f"proposal {proposal.id}" if known else which) + f"\n\n{harmless(proposal.words)}\n\nits calls:")
    for number, call in enumerate(decode_proposal(governance.chain.deployment, proposal), 1):
        out.print(f"{number}. {call.readable}" + ("" if call.function else "   (cannot be read)"))
    if not submitted:
        out.print("\nnot submitted" + (f"; only {proposal.reserved} can do that" if proposal.reserved else ""))
        for other in _copies(governance, proposal):
            out.print(f"{other} says and does the same, and is another proposal")
        return
    standing = governance.standing(proposal)
    others = "who alone could" if proposal.reserved else "as anybody could"
    quorum = "" if standing.quorum is None else f", {_opg(standing.quorum)} needed for a quorum"
    out.print(
        f"\n{standing.state.name.lower()}; {standing.next_step(governance.time())}\n"
        f"for {_opg(standing.for_)}, against {_opg(standing.against)}, abstain {_opg(standing.abstain)}{quorum}\n"
        f"by {standing.proposer}, {others} propose these words"
    )


@app.command()
def vote(
    which: Which,
    choice: Choice,
    reason: Annotated[str, typer.Option(help="Kept on chain.")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Casts your votes."""
    governance, proposal = _submitted(which, rpc, manifest)
    weight = governance.vote(_sender(governance, keystore), proposal, choice, reason)
    out.print(f"{choice}: {_opg(weight)} votes")


@app.command("sign-vote")
def sign_vote(
    which: Which,
    choice: Choice,
    reason: Annotated[str, typer.Option(help="Kept on chain; signed, too.")] = "",
    voter: Annotated[
        str, typer.Option(help="A contract that your key signs for (ERC-1271), or whose wallet signs elsewhere.")
    ] = "",
    nonce: Annotated[
        int | None, typer.Option(min=0, help="Instead of the voter's next one: for what is cast after other votes.")
    ] = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Ask no node: takes --nonce, --manifest, and the whole number or a file's PROPOSER."
        ),
    ] = False,
    typed_data: Annotated[
        bool, typer.Option("--typed-data", help="Print what a wallet has to sign (eth_signTypedData_v4).")
    ] = False,
    signature: Annotated[str, typer.Option(help="What the wallet made of it.")] = "",
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Signs your vote, without a transaction; prints it. Whoever has it can cast it, once: opg proposal cast-vote."""
    from opg.chain import load_account
    from opg.chain.deployment import Deployment
    from opg.governance.ballot import Ballot, checked_choice, signature_of, verify

    checked_choice(choice)
    elsewhere = typed_data or bool(signature)
    if elsewhere and not voter:
        raise BadInput("whose vote a wallet elsewhere signs is not known", "name its address: --voter")
    account = None if elsewhere else load_account(keystore)
    who = address(voter) if voter else account.address  # type: ignore[union-attr]
    if offline:
        if nonce is None or manifest is None:
            raise BadInput("without a node neither the governor nor the voter's nonce are known",
                           "name both: --manifest, and --nonce (0 for the first signature)")  # fmt: skip
        governance, deployment = None, Deployment.load(manifest)
        number = _number_offline(deployment, which)
    else:
        governance, proposal = _submitted(which, rpc, manifest)
        deployment, number = governance.chain.deployment, proposal.id
    ballot = Ballot.on(deployment, number, choice, who, governance.nonce(who) if nonce is None else nonce, reason)
    if governance:
        governance.sign_check(ballot)
    if typed_data:
        out.print(json.dumps(ballot.typed, indent=2))
        return
    made = signature_of(signature) if account is None else ballot.sign(account)
    if governance:
        if account and account.address != who and not governance.chain.has_code(who):
            raise BadInput(
                f"your key is that of {account.address}; {who} is no contract that it could sign for",
                "leave out --voter",
            )
        verify(governance.chain, ballot, made)
    out.print(ballot.dump(made))


@app.command("cast-vote")
def cast_vote(
    file: Annotated[Path, typer.Argument(help="What opg proposal sign-vote printed.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Casts a vote that somebody signed. Anybody may; who signed pays nothing."""
    from opg.governance.ballot import Ballot

    ballot, signature = Ballot.load(file)
    governance = _governance(rpc, manifest)
    weight = governance.cast(_sender(governance, keystore), ballot, signature)
    title = harmless(governance.find(ballot.proposal).title)
    out.print(f"{ballot.choice}: {_opg(weight)} votes of {ballot.voter} on proposal {ballot.proposal}: {title}")


@app.command()
def queue(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Hands an accepted proposal to the timelock. Anybody may."""
    from opg.governance.onchain import moment

    governance, proposal = _submitted(which, rpc, manifest)
    due = governance.queue(_sender(governance, keystore), proposal)
    out.print(f"queued; it can be executed {moment(due, governance.time())}")


@app.command()
def execute(which: Which, rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None, keystore: Keystore = None) -> None:
    """Executes a proposal whose delay is over. Anybody may."""
    governance, proposal = _submitted(which, rpc, manifest)
    sent = governance.execute(_sender(governance, keystore), proposal)
    out.print(f"executed in {sent.hash}, {sent.gas:,} gas")


@app.command()
def export(
    which: Which,
    deed: Annotated[str, typer.Argument(help="submit, cancel, vote, queue or execute.")],
    choice: Annotated[str, typer.Option(help="For vote: for, against or abstain.")] = "for",
    safe: Annotated[bool, typer.Option("--safe", help="As a file for the Safe's transaction builder.")] = False,
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
) -> None:
    """The transaction as JSON, for a wallet that holds its key elsewhere."""
    from opg.governance.export import safe_batch, transaction

    governance = _governance(rpc, manifest)
    if deed == "submit":
        script, draft = _draft(governance.chain.deployment, which)
        if script.proposer is None:
            raise BadInput(f"{which} does not say who proposes it, so anybody could do so first, and cancel it",
                           'write the wallet\'s address into the file: PROPOSER = "0x…"')  # fmt: skip
        proposal = draft.by(script.proposer)
    else:
        proposal = _on_chain(governance, which)
    made = transaction(governance.chain, deed, proposal, choice)
    shown = safe_batch(governance.chain, f"{deed}: {proposal.title}", made) if safe else made
    out.print(json.dumps(shown, indent=2))


def delegate(
    to: Annotated[str, typer.Argument(help="Address; your own to vote yourself.")],
    rpc: Rpc = DEFAULT_RPC,
    manifest: Manifest = None,
    keystore: Keystore = None,
) -> None:
    """Lets an account vote with the OPG that you hold. Staked OPG votes by itself."""
    governance = _governance(rpc, manifest)
    sender = _sender(governance, keystore)
    sender.send("OPG", "delegate", address(to))
    held = int(governance.chain.read("OPG", "balanceOf", sender.address))
    out.print(f"{address(to)} votes with your {_opg(held)} OPG, in proposals whose voting begins after now")


def votes(
    who: Annotated[str, typer.Argument(help="Address.")], rpc: Rpc = DEFAULT_RPC, manifest: Manifest = None
) -> None:
    """Shows how many votes an account has, and what a proposal needs."""
    governance = _governance(rpc, manifest)
    read, who = governance.chain.read, address(who)
    now = governance.time() - 1
    past, present = int(read("OPGGovernor", "getVotes", who, now)), int(read("OPGVotes", "getVotes", who))
    staked = int(read("Staking", "getPastVotes", who, now))
    part = f", {_opg(staked)} of them staked" if staked else ""
    out.print(
        f"votes: {_opg(past)}{part}" + (f"; {_opg(present)} as soon as a second passes" if past != present else "")
    )
    held, delegate_ = int(read("OPG", "balanceOf", who)), read("OPG", "delegates", who)
    if held and int(delegate_, 16) == 0:
        out.print(f"{_opg(held)} OPG in the wallet do not vote: opg delegate {who}")
    out.print(f"a proposal needs {_opg(int(read('OPGGovernor', 'proposalThreshold')))} to be made, "
              f"{_opg(int(read('OPGGovernor', 'quorum', now)))} to be valid")  # fmt: skip


def _governance(rpc: str, manifest: Path | None):  # type: ignore[no-untyped-def]
    from opg.governance.onchain import Governance

    return Governance(connect(rpc, manifest))


def _sender(governance, keystore: Path | None):  # type: ignore[no-untyped-def]
    return sender_of(governance.chain, keystore)


def _submitted(which: str, rpc: str, manifest: Path | None):  # type: ignore[no-untyped-def]
    """Governance, and the proposal on chain that is meant."""
    governance = _governance(rpc, manifest)
    return governance, _on_chain(governance, which)


def _on_chain(governance, which: str, mine: str | None = None):  # type: ignore[no-untyped-def]
    """The proposal of a number, or of a file; between copies of the file the one that `mine` proposed, where the file names nobody."""
    proposal = _proposal(governance, which, mine)
    if not governance.exists(proposal):
        by = f" by {proposal.reserved}" if proposal.reserved else ""
        raise BadInput(
            f"{which} is not submitted{by}", "submit it first: opg proposal submit; see what is: opg proposal list"
        )
    return proposal


def _proposal(governance, which: str, mine: str | None = None):  # type: ignore[no-untyped-def]
    """The same, or what the file would propose."""
    if which.isdecimal():
        return governance.find(int(which))
    script, draft = _draft(governance.chain.deployment, which)
    return governance.meant(draft, script.proposer, mine)


def _draft(deployment, which: str):  # type: ignore[no-untyped-def]
    """What a file says, and the unmarked proposal that it makes on a deployment."""
    from opg.governance.proposal import build
    from opg.governance.script import load_script

    if which.isdecimal():
        raise BadInput(f"{which} is the number of a proposal on chain", "name a proposal file")
    if not which.endswith(".py"):
        raise BadInput(f"{which!r} is neither a proposal file nor a number", "see them all: opg proposal list")
    script = load_script(Path(which))
    return script, build(script, deployment)


def _number_offline(deployment, which: str) -> int:  # type: ignore[no-untyped-def]
    """The number of a proposal, from a file or its digits alone."""
    if which.isdecimal() and int(which) >> 128:  # fewer digits may be the first ones of a number
        return int(which)
    if which.isdecimal():
        raise BadInput(f"{which} may be the beginning of a number", "without a node, write all of it")
    script, draft = _draft(deployment, which)
    if script.proposer is None:
        raise BadInput(f"without a node, it is not known whose proposal {which} is",
                       'write into it PROPOSER = "0x…", or name the proposal\'s number')  # fmt: skip
    return int(draft.by(script.proposer).id)


def _copies(governance, proposal) -> list[str]:  # type: ignore[no-untyped-def]
    """Those on chain with the same words and calls, for people."""
    return [f"proposal {number} by {who} ({governance.state(copy).name.lower()})"
            for number, copy, who in governance.copies(proposal)]  # fmt: skip


def _opg(wei: int) -> str:
    from decimal import Decimal

    return f"{Decimal(wei) / 10**18:,f}"
