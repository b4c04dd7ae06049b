"""A private chain on this machine: anvil on a free port of its own, gone when the program ends."""

from __future__ import annotations

import atexit
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from eth_account import Account
from eth_account.signers.local import LocalAccount

from opg.chain.connection import Chain
from opg.errors import ChainUnreachable, OPGError

START_SECONDS = 60
STOP_SECONDS = 30
ETHER = 10**18
PORTS = range(20_000, 32_000)
MAX_LEASES = 256  # by then whoever asked for the oldest one listens, or never will

_leases: deque[socket.socket] = deque()


class LocalChain:
    """An anvil process. Use it as a context manager; it is stopped on every way out."""

    def __init__(
        self, chain_id: int = 31337, block_seconds: int | None = None, *options: str, port: int | None = None
    ) -> None:
        self.port = port or free_port()
        if port and not is_free(port):  # whoever listens there would be taken for our node
            raise OPGError(f"port {port} is taken", "choose another one with --port")
        self.url = f"http://127.0.0.1:{self.port}"
        command = [str(anvil_binary()), "--port", str(self.port), "--chain-id", str(chain_id), "--silent"]
        command += ["--mnemonic-random", "--no-cors", *options]
        if block_seconds:
            command += ["--block-time", str(block_seconds)]
        self.process = subprocess.Popen(  # its own session: Ctrl-C reaches us first, we stop it
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        self.detached = False
        atexit.register(self.stop)
        self.chain = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.detached:
            self.stop()

    def stop(self) -> None:
        """Ends the process; may be called again."""
        stop_process(self.process)
        atexit.unregister(self.stop)

    def detach(self) -> None:
        """Lets the process live on when this one ends."""
        atexit.unregister(self.stop)
        self.detached = True

    def account(self, ether: int = 100) -> LocalAccount:
        """A new account with ether for gas. Its key exists nowhere else."""
        made = Account.create()
        self.rpc("anvil_setBalance", made.address, hex(ether * ETHER))
        return made

    def advance(self, seconds: int) -> None:
        """Makes a block that is so many seconds ahead of now: of the newest block, or of the clock on the wall."""
        self.rpc("evm_setNextBlockTimestamp", self.chain.now() + seconds)
        self.rpc("evm_mine")

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Undoes afterwards whatever happens meanwhile; but time goes on with the clock on the wall."""
        mark = self.rpc("evm_snapshot")
        try:
            yield
        finally:
            self.rpc("evm_revert", mark)
            wall = int(time.time())
            if self.chain.block("latest")["timestamp"] < wall:
                self.rpc("evm_setNextBlockTimestamp", wall)
                self.rpc("evm_mine")

    def rpc(self, method: str, *parameters: Any) -> Any:
        """Sends one of the node's own commands."""
        response = self.chain.w3.provider.make_request(method, list(parameters))  # type: ignore[arg-type]
        if "error" in response:
            raise OPGError(f"{method}: {response['error']}")
        return response["result"]

    def _connect(self) -> Chain:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                return Chain(self.url)
            except ChainUnreachable:
                if self.process.poll() is not None or time.monotonic() > until:
                    self.stop()
                    raise
                time.sleep(0.05)


def anvil_binary() -> Path:
    """The anvil that npm installed in this checkout, or the one on the PATH."""
    machine = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine(), platform.machine())
    folder = f"anvil-{platform.system().lower()}-{machine}"
    binary = Path(__file__).resolve().parents[2] / "node_modules" / "@foundry-rs" / folder / "bin" / "anvil"
    if binary.is_file():
        return binary
    if found := shutil.which("anvil"):
        return Path(found)
    raise OPGError("anvil was not found", "set the toolchain up: make setup")


def free_port() -> int:
    """A TCP port of this machine that nobody uses, and that no other call, in any process, is given meanwhile.

    It lies below those that the kernel lends to outgoing connections. Between this call and the moment somebody listens,
    the UDP port of the same number says that it is taken: the kernel keeps that for us, and frees it when we end.
    """
    for port in random.SystemRandom().sample(PORTS, len(PORTS)):
        lease = socket.socket(type=socket.SOCK_DGRAM)
        try:
            lease.bind(("127.0.0.1", port))
        except OSError:
            lease.close()
            continue
        if not is_free(port):
            lease.close()
            continue
        _leases.append(lease)
        if len(_leases) > MAX_LEASES:
            _leases.popleft().close()
        return port
    raise OPGError(f"no TCP port is free between {PORTS[0]} and {PORTS[-1]}", "end what listens there")


def is_free(port: int) -> bool:
    """Whether nobody listens on a TCP port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def stop_process(process: subprocess.Popen[Any]) -> None:
    """Ends a process that was started in its own session: asks first, then insists."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
