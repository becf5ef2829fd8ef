"""The odd rows are all there, on both sides of every border."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from exporters.demo.postgres import Postgres
from exporters.sigmasight.simulate import Planted
from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.reference import STATEMENTS, Reference

DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def databases(sigmasight_postgres: Postgres) -> Iterator[Databases]:
    """One pair for all of these tests, which only look."""
    with Databases(sigmasight_postgres) as made:
        yield made


@pytest.fixture(scope="module")
def planted(databases: Databases) -> list[Planted]:
    return databases.sigma(seed=6).edges(NOW)


def test_every_planted_row_is_there_and_none_besides(databases: Databases, planted: list[Planted]) -> None:
    by_table = Counter(row.table for row in planted)
    assert len({row.key for row in planted}) == len(planted) > 150
    for table, number in by_table.items():
        half = "ai" if table.startswith("ai_") and table != "ai_request_metrics" else "core"
        keys = {key for (key,) in databases.rows(f"SELECT id FROM {table}", half=half)}
        assert keys == {row.key for row in planted if row.table == table}
        assert len(keys) == number
    assert by_table.keys() >= {"ai_request_metrics", "user_activity_events", "batch_run_history", "daily_metrics"}


@pytest.mark.parametrize("days", [1, 7, 14, 30, 60, 90])
@pytest.mark.parametrize("table", ["ai_request_metrics", "user_activity_events"])
def test_rows_lie_on_the_border_and_a_microsecond_beside(
    databases: Databases, planted: list[Planted], table: str, days: int
) -> None:
    assert planted
    asked = f"SELECT count(*) FROM {table} WHERE created_at = %(at)s"
    edge = NOW - days * DAY
    counts = [databases.number(asked, {"at": edge + offset * MICROSECOND}) for offset in (-2, -1, 0, 1, 2)]
    one = 1 if table == "ai_request_metrics" else 2
    assert counts == [0, one, one, one, 0]
    for at in (NOW, NOW + MICROSECOND, NOW + timedelta(hours=5)):
        assert databases.number(asked, {"at": at}) == one


def test_the_oddities_of_requests(databases: Databases, planted: list[Planted]) -> None:
    assert planted
    for where in (
        "tool_calls IS NULL",
        "tool_calls = 'null'",
        "tool_calls = '{}'",
        "jsonb_typeof(tool_calls) = 'array'",
        "jsonb_typeof(tool_calls) = 'string'",
        "NOT (tool_calls -> 'tools' -> 0) ? 'name'",
        "error_type IS NULL AND error_message IS NOT NULL",
        "error_type = ''",
        "total_latency_ms IS NULL AND error_type IS NULL",
        "total_latency_ms = 0",
        "user_id IS NULL",
        "length(model) = 100",
        "input_tokens IS NOT NULL AND total_tokens IS NULL",
        "created_at > '2090-01-01'",
        "jsonb_typeof(tool_calls -> 'tools') = 'object'",
        "tool_calls_count = 5",
    ):
        assert databases.number(f"SELECT count(*) FROM ai_request_metrics WHERE {where}") > 0, where
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        # Lists that are none abort a careless query: that is what they are there for.
        databases.rows("SELECT jsonb_array_length(tool_calls -> 'tools') FROM ai_request_metrics")
    twice = "SELECT count(*) FROM (SELECT message_id FROM ai_request_metrics GROUP BY 1 HAVING count(*) > 1) AS x"
    assert databases.number(twice) == 1


def test_the_oddities_of_runs(databases: Databases, planted: list[Planted]) -> None:
    assert planted
    for where in (
        "created_at IS NULL AND status = 'running'",
        "created_at IS NULL AND status = 'completed'",
        "batch_run_id IN (SELECT batch_run_id FROM batch_run_history GROUP BY 1 HAVING count(*) = 2)",
        "status = 'running' AND batch_run_id ~ '^[0-9a-f]{8}-' AND triggered_by LIKE '%@%'",
        "status = 'running' AND batch_run_id LIKE 'batch%' AND created_at < now()",
        "status NOT IN ('running', 'completed', 'failed', 'partial')",
        "completed_at < started_at",
        "error_summary IS NULL AND status = 'completed'",
        "error_summary = 'null'",
        "jsonb_typeof(error_summary) NOT IN ('null', 'object')",
        "error_summary ? 'errors' AND status = 'completed'",
        "started_at < created_at",
        "jsonb_typeof(phase_durations) = 'array'",
    ):
        assert databases.number(f"SELECT count(*) FROM batch_run_history WHERE {where}") > 0, where
    newest = databases.dicts("SELECT status, created_at FROM batch_run_history ORDER BY started_at DESC LIMIT 1")
    assert newest == [{"status": "running", "created_at": None}]


def test_the_oddities_of_the_other_tables(databases: Databases, planted: list[Planted]) -> None:
    assert planted
    for table, where in (
        ("ai_feedback", "edited_text = ''"),
        ("ai_feedback", "comment = ''"),
        ("ai_feedback", "rating NOT IN ('up', 'down')"),
        ("ai_feedback", "message_id IN (SELECT message_id FROM ai_feedback GROUP BY 1 HAVING count(*) = 2)"),
        ("ai_admin_annotations", "severity IS NULL"),
        ("ai_admin_annotations", "severity = ''"),
        ("ai_admin_annotations", "jsonb_typeof(tags) <> 'array'"),
        ("ai_admin_annotations", "updated_at < created_at"),
        ("ai_memories", "user_id IS NULL"),
        ("ai_kb_documents", "embedding IS NULL"),
    ):
        assert databases.number(f"SELECT count(*) FROM {table} WHERE {where}", half="ai") > 0, where
    for table, where in (
        ("user_activity_events", "event_category = 'unknown'"),
        ("user_activity_events", "error_code IS NOT NULL AND event_type NOT LIKE 'onboarding.%'"),
        ("agent_messages", "role NOT IN ('user', 'assistant')"),
        ("agent_messages", "role = 'assistant' AND latency_ms IS NULL"),
        ("daily_metrics", "created_at IS NULL"),
        ("admin_sessions", "created_at IS NULL"),
    ):
        assert databases.number(f"SELECT count(*) FROM {table} WHERE {where}") > 0, where


def test_every_reference_statement_survives_them(databases: Databases, planted: list[Planted]) -> None:
    assert planted
    databases.core.execute("SET TimeZone = 'UTC'")
    reference = Reference(databases.core, databases.ai, NOW)
    for name in STATEMENTS:
        reference.table(name, day=NOW.date(), run="batch_20260114_090000")
    # Of each day's window: exactly on it, and 1 us inside; the rest of the last hours is in all of them.
    recent = reference.one("ai_metrics", days=1)["total_requests"]
    for number, days in enumerate((7, 14, 30, 60, 90), 1):
        # What is 1 us outside one window is inside the next.
        assert reference.one("ai_metrics", days=days)["total_requests"] == recent + 3 * number
    assert len(reference.table("batch_run", run="batch_20260114_090000")) == 2
    strict, lenient = reference.one("knowledge_feedback"), reference.one("feedback_summary")
    assert strict["with_edits"] == lenient["with_edits"] + 1
