"""A simulation as a page: Markdown, and the same as HTML. Whatever a proposal carries is shown as text, never as markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from markdown_it import MarkdownIt

from opg.chain.deploying import OPG
from opg.governance.checks import Finding, worst
from opg.governance.proposal import contract_at, named, shown
from opg.governance.simulation import Simulation
from opg.words import harmless

MARKS = {"good": "✓", "look": "?", "bad": "✗"}
WORDS = {"good": "nothing speaks against it", "look": "a person has to look", "bad": "do not vote for this"}
MOST_VOTERS = 10  # that are shown
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1f; }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #ccc; padding: .3rem .6rem; text-align: left; vertical-align: top; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
blockquote { border-left: 4px solid #ccc; margin: 0; padding-left: 1rem; white-space: pre-wrap; }
"""


def markdown(made: Simulation, findings: list[Finding]) -> str:
    """The whole report."""
    verdict = worst(findings)
    parts = [
        f"# {text(made.proposal.title)}",
        f"**Verdict: {MARKS[verdict]} {WORDS[verdict]}.**",
        f"{whose(made)} Played on a copy of block {made.block:,} of chain {made.chain_id}.",
        "## Checks",
        table(("", "check", "finding"), ((MARKS[f.verdict], f.check, text(f.text)) for f in findings)),
        "## What it says",
        "\n".join(f"> {text(line)}" for line in made.proposal.words.splitlines()),
        "## What it does",
        *(call(number, each) for number, each in enumerate(made.calls, 1)),
        "## Who can vote",
        f"{opg(sum(each.votes for each in made.voters))} OPG of {len(made.voters):,} account{'s' * (len(made.voters) != 1)}; a quorum is {opg(made.quorum)}.",
        table(("account", "votes", "of them staked"), (
            (code(each.account), opg(each.votes), opg(each.staked)) for each in made.voters[:MOST_VOTERS]
        )),
        "## Steps",
        table(("step", "gas"), ((step.label, f"{step.gas:,}") for step in made.steps)),
        f"Between queuing and execution: {made.announced:,} seconds. " + (f"It stopped: {text(made.error)}" if made.error else ""),
        "## Views that changed",
        table(("contract", "view", "before", "after"), ((v.contract, v.name, code(str(v.before)), code(str(v.after))) for v in made.views)),
        "## OPG held",
        table(("contract", "before", "after", "change"), (
            (name, opg(before), opg(after), opg(after - before, "+")) for name, (before, after) in made.held.items()
        )),
        "## Events",
        table(("contract", "event", "arguments"), (
            (text(contract), text(event), code(", ".join(f"{k}={told(made, contract, k, v)}" for k, v in args.items())))
            for contract, event, args in made.events
        )),
        "## Storage that changed",
        table(("contract", "slot", "before", "after"), (
            (contract_at(made.deployment).get(at, at), code(slot), code(short(before)), code(short(after)))
            for at, slot, before, after in made.slots
        )),
        "## Exits tried afterwards",
        table(("exit", "result"), ((name, text(problem) or "works") for name, problem in made.exits)),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part) + "\n"


def whose(made: Simulation) -> str:
    """Which proposal it is, by whom, and who else could have proposed it: the mark at the description's end in words."""
    number, proposer, alone = f"Proposal `{made.proposal.id}`", f"`{made.proposer}`", made.proposal.reserved
    if made.submitted:
        return f"{number}, proposed by {proposer}, {'who alone' if alone else 'as anybody'} could propose these words."
    if alone:
        return f"{number}, not submitted yet, which only `{alone}` can do."
    return "Not submitted yet: its number follows from who does that."


def html(source: str, title: str) -> str:
    """The Markdown as one self-contained page; HTML inside it is shown, not interpreted."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(source)
    safe = harmless(title).replace("&", "&amp;").replace("<", "&lt;")
    return f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{safe}</title>\n<style>{STYLE}</style>\n{body}</html>\n'


def call(number: int, each: Any) -> str:
    """One call: its line, and its arguments, each exactly and with the name of what it is."""
    rows = [
        (kind, name, code(exact), "" if known == exact else code(known))
        for (kind, name), exact, known in zip(each.inputs, map(shown, each.arguments), each.known, strict=True)
    ]
    head = f"{number}. {code(each.readable)} at {code(each.target)}"
    return head + ("\n\n" + table(("type", "argument", "value", "is"), rows) if rows else "")


def told(made: Simulation, contract: str, argument: str, value: Any) -> str:
    """An event's argument; of contracts that are not the protocol's, exactly."""
    return named(made.deployment, contract, argument, value) if contract in made.deployment.addresses else shown(value)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; nothing where there are no rows."""
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    if not lines:
        return "none"
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head), *lines])


def text(raw: str) -> str:
    """Foreign text, with everything that Markdown would interpret escaped."""
    return "".join("\\" + each if each in "\\`*_[]<>#|!&" else each for each in harmless(raw).replace("\n", " "))


def code(raw: str) -> str:
    """Foreign text in a code span. A backtick inside would end it."""
    return "`" + harmless(raw).replace("`", "'").replace("\n", " ") + "`" if raw else ""


def opg(wei: int, sign: str = "") -> str:
    return f"{wei / OPG:{sign},.18g}"


def short(word: str) -> str:
    """A storage word without leading zeros."""
    return hex(int(word, 16))
