"""One stream through the house: read, parse, fold, commit, show. Nothing shows before it is on disk."""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Commit, StoredStream
from exporters.core.contract import UNCHANGED, Batch, Json, RememberingReader, SeenChange, Source, Stream, identity
from exporters.core.errors import REJECT_REASONS, Rejected
from exporters.core.line_protocol import FieldDropReason
from exporters.core.metric import Metric
from exporters.core.outbox import OutboxLine
from exporters.core.point_lines import LineBatch, PointLines
from exporters.core.runtime import Runtime
from exporters.core.seldom import Seldom
from exporters.core.series import Feed, Values
from exporters.core.tally import Tally

C = TypeVar("C")
log = logging.getLogger(__name__)

_CLOCKS_DIFFER = timedelta(seconds=60)
"""What the watched system's clock may be ahead of ours: such an event is of now. Farther ahead it tells no time."""


def where_it_failed(error: BaseException) -> str:
    """Type and place of an error, without its message: messages quote records, and records are private."""
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    place = f"{last.filename.rsplit('/', 1)[-1]}:{last.lineno}" if last else "unknown place"
    return f"{type(error).__name__} at {place}"


class StreamWorker(Generic[C]):
    """Keeps one stream's cursor, fold state and series together. Used by its source's thread alone."""

    def __init__(self, source: Source[C], stream: Stream[C, Any, Any], runtime: Runtime, admission: Admission) -> None:
        self.stream = stream
        self.name = stream.name
        self.interval = stream.interval
        self.feed = Feed(f"{source.system}/{source.deployment}/{source.name}/{stream.name}")
        self._deployment = source.deployment
        self._health = (source.deployment, source.system, source.name, stream.name)
        self._system = source.system
        self._runtime = runtime
        self._admission = admission
        self._lines = PointLines(
            source.deployment, stream.resolution_ns, runtime.buckets, self._unencodable, self._field_cut
        )
        self._own: Counter[tuple[Metric, Values]] = Counter()
        self._seldom = Seldom()
        self._stored = StoredStream()
        self._state: Any = None
        self._rebase = False
        reader = stream.reader
        self._remembering: RememberingReader[C] | None = reader if isinstance(reader, RememberingReader) else None
        self._seen = runtime.checkpoint.seen(self.feed.name)
        self.history = False
        """Whether there is older to read, by `run_history`."""

    def load(self, *, rebase: bool) -> None:
        """Take up where the state file left off; what was counted shows at once.

        rebase: the cursor was made with another hash key. The first read then only finds the place again: a gap.
        """
        self._rebase = rebase
        self._stored = self._runtime.checkpoint.stream(self.feed.name)
        self._state = self._remembered()
        for series in self._runtime.checkpoint.series(self.feed.name):
            metric = self._runtime.metrics.get(series.metric)
            if metric is not None and len(series.values) == len(metric.labels):
                self._runtime.store.put(self.feed, metric, series.values, series.value, series.buckets)
                self._admission.remember(metric, series.values)
        tally = self._tally()
        tally.start(self.stream.feeds, self._accounts())
        tally.apply()
        self.feed.caught_up = self._stored.caught_up
        self._show_times(self._stored)
        self._show_lasting()

    def _remembered(self) -> Any:
        if self._stored.state is None or self._stored.state_version != self.stream.state_version:
            return self.stream.initial()
        try:
            return self.stream.decode(self._stored.state)
        except Exception as error:  # one stream's state must not keep every system out of sight
            log.error("%s: its state cannot be read and starts again: %s", self.feed.name, where_it_failed(error))
            return self.stream.initial()

    def run(self, connection: C) -> bool:
        """One read and what follows from it. True if there is more to read right now.

        Raises SourceDown or StreamError as the reader does.
        """
        if self._rebase:
            self._find_place(connection)
        started = time.perf_counter()
        now = self._runtime.now()
        batch = self._read(connection, self._stored.cursor, now)
        self._runtime.health.observe(health.STREAM_READ_SECONDS, time.perf_counter() - started, *self._health)
        self._take(batch, now)
        return batch.more

    def run_history(self, connection: C) -> None:
        """Read the next part of what was there before the first read. Raises as `run` does."""
        if self._remembering is None:
            self.history = False
            return
        now = self._runtime.now()
        try:
            self._take(self._remembering.read_history(connection, self._stored.cursor, now, self._seen), now, old=True)
        finally:
            self._remembering.rest()

    def _read(self, connection: C, cursor: Json, now: datetime) -> Batch:
        if self._remembering is not None:
            return self._remembering.read_live(connection, cursor, now, self._seen)
        return self.stream.reader.read(connection, cursor, now)

    def _find_place(self, connection: C) -> None:
        cursor: Json = None if self._remembering is None else self._remembering.place_anew()
        known: list[tuple[bytes, int]] = []
        more = True
        while more:
            batch = self._read(connection, cursor, self._runtime.now())
            known += batch.seen.add
            cursor, more = batch.next_cursor, batch.more
        tally = self._tally()
        tally.add(health.STREAM_GAPS, self._health, 1)
        self._commit(replace(self._stored, cursor=cursor), tally, [], self._state, SeenChange(known))
        self._rebase = False

    def _take(self, batch: Batch, now: datetime, *, old: bool = False) -> None:
        self._own.clear()
        made = self._lines.begin(self._stored.stamps) if self._runtime.buckets else None
        tally = self._tally(made)
        events, newest, state = self._fold(batch, tally, self._state, now)
        tail = b""
        if self.stream.settle is not None and batch.totals:
            tally.take(self.stream.settle(batch.totals, events), tail)
        if self.stream.expire is not None:
            state, effects = self.stream.expire(state, now)
            tally.take(effects, tail)
        if batch.lost:
            tally.add(health.STREAM_LOST, self._health, batch.lost)
        if batch.gap:
            tally.add(health.STREAM_GAPS, self._health, 1)
        if batch.late:
            tally.add(health.STREAM_LATE, self._health, batch.late)
        stored = replace(
            self._stored,
            cursor=batch.next_cursor,
            caught_up=self._stored.caught_up or not (batch.more or batch.history),
            last_event=max(filter(None, (self._stored.last_event, newest)), default=None),
            last_success=now.timestamp(),
        )
        lines = made.lines if made else []
        if tally.rows() or lines or batch.seen or not self._same_place(stored):
            stamps = made.stamps() if made else stored.stamps
            self._commit(replace(stored, stamps=stamps), tally, lines, state, batch.seen)
        else:
            self._stored = stored
        self._show_memory(batch)
        # How long the newest of the past took to be read says nothing about how far behind we are.
        if newest is not None and not old:
            self._runtime.health.set(health.STREAM_LAG, max(0.0, now.timestamp() - newest), *self._health)
        self._show_times(stored)
        self._show_view(now)

    def _fold(self, batch: Batch, tally: Tally, state: Any, now: datetime) -> tuple[list[Any], float | None, Any]:
        events: list[Any] = []
        understood = 0
        rejected: Counter[str] = Counter()
        newest: datetime | None = None
        latest = now + _CLOCKS_DIFFER
        # Bound once: this runs for every record there ever was.
        parse, event_time, fold, take = self.stream.parse, self.stream.event_time, self.stream.fold, tally.take
        for record in batch.records:
            try:
                event = parse(record)
                at = event_time(event)
                state, effects = fold(state, event)
                take(effects, record if type(record) is bytes else identity(record))
            except Rejected as reason:
                rejected[reason.reason] += 1
                continue
            except Exception as error:  # one record must not stop a stream; it is counted, and told without its text
                place = where_it_failed(error)
                if times := self._seldom.times(place):
                    log.error("%s: %d records were skipped: %s", self.feed.name, times, place)
                rejected["defect"] += 1
                continue
            understood += 1
            if self.stream.settle is not None:
                events.append(event)
            if at is not None and at <= latest and (newest is None or at > newest):
                newest = at
        if understood:
            tally.add(health.STREAM_EVENTS, self._health, understood)
        for name, count in rejected.items():
            tally.add(health.STREAM_REJECTED, (*self._health, name), count)
        return events, min(newest, now).timestamp() if newest is not None else None, state

    def _commit(
        self,
        stored: StoredStream,
        tally: Tally,
        lines: list[OutboxLine],
        state: Any,
        seen: SeenChange = UNCHANGED,
    ) -> None:
        # Should it fail, the batch is read again, and all this is counted again.
        own, self._own = self._own, Counter()
        for label, count in self._admission.clamped.items():
            own[health.CLAMPED, (self._deployment, self._system, label)] += count
        self._admission.clamped.clear()
        stored = replace(stored, state=self.stream.encode(state), state_version=self.stream.state_version)
        started = time.perf_counter()
        with self._runtime.checkpoint.transaction() as connection:
            commit = Commit(self.feed.name, stored, tally.rows(), lines, seen)
            self._runtime.checkpoint.write(connection, commit, self._runtime.oldest_ns())
            for (metric, values), count in own.items():
                self._runtime.health.add(metric, *values, amount=count)
            self._runtime.health.ride_along(connection)
        self._runtime.health.observe(health.COMMIT_SECONDS, time.perf_counter() - started)
        self._stored, self._state = stored, state
        tally.apply()
        self.feed.caught_up = stored.caught_up
        if lines:
            self._runtime.wake_drainer()

    def _same_place(self, stored: StoredStream) -> bool:
        return stored.cursor == self._stored.cursor and stored.caught_up == self._stored.caught_up

    def _tally(self, lines: LineBatch | None = None) -> Tally:
        return Tally(self._runtime.store, self.feed, self._deployment, self._admission, lines)

    def _unencodable(self, bucket: str) -> None:
        self._own[health.OUTBOX_DROPPED, (bucket, "unencodable")] += 1

    def _field_cut(self, bucket: str, reason: FieldDropReason) -> None:
        self._own[health.FIELDS_DROPPED, (bucket, reason)] += 1

    def _accounts(self) -> list[tuple[Metric, Values]]:
        plain: list[tuple[Metric, Values]] = [
            (metric, self._health) for metric in (health.STREAM_EVENTS, health.STREAM_LOST, health.STREAM_GAPS)
        ]
        if self._remembering is not None:
            plain.append((health.STREAM_LATE, self._health))
        return plain + [(health.STREAM_REJECTED, (*self._health, reason)) for reason in REJECT_REASONS]

    def _show_times(self, stored: StoredStream) -> None:
        own = self._runtime.health
        own.set(health.STREAM_INTERVAL, self.interval, *self._health)
        if stored.last_success is not None:
            own.set(health.STREAM_LAST_SUCCESS, stored.last_success, *self._health)
        if stored.last_event is not None:
            own.set(health.STREAM_LAST_EVENT, stored.last_event, *self._health)

    def _show_memory(self, batch: Batch) -> None:
        if self._remembering is None:
            return
        self.history = batch.history
        self._runtime.health.set(health.STREAM_HISTORY, float(batch.history), *self._health)
        if batch.pending is not None:
            self._runtime.health.set(health.STREAM_PENDING, batch.pending, *self._health)

    def _show_view(self, now: datetime) -> None:
        if self.stream.view is None:
            self._runtime.store.refresh(self.feed, 2 * self.interval)
            return
        samples = [(s.metric, (self._deployment, *s.labels), s.value) for s in self.stream.view(self._state, now)]
        self._runtime.store.replace(self.feed, samples, 2 * self.interval)

    def _show_lasting(self) -> None:
        """The time of a last event is known before the first read after a restart."""
        if self.stream.view is not None:
            for sample in self.stream.view(self._state, self._runtime.now()):
                if sample.metric.lasting:
                    values = (self._deployment, *sample.labels)
                    self._runtime.store.put(self.feed, sample.metric, values, sample.value)
