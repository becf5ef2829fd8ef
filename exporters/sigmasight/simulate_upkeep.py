"""What SigmaSight does only when a super administrator presses a button: the daily aggregation and the clean-up.

Both work on what the tables hold at that moment: aggregating an old date again after a clean-up overwrites its good
values with zeros, because a second run replaces `metric_value` and nothing else.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, LiteralString

from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from exporters.sigmasight import simulate_names as names
from exporters.sigmasight.simulate_pen import Pen

ACTIVITY: Final[LiteralString] = """
    SELECT event_type, user_id FROM user_activity_events WHERE created_at >= %(start)s AND created_at < %(end)s
"""
REQUESTS: Final[LiteralString] = """
    SELECT count(*) AS ai_requests,
           count(error_type) AS ai_requests_with_errors,
           avg(total_latency_ms) AS avg_latency_ms,
           avg(first_token_ms) AS avg_first_token_ms,
           sum(input_tokens) AS total_input_tokens,
           sum(output_tokens) AS total_output_tokens,
           sum(total_tokens) AS total_tokens,
           avg(tool_calls_count) AS avg_tool_calls,
           percentile_cont(ARRAY[0.5, 0.75, 0.9, 0.95, 0.99]) WITHIN GROUP (ORDER BY total_latency_ms) AS percentiles
    FROM ai_request_metrics
    WHERE created_at >= %(start)s AND created_at < %(end)s
"""
MODELS: Final[LiteralString] = """
    SELECT model, count(*) AS requests FROM ai_request_metrics
    WHERE created_at >= %(start)s AND created_at < %(end)s GROUP BY model ORDER BY model
"""
RUNS: Final[LiteralString] = """
    SELECT status, started_at, completed_at, total_jobs, completed_jobs, failed_jobs FROM batch_run_history
    WHERE started_at >= %(start)s AND started_at < %(end)s
"""
UPSERT: Final = sql.SQL("""
    INSERT INTO daily_metrics (id, date, metric_type, metric_value, dimensions, created_at)
    VALUES (%(id)s, %(date)s, %(metric)s, %(value)s, %(dimensions)s, %(at)s)
    ON CONFLICT ON CONSTRAINT uq_daily_metrics_date_type_dims DO UPDATE SET metric_value = excluded.metric_value
""")
COUNTED_EVENTS: Final = (
    ("user_registrations", "onboarding.register_complete"),
    ("user_logins", "onboarding.login_success"),
    ("portfolios_created", "onboarding.portfolio_complete"),
    ("chat_sessions", "chat.session_start"),
    ("feedback_given", "chat.feedback_given"),
    ("registration_errors", "onboarding.register_error"),
    ("login_errors", "onboarding.login_error"),
)
PERCENTILES: Final = ("p50", "p75", "p90", "p95", "p99")
Metric = tuple[str, Any, dict[str, str]]
"""Type, value, dimensions."""


def aggregate(pen: Pen, day: date) -> int:
    """The day's rows of `daily_metrics`, from midnight to midnight UTC; returns how many were written."""
    start = datetime.combine(day, time(), UTC)
    window = {"start": start, "end": start + timedelta(days=1)}
    written = 0
    with pen.core.transaction():
        for metric, value, dimensions in [*_activity(pen, window), *_requests(pen, window), *_runs(pen, window)]:
            values = {"metric": metric, "value": value or 0, "dimensions": Jsonb(dimensions)}
            pen.run("daily_metrics", UPSERT, {"id": pen.new_id(), "date": day, "at": pen.now(), **values})
            written += 1
    pen.produced["daily_metrics"] += written
    return written


def _activity(pen: Pen, window: dict[str, datetime]) -> Iterator[Metric]:
    rows = pen.core.execute(ACTIVITY, window).fetchall()
    types = [event_type for event_type, _ in rows]
    for name, event_type in COUNTED_EVENTS:
        yield f"user_activity.{name}", types.count(event_type), {}
    yield "user_activity.total_activity_events", len(rows), {}
    yield "user_activity.unique_users", len({user for _, user in rows if user is not None}), {}


def _requests(pen: Pen, window: dict[str, datetime]) -> Iterator[Metric]:
    """Averages and percentiles over non-null values, rows with errors included."""
    with pen.core.cursor(row_factory=dict_row) as cursor:
        found = cursor.execute(REQUESTS, window).fetchone() or {}
        percentiles = found.pop("percentiles", None) or [0] * len(PERCENTILES)
        for name, value in found.items():
            yield f"ai_requests.{name}", value, {}
        for name, value in zip(PERCENTILES, percentiles, strict=True):
            yield f"ai_requests.latency_{name}", value, {}
        for row in cursor.execute(MODELS, window).fetchall():
            yield "ai_requests.model_breakdown", row["requests"], {"key": row["model"]}


def _runs(pen: Pen, window: dict[str, datetime]) -> Iterator[Metric]:
    """Runs that began that day, the running ones too."""
    rows = pen.core.execute(RUNS, window).fetchall()
    statuses = [row[0] for row in rows]
    ended = [(row[2] - row[1]).total_seconds() / 60 for row in rows if row[2] is not None]
    yield "batch.batch_runs", len(rows), {}
    for status in ("completed", "failed", "partial"):
        yield f"batch.batch_{status}", statuses.count(status), {}
    yield "batch.avg_duration_minutes", sum(ended) / len(ended) if ended else 0, {}
    for column, name in ((3, "total_jobs"), (4, "total_completed_jobs"), (5, "total_failed_jobs")):
        yield f"batch.{name}", sum(row[column] for row in rows), {}


def clean_up(pen: Pen) -> dict[str, int]:
    """Delete what is older than 30 days, sessions 7 days after they expired, in one instant; rows deleted by table.

    The border is now minus 30 times 24 hours, not midnight. Rows without `created_at` stay for ever.
    """
    deleted = {}
    for table, column, days in (
        ("user_activity_events", "created_at", names.RETENTION_DAYS),
        ("ai_request_metrics", "created_at", names.RETENTION_DAYS),
        ("batch_run_history", "created_at", names.RETENTION_DAYS),
        ("admin_sessions", "expires_at", names.SESSION_RETENTION_DAYS),
    ):
        statement = sql.SQL("DELETE FROM {} WHERE {} < %(before)s").format(
            sql.Identifier(table), sql.Identifier(column)
        )
        deleted[table] = pen.run(table, statement, {"before": pen.now() - timedelta(days=days)})
    return deleted


def run_batch(pen: Pen) -> dict[str, int]:
    """The endpoint that aggregates yesterday and then cleans up."""
    aggregate(pen, pen.now().astimezone(UTC).date() - timedelta(days=1))
    return clean_up(pen)
