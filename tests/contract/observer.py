"""A system read as the running exporter reads it, in this process and by a clock of the test's own.

Reader, parser, fold, state file, outbox lines and exposition are the product's; only the threads, the web server and
InfluxDB are left out, and time stands still between two readings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import Source, System
from exporters.core.health_counters import HealthCounters
from exporters.core.outbox import Outbox
from exporters.core.probe_worker import ProbeWorker
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker
from exporters.registry import METRICS

HASH_KEY = bytes(range(32))
"""Pseudonyms in the golden lines are made with it."""
NEWBORN_SECONDS = 30.0


class Life(Protocol):
    """A system that is lived through. deployment: as it stands in observatory.yml. clock: the life's own time.

    chapters: each writes something to the real servers behind the deployment; it is read before the next one begins.
    """

    deployment: dict[str, Any]

    def clock(self) -> datetime: ...

    def chapters(self) -> Iterator[None]: ...


class LifeModule(Protocol):
    """`tests/<system>/golden/life.py`: `living(folder)` starts the servers and stops them."""

    living: Callable[[Path], AbstractContextManager[Life]]


@dataclass(slots=True)
class Observed:
    """What came of it.

    exposition: the text of /metrics at the end. lines: (bucket, line) in the order of the outbox.
    moved: metric -> label -> its values on series that were ever other than 0, whenever that was; a metric that was
    shown at all is a key.
    """

    exposition: str = ""
    lines: tuple[tuple[str, str], ...] = ()
    moved: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def families(self, *prefixes: str) -> str:
        """The exposition of the families whose names begin like this."""
        kept = []
        for line in self.exposition.splitlines(keepends=True):
            name = line.split(" ", 3)[2] if line.startswith("#") else line
            if name.startswith(prefixes):
                kept.append(line)
        return "".join(kept)

    def look(self, store: SeriesStore) -> None:
        """Note what moves now: a gauge of today is gone tomorrow."""
        for family in store.collect():
            for sample in family.samples:
                name = sample.name
                if family.type == "histogram":
                    if not name.endswith("_count"):
                        continue
                    name = name.removesuffix("_count")
                labels = self.moved.setdefault(name, {})
                if sample.value:
                    for label, value in sample.labels.items():
                        labels.setdefault(label, set()).add(value)


def observed(system: System, module: ModuleType | LifeModule, folder: Path) -> Observed:
    """Live a life from beginning to end and read it all."""
    seen = Observed()
    with module.living(folder / "servers") as life, _runtime(folder / "state", system, life.clock) as runtime:
        deployment = system.settings(**life.deployment)
        sources = [_Reading(source, runtime) for source in system.sources(deployment, HASH_KEY)]
        for _ in life.chapters():
            for source in sources:
                source.read()
            seen.look(runtime.store)
        for source in sources:
            source.close()
        with runtime.checkpoint.read() as connection:
            lines = connection.execute("SELECT bucket, line FROM outbox ORDER BY id").fetchall()
        seen.lines = tuple((str(bucket), str(line)) for bucket, line in lines)
        seen.exposition = runtime.store.render(openmetrics=False)
    return seen


class _Reading:
    """One source with its workers."""

    def __init__(self, source: Source[Any], runtime: Runtime) -> None:
        admission = Admission()
        self._source = source
        self._connection = source.connect()
        self._streams = [StreamWorker(source, stream, runtime, admission) for stream in source.streams]
        self._probes = [ProbeWorker(source, probe, runtime, admission) for probe in source.probes]
        for stream in self._streams:
            stream.load(rebase=False)
        for probe in self._probes:
            probe.load()

    def read(self) -> None:
        """Every stream to its end and through its history, every probe to its end once."""
        for stream in self._streams:
            while stream.run(self._connection):
                pass
            while stream.history:
                stream.run_history(self._connection)
        for probe in self._probes:
            while probe.run(self._connection):
                pass

    def close(self) -> None:
        self._source.close(self._connection)


@contextmanager
def _runtime(folder: Path, system: System, clock: Callable[[], datetime]) -> Iterator[Runtime]:
    store = SeriesStore(METRICS, newborn_seconds=NEWBORN_SECONDS, clock=lambda: clock().timestamp())
    checkpoint = Checkpoint(folder / "observatory.db", METRICS, Outbox())
    try:
        own = HealthCounters(store, checkpoint)
        own.load(health.METRICS)
        yield Runtime(
            checkpoint=checkpoint,
            store=store,
            health=own,
            metrics={metric.name: metric for metric in METRICS},
            buckets={measurement.bucket: None for measurement in system.measurements},
            now=clock,
        )
    finally:
        checkpoint.close()
