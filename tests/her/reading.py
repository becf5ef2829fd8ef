"""HER's streams read from a real Redis as the runner reads them, with everything they do collected and checked."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis

from exporters.core.contract import Effects, Record, Sample, Source, Stream
from exporters.core.errors import Rejected
from exporters.core.metric import Kind, Metric
from tests.her.effects_check import assert_declared


@dataclass
class Reader:
    """One stream: its cursor, its state, and what it has done so far."""

    stream: Stream[Any, Any, Any]
    connection: redis.Redis
    cursor: Any = None
    state: Any = None
    effects: Effects = field(default_factory=Effects)
    rejected: Counter[str] = field(default_factory=Counter)
    refusals: list[str] = field(default_factory=list)
    records: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        self.state = self.stream.initial()

    def read(self) -> None:
        """Read until there is no more right now."""
        more = True
        while more:
            batch = self.stream.reader.read(self.connection, self.cursor, datetime.now(UTC))
            events = [event for event in map(self._fold, batch.records) if event is not None]
            if self.stream.settle is not None and batch.totals:
                self._take(self.stream.settle(batch.totals, events))
            if self.stream.expire is not None:
                self.state, effects = self.stream.expire(self.state, datetime.now(UTC))
                self._take(effects)
            self.lost += batch.lost
            self.cursor, more = batch.next_cursor, batch.more

    def total(self, metric: Metric) -> float:
        """The sum over all series of a counter, or the number of observations of a histogram."""
        if metric.kind is Kind.HISTOGRAM:
            return sum(1 for seen, _, _ in self.effects.observations if seen is metric)
        return sum(amount for seen, _, amount in self.effects.counts if seen is metric)

    def touched(self) -> set[Metric]:
        """Every counter and histogram that got something."""
        return {m for m, _, amount in self.effects.counts if amount} | {m for m, _, _ in self.effects.observations}

    def view(self) -> list[Sample]:
        """The gauges the stream shows now."""
        return self.stream.view(self.state, datetime.now(UTC)) if self.stream.view else []

    def _fold(self, raw: Record) -> Any:
        self.records += 1
        try:
            event = self.stream.parse(raw)
        except Rejected as refused:
            self.rejected[refused.reason] += 1
            self.refusals.append(str(refused))
            return None
        self.state, effects = self.stream.fold(self.state, event)
        self._take(effects)
        return event

    def _take(self, effects: Effects) -> None:
        assert_declared(effects, self.stream.feeds)
        self.effects.counts += effects.counts
        self.effects.observations += effects.observations
        self.effects.points += effects.points


def readers(source: Source[redis.Redis], connection: redis.Redis) -> dict[str, Reader]:
    """A reader for each stream of the source, by name."""
    return {stream.name: Reader(stream, connection) for stream in source.streams}


def collected(source: Source[redis.Redis], name: str, connection: redis.Redis) -> list[Sample]:
    """What a probe shows now, checked against what it says it feeds."""
    (probe,) = (probe for probe in source.probes if probe.name == name)
    samples = probe.whole(connection, datetime.now(UTC))
    for sample in samples:
        assert sample.metric in probe.feeds
        assert len(sample.labels) == len(sample.metric.own_labels)
    return samples
