"""Files by content: cut into blocks as IPFS does, kept in a folder or in IPFS, verified when they are read."""

from opg.storage.blocks import Blocks, LocalBlocks
from opg.storage.cid import Cid, is_cid
from opg.storage.errors import BadCid, BlockCorrupt, BlockMissing, StorageUnreachable
from opg.storage.files import fetch_file, file_cid, open_blocks, store_file
from opg.storage.remote import Gateway, Rpc

__all__ = [
    "BadCid",
    "BlockCorrupt",
    "BlockMissing",
    "Blocks",
    "Cid",
    "Gateway",
    "LocalBlocks",
    "Rpc",
    "StorageUnreachable",
    "fetch_file",
    "file_cid",
    "is_cid",
    "open_blocks",
    "store_file",
]
