"""The demo itself: it ends well, says what matters, leaves nothing behind, and tells lies anywhere from real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 170
SAYS = [
    "is read as",
    "of 20 held-out pictures were read right",
    "The watchtower fetched them and executed them again",
    "DigitReader was called back",
    "opens a game",
    "the referee recomputes it",
    "The liar lost 500 OPG.",
    "The user's fee is refunded",
    "Disputes.prove",
    "The books balance to the last wei.",
]


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path), "COLUMNS": "160"}


def play(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.demo", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, timeout=SECONDS)


def left_behind(tmp_path: Path) -> list[str]:
    """Processes whose environment or arguments name this test's folder, and files in it."""
    found = [str(path) for path in tmp_path.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(tmp_path).encode() in (process / "environ").read_bytes() and int(process.name) != os.getpid():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("arguments", [(), ("--lie-at", "7:3"), ("--lie-at", "0:31")])
def test_demo_tells_the_whole_story(tmp_path, arguments):
    done = play(tmp_path, *arguments)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for words in SAYS:
        assert words in done.stdout, words
    if arguments:
        op, element = arguments[1].split(":")
        assert f"blames operation {op}" in done.stdout
        assert f"proves element {element}" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("where", "says"), [("99:0", "there is no op 99"), ("2:32", "has no element 32"), ("2", "write it as OP:ELEMENT")]
)
def test_place_where_no_lie_is_possible_is_refused(tmp_path, where, says):
    done = play(tmp_path, "--lie-at", where)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_that_is_stopped_leaves_nothing_behind(tmp_path, number):
    command = [sys.executable, "-m", "scripts.demo"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:  # until the node and the watchtower run
            said += line
            if line.startswith("4."):
                break
        time.sleep(0.5)
        process.send_signal(number)
        said += process.stdout.read()
        assert process.wait(timeout=30) == 130, said
    assert "Traceback" not in said
    assert left_behind(tmp_path) == []
