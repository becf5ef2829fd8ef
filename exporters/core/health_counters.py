"""The exporter's own counters that outlive it: they ride along in the next transaction, whoever's it is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable

from exporters.core.checkpoint import Checkpoint, write_series
from exporters.core.metric import Kind, Metric
from exporters.core.series import Feed, SeriesStore, Values

HEALTH = "observatory"
"""The feed of the exporter's own health: always caught up, always fresh."""


class HealthCounters:
    """Counters, gauges and histograms of the exporter itself. Safe for threads."""

    def __init__(self, store: SeriesStore, checkpoint: Checkpoint) -> None:
        self.feed = Feed(HEALTH, fresh_until=float("inf"))
        self._store = store
        self._checkpoint = checkpoint
        self._lock = threading.Lock()
        self._dirty: set[tuple[Metric, Values]] = set()

    def load(self, metrics: Iterable[Metric]) -> None:
        """Show what was counted before a restart, at once; what is new from here on shows 0 first."""
        known = {metric.name: metric for metric in metrics}
        for stored in self._checkpoint.series(HEALTH):
            metric = known.get(stored.metric)
            if metric is not None and len(stored.values) == len(metric.labels):
                self._store.put(self.feed, metric, stored.values, stored.value)
        self.feed.caught_up = True

    def start(self, metric: Metric, *values: str) -> None:
        """Make the counter exist at 0 unless it does."""
        with self._lock:
            if self._store.get(self.feed, metric, values) is None:
                self._store.put(self.feed, metric, values, 0.0)

    def add(self, metric: Metric, *values: str, amount: float = 1) -> None:
        """Count. Written to disk with the next transaction."""
        if metric.kind is not Kind.COUNTER or not amount:
            return
        with self._lock:
            series = self._store.get(self.feed, metric, values)
            self._store.put(self.feed, metric, values, (series.value if series else 0.0) + amount)
            self._dirty.add((metric, values))

    def set(self, metric: Metric, value: float, *values: str) -> None:
        """A gauge of the exporter itself: lives with the process."""
        self._store.put(self.feed, metric, values, value)

    def observe(self, metric: Metric, value: float, *values: str) -> None:
        """A duration of the exporter itself: lives with the process."""
        self._store.observe(self.feed, metric, values, value)

    def ride_along(self, connection: sqlite3.Connection) -> None:
        """Write what changed into somebody's transaction; should that come to nothing, it waits for the next one."""
        with self._lock:
            changed, self._dirty = self._dirty, set()
        self._checkpoint.if_undone(lambda: self._keep(changed))
        rows = []
        for metric, values in changed:
            series = self._store.get(self.feed, metric, values)
            if series is not None:
                rows.append((metric, values, series.value, ()))
        write_series(connection, HEALTH, rows)

    def _keep(self, changed: Iterable[tuple[Metric, Values]]) -> None:
        with self._lock:
            self._dirty.update(changed)

    def flush(self) -> None:
        """Write what changed now, in a transaction of its own. Raises StateError; then it is written later."""
        with self._lock:
            waiting = bool(self._dirty)
        if waiting:
            with self._checkpoint.transaction() as connection:
                self.ride_along(connection)
