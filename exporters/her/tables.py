"""Which tables of HER's PostgreSQL are read, by which index, and which of their columns."""

from __future__ import annotations

from exporters.readers.postgres_table import Table

_ISO = '\'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"\''


def _utc(expression: str) -> str:
    return f"to_char(({expression}) AT TIME ZONE 'UTC', {_ISO})"


DECISION_LOGS = Table(
    name="decision_logs",
    key="decision_id",
    time="timestamp",
    # There is no index on the time alone, but one on (event_type, timestamp DESC).
    lead="event_type",
    columns={"event_type": "left(event_type, 200)", "source": "left(source, 200)"},
)
PROACTIVE_AUDIT = Table(
    name="proactive_message_audit",
    key="proactive_id",
    # sent_at is null for what failed, and scheduled_at has no index; there is one on (success, day_bucket).
    time="day_bucket",
    time_type="date",
    lead="success",
    columns={
        "message_kind": "left(message_kind, 200)",
        "success": "success",
        "done_at": _utc("coalesce(sent_at, scheduled_at)"),
    },
)
REFLECTIONS = Table(
    name="autonomy_reflections",
    key="reflection_id",
    # created_at moves with every rerun and has no index; (user_id, reflection_date) is unique.
    time="reflection_date",
    time_type="date",
    lead="user_id",
    columns={"engagement_trend": "left(engagement_trend, 200)", "done_at": _utc("created_at")},
)
