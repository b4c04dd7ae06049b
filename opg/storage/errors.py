"""What can go wrong with stored files."""

from __future__ import annotations

from opg.errors import OPGError


class BadCid(OPGError):
    """The text or the bytes are no content identifier of the kind that is used here."""


class BlockMissing(OPGError):
    """A store does not have a block."""


class BlockCorrupt(OPGError):
    """The bytes of a block are not those that its identifier names, or they are no node of a file."""


class StorageUnreachable(OPGError):
    """An IPFS node or gateway does not answer, or refuses."""
