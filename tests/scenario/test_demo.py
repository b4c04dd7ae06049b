"""The demo itself: it ends well, says what matters, leaves nothing behind, and tells lies anywhere from real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import DEEP
from tests.models import magika

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
SAYS = [
    "The watchtower fetched them and executed them again",
    "LabelReader was called back",
    "opens a game",
    "the referee recomputes it",
    "The liar lost 500 OPG.",
    "The user's fee is refunded",
    "Disputes.prove",
    "The books balance to the last wei.",
]
OF_DIGITS = ["is read as", "of 20 held-out pictures were read right", "onnxruntime reads all of them alike"]
OF_MAGIKA = ["20 of 20 files were told right", "onnxruntime reads all of them alike", "Referee.sol is read as solidity"]
DIGITS, MAGIKA = ("--model", "digits"), ("--model", "magika")


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "TMPDIR": str(tmp_path),
        "COLUMNS": "160",
    }


def play(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "scripts.demo", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path), stdout=pipe, stderr=pipe, text=True) as process:
        try:
            said, complained = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.terminate()  # it ends what it started; killed it could not
            raise
    return subprocess.CompletedProcess(command, process.returncode, said, complained)


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


def without_magika(tmp_path: Path) -> dict[str, str]:
    """Where the wheel cannot be found."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *more: None if name == 'magika' else find(name, *more)\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(site)])}


def check_story(done: subprocess.CompletedProcess[str], words: list[str]) -> None:
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for each in [*SAYS, *words]:
        assert each in done.stdout, each
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("place", [None, "0:31", *(["7:3"] if DEEP else [])])
def test_demo_tells_the_whole_story_of_digits(tmp_path, place):
    done = play(tmp_path, *DIGITS, *(["--lie-at", place] if place else []))
    check_story(done, OF_DIGITS + told(place))
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("place", [None, *(["45:7"] if DEEP else [])])
def test_demo_tells_the_whole_story_of_magika(tmp_path, place):
    magika()
    done = play(tmp_path, *(["--lie-at", place] if place else []))
    check_story(done, OF_MAGIKA + told(place))
    assert left_behind(tmp_path) == []


def told(place: str | None) -> list[str]:
    op, _, element = (place or "").partition(":")
    return [f"blames operation {op}", f"proves element {element}"] if place else []


def test_without_the_wheel_the_demo_says_so_and_takes_the_digits(tmp_path):
    """It is stopped once it has said which model it is about: the story is the same as above."""
    command = [sys.executable, "-m", "scripts.demo"]
    there = environment(tmp_path) | without_magika(tmp_path)
    with subprocess.Popen(
        command, cwd=ROOT, env=there, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as it:
        assert it.stdout is not None
        said = ""
        for line in it.stdout:
            said += line
            if line.startswith("3."):
                break
        it.send_signal(signal.SIGTERM)
        said += it.stdout.read()
    assert "The wheel of magika is not installed, so this is about the digits model." in " ".join(said.split())
    assert "digits reads handwritten digits" in said


def test_magika_by_name_without_its_wheel_is_refused(tmp_path):
    there = environment(tmp_path) | without_magika(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo", *MAGIKA],
        cwd=ROOT,
        env=there,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 1
    assert "the wheel of magika is not installed" in done.stdout and "make models" in done.stdout


@pytest.mark.parametrize(
    ("where", "says"), [("99:0", "there is no op 99"), ("2:32", "has no element 32"), ("2", "write it as OP:ELEMENT")]
)
def test_place_where_no_lie_is_possible_is_refused(tmp_path, where, says):
    done = play(tmp_path, *DIGITS, "--lie-at", where)
    assert done.returncode != 0
    assert says in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_demo_that_is_stopped_leaves_nothing_behind(tmp_path, number):
    command = [sys.executable, "-m", "scripts.demo", *DIGITS]
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
        assert process.wait(timeout=120) == 130, said
    assert "Traceback" not in said
    assert left_behind(tmp_path) == []
