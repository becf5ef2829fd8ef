"""Flux from declared measurements: a dashboard names a measurement, a field and tags, and cannot misspell one.

    events(JOB_POINT, "duration_seconds").count(by=(OUTCOME,))        how many, per window and tag
    events(JOB_POINT, "duration_seconds").window("mean")
    events(LOG_TEXT).contains("search", "line_text").table(limit=100)  the newest rows, one column per field and tag

Rendered for Grafana: `v.timeRangeStart`, `v.timeRangeStop`, `v.windowPeriod` are Grafana's, and rows are filtered by
the dashboard variable `$deployment` (several values allowed).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from exporters.core.errors import DeclarationError
from exporters.core.label import DEPLOYMENT, Label
from exporters.core.measurement import Measurement
from exporters.core.metric import Var

COUNTING = frozenset({"count", "first", "last"})
"""Aggregates that take a field of any type; the others need numbers."""
AGGREGATES = COUNTING | {"sum", "mean", "min", "max", "median", "spread"}


@dataclass(frozen=True, slots=True)
class Flux:
    """One Flux query, and the measurement it reads (whose bucket says which data source may be asked)."""

    text: str
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Events:
    """Points of one measurement in the dashboard's time range.

    fields: which of its fields; empty: all of them. Numbers are made of exactly one.
    tag_conditions: Flux conditions on a stored point. searches: (variable, fields), conditions on a whole row.
    """

    measurement: Measurement
    fields: tuple[str, ...] = ()
    tag_conditions: tuple[str, ...] = ()
    searches: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def where(self, conditions: Mapping[Label, str | tuple[str, ...] | Var]) -> Events:
        """Only points whose tags have these values.

        A Var is a Grafana variable (several values allowed); its All keeps the points that lack the tag.
        """
        made = [self._condition(tag, wanted) for tag, wanted in conditions.items()]
        return replace(self, tag_conditions=(*self.tag_conditions, *made))

    def contains(self, variable: str, *fields: str) -> Events:
        """Only events in one of whose text fields the words stand that a person typed into this text variable.

        Not a pattern: Grafana escapes what was typed, so a lone bracket is looked for instead of breaking the query,
        and nothing typed means every event.
        """
        for name in fields:
            if self.measurement.field(name).type != "str":
                msg = f"{self.measurement.name}: field {name} is no text to search in"
                raise DeclarationError(msg)
        return replace(self, searches=(*self.searches, (variable, fields)))

    def window(
        self, function: str, by: Sequence[Label] = (), *, every: str = "v.windowPeriod", empty: bool = False
    ) -> Flux:
        """A time series: the field aggregated per window and per tag, stamped with the start of the window.

        function: one of AGGREGATES. every: a Flux duration. empty: also windows without a point (null, for counts 0).
        """
        stages = [
            *self._values(function),
            self._group(by),
            # A group is made of many series, each sorted by itself; the order between them is open.
            *(['  |> sort(columns: ["_time"])'] if function in {"first", "last"} else []),
            f'  |> aggregateWindow(every: {every}, fn: {function}, createEmpty: {_bool(empty)}, timeSrc: "_start")',
            self._keep("_time", by),
        ]
        return Flux("\n".join(stages), self.measurement)

    def quantile(self, q: float, by: Sequence[Label] = (), *, every: str = "v.windowPeriod") -> Flux:
        """A time series of the exact q-quantile per window."""
        if not 0 < q < 1:
            msg = f"{self.measurement.name}: a quantile lies between 0 and 1, not {q}"
            raise DeclarationError(msg)
        exact = f'tables |> quantile(q: {q}, column: column, method: "exact_mean")'
        stages = [
            *self._values("quantile"),
            self._group(by),
            f'  |> aggregateWindow(every: {every}, createEmpty: false, timeSrc: "_start",',
            f"      fn: (column, tables=<-) => {exact})",
            self._keep("_time", by),
        ]
        return Flux("\n".join(stages), self.measurement)

    def count(self, by: Sequence[Label] = (), *, every: str = "v.windowPeriod") -> Flux:
        """How many events per window and tag, told by a field that each of them has."""
        return self.window("count", by, every=every, empty=True)

    def total(self, function: str, by: Sequence[Label] = (), *, limit: int = 50, name: str = "_value") -> Flux:
        """One number per tag over the whole range, the largest first; one number without tags. name: its column."""
        stages = [*self._values(function), self._group(by), f"  |> {function}()", self._keep("", by)]
        if by:
            stages += ["  |> group()", '  |> sort(columns: ["_value"], desc: true)', f"  |> limit(n: {limit})"]
        if name != "_value":
            stages.append(f'  |> rename(columns: {{_value: "{name}"}})')
        return Flux("\n".join(stages), self.measurement)

    def table(self, columns: Sequence[str] = (), *, limit: int = 200) -> Flux:
        """The newest rows first, one column per field and tag. columns: which of them, besides the time."""
        known = [tag.name for tag in self.measurement.all_tags] + [f.name for f in self.measurement.fields]
        for column in columns:
            if column not in known:
                msg = f"{self.measurement.name} has no column {column!r} (it has: {', '.join(known)})"
                raise DeclarationError(msg)
        shown = columns or known
        # All fields, also those that are not shown: an event that lacks the shown ones gets its row by another.
        read = self.fields or tuple(f.name for f in self.measurement.fields)
        keep = ", ".join(f'"{c}"' for c in ("_time", *shown))
        stages = [
            *self._rows(read),
            "  |> group()",
            '  |> sort(columns: ["_time"], desc: true)',
            f"  |> limit(n: {limit})",
            f"  |> keep(columns: [{keep}])",
        ]
        return Flux("\n".join(stages), self.measurement)

    def frequent(self, field: str, matching: str = "", *, limit: int = 10) -> Flux:
        """How often each text of a field occurs, the most frequent first.

        matching: only texts that match this regular expression (Go's, without slashes), whatever their case.
        """
        if self.measurement.field(field).type != "str" or "/" in matching:
            msg = f"{self.measurement.name}: {field} is no text, or {matching!r} has a slash"
            raise DeclarationError(msg)
        stages = [
            *self._rows((field,)),
            f"  |> filter(fn: (r) => exists r.{field})",
            *([f"  |> filter(fn: (r) => r.{field} =~ /(?i){matching}/)"] if matching else []),
            '  |> set(key: "_value", value: "1")',
            f'  |> group(columns: ["{field}"])',
            "  |> count()",
            "  |> group()",
            '  |> sort(columns: ["_value"], desc: true)',
            f"  |> limit(n: {limit})",
            f'  |> keep(columns: ["{field}", "_value"])',
        ]
        return Flux("\n".join(stages), self.measurement)

    def _values(self, function: str) -> list[str]:
        """The stages that leave one number per event in `_value`."""
        if function not in AGGREGATES | {"quantile"}:
            msg = f"{self.measurement.name}: unknown aggregate {function!r} (known: {', '.join(sorted(AGGREGATES))})"
            raise DeclarationError(msg)
        if len(self.fields) != 1:
            # Fields differ in type, and a Flux table holds one type.
            msg = f"{self.measurement.name}: {function} takes exactly one field, not {list(self.fields)}"
            raise DeclarationError(msg)
        name = self.fields[0]
        if function not in COUNTING and self.measurement.field(name).type not in {"int", "float"}:
            msg = f"{self.measurement.name}: field {name} is no number, it has no {function}"
            raise DeclarationError(msg)
        if not self.searches:
            return self._points((name,))
        stages = self._rows((name,))
        if function == "count":
            return [*stages, '  |> set(key: "_value", value: "1")']
        return [*stages, f"  |> filter(fn: (r) => exists r.{name})", f'  |> duplicate(column: "{name}", as: "_value")']

    def _points(self, fields: Sequence[str]) -> list[str]:
        names = " or ".join(f'r._field == "{self.measurement.field(f).name}"' for f in fields)
        return [
            f'from(bucket: "{self.measurement.bucket}")',
            "  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)",
            f'  |> filter(fn: (r) => r._measurement == "{self.measurement.name}")',
            f"  |> filter(fn: (r) => r.{DEPLOYMENT.name} =~ /^${{deployment:regex}}$/)",
            *(f"  |> filter(fn: (r) => {condition})" for condition in self.tag_conditions),
            f"  |> filter(fn: (r) => {names})",
        ]

    def _rows(self, fields: Sequence[str]) -> list[str]:
        """One row per event. A search looks at rows: on points it would keep the fields it does not look at."""
        searched = [field for _, names in self.searches for field in names]
        stages = [
            *self._points(tuple(dict.fromkeys((*fields, *searched)))),
            '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
        ]
        for variable, names in self.searches:
            # The empty group: Flux takes a backslash before the closing slash for an escape, even an escaped one.
            found = " or ".join(f"{_or_empty(name)} =~ /(?i)${{{variable}:regex}}()/" for name in names)
            stages.append(f"  |> filter(fn: (r) => {found})")
        return stages

    def _condition(self, tag: Label, wanted: str | tuple[str, ...] | Var) -> str:
        name = self.measurement.tag(tag)
        if isinstance(wanted, Var):
            return f"{_or_empty(name)} =~ /^${{{wanted.name}:regex}}$/"
        values = (wanted,) if isinstance(wanted, str) else wanted
        for value in values:
            if not tag.allows(value):
                legal = ", ".join(tag.values or ())
                msg = f"{self.measurement.name}: tag {name!r} has no value {value!r} (it has: {legal})"
                raise DeclarationError(msg)
        return " or ".join(f'r.{name} == "{value}"' for value in values)

    def _group(self, by: Sequence[Label]) -> str:
        return f"  |> group(columns: [{self._names(by)}])"

    def _keep(self, time: str, by: Sequence[Label]) -> str:
        columns = ", ".join(part for part in (f'"{time}"' if time else "", '"_value"', self._names(by)) if part)
        return f"  |> keep(columns: [{columns}])"

    def _names(self, by: Sequence[Label]) -> str:
        return ", ".join(f'"{self.measurement.tag(tag)}"' for tag in by)


def events(measurement: Measurement, *fields: str) -> Events:
    """Points of a measurement; fields: which of its fields (default: all)."""
    for name in fields:
        measurement.field(name)
    return Events(measurement, fields)


def _or_empty(column: str) -> str:
    """The column, or "" where a row has none: a comparison with nothing would drop the row."""
    return f'(if exists r.{column} then r.{column} else "")'


def _bool(value: bool) -> str:  # noqa: FBT001 - it is the value
    return "true" if value else "false"
