"""What a node must never lose, in one SQLite file: every answer it signed, and every voucher it holds.

An answer is on disk before it leaves the machine, and one request has one answer for ever. Answers that are ready at the same time
are written together: whoever holds the lock writes for all who wait.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opg.answers import SignedAnswer
from opg.chain.structs import Answer, Request
from opg.errors import PaymentRequired
from opg.keeping import exclusive, opening
from opg.node.errors import AlreadyRunning, StoreFull
from opg.node.schema import SCHEMA, WAITING, check_format, connect, dump, load
from opg.vouchers import SignedVoucher
from opg.words import shown

TIDY_SECONDS = 1.0
FULL = ("full", "disk I/O error", "readonly", "unable to open", "malformed", "not a database")
DAMAGED = "save what it holds: sqlite3 FILE .recover | sqlite3 NEW; a node without it cannot defend what it has signed"


@dataclass
class _Entry:
    """An answer on its way to the disk."""

    signed: SignedAnswer
    voucher: SignedVoucher | None
    price: int
    done: bool = False
    known: bool = False
    problem: Exception | None = None


class Store:
    """The node's memory. Safe to use from several threads, and from several processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.trouble = ""  # why the last answers could not be kept
        self._lock = threading.RLock()
        self._waiting: list[_Entry] = []
        self._queue_lock = threading.Lock()
        with opening(path, DAMAGED):
            self._db = connect(str(path))
            check_format(self._db, path)
            self._db.executescript(SCHEMA)
            self._reading = connect(str(path))  # of its own: who reads does not wait for a disk that writes
        self._reading_lock = threading.Lock()

    def close(self) -> None:
        with self._lock, self._reading_lock:
            self._db.close()
            self._reading.close()

    def tidy(self, stop: threading.Event) -> None:
        """Until `stop` is set: moves from the write-ahead log into the file what was written, so that no answer has to wait for that. Most of
        it while others write; for the rest they wait, or the log would never be empty, and grow.

        A log that was moved as a whole is left alone while others may write: before 3.51.3, SQLite loses what is written when a checkpoint
        begins just then (sqlite.org/wal.html#walresetbug).
        """
        while not stop.is_set():
            with suppress(sqlite3.Error), closing(connect(str(self.path))) as db:  # who writes tells of a full disk
                self._tidy(db, stop)
            stop.wait(TIDY_SECONDS)

    def _tidy(self, db: sqlite3.Connection, stop: threading.Event) -> None:
        move, written = "pragma wal_checkpoint(passive)", "pragma data_version"
        known = db.execute(written).fetchone()
        while not stop.wait(TIDY_SECONDS):
            if db.execute(written).fetchone() == known:
                continue
            db.execute(move).fetchall()
            with self._lock:
                known = db.execute(written).fetchone()
                db.execute(move).fetchall()

    def exclusive(self, what: str) -> AbstractContextManager[None]:
        """Holds a lock on this store's name among all processes. Raises `AlreadyRunning`. Ends with the process."""
        return exclusive(self.path, what)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._told():
            try:
                self._db.execute("begin immediate")
                yield self._db
                self._db.execute("commit")
            except BaseException:
                with suppress(sqlite3.Error):
                    if self._db.in_transaction:
                        self._db.execute("rollback")
                raise

    @staticmethod
    @contextmanager
    def _told() -> Iterator[None]:
        """A disk that fails is `StoreFull`."""
        try:
            yield
        except sqlite3.DatabaseError as problem:
            if not any(word in str(problem) for word in FULL):
                raise
            why = f"the log at this node takes no more ({problem})"
            raise StoreFull(why, "try another operator; if it is yours: look at its disk") from None

    def _rows(self, query: str, *arguments: Any) -> list[Any]:
        with self._reading_lock, self._told():
            return self._reading.execute(query, arguments).fetchall()

    # ------------------------------------------------------------------ answers

    def keep(self, signed: SignedAnswer, voucher: SignedVoucher | None = None, price: int = 0) -> SignedAnswer:
        """Keeps an answer and, in the same breath, the voucher that pays `price` wei for it.

        Gives the answer that was there before when the request has been answered already: that one is not paid again. Raises
        `PaymentRequired` when the vouchers held do not cover it, `StoreFull` when the disk takes no more.
        """
        entry = _Entry(signed, voucher, price)
        with self._queue_lock:
            self._waiting.append(entry)
        with self._lock:
            if not entry.done:
                self._flush()
        if entry.problem is not None:
            raise entry.problem
        kept = self.answer_to(signed.answer.request) if entry.known else signed
        assert kept is not None
        return kept

    def _flush(self) -> None:
        with self._queue_lock:  # nobody may append to a list that is being written
            entries, self._waiting = self._waiting, []
        try:
            with self._writing() as db:
                for entry in entries:
                    try:
                        self._insert(db, entry)
                    except PaymentRequired as problem:
                        entry.problem = problem
            self.trouble = ""
        except Exception as problem:
            self.trouble = str(problem) if isinstance(problem, StoreFull) else self.trouble
            for entry in entries:
                entry.problem = entry.problem or problem
        finally:
            for entry in entries:
                entry.done = True

    def _insert(self, db: sqlite3.Connection, entry: _Entry) -> None:
        signed = entry.signed
        if db.execute("select 1 from answers where request = ?", (signed.answer.request,)).fetchone():
            entry.known = True
            return
        if entry.voucher is not None:
            self._keep_voucher(db, entry.voucher, entry.price)
        db.execute(
            "insert into answers (request, digest, answer, key, signature, inputs, outputs) values (?, ?, ?, ?, ?, ?, ?)",
            (
                signed.answer.request,
                signed.digest,
                json.dumps(signed.answer.json()),
                signed.key,
                signed.signature,
                dump(signed.inputs),
                dump(signed.outputs),
            ),
        )

    def replace_on_chain(self, signed: SignedAnswer) -> None:
        """Notes an answer that the chain made of our outputs, in place of an earlier one that a re-organisation took away."""
        with self._writing() as db:
            db.execute(
                "update answers set digest = ?, answer = ? where request = ? and length(signature) = 0",
                (signed.digest, json.dumps(signed.answer.json()), signed.answer.request),
            )

    def answer_to(self, request: bytes) -> SignedAnswer | None:
        """The answer to a request, if there is one."""
        return self._answer("request = ?", request)

    def answer(self, digest: bytes) -> SignedAnswer | None:
        """An answer by its name."""
        return self._answer("digest = ?", digest)

    def answer_count(self) -> int:
        """How many answers were given. None is ever deleted, so the last row's number is the count."""
        return int(self._rows("select coalesce(max(rowid), 0) from answers")[0][0])

    def uncommitted_count(self) -> int:
        """How many signed answers are in no batch yet."""
        return int(self._rows(f"select count(*) from answers where {WAITING}")[0][0])

    def _answer(self, where: str, value: bytes) -> SignedAnswer | None:
        rows = self._rows(f"{_SELECT} where {where}", value)
        return _signed(rows[0]) if rows else None

    # ------------------------------------------------------------------ batches

    def waiting(self, limit: int, max_bytes: int) -> list[bytes]:
        """Digests of signed answers that are in no batch yet, oldest first, whose data is at most so long (or one answer)."""
        digests, size = [], 0
        for digest, length in self._rows(
            f"select digest, length(inputs) + length(outputs) from answers where {WAITING} order by rowid limit ?",
            limit,
        ):
            size += length
            if digests and size > max_bytes:
                break
            digests.append(bytes(digest))
        return digests

    def plan_batch(self, root: bytes, digests: Sequence[bytes], block: int) -> bool:
        """Ties answers to a batch, before anything is sent. False when another process was faster."""
        with self._writing() as db:
            if db.execute("select 1 from batches where id is null").fetchone():
                return False
            db.execute("insert into batches (root, count, block) values (?, ?, ?)", (root, len(digests), block))
            done = db.executemany(
                "update answers set batch = ?, place = ? where digest = ? and batch is null",
                [(root, place, digest) for place, digest in enumerate(digests)],
            ).rowcount
            if done != len(digests):
                raise AlreadyRunning("another process committed these answers", "look at: opg node status")
        return True

    def planned_batch(self) -> tuple[bytes, int, int] | None:
        """Root, count and the head at planning of a batch that is not known to be on chain."""
        rows = self._rows("select root, count, block from batches where id is null limit 1")
        return (bytes(rows[0][0]), int(rows[0][1]), int(rows[0][2])) if rows else None

    def batch_committed(self, root: bytes, batch_id: int | None, block: int) -> None:
        """Notes a batch's id on chain and its block; None when a re-organisation took it away."""
        with self._writing() as db:
            db.execute("update batches set id = ?, block = ? where root = ?", (batch_id, block, root))

    def batch_ids(self, since: int) -> list[tuple[bytes, int]]:
        """Roots and ids of the batches that got onto the chain in or after some block."""
        rows = self._rows("select root, id from batches where id is not null and block >= ?", since)
        return [(bytes(root), int(number)) for root, number in rows]

    def batch_id(self, root: bytes) -> int | None:
        rows = self._rows("select id from batches where root = ?", root)
        return rows[0][0] if rows else None

    def batch_head(self, name: int | bytes) -> tuple[bytes, int | None, int] | None:
        """Root, id and count of a batch, by its id on chain or by its root."""
        column = "id" if isinstance(name, int) else "root"
        rows = self._rows(f"select root, id, count from batches where {column} = ?", name)
        return (bytes(rows[0][0]), rows[0][1], int(rows[0][2])) if rows else None

    def batch_digests(self, root: bytes) -> list[bytes]:
        """The leaves of a batch, in their order."""
        return [bytes(row[0]) for row in self._rows("select digest from answers where batch = ? order by place", root)]

    def batch_answers(self, root: bytes, first: int, count: int) -> list[SignedAnswer]:
        """Some answers of a batch, in their order."""
        where = "where batch = ? and place >= ? and place < ? order by place"
        return [_signed(row) for row in self._rows(f"{_SELECT} {where}", root, first, first + count)]

    # ------------------------------------------------------------------ vouchers

    def _keep_voucher(self, db: sqlite3.Connection, signed: SignedVoucher, price: int) -> None:
        query = "select total, spent, voucher from vouchers where channel = ?"
        row = db.execute(query, (signed.channel,)).fetchone()
        held, spent = (int(row[0]), int(row[1]) + price) if row else (0, price)
        if max(held, signed.voucher.total) < spent:
            raise PaymentRequired(
                f"the voucher's total must be {shown(spent)}, it is {shown(signed.voucher.total)}",
                "sign a higher one",
            )
        total, voucher = (
            (signed.voucher.total, json.dumps(signed.json())) if signed.voucher.total > held else (held, row[2])
        )
        db.execute(
            "insert into vouchers (channel, payer, model, total, spent, voucher) values (?, ?, ?, ?, ?, ?) on conflict"
            " (channel) do update set total = excluded.total, spent = excluded.spent, voucher = excluded.voucher",
            (signed.channel, signed.voucher.payer, signed.voucher.model_id, str(total), str(spent), voucher),
        )

    def channel(self, channel: bytes) -> tuple[SignedVoucher | None, int]:
        """The voucher held, and the wei that answers were given for."""
        rows = self._rows("select voucher, spent from vouchers where channel = ?", channel)
        return (SignedVoucher.from_json(json.loads(rows[0][0])), int(rows[0][1])) if rows else (None, 0)

    def voucher_totals(self, payer: str) -> dict[int, int]:
        """By model, what the payer's highest vouchers are worth, in wei."""
        rows = self._rows("select model, total from vouchers where payer = ?", payer)
        return {int(model): int(total) for model, total in rows}

    def vouchers_to_redeem(self) -> list[SignedVoucher]:
        """Every voucher that is worth more than was redeemed."""
        rows = self._rows("select voucher, total, redeemed from vouchers where total <> redeemed order by rowid")
        return [SignedVoucher.from_json(json.loads(v)) for v, t, r in rows if int(t) > int(r)]

    def unredeemed(self) -> int:
        """Wei of vouchers that were not paid yet."""
        rows = self._rows("select total, redeemed from vouchers where total <> redeemed")
        return sum(max(0, int(total) - int(redeemed)) for total, redeemed in rows)

    def voucher_redeemed(self, channel: bytes, total: int, block: int | None) -> None:
        """Notes how much of a channel's vouchers the chain has paid, as of a block; None: for good."""
        with self._writing() as db:
            db.execute("update vouchers set redeemed = ?, block = ? where channel = ?", (str(total), block, channel))

    def redeemed_until(self, block: int) -> list[SignedVoucher]:
        """Vouchers whose redemption was noted at or before a block, and not for good."""
        rows = self._rows("select voucher from vouchers where block is not null and block <= ?", block)
        return [SignedVoucher.from_json(json.loads(voucher)) for (voucher,) in rows]

    # ------------------------------------------------------------------ on-chain requests

    def keep_request(self, request_id: bytes, request: Request, inputs: Sequence[bytes]) -> bool:
        """Remembers an on-chain request to this operator. False when it was known."""
        row = (request_id, json.dumps(request.json()), dump(inputs))
        with self._writing() as db:
            return db.execute("insert or ignore into requests values (?, ?, ?, 'open')", row).rowcount > 0

    def requests(self, state: str) -> list[tuple[bytes, Request, tuple[bytes, ...]]]:
        """Id, terms and input tensors of the on-chain requests that are `open`, `fulfilled` or `closed`."""
        rows = self._rows("select id, request, inputs from requests where state = ? order by rowid", state)
        return [(bytes(i), Request.from_json(json.loads(r)), load(t)) for i, r, t in rows]

    def fulfilled(self, before: int, since: int) -> list[tuple[bytes, Request]]:
        """Id and terms of the answered on-chain requests whose answer is from `before` some time, from `since` another, or unknown."""
        rows = self._rows(
            "select r.id, r.request from requests r left join answers a on a.request = r.id where r.state = 'fulfilled' and"
            " coalesce(json_extract(a.answer, '$.issuedAt') not between ? and ?, 1) order by r.rowid",
            before + 1,
            since - 1,
        )
        return [(bytes(i), Request.from_json(json.loads(r))) for i, r in rows]

    def request_count(self, state: str) -> int:
        return int(self._rows("select count(*) from requests where state = ?", state)[0][0])

    def request_inputs(self, request_id: bytes) -> tuple[bytes, ...] | None:
        """Input tensors of an on-chain request to this operator."""
        rows = self._rows("select inputs from requests where id = ?", request_id)
        return load(rows[0][0]) if rows else None

    def request_state(self, request_id: bytes, state: str) -> None:
        with self._writing() as db:
            db.execute("update requests set state = ? where id = ?", (state, request_id))

    # ------------------------------------------------------------------ disputes

    def keep_game(self, game_id: bytes, answer: Answer) -> bool:
        """Remembers a dispute against an answer of this operator. False when it was known."""
        text = json.dumps(answer.json())
        with self._writing() as db:
            return db.execute("insert or ignore into games (id, answer) values (?, ?)", (game_id, text)).rowcount > 0

    def games(self) -> list[tuple[bytes, Answer]]:
        """The disputes that are not known to be over."""
        rows = self._rows("select id, answer from games where running = 1 order by rowid")
        return [(bytes(i), Answer.from_json(json.loads(a))) for i, a in rows]

    def game_over(self, game_id: bytes, head: int) -> None:
        """Notes that a game was over at some head."""
        with self._writing() as db:
            db.execute("update games set running = 0, ended = ? where id = ?", (head, game_id))

    def game_on(self, game_id: bytes) -> None:
        """A game that was over goes on: a re-organisation took its end away."""
        with self._writing() as db:
            db.execute("update games set running = 1, ended = null where id = ?", (game_id,))

    def game_buried(self, game_id: bytes) -> None:
        """No re-organisation reaches a game's end any more."""
        with self._writing() as db:
            db.execute("update games set ended = null where id = ?", (game_id,))

    def games_ended(self) -> list[tuple[bytes, int]]:
        """Games that are over, while a re-organisation may undo that, and the heads at which that was seen."""
        return [(bytes(i), int(e)) for i, e in self._rows("select id, ended from games where ended is not null")]

    # ------------------------------------------------------------------ cursors

    def cursor(self, name: str) -> int | None:
        """The block to go on reading at."""
        rows = self._rows("select block from cursors where name = ?", name)
        return int(rows[0][0]) if rows else None

    def set_cursor(self, name: str, block: int) -> None:
        if self.cursor(name) != block:
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
        load(inputs),
        load(outputs),
        bytes(batch) if batch is not None else None,
        place,
    )
