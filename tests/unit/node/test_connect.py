"""Connections: who holds many open for nothing shuts nobody out for long."""

from __future__ import annotations

import importlib
import socket
import threading
import time
from contextlib import ExitStack

import pytest
import requests
import uvicorn

from opg.node import create_app
from tests.unit.node.test_infer import body

serve = importlib.import_module("opg.node.serve")  # the package has a function of that name
LIMIT = 5
HALF = b"POST /opg/v1/infer HTTP/1.1\r\nHost: x\r\nContent-"
WHOLE = b"GET /v2/health/live HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def served(host, monkeypatch):
    """A host behind the server that `opg node` runs, with room for few connections."""
    monkeypatch.setattr(serve, "HEAD_SECONDS", 0.8)
    monkeypatch.setattr(serve, "SWEEP_TICKS", 1)
    made = host()
    config = uvicorn.Config(create_app(made.node), port=made.port, log_level="error", limit_concurrency=LIMIT + 1)
    server = serve.Server(config, made.node)
    thread = threading.Thread(target=server.run)
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.01)
    yield made
    server.should_exit = True
    thread.join()


def connect(made, stack, content):
    made = stack.enter_context(socket.create_connection(("127.0.0.1", made.port)))
    made.settimeout(5)
    made.sendall(content)
    return made


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
    return requests.get(f"{made.url}/v2/health/live", timeout=5).status_code


@pytest.mark.parametrize("content", [b"", HALF, WHOLE + HALF], ids=["nothing", "half a head", "half a second head"])
def test_connections_without_a_request_are_closed(served, content):
    with ExitStack() as stack:
        held = [connect(served, stack, content) for _ in range(LIMIT)]
        time.sleep(0.2)
        assert status(served) == 503
        time.sleep(1.2)
        assert status(served) == 200
        assert all(map(is_closed, held))


def test_request_that_takes_long_is_answered(stage, served, picture):
    run = served.node.pool.run

    def slow(*work):
        time.sleep(2)
        return run(*work)

    served.node.pool.run = slow
    assert requests.post(f"{served.url}/opg/v1/infer", json=body(stage.chain, served, picture())).status_code == 200


def test_connection_that_asks_again_and_again_stays(served):
    with ExitStack() as stack:
        made = connect(served, stack, b"")
        for _ in range(4):
            made.sendall(WHOLE)
            reply = b""
            while b'{"live": true}' not in reply:  # its head may come by itself
                more = made.recv(65_536)
                assert more, reply
                reply += more
            assert reply.startswith(b"HTTP/1.1 200")
            time.sleep(0.5)


def test_reply_that_nobody_reads_ends(served, monkeypatch):
    """Else a batch that is asked for and not read holds its connection for ever."""
    monkeypatch.setattr(serve, "REPLY_SECONDS", 0.5)
    served.node.pool.run = lambda *_: time.sleep(3)
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{served.url}/v2/models/digits/infer", json=digits_request())


def digits_request():
    return {"inputs": [{"name": "image", "datatype": "FP32", "shape": [1, 64], "data": [0.0] * 64}]}
