"""Flux from declared measurements: a dashboard names a measurement, a field and tags, and cannot misspell one.

    events(JOB_POINT).count(by=(OUTCOME,))       how many, per window and tag
    events(JOB_POINT, "duration_seconds").window("mean")
    events(JOB_POINT).table(limit=100)           the newest rows, one column per field and tag

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


@dataclass(frozen=True, slots=True)
class Events:
    """Points of one measurement in the dashboard's time range; `steps` are Flux pipe stages."""

    measurement: Measurement
    fields: tuple[str, ...]
    conditions: tuple[str, ...] = ()

    def where(self, conditions: Mapping[Label, str | tuple[str, ...] | Var]) -> Events:
        """Only points whose tags have these values. A Var is a Grafana variable."""
        made = []
        for tag, wanted in conditions.items():
            name = self.measurement.tag(tag)
            if isinstance(wanted, Var):
                made.append(f"r.{name} =~ /^${{{wanted.name}:regex}}$/")
                continue
            values = (wanted,) if isinstance(wanted, str) else wanted
            for value in values:
                if not tag.allows(value):
                    msg = f"{self.measurement.name}: tag {name!r} has no value {value!r}"
                    raise DeclarationError(msg)
            made.append(" or ".join(f'r.{name} == "{value}"' for value in values))
        return replace(self, conditions=(*self.conditions, *made))

    def contains(self, field: str, variable: str) -> Events:
        """Only points whose text field matches the regular expression a person typed into this text variable."""
        self.measurement.field(field)
        condition = f'(r._field != "{field}" or r._value =~ /(?i)${{{variable}}}/)'
        return replace(self, conditions=(*self.conditions, condition))

    def lines(self) -> list[str]:
        """The stages up to and including the filters."""
        names = " or ".join(f'r._field == "{self.measurement.field(f).name}"' for f in self.fields)
        stages = [
            f'from(bucket: "{self.measurement.bucket}")',
            "  |> range(start: v.timeRangeStart, stop: v.timeRangeStop)",
            f'  |> filter(fn: (r) => r._measurement == "{self.measurement.name}")',
            f"  |> filter(fn: (r) => r.{DEPLOYMENT.name} =~ /^${{deployment:regex}}$/)",
            f"  |> filter(fn: (r) => {names})",
        ]
        stages += [f"  |> filter(fn: (r) => {condition})" for condition in self.conditions]
        return stages

    def _group(self, by: Sequence[Label]) -> str:
        columns = ", ".join(f'"{self.measurement.tag(tag)}"' for tag in by)
        return f"  |> group(columns: [{columns}])"

    def window(
        self, function: str, by: Sequence[Label] = (), *, every: str = "v.windowPeriod", empty: bool = False
    ) -> str:
        """A time series: the field aggregated per window (`mean`, `sum`, `max`, `count`, `last`) and per tag."""
        flag = "true" if empty else "false"
        stages = [
            *self.lines(),
            self._group(by),
            f"  |> aggregateWindow(every: {every}, fn: {function}, createEmpty: {flag})",
        ]
        return "\n".join(stages)

    def quantile(self, q: float, by: Sequence[Label] = (), *, every: str = "v.windowPeriod") -> str:
        """A time series of the exact q-quantile per window."""
        stages = [
            *self.lines(),
            self._group(by),
            f"  |> aggregateWindow(every: {every}, createEmpty: false, fn: (column, tables=<-) => tables\n"
            + f'    |> quantile(q: {q}, column: column, method: "exact_mean"))',
        ]
        return "\n".join(stages)

    def count(self, by: Sequence[Label] = ()) -> str:
        """How many points per window and tag."""
        return self.window("count", by, empty=True)

    def total(self, function: str, by: Sequence[Label] = ()) -> str:
        """One number per tag over the whole range (`count`, `sum`, `mean`, `max`, `last`)."""
        stages = [*self.lines(), self._group(by), f"  |> {function}()"]
        if by:
            stages += ["  |> group()", '  |> sort(columns: ["_value"], desc: true)']
        return "\n".join(stages)

    def table(self, columns: Sequence[str] = (), *, limit: int = 200) -> str:
        """The newest rows first, one column per field and tag. columns: which, in which order (time first)."""
        known = [tag.name for tag in self.measurement.all_tags] + [f.name for f in self.measurement.fields]
        for column in columns:
            if column not in known:
                msg = f"{self.measurement.name} has no column {column!r} (it has: {', '.join(known)})"
                raise DeclarationError(msg)
        shown = columns or known
        keep = ", ".join(f'"{c}"' for c in ("_time", *shown))
        stages = [
            *self.lines(),
            '  |> pivot(rowKey: ["_time"], columnKey: ["_field"], valueColumn: "_value")',
            "  |> group()",
            '  |> sort(columns: ["_time"], desc: true)',
            f"  |> limit(n: {limit})",
            f"  |> keep(columns: [{keep}])",
        ]
        return "\n".join(stages)


def events(measurement: Measurement, *fields: str) -> Events:
    """Points of a measurement; fields: which of its fields (default: all for tables, the first for counting)."""
    for name in fields:
        measurement.field(name)
    return Events(measurement, fields or tuple(f.name for f in measurement.fields))
