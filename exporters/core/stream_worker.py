"""One stream through the house: read, parse, fold, commit, show. Nothing shows before it is on disk."""

from __future__ import annotations

import logging
import time
import traceback
from collections import Counter
from dataclasses import replace
from datetime import datetime
from typing import Any, Generic, TypeVar

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Commit, StoredStream
from exporters.core.contract import UNCHANGED, Batch, Json, Point, RememberingReader, SeenChange, Source, Stream
from exporters.core.errors import REJECT_REASONS, DeclarationError, Rejected
from exporters.core.line_protocol import Unencodable, encode
from exporters.core.metric import Metric
from exporters.core.outbox import OutboxLine
from exporters.core.runtime import Runtime
from exporters.core.series import Feed, Values
from exporters.core.stamp import Stamps
from exporters.core.tally import Tally

C = TypeVar("C")
log = logging.getLogger(__name__)


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
        if self._stored.state is not None and self._stored.state_version == self.stream.state_version:
            self._state = self.stream.decode(self._stored.state)
        else:
            self._state = self.stream.initial()
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
        self._take(self._remembering.read_history(connection, self._stored.cursor, now, self._seen), now, old=True)

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
        tally = self._tally()
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
        if tally.rows() or tally.points or batch.seen or not self._same_place(stored):
            lines, stamps = self._lines(tally, stored)
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
        rejected: Counter[str] = Counter()
        newest: float | None = None
        for record in batch.records:
            try:
                event = self.stream.parse(record)
                at = self.stream.event_time(event)
                state, effects = self.stream.fold(state, event)
                tally.take(effects, record)
            except Rejected as reason:
                rejected[reason.reason] += 1
                continue
            except Exception as error:  # one record must not stop a stream; it is counted, and told without its text
                log.error("%s: a record was skipped: %s", self.feed.name, where_it_failed(error))
                rejected["defect"] += 1
                continue
            events.append(event)
            if at is not None and at <= now:
                newest = max(newest or 0.0, at.timestamp())
        if events:
            tally.add(health.STREAM_EVENTS, self._health, len(events))
        for name, count in rejected.items():
            tally.add(health.STREAM_REJECTED, (*self._health, name), count)
        return events, newest, state

    def _lines(self, tally: Tally, stored: StoredStream) -> tuple[list[OutboxLine], bytes]:
        if not self._runtime.buckets or not tally.points:
            return [], stored.stamps
        stamps = Stamps(stored.stamps)
        lines: list[OutboxLine] = []
        for point, record in tally.points:
            if point.measurement.bucket not in self._runtime.buckets:
                continue
            try:
                lines.append(self._line(point, record, stamps))
            except (Unencodable, DeclarationError) as error:
                log.error("%s: a point could not be written as a line: %s", self.feed.name, error)
                self._runtime.health.add(health.OUTBOX_DROPPED, point.measurement.bucket, "unencodable")
        return lines, stamps.packed()

    def _line(self, point: Point, record: bytes, stamps: Stamps) -> OutboxLine:
        measurement = point.measurement
        tags = {tag.name: tag.clamp(point.tags[tag.name]) for tag in measurement.tags if tag.name in point.tags}
        tags["deployment"] = self._deployment
        fields = measurement.check(point.tags, point.fields)
        series = measurement.name + "".join(f",{k}={v}" for k, v in sorted(tags.items()))
        event_ns = int(point.at.timestamp()) * 1_000_000_000 + point.at.microsecond * 1000
        time_ns = stamps.assign(series, event_ns, self.stream.resolution_ns, record)
        return OutboxLine(measurement.bucket, time_ns, encode(measurement.name, tags, fields, time_ns))

    def _commit(
        self,
        stored: StoredStream,
        tally: Tally,
        lines: list[OutboxLine],
        state: Any,
        seen: SeenChange = UNCHANGED,
    ) -> None:
        for label, count in self._admission.clamped.items():
            self._runtime.health.add(health.CLAMPED, self._deployment, self._system, label, amount=count)
        self._admission.clamped.clear()
        stored = replace(stored, state=self.stream.encode(state), state_version=self.stream.state_version)
        started = time.perf_counter()
        with self._runtime.checkpoint.transaction() as connection:
            commit = Commit(self.feed.name, stored, tally.rows(), lines, seen)
            self._runtime.checkpoint.write(connection, commit, self._runtime.oldest_ns())
            self._runtime.health.ride_along(connection)
        self._runtime.health.observe(health.COMMIT_SECONDS, time.perf_counter() - started)
        self._stored, self._state = stored, state
        tally.apply()
        self.feed.caught_up = stored.caught_up
        if lines:
            self._runtime.wake_drainer()

    def _same_place(self, stored: StoredStream) -> bool:
        return stored.cursor == self._stored.cursor and stored.caught_up == self._stored.caught_up

    def _tally(self) -> Tally:
        return Tally(self._runtime.store, self.feed, self._deployment, self._admission)

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
