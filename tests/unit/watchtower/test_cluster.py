"""`opg watch` on a dask cluster, all of it as processes; one of its workers is killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from opg.answers import SignedAnswer
from opg.chain.local import free_port, stop_process
from opg.watchtower import Notes
from scripts.liar import SometimesLying
from scripts.stage import DIGITS
from tests.unit.node.test_infer import body

ROOT = Path(__file__).resolve().parents[3]
ANSWERS = 40
WAIT_SECONDS = 180


@contextmanager
def running(*command: str, log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    known = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with open(log, "wb") as words:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], env=known, stdout=words, stderr=words, start_new_session=True
        )
    try:
        yield process
    finally:
        stop_process(process)


def wait_for(what: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + WAIT_SECONDS
    while not what():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.05)


@pytest.fixture
def cluster(tmp_path):
    """A scheduler and two workers: its address, and the workers."""
    port, log = free_port(), tmp_path / "scheduler.log"
    address = f"tcp://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.enter_context(
            running("dask", "scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard", log=log)
        )
        wait_for(lambda: "Scheduler at" in log.read_text(), log)
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)]
        workers = [
            stack.enter_context(running("dask", "worker", address, *options, log=tmp_path / f"worker{n}.log"))
            for n in range(2)
        ]
        wait_for(lambda: log.read_text().count("Register worker") >= 2, log)
        yield address, workers


def counts(data: Path) -> dict[str, int]:
    if not (data / "watchtower.sqlite").exists():
        return {"audited": 0}
    notes = Notes(data / "watchtower.sqlite")
    try:
        return notes.counts()
    finally:
        notes.close()


def test_lies_are_disputed_also_when_a_worker_dies(cluster, stage, host, picture, version, tmp_path):
    address, workers = cluster
    made = host(executor=SometimesLying(0.4, 1))
    manifest, data, log = tmp_path / "manifest.json", tmp_path / "watch", tmp_path / "watch.log"
    stage.chain.deployment.save(manifest)

    def answer(first: int) -> int:
        signed = [
            SignedAnswer.from_json(made.node.infer(body(stage.chain, made, picture(n), nonce=n)))
            for n in range(first, first + ANSWERS)
        ]
        made.node.commit()
        return sum(version.execute(each.inputs) == each.outputs for each in signed)

    known = {"OPG_RPC": stage.local.url, "OPG_MANIFEST": str(manifest)}
    known["OPG_PRIVATE_KEY"] = stage.person(opg=1_000).account.key.hex()
    command = ["opg.cli", "watch", "--model", str(DIGITS), "--cluster", address, "--data", str(data), "--poll", "0.1"]
    with made.serving():
        right = answer(0)
        with running(*command, log=log, **known):
            wait_for(lambda: counts(data)["audited"] == ANSWERS, log)
            right += answer(ANSWERS)
            workers[0].kill()
            wait_for(lambda: counts(data)["audited"] == 2 * ANSWERS, log)
            wait_for(lambda: counts(data)["playing"] > 0, log)
    found = counts(data)
    assert (found["right"], found["wrong"]) == (right, 2 * ANSWERS - right)
    assert 0 < right < 2 * ANSWERS
    bonds = stage.chain.read("OPG", "balanceOf", stage.chain.deployment.address("Disputes"))
    assert bonds == found["playing"] * stage.chain.read("Disputes", "bond")
