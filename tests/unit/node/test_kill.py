"""The node as a real process under load, ended at any instant: whatever a client has seen is on the disk."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from opg.node import Store
from opg.vouchers import make_voucher
from scripts.stage import DIGITS
from tests.conftest import DEEP
from tests.stage import PRICE, channel
from tests.unit.node.test_infer import body

ROOT = Path(__file__).resolve().parents[3]
KILLS = 20 if DEEP else 2
PAYERS = 4
START_SECONDS = 180
LIFE_SECONDS = 1_800  # of a request: a restart on a busy machine takes longer than the minute that others have


class Process:
    """`opg node` for a host whose own node does not run."""

    def __init__(self, stage, host, data: Path) -> None:
        self.url, self.data = host.url, data
        manifest = data / "manifest.json"
        data.mkdir(exist_ok=True)
        stage.chain.deployment.save(manifest)
        self.environment = {
            **os.environ,
            "OPG_RPC": stage.local.url,
            "OPG_MANIFEST": str(manifest),
            "OPG_PRIVATE_KEY": host.key.key.hex(),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        }
        options = ["--model", DIGITS, "--version-id", "1", "--operator", host.address, "--port", host.port]
        options += ["--price", "0.01", "--workers", "1", "--commit-every", "0", "--max-skew", "0", "--data", data]
        self.command = [sys.executable, "-m", "opg.cli", "node", *map(str, options)]
        self.log = data / "log"
        self.running: subprocess.Popen | None = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.running = subprocess.Popen(self.command, env=self.environment, cwd=self.data, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            assert self.running.poll() is None, self.log.read_text()
            try:
                if requests.get(f"{self.url}/v2/health/ready", timeout=10).status_code == 200:
                    return
            except requests.RequestException:
                time.sleep(0.05)
        raise AssertionError(self.log.read_text())

    def end(self, number: int) -> int:
        self.running.send_signal(number)
        return self.running.wait(120)


class Asker(threading.Thread):
    """One payer that asks one thing after another, and remembers what it got. A request without a reply is sent again as it was."""

    def __init__(self, stage, host, payer, version, picture, stop: threading.Event) -> None:
        super().__init__()
        self.stage, self.host, self.payer, self.version, self.picture, self.stop = (
            stage,
            host,
            payer,
            version,
            picture,
            stop,
        )
        self.replies: list[dict] = []
        self.statuses: list[int] = []
        self.begun = 0

    def run(self) -> None:
        while not self.stop.is_set():
            self.ask()

    def ask(self) -> None:
        total = (len(self.replies) + 1) * PRICE
        voucher = make_voucher(self.stage.chain, self.payer.account, self.host.address, self.version.model_id, total)
        late = self.stage.chain.now() + LIFE_SECONDS
        picture = self.picture(len(self.replies))
        request = body(self.stage.chain, self.host, picture, self.payer.account, nonce=total, deadline=late)
        request["voucher"] = voucher.json()
        self.begun += 1
        while not self.stop.is_set():
            try:
                reply = requests.post(f"{self.host.url}/opg/v1/infer", json=request, timeout=20)
            except requests.RequestException:
                time.sleep(0.02)
                continue
            self.statuses.append(reply.status_code)
            if reply.status_code == 200:
                self.replies.append(reply.json())
                return
            time.sleep(0.02)


@pytest.fixture
def process(stage, host, tmp_path):
    made = host(price=PRICE)
    running = Process(stage, made, tmp_path / "data")
    yield made, running
    if running.running is not None and running.running.poll() is None:
        running.end(signal.SIGKILL)


@pytest.fixture
def askers(stage, process, version, picture):
    """Payers with channels; ended with the test."""
    stop = threading.Event()
    made = []
    for _ in range(PAYERS):
        payer = stage.person(opg=100)
        channel(payer, process[0], 100)
        made.append(Asker(stage, process[0], payer, version, picture, stop))
    yield made
    stop.set()
    for each in made:
        if each.ident:
            each.join()


def check_nothing_is_lost(askers, data: Path) -> None:
    store = Store(data / "node.sqlite")
    try:
        for each in askers:
            for reply in each.replies:
                kept = store.answer(bytes.fromhex(reply["digest"][2:]))
                assert kept is not None
                assert (kept.json()["signature"], kept.json()["outputs"]) == (reply["signature"], reply["outputs"])
            payer = each.payer.address
            held = store.voucher_totals(payer).get(each.version.model_id, 0)
            assert held in {len(each.replies) * PRICE, (len(each.replies) + 1) * PRICE}  # one may be under way
        total = sum(sum(store.voucher_totals(each.payer.address).values()) for each in askers)
        assert total == store.answer_count() * PRICE
    finally:
        store.close()


def test_nothing_signed_is_lost_when_the_process_is_killed(process, askers):
    _, running = process
    random.seed(7)
    running.start()
    for each in askers:
        each.start()
    for _ in range(KILLS):
        seen = sum(len(each.replies) for each in askers)
        until = time.monotonic() + 120
        while sum(len(each.replies) for each in askers) < seen + 20:
            assert time.monotonic() < until, running.log.read_text()
            time.sleep(0.01)
        time.sleep(random.random() / 4)
        running.end(signal.SIGKILL)
        check_nothing_is_lost(askers, running.data)
        running.start()
    before = [len(each.replies) for each in askers]
    until = time.monotonic() + 120
    while any(len(each.replies) <= n for each, n in zip(askers, before, strict=True)) and time.monotonic() < until:
        time.sleep(0.02)
    assert all(len(each.replies) > n for each, n in zip(askers, before, strict=True)), (
        "all go on after the last restart"
    )
    askers[0].stop.set()
    for each in askers:
        each.join()
    check_nothing_is_lost(askers, running.data)
    assert all(set(each.statuses) <= {200, 503} for each in askers)


def test_node_that_is_told_to_stop_answers_first(process, askers):
    _, running = process
    running.start()
    for each in askers:
        each.start()
    until = time.monotonic() + 120
    while sum(len(each.replies) for each in askers) < 20 and time.monotonic() < until:
        time.sleep(0.01)
    assert running.end(signal.SIGTERM) == 0, running.log.read_text()
    askers[0].stop.set()
    for each in askers:
        each.join()
    check_nothing_is_lost(askers, running.data)
    assert all(set(each.statuses) <= {200, 503} for each in askers)
    log = running.log.read_text()
    assert log.rstrip().endswith("stopped") and "Traceback" not in log, log
