"""Sums of one batch: what its events add to counters and histograms, and the points they leave."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exporters.core.admission import Admission
from exporters.core.contract import Effects, Point
from exporters.core.metric import Kind, Metric
from exporters.core.series import Feed, Series, SeriesStore, Values


class Tally:
    """Effects of one batch, not yet committed. Nothing in the store changes before `apply`."""

    def __init__(self, store: SeriesStore, feed: Feed, deployment: str, admission: Admission) -> None:
        self._store = store
        self._feed = feed
        self._deployment = deployment
        self._admission = admission
        self._changed: dict[tuple[Metric, Values], Series] = {}
        self.points: list[tuple[Point, bytes]] = []

    def take(self, effects: Effects, record: bytes) -> None:
        """Add the effects of one record (its raw bytes give its points their place within a tick)."""
        for metric, own, amount in effects.counts:
            self.add(metric, self._values(metric, own), amount)
        for metric, own, value in effects.observations:
            self._series(metric, self._values(metric, own)).observe(value)
        self.points.extend((point, record) for point in effects.points)

    def add(self, metric: Metric, values: Values, amount: float) -> None:
        """Add to a counter whose label values are complete."""
        if amount < 0:
            msg = f"{metric.name}: a counter never falls (asked to add {amount})"
            raise ValueError(msg)
        self._series(metric, values).value += amount

    def start(self, metrics: Iterable[Metric], known: Iterable[tuple[Metric, Values]]) -> None:
        """Series that exist at 0 before anything happened."""
        for metric in metrics:
            if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM):
                for own in metric.start:
                    self._series(metric, (self._deployment, *own))
        for metric, values in known:
            self._series(metric, values)

    def rows(self) -> list[tuple[Metric, Values, float, Sequence[int]]]:
        """Every changed series at its new value."""
        return [(s.metric, s.values, s.value, s.buckets) for s in self._changed.values()]

    def apply(self) -> None:
        """Show the new values. Called after the commit, never before."""
        for metric, values, value, buckets in self.rows():
            self._store.put(self._feed, metric, values, value, buckets)

    def _values(self, metric: Metric, own: Sequence[str]) -> Values:
        return (self._deployment, *self._admission.admit(metric, own))

    def _series(self, metric: Metric, values: Values) -> Series:
        series = self._changed.get((metric, values))
        if series is None:
            old = self._store.get(self._feed, metric, values)
            empty = [0] * (len(metric.buckets) + 1) if metric.kind is Kind.HISTOGRAM else []
            series = Series(metric, values, old.value if old else 0.0, list(old.buckets) if old else empty)
            self._changed[metric, values] = series
        return series
