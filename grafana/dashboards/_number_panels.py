"""Panels that show numbers as they are now, or over the whole time range: stat, bar gauge, gauge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from grafana.dashboards._look import COUNT, NEUTRAL, QUIET, RATIO, Limits, Unit, Word, mappings, only
from grafana.dashboards._panel import Json, Panel
from grafana.dashboards._query import POSTGRES, Asked, Query, as_query

NOTHING = "none"


def stat(
    title: str,
    question: str,
    *asked: Asked | Query,
    unit: Unit = COUNT,
    colour: str = NEUTRAL,
    limits: Limits | None = None,
    words: Mapping[float | str, Word] | None = None,
    trend: bool = False,
    nothing: str = "-",
    width: int = 4,
    height: int = 4,
    **marks: Any,
) -> Panel:
    """One number (or one per legend), large. trend: with its course over the time range behind it.

    colour: where neither limits nor words say it. words: what values are called, for instance Up and Down.
    """
    queries = tuple(replace(as_query(a), instant=not trend) for a in asked)
    # One statement of SQL can answer with several numbers, each in a column that has a name.
    several = len(queries) > 1 or any(q.source.type == POSTGRES for q in queries)
    return Panel(
        kind="stat",
        title=title,
        question=question,
        queries=queries,
        width=width,
        height=height,
        defaults=_number(unit, limits.steps() if limits else only(colour), words, nothing),
        options={
            "colorMode": "background_solid" if words else "value",
            "graphMode": "area" if trend else "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            # Series told apart by labels are named where there are several; fixed legends always.
            "textMode": "auto" if any(q.labels for q in queries) else "value_and_name" if several else "value",
            "wideLayout": True,
        },
        nothing=nothing,
        **marks,
    )


def bar_gauge(
    title: str,
    question: str,
    *asked: Asked | Query,
    unit: Unit = COUNT,
    colour: str = NEUTRAL,
    limits: Limits | None = None,
    colours: Mapping[str, str] | None = None,
    rows: bool = False,
    nothing: str = NOTHING,
    width: int = 8,
    height: int = 8,
    **marks: Any,
) -> Panel:
    """Numbers side by side as bars, one per legend, in the order of the query. colours: by legend.

    rows: the query answers with one table, and each of its rows is a bar.
    """
    queries = tuple(replace(as_query(a), instant=True) for a in asked)
    return Panel(
        kind="bargauge",
        title=title,
        question=question,
        queries=queries,
        width=width,
        height=height,
        defaults={
            **_number(unit, limits.steps() if limits else only(colour), None, nothing),
            "min": 0,
            **({"max": 1} if unit.grafana == RATIO.grafana else {}),
            # A single bar would go without its name.
            **({"displayName": display_name(queries[0])} if len(queries) == 1 and queries[0].labels else {}),
        },
        overrides=tuple(painted(name, hue) for name, hue in (colours or {}).items()),
        options={
            "displayMode": "basic",
            "maxVizHeight": 28,
            "minVizHeight": 14,
            "minVizWidth": 8,
            "namePlacement": "auto",
            "orientation": "horizontal",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": rows},
            "showUnfilled": True,
            "sizing": "manual",
            "text": {"titleSize": 13, "valueSize": 15},
            "valueMode": "color",
        },
        nothing=nothing,
        **marks,
    )


def gauge(
    title: str,
    question: str,
    *asked: Asked | Query,
    unit: Unit = RATIO,
    limits: Limits | None = None,
    low: float = 0,
    high: float = 1,
    nothing: str = "-",
    width: int = 4,
    height: int = 4,
    **marks: Any,
) -> Panel:
    """A share or level between two bounds, as a dial."""
    return Panel(
        kind="gauge",
        title=title,
        question=question,
        queries=tuple(replace(as_query(a), instant=True) for a in asked),
        width=width,
        height=height,
        defaults={
            **_number(unit, limits.steps() if limits else only(NEUTRAL), None, nothing),
            "min": low,
            "max": high,
        },
        options={
            "minVizHeight": 75,
            "minVizWidth": 75,
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showThresholdLabels": False,
            "showThresholdMarkers": limits is not None,
            "sizing": "auto",
        },
        nothing=nothing,
        **marks,
    )


def display_name(query: Query) -> str:
    """What a series is called: the values of the labels that tell it apart."""
    return " · ".join(f"${{__field.labels.{label.name}}}" for label in query.labels)


def painted(name: str, colour: str) -> Json:
    """An override: the series with this legend in this colour."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": "color", "value": {"fixedColor": colour, "mode": "fixed"}}],
    }


def _number(unit: Unit, steps: list[Json], words: Mapping[float | str, Word] | None, nothing: str) -> Json:
    named = mappings(words or {})
    if words and nothing:
        # A value mapping colours what is missing too; a threshold would call it good.
        named.append(
            {
                "type": "special",
                "options": {"match": "null+nan", "result": {"color": QUIET, "index": 99, "text": nothing}},
            }
        )
    return {
        "color": {"mode": "thresholds"},
        "mappings": named,
        "thresholds": {"mode": "absolute", "steps": steps},
        "unit": unit.grafana,
        **({} if unit.decimals is None else {"decimals": unit.decimals}),
    }
