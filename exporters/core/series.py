"""The series store: what the exporter knows, as text that a scrape only concatenates.

A line is rendered once, when its value changes. Series belong to a **feed** (one stream, one probe, or the exporter
itself); the feed decides whether they show:

- counters and histograms of a stream are absent until its first catch-up ever, then appear with the total: a scrape in
  the middle would show a false `increase()`;
- a new member of an open set shows 0 for `newborn_seconds` first: born at 1, `increase()` would never see it;
- gauges vanish when their last successful read is too old, unless the metric is `lasting`.

The store is also a prometheus_client `Collector`, so any registry can hold it; a property test keeps both texts equal.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import Metric as ClientMetric
from prometheus_client.registry import Collector

from exporters.core.floats import go_float
from exporters.core.metric import Kind, Metric

Values = tuple[str, ...]
"""Label values in the metric's declared order, `deployment` included."""


@dataclass(slots=True)
class Series:
    """One series. buckets: counts per edge, not cumulative, the last beyond every edge; empty unless a histogram."""

    metric: Metric
    values: Values
    value: float = 0.0
    buckets: list[int] = field(default_factory=list)
    newborn_until: float = 0.0
    prefixes: tuple[str, ...] = ()

    def observe(self, value: float, times: int = 1) -> None:
        """Add an observation: `value` becomes part of the sum, its bucket grows."""
        self.buckets[bisect_left(self.metric.buckets, value)] += times
        self.value += value * times

    def samples(self, *, zero: bool) -> Iterator[tuple[str, dict[str, str], float]]:
        """(name, labels, value) as the exposition has them; zero: a newborn, shown at 0."""
        labels = dict(zip((label.name for label in self.metric.labels), self.values, strict=True))
        name = self.metric.name
        if self.metric.kind is not Kind.HISTOGRAM:
            yield name, labels, 0.0 if zero else self.value
            return
        running = 0
        for edge, count in zip((*self.metric.buckets, float("inf")), self.buckets, strict=True):
            running += count
            yield name + "_bucket", {**labels, "le": go_float(edge)}, 0.0 if zero else float(running)
        yield name + "_count", labels, 0.0 if zero else float(running)
        yield name + "_sum", labels, 0.0 if zero else self.value

    def text(self, *, zero: bool) -> str:
        """Exposition lines. The parts before each value are made once per series."""
        if not self.prefixes:
            self.prefixes = tuple(f"{name}{_braces(labels)} " for name, labels, _ in self.samples(zero=True))
        if self.metric.kind is not Kind.HISTOGRAM:
            return f"{self.prefixes[0]}{go_float(0.0 if zero else self.value)}\n"
        numbers = [number for _, _, number in self.samples(zero=zero)]
        return "".join(f"{p}{go_float(n)}\n" for p, n in zip(self.prefixes, numbers, strict=True))


@dataclass(slots=True, eq=False)
class Feed:
    """Who writes a set of series.

    caught_up: whether counters and histograms show. fresh_until: monotonic time up to which gauges show.
    """

    name: str
    caught_up: bool = False
    fresh_until: float = 0.0


class SeriesStore(Collector):
    """Every series by metric and feed. Safe for threads: one short lock."""

    def __init__(
        self,
        metrics: Iterable[Metric],
        *,
        newborn_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._metrics = tuple(metrics)
        self._newborn_seconds = newborn_seconds
        self._clock = clock
        self._lock = threading.RLock()
        self._series: dict[Metric, dict[Feed, dict[Values, Series]]] = {m: {} for m in self._metrics}
        self._lines: dict[Metric, dict[Feed, dict[Values, str]]] = {m: {} for m in self._metrics}
        self._newborns: dict[tuple[Metric, Feed, Values], Series] = {}
        self._heads = {m: _head(m, openmetrics=False) for m in self._metrics}
        self._heads_open = {m: _head(m, openmetrics=True) for m in self._metrics}

    def __len__(self) -> int:
        """Exposed lines, hidden feeds included: a histogram has one per edge and three more."""
        with self._lock:
            return sum(
                len(lines) * (len(metric.buckets) + 3 if metric.kind is Kind.HISTOGRAM else 1)
                for metric, feeds in self._lines.items()
                for lines in feeds.values()
            )

    def put(self, feed: Feed, metric: Metric, values: Values, value: float, buckets: Sequence[int] = ()) -> None:
        """Set a series to a value (for a histogram: the sum, and the count of each bucket)."""
        with self._lock:
            known = self._series[metric].setdefault(feed, {})
            series = known.get(values)
            if series is None:
                series = known[values] = Series(metric, values)
                counts = metric.kind in (Kind.COUNTER, Kind.HISTOGRAM)
                if counts and feed.caught_up and (value or any(buckets)):
                    series.newborn_until = self._clock() + self._newborn_seconds
                    self._newborns[metric, feed, values] = series
            series.value = value
            series.buckets = list(buckets)
            self._show(feed, series, zero=series.newborn_until > 0)

    def observe(self, feed: Feed, metric: Metric, values: Values, value: float) -> None:
        """Add one observation to a histogram that lives with the process (the exporter's own durations)."""
        with self._lock:
            series = self._series[metric].setdefault(feed, {}).get(values)
            if series is None:
                series = Series(metric, values, buckets=[0] * (len(metric.buckets) + 1))
                self._series[metric][feed][values] = series
            series.observe(value)
            self._show(feed, series, zero=False)

    def replace(self, feed: Feed, samples: Iterable[tuple[Metric, Values, float]], fresh_for: float) -> None:
        """The gauges of a feed as of now; those not named any more are gone. fresh_for: seconds they may be shown."""
        with self._lock:
            for metric, feeds in self._series.items():
                if metric.kind in (Kind.GAUGE, Kind.INFO) and feed in feeds and not metric.lasting:
                    feeds[feed].clear()
                    self._lines[metric][feed].clear()
            for metric, values, value in samples:
                self.put(feed, metric, values, value)
            feed.fresh_until = self._clock() + fresh_for

    def refresh(self, feed: Feed, fresh_for: float) -> None:
        """The feed was read and nothing changed: its gauges may be shown for that much longer."""
        with self._lock:
            feed.fresh_until = self._clock() + fresh_for

    def get(self, feed: Feed, metric: Metric, values: Values) -> Series | None:
        """The series as it is, or None."""
        with self._lock:
            return self._series[metric].get(feed, {}).get(values)

    def members(self, feed: Feed, metric: Metric) -> tuple[Values, ...]:
        """The label values a metric has in one feed."""
        with self._lock:
            return tuple(self._series[metric].get(feed, {}))

    def render(self, *, openmetrics: bool) -> str:
        """The whole exposition. Constant work per line: concatenation."""
        heads = self._heads_open if openmetrics else self._heads
        parts: list[str] = []
        with self._lock:
            self._grow_up()
            now = self._clock()
            for metric, feeds in self._lines.items():
                start = len(parts)
                parts.append(heads[metric])
                for feed, lines in feeds.items():
                    if _visible(metric, feed, now):
                        parts.extend(lines.values())
                if len(parts) == start + 1:
                    parts.pop()
        return "".join(parts)

    def collect(self) -> Iterator[ClientMetric]:
        """The same series as prometheus_client's families."""
        with self._lock:
            self._grow_up()
            now = self._clock()
            for metric, feeds in self._series.items():
                family = _family(metric)
                for feed, known in feeds.items():
                    if _visible(metric, feed, now):
                        for series in known.values():
                            for sample in series.samples(zero=series.newborn_until > 0):
                                family.add_sample(*sample)
                if family.samples:
                    yield family

    def _show(self, feed: Feed, series: Series, *, zero: bool) -> None:
        self._lines[series.metric].setdefault(feed, {})[series.values] = series.text(zero=zero)

    def _grow_up(self) -> None:
        now = self._clock()
        for key, series in list(self._newborns.items()):
            if series.newborn_until <= now:
                series.newborn_until = 0.0
                del self._newborns[key]
                self._show(key[1], series, zero=False)


def _visible(metric: Metric, feed: Feed, now: float) -> bool:
    if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM) or metric.lasting:
        return feed.caught_up
    return now <= feed.fresh_until


def _braces(labels: dict[str, str]) -> str:
    # An empty label value is the same as no label to Prometheus; it is written all the same, as its clients do.
    inside = ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(labels.items()))
    return f"{{{inside}}}" if inside else ""


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _family(metric: Metric) -> ClientMetric:
    return ClientMetric(_family_name(metric), metric.help, metric.kind.value)


def _family_name(metric: Metric) -> str:
    return metric.name.removesuffix("_total" if metric.kind is Kind.COUNTER else "_info")


def _head(metric: Metric, *, openmetrics: bool) -> str:
    name = _family_name(metric) if openmetrics else metric.name
    kind = "gauge" if metric.kind is Kind.INFO and not openmetrics else metric.kind.value
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if openmetrics:
        text = text.replace('"', r"\"")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"
