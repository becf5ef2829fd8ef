"""What an account needs for the streams and probes of HER's PostgreSQL, and no more: columns, not tables.

`memories` is the exception. In Mem0's shape everything about a memory, its text included, is one column `payload`:
who may read the category may read the text. `FACTS_VIEW` is the way out: a view without the text, owned by HER's
account, to be named in `memory_table`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ROWS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "decision_logs": ("decision_id", "timestamp", "event_type", "source", "xmin"),
        "proactive_message_audit": (
            "proactive_id",
            "scheduled_at",
            "sent_at",
            "message_kind",
            "success",
            "day_bucket",
            "xmin",
        ),
        "autonomy_reflections": (
            "reflection_id",
            "user_id",
            "reflection_date",
            "engagement_trend",
            "created_at",
            "xmin",
        ),
    }
)
"""Columns by table, for the streams of rows. `xmin` says which rows are new."""

STATE: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "users": ("user_id", "last_interaction"),
        "autonomy_profiles": (
            "engagement_score",
            "initiative_level",
            "messages_sent_today",
            "proactive_day",
            "error_count_today",
        ),
        "emotional_states": ("current_mood", "mood_intensity"),
        "apscheduler_jobs": ("id", "next_run_time"),
        "scheduler_job_locks": ("lock_name", "updated_at"),
    }
)
"""Columns by table, for the probes, except those of time zones and memories."""

GRANTED: Mapping[str, tuple[str, ...]] = MappingProxyType({**ROWS, **STATE})
"""All that an account needs whatever is decided about time zones and memories."""

TIMEZONES: Mapping[str, tuple[str, ...]] = MappingProxyType({"users": ("preferences",)})
"""For the probe `user_timezones` alone: the column also holds names and nicknames."""

LEGACY_TABLE = "memories_legacy"
LEGACY_MEMORIES = ("user_id", "category", "importance_score", "created_at")
"""Of a table in the legacy shape: the text stays out of sight."""

FACTS_VIEW = """\
CREATE VIEW her_memory_facts AS
SELECT payload ->> 'user_id' AS user_id,
       coalesce(payload ->> 'category', payload -> 'metadata' ->> 'category') AS category,
       coalesce(payload ->> 'importance', payload -> 'metadata' ->> 'importance') AS importance_score,
       payload ->> 'created_at' AS created_at
FROM memories;
GRANT SELECT ON her_memory_facts TO observer;
"""


def grants(columns: Mapping[str, tuple[str, ...]] = GRANTED, account: str = "observer") -> str:
    """The GRANT commands, one per table: what an administrator of HER's database runs once."""
    return "".join(
        f"GRANT SELECT ({', '.join(map(_quoted, names))}) ON {table} TO {account};\n"
        for table, names in columns.items()
    )


def _quoted(column: str) -> str:
    return f'"{column}"' if column == "timestamp" else column
