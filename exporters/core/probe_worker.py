"""One probe: read the state now, show it as gauges. Nothing is stored, because nothing is counted."""

from __future__ import annotations

import time
from typing import Generic, TypeVar

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.contract import Probe, Source
from exporters.core.label import OTHER
from exporters.core.metric import Metric
from exporters.core.runtime import Runtime
from exporters.core.series import Feed, Values

C = TypeVar("C")


class ProbeWorker(Generic[C]):
    """Runs one probe. Used by its source's thread alone."""

    def __init__(self, source: Source[C], probe: Probe[C], runtime: Runtime, admission: Admission) -> None:
        self.name = probe.name
        self.interval = probe.interval
        self.feed = Feed(f"{source.system}/{source.deployment}/{source.name}/{probe.name}", caught_up=True)
        self._probe = probe
        self._deployment = source.deployment
        self._health = (source.deployment, source.system, source.name, probe.name)
        self._runtime = runtime
        self._admission = admission

    def load(self) -> None:
        """Announce the probe's pace."""
        self._runtime.health.set(health.STREAM_INTERVAL, self.interval, *self._health)

    def run(self, connection: C) -> bool:
        """One read. Returns whether it was only a part. Raises SourceDown or StreamError as the probe does."""
        started = time.perf_counter()
        now = self._runtime.now()
        collected = self._probe.collect(connection, now)
        if collected is None:
            self._runtime.health.observe(health.STREAM_READ_SECONDS, time.perf_counter() - started, *self._health)
            return True
        samples: dict[tuple[Metric, Values], float] = {}
        for sample in collected:
            own = self._admission.admit(sample.metric, sample.labels)
            key = (sample.metric, (self._deployment, *own))
            # Members beyond an open set's bound share one series; a sum is the only honest figure for them.
            samples[key] = samples.get(key, 0.0) + sample.value if OTHER in own else sample.value
        self._runtime.health.observe(health.STREAM_READ_SECONDS, time.perf_counter() - started, *self._health)
        self._runtime.store.replace(
            self.feed, ((metric, values, value) for (metric, values), value in samples.items()), 2 * self.interval
        )
        self._runtime.health.set(health.STREAM_LAST_SUCCESS, now.timestamp(), *self._health)
        return False
