"""What a watchtower remembers, in one SQLite file. All of it can be read from the chain again; what costs time is that then everything is
executed again.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opg.chain.structs import Answer, Evidence
from opg.challenge import Case
from opg.keeping import keep_private, opening

if TYPE_CHECKING:
    from collections.abc import Iterator

FORMAT = 3
DAMAGED = "move it away: the chain is read again"
SCHEMA = """
create table if not exists batches (
    id integer primary key, operator text not null, root blob not null, count integer not null, cid text not null,
    block integer not null, done integer not null default 0
) strict;
create index if not exists batches_open on batches (id) where done = 0;
create table if not exists answers (   -- given on chain
    digest blob primary key, answer text not null, inputs text not null, block integer not null, done integer not null default 0
) strict;
create table if not exists cases (
    digest blob primary key, answer text not null, inputs text not null, evidence text not null,
    on_chain integer not null, state text not null default 'waiting', bounty text not null default '0',
    ended integer not null default 0   -- in this block
) strict;
create table if not exists counts (what text primary key, number integer not null) strict;
create table if not exists cursors (name text primary key, block integer not null) strict;
create table if not exists secrets (name text primary key, value blob not null) strict;
"""


@dataclass(frozen=True)
class Batch:
    """A batch that was committed on chain."""

    id: int
    operator: str
    root: bytes
    count: int
    cid: str
    block: int


class Notes:
    """Safe to use from several threads; every method is one transaction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with opening(path, DAMAGED):
            keep_private(path)  # who knows the seed knows where to lie
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=30)
            if self._db.execute("pragma user_version").fetchone()[0] != FORMAT:
                for (name,) in self._db.execute("select name from sqlite_master where type = 'table'").fetchall():
                    self._db.execute(f"drop table {name}")  # of an earlier format: the chain is read again
            self._db.executescript(SCHEMA)
            self._db.execute(f"pragma user_version = {FORMAT}")

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("begin immediate")
                yield self._db
                self._db.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._db.in_transaction:
                        self._db.execute("rollback")
                raise

    def _rows(self, query: str, *arguments: object) -> list[tuple]:
        with self._lock:
            return self._db.execute(query, arguments).fetchall()

    def seed(self) -> bytes:
        """Which answers are in the sample: drawn once, and nobody else's business."""
        with self._writing() as db:
            db.execute("insert or ignore into secrets values ('seed', ?)", (secrets.token_bytes(32),))
            return bytes(db.execute("select value from secrets where name = 'seed'").fetchone()[0])

    # ------------------------------------------------------------------ what was found

    def cursor(self) -> int | None:
        rows = self._rows("select block from cursors where name = 'events'")
        return rows[0][0] if rows else None

    def found(
        self, batches: Iterable[Batch], answers: Iterable[tuple[bytes, Answer, tuple[bytes, ...], int]], cursor: int
    ) -> None:
        """Takes in what was read up to a block. What is known stays; another batch under a known id takes its place (a re-organisation)."""
        with self._writing() as db:
            for each in batches:
                row = (each.id, each.operator, each.root, each.count, each.cid, each.block)
                known = db.execute("select root, operator from batches where id = ?", (each.id,)).fetchone()
                if known is None or (bytes(known[0]), known[1]) != (each.root, each.operator):
                    db.execute("insert or replace into batches values (?, ?, ?, ?, ?, ?, 0)", row)
            for digest, answer, inputs, block in answers:
                row = (digest, json.dumps(answer.json()), _dump(inputs), block)
                db.execute("insert or ignore into answers values (?, ?, ?, ?, 0)", row)
            db.execute("insert or replace into cursors values ('events', ?)", (cursor,))

    def forget_below(self, block: int) -> None:
        """Drops what is done and lies so deep that no re-organisation brings it up again."""
        with self._writing() as db:
            for table in ("batches", "answers"):
                db.execute(f"delete from {table} where done = 1 and block < ?", (block,))

    def open_batches(self) -> list[Batch]:
        rows = self._rows("select id, operator, root, count, cid, block from batches where done = 0 order by id")
        return [Batch(number, operator, bytes(root), *rest) for number, operator, root, *rest in rows]

    def open_answers(self) -> list[tuple[bytes, Answer, tuple[bytes, ...]]]:
        """Answers that were given on chain and not looked at yet: digest, answer, inputs."""
        rows = self._rows("select digest, answer, inputs from answers where done = 0 order by rowid")
        return [(bytes(digest), Answer.from_json(json.loads(a)), _load(inputs)) for digest, a, inputs in rows]

    def judged(
        self, counts: dict[str, int], wrong: Iterable[Case], batch: int | None = None, answers: Iterable[bytes] = ()
    ) -> None:
        """Takes in what was found out about a batch, or about answers on chain, once."""
        with self._writing() as db:
            if batch is not None:
                db.execute("update batches set done = 1 where id = ?", (batch,))
            db.executemany("update answers set done = 1 where digest = ?", [(each,) for each in answers])
            for case in wrong:
                row = (
                    case.digest,
                    json.dumps(case.answer.json()),
                    _dump(case.inputs),
                    json.dumps(case.evidence.json()),
                    _on_chain(case.evidence),
                )
                # a re-organisation gives a batch another number, and takes answers off the chain: its newest place in a batch is kept
                db.execute(
                    "insert into cases (digest, answer, inputs, evidence, on_chain) values (?, ?, ?, ?, ?)"
                    " on conflict (digest) do update set on_chain = max(on_chain, excluded.on_chain),"
                    " evidence = iif(excluded.on_chain, evidence, excluded.evidence)",
                    row,
                )
            for what, number in counts.items():
                db.execute(
                    "insert into counts values (?, ?) on conflict (what) do update set number = number + excluded.number",
                    (what, number),
                )

    # ------------------------------------------------------------------ disputes

    def cases(self, state: str) -> list[Case]:
        """In their order: `waiting` for a bond, or `playing`."""
        return [case for case, _ in self._cases("state = ?", state)]

    def just_ended(self, block: int) -> list[tuple[Case, str]]:
        """Cases that ended after a block (0 or later), with their state."""
        return self._cases("ended > ?", block)

    def on_chain(self) -> set[bytes]:
        """Waiting cases whose answers contracts may rely on."""
        return {
            bytes(digest) for (digest,) in self._rows("select digest from cases where on_chain and state = 'waiting'")
        }

    def case_state(self, digest: bytes, state: str, bounty: int = 0, ended: int = 0) -> None:
        """`ended`: in which block it was over."""
        with self._writing() as db:
            row = (state, str(bounty), ended, digest)
            db.execute("update cases set state = ?, bounty = ?, ended = ? where digest = ?", row)

    def _cases(self, where: str, value: object) -> list[tuple[Case, str]]:
        columns = "digest, answer, inputs, evidence, state"
        rows = self._rows(f"select {columns} from cases where {where} order by rowid", value)
        return [
            (Case(bytes(digest), Answer.from_json(json.loads(a)), _load(i), Evidence.from_json(json.loads(e))), state)
            for digest, a, i, e, state in rows
        ]

    # ------------------------------------------------------------------ the report

    def counts(self) -> Counter[str]:
        """Answers by what became of them, and cases by their state; `bounty` in wei."""
        found = Counter({what: int(number) for what, number in self._rows("select what, number from counts")})
        found.update({state: int(n) for state, n in self._rows("select state, count(*) from cases group by state")})
        found["unread batches"] = int(self._rows("select count(*) from batches where done = 0")[0][0])
        found["bounty"] = sum(int(bounty) for (bounty,) in self._rows("select bounty from cases where bounty <> '0'"))
        return found


def _on_chain(evidence: Evidence) -> bool:
    return evidence == Evidence()


def _dump(inputs: tuple[bytes, ...]) -> str:
    return json.dumps([each.hex() for each in inputs])


def _load(text: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(each) for each in json.loads(text))
