"""What a node must never lose, in one SQLite file: every answer it signed, and every voucher it holds.

An answer is on disk before it leaves the machine, and one request has one answer for ever.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from opg.answers import SignedAnswer
from opg.chain.structs import Answer, Request
from opg.errors import PaymentRequired
from opg.vouchers import SignedVoucher

SCHEMA = """
create table if not exists answers (
    request blob primary key,      -- hash of the user's request, or id of an on-chain one
    digest blob not null unique,
    answer text not null,
    key text not null,
    signature blob not null,
    inputs text not null,          -- JSON list of hexadecimal tensors
    outputs text not null,
    batch blob,                    -- root of the batch that it went into
    place integer
) strict;
create index if not exists answers_open on answers (batch, place);
create table if not exists batches (
    root blob primary key,
    count integer not null,
    id integer                     -- on chain; null until it is there
) strict;
create table if not exists vouchers (
    channel blob primary key,      -- payer, operator and model
    payer text not null,
    model integer not null,
    total text not null,           -- wei, decimal: larger than SQLite's integers
    redeemed text not null default '0',
    voucher text not null
) strict;
create table if not exists requests (
    id blob primary key,           -- on-chain requests to this operator
    request text not null,
    inputs text not null,
    state text not null            -- open, fulfilled, closed
) strict;
create table if not exists games (
    id blob primary key,           -- disputes against answers of this operator
    answer text not null,
    running integer not null default 1
) strict;
create table if not exists cursors (name text primary key, block integer not null) strict;
"""


class Store:
    """The node's memory. Safe to use from several threads, and from several processes."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=30)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _writing(self) -> Any:
        with self._lock:
            self._db.execute("begin immediate")
            try:
                yield self._db
            except BaseException:
                self._db.execute("rollback")
                raise
            self._db.execute("commit")

    def _rows(self, query: str, *arguments: Any) -> list[Any]:
        with self._lock:
            return self._db.execute(query, arguments).fetchall()

    # ------------------------------------------------------------------ answers

    def keep(self, signed: SignedAnswer, voucher: SignedVoucher | None = None, price: int = 0) -> SignedAnswer:
        """Keeps an answer and, in the same breath, the voucher that pays for it.

        Gives the answer that was there before when the request has been answered already: that one is not
        paid again. Raises `PaymentRequired` when the voucher is not `price` wei above the one held.
        """
        with self._writing() as db:
            known = db.execute("select 1 from answers where request = ?", (signed.answer.request,)).fetchone()
            if not known:
                if voucher is not None:
                    self._keep_voucher(db, voucher, price)
                db.execute(
                    "insert into answers (request, digest, answer, key, signature, inputs, outputs)"
                    " values (?, ?, ?, ?, ?, ?, ?)",
                    (
                        signed.answer.request,
                        signed.digest,
                        json.dumps(signed.answer.json()),
                        signed.key,
                        signed.signature,
                        _dump(signed.inputs),
                        _dump(signed.outputs),
                    ),
                )
        kept = self.answer_to(signed.answer.request)
        assert kept is not None
        return kept

    def answer_to(self, request: bytes) -> SignedAnswer | None:
        """The answer to a request, if there is one."""
        return self._answer("request = ?", request)

    def answer(self, digest: bytes) -> SignedAnswer | None:
        """An answer by its name."""
        return self._answer("digest = ?", digest)

    def uncommitted(self, limit: int) -> list[SignedAnswer]:
        """Signed answers that are in no batch yet, oldest first."""
        rows = self._rows(f"{_SELECT} where batch is null and length(signature) > 0 order by rowid limit ?", limit)
        return [_signed(row) for row in rows]

    def answer_count(self) -> int:
        """How many answers were given."""
        return int(self._rows("select count(*) from answers")[0][0])

    def uncommitted_count(self) -> int:
        """How many signed answers are in no batch yet."""
        rows = self._rows("select count(*) from answers where batch is null and length(signature) > 0")
        return int(rows[0][0])

    def _answer(self, where: str, value: bytes) -> SignedAnswer | None:
        rows = self._rows(f"{_SELECT} where {where}", value)
        return _signed(rows[0]) if rows else None

    # ------------------------------------------------------------------ batches

    def plan_batch(self, root: bytes, digests: Sequence[bytes]) -> None:
        """Ties answers to a batch, before anything is sent."""
        with self._writing() as db:
            db.execute("insert or ignore into batches (root, count) values (?, ?)", (root, len(digests)))
            for place, digest in enumerate(digests):
                db.execute("update answers set batch = ?, place = ? where digest = ?", (root, place, digest))

    def planned_batch(self) -> tuple[bytes, int] | None:
        """Root and count of a batch that was planned and is not known to be on chain."""
        rows = self._rows("select root, count from batches where id is null limit 1")
        return (bytes(rows[0][0]), int(rows[0][1])) if rows else None

    def batch_committed(self, root: bytes, batch_id: int) -> None:
        with self._writing() as db:
            db.execute("update batches set id = coalesce(id, ?) where root = ?", (batch_id, root))

    def batch(self, name: int | bytes) -> tuple[bytes, int | None, list[SignedAnswer]] | None:
        """Root, id and answers of a batch, by its id on chain or by its root."""
        column = "id" if isinstance(name, int) else "root"
        rows = self._rows(f"select root, id from batches where {column} = ?", name)
        if not rows:
            return None
        answers = self._rows(f"{_SELECT} where batch = ? order by place", rows[0][0])
        return bytes(rows[0][0]), rows[0][1], [_signed(row) for row in answers]

    # ------------------------------------------------------------------ vouchers

    def _keep_voucher(self, db: sqlite3.Connection, signed: SignedVoucher, price: int) -> None:
        row = db.execute("select total from vouchers where channel = ?", (signed.channel,)).fetchone()
        needed = (int(row[0]) if row else 0) + price
        if signed.voucher.total < needed:
            raise PaymentRequired(
                f"the voucher's total must be {needed} wei, it is {signed.voucher.total}", "sign a higher one"
            )
        db.execute(
            "insert into vouchers (channel, payer, model, total, voucher) values (?, ?, ?, ?, ?)"
            " on conflict (channel) do update set total = excluded.total, voucher = excluded.voucher",
            (
                signed.channel,
                signed.voucher.payer,
                signed.voucher.model_id,
                str(signed.voucher.total),
                json.dumps(signed.json()),
            ),
        )

    def voucher_totals(self, payer: str) -> dict[int, int]:
        """By model, what the payer's highest vouchers are worth, in wei."""
        rows = self._rows("select model, total from vouchers where payer = ?", payer)
        return {int(model): int(total) for model, total in rows}

    def vouchers_to_redeem(self) -> list[SignedVoucher]:
        """Every voucher that is worth more than was redeemed."""
        rows = self._rows("select voucher, total, redeemed from vouchers order by rowid")
        return [SignedVoucher.from_json(json.loads(v)) for v, t, r in rows if int(t) > int(r)]

    def voucher_redeemed(self, channel: bytes, total: int) -> None:
        """Notes how much of a channel's vouchers the chain has paid."""
        with self._writing() as db:
            db.execute("update vouchers set redeemed = ? where channel = ?", (str(total), channel))

    # ------------------------------------------------------------------ on-chain requests

    def keep_request(self, request_id: bytes, request: Request, inputs: Iterable[bytes]) -> None:
        """Remembers an on-chain request to this operator."""
        with self._writing() as db:
            db.execute(
                "insert or ignore into requests values (?, ?, ?, 'open')",
                (request_id, json.dumps(request.json()), _dump(inputs)),
            )

    def requests(self, state: str) -> list[tuple[bytes, Request, tuple[bytes, ...]]]:
        """Id, terms and input tensors of the on-chain requests that are `open`, `fulfilled` or `closed`."""
        rows = self._rows("select id, request, inputs from requests where state = ? order by rowid", state)
        return [(bytes(i), Request.from_json(json.loads(r)), _load(t)) for i, r, t in rows]

    def request_inputs(self, request_id: bytes) -> tuple[bytes, ...] | None:
        """Input tensors of an on-chain request to this operator."""
        rows = self._rows("select inputs from requests where id = ?", request_id)
        return _load(rows[0][0]) if rows else None

    def request_state(self, request_id: bytes, state: str) -> None:
        with self._writing() as db:
            db.execute("update requests set state = ? where id = ?", (state, request_id))

    # ------------------------------------------------------------------ disputes

    def keep_game(self, game_id: bytes, answer: Answer) -> None:
        """Remembers a dispute against an answer of this operator."""
        with self._writing() as db:
            db.execute("insert or ignore into games (id, answer) values (?, ?)", (game_id, json.dumps(answer.json())))

    def games(self) -> list[tuple[bytes, Answer]]:
        """The disputes that are not known to be over."""
        rows = self._rows("select id, answer from games where running = 1 order by rowid")
        return [(bytes(i), Answer.from_json(json.loads(a))) for i, a in rows]

    def game_over(self, game_id: bytes) -> None:
        with self._writing() as db:
            db.execute("update games set running = 0 where id = ?", (game_id,))

    # ------------------------------------------------------------------ cursors

    def cursor(self, name: str) -> int | None:
        """The block to go on reading at."""
        rows = self._rows("select block from cursors where name = ?", name)
        return int(rows[0][0]) if rows else None

    def set_cursor(self, name: str, block: int) -> None:
        with self._writing() as db:
            db.execute("insert or replace into cursors values (?, ?)", (name, block))


_SELECT = "select answer, digest, key, signature, inputs, outputs, batch, place from answers"


def _signed(row: Any) -> SignedAnswer:
    answer, digest, key, signature, inputs, outputs, batch, place = row
    return SignedAnswer(
        Answer.from_json(json.loads(answer)),
        bytes(digest),
        key,
        bytes(signature),
        _load(inputs),
        _load(outputs),
        bytes(batch) if batch is not None else None,
        place,
    )


def _dump(tensors: Iterable[bytes]) -> str:
    return json.dumps([tensor.hex() for tensor in tensors])


def _load(text: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(tensor) for tensor in json.loads(text))
