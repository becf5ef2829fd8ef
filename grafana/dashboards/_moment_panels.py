"""Moments as dots, one line per kind: what happened when, with as much room between two as there was time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exporters.core.sql import Sql
from grafana.dashboards._look import QUIET, only
from grafana.dashboards._number_panels import painted
from grafana.dashboards._panel import Json, Panel
from grafana.dashboards._query import line


def moments(
    title: str, question: str, asked: Sql, colours: Mapping[str, str], *, width: int = 24, height: int = 6, **marks: Any
) -> Panel:
    """Dots over time: `newest(…).moments(column, values)`. colours: by value; each has a line of its own."""
    return Panel(
        kind="timeseries",
        title=title,
        question=question,
        queries=(line(asked),),
        width=width,
        height=height,
        defaults=_dots(len(asked.columns)),
        overrides=tuple(painted(name, colour) for name, colour in colours.items()),
        options={
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            # The number that is a dot's height says nothing.
            "tooltip": {"mode": "single", "sort": "none"},
        },
        **marks,
    )


def _dots(lines: int) -> Json:
    return {
        "color": {"mode": "fixed", "fixedColor": QUIET},
        "custom": {
            "axisBorderShow": False,
            "axisGridShow": False,
            "axisPlacement": "hidden",
            "drawStyle": "points",
            "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            "insertNulls": False,
            "pointSize": 9,
            "scaleDistribution": {"type": "linear"},
            "showPoints": "always",
            "spanNulls": False,
            "stacking": {"group": "A", "mode": "none"},
            "thresholdsStyle": {"mode": "off"},
        },
        "mappings": [],
        "min": 0,
        "max": lines,
        "thresholds": {"mode": "absolute", "steps": only(QUIET)},
        "unit": "none",
    }
