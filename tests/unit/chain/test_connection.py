"""Connecting, and what one is told when it does not work."""

from __future__ import annotations

import json
import socket
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer

import pytest

from opg.chain import Chain, Deployment, connection
from opg.chain.local import LocalChain, free_port
from opg.errors import ChainUnreachable, NotDeployed, TransactionRefused, WrongChain
from opg.words import origin


def test_nobody_there_is_said_with_the_url():
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ChainUnreachable, match=url) as problem:
        Chain(url)
    assert "--rpc" in problem.value.advice


KEY = "9aa3d95b3bc440fa88ea12eaa4456161"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        (f"https://mainnet.example.io/v3/{KEY}", "https://mainnet.example.io"),
        (f"https://example.io:8545?apikey={KEY}", "https://example.io:8545"),
        (f"wss://me:{KEY}@example.io/x#{KEY}", "wss://example.io"),
        (f"example.io/{KEY}", "example.io"),
        (f"http://[::{KEY}", "(no URL)"),
    ],
)
def test_url_is_told_without_what_may_be_a_key(url, host):
    assert origin(url) == host
    assert f"at {host} (gone)" in str(ChainUnreachable(url, "gone"))


def test_text_that_quotes_the_url_is_told_without_the_key(stage, monkeypatch):
    chain = Chain(stage.local.url)
    monkeypatch.setattr(chain, "url", f"https://me:password@example.io/v3/{KEY}?a=1")
    for text in (
        f"Max retries exceeded with url: /v3/{KEY}?a=1",
        f"invalid project id {KEY}",
        f"at {chain.url}",
        "password",
    ):
        assert not {KEY, "password"} & set(chain.without_key(text).replace("/", " ").replace("?", " ").split())
    assert chain.without_key("in block 3 of v3") == "in block 3 of v3"


def test_something_else_there_is_no_chain():
    class Page(BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with pytest.raises(ChainUnreachable):
        Chain(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()


def test_manifest_of_another_chain_is_refused(stage):
    with pytest.raises(WrongChain, match="chain 31337, the manifest is for chain 1"):
        Chain(stage.local.url, Deployment(1, {}))


def test_chain_without_a_manifest_says_so(stage):
    with pytest.raises(NotDeployed):
        Chain(stage.local.url).read("OPG", "totalSupply")


def test_view_that_reverts_is_decoded(stage):
    with pytest.raises(TransactionRefused, match=r"Models.version: NoSuchVersion\(versionId=99\)"):
        stage.chain.read("Models", "version", 99)


def test_chain_that_goes_away_is_unreachable_and_not_a_crash(stage):
    with LocalChain() as other:
        chain = other.chain
    with pytest.raises(ChainUnreachable):
        chain.head()


def test_a_node_that_is_silent_is_asked_once(monkeypatch):
    """Five times half a minute is more than a dispute may have left."""
    monkeypatch.setattr(connection, "TIMEOUT_SECONDS", 0.2)
    callers = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(1)
        with pytest.raises(ChainUnreachable, match="ReadTimeout"):
            Chain(f"http://127.0.0.1:{silent.getsockname()[1]}")
        with suppress(TimeoutError):
            while True:
                callers.append(silent.accept())
        for caller, _ in callers:
            caller.close()
    assert len(callers) == 1


def test_a_connection_that_is_closed_over_a_request_is_no_failure():
    """Whoever keeps connections closes them at some time; a request may just be on its way."""
    asked: list[str] = []

    class Closing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append(request["method"])
            if asked.count("eth_blockNumber") == 1:
                self.close_connection = True
                return
            body = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": hex(7)}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Closing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        chain = Chain(f"http://127.0.0.1:{server.server_port}")
        assert chain.rpc(lambda: chain.w3.eth.block_number) == 7
        assert asked.count("eth_blockNumber") == 2
    finally:
        server.shutdown()
        server.server_close()


def test_chain_that_begins_to_talk_nonsense_is_unreachable_and_not_a_crash(stage, monkeypatch):
    chain = Chain(stage.local.url, stage.deployment)
    monkeypatch.setattr(chain.w3.provider, "_make_request", lambda *_: b"<html>sign in</html>", raising=False)
    for ask in (chain.head, lambda: chain.read("OPG", "totalSupply")):
        with pytest.raises(ChainUnreachable, match="JSONDecodeError"):
            ask()


def test_local_chains_are_gone_afterwards_and_never_share_a_port():
    with LocalChain() as one, LocalChain() as two:
        assert one.port != two.port
        assert one.account().address != two.account().address
    assert one.process.poll() is not None
    assert two.process.poll() is not None


def test_time_moves_with_the_chain(stage):
    before = stage.chain.now()
    stage.local.advance(1_000)
    assert 1_000 <= stage.chain.now() - before < 1_010
