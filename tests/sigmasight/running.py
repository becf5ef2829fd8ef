"""The runner's own parts around SigmaSight's sources, in this process: state file, series, outbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import Source
from exporters.core.health_counters import HealthCounters
from exporters.core.metric import Metric
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker
from exporters.sigmasight.metrics import METRICS, SHARED

EVERY = (*health.METRICS, *SHARED, *METRICS)


class Running:
    """Sources over one state file, read when a test says so.

    influx: whether points go to an outbox. rebase: the hash key is another than the state file was made with.
    """

    def __init__(self, file: Path, *sources: Source[Any], influx: bool = True, rebase: bool = False) -> None:
        self.store = SeriesStore(EVERY, newborn_seconds=0)
        self.checkpoint = Checkpoint(file, EVERY, Outbox())
        own = HealthCounters(self.store, self.checkpoint)
        own.load(health.METRICS)
        names = {metric.name: metric for metric in EVERY}
        self.runtime = Runtime(self.checkpoint, self.store, own, names, {"sigmasight": None} if influx else {})
        self.workers: list[StreamWorker[Any]] = []
        self.links: list[tuple[Source[Any], Any]] = []
        for source in sources:
            admission = Admission()
            connection = source.connect()
            self.links.append((source, connection))
            for stream in source.streams:
                worker = StreamWorker(source, stream, self.runtime, admission)
                worker.load(rebase=rebase)
                self.workers.append(worker)

    def live(self) -> None:
        """Read what is new, of every stream."""
        for worker in self.workers:
            while worker.run(self.links[0][1]):
                pass

    def history(self, most: int | None = None) -> None:
        """Read what was there first: so many batches of each stream, or all."""
        for worker in self.workers:
            done = 0
            while worker.history and done != most:
                worker.run_history(self.links[0][1])
                done += 1

    def total(self, metric: Metric) -> float:
        """A counter over all its series, as it is shown."""
        return sum(value for name, value in self.counters().items() if name.split("{")[0] == metric.name)

    def counters(self) -> dict[str, float]:
        """Every counter and histogram sample that a scrape shows, by its line."""
        lines = (line for line in self.store.render(openmetrics=False).splitlines() if not line.startswith("#"))
        pairs = (line.rsplit(" ", 1) for line in lines)
        return {
            name: float(value)
            for name, value in pairs
            if name.split("{")[0].endswith(("_total", "_bucket", "_count", "_sum"))
        }

    def close(self) -> None:
        for source, connection in self.links:
            source.close(connection)
        self.checkpoint.close()
