"""What --help says is what was written: nothing of it is taken for markup."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from opg.cli import app
from tests.unit.cli.conftest import typed


def all_commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from all_commands(each, (*path, name))


COMMANDS = dict(all_commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_is_shown_to_the_last_word(capsys, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "1000")
    code, out, _ = typed(capsys, *path, "--help")
    assert code == 0
    shown = " ".join(out.split())
    command = COMMANDS[path]
    assert command.help, "a command without help"
    for text in (command.help, *(each.help for each in command.params if each.name != "help")):
        assert text, "an option without help"
        assert " ".join(text.split()) in shown
