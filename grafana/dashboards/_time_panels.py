"""Panels with time from left to right: lines, bars, heat maps, states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from exporters.core.promql import Expr
from grafana.dashboards._look import (
    COUNT,
    MEANING,
    NEUTRAL,
    NUMBER,
    PER_HOUR,
    QUIET,
    SERIES,
    Limits,
    Unit,
    Word,
    mappings,
    only,
)
from grafana.dashboards._number_panels import display_name, painted
from grafana.dashboards._panel import Json, Panel
from grafana.dashboards._query import PROMETHEUS, Asked, Query, as_query, line

Style = Literal["lines", "stacked", "bars"]


def timeseries(
    title: str,
    question: str,
    *asked: Asked | Query,
    unit: Unit = COUNT,
    style: Style = "lines",
    colours: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    lowest: float = 0,
    highest: float | None = None,
    interval: str = "",
    nothing: str = "",
    width: int = 12,
    height: int = 8,
    **marks: Any,
) -> Panel:
    """Lines over time; `stacked` as areas on top of each other, `bars` as stacked columns.

    colours: by legend, beyond those that closed labels have by their meaning. limits: drawn as dashed lines.
    """
    queries = tuple(as_query(a) for a in asked)
    hues = {**_by_meaning(queries), **(colours or {})}
    single = len(queries) == 1 and not queries[0].labels
    stacked = style != "lines"
    counts = unit in {COUNT, NUMBER, PER_HOUR}
    defaults: Json = {
        "color": {"mode": "fixed", "fixedColor": NEUTRAL} if single and not hues else {"mode": "palette-classic"},
        "custom": {
            "axisBorderShow": False,
            "axisColorMode": "text",
            "axisPlacement": "auto",
            "barAlignment": 1 if style == "bars" else 0,
            "drawStyle": "bars" if style == "bars" else "line",
            "fillOpacity": {"lines": 10, "stacked": 35, "bars": 70}[style],
            "gradientMode": "none",
            "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            "insertNulls": False,
            "lineInterpolation": "linear",
            "lineWidth": 1 if stacked else 2,
            "pointSize": 4,
            "scaleDistribution": {"type": "linear"},
            "showPoints": "auto" if style == "lines" else "never",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
            "thresholdsStyle": {"mode": "dashed" if limits else "off"},
        },
        "mappings": [],
        "min": lowest,
        "thresholds": {"mode": "absolute", "steps": limits.steps() if limits else only(NEUTRAL)},
        # Decimals are for single numbers: on an axis they make 0, 0, 1, 1 of 0, 0.5, 1, 1.5.
        "unit": "short" if counts else unit.grafana,
    }
    if len(queries) == 1 and queries[0].source.type == "influxdb" and len(queries[0].labels) > 1:
        # By itself Grafana calls a series of Flux after its only tag, or after the JSON of several.
        defaults["displayName"] = display_name(queries[0])
    if highest is not None:
        defaults["max"] = highest
    elif counts:
        # Nothing but zeros would otherwise stand below an axis that goes to 100.
        defaults["custom"]["axisSoftMax"] = 1
    return Panel(
        kind="timeseries",
        title=title,
        question=question,
        queries=queries,
        width=width,
        height=height,
        defaults=defaults,
        overrides=(*_shaded(queries), *(painted(name, hue) for name, hue in hues.items())),
        options={
            "legend": {
                "calcs": [],
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": not single or bool(queries[0].legend),
            },
            "tooltip": {"mode": "single" if single else "multi", "sort": "none" if single else "desc"},
        },
        interval=interval,
        nothing=nothing,
        **marks,
    )


def heatmap(
    title: str, question: str, asked: Expr, unit: Unit, width: int = 12, height: int = 9, **marks: Any
) -> Panel:
    """How a histogram's observations spread over time: `METRIC.distribution()`."""
    made = line(asked, "{{le}}")
    return Panel(
        kind="heatmap",
        title=title,
        question=question,
        queries=(Query(made.text, PROMETHEUS, made.legend, format="heatmap"),),
        width=width,
        height=height,
        defaults={"custom": {"hideFrom": {"legend": False, "tooltip": False, "viz": False}}},
        options={
            "calculate": False,
            "cellGap": 1,
            "cellValues": {"unit": "short", "decimals": 0},
            "color": {
                "exponent": 0.5,
                "fill": NEUTRAL,
                "mode": "scheme",
                "reverse": False,
                "scale": "exponential",
                "scheme": "Blues",
                "steps": 64,
            },
            "exemplars": {"color": "purple"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": False},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "show": True, "showColorScale": False, "yHistogram": False},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit.grafana},
        },
        # Grafana cannot draw a heat map of a single moment, which is what a long range over a young Prometheus is:
        # with steps this short a day's page is drawn four minutes after the start.
        points=400,
        **marks,
    )


def states(
    title: str,
    question: str,
    *asked: Asked | Query,
    words: Mapping[float | str, Word],
    width: int = 24,
    height: int = 6,
    **marks: Any,
) -> Panel:
    """States over time as coloured bands, one per legend."""
    return Panel(
        kind="state-timeline",
        title=title,
        question=question,
        queries=tuple(as_query(a) for a in asked),
        width=width,
        height=height,
        defaults={
            # Not by thresholds: Grafana would then merge the values into ranges, and forget what they are called.
            "color": {"mode": "palette-classic"},
            "custom": {
                "fillOpacity": 75,
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                "insertNulls": False,
                "lineWidth": 0,
                "spanNulls": False,
            },
            "mappings": mappings(words),
            "thresholds": {"mode": "absolute", "steps": only(QUIET)},
        },
        options={
            "alignValue": "left",
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
            "mergeValues": True,
            "rowHeight": 0.85,
            "showValue": "auto",
            "tooltip": {"mode": "single", "sort": "none"},
        },
        points=200,
        **marks,
    )


def _shaded(queries: tuple[Query, ...]) -> list[Json]:
    """Several queries with several series each: one colour per query, in shades."""
    if len(queries) < 2 or not any("{{" in query.legend for query in queries):
        return []
    return [
        {
            "matcher": {"id": "byFrameRefID", "options": chr(ord("A") + index)},
            "properties": [{"id": "color", "value": {"fixedColor": hue, "mode": "shades"}}],
        }
        for index, hue in zip(range(len(queries)), SERIES, strict=False)
    ]


def _by_meaning(queries: tuple[Query, ...]) -> dict[str, str]:
    """Colours for the members of closed labels: by meaning, else from a palette without red."""
    hues: dict[str, str] = {}
    for query in queries:
        if len(query.labels) != 1 or query.labels[0].values is None:
            continue
        values = query.labels[0].values
        plain = iter(SERIES * (1 + len(values) // len(SERIES)))
        hues |= {value: MEANING.get(value) or next(plain) for value in values}
        hues["other"] = QUIET
    return hues
