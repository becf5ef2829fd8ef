"""The reference statements on data small enough to compute by hand, and on rows that lie on the borders."""
# ruff: noqa: S608 - every text here is a literal of ours

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from tests.sigmasight.databases import NOW, Databases
from tests.sigmasight.reference import STATEMENTS, Reference
from tests.sigmasight.reference_sql import average, rounded, share

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


@pytest.fixture
def reference(databases: Databases) -> Reference:
    databases.core.execute("SET TimeZone = 'UTC'")
    return Reference(databases.core, databases.ai, NOW)


def put(databases: Databases, table: str, rows: Sequence[dict[str, Any]], half: str = "core") -> None:
    """Rows with what is asked for, the rest as it must be."""
    for row in rows:
        columns = ", ".join(row)
        places = ", ".join(f"%({name})s" for name in row)
        statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
        databases.side(half).execute(statement.encode(), {k: _sent(v) for k, v in row.items()})


def _sent(value: object) -> object:
    return Jsonb(value) if isinstance(value, dict | list) else value


def request(ms: int | None = 1000, at: timedelta = HOUR, **more: object) -> dict[str, Any]:
    """A request `at` before now."""
    ids = {"conversation_id": ZERO, "message_id": ZERO}
    return {**ids, "model": "m", "total_latency_ms": ms, "created_at": NOW - at, **more}


ZERO = "00000000-0000-0000-0000-000000000000"


def event(kind: str, at: timedelta = HOUR, **more: object) -> dict[str, Any]:
    return {"event_type": kind, "event_category": kind.split(".")[0], "created_at": NOW - at, **more}


def run(number: int, at: timedelta = HOUR, **more: object) -> dict[str, Any]:
    row = {
        "id": f"00000000-0000-0000-0000-{number:012d}",
        "batch_run_id": f"batch_{number}",
        "triggered_by": "manual",
        "started_at": NOW - at,
        "completed_at": NOW - at + timedelta(seconds=60),
        "status": "completed",
        "created_at": NOW - at,
    }
    return {**row, **more}


@pytest.mark.parametrize(
    ("value", "digits", "shown"),
    [("0.25", 1, "0.2"), ("0.35", 1, "0.4"), ("0.05", 1, "0.0"), ("12.345", 2, "12.34"), ("12.3451", 2, "12.35")],
)
def test_halves_go_to_the_even_neighbour(databases: Databases, value: str, digits: int, shown: str) -> None:
    assert databases.number(f"SELECT {rounded(value, digits)}") == Decimal(shown)
    assert round(Decimal(value), digits) == Decimal(shown)


def test_nothing_of_nothing_is_0_and_an_average_of_0_is_null(databases: Databases) -> None:
    assert databases.number(f"SELECT {share('0', '0', 1)}") == 0
    assert databases.number(f"SELECT {average('0.0')}") is None
    assert databases.number(f"SELECT {average('NULL::numeric')}") is None


def test_every_statement_answers_on_empty_databases(reference: Reference) -> None:
    for name in STATEMENTS:
        reference.table(name, day=NOW.date(), run="none")
    assert reference.one("ai_latency")["p50"] is None
    assert reference.one("ai_metrics")["avg_latency_ms"] is None
    assert reference.one("batch_summary")["success_rate"] == 100
    assert reference.one("onboarding_funnel")["overall_conversion"] == 0


def test_requests(databases: Databases, reference: Reference) -> None:
    tools = {"tools": [{"name": "a", "id": "1"}, {"id": "2"}]}
    put(
        databases,
        "ai_request_metrics",
        [
            request(1000, first_token_ms=100, tool_calls_count=3, tool_calls=tools),
            request(2000, first_token_ms=200, tool_calls=Jsonb(None)),
            request(4000, model="n", error_message="no type: a success"),
            request(9000, error_type="api_failure"),
            request(None, tool_calls_count=1, tool_calls={"tools": [{"name": "a"}]}, input_tokens=10, total_tokens=12),
        ],
    )
    assert reference.one("ai_metrics", days=1) == {
        "total_requests": 5,
        "successful_requests": 4,
        "failed_requests": 1,
        "error_rate": 20.0,
        "avg_latency_ms": 4000.0,
        "avg_input_tokens": 10.0,
        "avg_output_tokens": None,
        "total_input_tokens": 10,
        "total_output_tokens": 0,
        "total_tool_calls": 4,
    }
    # Of 1000, 2000, 4000: at positions 1, 1.5, 1.8, 1.9, 1.98.
    assert reference.one("ai_latency", days=1) == {
        "sample_count": 3,
        "p50": 2000.0,
        "p75": 3000.0,
        "p90": 3600.0,
        "p95": 3800.0,
        "p99": 3960.0,
        "avg": 2333.3,
        "min": 1000.0,
        "max": 4000.0,
        "avg_first_token_ms": 150.0,
    }
    assert reference.one("ai_errors", days=1) == {"total_errors": 1, "error_rate": 20.0}
    assert reference.table("ai_errors_by_type") == [{"error_type": "api_failure", "count": 1, "percentage": 100.0}]
    assert reference.one("ai_tools") == {"total_tool_calls": 4, "requests_with_tools": 2, "avg_tools_per_request": 2.0}
    assert reference.table("ai_tools_by_name") == [
        {"name": "a", "count": 2, "percentage": 66.7},
        {"name": "unknown", "count": 1, "percentage": 33.3},
    ]
    assert reference.table("ai_models") == [
        {"model": "m", "count": 4, "percentage": 80.0, "avg_latency_ms": 4000.0, "avg_total_tokens": 12.0},
        {"model": "n", "count": 1, "percentage": 20.0, "avg_latency_ms": 4000.0, "avg_total_tokens": None},
    ]
    assert reference.one("ai_tokens") == {"input_tokens": 10, "output_tokens": 0, "total_tokens": 12}
    assert reference.table("ai_tokens_by_day") == [
        {
            "day": "2026-01-14",
            "input_tokens": 10,
            "output_tokens": 0,
            "total_tokens": 12,
            "request_count": 5,
            "avg_input_tokens": 10.0,
            "avg_output_tokens": None,
        }
    ]


def test_windows_take_in_their_borders(databases: Databases, reference: Reference) -> None:
    borders = [7 * DAY + MICROSECOND, 7 * DAY, 7 * DAY - MICROSECOND, timedelta(0), -MICROSECOND]
    put(databases, "ai_request_metrics", [request(at=at) for at in borders])
    assert reference.one("ai_metrics", days=7)["total_requests"] == 3
    put(databases, "batch_run_history", [run(number, at) for number, at in enumerate(borders)])
    assert reference.one("batch_summary", days=7)["total_runs"] == 4, "no upper end"


def test_windows_count_hours_and_not_calendar_days(databases: Databases) -> None:
    databases.core.execute("SET TimeZone = 'America/New_York'")
    after_the_clocks_changed = datetime(2026, 3, 9, 12, tzinfo=UTC)
    reference = Reference(databases.core, databases.ai, after_the_clocks_changed)
    put(databases, "ai_request_metrics", [{**request(), "created_at": after_the_clocks_changed - 2 * DAY}])
    assert reference.one("ai_metrics", days=2)["total_requests"] == 1


def test_days_are_the_sessions(databases: Databases, reference: Reference) -> None:
    put(databases, "ai_request_metrics", [request(at=10 * HOUR), request(at=5 * HOUR)])
    put(databases, "user_activity_events", [event("x", 10 * HOUR), event("onboarding.login_error", 5 * HOUR)])
    for name in ("ai_tokens_by_day", "onboarding_daily"):
        assert [row["day"] for row in reference.table(name)] == ["2026-01-13", "2026-01-14"]
    databases.core.execute("SET TimeZone = 'America/New_York'")
    for name in ("ai_tokens_by_day", "onboarding_daily"):
        assert [row["day"] for row in reference.table(name)] == ["2026-01-13"]
    assert reference.table("onboarding_daily")[0]["login_errors"] == 1


def test_onboarding(databases: Databases, reference: Reference) -> None:
    counts = {"register_start": 7, "register_complete": 5, "login_success": 15, "portfolio_start": 2}
    put(databases, "user_activity_events", [event(f"onboarding.{k}") for k, n in counts.items() for _ in range(n)])
    put(databases, "user_activity_events", [event("onboarding.portfolio_complete")])
    put(databases, "user_activity_events", [event("chat.x", error_code="A"), event("onboarding.y", error_code="A")])
    put(databases, "user_activity_events", [event("onboarding.y", error_code="A")])
    funnel = reference.one("onboarding_funnel")
    assert {step: funnel[step] for step in counts} == counts
    assert funnel["register_complete_rate"] == 71.4
    assert funnel["login_success_rate"] == 214.3
    assert funnel["overall_conversion"] == 14.3
    assert reference.table("onboarding_errors") == [
        {"error_code": "A", "event_type": "onboarding.y", "count": 2, "percentage": 66.7, "total_errors": 3},
        {"error_code": "A", "event_type": "chat.x", "count": 1, "percentage": 33.3, "total_errors": 3},
    ]
    assert reference.one("onboarding_events")["total"] == 33


def test_batch(databases: Databases, reference: Reference) -> None:
    put(
        databases,
        "batch_run_history",
        [
            run(1, total_jobs=8, completed_jobs=7, error_summary=Jsonb(None), completed_at=NOW),
            run(2, 2 * HOUR, error_summary={"batch_type": "symbol_batch"}),
            run(3, 3 * HOUR, status="running", completed_at=None, activity_log=[{}, {}]),
            run(4, 4 * HOUR, status="failed", error_summary={"errors": []}),
            run(5, 5 * HOUR, status="cancelled"),
            run(6, -HOUR, created_at=None),
        ],
    )
    history = reference.table("batch_history")
    assert [row["batch_run_id"] for row in history] == ["batch_1", "batch_2", "batch_3", "batch_4", "batch_5"]
    assert [row["has_errors"] for row in history] == [False, True, False, True, False]
    assert [row["duration_seconds"] for row in history] == [3600, 60, None, 60, 60]
    assert reference.one("batch_summary") == {
        "total_runs": 5,
        "completed": 2,
        "failed": 1,
        "running": 1,
        "partial": 0,
        "success_rate": 40.0,
        "avg_duration_seconds": 1830.0,
        "most_recent": NOW + HOUR,
    }
    assert reference.one("batch_run", run="batch_1")["jobs_success_rate"] == 87.5
    assert reference.one("batch_run", run="batch_3")["log_entries"] == 2
    assert reference.table("batch_run", run="batch_0") == []


def test_feedback_and_tuning(databases: Databases, reference: Reference) -> None:
    at = {"message_id": ZERO, "created_at": NOW - HOUR}
    put(
        databases,
        "ai_feedback",
        [
            {**at, "rating": "up", "edited_text": "", "comment": "good"},
            {**at, "rating": "up", "edited_text": "better", "comment": None},
            {**at, "rating": "down", "edited_text": None, "comment": ""},
            {**at, "rating": "up", "created_at": NOW - 31 * DAY},
        ],
        half="ai",
    )
    strict = {"total": 3, "up": 2, "down": 1, "with_edits": 2, "with_comments": 2}
    assert reference.one("knowledge_feedback") == {**strict, "positive_ratio": 0.667}
    lenient = reference.one("feedback_summary")
    assert lenient == {**strict, "positive_ratio": 2 / 3, "with_edits": 1, "with_comments": 1}
    assert reference.one("feedback_all_time")["total"] == 4
    note = {**at, "admin_user_id": ZERO, "content": "x"}
    put(
        databases,
        "ai_admin_annotations",
        [
            {**note, "annotation_type": "flag", "severity": "minor", "suggested_response": "y"},
            {**note, "annotation_type": "flag", "severity": None, "status": "applied"},
        ],
        half="ai",
    )
    assert reference.one("tuning_summary") == {"total": 2, "with_suggestions": 1}
    assert reference.counts("tuning_by_type") == {"flag": 2}
    assert reference.counts("tuning_by_severity") == {"minor": 1}
    assert reference.counts("tuning_by_status") == {"applied": 1, "pending": 1}
    put(databases, "ai_memories", [{"user_id": u, "scope": "user", "content": "x"} for u in (ZERO, ZERO, None)], "ai")
    assert reference.one("memories") == {"total": 3, "users": 1}
    assert reference.counts("memories_by_scope") == {"user": 3}
    put(databases, "ai_kb_documents", [{"scope": "global", "title": "x", "content": "x"}], "ai")
    assert reference.counts("documents_by_scope") == {"global": 1}


def test_conversations_are_counted_with_their_messages(databases: Databases, reference: Reference) -> None:
    for number, back in enumerate((HOUR, 31 * DAY)):
        key = f"00000000-0000-0000-0000-{number:012d}"
        row = {"id": key, "user_id": ZERO, "mode": "green", "provider": "openai", "metadata": {}}
        put(databases, "agent_conversations", [{**row, "created_at": NOW - back, "updated_at": NOW}])
    message = {"conversation_id": ZERO, "role": "user", "tool_calls": [], "created_at": NOW}
    put(databases, "agent_messages", [{**message, "id": f"00000000-0000-0000-0000-{n:012d}"} for n in range(2)])
    assert reference.table("tuning_conversations") == [{"id": ZERO, "message_count": 2, "total": 1}]


def test_system(databases: Databases, reference: Reference) -> None:
    put(databases, "ai_request_metrics", [request(at=DAY), request(at=30 * DAY), request(at=30 * DAY + MICROSECOND)])
    put(databases, "batch_run_history", [run(1, created_at=None), run(2, 40 * DAY)])
    health = reference.one("system_health")
    assert (health["requests"], health["requests_24h"], health["runs_24h"]) == (3, 1, 1)
    retention = {row["name"]: (row["total"], row["overdue"]) for row in reference.table("retention")}
    assert retention["ai_request_metrics"] == (3, 1)
    assert retention["batch_run_history"] == (2, 1)
    days = [NOW.date() - n * DAY for n in (0, 1, 2, 7, 8)]
    for number, day in enumerate(days):
        key = f"00000000-0000-0000-0000-{number:012d}"
        row = {"id": key, "date": day, "metric_type": "batch.batch_runs", "metric_value": number}
        put(databases, "daily_metrics", [row])
    assert reference.one("aggregation", days=7) == {
        "present": 4,
        "missing": 4,
        "coverage": pytest.approx(57.142857),
    }
    assert [row["date"] for row in reference.table("daily_metrics", days=2)] == [
        "2026-01-12",
        "2026-01-13",
        "2026-01-14",
    ]


def test_an_aggregated_day_has_the_names_of_the_real_one(databases: Databases, reference: Reference) -> None:
    put(
        databases,
        "ai_request_metrics",
        [request(ms, model=model) for ms, model in ((1000, "a"), (3000, "b"), (0, "c"))],
    )
    put(databases, "user_activity_events", [event("chat.session_start", user_id=ZERO), event("auth.logout")])
    put(databases, "batch_run_history", [run(1, status="running", completed_at=None, total_jobs=4), run(2)])
    day = {row["key"]: row["value"] for row in reference.table("aggregated_day", day=NOW.date())}
    assert len(day) == 33
    assert day["ai_requests.latency_p50"] == 1000
    assert day["ai_requests.latency_p99"] == 2960
    assert day["ai_requests.avg_latency_ms"] == pytest.approx(1333.3333)
    assert day["ai_requests.model_breakdown:b"] == 1
    assert day["user_activity.total_activity_events"] == 2
    assert day["user_activity.unique_users"] == 1
    assert (day["batch.batch_runs"], day["batch.total_jobs"], day["batch.avg_duration_minutes"]) == (2, 4, 1)
    assert sum(row["value"] for row in reference.table("aggregated_day", day=NOW.date() - DAY)) == 0
