"""State and streams of SigmaSight as the runner's own parts read them, over a state file that outlives them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import Probe, Sample, Source, Stream
from exporters.core.health_counters import HealthCounters
from exporters.core.metric import Metric
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker

Numbers = dict[tuple[str, ...], float]


def numbers(samples: Sequence[Sample], metric: Metric) -> Numbers:
    """Label values -> value, of one metric; that two samples have the same labels is an error."""
    mine = [sample for sample in samples if sample.metric is metric]
    found = {sample.labels: float(sample.value) for sample in mine}
    assert len(found) == len(mine), metric
    return found


def collected(probe: Probe[Any], connection: Any, now: datetime) -> list[Sample]:
    """One read of a probe; all it says was declared."""
    samples = probe.whole(connection, now)
    for sample in samples:
        assert sample.metric in probe.feeds, sample.metric
        assert len(sample.labels) == len(sample.metric.own_labels), sample
    return samples


class Watch:
    """One stream, read by the runner's worker. file: the state file, taken up again by the next one."""

    def __init__(self, file: Path, stream: Stream[Any, Any, Any], connection: Any, now: datetime | None = None) -> None:
        self.now = now
        every = (*health.METRICS, *stream.feeds)
        self.store = SeriesStore(every, newborn_seconds=0)
        self.outbox = Outbox()
        self.checkpoint = Checkpoint(file, every, self.outbox)
        own = HealthCounters(self.store, self.checkpoint)
        own.load(health.METRICS)
        self.runtime = Runtime(
            self.checkpoint,
            self.store,
            own,
            {metric.name: metric for metric in every},
            {"sigmasight": None, "sigmasight_daily": None, "sigmasight_text": None},
            now=lambda: self.now or datetime.now(UTC),
        )
        self.connection = connection
        source = Source(
            system="sigmasight",
            deployment="home",
            name="test",
            connect=lambda: connection,
            close=lambda _: None,
            streams=(stream,),
        )
        self.worker = StreamWorker(source, stream, self.runtime, Admission())
        self.worker.load(rebase=False)

    def live(self) -> Watch:
        while self.worker.run(self.connection):
            pass
        return self

    def read(self) -> Watch:
        """What is new, and history."""
        self.live()
        while self.worker.history:
            self.worker.run_history(self.connection)
        return self.live()

    def shown(self, metric: Metric) -> Numbers:
        """Label values -> value, of series that are not 0. Of a histogram: how many observations."""
        found = {}
        for values in self.store.members(self.worker.feed, metric):
            series = self.store.get(self.worker.feed, metric, values)
            assert series is not None
            amount = float(sum(series.buckets)) if metric.buckets else series.value
            if amount:
                found[values[1:]] = amount
        return found

    def text(self) -> str:
        """What a scrape would see."""
        return self.store.render(openmetrics=False)

    def lines(self, bucket: str = "sigmasight") -> list[str]:
        """Points that wait to be posted."""
        with self.checkpoint.read() as connection:
            return [line.line for line in self.outbox.peek(connection, bucket, 100_000, 10**9)]

    def state(self) -> str:
        """The stream's state as it is stored."""
        return json.dumps(self.checkpoint.stream(self.worker.feed.name).state)

    def close(self) -> None:
        self.checkpoint.close()


@contextmanager
def watching(
    file: Path, stream: Stream[Any, Any, Any], connection: Any, now: datetime | None = None
) -> Iterator[Watch]:
    made = Watch(file, stream, connection, now)
    try:
        yield made
    finally:
        made.close()
