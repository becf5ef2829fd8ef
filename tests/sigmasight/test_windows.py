"""Every number of SigmaSight's admin pages, as the probes show it, against an independent statement of its rule."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from exporters.core.contract import Sample
from exporters.core.metric import Metric
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_account import log_in
from exporters.readers.postgres_client import close
from exporters.sigmasight import metrics as stream_metrics
from exporters.sigmasight import probes_intervals, tuning_metrics, windows_bounds, windows_retention
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.intervals import INTERVALS
from exporters.sigmasight.probes_metrics import METRICS
from exporters.sigmasight.probes_system import ai_probes, core_probes
from exporters.sigmasight.simulate import Habits
from tests.sigmasight.databases import Databases
from tests.sigmasight.houses import House
from tests.sigmasight.reference import Reference
from tests.sigmasight.reference_onboarding import DAILY
from tests.sigmasight.watching import collected, numbers

pytestmark = pytest.mark.servers

DAYS = pytest.mark.parametrize("days", m.WINDOWS)
PACE = probes_intervals.INTERVALS.__getitem__


class Told:
    """What every probe says at one moment, and the statements to compare with."""

    def __init__(self, house: House, now: datetime) -> None:
        self.house = house
        self.now = now
        self.samples: list[Sample] = []
        for database, probes in (
            (house.settings().core, core_probes(PACE)),
            (house.settings().ai_database, ai_probes(PACE)),
        ):
            connection = log_in(database)
            try:
                for probe in probes:
                    self.samples += collected(probe, connection, now)
            finally:
                close(connection)
        self.reference = Reference(house.databases.core, house.databases.ai, now)

    def value(self, metric: Metric, *labels: object) -> float | None:
        """One series; None if it is absent."""
        return numbers(self.samples, metric).get(tuple(map(str, labels)))

    def by(self, metric: Metric, days: int) -> dict[str, float]:
        """The series of a window, by their other label, without zeros."""
        return {labels[1]: n for labels, n in numbers(self.samples, metric).items() if labels[0] == str(days) and n}


@pytest.fixture(scope="module")
def told(sigmasight_postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """Some days with every odd row around the moment at which the probes look."""
    with Databases(sigmasight_postgres) as databases, closing(House(databases, tmp_path_factory.mktemp("w"))) as house:
        house.sigma.found()
        house.sigma.backfill(5, aggregated=0.7)
        now = datetime.now(UTC)
        house.sigma.edges(now)
        house.sigma.aggregate(now.date())  # today has aggregates already, and is none of the days that can be missing
        with house.sigma.held_request(created_at=now - timedelta(days=29)):  # of the first of the thirty days
            pass
        yield Told(house, now)


def exactly(milliseconds_or_percent: Any, scale: int) -> float | None:
    """The back end's number in our unit."""
    given = milliseconds_or_percent
    return None if given is None else float(Decimal(repr(given)) / scale)


@DAYS
def test_requests(told: Told, days: int) -> None:
    page = told.reference.one("ai_metrics", days=days)
    assert page["total_requests"] > 0
    assert told.value(m.REQUESTS, days, "success") == page["successful_requests"]
    assert told.value(m.REQUESTS, days, "error") == page["failed_requests"]
    assert told.value(m.ERROR_RATIO, days) == exactly(page["error_rate"], 100)
    assert told.value(m.MEAN_LATENCY, days, "all") == exactly(page["avg_latency_ms"], 1000)
    assert told.value(m.TOKEN_MEAN, days, "input") == page["avg_input_tokens"]
    assert told.value(m.TOKEN_MEAN, days, "output") == page["avg_output_tokens"]
    assert told.value(m.TOOL_CALLS, days) == page["total_tool_calls"]
    tokens = told.reference.one("ai_tokens", days=days)
    for kind in ("input", "output", "total"):
        assert told.value(m.TOKEN_SUM, days, kind) == tokens[f"{kind}_tokens"]


@DAYS
def test_latency(told: Told, days: int) -> None:
    page = told.reference.one("ai_latency", days=days)
    for statistic in m.STATISTICS:
        assert told.value(m.LATENCY, days, statistic) == exactly(page[statistic], 1000), statistic
    assert told.value(m.SAMPLES, days) == page["sample_count"] > 0
    assert told.value(m.MEAN_LATENCY, days, "successes") == exactly(page["avg"], 1000)
    assert told.value(m.FIRST_CHUNK, days) == exactly(page["avg_first_token_ms"], 1000)
    assert page["avg"] != told.reference.one("ai_metrics", days=days)["avg_latency_ms"], "they differ by design"


@DAYS
def test_errors_tools_and_models(told: Told, days: int) -> None:
    renamed = {"": "_OTHER", "m" * 100: "other", "x" * 3000: "other", "x" * 100: "other"}
    errors = told.reference.table("ai_errors_by_type", days=days)
    assert told.by(m.BY_ERROR, days) == {
        renamed.get(row["error_type"], row["error_type"]): row["count"] for row in errors
    }
    tools = told.reference.one("ai_tools", days=days)
    assert told.value(m.TOOL_CALLERS, days) == tools["requests_with_tools"]
    assert told.value(m.TOOLS_MEAN, days) == tools["avg_tools_per_request"]
    listed = {row["name"]: row["count"] for row in told.reference.table("ai_tools_by_name", days=days)}
    shown = told.by(m.LISTED, days)
    assert sum(shown.values()) == sum(listed.values())
    assert {tool: n for tool, n in shown.items() if tool != "other"}.items() <= listed.items()
    assert shown["unknown"] == listed["unknown"] >= 2
    models = told.reference.table("ai_models", days=days)
    assert told.by(m.BY_MODEL, days) == {renamed.get(row["model"], row["model"]): row["count"] for row in models}
    for row in models:
        model = renamed.get(row["model"], row["model"])
        assert told.value(m.MODEL_LATENCY, days, model) == exactly(row["avg_latency_ms"], 1000)
        assert told.value(m.MODEL_TOKENS, days, model) == row["avg_total_tokens"]


@DAYS
def test_onboarding(told: Told, days: int) -> None:
    funnel = told.reference.one("onboarding_funnel", days=days)
    for step in m.STEPS:
        assert told.value(m.STEP_EVENTS, days, step) == funnel[step]
        assert told.value(m.CONVERSION, days, step) == exactly(funnel[f"{step}_rate"], 100)
        users = told.house.databases.number(
            "SELECT count(DISTINCT user_id) FROM user_activity_events WHERE event_type = %(type)s"
            " AND created_at BETWEEN %(start)s AND %(now)s",
            {"type": f"onboarding.{step}", "start": told.now - timedelta(days=days), "now": told.now},
        )
        assert told.value(m.STEP_USERS, days, step) == users
    errors: dict[tuple[str, ...], float] = {}
    for row in told.reference.table("onboarding_errors", days=days):
        code = str({"": "unnamed", "E" * 50: "other"}.get(row["error_code"], row["error_code"]))
        errors[str(days), code, str(row["event_type"])] = row["count"]
    shown = {labels: n for labels, n in numbers(told.samples, m.STEP_ERRORS).items() if labels[0] == str(days)}
    assert shown == errors
    assert errors


def test_day_by_day(told: Told) -> None:
    told.house.databases.core.execute("SET TimeZone = 'UTC'")
    days = {f"{ago:02}": (told.now.date() - timedelta(days=ago)).isoformat() for ago in range(30)}
    # A longer window, so that its first day, which is partial, is none of the thirty.
    requests = {row["day"]: row for row in told.reference.table("ai_tokens_by_day", days=40)}
    events = {row["day"]: row for row in told.reference.table("onboarding_daily", days=40)}
    assert len(requests.keys() & days.values()) > 5
    assert requests[days["29"]]["request_count"] >= 1
    for ago, day in days.items():
        row = requests.get(day, {"request_count": 0})
        assert told.value(m.DAY_REQUESTS, ago) == row["request_count"]
        for kind in ("input", "output", "total"):
            assert (told.value(m.DAY_TOKENS, ago, kind) or 0) == row.get(f"{kind}_tokens", 0)
            if kind != "total":
                assert told.value(m.DAY_TOKENS_MEAN, ago, kind) == row.get(f"avg_{kind}_tokens")
        for name, event in DAILY.items():
            assert told.value(m.DAY_EVENTS, ago, f"onboarding.{event}") == events.get(day, {name: 0})[name]
    assert sum(numbers(told.samples, m.DAY_EVENTS).values()) > 10


@DAYS
def test_batch(told: Told, days: int) -> None:
    page = told.reference.one("batch_summary", days=days)
    for status in ("completed", "failed", "partial", "running"):
        assert told.value(m.BATCH_RUNS, days, status) == page[status]
    assert sum(told.by(m.BATCH_RUNS, days).values()) == page["total_runs"] > 0
    assert told.value(m.BATCH_SUCCESS, days, "all") == exactly(page["success_rate"], 100)
    assert told.value(m.BATCH_SUCCESS, days, "ended") == page["completed"] / (page["total_runs"] - page["running"])
    assert told.value(m.BATCH_DURATION, days) == pytest.approx(page["avg_duration_seconds"], rel=1e-12)
    assert told.value(m.BATCH_RECENT) == page["most_recent"].timestamp()


@DAYS
def test_tuning_and_feedback(told: Told, days: int) -> None:
    reference = told.reference
    summary = reference.one("tuning_summary", days=days)
    assert sum(told.by(m.ANNOTATIONS, days).values()) == summary["total"] > 0
    assert told.value(m.SUGGESTED, days) == summary["with_suggestions"]
    for metric, name, known in (
        (m.ANNOTATIONS, "tuning_by_type", tuning_metrics.TYPE),
        (m.ANNOTATION_SEVERITY, "tuning_by_severity", tuning_metrics.SEVERITY),
        (m.ANNOTATION_STATUS, "tuning_by_status", tuning_metrics.STATUS),
    ):
        counts = reference.counts(name, days=days)
        shown = told.by(metric, days)
        assert {value: n for value, n in counts.items() if value in (known.values or ())} == {
            value: n for value, n in shown.items() if value not in {"none", "other"}
        }
        assert shown.get("other", 0) == sum(n for value, n in counts.items() if value not in (known.values or ()))
    feedback, summed = (reference.one(name, days=days) for name in ("knowledge_feedback", "feedback_summary"))
    assert told.value(m.FEEDBACK, days, "up") == feedback["up"]
    assert told.value(m.FEEDBACK, days, "down") == feedback["down"]
    assert sum(told.by(m.FEEDBACK, days).values()) == feedback["total"] > 0
    assert told.value(m.POSITIVE, days) == feedback["positive_ratio"]
    for part in ("edit", "comment"):
        assert told.value(m.FEEDBACK_WITH, days, part, "not_null") == feedback[f"with_{part}s"]
        assert told.value(m.FEEDBACK_WITH, days, part, "not_empty") == summed[f"with_{part}s"]
    conversations = reference.table("tuning_conversations", days=days)
    assert sum(told.by(m.CONVERSATIONS, days).values()) == len(conversations)


@DAYS
def test_answers_without_a_row(told: Told, days: int) -> None:
    rows = told.house.databases.rows(
        "SELECT count(r.message_id) > 0 FROM agent_messages AS a"
        " LEFT JOIN ai_request_metrics AS r ON r.message_id = a.id WHERE role = 'assistant'"
        " AND latency_ms IS NOT NULL AND a.created_at BETWEEN %(start)s AND %(now)s GROUP BY a.id",
        {"start": told.now - timedelta(days=days), "now": told.now},
    )
    recorded = [found for (found,) in rows]
    assert told.value(m.ANSWERS, days, "yes") == recorded.count(True) > 0
    assert told.value(m.ANSWERS, days, "no") == recorded.count(False) > 0


def test_retention(told: Told) -> None:
    for row in told.reference.table("retention"):
        assert told.value(m.TABLE_ROWS, row["name"]) == row["total"]
        assert told.value(m.OVERDUE, row["name"]) == row["overdue"] > 0
        assert told.value(m.OLDEST, row["name"]) == row["oldest"].timestamp()
        assert told.value(m.TABLE_COUNTED, row["name"]) == 1
    health = told.reference.one("system_health")
    assert told.value(m.TABLE_ROWS, "daily_metrics") == health["aggregates"] > 0
    assert told.value(m.TABLE_RECENT, "user_activity_events") == health["events_24h"]
    assert told.value(m.TABLE_RECENT, "ai_request_metrics") == health["requests_24h"]
    assert told.value(m.TABLE_RECENT, "batch_run_history") == health["runs_24h"]


@DAYS
def test_coverage(told: Told, days: int) -> None:
    page = told.reference.one("aggregation", days=days)
    assert told.value(m.DAYS_PRESENT, days, "present") == page["present"]
    assert told.value(m.DAYS_PRESENT, days, "missing") == page["missing"]
    assert told.value(m.COVERAGE, days) == pytest.approx(page["coverage"] / 100)


def test_people(told: Told) -> None:
    one = told.house.databases.number
    active = {"yes": "is_active", "no": "NOT is_active"}
    for tier in ("free", "paid"):
        for label, condition in active.items():
            count = one(f"SELECT count(*) FROM users WHERE tier = '{tier}' AND {condition}")
            assert told.value(m.USERS, tier, label) == count
    assert told.value(m.WITH_CLERK) == one("SELECT count(*) FROM users WHERE clerk_user_id IS NOT NULL")
    since = {"since": told.now - timedelta(days=7)}
    assert told.value(m.SIGNED_UP, "7d") == one("SELECT count(*) FROM users WHERE created_at >= %(since)s", since) > 0
    today = told.now.date()
    days = dict(
        told.house.databases.rows("SELECT (created_at AT TIME ZONE 'UTC')::date, count(*) FROM users GROUP BY 1")
    )
    for ago in range(30):
        assert told.value(m.SIGNED_UP_BY_DAY, f"{ago:02}") == days.get(today - timedelta(days=ago), 0)
    assert told.value(m.PORTFOLIOS, "kept") == one("SELECT count(*) FROM portfolios WHERE deleted_at IS NULL")
    assert told.value(m.ADMIN_SESSIONS) == one(
        "SELECT count(*) FROM admin_sessions WHERE expires_at > %(now)s", {"now": told.now}
    )


def test_production_has_no_tokens_and_absent_is_absent(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        empty = Told(house, datetime.now(UTC))
        assert empty.value(m.MEAN_LATENCY, 30, "all") is None
        assert empty.value(m.LATENCY, 30, "p50") is None
        assert empty.value(m.BATCH_SUCCESS, 30, "all") == 1
        assert empty.value(m.BATCH_SUCCESS, 30, "ended") is None
        assert empty.value(m.ERROR_RATIO, 30) == 0
        assert empty.value(m.OVERDUE, "ai_request_metrics") == 0
        sigma = databases.sigma(3, clock=lambda: datetime.now(UTC), habits=Habits(tokens=0.0))
        sigma.found()
        sigma.burst(5)
        told = Told(house, datetime.now(UTC))
        assert told.value(m.REQUESTS, 1, "success") == 5
        assert told.value(m.TOKEN_SUM, 1, "input") is None
        assert told.value(m.TOKEN_MEAN, 1, "input") is None
        assert told.reference.one("ai_metrics", days=1)["total_input_tokens"] == 0


def test_a_mean_of_exactly_0_is_absent(databases: Databases, tmp_path: Path) -> None:
    with closing(House(databases, tmp_path)) as house:
        house.sigma.found(2)
        now = datetime.now(UTC)
        zeros = dict.fromkeys(
            ("total_latency_ms", "first_token_ms", "input_tokens", "output_tokens", "total_tokens"), 0
        )
        with house.sigma.held_request(created_at=now, error_type=None, model="m", **zeros):
            pass
        databases.core.execute(
            "INSERT INTO batch_run_history"
            " (id, batch_run_id, triggered_by, started_at, completed_at, status, created_at)"
            " VALUES (gen_random_uuid(), 'batch_20260114_090000', 'manual', %(now)s, %(now)s, 'completed', %(now)s)",
            {"now": now},
        )
        told = Told(house, now)
        page = told.reference.one("ai_metrics", days=1)
        assert told.value(m.REQUESTS, 1, "success") == page["total_requests"] == 1
        assert page["avg_latency_ms"] is page["avg_input_tokens"] is None
        for metric, *labels in (
            (m.MEAN_LATENCY, "all"), (m.MEAN_LATENCY, "successes"), (m.FIRST_CHUNK,), (m.TOKEN_MEAN, "input"),
            (m.MODEL_LATENCY, "m"), (m.MODEL_TOKENS, "m"), (m.BATCH_DURATION,),
        ):  # fmt: skip
            assert told.value(metric, 1, *labels) is None, metric
        assert told.value(m.LATENCY, 1, "p50") == 0, "a percentile is none"
        assert told.value(m.TOKEN_SUM, 1, "total") == 0
        assert told.value(m.BATCH_RUNS, 1, "completed") == 1


def test_a_window_with_too_many_rows_is_left_out(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = told.house.databases.number(
        "SELECT count(*) FROM ai_request_metrics WHERE created_at BETWEEN %(start)s AND %(now)s",
        {"start": told.now - timedelta(days=7), "now": told.now},
    )
    for most, last in ((rows, 1), (rows - 1, 0)):
        monkeypatch.setattr(windows_bounds, "MOST_ROWS", most)
        again = Told(told.house, told.now)
        assert again.value(m.REQUESTS_COMPUTED, 30) == 0
        assert again.value(m.REQUESTS, 30, "success") is None
        assert again.value(m.REQUESTS_COMPUTED, 7) == last
        assert (again.value(m.REQUESTS, 7, "success") is not None) == bool(last)
        assert again.value(m.REQUESTS_COMPUTED, 1) == 1


def test_a_large_table_is_estimated(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows_retention, "MOST", 3)
    told.house.databases.core.execute("ANALYZE ai_request_metrics")
    again = Told(told.house, told.now)
    rows = told.value(m.TABLE_ROWS, "ai_request_metrics")
    assert again.value(m.TABLE_ROWS, "ai_request_metrics") == pytest.approx(rows, rel=0.05)
    assert again.value(m.TABLE_COUNTED, "ai_request_metrics") == 0
    assert again.value(m.OVERDUE, "ai_request_metrics") == 4, "more than 3"


def test_no_text_gets_through(told: Told) -> None:
    shown = repr(told.samples)
    assert len(told.house.canaries) > 20
    assert not [token for token in told.house.canaries.values() if token in shown]


def test_one_database_for_both(one_database: Databases, tmp_path: Path) -> None:
    with closing(House(one_database, tmp_path)) as house:
        house.sigma.found()
        now = datetime.now(UTC)
        house.sigma.edges(now)
        told = Told(house, now)
        page = told.reference.one("ai_metrics", days=30)
        assert told.value(m.REQUESTS, 30, "error") == page["failed_requests"] > 0
        feedback = told.reference.one("feedback_summary", days=30)
        assert told.value(m.FEEDBACK, 30, "down") == feedback["down"] > 0


def test_names_are_told_apart_from_those_of_the_streams() -> None:
    names = [metric.name for metric in stream_metrics.METRICS]
    assert len(names) == len(set(names))
    assert set(METRICS) < set(stream_metrics.METRICS)
    for name in INTERVALS.keys() & probes_intervals.INTERVALS.keys():
        assert INTERVALS[name] == probes_intervals.INTERVALS[name]


def test_every_metric_of_a_probe_is_declared_and_has_one_owner() -> None:
    fed = [metric for probe in (*core_probes(PACE), *ai_probes(PACE)) for metric in probe.feeds]
    assert len(fed) == len(set(fed))
    assert set(fed) <= set(METRICS)
    assert {probe.name for probe in (*core_probes(PACE), *ai_probes(PACE))} < set(probes_intervals.INTERVALS)
