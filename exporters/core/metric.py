"""A metric, declared once. It refuses to be wrong at import, and makes every PromQL selector that names it.

REPLIES = counter("her_replies_total", "Replies sent to a user.", labels=(MODE,))
REPLIES.rate(by=MODE)   ->  sum by (mode) (rate(her_replies_total{deployment=~"$deployment"}[$__rate_interval]))
REPLIES.rate(by=USER)   ->  DeclarationError: her_replies_total has no label 'user' (it has: deployment, mode)
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from exporters.core.errors import DeclarationError
from exporters.core.floats import go_float
from exporters.core.label import DEPLOYMENT, NAME, Label
from exporters.core.promql import Expr, Scope, number, time

UNITS = ("seconds", "bytes", "ratio", "celsius", "info", "hertz", "watts", "joules", "volts")
_UNIT_WORDS_REFUSED = ("milliseconds", "ms", "minutes", "hours", "percent", "megabytes", "mb", "kb")


class Kind(Enum):
    """What Prometheus calls the type of a metric."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Not:
    """In `where`: every value but these."""

    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Var:
    """In `where`: the Grafana variable of this name (several values allowed)."""

    name: str


@dataclass(frozen=True, slots=True)
class Like:
    """In `where`: a regular expression, anchored as PromQL anchors it. For open sets."""

    pattern: str


Matcher = str | tuple[str, ...] | Not | Var | Like
Where = Mapping[Label, Matcher]
By = Label | Sequence[Label]


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric family.

    labels: in order; a source-derived metric has `deployment` first, added by the factories below.
    buckets: upper edges of a histogram, ascending, without +Inf.
    start: label values (without deployment) whose series exist at 0 before anything happened.
    lasting: a gauge that is never withdrawn: the time of the last event of a kind stays true while nobody can look.
    unused: why no dashboard, rule or documentation query names it; empty if one does.
    """

    name: str
    help: str
    kind: Kind
    labels: tuple[Label, ...]
    buckets: tuple[float, ...] = ()
    start: tuple[tuple[str, ...], ...] = field(default=())
    lasting: bool = False
    unused: str = ""

    def __post_init__(self) -> None:
        for problem in _problems(self):
            msg = f"{self.name}: {problem}"
            raise DeclarationError(msg)

    def __repr__(self) -> str:
        return f"Metric({self.name})"

    @property
    def per_deployment(self) -> bool:
        """Whether the metric comes from a watched system (and so carries `deployment` first)."""
        return bool(self.labels) and self.labels[0] is DEPLOYMENT

    @property
    def own_labels(self) -> tuple[Label, ...]:
        """The labels an event gives values for: all but `deployment` of a source-derived metric."""
        return self.labels[1:] if self.per_deployment else self.labels

    # Counters, and histograms as counters of their observations.

    def rate(self, by: By = (), where: Where | None = None, window: str = "") -> Expr:
        """Events per second, summed."""
        return self._summed("rate", self._countable(), by, where, window)

    def increase(self, window: str = "", by: By = (), where: Where | None = None) -> Expr:
        """Events in the window, summed. Extrapolated by Prometheus, hence not always an integer."""
        return self._summed("increase", self._countable(), by, where, window)

    def rate_of_sum(self, by: By = (), where: Where | None = None, window: str = "") -> Expr:
        """Observed units per second of a histogram (seconds of work per second, tokens per second)."""
        self._needs(Kind.HISTOGRAM)
        return self._summed("rate", self.name + "_sum", by, where, window)

    # Histograms.

    def quantile(self, q: float, by: By = (), where: Where | None = None, window: str = "") -> Expr:
        """An estimate of the q-quantile from the buckets, in the metric's unit."""
        self._needs(Kind.HISTOGRAM)
        if not 0 < q < 1:
            msg = f"{self.name}: a quantile lies between 0 and 1, not {q}"
            raise DeclarationError(msg)
        inner = self._summed("rate", self.name + "_bucket", by, where, window, le=True)
        return Expr(lambda s: f"histogram_quantile({number(q)}, {inner.text(s)})", inner.metrics)

    def mean(self, by: By = (), where: Where | None = None, window: str = "") -> Expr:
        """The exact mean: sum over count."""
        self._needs(Kind.HISTOGRAM)
        total = self._summed("rate", self.name + "_sum", by, where, window)
        return total / self._summed("rate", self.name + "_count", by, where, window)

    def distribution(self, where: Where | None = None, window: str = "") -> Expr:
        """New observations per bucket, for a heat map (`le` kept)."""
        self._needs(Kind.HISTOGRAM)
        return self._summed("increase", self.name + "_bucket", (), where, window, le=True)

    def share_within(self, edge: float, by: By = (), where: Where | None = None, window: str = "") -> Expr:
        """Share of observations at most `edge`, which must be a declared bucket edge."""
        self._needs(Kind.HISTOGRAM)
        if edge not in self.buckets:
            msg = f"{self.name} has no bucket edge {edge} (it has: {', '.join(map(number, self.buckets))})"
            raise DeclarationError(msg)
        within = self._summed("rate", self.name + "_bucket", by, where, window, edge=edge)
        return within / self._summed("rate", self.name + "_count", by, where, window)

    # Gauges (and the present total of a counter).

    def value(self, where: Where | None = None) -> Expr:
        """Every series as it is."""
        self._needs(Kind.GAUGE, Kind.COUNTER, Kind.INFO)
        return self._selector(self.name, where, "")

    def sum(self, by: By = (), where: Where | None = None) -> Expr:
        """The present values, summed."""
        return self._aggregate("sum", by, where)

    def max(self, by: By = (), where: Where | None = None) -> Expr:
        """The largest present value."""
        return self._aggregate("max", by, where)

    def min(self, by: By = (), where: Where | None = None) -> Expr:
        """The smallest present value."""
        return self._aggregate("min", by, where)

    def avg(self, by: By = (), where: Where | None = None) -> Expr:
        """The mean of the present values."""
        return self._aggregate("avg", by, where)

    def over_time(self, function: str, window: str, by: By = (), where: Where | None = None) -> Expr:
        """`max(function(x[window]))` by labels, for example `last_over_time` so that an alert outlives a gap."""
        self._needs(Kind.GAUGE, Kind.COUNTER)
        if function not in {"last_over_time", "max_over_time", "min_over_time", "avg_over_time", "changes", "delta"}:
            msg = f"{self.name}: unknown function over time {function!r}"
            raise DeclarationError(msg)
        inner = self._selector(self.name, where, window, function)
        outer = "min" if function == "min_over_time" else "max"
        return self._grouped(outer, inner, self._names(by))

    def age(self, by: By = (), where: Where | None = None, window: str = "", *, oldest: bool = False) -> Expr:
        """Seconds since the time a timestamp gauge holds, of a group's newest or oldest.

        window: look this far back for the last known time, so that an exporter gone blind does not look like a cure.
        """
        if not self.name.endswith("_timestamp_seconds"):
            msg = f"{self.name}: only a *_timestamp_seconds gauge has an age"
            raise DeclarationError(msg)
        if window:
            return time() - self.over_time("last_over_time", window, by, where)
        return time() - (self.min(by, where) if oldest else self.max(by, where))

    # How selectors are made.

    def _needs(self, *kinds: Kind) -> None:
        if self.kind not in kinds:
            msg = f"{self.name} is a {self.kind.value}"
            raise DeclarationError(msg)

    def _countable(self) -> str:
        self._needs(Kind.COUNTER, Kind.HISTOGRAM)
        return self.name + "_count" if self.kind is Kind.HISTOGRAM else self.name

    def _names(self, by: By) -> tuple[str, ...]:
        labels = (by,) if isinstance(by, Label) else tuple(by)
        for label in labels:
            self._check_label(label)
        return tuple(label.name for label in labels)

    def _check_label(self, label: Label) -> None:
        if label not in self.labels:
            has = ", ".join(known.name for known in self.labels)
            msg = f"{self.name} has no label {label.name!r} (it has: {has})"
            raise DeclarationError(msg)

    def _selector(self, series: str, where: Where | None, window: str, function: str = "", edge: float = -1) -> Expr:
        own = [self._matcher(label, wanted) for label, wanted in (where or {}).items()]
        named = {label.name for label in (where or {})}
        if edge >= 0:
            own.append(f'le="{go_float(edge)}"')
        mine = {label.name for label in self.labels}

        def text(scope: Scope) -> str:
            extra = [m for name, m in scope.matchers if name in mine and name not in named]
            inside = ", ".join(extra + own)
            chosen = series + (f"{{{inside}}}" if inside else "")
            return f"{function}({chosen}[{window or scope.window}])" if function else chosen

        return Expr(text, frozenset((self.name,)))

    def _matcher(self, label: Label, wanted: Matcher) -> str:
        self._check_label(label)
        if isinstance(wanted, Var):
            return f'{label.name}=~"${wanted.name}"'
        if isinstance(wanted, Like):
            return f'{label.name}=~"{wanted.pattern}"'
        negative = isinstance(wanted, Not)
        values = wanted.values if isinstance(wanted, Not) else (wanted,) if isinstance(wanted, str) else wanted
        for value in values:
            if not label.allows(value):
                legal = ", ".join(label.values or ())
                msg = f"{self.name}: label {label.name!r} has no value {value!r} (it has: {legal})"
                raise DeclarationError(msg)
        if len(values) == 1:
            return f'{label.name}{"!=" if negative else "="}"{values[0]}"'
        joined = "|".join(re.escape(v).replace("\\", "\\\\") for v in values)
        return f'{label.name}{"!~" if negative else "=~"}"{joined}"'

    def _aggregate(self, function: str, by: By, where: Where | None) -> Expr:
        return self._grouped(function, self.value(where), self._names(by))

    def _summed(
        self,
        function: str,
        series: str,
        by: By,
        where: Where | None,
        window: str,
        *,
        le: bool = False,
        edge: float = -1,
    ) -> Expr:
        names = self._names(by) + (("le",) if le else ())
        return self._grouped("sum", self._selector(series, where, window, function, edge), names)

    def _grouped(self, function: str, inner: Expr, names: tuple[str, ...]) -> Expr:
        mine = {label.name for label in self.labels}

        def text(scope: Scope) -> str:
            kept = tuple(k for k in scope.keep if k in mine and k not in names) + names
            group = f" by ({', '.join(kept)})" if kept else ""
            return f"{function}{group} ({inner.text(scope)})"

        return Expr(text, inner.metrics)


def counter(
    name: str,
    help: str,  # noqa: A002 - the field's own word
    labels: tuple[Label, ...] = (),
    start: tuple[tuple[str, ...], ...] | None = None,
    unused: str = "",
) -> Metric:
    """A source-derived counter. Series of closed sets start at 0; `start` narrows that to the pairs that occur."""
    return Metric(name, help, Kind.COUNTER, (DEPLOYMENT, *labels), (), _start(labels, start), unused=unused)


def gauge(
    name: str,
    help: str,  # noqa: A002 - the field's own word
    labels: tuple[Label, ...] = (),
    *,
    lasting: bool = False,
    unused: str = "",
) -> Metric:
    """A source-derived gauge: absent when its last successful read is older than twice its interval, unless lasting."""
    return Metric(name, help, Kind.GAUGE, (DEPLOYMENT, *labels), lasting=lasting, unused=unused)


def info(name: str, help: str, labels: tuple[Label, ...], unused: str = "") -> Metric:  # noqa: A002
    """A source-derived `_info` gauge: value 1, the facts in its labels."""
    return Metric(name, help, Kind.INFO, (DEPLOYMENT, *labels), unused=unused)


def histogram(
    name: str,
    help: str,  # noqa: A002 - the field's own word
    buckets: tuple[float, ...],
    labels: tuple[Label, ...] = (),
    start: tuple[tuple[str, ...], ...] | None = None,
    unused: str = "",
) -> Metric:
    """A source-derived histogram with these upper edges."""
    return Metric(name, help, Kind.HISTOGRAM, (DEPLOYMENT, *labels), buckets, _start(labels, start), unused=unused)


def _start(labels: tuple[Label, ...], start: tuple[tuple[str, ...], ...] | None) -> tuple[tuple[str, ...], ...]:
    if start is not None:
        return start
    combinations: list[tuple[str, ...]] = [()]
    for label in labels:
        if label.values is None:
            return ()  # an open set has no members before the first one
        combinations = [(*c, v) for c in combinations for v in label.values]
    return tuple(combinations)


def _problems(m: Metric) -> list[str]:
    problems: list[str] = []
    if not NAME.match(m.name) or "__" in m.name:
        problems.append("a name is snake_case")
    if not m.help.endswith((".", "?")):
        problems.append("help is a sentence with a full stop")
    if m.name.endswith("_total") != (m.kind is Kind.COUNTER):
        problems.append("_total if and only if it counts")
    if m.name.endswith("_info") != (m.kind is Kind.INFO):
        problems.append("_info if and only if it is an info metric")
    if m.kind is not Kind.COUNTER and m.name.endswith(("_sum", "_count", "_bucket", "_created")):
        problems.append("the suffixes _sum, _count, _bucket, _created belong to histograms")
    words = m.name.removesuffix("_total").split("_")
    if words[-1] in _UNIT_WORDS_REFUSED:
        problems.append(f"unit {words[-1]!r}: use base units ({', '.join(UNITS)})")
    if (m.kind is Kind.HISTOGRAM) != bool(m.buckets):
        problems.append("buckets if and only if it is a histogram")
    if m.lasting and not (m.kind is Kind.GAUGE and m.name.endswith("_timestamp_seconds")):
        problems.append("only the time of an event outlasts the last read")
    if list(m.buckets) != sorted(set(m.buckets)):
        problems.append("bucket edges ascend")
    names = [label.name for label in m.labels]
    if len(set(names)) != len(names):
        problems.append(f"labels repeat: {names}")
    problems.extend(f"start {values!r} does not fit the labels" for values in m.start if not _fits(m, values))
    return problems


def _fits(m: Metric, values: tuple[str, ...]) -> bool:
    return len(values) == len(m.own_labels) and all(
        label.allows(value) for label, value in zip(m.own_labels, values, strict=True)
    )
