"""Ctrl-C ends a command with a line that says what may have happened all the same."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from opg.console import was_interrupted
from tests.unit.deploying.conftest import SEA_YAML

WAIT_SECONDS = 180


@pytest.fixture
def silent():
    """An Ethereum node that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(WAIT_SECONDS)
        yield server


@pytest.mark.parametrize(
    "command, advice",
    [
        (["collect"], "a transaction that was sent happens all the same"),
        (["channel", "open", "--operator", "0x" + "11" * 20, "5"], "a transaction that was sent happens all the same"),
        (["deploy", "sea.yaml"], "the same command goes on where it stopped"),
        (["ask", "--version-id", "1", "x.json"], "the next `opg ask` fetches that first"),
    ],
    ids=lambda value: value[0],
)
def test_interrupted_command_says_what_may_have_happened(silent, tmp_path, command, advice):
    (tmp_path / "sea.yaml").write_text(SEA_YAML)
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    given = {**os.environ, "OPG_RPC": url, "SEA_RPC": url, "OPG_PRIVATE_KEY": "0x" + "5e" * 32}
    running = subprocess.Popen(
        [sys.executable, "-m", "opg.cli", *command], cwd=tmp_path, env=given, stderr=subprocess.PIPE, text=True
    )
    connection, _ = silent.accept()
    with connection:
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=WAIT_SECONDS)
    assert running.returncode == 128 + signal.SIGINT
    assert f"error: opg {command[0]} was interrupted" in err
    assert advice in err
    assert "Traceback" not in err


def test_ctrl_c_while_a_library_is_loaded_is_told_the_same_way(cli, monkeypatch):
    """A library in C that is interrupted while it is loaded raises an ImportError."""

    def load(*_):
        raise ImportError("initialization failed") from KeyboardInterrupt()

    monkeypatch.setattr("opg.cli.connect", load)
    code, _, err = cli("collect")
    assert code == 128 + signal.SIGINT
    assert "error: opg collect was interrupted" in err


def test_problems_of_other_kinds_are_no_interruption():
    try:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise ValueError("of its own") from None
    except ValueError as problem:
        assert not was_interrupted(problem)
    assert not was_interrupted(ImportError("initialization failed"))


def test_a_problem_that_is_its_own_reason_is_none():
    problem = ValueError("round")
    problem.__cause__ = problem
    assert not was_interrupted(problem)
