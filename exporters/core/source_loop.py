"""One thread per source: connect, read what is due, back off when it is down. Never in another source's way."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Generic, TypeVar

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.contract import Source
from exporters.core.errors import SOURCE_DOWN_REASONS, STREAM_ERROR_REASONS, SourceDown, StateError, StreamError
from exporters.core.probe_worker import ProbeWorker
from exporters.core.runtime import Runtime
from exporters.core.stream_worker import StreamWorker, where_it_failed
from exporters.core.web_telemetry import SourceRow

C = TypeVar("C")
log = logging.getLogger(__name__)

HISTORY_ROOM = 0.5
"""How full the outbox may be for history to be read: what happens now must find room in it."""

LONGEST_BACK_OFF = 15.0
"""Seconds: a source that comes back is noticed within one usual scrape interval."""

NEWS_SETTLES = 0.05
"""Seconds from a bell to the read it asks for: who rings may be quicker than who writes."""

SHORTEST_PAUSE = 0.5
"""Seconds between two reads that bells ask for: a hundred rings in a burst are two reads, not a hundred."""

_NEVER = float("inf")


@dataclass(slots=True)
class _Item(Generic[C]):
    worker: StreamWorker[C] | ProbeWorker[C]
    due: float
    more: bool = False
    failing: str = ""
    rung: float = _NEVER
    begun: float = -_NEVER

    downs: int = 0
    """Times in a row that the connection ended while it was read."""
    down_at: int = 0
    """How many reads of the whole source had succeeded when it did so last."""

    def when(self) -> float:
        """When it is to be read: at its pace, or sooner because a bell rang, but never in a rush."""
        return min(self.due, max(self.rung, self.begun + SHORTEST_PAUSE))

    @property
    def half_read(self) -> bool:
        """Whether nothing of it shows yet. What a stream has read shows, though it may have more."""
        return self.more and isinstance(self.worker, ProbeWorker)

    @property
    def history(self) -> bool:
        """Whether it has older to read."""
        return isinstance(self.worker, StreamWorker) and self.worker.history


class SourceLoop(threading.Thread, Generic[C]):
    """Owns one source's connection and its workers."""

    def __init__(self, source: Source[C], runtime: Runtime, *, rebase: frozenset[str] = frozenset()) -> None:
        super().__init__(name=f"{source.system}/{source.deployment}/{source.name}", daemon=True)
        self.source = source
        self._runtime = runtime
        self._halt = threading.Event()
        self._wake = threading.Event()
        self._bells = threading.Lock()
        self._connection: C | None = None
        self._failures = 0
        self._reads = 0
        self._labels = (source.deployment, source.system, source.name)
        admission = Admission()
        self._items: list[_Item[C]] = []
        for stream in source.streams:
            worker = StreamWorker(source, stream, runtime, admission)
            worker.load(rebase=worker.feed.name in rebase)
            item: _Item[C] = _Item(worker, 0.0)
            self._items.append(item)
            if stream.name in source.bells:
                source.bells[stream.name].answered_by(partial(self._rung, item))
        for probe in source.probes:
            prober = ProbeWorker(source, probe, runtime, admission)
            prober.load()
            self._items.append(_Item(prober, 0.0))
        self._unread: list[_Item[C]] = []
        self._row = SourceRow(source.system, source.deployment, source.name, None, None, "")
        runtime.health.set(health.SOURCE_UP, 0.0, *self._labels)
        runtime.health.set(health.SOURCE_OPTIONAL, float(source.optional), *self._labels)
        for reason in SOURCE_DOWN_REASONS:
            runtime.health.start(health.SOURCE_ERRORS, *self._labels, reason)
        for item in self._items:
            self._show(item, read=False)
            for reason in STREAM_ERROR_REASONS:
                runtime.health.start(health.STREAM_ERRORS, *self._labels, item.worker.name, reason)

    @property
    def row(self) -> SourceRow:
        """How the source is, for people."""
        return self._row

    def stop(self) -> None:
        """Ask the thread to end; it finishes the read it is in."""
        self._halt.set()
        self._wake.set()

    def wake(self) -> None:
        """Read every stream now (something faster than the interval has seen news)."""
        for item in self._items:
            item.due = 0.0
        self._wake.set()

    def _rung(self, item: _Item[C]) -> None:
        """Read this one soon. From any thread; only the first ring before a read wakes the loop."""
        with self._bells:
            first = item.rung == _NEVER
            if first:
                item.rung = time.monotonic() + NEWS_SETTLES
        if first:
            self._wake.set()

    def run(self) -> None:
        """The thread: until `stop`."""
        while not self._halt.is_set():
            try:
                pause = self._turn()
            except Exception as error:  # the loop must outlive any defect; it is counted and told
                log.error("%s: %s", self.name, where_it_failed(error))
                self._failed(SourceDown("protocol", "defect, see the line above"))
                pause = self._back_off()
            if pause > 0:
                self._wake.wait(pause)
                self._wake.clear()
        self._disconnect()

    def _turn(self) -> float:
        """One connect attempt, or one read. Returns seconds to wait before the next."""
        try:
            if self._connection is None:
                self._connection = self.source.connect()
                now = time.monotonic()
                self._unread = [item for item in self._items if item.due <= now]
            item = self._next(time.monotonic())
            if item is None and (item := self._old()) is not None:
                self._attempt(item, self._connection, old=True)
            elif item is None:
                self._succeeded()
                return max(0.0, min(item.when() for item in self._items) - time.monotonic()) if self._items else 1.0
            else:
                self._read(item, self._connection)
        except SourceDown as error:
            self._failed(error)
            return self._back_off()
        # The source is up once everything has been looked at: a scrape that shows it up without its gauges would end
        # the alerts that blindness has held.
        self._unread = [other for other in self._unread if other is not item or other.half_read]
        if not self._unread:
            self._succeeded()
        return 0.0

    def _next(self, now: float) -> _Item[C] | None:
        """What is due comes before what merely has more."""
        due = [item for item in self._items if item.when() <= now]
        if due:
            return min(due, key=_Item.when)
        return next((item for item in self._items if item.more), None)

    def _old(self) -> _Item[C] | None:
        """Who has history to read, when there is nothing else to do and room for it."""
        waiting = next((item for item in self._items if item.history), None)
        if waiting is None or self._runtime.checkpoint.outbox_fill() >= HISTORY_ROOM:
            return None
        return waiting

    def _read(self, item: _Item[C], connection: C) -> None:
        # Set first: a worker that fails is not asked again before its time. What merely goes on keeps its pace.
        now = time.monotonic()
        with self._bells:
            # A ring whose news has not settled asks for a read of its own.
            if item.rung <= now:
                item.rung = _NEVER
        if item.due <= now:
            item.due = now + item.worker.interval
        item.begun = now
        item.more = False
        self._attempt(item, connection, old=False)

    def _attempt(self, item: _Item[C], connection: C, *, old: bool) -> None:
        try:
            if old and isinstance(item.worker, StreamWorker):
                # Not again before the next read of what is new has worked, should this fail.
                item.worker.history = False
                item.worker.run_history(connection)
            else:
                item.more = item.worker.run(connection)
        except StreamError as error:
            self._count_error(item, error.reason, str(error))
            return
        except SourceDown as error:
            if not self._its_own_trouble(item):
                raise
            self._disconnect()
            self._count_error(item, "timeout" if error.reason == "timeout" else "disconnected", str(error))
            return
        except StateError as error:
            self._count_error(item, "state", str(error))
            return
        except Exception as error:
            self._count_error(item, "defect", where_it_failed(error))
            return
        self._reads += 1
        self._show(item, read=True)
        item.downs = 0
        if item.failing:
            log.info("%s/%s: read again", self.name, item.worker.name)
            item.failing = ""

    def _its_own_trouble(self, item: _Item[C]) -> bool:
        """Whether it is this item that ends the connection (too large an answer, say): others were read since it did.

        Either way those that wait longer come first, so that it cannot keep them from being read.
        """
        own = item.downs > 0 and self._reads > item.down_at
        item.downs += 1
        item.down_at = self._reads
        item.due = time.monotonic() + (max(item.worker.interval, _doubled(item.downs)) if own else 0.0)
        return own

    def _count_error(self, item: _Item[C], reason: str, text: str) -> None:
        if item.failing != text:
            log.warning("%s/%s cannot be read: %s", self.name, item.worker.name, text)
            item.failing = text
        self._show(item, read=False)
        self._runtime.health.add(health.STREAM_ERRORS, *self._labels, item.worker.name, reason)
        self._store_counts()

    def _show(self, item: _Item[C], *, read: bool) -> None:
        self._runtime.health.set(health.STREAM_UP, float(read), *self._labels, item.worker.name)

    def _store_counts(self) -> None:
        try:
            self._runtime.health.flush()
        except StateError as error:
            # They ride along in the next transaction. Whoever could not store what was read tells it as its own error.
            log.debug("%s: %s", self.name, error)

    def _succeeded(self) -> None:
        now = self._runtime.now().timestamp()
        if self._row.up is not True:
            log.info("%s: reached", self.name)
        self._failures = 0
        self._runtime.health.set(health.SOURCE_UP, 1.0, *self._labels)
        self._runtime.health.set(health.SOURCE_LAST_SUCCESS, now, *self._labels)
        note = "; ".join(f"{item.worker.name}: {item.failing}" for item in self._items if item.failing)
        self._row = replace(self._row, up=True, last_success=datetime.fromtimestamp(now, UTC), note=note)

    def _failed(self, error: SourceDown) -> None:
        if self._row.up is not False:
            log.warning("%s cannot be reached: %s", self.name, error)
        self._failures += 1
        self._disconnect()
        self._row = replace(self._row, up=False, note=str(error))
        self._runtime.health.set(health.SOURCE_UP, 0.0, *self._labels)
        for item in self._items:
            self._show(item, read=False)
        self._runtime.health.add(health.SOURCE_ERRORS, *self._labels, error.reason)
        self._store_counts()

    def _back_off(self) -> float:
        return _doubled(self._failures) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                self.source.close(connection)
            except Exception as error:
                log.error("%s: closing: %s", self.name, where_it_failed(error))


def _doubled(failures: int) -> float:
    return min(LONGEST_BACK_OFF, 0.5 * 2.0 ** min(failures, 6))
