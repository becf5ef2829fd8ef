"""The house vocabulary: a dashboard reads like a table of contents.

    board("HER / Overview", uid="her-overview", ..., rows=[
        row("Is it working?", stat("HER", "Is it alive?", HEARTBEAT.age(), unit=AGE), stat(...)),
        row("Traffic", timeseries("Tokens", "How many?", TOKENS.rate()), ...),
    ])

Panels are made from metrics and measurements, so a misspelt name is an import error. The modules beside this one own
units, colours, legends and widths; this one turns a board into Grafana's JSON, and is the only importer of grafanalib.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from grafanalib import core as G  # noqa: N812 - grafanalib's documentation calls it so
from grafanalib._gen import DashboardEncoder
from grafanalib.influxdb import InfluxDBTarget

from exporters.core.promql import DASHBOARD
from grafana.dashboards import _normalise
from grafana.dashboards._bar_panels import bar_chart
from grafana.dashboards._board import (
    HOME,
    REFRESH_CHOICES,
    Annotation,
    Board,
    Variable,
    choice,
    databases,
    deployments,
    go,
    home_link,
    members,
    offered,
    outward_link,
    pages_link,
    search_box,
)
from grafana.dashboards._graph_panels import node_graph, stage_bars
from grafana.dashboards._layout import Place, placed
from grafana.dashboards._look import (
    AGE,
    ALTERNATIVE,
    BAD,
    BYTES,
    COUNT,
    FINE_RATIO,
    FROM_NOW,
    GOOD,
    MOMENT,
    NEUTRAL,
    NUMBER,
    PER_HOUR,
    PER_SECOND,
    QUIET,
    RATIO,
    SCORE,
    SECONDS,
    TEXT,
    UP_DOWN,
    WARNING,
    WORST,
    YES_NO,
    Limits,
    Unit,
    Word,
)  # fmt: skip
from grafana.dashboards._moment_panels import moments
from grafana.dashboards._number_panels import bar_gauge, gauge, stat
from grafana.dashboards._other_panels import alerts, logs, pages, text
from grafana.dashboards._panel import EMPTY_IS_NORMAL, ZERO_IS_NORMAL, Json, Panel, Row, row
from grafana.dashboards._query import DATA_SOURCES, INFLUXDB, PROMETHEUS, DataSource, Query, foreign, foreign_rate, line
from grafana.dashboards._table_panels import (
    Column,
    column,
    counts_table,
    event_table,
    label_table,
    number,
    row_table,
    totals_table,
)
from grafana.dashboards._time_panels import heatmap, states, timeseries

__all__ = [
    "AGE", "ALTERNATIVE", "BAD", "BYTES", "COUNT", "DATA_SOURCES", "EMPTY_IS_NORMAL", "FINE_RATIO", "FROM_NOW",
    "GOOD", "HOME", "INFLUXDB", "MOMENT", "NEUTRAL", "NUMBER", "PER_HOUR", "PER_SECOND", "PROMETHEUS", "QUIET",
    "RATIO", "SCORE", "SECONDS", "TEXT", "UP_DOWN", "WARNING", "WORST", "YES_NO", "ZERO_IS_NORMAL", "Annotation",
    "Board", "Column", "DataSource", "Json", "Limits", "Panel", "Query", "Row", "Unit", "Variable", "Word",
    "alerts", "bar_chart", "bar_gauge", "board", "choice", "column", "counts_table", "databases", "deployments",
    "event_table", "foreign", "foreign_rate", "gauge", "go", "heatmap", "home_link", "label_table", "line", "logs",
    "members", "moments", "node_graph", "number", "offered", "outward_link", "pages", "pages_link", "row", "row_table",
    "search_box", "stage_bars", "stat", "states", "text", "timeseries", "to_json", "totals_table",
]  # fmt: skip


class _AnyPanel(G.Panel):
    """A panel whose type and settings are all in `extraJson`.

    grafanalib's own panel types write settings of Grafana 7 and 8, and it lacks half of today's types.
    """

    def to_json_data(self) -> Json:
        made: Json = self.panel_json({})  # type: ignore[no-untyped-call]
        return made


def board(title: str, *, uid: str, rows: Sequence[Row], **rest: Any) -> Board:
    """A dashboard. rest: as Board has it."""
    return Board(title=title, uid=uid, rows=tuple(rows), **rest)


def to_json(made: Board) -> Json:
    """The dashboard as Grafana reads it from a file: the same bytes for the same board, whatever the day."""
    panels: list[G.Panel] = []
    for number_, (thing, place) in enumerate(placed(made.rows), start=1):
        panels.append(_heading(thing, number_, place) if isinstance(thing, Row) else _panel(thing, number_, place))
    dashboard = G.Dashboard(
        title=made.title,
        uid=made.uid,
        description=made.description,
        editable=False,
        graphTooltip=G.GRAPH_TOOLTIP_MODE_SHARED_CROSSHAIR,
        links=list(made.links),
        panels=panels,
        refresh=made.refresh,
        schemaVersion=_normalise.SCHEMA_VERSION,
        tags=list(made.tags),
        templating=G.Templating([variable.json for variable in made.variables]),
        annotations=G.Annotations([_annotation(a) for a in made.annotations]),
        time=G.Time(made.start, "now"),
        timePicker=G.TimePicker(refreshIntervals=list(REFRESH_CHOICES), timeOptions=[]),
        timezone="utc" if made.utc else "browser",
        version=1,
    )
    return _normalise.dashboard(json.loads(json.dumps(dashboard, cls=DashboardEncoder)))


def _heading(made: Row, number_: int, place: Place) -> G.RowPanel:
    return G.RowPanel(title=made.title, id=number_, gridPos=_grid(place))


def _panel(made: Panel, number_: int, place: Place) -> G.Panel:
    defaults = {**made.defaults, "noValue": made.nothing} if made.nothing else made.defaults
    return _AnyPanel(
        title=made.title,
        description=made.description,
        dataSource=made.queries[0].source.json() if made.queries else None,
        gridPos=_grid(place),
        id=number_,
        interval=made.interval or None,
        links=list(made.links),
        maxDataPoints=made.points,
        targets=[_target(query, chr(ord("A") + index)) for index, query in enumerate(made.queries)],
        transformations=list(made.transformations),
        extraJson={
            "type": made.kind,
            "fieldConfig": {"defaults": defaults, "overrides": list(made.overrides)},
            "options": made.options,
        },
    )


def _grid(place: Place) -> G.GridPos:
    return G.GridPos(h=place.height, w=place.width, x=place.x, y=place.y)


def _target(query: Query, ref: str) -> G.Target | InfluxDBTarget | G.SqlTarget:
    if query.source.type == "influxdb":
        return InfluxDBTarget(query=query.text, refId=ref, datasource=query.source.json())
    if query.source.type == "postgres":
        return G.SqlTarget(rawSql=query.text, format=query.format, refId=ref, datasource=query.source.json())
    return G.Target(
        expr=query.text,
        legendFormat=query.legend,
        format=query.format,
        instant=query.instant,
        refId=ref,
        datasource=query.source.json(),
    )


def _annotation(made: Annotation) -> Json:
    return {
        "datasource": PROMETHEUS.json(),
        "enable": True,
        "expr": made.asked.render(DASHBOARD),
        "hide": False,
        "iconColor": made.colour,
        "name": made.name,
        "tagKeys": "deployment",
        "textFormat": "",
        "titleFormat": made.name,
        "useValueForTime": "on",
    }
