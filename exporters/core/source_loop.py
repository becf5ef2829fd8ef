"""One thread per source: connect, read what is due, back off when it is down. Never in another source's way."""

from __future__ import annotations

import logging
import random
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.contract import Source
from exporters.core.errors import SOURCE_DOWN_REASONS, STREAM_ERROR_REASONS, SourceDown, StreamError
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


@dataclass(slots=True)
class _Item(Generic[C]):
    worker: StreamWorker[C] | ProbeWorker[C]
    due: float
    more: bool = False
    failing: str = ""

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
        self._connection: C | None = None
        self._failures = 0
        self._labels = (source.deployment, source.system, source.name)
        admission = Admission()
        self._items: list[_Item[C]] = []
        for stream in source.streams:
            worker = StreamWorker(source, stream, runtime, admission)
            worker.load(rebase=worker.feed.name in rebase)
            self._items.append(_Item(worker, 0.0))
        for probe in source.probes:
            prober = ProbeWorker(source, probe, runtime, admission)
            prober.load()
            self._items.append(_Item(prober, 0.0))
        self._row = SourceRow(source.system, source.deployment, source.name, None, None, "")
        runtime.health.set(health.SOURCE_UP, 0.0, *self._labels)
        for reason in SOURCE_DOWN_REASONS:
            runtime.health.start(health.SOURCE_ERRORS, *self._labels, reason)
        for item in self._items:
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
            item = self._next(time.monotonic())
            if item is None and (item := self._old()) is not None:
                self._attempt(item, self._connection, old=True)
            elif item is None:
                self._succeeded()
                return max(0.0, min(item.due for item in self._items) - time.monotonic()) if self._items else 1.0
            else:
                self._read(item, self._connection)
        except SourceDown as error:
            self._failed(error)
            return self._back_off()
        self._succeeded()
        return 0.0

    def _next(self, now: float) -> _Item[C] | None:
        """What is due comes before what merely has more."""
        due = [item for item in self._items if item.due <= now]
        if due:
            return min(due, key=lambda item: item.due)
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
        if item.due <= now:
            item.due = now + item.worker.interval
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
        except SourceDown:
            item.due = 0.0
            raise
        except Exception as error:
            self._count_error(item, "defect", where_it_failed(error))
            return
        if item.failing:
            log.info("%s/%s: read again", self.name, item.worker.name)
            item.failing = ""

    def _count_error(self, item: _Item[C], reason: str, text: str) -> None:
        if item.failing != text:
            log.warning("%s/%s cannot be read: %s", self.name, item.worker.name, text)
            item.failing = text
        self._runtime.health.add(health.STREAM_ERRORS, *self._labels, item.worker.name, reason)
        self._runtime.health.flush()

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
        self._runtime.health.set(health.SOURCE_UP, 0.0, *self._labels)
        self._runtime.health.add(health.SOURCE_ERRORS, *self._labels, error.reason)
        self._runtime.health.flush()
        self._row = replace(self._row, up=False, note=str(error))

    def _back_off(self) -> float:
        longest = min(LONGEST_BACK_OFF, 0.5 * 2.0 ** min(self._failures, 6))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret

    def _disconnect(self) -> None:
        if self._connection is not None:
            self.source.close(self._connection)
            self._connection = None
