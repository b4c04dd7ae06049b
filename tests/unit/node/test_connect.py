"""Connections: who holds many open for nothing shuts nobody out for long."""

from __future__ import annotations

import importlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import SimpleNamespace

import pytest
import requests
import uvicorn

from opg.node import create_app
from tests.unit.node.test_infer import body
from tests.waiting import wait_until

serve = importlib.import_module("opg.node.serve")  # the package has a function of that name
LIMIT = 5
HALF = b"POST /opg/v1/infer HTTP/1.1\r\nHost: x\r\nContent-"
WHOLE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


class Clock:
    """What the sweeper takes for the time."""

    def __init__(self) -> None:
        self.now = 0.0
        self.swept = threading.Semaphore(0)

    def monotonic(self) -> float:
        return self.now

    def wait(self) -> None:
        """Until all that is there now was looked at."""
        while self.swept.acquire(blocking=False):
            pass
        for _ in range(2):
            assert self.swept.acquire(timeout=60)

    def advance(self, seconds: float) -> None:
        self.wait()
        self.now += seconds
        self.wait()


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(serve, "time", made)
    monkeypatch.setattr(serve, "SWEEP_TICKS", 1)
    return made


@pytest.fixture
def served(host, clock):
    """A host behind the server that `opg node` runs, with room for few connections."""
    made = host()
    config = uvicorn.Config(
        create_app(made.node), port=made.port, log_level="error", limit_concurrency=LIMIT + 1, timeout_keep_alive=600
    )
    server = serve.Server(config, made.node)
    sweep = server.sweep
    server.sweep = lambda: (sweep(), clock.swept.release())
    thread = threading.Thread(target=server.run)
    thread.start()
    wait_until(lambda: server.started)
    yield made
    server.should_exit = True
    thread.join()


def connect(made, stack, content):
    made = stack.enter_context(socket.create_connection(("127.0.0.1", made.port)))
    made.settimeout(60)
    made.sendall(content)
    return made


def answered(connection):
    """Reads a reply to `WHOLE`."""
    reply = b""
    while b'{"live": true}' not in reply:  # its head may come by itself
        more = connection.recv(65_536)
        assert more, reply
        reply += more
    assert reply.startswith(b"HTTP/1.1 200")


def is_closed(connection):
    """Reads what is left."""
    try:
        while connection.recv(65_536):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        return False
    return True


def status(made):
    return requests.get(f"{made.url}/v2/health/live", timeout=60).status_code


@pytest.mark.parametrize("content", [b"", HALF, WHOLE + HALF], ids=["nothing", "half a head", "half a second head"])
def test_connections_without_a_request_are_closed(served, clock, content):
    with ExitStack() as stack:
        held = [connect(served, stack, content) for _ in range(LIMIT)]
        if content.startswith(WHOLE):
            for each in held:
                answered(each)  # before others come, who would be too many
        wait_until(lambda: status(served) == 503)
        clock.advance(serve.HEAD_SECONDS - 1)
        assert status(served) == 503
        clock.advance(2)
        wait_until(lambda: status(served) == 200)
        assert all(map(is_closed, held))


@pytest.fixture
def gate(served):
    """In front of the executor: set `entered` when somebody is there, waits for `opened`."""
    run, made = served.node.pool.run, SimpleNamespace(entered=threading.Event(), opened=threading.Event())

    def held(*work):
        made.entered.set()
        assert made.opened.wait(60)
        return run(*work)

    served.node.pool.run = held
    yield made
    made.opened.set()


def test_request_that_takes_long_is_answered(stage, served, clock, gate, picture):
    request = body(stage.chain, served, picture())
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(requests.post, f"{served.url}/opg/v1/infer", json=request)
        assert gate.entered.wait(60)
        clock.advance(serve.HEAD_SECONDS + 1)
        gate.opened.set()
        assert asking.result().status_code == 200


def test_connection_that_asks_again_and_again_stays(served, clock):
    with ExitStack() as stack:
        made = connect(served, stack, b"")
        for _ in range(4):
            made.sendall(WHOLE)
            answered(made)
            clock.advance(serve.HEAD_SECONDS * 0.6)


def test_reply_that_nobody_reads_ends(served, clock, gate):
    """Else a batch that is asked for and not read holds its connection for ever."""
    with ThreadPoolExecutor() as threads:
        asking = threads.submit(requests.post, f"{served.url}/v2/models/digits/infer", json=digits_request())
        assert gate.entered.wait(60)
        clock.advance(serve.REPLY_SECONDS + 1)
        with pytest.raises(requests.ConnectionError):
            asking.result(60)
        gate.opened.set()


def digits_request():
    return {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64}]}
