"""A stream as the runner reads it, without the runner: everything it did is kept to be looked at."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from exporters.core.contract import Batch, Effects, Point, Record, RememberingReader, Stream
from exporters.core.errors import Rejected
from exporters.core.measurement import Measurement
from exporters.core.metric import Kind, Metric
from exporters.sigmasight.metrics import MEASUREMENTS
from tests.standins.remembered_ids import RememberedIds

Series = dict[tuple[str, ...], float]


@dataclass
class Reader:
    """One stream of rows, with everything it did."""

    stream: Stream[Any, Any, Any]
    connection: Any
    cursor: Any = None
    memory: RememberedIds = field(default_factory=RememberedIds)
    effects: Effects = field(default_factory=Effects)
    records: list[Record] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    gaps: int = 0
    late: int = 0
    now: datetime | None = None

    def __post_init__(self) -> None:
        assert isinstance(self.stream.reader, RememberingReader)
        self.reader: RememberingReader[Any] = self.stream.reader

    def read(self) -> Reader:
        """Read until there is nothing more, history included."""
        batch = self._live()
        while batch.more:
            batch = self._live()
        while batch.history:
            batch = self._take(self.reader.read_history(self.connection, self.cursor, self._now(), self.memory))
        return self

    def audit(self) -> Reader:
        """Read as five minutes later, when the wider window is looked through."""
        place = self.cursor.get("rows", self.cursor)
        place["wide"][1] -= 301 * 1_000_000
        return self.read()

    def counted(self, metric: Metric) -> Series:
        """Label values -> what was added to this counter."""
        found: Series = {}
        for counter, labels, amount in self.effects.counts:
            if counter is metric:
                found[labels] = found.get(labels, 0) + amount
        return found

    def total(self, metric: Metric) -> float:
        return sum(self.counted(metric).values())

    def observed(self, metric: Metric) -> dict[tuple[str, ...], list[float]]:
        """Label values -> what this histogram saw."""
        found: dict[tuple[str, ...], list[float]] = {}
        for histogram, labels, value in self.effects.observations:
            if histogram is metric:
                found.setdefault(labels, []).append(value)
        return found

    def points(self, measurement: Measurement) -> list[Point]:
        return [point for point in self.effects.points if point.measurement is measurement]

    def _now(self) -> datetime:
        return self.now or datetime.now(UTC)

    def _live(self) -> Batch:
        return self._take(self.reader.read_live(self.connection, self.cursor, self._now(), self.memory))

    def _take(self, batch: Batch) -> Batch:
        state = self.stream.initial()
        for raw in batch.records:
            self.records.append(raw)
            try:
                _, effects = self.stream.fold(state, self.stream.parse(raw))
            except Rejected as error:
                self.rejected[error.reason] += 1
                continue
            assert_declared(effects, self.stream)
            self.effects.counts += effects.counts
            self.effects.observations += effects.observations
            self.effects.points += effects.points
        self.memory.update(batch.seen.add)
        self.gaps += batch.gap
        self.late += batch.late
        self.cursor = json.loads(json.dumps(batch.next_cursor))
        return batch


def assert_declared(effects: Effects, stream: Stream[Any, Any, Any]) -> None:
    """Every effect names what the stream feeds, in its declared shape, with a value a store takes."""
    for kind, given in ((Kind.COUNTER, effects.counts), (Kind.HISTOGRAM, effects.observations)):
        for metric, labels, value in given:
            assert metric in stream.feeds
            assert metric.kind is kind
            assert math.isfinite(value)
            assert value >= 0
            assert len(labels) == len(metric.own_labels)
    for point in effects.points:
        assert point.measurement in MEASUREMENTS
        assert point.measurement.check(point.tags, point.fields)
        assert point.at.utcoffset() is not None
        assert all(point.tags.values()), "an empty tag cannot be written"


def numbers(points: list[Point], name: str) -> list[float]:
    """The values of one field, of the points that have it."""
    return [float(point.fields[name]) for point in points if name in point.fields]
