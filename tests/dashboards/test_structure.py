"""The generated dashboards are what Grafana reads; and each check can fail."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dashboards.structure import Json, problems, together

GENERATED = Path(__file__).parents[2] / "grafana" / "dashboards" / "generated"
FILES = sorted(GENERATED.glob("*/*/*.json"))
ALL = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.parent.name}-{file.parent.name}-{file.stem}")
def test_a_dashboard_is_sound(file: Path) -> None:
    assert problems(json.loads(file.read_text(encoding="utf-8"))) == []


def test_there_are_some() -> None:
    assert {file.parent.parent.name for file in FILES} == {"main", "restricted"}


def test_no_two_are_confused() -> None:
    assert together(ALL) == []


def test_only_the_restricted_set_reads_text() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        asks = "influxdb-text" in text or '"type": "postgres"' in text
        assert asks == (file.parent.parent.name == "restricted"), file
        asks_text = re.search(r'bucket: \\"\w+_text', text) is not None
        assert asks_text <= (file.parent.parent.name == "restricted"), file


def test_every_bucket_is_asked_at_its_own_data_source() -> None:
    for dashboard in ALL:
        for panel in dashboard["panels"]:
            for target in panel.get("targets", []):
                if "query" in target:
                    text = '_text")' in target["query"].splitlines()[0]
                    assert target["datasource"]["uid"] == ("influxdb-text" if text else "influxdb")


def test_a_page_links_only_to_pages_of_its_own_set() -> None:
    """The restricted Grafana has no main pages, and the main one no restricted pages."""
    sets = {d["uid"]: file.parent.parent.name for file, d in zip(FILES, ALL, strict=True)}
    for uid, dashboard in zip(sets, ALL, strict=True):
        linked = re.findall(r"/d/([\w-]+)", json.dumps(dashboard))
        assert {sets[other] for other in linked} <= {sets[uid]}, uid


MEMORIES = next(d for d in ALL if d["uid"] == "her-memory-texts")


@pytest.mark.parametrize(
    ("part", "by"),
    [
        ("${search:percentencode}", "${search}"),
        ("${search:percentencode}", "${search:raw}"),
        ("${search:percentencode}", "$search"),
        ("${search:percentencode}", "${nobody:percentencode}"),
        ("${category:sqlstring}", "${category:csv}"),
        ("SELECT", "SELECT $__time(at),"),
        ("SELECT", "SELECT '[[search]]',"),
        (" LIMIT 200", ""),
    ],
)
def test_sql_takes_no_variable_as_it_comes_and_has_an_end(part: str, by: str) -> None:
    changed = copy.deepcopy(MEMORIES)
    asked = target(changed, "Memories")
    assert part in asked["rawSql"]
    asked["rawSql"] = asked["rawSql"].replace(part, by)
    assert [problem for problem in problems(changed) if problem.startswith("Memories: ")]


@pytest.mark.parametrize(("key", "value"), [("regex", ""), ("multi", True), ("query", "mysql")])
def test_a_page_chooses_one_database_of_the_deployments_chosen(key: str, value: Any) -> None:
    changed = copy.deepcopy(MEMORIES)
    next(v for v in changed["templating"]["list"] if v["type"] == "datasource")[key] = value
    assert problems(changed)


def test_no_clock_asks_for_memories() -> None:
    assert MEMORIES["refresh"] == ""


SOUND = next(d for d in ALL if d["uid"] == "her-logs")


def panel(dashboard: Json, title: str) -> Json:
    found: Json = next(p for p in dashboard["panels"] if p["title"] == title)
    return found


def target(dashboard: Json, title: str) -> Json:
    made: Json = panel(dashboard, title)["targets"][0]
    return made


def change(path: str, *, to: Any) -> Callable[[Json], None]:
    """A change of one value: `Errors/targets/0/expr`; a first part that is a panel's title begins there."""

    def apply(dashboard: Json) -> None:
        first, *parts = path.split("/")
        at: Any = dashboard
        if any(p["title"] == first for p in dashboard["panels"]):
            at = panel(dashboard, first)
        else:
            parts = [first, *parts]
        for part in parts[:-1]:
            at = at[int(part) if part.isdigit() else part]
        at[parts[-1]] = to

    return apply


def drop(dashboard: Json) -> None:
    dashboard["panels"].remove(panel(dashboard, "Warnings"))


BROKEN: dict[str, Callable[[Json], None]] = {
    "a key of an old schema": change("hideControls", to=False),
    "an export's inputs": change("description", to="${DS_PROMETHEUS}."),
    "an id of somebody's database": change("id", to=7),
    "a uid with blanks": change("uid", to="her logs"),
    "an old schema": change("schemaVersion", to=12),
    "a version that grows": change("version", to=2),
    "no tags": change("tags", to=[]),
    "a coarse refresh picker": change("timepicker/refresh_intervals", to=["1m"]),
    "no description": change("description", to=""),
    "a colour of one theme": change("Errors/fieldConfig/defaults/color", to={"fixedColor": "#000000", "mode": "fixed"}),
    "one id twice": change("Errors/id", to=3),
    "beyond the page": change("Gaps/gridPos/x", to=22),
    "one above the other": change("Gaps/gridPos/x", to=0),
    "a hole": drop,
    "no deployment": lambda d: d["templating"]["list"].pop(0),
    "a variable nobody uses": lambda d: d["templating"]["list"].append({**d["templating"]["list"][1], "name": "idle"}),
    "a variable twice": lambda d: d["templating"]["list"].append(d["templating"]["list"][1]),
    "a variable without All": change("templating/list/1/includeAll", to=False),
    "All as the list of today": change("templating/list/1/allValue", to=None),
    "a first choice": change("templating/list/1/current", to={"text": ["error"], "value": ["error"]}),
    "a plugin's panel": change("Errors/type", to="grafana-clock-panel"),
    "no title": change("Errors/title", to=""),
    "a title for a wall": change("Errors/title", to="How many errors did HER log in the time range?"),
    "no question": change("Errors/description", to="Errors"),
    "a mark nobody reads": change("Errors/description", to="How many errors are there?\n\nMay be zero."),
    "a mark without a reason": change("Errors/description", to="How many errors are there?\n\nZero is normal: yes"),
    "a key of an old panel": change("Errors/cacheTimeout", to=None),
    "no query": change("Errors/targets", to=[]),
    "one refId twice": lambda d: panel(d, "Errors")["targets"].append(copy.deepcopy(target(d, "Errors"))),
    "a data source by name": change("Errors/targets/0/datasource", to={"type": "prometheus", "uid": "Prometheus"}),
    "a panel of another source": change("Errors/datasource", to={"type": "influxdb", "uid": "influxdb"}),
    "a query with a forgotten key": change("Errors/targets/0/intervalFactor", to=2),
    "neither instant nor range": change("Errors/targets/0/instant", to=False),
    "a variable it lacks": change("Errors/targets/0/expr", to='sum(x{a=~"$nobody"})'),
    "no PromQL": change("Errors/targets/0/expr", to="sum(x{)"),
    "no function of PromQL": change("Errors/targets/0/expr", to="summe(x)"),
    "Flux of another time": change("Log lines/targets/0/query", to='from(bucket: "her") |> range(start: -1h)'),
    "Flux of every deployment": lambda d: target(d, "Log lines").update(
        query=target(d, "Log lines")["query"].replace("${deployment:regex}", "x")
    ),
    "Flux with a raw variable": lambda d: target(d, "Log lines").update(
        query=target(d, "Log lines")["query"].replace("${level:regex}", "${level}")
    ),
    "Flux with an unknown v": lambda d: target(d, "Log lines").update(
        query=target(d, "Log lines")["query"] + "|> range(start: v.start)"
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_dashboard_is_found(name: str) -> None:
    broken = copy.deepcopy(SOUND)
    BROKEN[name](broken)
    assert broken != SOUND
    assert problems(broken)


@pytest.mark.parametrize("key", ["uid", "title"])
def test_a_repetition_is_found(key: str) -> None:
    other = {**ALL[0], key: SOUND[key]}
    assert any(key in problem for problem in together([SOUND, other]))


def test_a_link_into_the_void_is_found() -> None:
    broken = json.loads(json.dumps(SOUND).replace("/d/her-jobs?", "/d/her-job?"))
    assert together([*[d for d in ALL if d["uid"] != SOUND["uid"]], broken]) == ["her-logs links to her-job"]
