"""What a dashboard file must be so that Grafana 10 to 13 read it from a file and draw it. Independent of the code that
writes it: it knows Grafana's classic JSON, not our builders."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import promql_parser

Json = dict[str, Any]

PROVISIONED = {
    ("prometheus", "prometheus"),
    ("influxdb", "influxdb"),
    ("influxdb", "influxdb-text"),
    ("postgres", "${database}"),
    ("postgres", "${ai_database}"),
    ("alertmanager", "alertmanager"),
}
TYPES = {
    "alertlist", "barchart", "bargauge", "dashlist", "gauge", "heatmap", "logs", "nodeGraph", "row", "stat",
    "state-timeline", "table", "text", "timeseries",
}  # fmt: skip
WITHOUT_QUERY = {"alertlist", "dashlist", "row", "text"}
BUILT_IN = {"__rate_interval", "__interval", "__range"}
DASHBOARD_KEYS = {
    "annotations", "description", "editable", "graphTooltip", "id", "links", "panels", "refresh", "schemaVersion",
    "tags", "templating", "time", "timepicker", "timezone", "title", "uid", "version",
}  # fmt: skip
PANEL_KEYS = {
    "collapsed", "datasource", "description", "fieldConfig", "gridPos", "id", "interval", "links", "maxDataPoints",
    "options", "panels", "pluginVersion", "targets", "title", "transformations", "type",
}  # fmt: skip
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")
_FLUX_V = re.compile(r"\bv\.(\w+)")
_MARK = re.compile(r"(Zero is normal|Nothing to show is normal): (.+)")


def problems(dashboard: Json) -> list[str]:
    """Everything that is wrong with one dashboard."""
    return [
        *_keys("dashboard", dashboard, DASHBOARD_KEYS),
        *_head(dashboard),
        *_grid(dashboard["panels"]),
        *_variables(dashboard),
        *(problem for panel in dashboard["panels"] for problem in _panel(panel, dashboard)),
    ]


def together(dashboards: list[Json]) -> list[str]:
    """What is wrong between dashboards: one that repeats a uid or a title freezes the whole provider."""
    found = []
    for key in ("uid", "title"):
        counted = Counter(str(d[key]) for d in dashboards)
        found += [f"{key} {name!r} is used {n} times" for name, n in counted.items() if n > 1]
    known = {d["uid"] for d in dashboards}
    for dashboard in dashboards:
        text = str(dashboard)
        found += [
            f"{dashboard['uid']} links to {uid}" for uid in re.findall(r"/d/([\w-]+)\?", text) if uid not in known
        ]
    return found


def _keys(what: str, given: Json, legal: set[str]) -> Iterator[str]:
    for key in given.keys() - legal:
        yield f"{what}: key {key!r} is not of the classic schema"


def _head(dashboard: Json) -> Iterator[str]:
    if dashboard["id"] is not None:
        yield "id is given by Grafana"
    if not re.fullmatch(r"[a-z0-9-]{3,40}", str(dashboard["uid"])):
        yield f"uid {dashboard['uid']!r}"
    if int(dashboard["schemaVersion"]) < 39:
        yield "schemaVersion is 39 or later"
    if dashboard["version"] != 1:
        yield "version never changes in a file"
    if not dashboard["tags"]:
        yield "no tag: no list finds it"
    if "1s" not in dashboard["timepicker"]["refresh_intervals"]:
        yield "the refresh picker goes down to 1s"
    if not str(dashboard["description"]).endswith((".", "?")):
        yield "no description"
    text = str(dashboard)
    for word in ("${DS_", "__inputs", "__requires", "#0", "rgb("):
        if word in text:
            yield f"{word} belongs to an export, or to one theme"


def _grid(panels: list[Json]) -> Iterator[str]:
    ids = Counter(panel["id"] for panel in panels)
    yield from (f"panel id {number} is used {n} times" for number, n in ids.items() if n > 1)
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        at = panel["gridPos"]
        if at["x"] < 0 or at["w"] < 1 or at["x"] + at["w"] > 24:
            yield f"{panel['title']}: does not fit 24 columns"
        for cell in ((x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])):
            if cell in taken and taken[cell] != panel["title"]:
                yield f"{panel['title']} overlaps {taken[cell]}"
                break
            taken[cell] = panel["title"]
    bottom = max((y for _, y in taken), default=-1)
    if len(taken) != 24 * (bottom + 1):
        yield "there are holes between panels"


def _variables(dashboard: Json) -> Iterator[str]:
    names = [v["name"] for v in dashboard["templating"]["list"]]
    yield from (f"variable {name} is there {n} times" for name, n in Counter(names).items() if n > 1)
    if "deployment" not in names:
        yield "no variable deployment"
    targets = [target for panel in dashboard["panels"] for target in panel.get("targets", [])]
    queries = " ".join(str(t.get("expr") or t.get("rawSql") or t.get("query")) for t in targets)
    queries += " ".join(target["datasource"]["uid"] for target in targets)
    texts = queries + str(dashboard["templating"]) + str(dashboard["annotations"]) + str(dashboard["links"])
    used = {match[1] or match[3] for match in _VARIABLE.finditer(texts)}
    for variable in dashboard["templating"]["list"]:
        name = variable["name"]
        if name not in used:
            yield f"variable {name}: no query uses it"
        if variable["type"] == "textbox":
            continue
        if variable["type"] == "datasource":
            yield from _data_source_variable(variable)
            continue
        sql = variable.get("datasource", {}).get("type") == "postgres"
        if not (variable["multi"] and variable["includeAll"] and variable["allValue"] == ("''" if sql else ".*")):
            yield f"variable {name}: several values, and All as .*, or an empty text in SQL"
        if sql:
            yield from (f"variable {name}: {problem}" for problem in _sql(variable["query"], set(names)))
        if variable["current"]["value"] != ["$__all"]:
            yield f"variable {name}: begins with All"


def _data_source_variable(variable: Json) -> Iterator[str]:
    """One at a time, and only those of the deployments chosen."""
    name = variable["name"]
    if variable["multi"] or variable["includeAll"]:
        yield f"variable {name}: a panel asks one data source"
    if variable["query"] != "postgres" or "${deployment:regex}" not in variable["regex"]:
        yield f"variable {name}: not the databases of the deployments chosen"


def _sql(text: str, variables: set[str]) -> Iterator[str]:
    """What Grafana would replace in it otherwise than it is meant."""
    text = text.replace("$__timeFrom()", "now()").replace("$__timeTo()", "now()")
    for match in _VARIABLE.finditer(text):
        name = match[1] or match[3]
        if name not in variables:
            yield f"no variable ${name}"
        if match[2] not in {"percentencode", "sqlstring"}:
            yield f"${name} in SQL without the format percentencode or sqlstring"
    if re.search(r"\[\[\w|\$\w+\(", text):
        yield "a macro, or a variable as they were once written"
    if not re.search(r" LIMIT [0-9]+$|^SELECT count\([^)]*\)(?!.*GROUP BY)", text, re.MULTILINE):
        yield "SQL without a limit"


def _panel(panel: Json, dashboard: Json) -> Iterator[str]:
    title = panel["title"]
    yield from (f"{title}: {problem}" for problem in _keys("panel", panel, PANEL_KEYS))
    if panel["type"] not in TYPES:
        yield f"{title}: type {panel['type']!r} is none of Grafana's own"
    if panel["type"] == "row":
        return
    if not 1 <= len(title) <= 40:
        yield f"{title}: the title does not fit a telephone"
    question, *marks = str(panel.get("description", "")).split("\n\n")
    if not question.endswith(("?", ".")) or len(question) < 20:
        yield f"{title}: no question"
    for mark in marks:
        reason = _MARK.fullmatch(mark)
        if reason is None or not reason[2].endswith("."):
            yield f"{title}: {mark!r} is no mark of the dead-panel detector"
    targets = panel.get("targets", [])
    if bool(targets) == (panel["type"] in WITHOUT_QUERY):
        yield f"{title}: a {panel['type']} panel with {len(targets)} queries"
    refs = [t["refId"] for t in targets]
    if len(set(refs)) != len(refs):
        yield f"{title}: refIds repeat"
    sources = {(t["datasource"]["type"], t["datasource"]["uid"]) for t in targets}
    if targets and (panel["datasource"]["type"], panel["datasource"]["uid"]) not in sources:
        yield f"{title}: the panel's data source is none of its queries'"
    if len(sources) > 1:
        yield f"{title}: one panel asks one data source"
    yield from (f"{title}: data source {source} is not provisioned" for source in sources - PROVISIONED)
    known = {v["name"] for v in dashboard["templating"]["list"]}
    for target in targets:
        yield from (f"{title}: {problem}" for problem in _target(target, known))


def _target(target: Json, variables: set[str]) -> Iterator[str]:
    flux = target["datasource"]["type"] == "influxdb"
    if target["datasource"]["type"] == "postgres":
        yield from _keys("query", target, {"datasource", "editorMode", "format", "rawQuery", "rawSql", "refId"})
        if target["format"] != "table" or target["rawQuery"] is not True:
            yield "SQL is asked as it is written, for a table"
        yield from _sql(target["rawSql"], variables)
        return
    legal = (
        {"datasource", "query", "refId"}
        if flux
        else ({"datasource", "editorMode", "expr", "format", "instant", "legendFormat", "range", "refId"})
    )
    yield from _keys("query", target, legal)
    text = str(target.get("query" if flux else "expr", ""))
    for match in _VARIABLE.finditer(text):
        name = match[1] or match[3]
        if name not in variables | (set() if flux else BUILT_IN):
            yield f"no variable ${name}"
        if flux and match[2] != "regex":
            yield f"${name} in Flux without the format regex"
    if flux:
        if set(_FLUX_V.findall(text)) - {"timeRangeStart", "timeRangeStop", "windowPeriod"}:
            yield "Grafana gives Flux no such v."
        if "range(start: v.timeRangeStart, stop: v.timeRangeStop)" not in text:
            yield "Flux without the dashboard's time range"
        if "${deployment:regex}" not in text:
            yield "Flux without the deployment"
        return
    if target["instant"] == target["range"]:
        yield "instant or range"
    # A duration where Grafana puts one, a word where it puts a value.
    filled = _VARIABLE.sub(lambda m: "5m" if (m[1] or m[3]) in BUILT_IN else "x", text)
    try:
        promql_parser.parse(filled)
    except ValueError as error:
        yield f"not PromQL ({error}): {text}"
