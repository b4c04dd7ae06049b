"""Worker processes: batches, crashes, and no more waiting than there is room for."""

from __future__ import annotations

import os
import signal
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Lock

import pytest
import requests

from opg import actions
from opg.chain.deploying import OPG
from opg.node import duties, workers
from opg.node.errors import Busy, WorkerFailed
from opg.node.workers import AHEAD, MAX_RUNNING, Inline, WorkerPool
from opg.tensor import execute, trace
from opg.versions import LoadedVersion, load_version
from opg.worker import receive, share
from scripts.stage import DIGITS
from tests.unit.node.test_on_chain import state
from tests.waiting import wait_until


class Fragile:
    """Honest, but some words kill the process, some hang it, and some raise."""

    KILL, HANG, RAISE = 0x40A00000, 0x40C00000, 0x40E00000  # 5, 6 and 7 in the first word

    def execute(self, program, inputs):
        first = int(inputs[0][0])
        if first == self.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        if first == self.HANG:
            time.sleep(60)
        if first == self.RAISE:
            raise ValueError("no")
        return execute(program, inputs)

    def trace(self, program, inputs):
        return trace(program, inputs)


@pytest.fixture(scope="module")
def fragile(session_stage) -> LoadedVersion:
    return load_version(session_stage.chain, session_stage.version_id, DIGITS, Fragile())


@pytest.fixture(scope="module")
def pool(fragile):
    """Two processes; the sizes of their batches in `pool.sizes`."""
    sizes, lock = [], Lock()

    def seen(size, _):
        with lock:
            sizes.append(size)

    made = WorkerPool({fragile.id: fragile}, 2, max_batch=8, max_waiting=40, seen=seen)
    made.sizes = sizes
    made.wait_ready()
    yield made
    made.close()
    assert all(not process.is_alive() for process in made.processes)


def test_versions_that_workers_map_are_the_nodes(fragile, picture):
    with share({7: fragile}) as file:
        received = receive(file.fileno())[7]
    assert received.published == fragile.published
    assert received.program.root == fragile.program.root
    assert received.execute(picture(1)) == fragile.execute(picture(1))
    assert not any(constant.flags.writeable for constant in received.program.constants)


@pytest.fixture
def impatient(pool):
    """Gives up after a second what takes longer."""
    wait_until(lambda: pool.alive == 2)
    before, pool.job_seconds = pool.job_seconds, 1
    yield pool
    pool.job_seconds = before


@contextmanager
def standing_still(*processes):
    """They do not even read what they are sent."""
    for each in processes:
        os.kill(each.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in processes:
            with suppress(ProcessLookupError):
                os.kill(each.pid, signal.SIGCONT)


def starting_with(word: int, tensors: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return (word.to_bytes(4, "big") + tensors[0][4:],)


def test_outputs_are_those_of_the_executor(pool, fragile, picture):
    assert pool.run(fragile, picture(3)) == fragile.execute(picture(3))


def test_requests_that_wait_together_go_together(pool, fragile, picture):
    def unanswered():
        with pool._changed:
            return len(pool._jobs) + sum(len(batch) for course in pool._courses for batch in course.batches)

    del pool.sizes[:]
    wait_until(lambda: pool.alive == 2)
    with ThreadPoolExecutor(30) as threads:
        with standing_still(*pool.processes):
            running = [threads.submit(pool.run, fragile, picture(n)) for n in range(30)]
            wait_until(lambda: unanswered() == 30)
        results = [each.result() for each in running]
    assert results == [fragile.execute(picture(n)) for n in range(30)]
    assert sum(pool.sizes) == 30
    assert 1 < max(pool.sizes) <= 8


def test_process_that_dies_is_replaced_and_its_work_done_again(pool, fragile, picture):
    deaths = pool.deaths
    with ThreadPoolExecutor(20) as threads:
        running = [threads.submit(pool.run, fragile, picture(n)) for n in range(10)]
        for process in pool.processes:
            process.kill()
        running += [threads.submit(pool.run, fragile, picture(n)) for n in range(10, 20)]
        assert [each.result() for each in running] == [fragile.execute(picture(n)) for n in range(20)]
    assert pool.deaths >= deaths + 2


def test_request_that_kills_takes_no_other_with_it(pool, fragile, picture):
    with ThreadPoolExecutor(20) as threads:
        bad = threads.submit(pool.run, fragile, starting_with(Fragile.KILL, picture()))
        good = [threads.submit(pool.run, fragile, picture(n)) for n in range(12)]
        assert [each.result() for each in good] == [fragile.execute(picture(n)) for n in range(12)]
        with pytest.raises(WorkerFailed, match="died"):
            bad.result()


def test_request_that_never_ends_is_given_up(impatient, pool, fragile, picture):
    with pytest.raises(WorkerFailed, match="died"):
        pool.run(fragile, starting_with(Fragile.HANG, picture()))
    assert pool.run(fragile, picture()) == fragile.execute(picture())


def test_process_that_stands_still_delays_no_other(pool, fragile, picture):
    """It does not even read what it is sent; in the end it is replaced, and what lay with it done again."""
    wait_until(lambda: pool.alive == 2)  # the test before ended one
    still, patience = pool.processes[0], pool.job_seconds
    with standing_still(still), ThreadPoolExecutor(30) as threads:
        running = [threads.submit(pool.run, fragile, picture(n)) for n in range(30)]
        wait_until(lambda: sum(each.done() for each in running) >= 10)  # the other one goes on
        assert not all(each.done() for each in running)
        pool.job_seconds = 1
        assert [each.result(120) for each in running] == [fragile.execute(picture(n)) for n in range(30)]
        wait_until(lambda: still.exitcode is not None)  # the pool waits for its end, too, and may be told first
    pool.job_seconds = patience
    assert still.exitcode == -signal.SIGKILL


def test_next_request_lies_with_a_process_that_is_at_work(impatient, pool, fragile, picture):
    def ahead():
        with pool._changed:
            return [job for course in pool._courses for batch in list(course.batches)[1:] for job in batch]

    with ThreadPoolExecutor(8) as threads:
        pool.job_seconds = 60
        hanging = [threads.submit(pool.run, fragile, starting_with(Fragile.HANG, picture())) for _ in range(2)]
        good = [threads.submit(pool.run, fragile, picture(n)) for n in range(4)]
        wait_until(ahead)
        pool.job_seconds = 1
        assert [each.result() for each in good] == [fragile.execute(picture(n)) for n in range(4)]
        assert all(isinstance(each.exception(), WorkerFailed) for each in hanging)


def test_what_only_lay_with_a_process_is_not_blamed_for_its_death(fragile, picture):
    made = WorkerPool({fragile.id: fragile}, 1, max_batch=1, max_waiting=40, job_seconds=30)
    try:
        with ThreadPoolExecutor(8) as threads:
            bad = threads.submit(made.run, fragile, starting_with(Fragile.KILL, picture()))
            good = [threads.submit(made.run, fragile, picture(n)) for n in range(6)]
            assert [each.result() for each in good] == [fragile.execute(picture(n)) for n in range(6)]
            assert isinstance(bad.exception(), WorkerFailed)
        assert made.deaths == 2, "the request that kills was tried twice, and took nothing else with it"
    finally:
        made.close()


def test_error_in_the_executor_is_one_requests_error(pool, fragile, picture):
    deaths = pool.deaths
    with pytest.raises(WorkerFailed, match="ValueError: no"):
        pool.run(fragile, starting_with(Fragile.RAISE, picture()))
    assert pool.deaths == deaths


class Noting:
    """Executes once a file is there; writes down in another one what it executes, in its order: the first bytes."""

    def __init__(self, folder: Path) -> None:
        self.gate, self.notes = folder / "gate", folder / "notes"

    def execute(self, program, inputs):
        if any(each.any() for each in inputs):  # those with which a process begins are zeros
            while not self.gate.exists():
                time.sleep(0.01)
            with self.notes.open("a") as notes:
                notes.write(f"{inputs[0][0]}\n")
        return execute(program, inputs)

    def trace(self, program, inputs):
        return trace(program, inputs)


@pytest.fixture
def gated(session_stage, tmp_path):
    """A pool of one process that executes one request after the other, and none before its gate is open."""
    noting = Noting(tmp_path)
    loaded = load_version(session_stage.chain, session_stage.version_id, DIGITS, noting)
    made = WorkerPool({loaded.id: loaded}, 1, max_batch=1)
    made.wait_ready()
    yield made, noting, loaded
    noting.gate.touch()
    made.close()


def test_a_flood_at_the_door_does_not_keep_on_chain_requests_from_their_turn(gated, stage, host, user, picture):
    """As much as the door lets in waits already; what is late on chain costs stake."""
    pool, noting, loaded = gated
    made = host()
    made.node.pool, made.node.versions = pool, {loaded.id: loaded}
    made.node.duties.executions.patience = 0.1
    body = {"version": loaded.id, "inputs": [{"words": b64encode(words).decode()} for words in picture()]}
    terms = [
        actions.request(user, loaded.id, made.address, starting_with(word, picture()), OPG, stage.chain.now() + 600)
        for word in (1, 2)
    ]
    with made.serving() as url, ThreadPoolExecutor(MAX_RUNNING + 1) as threads, ExitStack() as stack:
        stack.callback(noting.gate.touch)  # or a failure would wait for ever
        flood = [threads.submit(requests.post, f"{url}/opg/v1/infer", json=body) for _ in range(MAX_RUNNING + 1)]
        refused = next(as_completed(flood)).result()
        assert (refused.status_code, refused.json()["kind"]) == (503, "Busy")
        wait_until(lambda: pool.waiting == MAX_RUNNING - 1)
        made.node.tick()
        wait_until(lambda: pool.waiting == MAX_RUNNING + 1)
        noting.gate.touch()
        wait_until(lambda: made.node.tick() or all(state(stage, request_id) > 2 for request_id, _ in terms))
        assert sorted(each.result().status_code for each in flood) == [200] * MAX_RUNNING + [503]
    order = noting.notes.read_text().split()
    assert max(order.index("1"), order.index("2")) <= AHEAD + 1, order


def test_more_than_there_is_room_for_is_refused_at_once(impatient, pool, fragile, picture):
    with ThreadPoolExecutor(80) as threads:
        pool.job_seconds = 60
        hanging = [threads.submit(pool.run, fragile, starting_with(Fragile.HANG, picture())) for _ in range(2)]
        waiting = [threads.submit(pool.run, fragile, picture(n)) for n in range(60)]
        wait_until(lambda: sum(each.done() for each in waiting) >= 60 - 42)
        pool.job_seconds = 1
        problems = [each.exception(timeout=120) for each in waiting]
        assert sum(isinstance(problem, Busy) for problem in problems) >= 60 - 42
        assert all(problem is None or isinstance(problem, Busy) for problem in problems)
        assert all(isinstance(each.exception(), WorkerFailed) for each in hanging)


@pytest.fixture
def stillborn(fragile, monkeypatch):
    """A pool whose processes die before they are ready."""
    monkeypatch.setattr(workers, "work", abs)  # refuses its arguments
    made = WorkerPool({fragile.id: fragile}, 1, absent_seconds=1)
    yield made
    made.close()


def test_who_waits_for_processes_that_never_come_is_told(stillborn, fragile, picture):
    with pytest.raises(WorkerFailed, match="no worker process is up"):
        stillborn.run(fragile, picture())
    assert stillborn.waiting == 0


def test_node_without_processes_goes_on_with_its_duties(stage, host, user, stillborn, version, picture):
    """An on-chain request must not keep it from defending; and somebody is told."""
    made, asked = host(), []
    made.node.pool = stillborn
    request_id, _ = actions.request(user, version.id, made.address, picture(), OPG, stage.chain.now() + 60)
    stillborn.run = lambda *_: asked.append(None)
    made.node.tick()
    assert not asked
    assert made.node.duties.alarms == {"workers": "no worker process is up"}
    made.node.pool = Inline()
    made.node.tick()
    assert made.node.duties.alarms == {}
    assert state(stage, request_id) > 2


def test_many_requests_do_not_keep_a_node_from_its_disputes(stage, host, user, version, picture, monkeypatch):
    """Each round tries some, first those that were tried longest ago."""
    made = host()
    for number in range(3):
        actions.request(user, version.id, made.address, picture(number), OPG, stage.chain.now() + 60)
    tried = []

    def fails(request_id, *_):
        tried.append(request_id)
        time.sleep(0.02)
        raise WorkerFailed("it died")

    monkeypatch.setattr(duties, "ROUND_SECONDS", 0.01)
    monkeypatch.setattr(made.node.duties, "_fulfil", fails)
    wait_until(lambda: made.node.tick() or len(tried) >= 3)
    assert len(set(tried[:3])) == 3
