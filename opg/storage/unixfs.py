"""Files as IPFS cuts them: chunks of 256 KiB as raw leaves, under a balanced tree of dag-pb nodes with 174 links each.

The same file has the same identifier as with `ipfs add --cid-version 1` (kubo) and js-IPFS' importer. Memory does not grow with the
file: a leaf, and one unfinished node a level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from opg.storage import protobuf
from opg.storage.cid import DAG_PB, RAW, Cid
from opg.storage.errors import BadCid, BlockCorrupt

FILE = 2  # the type of a UnixFS node
MAX_BLOCK_BYTES = 2 * 1024 * 1024  # what IPFS moves at most
MAX_DEPTH = 8


@dataclass(frozen=True)
class Profile:
    """How a file is cut. Files have one identifier only under one profile."""

    chunk_bytes: int = 256 * 1024
    width: int = 174


PROFILE = Profile()


@dataclass(frozen=True)
class Link:
    """A child: `size` bytes of the file are under it, `total` bytes of blocks (IPFS calls that Tsize)."""

    cid: Cid
    size: int
    total: int


def chunks(stream: BinaryIO, size: int) -> Iterator[bytes]:
    """What a stream has, in pieces of this size; an empty stream is one empty piece."""
    piece = stream.read(size)
    yield piece
    while len(piece) == size:
        piece = stream.read(size)
        if piece:
            yield piece


def build(pieces: Iterable[bytes], profile: Profile = PROFILE) -> Iterator[tuple[Cid, bytes]]:
    """Every block of a file, children before parents; the last one is the root."""
    levels: list[list[Link]] = [[]]  # the links that wait for a parent, by height

    def add(link: Link, height: int) -> Iterator[tuple[Cid, bytes]]:
        if height == len(levels):
            levels.append([])
        if len(levels[height]) == profile.width:
            yield from close(height)
        levels[height].append(link)

    def close(height: int) -> Iterator[tuple[Cid, bytes]]:
        children, levels[height] = levels[height], []
        block = encode(children)
        cid = Cid.of(DAG_PB, block)
        yield cid, block
        total = len(block) + sum(child.total for child in children)
        yield from add(Link(cid, sum(child.size for child in children), total), height + 1)

    for piece in pieces:
        cid = Cid.of(RAW, piece)
        yield cid, piece
        yield from add(Link(cid, len(piece), len(piece)), 0)
    height = 0
    while height < len(levels) - 1 or len(levels[height]) > 1:
        yield from close(height)
        height += 1


def encode(children: list[Link]) -> bytes:
    """The block of a node: its links, then a UnixFS file header without data."""
    links = b"".join(
        protobuf.chunk(
            2, protobuf.chunk(1, child.cid.encode()) + protobuf.chunk(2, b"") + protobuf.number(3, child.total)
        )
        for child in children
    )
    header = protobuf.number(1, FILE) + protobuf.number(3, sum(child.size for child in children))
    header += b"".join(protobuf.number(4, child.size) for child in children)
    return links + protobuf.chunk(1, header)


def decode(cid: Cid, block: bytes) -> list[Link]:
    """The links of a node. Raises `BlockCorrupt` on anything that is no inner node of a file."""
    hashes: list[tuple[Cid, int]] = []
    header = b""
    try:
        for tag, value in protobuf.fields(block):
            if tag == 2 and isinstance(value, bytes):
                link = dict(protobuf.fields(value))
                hashes.append((Cid.decode(bytes(link[1])), int(link.get(3, 0))))  # type: ignore[arg-type]
            elif tag == 1 and isinstance(value, bytes):
                header = value
        kind, sizes = 0, []
        for tag, value in protobuf.fields(header):
            if tag == 1:
                kind = value
            elif tag == 4:
                sizes.append(int(value))
            elif tag == 2:
                raise ValueError("data beside links")
        if kind != FILE or not hashes:
            raise ValueError("not a file")
        return [Link(child, size, total) for (child, total), size in zip(hashes, sizes, strict=True)]
    except (ValueError, KeyError, TypeError, BadCid) as problem:
        raise BlockCorrupt(
            f"{cid} is no inner node of a file ({problem})", "name a file that opg model publish stored"
        ) from None


def leaves(root: Cid, get: Callable[[Cid], bytes]) -> Iterator[Link]:
    """The raw leaves of a file, in order; `get` gives the verified bytes of inner nodes.

    The size of a single-leaf file is not known from its name: it is -1. Raises `BlockCorrupt` where sizes contradict each other.
    """
    if root.codec == RAW:
        yield Link(root, -1, -1)
        return
    yield from _leaves(root, get, None, 0)


def _leaves(cid: Cid, get: Callable[[Cid], bytes], size: int | None, depth: int) -> Iterator[Link]:
    if depth > MAX_DEPTH:
        raise BlockCorrupt(f"{cid} lies too deep in its file", "name a file that opg model publish stored")
    links = decode(cid, get(cid))
    if size is not None and sum(link.size for link in links) != size:
        raise BlockCorrupt(f"the sizes under {cid} are not the one above it", "fetch it from elsewhere")
    for link in links:
        if link.cid.codec == RAW:
            if link.size > MAX_BLOCK_BYTES:
                raise BlockCorrupt(f"{link.cid} is said to have {link.size:,} bytes", "no block is so large")
            yield link
        else:
            yield from _leaves(link.cid, get, link.size, depth + 1)
