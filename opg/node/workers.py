"""Executors in processes of their own, fed in batches. One that dies is replaced, and what it worked on is tried again.

A batch is whatever waits for one version when a worker has room: alone, a request waits for nobody; under load, a message to a worker
carries many. While a worker executes one batch the next one already lies with it, so that it never waits for us.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Protocol

from opg.log import say
from opg.node.errors import Busy, WorkerFailed
from opg.versions import LoadedVersion
from opg.worker import Inherited, share, work

Tensors = tuple[bytes, ...]
MAX_RUNNING = 64  # requests that the HTTP door works on at once
AT_ONCE = 8  # on-chain requests that are executed at once
MAX_WAITING = MAX_RUNNING + AT_ONCE  # so there is room for on-chain ones, however many are at the door
TRIES = 2
AHEAD = 2  # batches that lie with a worker: the one that it executes, and the next
START_SECONDS = 120.0
MAX_PAUSE_SECONDS = 5.0
ABSENT_SECONDS = 30.0  # without any process: who waits is told so, rather than to wait on
LOOK_SECONDS = 1.0
SMALL = 65_536  # bytes: so much of each of `AHEAD` batches fits into a pipe that nobody reads


class Pool(Protocol):
    """What executes."""

    alive: int
    waiting: int

    def run(self, version: LoadedVersion, inputs: Tensors, urgent: bool = False) -> Tensors:
        """The outputs; of what is urgent before what waits already and is not. Raises `Busy` or `WorkerFailed`."""

    def close(self) -> None:
        """Ends everything."""


class Inline:
    """Executes in the caller's thread, as many at once as there are processors."""

    alive = 1

    def __init__(self) -> None:
        self._free = threading.Semaphore(os.cpu_count() or 1)
        self.waiting = 0

    def run(self, version: LoadedVersion, inputs: Tensors, urgent: bool = False) -> Tensors:
        with self._free:
            return version.execute(inputs)

    def close(self) -> None:
        pass


class _Job:
    def __init__(self, version: int, inputs: Tensors, urgent: bool) -> None:
        self.version, self.inputs, self.urgent = version, inputs, urgent
        self.result: Future[Tensors] = Future()
        self.tries = 0


class _Course:
    """What lies with one process: batches in the order in which it answers them. Whoever brings one sends it; nobody waits for another who
    sends.
    """

    def __init__(self, process: Any, pipe: Connection) -> None:
        self.process, self.pipe = process, pipe
        self.batches: deque[list[_Job]] = deque()
        self.since = 0.0  # when it began with the oldest of them
        self._unsent: deque[list[_Job]] = deque()
        self._sending = threading.Lock()

    def add(self, batch: list[_Job]) -> None:
        """Under the pool's lock; then `flush`, without."""
        if not self.batches:
            self.since = time.monotonic()
        self.batches.append(batch)
        self._unsent.append(batch)

    def flush(self, patient: bool = False) -> None:
        """Sends what is there. What a process that does not read could make us wait for is sent by a thread of its own, which is `patient`.
        What cannot be sent stays among the batches: it is tried again when the process is dead.
        """
        while self._unsent and self._sending.acquire(blocking=False):  # else who sends now looks again afterwards
            large, whole = False, False
            try:
                while self._unsent and not large:
                    large = not (patient or _is_small(self._unsent[0]))
                    if not large:
                        batch = self._unsent.popleft()
                        self.pipe.send((batch[0].version, [job.inputs for job in batch]))
                whole = True
            except Exception as problem:
                if not isinstance(problem, OSError):
                    say("a worker could not be sent something", why=type(problem).__name__)
            finally:
                if not whole:
                    self._give_up()
                self._sending.release()
            if large:
                threading.Thread(target=self.flush, args=(True,), name="sender", daemon=True).start()
                return

    def _give_up(self) -> None:
        """A batch is missing: answers, which only their order tells apart, would be taken for those of others."""
        self.process.kill()
        self._unsent = deque(maxlen=0)  # nothing more is sent


def _is_small(batch: list[_Job]) -> bool:
    return sum(len(each) for job in batch for each in job.inputs) <= SMALL


class WorkerPool:
    """`count` processes, each with all versions.

    `max_batch` requests go to a worker at once, `max_waiting` may wait for one; a batch that takes longer than `job_seconds` is given up,
    and whatever waits when there was no process for `absent_seconds`.
    `seen(size, seconds)` is told about every batch.
    """

    def __init__(
        self,
        versions: dict[int, LoadedVersion],
        count: int,
        max_batch: int = 16,
        max_waiting: int = MAX_WAITING,
        job_seconds: float = 300.0,
        seen: Callable[[int, float], None] = lambda *_: None,
        absent_seconds: float = ABSENT_SECONDS,
    ) -> None:
        self._shared = share(versions)
        self.max_batch = max_batch
        self.max_waiting = max_waiting
        self.job_seconds = job_seconds
        self.seen = seen
        self.absent_seconds = absent_seconds
        self.alive = 0
        self._absent_since = time.monotonic()  # means something while nothing is alive
        self.deaths = 0
        self.processes: list[Any] = [None] * count
        self._jobs: deque[_Job] = deque()
        self._courses: list[_Course] = []
        self._changed = threading.Condition()
        self._closing = False
        self._threads = [
            threading.Thread(target=self._tend, args=(place,), name=f"worker-{place}", daemon=True)
            for place in range(count)
        ]
        for thread in self._threads:
            thread.start()
        atexit.register(self._kill)  # they do not hear SIGTERM, which is what multiprocessing would end them with

    @property
    def waiting(self) -> int:
        ahead = (len(batch) for course in self._courses.copy() for batch in list(course.batches)[1:])
        return len(self._jobs) + sum(ahead)

    def run(self, version: LoadedVersion, inputs: Tensors, urgent: bool = False) -> Tensors:
        job = _Job(version.id, inputs, urgent)
        with self._changed:
            if self._closing or self.waiting >= self.max_waiting:
                raise Busy("the node has too much to do", "try again in a moment")
            before = sum(each.urgent for each in self._jobs) if urgent else len(self._jobs)
            self._jobs.insert(before, job)
        self._hand_out()
        while True:
            with suppress(TimeoutError):
                return job.result.result(LOOK_SECONDS)
            self._look_after(job)

    def _look_after(self, job: _Job) -> None:
        """Whoever waits sees to it that nothing hangs for ever: a process, or all for want of one."""
        with self._changed:
            for course in self._courses:
                if course.batches and time.monotonic() - course.since > self.job_seconds:
                    course.process.kill()
            if self.alive or time.monotonic() - self._absent_since < self.absent_seconds or job not in self._jobs:
                return
            self._jobs.remove(job)
            self._end_idle()
        raise WorkerFailed("no worker process is up", "try again; if it stays, tell the operator")

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Waits for the first worker. Raises `WorkerFailed`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.alive or self._closing, seconds):
                raise WorkerFailed("no worker process came up", "look at the log; give the node more memory")

    def close(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            self._end_idle()
        for thread in self._threads:
            thread.join()
        with self._changed:
            for job in self._jobs:
                job.result.set_exception(Busy("the node is about to stop", "try again in a moment"))
            self._jobs.clear()
        atexit.unregister(self._kill)
        self._shared.close()

    def _kill(self) -> None:
        self._closing = True
        for process in self.processes:
            if process is not None:
                process.kill()

    # ------------------------------------------------------------------ one thread for each process

    def _tend(self, place: int) -> None:
        failures = 0
        while not self._closing:
            begin = time.monotonic()
            try:
                process, pipe = self._start(place)
            except Exception as problem:  # there are no descriptors, or no memory, at this moment
                say("worker could not be started", place=place, why=f"{type(problem).__name__}: {problem}")
                process, pipe = self.processes[place], None
            ready = pipe is not None
            if ready:
                self._count(+1)
                self._serve(process, pipe)
                self._count(-1)
            if process is not None:
                process.kill()
                process.join()
            if self._closing:
                return
            self.deaths += 1
            failures = 0 if ready and time.monotonic() - begin > MAX_PAUSE_SECONDS else failures + 1
            pause = min(MAX_PAUSE_SECONDS, 0.05 * 2 ** min(failures, 10))
            say("worker died", place=place, code=process and process.exitcode, restarting_in=f"{pause:.1f} s")
            with self._changed:
                self._changed.wait_for(lambda: self._closing, pause)

    def _start(self, place: int) -> tuple[Any, Connection | None]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        shared = Inherited(self._shared)
        threads = max(1, (os.cpu_count() or 1) // len(self.processes))
        process = context.Process(target=work, args=(theirs, shared, threads), name=f"opg-worker-{place}", daemon=True)
        process.start()
        self.processes[place] = process
        theirs.close()
        try:
            if ours.poll(START_SECONDS) and ours.recv() == "ready":
                return process, ours
        except (EOFError, OSError):
            pass
        return process, None

    def _serve(self, process: Any, pipe: Connection) -> None:
        """Hands out what one process answers until it dies, or the pool ends."""
        course = _Course(process, pipe)
        with self._changed:
            self._courses.append(course)
            self._end_idle()
        try:
            self._hand_out()
            while True:
                self._done(course, pipe.recv())
        except Exception as problem:  # it is dead; or what it says cannot be told apart any more
            process.kill()
            with self._changed:
                self._courses.remove(course)
                self._again(course.batches, problem)
            self._hand_out()

    def _done(self, course: _Course, results: list[tuple[bool, Any]]) -> None:
        """The oldest batch is answered. First the process gets more to do, then those who asked get their results."""
        with self._changed:
            batch, begin = course.batches.popleft(), course.since
            course.since = time.monotonic()
            self._end_idle()
        try:
            self._hand_out(course)
        finally:
            for job, (good, value) in zip(batch, results, strict=True):
                if good:
                    job.result.set_result(value)
                else:
                    why = f"the model could not be executed: {value}"
                    job.result.set_exception(WorkerFailed(why, "tell the operator"))
        self.seen(len(batch), time.monotonic() - begin)

    def _hand_out(self, only: _Course | None = None) -> None:
        """Gives what waits to processes that have room, in the thread of whoever brought it or made room: every other thread in between
        would have to be woken up, and each of them waits for a processor. `only`: to this one, so that no process waits for another that
        does not read.
        """
        while True:
            with self._changed:
                courses = [only] if only else sorted(self._courses, key=lambda each: len(each.batches))
                course = next(filter(self._has_room, courses), None) if self._jobs else None
                if course is None:
                    return
                course.add(self._next_batch())
            course.flush()

    def _end_idle(self) -> None:
        """When the pool ends: processes that have nothing to do end, too; also those that only start."""
        if self._closing and not self._jobs:
            busy = [course.process for course in self._courses if course.batches]
            for process in self.processes:
                if process is not None and process not in busy:
                    process.kill()

    def _has_room(self, course: _Course) -> bool:
        """A process gets work ahead only when all are at work, and there is enough for each: what lies with one waits for that one."""
        if not course.batches:
            return True
        enough = len(self._jobs) >= len(self._threads) and all(each.batches for each in self._courses)
        return enough and len(course.batches) < AHEAD

    def _next_batch(self) -> list[_Job]:
        """The oldest request and others for the same version. One that killed a worker goes alone."""
        first = self._jobs.popleft()
        if first.tries:
            return [first]
        batch, others = [first], deque[_Job]()
        # an equal share for each worker, so that none idles while another works through all
        share = max(1, min(self.max_batch, -(-(len(self._jobs) + 1) // len(self._threads))))
        while self._jobs and len(batch) < share:
            job = self._jobs.popleft()
            (batch if job.version == first.version and not job.tries else others).append(job)
        self._jobs.extendleft(reversed(others))
        return batch

    def _again(self, batches: deque[list[_Job]], problem: Exception) -> None:
        """Puts back what a process did not answer, in the old order. Only its first batch can have been the reason."""
        for batch in reversed(batches):
            for job in reversed(batch):
                job.tries += batch is batches[0]  # from now on it goes alone: a companion may have been the reason
                if job.tries >= TRIES:
                    reason = f"the executing process died ({type(problem).__name__})"
                    job.result.set_exception(WorkerFailed(reason, "try again; if it stays, tell the operator"))
                else:
                    self._jobs.appendleft(job)

    def _count(self, change: int) -> None:
        with self._changed:
            self.alive += change
            self._absent_since = time.monotonic()
            self._changed.notify_all()
