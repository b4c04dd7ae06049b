"""The log of a node that has served for years: every look goes through an index."""

from __future__ import annotations

import re
import threading
import time
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


def test_log_is_tidied_up_while_answers_are_written(store, monkeypatch):
    """Nobody who writes has to; nothing is lost; and it stays short."""
    monkeypatch.setattr("opg.node.store.TIDY_SECONDS", 0.02)
    stop, log = threading.Event(), store.path.with_name(store.path.name + "-wal")
    tidying = threading.Thread(target=store.tidy, args=(stop,))
    tidying.start()
    made = [answer() for _ in range(1_500)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(store.keep, made))
    time.sleep(0.2)
    stop.set()
    tidying.join()
    _, frames, moved = store._db.execute("pragma wal_checkpoint(passive)").fetchone()
    assert frames == moved < 2_000  # of some 10,000
    assert log.stat().st_size < 4_096 * 3_000
    assert all(store.answer(each.digest) is not None for each in made)
    assert store._db.execute("pragma integrity_check").fetchone() == ("ok",)


def test_log_that_was_moved_is_left_alone_until_something_is_written(store, monkeypatch):
    """SQLite before 3.51.3 may lose what is written while such a log is looked through once more."""
    moves: list[str] = []

    def noting(path):
        db = connect(path)
        db.set_trace_callback(lambda query: moves.append(query) if "checkpoint" in query else None)
        return db

    monkeypatch.setattr("opg.node.store.connect", noting)
    monkeypatch.setattr("opg.node.store.TIDY_SECONDS", 0.02)
    stop = threading.Event()
    tidying = threading.Thread(target=store.tidy, args=(stop,))
    tidying.start()
    for number in range(1, 4):
        store.keep(answer())
        time.sleep(0.5)
        assert len(moves) == 2 * number
    stop.set()
    tidying.join()


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
