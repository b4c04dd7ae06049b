"""The tables of a node, and how tensors lie in them."""

from __future__ import annotations

import os
import sqlite3
import struct
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from opg.errors import OPGError
from opg.keeping import PRIVATE, keep_private

SCHEMA = """
create table if not exists answers (
    request blob primary key,      -- hash of the user's request, or id of an on-chain one
    digest blob not null unique,
    answer text not null,
    key text not null,
    signature blob not null,       -- empty for an answer that was given on chain
    inputs blob not null,          -- see `dump`
    outputs blob not null,
    batch blob,                    -- root of the batch that it went into
    place integer
) strict;
create index if not exists answers_placed on answers (batch, place) where batch is not null;
create index if not exists answers_waiting on answers (batch) where batch is null and length(signature) > 0;
create table if not exists batches (
    root blob primary key,
    count integer not null,
    block integer not null,        -- that it got onto the chain in; before that, the head when it was planned
    id integer                     -- on chain; null until it is there
) strict;
create index if not exists batches_block on batches (block);
create index if not exists batches_planned on batches (id) where id is null;
create index if not exists batches_id on batches (id) where id is not null;
create table if not exists vouchers (
    channel blob primary key,      -- payer, operator and model
    payer text not null,
    model integer not null,
    total text not null,           -- wei, decimal: larger than SQLite's integers
    spent text not null,           -- wei that answers were given for
    redeemed text not null default '0',
    block integer,                 -- at which that was read, while a re-organisation may reach it
    voucher text not null
) strict;
create index if not exists vouchers_payer on vouchers (payer);
create index if not exists vouchers_block on vouchers (block) where block is not null;
create table if not exists requests (
    id blob primary key,           -- on-chain requests to this operator
    request text not null,
    inputs blob not null,
    state text not null            -- open, fulfilled, closed
) strict;
create index if not exists requests_state on requests (state);
create table if not exists games (
    id blob primary key,           -- disputes against answers of this operator
    answer text not null,
    running integer not null default 1,
    ended integer                  -- the head when it was seen to be over, while a re-organisation may undo that
) strict;
create table if not exists cursors (name text primary key, block integer not null) strict;
create index if not exists games_ended on games (ended) where ended is not null;
pragma user_version = 3;
"""
FORMAT = 3
OLDER = {2: "alter table games add column ended integer"}  # what makes the next format of one
MOST_PAGES = 8_192  # of the write-ahead log, 4 KiB each: then whoever writes tidies up, if nobody else did
WAITING = "batch is null and length(signature) > 0"


def connect(path: str) -> sqlite3.Connection:
    """A connection that is durable: a commit is on the disk when it returns. The files are for this user's eyes only."""
    with suppress(OSError):  # of which SQLite tells
        keep_private(Path(path))  # -wal and -shm get its mode
    for each in (f"{path}-wal", f"{path}-shm"):
        with suppress(OSError):
            os.chmod(each, PRIVATE)
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
    db.execute("pragma journal_mode = wal")
    db.execute("pragma synchronous = full")
    db.execute(f"pragma wal_autocheckpoint = {MOST_PAGES}")
    return db


def check_format(db: sqlite3.Connection, path: object) -> None:
    """Brings an older file up to date. Raises `OPGError` when it was written in a form that is not known here."""
    tables = db.execute("select count(*) from sqlite_master").fetchone()[0]
    found = db.execute("pragma user_version").fetchone()[0]
    while tables and found in OLDER:
        db.executescript(f"begin; {OLDER[found]}; pragma user_version = {found + 1}; commit")
        found += 1
    if tables and found != FORMAT:
        raise OPGError(f"{path} has format {found}, this program writes {FORMAT}", "use the program that wrote it")


def dump(tensors: Sequence[bytes]) -> bytes:
    """Tensors one after another, each behind its length in bytes, 8 bytes little-endian."""
    return b"".join(part for tensor in tensors for part in (struct.pack("<Q", len(tensor)), tensor))


def load(data: bytes) -> tuple[bytes, ...]:
    """Reverse of `dump`."""
    tensors, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        tensors.append(data[at + 8 : at + 8 + size])
        at += 8 + size
    return tuple(tensors)
