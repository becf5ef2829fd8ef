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
LEGACY_MEMORIES = ("user_id", "category", "importance_score", "created_at", "ctid")
"""Of a table in the legacy shape: the text stays out of sight."""

MEMORY_PAYLOAD = ("payload", "ctid")
MEMORY_COLUMNS = ("memory_text", "user_id", "category", "importance_score", "created_at")
MEMORY_TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "mem0": MEMORY_PAYLOAD,
        "legacy": (*MEMORY_COLUMNS, "ctid"),
        "hybrid": (*MEMORY_COLUMNS, *MEMORY_PAYLOAD),
    }
)
"""Columns by shape of the table, for the reader of texts. `ctid` is where a row lies: only the end of a large table is
read. Vectors are nobody's."""

READER_BOUNDS: Mapping[str, str] = MappingProxyType(
    {
        "default_transaction_read_only": "on",
        "statement_timeout": "5s",
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "10s",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "standard_conforming_strings": "on",
    }
)
"""Parameters of that reader. A Grafana sets none for its session, so they belong to the account."""


def reader(shape: str, account: str = "reader", table: str = "memories") -> str:
    """What an administrator runs once for the restricted Grafana's account. shape: of the table of memories."""
    bounds = "".join(f"ALTER ROLE {account} SET {name} = '{value}';\n" for name, value in READER_BOUNDS.items())
    return (
        f"CREATE ROLE {account} LOGIN PASSWORD 'ANOTHER-LONG-PASSWORD' CONNECTION LIMIT 5;\n{bounds}"
        f"GRANT USAGE ON SCHEMA public TO {account};\n" + grants({table: MEMORY_TEXTS[shape]}, account)
    )


FACTS_VIEW = """\
CREATE VIEW her_memory_facts AS
SELECT payload ->> 'user_id' AS user_id,
       coalesce(payload ->> 'category', payload -> 'metadata' ->> 'category') AS category,
       coalesce(payload ->> 'importance', payload -> 'metadata' ->> 'importance') AS importance_score,
       payload ->> 'created_at' AS created_at,
       ctid AS place
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
