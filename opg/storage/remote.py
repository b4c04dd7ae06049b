"""IPFS over HTTP: a node's RPC, and trustless gateways. Nothing that they say is believed: every block is hashed."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Iterator

import requests

from opg.storage import protobuf
from opg.storage.cid import Cid
from opg.storage.errors import BlockMissing, StorageUnreachable
from opg.storage.unixfs import MAX_BLOCK_BYTES

TIMEOUT_SECONDS = 60
TRIES = 3
PAUSE_SECONDS = 0.5


class _Http:
    """One session a thread; a lost connection is tried again."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._local = threading.local()

    def block(self, method: str, path: str, cid: Cid, **options: object) -> bytes:
        """A block by some request, verified."""
        for attempt in range(1, TRIES + 1):
            try:
                return cid.verify(self._bytes(method, path, cid, **options))
            except requests.RequestException as problem:
                if attempt == TRIES:
                    raise self.unreachable(problem) from None
                time.sleep(PAUSE_SECONDS * attempt)
        raise AssertionError("unreachable")

    def session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
        return self._local.session

    def unreachable(self, problem: Exception) -> StorageUnreachable:
        return StorageUnreachable(
            f"no IPFS answers at {self.url} ({type(problem).__name__})", "start it, or name another with --storage"
        )

    def _bytes(self, method: str, path: str, cid: Cid, **options: object) -> bytes:
        with self.session().request(  # type: ignore[arg-type]
            method, self.url + path, timeout=TIMEOUT_SECONDS, stream=True, **options
        ) as response:
            if response.status_code != 200:
                raise BlockMissing(
                    f"{self.url} has no {cid} (HTTP {response.status_code})", "ask another store: --storage"
                )
            body = bytearray()
            for piece in response.iter_content(1 << 16):
                body += piece
                if len(body) > MAX_BLOCK_BYTES:
                    break  # no block is so large; the hash will not fit
            return bytes(body)


class Gateway:
    """A trustless gateway: `GET /ipfs/CID?format=raw`. Read only."""

    def __init__(self, url: str) -> None:
        self._http = _Http(url)

    def get(self, cid: Cid) -> bytes:
        options = {"params": {"format": "raw"}, "headers": {"Accept": "application/vnd.ipld.raw"}}
        return self._http.block("GET", f"/ipfs/{cid}", cid, **options)

    def put_file(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        raise StorageUnreachable(
            f"{self._http.url} is a gateway: it only reads",
            "publish to an IPFS node: --storage rpc:http://127.0.0.1:5001",
        )


class Rpc:
    """The RPC of an IPFS node, as kubo has it at port 5001."""

    def __init__(self, url: str) -> None:
        self._http = _Http(url)

    def get(self, cid: Cid) -> bytes:
        return self._http.block("POST", "/api/v0/block/get", cid, params={"arg": str(cid)})

    def put_file(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Sends all blocks as one CAR, which the node pins, and asks for the root afterwards."""
        boundary = secrets.token_hex(16)
        try:
            response = self._http.session().post(
                f"{self._http.url}/api/v0/dag/import",
                params={"pin-roots": "true"},
                data=_multipart(boundary, car(root, blocks)),
                headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                timeout=TIMEOUT_SECONDS,
            )
        except requests.RequestException as problem:
            raise self._http.unreachable(problem) from None
        if response.status_code != 200:
            raise StorageUnreachable(
                f"{self._http.url} did not take the file: {response.text[:200]}", "see the IPFS node's log"
            )
        self.get(root)


def car(root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> Iterator[bytes]:
    """A CARv1 stream: a header in DAG-CBOR, then every block with its name."""
    link = b"\xd8\x2a\x58\x25\x00" + root.encode()  # tag 42, 37 bytes: 0 and the identifier
    header = b"\xa2\x65roots\x81" + link + b"\x67version\x01"
    yield protobuf.varint(len(header)) + header
    for cid, block in blocks:
        name = cid.encode()
        yield protobuf.varint(len(name) + len(block)) + name
        yield block


def _multipart(boundary: str, body: Iterable[bytes]) -> Iterator[bytes]:
    yield (
        f'--{boundary}\r\nContent-Disposition: form-data; name="path"; filename="file.car"\r\n'
        "Content-Type: application/vnd.ipld.car\r\n\r\n"
    ).encode()
    for piece in body:
        if piece:  # an empty piece would end a chunked body
            yield piece
    yield f"\r\n--{boundary}--\r\n".encode()
