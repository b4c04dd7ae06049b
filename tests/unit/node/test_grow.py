"""The log of a node that has served for years: every look goes through an index."""

from __future__ import annotations

import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from opg.node.schema import connect
from opg.node.store import Store
from scripts.bench_node import BOUNDS, answer, bench_batch, bench_lookups, fill
from tests.conftest import DEEP

deep = pytest.mark.skipif(not DEEP, reason="a million answers take a minute and a gigabyte: OPG_DEEP=1")


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "node.sqlite")
    yield made
    made.close()


def test_every_look_goes_through_an_index(store):
    fill(store, 3_000)
    queries: list[str] = []
    store._reading.set_trace_callback(queries.append)
    digest = store.waiting(1, 10**6)[0]
    store.answer(digest)
    store.answer_to(digest)
    store.answer_count()
    store.uncommitted_count()
    bench_batch(store, 2_000)
    store.batch_head(digest)
    store.requests("open")
    store.fulfilled(5, 10)
    store.voucher_totals("0x")
    store.channel(b"x")
    store.games_ended()
    store._reading.set_trace_callback(None)
    assert len(queries) >= 12
    for query in set(queries):
        plan = " ".join(row[3] for row in store._reading.execute(f"explain query plan {query}"))
        assert re.search(r"USING (COVERING )?INDEX|USING INTEGER PRIMARY KEY|SEARCH", plan), (query, plan)


class Turns(threading.Event):
    """Tells a tidier to stop, and how often it has asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Semaphore(0)

    def wait(self, timeout=None):
        self.asked.release()
        return super().wait(timeout)

    def pass_by(self, count: int) -> None:
        """Waits until a turn that began after this call is over, and so many more."""
        while self.asked.acquire(blocking=False):
            pass
        for _ in range(count + 2):
            assert self.asked.acquire(timeout=60)


@pytest.fixture
def tidying(store, monkeypatch):
    """Somebody who tidies, from now on."""
    monkeypatch.setattr("opg.node.store.TIDY_SECONDS", 0.02)
    turns = Turns()
    thread = threading.Thread(target=store.tidy, args=(turns,))

    def begin() -> Turns:
        thread.start()
        turns.pass_by(0)
        return turns

    yield begin
    turns.set()
    thread.join()


def test_log_is_tidied_up_while_answers_are_written(store, tidying):
    """Nobody who writes has to; nothing is lost; and it stays short."""
    log, turns = store.path.with_name(store.path.name + "-wal"), tidying()
    made = [answer() for _ in range(1_500)]
    with ThreadPoolExecutor(4) as threads:
        for first in range(0, len(made), 100):
            list(threads.map(store.keep, made[first : first + 100]))
            turns.pass_by(0)
    _, frames, moved = store._db.execute("pragma wal_checkpoint(passive)").fetchone()
    assert frames == moved < 2_000  # of some 10,000
    assert log.stat().st_size < 4_096 * 3_000
    assert all(store.answer(each.digest) is not None for each in made)
    assert store._db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_log_that_was_moved_is_left_alone_until_something_is_written(store, tidying, monkeypatch):
    """SQLite before 3.51.3 may lose what is written while such a log is looked through once more."""
    moves: list[str] = []

    def noting(path):
        db = connect(path)
        db.set_trace_callback(lambda query: moves.append(query) if "checkpoint" in query else None)
        return db

    monkeypatch.setattr("opg.node.store.connect", noting)
    turns = tidying()
    del moves[:]
    for number in range(1, 4):
        store.keep(answer())
        turns.pass_by(10)
        assert len(moves) == 2 * number


@pytest.mark.parametrize("fails", ["opening", "moving"])
def test_who_tidies_tries_again_after_a_failure(store, tidying, monkeypatch, fails):
    """A disk that was full for a moment; otherwise whoever writes would have to, from then on."""
    moves: list[str] = []

    class Broken:
        def execute(self, query):
            raise sqlite3.OperationalError("disk I/O error")

        def close(self):
            pass

    def failing(path, tries=[]):  # noqa: B006
        tries.append(path)
        if len(tries) == 1 and fails == "opening":
            raise sqlite3.OperationalError("unable to open database file")
        if len(tries) == 1:
            return Broken()
        db = connect(path)
        db.set_trace_callback(lambda query: moves.append(query) if "checkpoint" in query else None)
        return db

    monkeypatch.setattr("opg.node.store.connect", failing)
    turns = tidying()
    turns.pass_by(2)
    del moves[:]
    store.keep(answer())
    turns.pass_by(0)
    assert len(moves) == 2


def test_answers_that_are_kept_together_are_all_on_disk(store):
    """Written in groups by whichever thread comes first."""
    made = [answer() for _ in range(400)]
    elsewhere = Store(store.path)

    def keep(signed):
        store.keep(signed)
        return elsewhere.answer(signed.digest) is not None  # at once, by another connection

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(keep, made))
    assert store.answer_count() == 400
    elsewhere.close()


def test_proofs_of_a_large_batch_are_right(store):
    fill(store, 5_000)
    assert bench_batch(store, 5_000)["size"] == 5_000


@deep
def test_million_answers_are_looked_through_in_no_time(store):
    fill(store, 1_000_000)
    assert bench_lookups(store)["lookup_ms"] < BOUNDS["lookup_ms"]
    assert bench_batch(store, 100_000)["batch_cpu_seconds"] < BOUNDS["batch_seconds"]
