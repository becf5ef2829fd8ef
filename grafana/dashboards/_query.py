"""Queries of a panel: PromQL, Flux or SQL with its legend, and the data source that answers it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from exporters.core import health
from exporters.core.errors import DeclarationError
from exporters.core.flux import Flux
from exporters.core.label import Label
from exporters.core.promql import DASHBOARD, Expr
from exporters.core.sql import Sql, TextRows

Json = dict[str, Any]
Legend = str | Label | Sequence[Label]
Asked = Expr | Flux | Sql


@dataclass(frozen=True, slots=True)
class DataSource:
    """One of the provisioned data sources, or the one that a variable of the page chooses among them."""

    type: str
    uid: str

    def json(self) -> Json:
        return {"type": self.type, "uid": self.uid}


PROMETHEUS = DataSource("prometheus", "prometheus")
INFLUXDB = DataSource("influxdb", "influxdb")
INFLUXDB_TEXT = DataSource("influxdb", "influxdb-text")
"""Reads the `_text` buckets. Provisioned in the restricted Grafana only."""
POSTGRES = "postgres"
"""Reads texts where they are. Provisioned in the restricted Grafana only, one for each database that wants it."""
ALERTMANAGER = DataSource("alertmanager", "alertmanager")
DATA_SOURCES = (PROMETHEUS, INFLUXDB, INFLUXDB_TEXT, ALERTMANAGER)


def database_of(rows: TextRows) -> DataSource:
    """The data source that a variable of the page chooses for such rows."""
    return DataSource(POSTGRES, f"${{{rows.database}}}")


def reads_text(source: DataSource) -> bool:
    """Whether it is one of those that only the restricted Grafana has."""
    return source == INFLUXDB_TEXT or source.type == POSTGRES


@dataclass(frozen=True, slots=True)
class Query:
    """One question to one data source, as a panel asks it. legend: as Grafana writes it for that data source."""

    text: str
    source: DataSource
    legend: str = ""
    labels: tuple[Label, ...] = ()
    """The labels that tell this query's series apart; empty if there is one series."""
    format: Literal["time_series", "table", "heatmap"] = "time_series"
    instant: bool = False


def line(asked: Asked, legend: Legend = "") -> Query:
    """A query with its legend: a fixed word, or the labels that tell its series apart.

    stat("Lost", "…", line(LOST.increase("$__range"), "lost"))
    timeseries("Lines", "…", line(LINES.rate(by=LEVEL), LEVEL))
    """
    labels = (legend,) if isinstance(legend, Label) else () if isinstance(legend, str) else tuple(legend)
    names = [label.name for label in labels]
    if isinstance(asked, Flux):
        source = INFLUXDB_TEXT if asked.measurement.kind == "text" else INFLUXDB
        # Flux has no legends: a series is called after its tags, or else after its column.
        named = f'\n  |> rename(columns: {{_value: "{legend}"}})' if isinstance(legend, str) and legend else ""
        return Query(asked.text + named, source, legend if isinstance(legend, str) else "", labels)
    if isinstance(asked, Sql):
        # Columns are named in the statement.
        return Query(asked.text, database_of(asked.rows), format="table", instant=True)
    words = legend if isinstance(legend, str) else " · ".join(f"{{{{{name}}}}}" for name in names)
    return Query(asked.render(DASHBOARD), PROMETHEUS, words, labels)


def as_query(asked: Asked | Query) -> Query:
    """A query as it is; an expression as a query without a legend."""
    return asked if isinstance(asked, Query) else line(asked)


def foreign(name: str, **labels: str) -> Expr:
    """A series that somebody else declares (Prometheus itself, the process), with fixed label values.

    DeclarationError for a series or label that health.FOREIGN does not list.
    """
    chosen = _foreign_selector(name, labels)
    return Expr(lambda _: chosen, frozenset({name}))


def foreign_rate(name: str, **labels: str) -> Expr:
    """The rate per second of a counter that somebody else declares, each series by itself."""
    chosen = _foreign_selector(name, labels)
    return Expr(lambda scope: f"rate({chosen}[{scope.window}])", frozenset({name}))


def _foreign_selector(name: str, labels: Mapping[str, str]) -> str:
    known = health.FOREIGN.get(name)
    unknown = [label for label in labels if label not in (known or ())]
    if known is None or unknown:
        msg = f"{name}: not a known foreign series with labels {sorted(labels)}"
        raise DeclarationError(msg)
    inside = ", ".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}}" if inside else name
