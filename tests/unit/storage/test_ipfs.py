"""IPFS by its RPC and by a trustless gateway, over real HTTP; nothing that either says is believed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from opg.chain.local import free_port
from opg.storage import BlockCorrupt, BlockMissing, Cid, StorageUnreachable, fetch_file, open_blocks, store_file
from opg.storage.protobuf import read_varint
from tests.unit.storage.test_name import content

DATA = content("ipfs", 3 * 256 * 1024 + 1)


class Ipfs(BaseHTTPRequestHandler):
    """The three requests that are made of an IPFS node, and the one of a gateway."""

    blocks: dict[str, bytes]
    drops: int

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        raw = parse_qs(url.query).get("format") == ["raw"] and url.path.startswith("/ipfs/")
        self._block(url.path.removeprefix("/ipfs/") if raw else "")

    def do_POST(self) -> None:
        url = urlsplit(self.path)
        body = self._chunked() if self.headers.get("Transfer-Encoding") == "chunked" else b""
        if url.path == "/api/v0/block/get":
            self._block(parse_qs(url.query)["arg"][0])
        elif url.path == "/api/v0/dag/import":
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            (part,) = BytesParser().parsebytes(head + body).get_payload()
            self._import(part.get_payload(decode=True))
            self._send(200, b"{}")

    def _import(self, car: bytes) -> None:
        length, at = read_varint(car, 0)
        assert car[at : at + 8] == b"\xa2\x65roots\x81"
        at += length
        while at < len(car):
            length, at = read_varint(car, at)
            self.blocks[str(Cid.decode(car[at : at + 36]))] = car[at + 36 : at + length]
            at += length

    def _block(self, name: str) -> None:
        if type(self).drops:
            type(self).drops -= 1
            self.connection.close()
            return
        found = self.blocks.get(name)
        self._send(404 if found is None else 200, found or b"not here")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _chunked(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def ipfs() -> Iterator[tuple[str, type[Ipfs]]]:
    """A server's URL, and the handler whose `blocks` it has."""
    handler = type("Handler", (Ipfs,), {"blocks": {}, "drops": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def published(ipfs, tmp_path):
    """A file that was put into the IPFS node."""
    (tmp_path / "file").write_bytes(DATA)
    return store_file(tmp_path / "file", open_blocks(f"rpc:{ipfs[0]}"))


@pytest.mark.parametrize("kind", ["rpc", "gateway"])
def test_file_that_was_published_can_be_fetched(ipfs, published, tmp_path, kind):
    fetch_file(published, open_blocks(f"{kind}:{ipfs[0]}"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == DATA


@pytest.mark.parametrize("kind", ["rpc", "gateway"])
def test_connection_that_breaks_is_tried_again(ipfs, published, tmp_path, kind, monkeypatch):
    monkeypatch.setattr("opg.storage.remote.PAUSE_SECONDS", 0.01)
    ipfs[1].drops = 2
    fetch_file(published, open_blocks(f"{kind}:{ipfs[0]}"), tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == DATA


@pytest.mark.parametrize("kind", ["rpc", "gateway"])
@pytest.mark.parametrize("lie", [b"", b"other bytes", bytes(3 * 1024 * 1024)], ids=["empty", "other", "huge"])
def test_wrong_block_is_refused(ipfs, published, tmp_path, kind, lie):
    ipfs[1].blocks[str(published)] = lie
    with pytest.raises(BlockCorrupt, match=str(published)):
        fetch_file(published, open_blocks(f"{kind}:{ipfs[0]}"), tmp_path / "out")


def test_block_that_nobody_has_is_named(ipfs, tmp_path):
    with pytest.raises(BlockMissing, match="HTTP 404"):
        fetch_file(Cid.of(0x55, b"unheard of"), open_blocks(f"gateway:{ipfs[0]}"), tmp_path / "out")


def test_gateway_takes_no_files(ipfs, tmp_path):
    (tmp_path / "file").write_bytes(DATA)
    with pytest.raises(StorageUnreachable, match="only reads"):
        store_file(tmp_path / "file", open_blocks(f"gateway:{ipfs[0]}"))


def test_server_that_is_not_there_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("opg.storage.remote.PAUSE_SECONDS", 0)
    url = f"http://127.0.0.1:{free_port()}"
    (tmp_path / "file").write_bytes(DATA)
    for where in (f"rpc:{url}", f"gateway:{url}"):
        with pytest.raises(StorageUnreachable, match=url):
            fetch_file(Cid.of(0x55, b"x"), open_blocks(where), tmp_path / "out")
    with pytest.raises(StorageUnreachable, match=url):
        store_file(tmp_path / "file", open_blocks(f"rpc:{url}"))
