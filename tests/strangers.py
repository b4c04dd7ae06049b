"""HTTP servers that mean no good: what they send is given byte by byte."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.waiting import PATIENCE_SECONDS

Part = tuple[bytes, float | threading.Event]  # what is sent, and seconds of silence after it, or what ends that

DEEP = b"[" * 200_000
MANY = b"[" + b"0," * 2_000_000 + b"0]"
NO_ADDRESS = b'{"answers": [{"answer": {"request": "0x%s", "version": 1, "input": "0x%s", "output": "0x%s", "operator": "%s",' % (
    b"00" * 32, b"00" * 32, b"00" * 32, b"x" * 42
) + b' "issuedAt": 1}, "digest": "0x", "key": "", "signature": "0x", "inputs": [], "outputs": []}]}'  # fmt: skip


def whole(content: bytes, *headers: bytes, status: bytes = b"200 OK") -> list[Part]:
    """A complete reply."""
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(content), *headers]
    return [(b"\r\n".join(lines) + b"\r\n\r\n" + content, 0)]


def dripping(pieces: int) -> list[Part]:
    """A body that comes a byte a second."""
    return [(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 0)] + [(b" ", 1.0)] * pieces


UNREADABLE: dict[str, list[Part]] = {
    "cut off": [(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}", 0)],
    "no gzip": whole(b"abcde", b"Content-Encoding: gzip"),
    "other encoding": whole(b"abcde", b"Content-Encoding: br"),
    "no chunk": [(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc", 0)],
    "deep": whole(DEEP),
    "many": whole(MANY),
    "no object": whole(b"[]"),
    "no text": whole(b"\xff\xfe\xfd"),
    "endless header": [(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000, 0)],
    "no HTTP": [(b"\0" * 1_000, 0)],
    "nothing": [],
    "bad redirection": whole(b"", b"Location: http://[::bad/", status=b"302 Found"),
}


@contextmanager
def stranger(reply: Sequence[Part]) -> Iterator[str]:
    """The URL of a server that sends this to everybody."""
    listening = socket.create_server(("127.0.0.1", 0))

    def answer(caller: socket.socket) -> None:
        with caller:
            try:
                caller.recv(65_536)
                for part, pause in reply:
                    caller.sendall(part)
                    if isinstance(pause, threading.Event):
                        pause.wait(PATIENCE_SECONDS)
                    else:
                        time.sleep(pause)
            except OSError:
                pass

    def listen() -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(caller,), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
