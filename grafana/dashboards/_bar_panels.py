"""A bar chart: numbers that are not moments, side by side along an axis of their own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exporters.core.label import Label
from exporters.core.promql import Expr
from grafana.dashboards._look import COUNT, NEUTRAL, Unit
from grafana.dashboards._panel import Panel
from grafana.dashboards._query import line


def bar_chart(
    title: str,
    question: str,
    asked: Expr,
    along: Label,
    *,
    axis: str,
    name: str,
    backwards: bool = False,
    unit: Unit = COUNT,
    colour: str = NEUTRAL,
    nothing: str = "",
    width: int = 24,
    height: int = 8,
    **marks: Any,
) -> Panel:
    """One bar per value of a label, in the order of the values. asked: one sample per value.

    axis: what the label is called. name: what the numbers are. backwards: the last value stands left.
    """
    shown = {along.name: axis, "Value": name}
    return Panel(
        kind="barchart",
        title=title,
        question=question,
        queries=(replace(line(asked), format="table", instant=True),),
        width=width,
        height=height,
        defaults={
            "color": {"fixedColor": colour, "mode": "fixed"},
            "custom": {
                "axisPlacement": "auto",
                "fillOpacity": 80,
                "gradientMode": "none",
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                "lineWidth": 0,
                "scaleDistribution": {"type": "linear"},
            },
            "mappings": [],
            "min": 0,
            "thresholds": {"mode": "absolute", "steps": [{"color": colour, "value": None}]},
            "unit": unit.grafana,
            **({} if unit.decimals is None else {"decimals": unit.decimals}),
        },
        options={
            "barRadius": 0,
            "barWidth": 0.85,
            "fullHighlight": False,
            "groupWidth": 0.7,
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
            "orientation": "vertical",
            "showValue": "auto",
            "stacking": "none",
            "tooltip": {"mode": "single", "sort": "none"},
            "xField": axis,
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
        },
        transformations=(
            {"id": "filterFieldsByName", "options": {"include": {"names": list(shown)}}},
            {
                "id": "organize",
                "options": {
                    "excludeByName": {},
                    "includeByName": {},
                    "indexByName": {field: index for index, field in enumerate(shown)},
                    "renameByName": shown,
                },
            },
            {"id": "sortBy", "options": {"fields": {}, "sort": [{"desc": backwards, "field": axis}]}},
        ),
        nothing=nothing,
        **marks,
    )
