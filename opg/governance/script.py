"""A proposal as a file: `scripts/proposals/YYYY_MM_DD_slug.py`, with a numbered docstring and its actions."""

from __future__ import annotations

import re
import runpy
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from opg.addresses import checked
from opg.errors import BadInput, OPGError
from opg.governance.terms import Action, Call, Vesting

NAME = re.compile(r"(\d{4}_\d{2}_\d{2})_([a-z0-9]+(?:_[a-z0-9]+)*)\.py")
NUMBERED = re.compile(r"^\s*(\d+)\.\s+(.*\S)\s*$")
FOLDER = Path("scripts/proposals")
TEMPLATE = '''"""{title}

Why: one paragraph that a voter can decide by.

1. Set the votes that a proposal needs to 2 OPG
"""

from opg.governance import OPGGovernor, set_, tokens

# PROPOSER = "0x…"  # whose key submits it: tells it from copies that others propose

ACTIONS = [
    ("Set the votes that a proposal needs to 2 OPG", set_(OPGGovernor.proposalThreshold, tokens(2))),
]
'''


@dataclass(frozen=True)
class Script:
    """What a proposal file says: a title, a reason, and actions in order; perhaps who proposes it."""

    path: Path
    title: str
    reason: str
    actions: list[Action]
    proposer: str | None = None

    @property
    def streams(self) -> list[Vesting]:
        """What it pays into over time."""
        return [each for _, call in self.actions for each in call.arguments if isinstance(each, Vesting)]


def load_script(path: Path) -> Script:
    """Reads a proposal file. Raises `BadInput` with the rule that it breaks."""
    match = NAME.fullmatch(path.name)
    if match is None:
        raise BadInput(f"{path.name} is not named YYYY_MM_DD_slug.py", "make one with: opg proposal new SLUG")
    try:
        date.fromisoformat(match[1].replace("_", "-"))
    except ValueError:
        raise BadInput(f"{path.name} begins with a day that does not exist", "name it YYYY_MM_DD_slug.py") from None
    try:
        made = runpy.run_path(str(path))
    except OPGError as problem:
        raise BadInput(f"{path.name}: {problem}", problem.advice) from None
    except OSError as problem:
        raise BadInput(f"cannot read {path}: {problem.strerror}", "name a proposal file") from None
    except (Exception, SystemExit) as problem:
        raise BadInput(f"{path.name}: {type(problem).__name__}: {problem}", "correct the script") from None
    title, reason, listed = _docstring(path, made.get("__doc__") or "")
    actions = made.get("ACTIONS")
    if not isinstance(actions, list) or not actions:
        raise BadInput(f"{path.name} has no ACTIONS", "list (description, call) pairs, see docs/governance.md")
    for number, action in enumerate(actions, 1):
        if not (isinstance(action, tuple) and len(action) == 2 and isinstance(action[1], Call)):
            raise BadInput(f"{path.name}: action {number} is no (description, call) pair", "see docs/governance.md")
        call = action[1]
        if call.abi["stateMutability"] in ("view", "pure"):
            raise BadInput(
                f"{path.name}: {call.contract}.{call.function} only reads", "name a function that changes something"
            )
    if listed != [said for said, _ in actions]:
        raise BadInput(
            f"{path.name}: the docstring's numbered list and ACTIONS do not say the same, in the same order",
            "repeat each action's description, word for word",
        )
    return Script(path, title, reason, actions, _proposer(path, made.get("PROPOSER")))


def new_script(slug: str, folder: Path, today: date) -> Path:
    """Writes a template. Raises `BadInput` when the name is wrong or taken."""
    path = folder / f"{today:%Y_%m_%d}_{slug}.py"
    if NAME.fullmatch(path.name) is None:
        raise BadInput(f"{slug!r} is no name for a file", "use lower case letters, digits and _")
    if path.exists():
        raise BadInput(f"{path} is there already", "choose another name")
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(TEMPLATE.format(title=slug.replace("_", " ").capitalize()))
    return path


def _proposer(path: Path, given: object) -> str | None:
    if given is None:
        return None
    try:
        return checked(given if isinstance(given, str) else repr(given))
    except BadInput as problem:
        raise BadInput(f"{path.name}: PROPOSER: {problem}", problem.advice) from None


def _docstring(path: Path, text: str) -> tuple[str, str, list[str]]:
    lines = [line.strip() for line in text.strip().splitlines()]
    if not lines or not lines[0]:
        raise BadInput(f"{path.name} has no docstring", "begin it with the proposal's title")
    numbered = [match for match in map(NUMBERED.match, lines[1:]) if match]
    if [int(match[1]) for match in numbered] != list(range(1, len(numbered) + 1)) or not numbered:
        raise BadInput(
            f"{path.name}: the docstring does not number its actions 1, 2, 3 …", "list every action, in order"
        )
    reason = "\n".join(line for line in lines[1:] if not NUMBERED.match(line)).strip()
    return lines[0].rstrip("."), reason, [match[2] for match in numbered]
