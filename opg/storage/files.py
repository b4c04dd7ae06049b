"""Files in and out of stores of blocks, with memory that does not grow with the file."""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from opg.errors import BadInput
from opg.storage.blocks import Blocks, LocalBlocks
from opg.storage.cid import Cid
from opg.storage.errors import BlockCorrupt
from opg.storage.remote import Gateway, Rpc
from opg.storage.unixfs import MAX_BLOCK_BYTES, PROFILE, Link, Profile, build, chunks, decode, leaves

AHEAD = 8  # leaves that are fetched while one is written

Progress = Callable[[int, int | None], None]  # bytes done, bytes in all where that is known


def open_blocks(where: str) -> Blocks:
    """A store by its name: a folder, `rpc:http://127.0.0.1:5001`, or `gateway:https://host`."""
    kind, _, url = where.partition(":")
    if kind in ("rpc", "gateway"):
        if not url.startswith(("http://", "https://")):
            raise BadInput(f"{where!r} names no HTTP URL", f"write it like {kind}:http://127.0.0.1:5001")
        return Rpc(url) if kind == "rpc" else Gateway(url)
    if "://" in where:
        raise BadInput(f"{where!r} is neither a folder nor IPFS", "write rpc:URL or gateway:URL")
    return LocalBlocks(Path(where))


def file_cid(path: Path, profile: Profile = PROFILE) -> Cid:
    """The identifier of a file, without keeping anything."""
    with _opened(path) as stream:
        ((root, _),) = deque(build(chunks(stream, profile.chunk_bytes), profile), maxlen=1)
    return root


def store_file(path: Path, blocks: Blocks, progress: Progress | None = None) -> Cid:
    """Puts a file into a store; gives its identifier. The file is read twice: its name has to be known first.

    Raises `BlockCorrupt` when the file changes meanwhile.
    """
    root = file_cid(path)
    total = path.stat().st_size
    last = root

    def pieces(stream: BinaryIO) -> Iterator[tuple[Cid, bytes]]:
        nonlocal last
        for last, block in build(chunks(stream, PROFILE.chunk_bytes)):
            yield last, block
            if progress:
                progress(stream.tell(), total)

    with _opened(path) as stream:
        blocks.put_file(root, pieces(stream))
    if last != root:
        raise BlockCorrupt(f"{path} changed while it was read", "try again when nobody writes to it")
    return root


def fetch_file(root: Cid, blocks: Blocks, to: Path, progress: Progress | None = None) -> None:
    """Writes a file out of a store. What an earlier try left in `TO.part` is verified and used again.

    Every block is compared with its name; the file appears under its own name when it is complete and on the disk.
    """
    part = to.with_name(to.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    # not append mode: there, writes ignore their place
    handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o644)
    with os.fdopen(handle, "r+b") as file, ThreadPoolExecutor(AHEAD) as threads:
        at = 0
        for at, total in _written(file, root, blocks, threads):
            if progress:
                progress(at, total)
        file.truncate(at)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, to)


def _written(
    file: BinaryIO, root: Cid, blocks: Blocks, threads: ThreadPoolExecutor
) -> Iterator[tuple[int, int | None]]:
    """Writes leaf after leaf; gives the bytes that are there, and those of the whole file."""
    top: list[int] = []

    def inner(cid: Cid) -> bytes:
        block = blocks.get(cid)
        if not top:
            top.append(sum(link.size for link in decode(cid, block)))
        return block

    def flush(window: deque[tuple[int, Link, Future[bytes]]]) -> int:
        start, leaf, coming = window.popleft()
        block = coming.result()
        if leaf.size not in (-1, len(block)):
            raise BlockCorrupt(
                f"{leaf.cid} has {len(block)} bytes, {leaf.size} were promised", "fetch it from elsewhere"
            )
        os.pwrite(file.fileno(), block, start)
        return start + len(block)

    have = os.fstat(file.fileno()).st_size
    waiting: deque[tuple[int, Link, Future[bytes]]] = deque()
    at = 0
    try:
        for leaf in leaves(root, inner):
            kept = _kept(file, at, leaf) if at < have else None
            if kept is None:
                waiting.append((at, leaf, threads.submit(blocks.get, leaf.cid)))
            if len(waiting) >= AHEAD:
                yield flush(waiting), top[0] if top else None
            at += max(leaf.size, kept or 0)
        while waiting:
            at = max(at, flush(waiting))
            yield at, top[0] if top else at
    finally:
        for *_, coming in waiting:
            coming.cancel()
    yield at, at


def _kept(file: BinaryIO, at: int, leaf: Link) -> int | None:
    """The size of a leaf that is in the file already, or None. A file with one leaf is short: it is read whole."""
    have = os.pread(file.fileno(), leaf.size if leaf.size >= 0 else MAX_BLOCK_BYTES, at)
    return len(have) if hashlib.sha256(have).digest() == leaf.cid.digest else None


def _opened(path: Path) -> BinaryIO:
    try:
        return open(path, "rb")
    except OSError as problem:
        raise BadInput(f"cannot read {path}: {problem.strerror}", "name the model's file") from None
