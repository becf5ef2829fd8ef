"""Panels of things that lead to one another: a graph of nodes and edges, and runs with their stages as bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from exporters.core.flux import Flux
from exporters.core.label import Label
from exporters.core.promql import Expr
from grafana.dashboards._look import BAD, GOOD, SECONDS, Unit
from grafana.dashboards._number_panels import painted
from grafana.dashboards._panel import Json, Panel
from grafana.dashboards._query import line

OK_ARC, FAILED_ARC = "arc__ok", "arc__failed"


def node_graph(
    title: str,
    question: str,
    *,
    nodes: tuple[Expr, Expr, Expr],
    node: Label,
    edges: tuple[Expr, Expr, Expr],
    source: Label,
    target: Label,
    rate_unit: str,
    width: int = 24,
    height: int = 15,
    **marks: Any,
) -> Panel:
    """Nodes and the ways between them. nodes, edges: rate, mean seconds, share of errors (0 to 1); node: nodes' label.

    A ring around each node shows the share that failed. rate_unit: what stands behind a rate, as it is.
    """
    rate, seconds, failed = nodes
    sound = failed * -1 + 1
    asked = [*(_node(e, node) for e in (rate, seconds, failed, sound)), *(_edge(e, source, target) for e in edges)]
    refs = [chr(ord("A") + index) for index in range(len(asked))]
    names = ("mainstat", "secondarystat", FAILED_ARC, OK_ARC, "mainstat", "secondarystat", "detail__failed")
    return Panel(
        kind="nodeGraph",
        title=title,
        question=question,
        queries=tuple(replace(line(e), format="table", instant=True) for e in asked),
        width=width,
        height=height,
        overrides=(
            _field("detail__failed", unit="percentunit", decimals=1, displayName="Failed"),
            _field("mainstat", unit=rate_unit, decimals=2, displayName="How often"),
            _field("secondarystat", unit="s", decimals=2, displayName="Mean time"),
            _field(OK_ARC, displayName="Sound"),
            _field(FAILED_ARC, displayName="Failed"),
        ),
        options={
            "nodes": {
                "mainStatUnit": rate_unit,
                "secondaryStatUnit": "s",
                "arcs": [{"field": OK_ARC, "color": GOOD}, {"field": FAILED_ARC, "color": BAD}],
            },
            "edges": {"mainStatUnit": rate_unit, "secondaryStatUnit": "s"},
        },
        transformations=(
            # Each question is a frame of its own; the panel wants one frame of nodes and one of edges, and looks for
            # the names of columns, not for what they are shown as.
            *(_named(ref, name) for ref, name in zip(refs, names, strict=True)),
            _merged(refs[:4]),
            _merged(refs[4:]),
        ),
        **marks,
    )


def stage_bars(
    title: str,
    question: str,
    asked: Flux,
    stages: Mapping[str, tuple[str, str]],
    *,
    unit: Unit = SECONDS,
    nothing: str = "",
    width: int = 24,
    height: int = 14,
    **marks: Any,
) -> Panel:
    """Runs, the newest at the bottom, each one bar of its stages. stages: field -> (what it is called, its colour)."""
    return Panel(
        kind="barchart",
        title=title,
        question=question,
        queries=(line(asked),),
        width=width,
        height=height,
        defaults={
            "color": {"mode": "palette-classic"},
            "custom": {
                "axisPlacement": "auto",
                "fillOpacity": 85,
                "gradientMode": "none",
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                "lineWidth": 0,
                "scaleDistribution": {"type": "linear"},
            },
            "min": 0,
            "unit": unit.grafana,
        },
        overrides=tuple(painted(name, colour) for name, colour in stages.values()),
        options={
            "barRadius": 0,
            "barWidth": 0.85,
            "fullHighlight": False,
            "groupWidth": 0.7,
            "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True},
            "orientation": "horizontal",
            "showValue": "never",
            "stacking": "normal",
            "tooltip": {"mode": "multi", "sort": "none"},
            "xField": "Time",
            "xTickLabelRotation": 0,
            "xTickLabelSpacing": 0,
        },
        transformations=(
            {
                "id": "organize",
                "options": {
                    "excludeByName": {},
                    "includeByName": {},
                    "indexByName": {name: index for index, name in enumerate(("_time", *stages))},
                    "renameByName": {"_time": "Time", **{field: name for field, (name, _) in stages.items()}},
                },
            },
        ),
        nothing=nothing,
        **marks,
    )


def _node(asked: Expr, node: Label) -> Expr:
    return asked.join_labels("id", "", node.name).join_labels("title", "", node.name).aggregate("sum", ("id", "title"))


def _edge(asked: Expr, source: Label, target: Label) -> Expr:
    joined = asked.join_labels("id", " → ", source.name, target.name)
    # Of one label this makes a copy; label_replace would need a `$1`, which Grafana takes for a variable of its own.
    ends = joined.join_labels("source", "", source.name).join_labels("target", "", target.name)
    return ends.aggregate("sum", ("id", "source", "target"))


def _named(ref: str, name: str) -> Json:
    """The numbers of one question once more, as a column of this name."""
    return {
        "id": "calculateField",
        "filter": {"id": "byRefId", "options": ref},
        "options": {
            "alias": name,
            "mode": "reduceRow",
            "reduce": {"include": [f"Value #{ref}"], "reducer": "sum"},
            "replaceFields": False,
        },
    }


def _merged(refs: Sequence[str]) -> Json:
    return {"id": "merge", "filter": {"id": "byRefId", "options": f"/^(?:{'|'.join(refs)})$/"}, "options": {}}


def _field(name: str, **properties: Any) -> Json:
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": key, "value": value} for key, value in properties.items()],
    }
