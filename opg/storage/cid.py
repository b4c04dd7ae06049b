"""Content identifiers: CIDv1 with sha2-256, written in base32. A name that is checked by hashing.

Normative text: the CID, multihash and multibase specifications of multiformats.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Self

from opg.storage.errors import BadCid, BlockCorrupt

RAW = 0x55  # the block is bytes of the file
DAG_PB = 0x70  # the block is a node with links
CODECS = {RAW: "raw", DAG_PB: "dag-pb"}
SHA2_256 = bytes([0x12, 32])
PREFIX_BYTES = 4  # version, codec, hash function, length of the hash
BASE32 = "b"


@dataclass(frozen=True)
class Cid:
    """The name of one block. `digest` is the sha2-256 of its bytes."""

    codec: int
    digest: bytes

    @classmethod
    def of(cls, codec: int, block: bytes) -> Self:
        """The name of these bytes."""
        return cls(codec, hashlib.sha256(block).digest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `bafy…`, `bafk…` or `ipfs://` and one of them. Raises `BadCid`."""
        bare = text.removeprefix("ipfs://").strip("/")
        try:
            if bare[:1] != BASE32 or bare != bare.lower():
                raise ValueError
            padded = bare[1:].upper()
            return cls.decode(base64.b32decode(padded + "=" * (-len(padded) % 8)))
        except (ValueError, binascii.Error):
            raise BadCid(
                f"{text[:100]!r} is no content identifier",
                "use a CIDv1 with sha2-256 in base32, as `opg model publish` makes: it begins with bafy or bafk",
            ) from None

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """From its 36 bytes. Raises `BadCid`."""
        if len(data) != PREFIX_BYTES + 32 or data[0] != 1 or data[1] not in CODECS or data[2:4] != SHA2_256:
            raise BadCid(
                f"0x{data[:40].hex()} is no CIDv1 of a file with sha2-256", "use one that opg model publish made"
            )
        return cls(data[1], data[PREFIX_BYTES:])

    def encode(self) -> bytes:
        """Its 36 bytes."""
        return bytes([1, self.codec]) + SHA2_256 + self.digest

    def verify(self, block: bytes) -> bytes:
        """The same bytes, when they are the block that this names. Raises `BlockCorrupt`."""
        if hashlib.sha256(block).digest() != self.digest:
            raise BlockCorrupt(f"the bytes given for {self} are others than its name says", "fetch it from elsewhere")
        return block

    def __str__(self) -> str:
        return BASE32 + base64.b32encode(self.encode()).decode().lower().rstrip("=")


def is_cid(text: str) -> bool:
    """Whether a text names content, with or without `ipfs://`."""
    try:
        Cid.parse(text)
    except BadCid:
        return False
    return True
