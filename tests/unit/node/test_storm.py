"""Worker processes that are killed, stopped and slow at any moment: whoever asks gets its own answer, or is told; never another's, never nothing."""

from __future__ import annotations

import hashlib
import os
import random
import resource
import signal
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from opg.node import workers
from opg.node.errors import Busy, WorkerFailed
from opg.node.workers import WorkerPool
from tests.waiting import PATIENCE_SECONDS, wait_until

ROUNDS = 30 if os.environ.get("OPG_DEEP") == "1" else 1
PROCESSES, CALLERS = 3, 24
LARGE = bytes(4_000_000)  # more than a pipe holds while nobody reads


class Model:
    """Takes as long as its input says, in milliseconds in the first two bytes, and gives the input's digest."""

    id = 1
    program = SimpleNamespace(input_words=())

    def execute(self, inputs):
        if inputs:
            time.sleep(int.from_bytes(inputs[0][:2], "big") / 1_000)
        return tuple(hashlib.sha256(each).digest() for each in inputs)


class Unsendable(bytes):
    """Memory ends while it is packed."""

    def __reduce__(self):
        raise MemoryError


MODEL = Model()


def lasting(milliseconds: int, rest: bytes) -> tuple[bytes, ...]:
    return (milliseconds.to_bytes(2, "big") + rest,)


def asked(pool, inputs) -> SimpleNamespace:
    """A request in a thread that keeps no test from its end. `kind`: what came, within so many seconds; `nothing` is a kind, too."""
    made = SimpleNamespace(kind="nothing", value=None)

    def ask():
        try:
            made.value, made.kind = pool.run(MODEL, inputs), "answer"
        except Exception as problem:
            made.value, made.kind = problem, type(problem).__name__

    made.thread = threading.Thread(target=ask, daemon=True)
    made.thread.start()
    return made


@contextmanager
def pool_of(count, job_seconds=1.0, **options):
    made = WorkerPool({1: MODEL}, count, job_seconds=job_seconds, **options)
    try:
        made.wait_ready()
        yield made
    finally:
        closing = threading.Thread(target=made.close, daemon=True)
        closing.start()
        closing.join(60)
        for process in filter(None, made.processes):
            process.kill()
        assert not closing.is_alive(), "it could not be closed"


def all_up(pool, count):
    wait_until(lambda: pool.alive == count)


def test_a_large_request_to_a_process_that_stands_still_is_given_to_another():
    """Nobody else asks, so nobody else could see to it."""
    with pool_of(1) as pool:
        os.kill(pool.processes[0].pid, signal.SIGSTOP)
        large = asked(pool, (LARGE,))
        large.thread.join(120)
        assert large.kind == "answer"
        assert large.value == MODEL.execute((LARGE,))


def test_a_process_that_stands_still_keeps_no_other_from_being_replaced():
    """Who gives it what a dead one left does not wait for it to read that."""
    with pool_of(2, job_seconds=600) as pool:
        all_up(pool, 2)
        dying, still = pool._courses
        os.kill(still.process.pid, signal.SIGSTOP)
        large = asked(pool, lasting(2_000, LARGE))
        wait_until(lambda: dying.batches)
        dying.process.kill()
        wait_until(lambda: still.batches)
        small = asked(pool, lasting(0, b"small"))
        small.thread.join(120)
        assert small.kind == "answer" and large.kind == "nothing"
        os.kill(still.process.pid, signal.SIGCONT)
        large.thread.join(120)
        assert large.kind == "answer"


def test_a_request_that_cannot_be_sent_shifts_no_answers():
    """What a process answers is told apart by its order alone."""
    with pool_of(1, job_seconds=60) as pool:
        bad = asked(pool, (Unsendable(),))
        bad.thread.join(120)
        good = [asked(pool, lasting(10, bytes([n]))) for n in range(5)]
        for number, each in enumerate(good):
            each.thread.join(120)
            assert each.value == MODEL.execute(lasting(10, bytes([number])))
        assert bad.kind == "WorkerFailed"


def test_pool_is_closed_while_its_processes_start():
    """Also while one that starts stands still."""
    with pool_of(2) as pool:
        all_up(pool, 2)
        dying = pool.processes[0]
        dying.kill()
        wait_until(lambda: pool.processes[0] is not dying)
        os.kill(pool.processes[0].pid, signal.SIGSTOP)
        closing = threading.Thread(target=pool.close, daemon=True)
        closing.start()
        closing.join(workers.START_SECONDS / 2)
        assert not closing.is_alive()


def test_a_process_that_cannot_be_started_now_is_started_later():
    """Who opens very many connections takes all descriptors of a process away."""
    with pool_of(1) as pool:
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        try:
            pool.processes[0].kill()
            time.sleep(1.5)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        later = asked(pool, lasting(0, b"x"))
        later.thread.join(120)
        assert later.kind == "answer"


def test_processes_that_cannot_be_started_for_long_are_started_then(monkeypatch):
    """An hour without memory is a thousand tries."""

    def fails(*_):
        tries.append(None)
        raise OSError("no memory")

    tries: list[None] = []
    with pool_of(1) as pool, monkeypatch.context() as short:
        short.setattr(workers, "MAX_PAUSE_SECONDS", 0.0)
        short.setattr(workers, "say", lambda *_, **__: None)
        short.setattr(pool, "_start", fails)
        pool.processes[0].kill()
        wait_until(lambda: len(tries) >= 1_100)
        short.undo()
        later = asked(pool, lasting(0, b"x"))
        later.thread.join(120)
        assert later.kind == "answer"


def test_storm():
    """Everything at once, again and again, closed at any moment."""
    seed = random.randrange(2**32)
    seen: Counter[str] = Counter()
    for number in range(ROUNDS):
        _storm(random.Random(seed + number), seen, f"seed {seed + number}")
    assert seen["answer"] >= 20 * ROUNDS and seen["deaths"] >= ROUNDS, seen


def _storm(dice, seen, name):
    sizes = {"max_batch": dice.choice([1, 4, 16]), "max_waiting": CALLERS}
    pool = WorkerPool({1: MODEL}, PROCESSES, **sizes, job_seconds=1.0, absent_seconds=5.0)
    lock, wrong, stop = threading.Lock(), [], threading.Event()

    def asks(own):
        while not stop.is_set():
            rest = own.randbytes(8) + (LARGE if own.random() < 0.02 else b"")
            inputs = lasting(own.choice([0, 0, 0, 1, 5, 30, 200]), rest)
            if own.random() < 0.005:
                inputs = (*inputs, Unsendable())
            kind = "answer"
            try:
                found = pool.run(MODEL, inputs)
                if found != MODEL.execute((bytes(2) + inputs[0][2:],)) and found != MODEL.execute((inputs[0],)):
                    wrong.append((inputs[0][:10], found))
            except (Busy, WorkerFailed) as problem:
                kind = type(problem).__name__
                time.sleep(0.01)
            except Exception as problem:
                kind = type(problem).__name__
                wrong.append(repr(problem))
            with lock:
                seen[kind] += 1

    callers = [threading.Thread(target=asks, args=(random.Random(dice.random()),), daemon=True) for _ in range(CALLERS)]
    for each in callers:
        each.start()
    pool.wait_ready()
    before = Counter(seen)
    begun, lasts = time.monotonic(), dice.uniform(4, 6)

    def is_quiet():
        return not pool.deaths or seen["answer"] < before["answer"] + 20

    while (over := time.monotonic() - begun) < lasts or (is_quiet() and over < PATIENCE_SECONDS):
        time.sleep(dice.uniform(0, 2.5))
        process = dice.choice(pool.processes)
        if process is not None and process.is_alive():  # or its number may be another's by now
            with suppress(ProcessLookupError):
                os.kill(process.pid, dice.choice([signal.SIGKILL, signal.SIGSTOP]))
    closing = threading.Thread(target=pool.close, daemon=True)
    closing.start()
    stop.set()
    until = time.monotonic() + PATIENCE_SECONDS
    for each in [*callers, closing]:
        each.join(max(0.0, until - time.monotonic()))
    hanging = sum(each.is_alive() for each in [*callers, closing])
    for process in filter(None, pool.processes):
        process.kill()
    seen["deaths"] += pool.deaths
    assert not wrong, name
    assert not hanging, name
    with pytest.raises(Busy):
        pool.run(MODEL, lasting(0, b""))
    assert pool.waiting == 0, name
