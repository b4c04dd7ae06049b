"""Stores of blocks. Whatever a store gives out has been compared with its name first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from opg.storage.cid import Cid
from opg.storage.errors import BlockMissing


class Blocks(Protocol):
    """Where blocks are kept."""

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block, verified. Raises `BlockMissing`, `BlockCorrupt` or `StorageUnreachable`."""

    def put_file(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        """Keeps all blocks of one file, children first."""


class LocalBlocks:
    """A folder with one file for each block, named by it. A block is there whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, cid: Cid) -> Path:
        """Where a block is, or would be. The last letters spread evenly; the first are all the same."""
        name = str(cid)
        return self.folder / name[-3:-1] / name

    def has(self, cid: Cid) -> bool:
        return self.path(cid).is_file()

    def get(self, cid: Cid) -> bytes:
        try:
            return cid.verify(self.path(cid).read_bytes())
        except FileNotFoundError:
            raise BlockMissing(
                f"{cid} is not in {self.folder}", "fetch it from where it was published: --storage"
            ) from None

    def put(self, cid: Cid, block: bytes) -> None:
        """Keeps a block: written aside, flushed to the disk, then named."""
        path = self.path(cid)
        if path.is_file():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(block)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise

    def put_file(self, root: Cid, blocks: Iterable[tuple[Cid, bytes]]) -> None:
        for cid, block in blocks:
            self.put(cid, block)
