"""Sums of one batch: what its events add to counters and histograms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from exporters.core.admission import Admission
from exporters.core.contract import Effects
from exporters.core.metric import Kind, Metric
from exporters.core.point_lines import LineBatch
from exporters.core.series import Feed, Series, SeriesStore, Values


class Tally:
    """Effects of one batch, not yet committed. Nothing in the store changes before `apply`.

    lines: where its points go; None: nowhere, there is no InfluxDB.
    """

    def __init__(
        self, store: SeriesStore, feed: Feed, deployment: str, admission: Admission, lines: LineBatch | None = None
    ) -> None:
        self._store = store
        self._feed = feed
        self._deployment = deployment
        self._admission = admission
        self._lines = lines
        self._changed: dict[tuple[Metric, Values], Series] = {}
        self._by_own: dict[tuple[Metric, Values], Series] = {}

    def take(self, effects: Effects, record: bytes) -> None:
        """Add the effects of one record (its identity gives its points their place within a tick)."""
        for metric, own, amount in effects.counts:
            if amount < 0:
                raise _falling(metric, amount)
            (self._by_own.get((metric, own)) or self._own_series(metric, own)).value += amount
        for metric, own, value in effects.observations:
            (self._by_own.get((metric, own)) or self._own_series(metric, own)).observe(value)
        if self._lines is not None:
            for point in effects.points:
                self._lines.add(point, record)

    def add(self, metric: Metric, values: Values, amount: float) -> None:
        """Add to a counter whose label values are complete."""
        if amount < 0:
            raise _falling(metric, amount)
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

    def _own_series(self, metric: Metric, own: Values) -> Series:
        """The series of these values. Remembered only if they got in as they are: what becomes `other` is counted."""
        shown = self._admission.admit(metric, own)
        series = self._series(metric, (self._deployment, *shown))
        if shown == own:
            self._by_own[metric, own] = series
        return series

    def _series(self, metric: Metric, values: Values) -> Series:
        series = self._changed.get((metric, values))
        if series is None:
            old = self._store.get(self._feed, metric, values)
            empty = [0] * (len(metric.buckets) + 1) if metric.kind is Kind.HISTOGRAM else []
            series = Series(metric, values, old.value if old else 0.0, list(old.buckets) if old else empty)
            self._changed[metric, values] = series
        return series


def _falling(metric: Metric, amount: float) -> ValueError:
    return ValueError(f"{metric.name}: a counter never falls (asked to add {amount})")
