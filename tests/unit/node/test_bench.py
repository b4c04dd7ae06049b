"""The bench of the node: what counts as missed, and that its load measures what a server does."""

from __future__ import annotations

import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from threading import Thread

import pytest

from scripts.bench_node import figures_of_serving
from scripts.bench_serving import Serving
from scripts.load import Failed, ask_steadily, ask_without_pause

REQUEST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"
SECONDS = 0.02


class Slow(BaseHTTPRequestHandler):
    """Answers after 20 ms."""

    protocol_version = "HTTP/1.1"
    status = 200

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(SECONDS)
        self.send_response(self.status)
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"done")

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    made = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = Thread(target=made.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{made.server_port}"
    made.shutdown()
    thread.join()
    made.server_close()


def test_latencies_are_the_servers(server):
    found = ask_without_pause(server, repeat(REQUEST), connections=2, seconds=0.3)
    assert found.latencies and min(found.latencies) >= SECONDS
    assert found.rate <= 2 / SECONDS


def test_requests_that_had_to_wait_count_from_when_they_were_due(server):
    found = ask_steadily(server, repeat(REQUEST), rate=200, seconds=0.3, connections=1)
    assert len(found.latencies) >= 55
    assert max(found.latencies) > 10 * SECONDS, "one connection carries 50 a second: the last ones wait"


def test_refusals_do_not_count_as_answers(server, monkeypatch):
    monkeypatch.setattr(Slow, "status", 503)
    with pytest.raises(Failed, match="503"):
        ask_without_pause(server, repeat(REQUEST), connections=1, seconds=0.1)


def missed(**changes: float) -> list[str]:
    rates = {"bare": 200.0, "opg, batch 1": 185.0, "onnxruntime, batch 1": 190.0, "opg, batch 16": 190.0}
    rates |= {"onnxruntime, batch 16": 195.0, "plain, batch 16": 198.0}
    even, crowd = ({"p50_ms": 6.0, "p99_ms": 6.0 * times, "ratio": times} for times in (1.2, 4.0))
    rates |= {name: value for name, value in changes.items() if name != "p99"}
    even |= {"ratio": changes.get("p99", even["ratio"]), "least": 1.1, "most": 9.0}
    latencies = {f"{name}, batch 16, evenly spaced": even for name in ("opg", "onnxruntime")}
    latencies["opg, batch 16, at random"] = crowd
    found = Serving(rates, dict.fromkeys(rates, 5.0), latencies)
    assert not any(figure.missed for figure in figures_of_serving(found, judged=False))
    return [figure.name for figure in figures_of_serving(found, judged=True) if figure.missed]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"opg, batch 1": 179.0}, ["node / bare executor, batch 1: throughput"]),
        ({"opg, batch 16": 179.0}, ["node / bare executor, batch 16: throughput"]),
        ({"onnxruntime, batch 1": 300.0}, ["node / onnxruntime behind the same server, batch 1: time an answer"]),
        (
            {"plain, batch 16": 310.0},
            ["node / onnxruntime without checks, signatures and log, batch 16: time an answer"],
        ),
        ({"p99": 1.6}, ["p99 / p50 at 70 % load, evenly spaced: median window"]),
    ],
)
def test_each_bound_is_missed_alone(changes, names):
    assert missed(**changes) == names
