"""The programs that the demo starts: real processes with keys of their own, which end with it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import requests
from eth_account.signers.local import LocalAccount

from opg.chain.local import stop_process
from opg.errors import OPGError
from scripts.demo.telling import expect

WAIT_SECONDS = 60
ROOT = str(Path(__file__).resolve().parents[2])


class Processes:
    """Those that run, by name; what they say goes to a file each."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, account: LocalAccount, module: str, *arguments: str) -> None:
        """Starts a process with a key in its environment."""
        log = self.stack.enter_context((self.folder / f"{name}.log").open("wb"))
        self.running[name] = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            env=environment(account),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self.stack.callback(stop_process, self.running[name])

    def stop(self) -> None:
        """All of them."""
        for name in list(self.running):
            stop_process(self.running.pop(name))

    def said(self, name: str) -> str:
        """What a process has said so far."""
        return (self.folder / f"{name}.log").read_text()

    def check(self) -> None:
        """Raises when one has ended."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise OPGError(f"the {name} ended with {process.returncode}: {self.said(name)[-2000:]}")

    def wait_for(self, what: str, come: Callable[[], bool]) -> None:
        until = time.monotonic() + WAIT_SECONDS
        while not come():
            self.check()
            if time.monotonic() > until:
                said = "".join(f"\n--- {name}\n{self.said(name)[-1500:]}" for name in self.running)
                raise OPGError(f"{what} did not come within {WAIT_SECONDS} seconds{said}")
            time.sleep(0.1)


def command(account: LocalAccount, *arguments: str) -> None:
    """Runs one command of `opg` to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "opg.cli", *arguments],
        env=environment(account),
        capture_output=True,
        text=True,
    )
    expect(done.returncode == 0, f"opg {' '.join(arguments[:2])} succeeds: {done.stderr.strip()}")


def environment(account: LocalAccount) -> dict[str, str]:
    """This process's environment, with a key."""
    path = os.pathsep.join([ROOT, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "OPG_PRIVATE_KEY": account.key.hex(), "PYTHONPATH": path}


def answers_http(port: int) -> bool:
    try:
        return requests.get(f"http://127.0.0.1:{port}/opg/v1/info", timeout=5).status_code == 200
    except requests.RequestException:
        return False
