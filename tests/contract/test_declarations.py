"""Everything is declared once, fed by one stream, named as the house names things, and asked for by somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from exporters.core import health, llm
from exporters.core.catalog import Catalog
from exporters.core.catalog_sql import sql_problems, unnamed_columns
from exporters.core.contract import Probe, System
from exporters.core.label import Label
from exporters.core.measurement import Measurement
from exporters.core.metric import Kind, Metric
from exporters.registry import MEASUREMENTS, METRICS, SYSTEMS, TEXT_ROWS
from tests.contract.rooms import RULES, Asked, dashboards, everything_asked, of_dashboard, of_queries, of_rules, parts

CATALOG = Catalog(METRICS, MEASUREMENTS)
each_system = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
OWN = [(system, metric) for system in SYSTEMS for metric in system.metrics]
each_metric = pytest.mark.parametrize(("system", "metric"), OWN, ids=[metric.name for _, metric in OWN])
PRIVATE = {
    "user",
    "user_id",
    "chat",
    "chat_id",
    "session",
    "session_id",
    "message",
    "message_id",
    "text",
    "command",
    "path",
}
"""Never labels: no value of theirs may reach Prometheus, where it would stay for ever and be asked for by anybody."""


@each_metric
def test_one_stream_or_probe_feeds(system: System, metric: Metric) -> None:
    owners = [name for name, part in parts(system) if metric in part.feeds]
    assert len(owners) == 1, f"{metric.name} is fed by {owners or 'nobody'}"


@each_system
def test_nothing_else_is_fed(system: System) -> None:
    fed = Counter(metric for _, part in parts(system) for metric in part.feeds)
    foreign = [metric for metric in fed if metric not in system.metrics]
    assert set(foreign) <= set(llm.FAMILIES), "a system feeds its own metrics and the shared families"
    assert {metric.name: count for metric, count in fed.items() if count > 1} == {}


@each_system
def test_streams_and_probes_are_told_apart(system: System) -> None:
    names = [name for name, _ in parts(system)]
    assert len(set(names)) == len(names)
    assert all(part.interval > 0 for _, part in parts(system))


@each_system
def test_gauges_come_from_views_and_probes_and_counters_from_streams(system: System) -> None:
    """A probe stores nothing, so that a counter of its own would fall at each restart."""
    for name, part in parts(system):
        if isinstance(part, Probe):
            assert {m.kind for m in part.feeds} <= {Kind.GAUGE, Kind.INFO}, name
        elif part.view is None:
            assert {m.kind for m in part.feeds} <= {Kind.COUNTER, Kind.HISTOGRAM}, name


@each_metric
def test_it_is_named_after_its_system(system: System, metric: Metric) -> None:
    assert metric.name.startswith(f"{system.name}_")
    assert metric.per_deployment


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_no_label_says_who_or_what(metric: Metric) -> None:
    assert not PRIVATE & {label.name for label in metric.labels}


@pytest.mark.parametrize("metric", health.METRICS, ids=lambda metric: metric.name)
def test_our_own_health_is_named_so(metric: Metric) -> None:
    assert metric.name.startswith("observatory_")


@pytest.mark.parametrize("metric", llm.FAMILIES, ids=lambda metric: metric.name)
def test_a_shared_family_says_which_system(metric: Metric) -> None:
    assert metric.name.startswith("gen_ai_")
    assert metric.own_labels[0].name == "system"


@each_system
def test_its_measurements_are_named_after_it(system: System) -> None:
    for measurement in system.measurements:
        assert measurement.system == system.name
        assert measurement.name.startswith(f"{system.name}_")


def test_one_label_name_has_one_set_of_values_within_a_system() -> None:
    """`outcome` of a job and of a request may differ; two spellings of the same set may not."""
    for system in SYSTEMS:
        labels = {label for metric in system.metrics for label in metric.own_labels}
        closed: dict[tuple[str, frozenset[str]], set[Label]] = {}
        for label in labels:
            if label.values is not None:
                closed.setdefault((label.name, frozenset(label.values)), set()).add(label)
        doubled = [[label.help for label in same] for same in closed.values() if len(same) > 1]
        assert doubled == []


# Asked for.


@pytest.fixture(scope="module")
def asked() -> list[Asked]:
    """Every query of the dashboards, the rules and the documentation."""
    return everything_asked()


@pytest.fixture(scope="module")
def unused(asked: list[Asked]) -> list[str]:
    """What the catalog has to say about things nobody asks for, and about excuses that are out of date."""
    return CATALOG.unused(
        (query.text for query in asked if query.language == "promql"),
        (query.text for query in asked if query.language == "flux"),
    )


@pytest.mark.parametrize("thing", [*METRICS, *MEASUREMENTS], ids=lambda thing: thing.name)
def test_somebody_asks_for(thing: Metric | Measurement, unused: list[str]) -> None:
    assert [problem for problem in unused if problem.split(" ", 1)[0] == thing.name] == []


def test_every_column_of_rows_of_text_is_asked_for(asked: list[Asked]) -> None:
    assert unnamed_columns((query.text for query in asked if query.language == "sql"), TEXT_ROWS) == []


@each_system
def test_rows_of_text_are_named_after_their_system(system: System) -> None:
    assert {rows.system for rows in system.texts} <= {system.name}


def problems(queries: list[Asked]) -> list[str]:
    """What these queries name that is not declared."""
    check: dict[str, Callable[[str], list[str]]] = {
        "promql": CATALOG.promql,
        "flux": CATALOG.flux,
        "sql": partial(sql_problems, declared=TEXT_ROWS),
    }
    return [f"{query.place}: {problem}" for query in queries for problem in check[query.language](query.text)]


@pytest.mark.parametrize("file", dashboards(), ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_dashboard_asks_for_nothing_undeclared(file: Path) -> None:
    queries = list(of_dashboard(file))
    assert queries or file.stem == "home", "it asks for something"
    assert problems(queries) == []


@pytest.mark.parametrize("file", sorted(RULES.glob("*.yml")), ids=lambda file: file.stem)
def test_a_rule_asks_for_nothing_undeclared(file: Path) -> None:
    queries = list(of_rules(file))
    assert queries
    assert problems(queries) == []


def test_the_documentation_asks_for_nothing_undeclared() -> None:
    queries = list(of_queries())
    assert {query.language for query in queries} == {"promql", "flux"}
    assert problems(queries) == []


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("promql", "sum by (levle) (rate(her_log_lines_total[5m]))"),
        ("promql", 'her_replies_total{mode="chatt"}'),
        ("promql", 'her_job_seconds_bucket{le="0.3"}'),
        ("flux", 'from(bucket: "her") |> filter(fn: (r) => r._measurement == "her_jobs")'),
        ("sql", 'SELECT "words" FROM memories'),
        *(
            ("sql", f"WITH examined AS MATERIALIZED (\n{rows.sql}\n)\nSELECT {what}")
            for rows in TEXT_ROWS
            for what in ('"payload" FROM "examined"', '"words" FROM "examined" JOIN users USING (owner)')
        ),
    ],
)
def test_what_is_undeclared_is_found(language: str, text: str) -> None:
    assert problems([Asked(Path("somewhere"), "panel", language, text)])
