"""Gets the data behind batches from whoever committed them, so that nobody has to wait for another one's endpoint."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait

from opg import web
from opg.errors import ChainUnreachable, OperatorUnreachable
from opg.watchtower.notes import Batch

PLACES = 8  # batches that are under way at once
FETCH_SECONDS = 60  # for one, all of it
PATIENCE_SECONDS = 1.0  # nothing came for so long: there is other work
ROUND_SECONDS = 10.0
RETRY_SECONDS = 15  # after a failure; doubles with each
LONGEST_SECONDS = 600
MAX_BATCH_BYTES = 256 * 1024 * 1024


class Fetcher:
    """Fetches batches of several operators at once, of each one at a time. One that fails is left alone for a while, which doubles, and
    comes behind those that did not. `private`: endpoints may be in this network. `later` is when, by operator, in monotonic seconds. `pressing`: more came than there was time for.
    For one thread.
    """

    def __init__(self, url_of: Callable[[Batch], str], private: bool) -> None:
        self.url_of, self.private = url_of, private
        self.later: dict[str, float] = {}
        self.pressing = False
        self._failures: Counter[str] = Counter()
        self._tried: dict[int, float] = {}  # by batch: when it failed
        self._running: dict[Future[web.Reply], Batch] = {}

    def came(self, batches: Sequence[Batch]) -> Iterator[tuple[Batch, Future[web.Reply]]]:
        """Those of these that are there now or come soon. The rest stays under way: ask again."""
        until = time.monotonic() + ROUND_SECONDS
        known = {batch.id: batch for batch in batches}
        waiting = dict(known)
        for batch in self._running.values():
            waiting.pop(batch.id, None)
        self.pressing = False
        while (left := until - time.monotonic()) > 0:
            self._start(waiting)
            done, _ = wait(self._running, min(PATIENCE_SECONDS, left), FIRST_COMPLETED)
            if not done:
                return
            for future in sorted(done, key=lambda each: self._running[each].id):
                batch = self._running.pop(future)
                if known.get(batch.id) == batch:  # else a re-organisation took it away
                    yield batch, future
        self.pressing = True

    def failed(self, batch: Batch) -> None:
        """What came for this batch was of no use."""
        self._failures[batch.operator] += 1
        self._tried[batch.id] = time.monotonic()
        self.rest(batch, min(RETRY_SECONDS * 2 ** min(self._failures[batch.operator] - 1, 16), LONGEST_SECONDS))

    def rest(self, batch: Batch, seconds: float = RETRY_SECONDS) -> None:
        """Asks its operator for nothing for a while."""
        self.later[batch.operator] = time.monotonic() + seconds

    def worked(self, batch: Batch) -> None:
        """What came for this batch is what was committed."""
        self._failures.pop(batch.operator, None)
        self.forget(batch)

    def forget(self, batch: Batch) -> None:
        """It is not asked for again."""
        self._tried.pop(batch.id, None)

    def _start(self, waiting: dict[int, Batch]) -> None:
        now = time.monotonic()
        busy = {batch.operator for batch in self._running.values()}
        order = sorted(
            waiting.values(), key=lambda each: (self._failures[each.operator], self._tried.get(each.id, 0), each.id)
        )
        for batch in order:
            if len(self._running) >= PLACES:
                return
            if batch.operator in busy or now < self.later.get(batch.operator, 0):
                continue
            busy.add(batch.operator)
            del waiting[batch.id]
            self._running[self._begin(batch)] = batch

    def _begin(self, batch: Batch) -> Future[web.Reply]:
        try:
            return web.begin(self.url_of(batch), FETCH_SECONDS, MAX_BATCH_BYTES, private=self.private)
        except ChainUnreachable:
            raise
        except Exception as problem:  # an endpoint that is no text, and the like
            failed: Future[web.Reply] = Future()
            failed.set_exception(OperatorUnreachable(f"{batch.operator} names no endpoint ({type(problem).__name__})"))
            return failed
