"""grafanalib's output, brought to the classic JSON that Grafana 10 to 13 read.

grafanalib writes the schema of 2017 with later additions: keys that Grafana dropped, nulls where it wants nothing, the
same panel settings in two places. Here every kind of object keeps the keys it has in that schema, and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]

SCHEMA_VERSION = 39
PLUGIN_VERSION = "10.1.0"
"""Which version's panel settings these are: Grafana migrates older ones at loading, and guesses where none is said."""

_DASHBOARD = (
    "annotations", "description", "editable", "fiscalYearStartMonth", "graphTooltip", "id", "links", "liveNow",
    "panels", "refresh", "schemaVersion", "tags", "templating", "time", "timepicker", "timezone", "title", "uid",
    "version", "weekStart",
)  # fmt: skip
_PANEL = (
    "collapsed", "datasource", "description", "fieldConfig", "gridPos", "id", "interval", "links", "maxDataPoints",
    "options", "panels", "pluginVersion", "targets", "title", "transformations", "type",
)  # fmt: skip
_ROW = ("collapsed", "gridPos", "id", "panels", "title", "type")
_TARGET = (
    "datasource", "editorMode", "expr", "format", "instant", "interval", "legendFormat", "query", "range", "rawQuery",
    "rawSql", "refId",
)  # fmt: skip
_KEPT_EMPTY = {"id", "gridPos", "options", "targets", "panels", "tags", "links"}


def dashboard(json: Json) -> Json:
    """One dashboard. json: plain values only, as json.loads gives them."""
    kept = {key: json[key] for key in _DASHBOARD if key in json}
    kept["panels"] = [panel(p) for p in kept.get("panels", [])]
    kept["schemaVersion"] = SCHEMA_VERSION
    kept["timepicker"] = {"refresh_intervals": kept["timepicker"]["refresh_intervals"]}
    return kept


def panel(json: Json) -> Json:
    """One panel or row."""
    if json["type"] == "row":
        return {**_kept(json, _ROW), "panels": [], "collapsed": False}
    kept = _kept(json, _PANEL)
    kept["pluginVersion"] = PLUGIN_VERSION
    if not kept["fieldConfig"]["defaults"]["thresholds"]["steps"]:
        del kept["fieldConfig"]["defaults"]["thresholds"]
    kept["targets"] = [_target(t) for t in json.get("targets", [])]
    if not kept["targets"]:
        del kept["targets"]
    return kept


def _target(json: Json) -> Json:
    kept = _kept(json, _TARGET)
    # An InfluxDB query has its text in `query`, a Prometheus query in `expr`; grafanalib writes both for both.
    if kept["datasource"]["type"] == "influxdb":
        return {key: kept[key] for key in ("datasource", "query", "refId")}
    if kept["datasource"]["type"] == "postgres":
        sql = {key: kept[key] for key in ("datasource", "format", "rawQuery", "rawSql", "refId")}
        return {**sql, "editorMode": "code"}
    kept.pop("query", None)
    return {**kept, "editorMode": "code", "range": not kept.get("instant", False)}


def _kept(json: Json, keys: Iterable[str]) -> Json:
    return {
        key: json[key] for key in keys if key in json and (json[key] not in (None, "", [], {}) or key in _KEPT_EMPTY)
    }
