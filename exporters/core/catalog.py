"""Everything declared, over all systems: names are unique, and a query can only name what is declared.

    catalog.promql("sum by (levle) (rate(her_log_lines_total[5m]))")
        -> ["her_log_lines_total has no label 'levle' (it has: deployment, level, logger)"]
    catalog.flux('from(bucket: "her") |> filter(fn: (r) => r._measurement == "her_jobs")')
        -> ["no measurement 'her_jobs' (did you mean her_job?)"]

Dashboards and rules are made from the declarations and cannot be wrong in this way; a query written by hand can
(documentation, promtool tests, a rule file edited in place), and what is generated is checked like everything else.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exporters.core import health
from exporters.core.catalog_flux import FluxNames, flux_names
from exporters.core.catalog_promql import Matcher, Selector, promql_names
from exporters.core.errors import DeclarationError
from exporters.core.floats import go_float
from exporters.core.label import OTHER, Label
from exporters.core.measurement import Measurement
from exporters.core.metric import Kind, Metric

TARGET_LABELS = frozenset({"job", "instance", "__name__"})
"""Labels every scraped series has."""
_SUFFIXES = ("_bucket", "_sum", "_count")
_STORED = frozenset({"_time", "_value", "_field", "_measurement", "_start", "_stop"})
_VARIABLE = re.compile(r"\$\w|\$\{|\[\[")
_ALTERNATIVE = re.compile(r"\|(?![^(]*\))")


@dataclass(frozen=True, slots=True)
class _Series:
    """One series name: its labels, with closed sets where they are known, and the edges of a `_bucket`."""

    owner: str
    labels: Mapping[str, Label | None]
    edges: tuple[str, ...] = ()


class Catalog:
    """All metrics and measurements. foreign: series that somebody else declares, with their labels."""

    def __init__(
        self,
        metrics: Iterable[Metric],
        measurements: Iterable[Measurement],
        foreign: Mapping[str, Iterable[str]] = health.FOREIGN,
    ) -> None:
        """Raises DeclarationError naming everything that is declared twice."""
        self.metrics = tuple(metrics)
        measurements = tuple(measurements)
        self.measurements = {m.name: m for m in measurements}
        declared = [m.name for m in self.metrics] + [m.name for m in measurements]
        series = [name for metric in self.metrics for name in _series_names(metric)]
        twice = {name for names in (declared, series) for name, n in Counter(names).items() if n > 1}
        if twice:
            msg = f"declared twice: {', '.join(sorted(twice))}"
            raise DeclarationError(msg)
        self._series = {name: _Series(name, dict.fromkeys(labels)) for name, labels in foreign.items()}
        for metric in self.metrics:
            labels = {label.name: label for label in metric.labels}
            edges = (*(go_float(edge) for edge in metric.buckets), "+Inf")
            for name in _series_names(metric):
                bucket = metric.kind is Kind.HISTOGRAM and name.endswith("_bucket")
                self._series[name] = _Series(metric.name, labels, edges if bucket else ())

    def promql(self, text: str, recorded: Mapping[str, Iterable[str]] | None = None) -> list[str]:
        """What a PromQL text names that is not declared. recorded: names of recording rules, with their labels."""
        extra = {name: _Series(name, dict.fromkeys(labels)) for name, labels in (recorded or {}).items()}
        names = promql_names(text)
        problems: list[str] = []
        legal = set(names.made) | set(TARGET_LABELS)
        owners: set[str] = set()
        for selector in names.selectors:
            found = self._selected(selector, extra)
            if not found:
                problems.append(self._unknown("metric", selector.name or "{…}", [*self._series, *extra]))
            for series in found:
                legal |= series.labels.keys() | ({"le"} if series.edges else set())
                owners.add(series.owner)
                problems += [p for matcher in selector.matchers for p in _matcher_problems(series, matcher)]
        for label in names.labels:
            if label not in legal and owners:
                has = ", ".join(sorted(legal - TARGET_LABELS - {"__name__"}))
                problems.append(f"{', '.join(sorted(owners))} has no label {label!r} (it has: {has})")
        return list(dict.fromkeys(problems))

    def flux(self, text: str) -> list[str]:
        """What a Flux text names that is not declared."""
        names = flux_names(text)
        buckets = {m.bucket for m in self.measurements.values()}
        problems = [self._unknown("bucket", b, sorted(buckets)) for b in names.buckets if b not in buckets]
        read = []
        for name in names.measurements:
            if name not in self.measurements:
                problems.append(self._unknown("measurement", name, sorted(self.measurements)))
                continue
            measurement = self.measurements[name]
            read.append(measurement)
            if names.buckets and measurement.bucket not in names.buckets:
                problems.append(f"{name} is in bucket {measurement.bucket}, not in {', '.join(names.buckets)}")
        if names.buckets and not names.measurements:
            problems.append("names no measurement: it would read a whole bucket")
        if read:
            problems += _column_problems(read, names)
        return list(dict.fromkeys(problems))

    def metrics_in(self, text: str) -> set[str]:
        """Declared metrics that a PromQL text reads."""
        own = {metric.name for metric in self.metrics}
        return {s.owner for x in promql_names(text).selectors for s in self._selected(x, {})} & own

    def measurements_in(self, text: str) -> set[str]:
        """Declared measurements that a Flux text reads."""
        return set(flux_names(text).measurements) & self.measurements.keys()

    def unused(self, promql: Iterable[str], flux: Iterable[str]) -> list[str]:
        """Declared things nobody asks for and that do not say why, and excuses that are out of date."""
        used = {name for text in promql for name in self.metrics_in(text)}
        used |= {name for text in flux for name in self.measurements_in(text)}
        problems = []
        things: tuple[Metric | Measurement, ...] = (*self.metrics, *self.measurements.values())
        for thing in things:
            if thing.name not in used and not thing.unused:
                problems.append(f"{thing.name} is declared, but no dashboard, rule or documented query names it")
            elif thing.name in used and thing.unused:
                problems.append(f"{thing.name} says it is unused ({thing.unused}), but a query names it")
        return problems

    def _selected(self, selector: Selector, extra: Mapping[str, _Series]) -> list[_Series]:
        known = {**self._series, **extra}
        if selector.name:
            return [known[selector.name]] if selector.name in known else []
        by_name = [m for m in selector.matchers if m.label == "__name__"]
        return [s for name, s in known.items() if by_name and all(_accepts(m, name) for m in by_name)]

    @staticmethod
    def _unknown(what: str, name: str, legal: Iterable[str]) -> str:
        near = difflib.get_close_matches(name, list(legal), n=1)
        return f"no {what} {name!r}" + (f" (did you mean {near[0]}?)" if near else "")


def _series_names(metric: Metric) -> tuple[str, ...]:
    return tuple(metric.name + s for s in _SUFFIXES) if metric.kind is Kind.HISTOGRAM else (metric.name,)


def _matcher_problems(series: _Series, matcher: Matcher) -> list[str]:
    if matcher.label in TARGET_LABELS:
        return []
    if matcher.label == "le" and series.edges:
        return _value_problems(f"{series.owner} has no bucket edge", series.edges, matcher)
    if matcher.label not in series.labels:
        has = ", ".join(series.labels)
        return [f"{series.owner} has no label {matcher.label!r} (it has: {has})"]
    label = series.labels[matcher.label]
    if label is None or label.values is None:
        return []
    start = f"{series.owner}: label {matcher.label!r} has no value"
    return _value_problems(start, (*label.values, OTHER, ""), matcher)


def _value_problems(start: str, legal: tuple[str, ...], matcher: Matcher) -> list[str]:
    if _VARIABLE.search(matcher.value):
        return []
    shown = ", ".join(v for v in legal if v)
    if matcher.operator in {"=", "!="}:
        return [] if matcher.value in legal else [f"{start} {matcher.value!r} (it has: {shown})"]
    dead = [part for part in _ALTERNATIVE.split(matcher.value) if not any(_full(part, value) for value in legal)]
    return [f"{start} like {part!r} (it has: {shown})" for part in dead]


def _accepts(matcher: Matcher, name: str) -> bool:
    """Whether a series of this name passes a matcher on __name__."""
    hit = _full(matcher.value, name) if "~" in matcher.operator else matcher.value == name
    return hit != matcher.operator.startswith("!")


def _full(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:
        return False


def _column_problems(read: list[Measurement], names: FluxNames) -> list[str]:
    fields = {f.name for m in read for f in m.fields}
    tags = {t.name: t for m in read for t in m.all_tags}
    who = ", ".join(dict.fromkeys(m.name for m in read))
    has = f"(it has: {', '.join([*tags, *sorted(fields)])})"
    problems = [f"{who} has no field {name!r} {has}" for name in names.fields if name not in fields]
    legal = fields | tags.keys() | _STORED | names.made
    problems += [f"{who} has no tag or field {name!r} {has}" for name in names.columns if name not in legal]
    for column, value in names.values:
        tag = tags.get(column)
        if tag is not None and value and not _VARIABLE.search(value) and not tag.allows(value):
            problems.append(f"{who}: tag {column!r} has no value {value!r} (it has: {', '.join(tag.values or ())})")
    return problems
