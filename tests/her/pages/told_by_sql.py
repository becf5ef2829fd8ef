# ruff: noqa: S608 - the statements of a test, of its own words
"""What PostgreSQL itself says of the pages' numbers, in statements the exporter does not use.

Decisions are asked of the table although the pages show those of Redis: another copy, written by another path.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tests.her.pages.house import House, Numbers
from tests.her.pages.life import LEFT_BEHIND

Statement = Callable[[House], list[Numbers]]
NEW = "decision_logs WHERE decision_id NOT IN (SELECT decision_id FROM public.before)"
QUIET = "event_type <> 'scheduler_system_job'"


def sql(*queries: str) -> Statement:
    return lambda house: [house.sql(query) for query in queries]


def counted(by: str, only: str = "true") -> Statement:
    """New decisions by an expression, or all of them together."""
    return sql(f"SELECT {by}, count(*) FROM {NEW} AND {only} GROUP BY 1")


def total(only: str) -> Statement:
    return sql(f"SELECT count(*) FROM {NEW} AND {only}")


def age(query: str) -> Statement:
    return lambda house: [{"": house.end - house.sql(f"SELECT extract(epoch FROM ({query}))")[""]}]


def jobs(state: str) -> str:
    kind = "CASE WHEN id LIKE 'system:%' THEN 'system' ELSE 'task' END"
    return f"SELECT {kind}, count(*) FROM apscheduler_jobs WHERE {state} GROUP BY 1"


def people(back: str) -> str:
    return f"SELECT count(*) FROM users WHERE user_id <> 'system' AND last_interaction > now() - interval '{back}'"


LATE = "extract(epoch FROM now()) - 60"
BY_SQL: dict[tuple[str, str], Statement] = {
    ("her-jobs", "Time zones converted"): total("event_type = 'timezone_conversion'"),
    ("her-decisions", "Decisions"): total(QUIET),
    ("her-decisions", "By type"): counted("event_type"),
    ("her-decisions", "By source"): counted("source"),
    ("her-decisions", "Plans approved"): sql(
        f"SELECT avg((details ->> 'approved')::boolean::int) FROM {NEW} AND event_type = 'internal_debate'"
    ),
    ("her-decisions", "Steps verified"): sql(
        f"SELECT avg((details ->> 'verified')::boolean::int) FROM {NEW} AND event_type = 'verifier_result'"
    ),
    ("her-decisions", "Agent steps"): total("event_type = 'agent_step'"),
    ("her-decisions", "Tool calls"): counted("details ->> 'tool'", "event_type = 'tool_call'"),
    ("her-decisions", "Model failovers"): counted(
        "concat_ws('/', details ->> 'fallback_provider', details ->> 'primary_provider', details ->> 'status_code')",
        "event_type = 'llm_failover'",
    ),
    ("her-state", "Sign of life, PostgreSQL"): age(
        "SELECT updated_at FROM scheduler_job_locks WHERE lock_name = 'system:reminder_processor'"
    ),
    ("her-state", "The scheduler's own table"): sql(
        "SELECT split_part(id, ':', 1), 1000 * min(next_run_time) FROM apscheduler_jobs GROUP BY 1",
        jobs(f"next_run_time >= {LATE}"),
        jobs(f"next_run_time < {LATE}"),
        jobs("next_run_time IS NULL"),
    ),
    ("her-state", "Locks of tasks"): sql("SELECT count(*) FROM scheduler_job_locks WHERE lock_name ~ '^task:'"),
    ("her-state", "Users"): sql("SELECT count(*) FROM users WHERE user_id <> 'system'"),
    ("her-state", "Active"): sql(people("24 hours"), people("7 days"), people("30 days")),
    ("her-state", "Last activity"): age("SELECT max(last_interaction) FROM users WHERE user_id <> 'system'"),
    ("her-state", "Time zones"): sql(
        "SELECT coalesce(preferences ->> 'user_timezone', 'unset'), count(*) FROM users"
        " WHERE user_id <> 'system' GROUP BY 1"
    ),
    ("her-state", "Engagement"): sql("SELECT avg(engagement_score) FROM autonomy_profiles"),
    ("her-state", "Initiative"): sql("SELECT avg(initiative_level) FROM autonomy_profiles"),
    ("her-state", "Intensity of moods"): sql("SELECT avg(mood_intensity) FROM emotional_states"),
    ("her-state", "Profiles"): sql("SELECT count(*) FROM autonomy_profiles"),
    ("her-state", "Sent and failed today"): sql(
        "SELECT sum(messages_sent_today) FROM autonomy_profiles WHERE proactive_day = current_date",
        "SELECT sum(error_count_today) FROM autonomy_profiles WHERE proactive_day = current_date",
    ),
    ("her-state", "Moods"): sql("SELECT current_mood, count(*) FROM emotional_states GROUP BY 1"),
    ("her-copies", "Both copies, by type"): lambda house: counted("event_type")(house) * 2,
    ("her-copies", "Newest"): lambda house: [
        {"": house.end - datetime.fromisoformat(house.entries("her:decision:logs")[0]["timestamp"]).timestamp()},
        *age('SELECT max("timestamp") FROM decision_logs')(house),
    ],
}

PLAIN: dict[str, str] = {
    "mem0": """
        SELECT payload ->> 'user_id' AS owner, payload ->> 'category' AS category,
               (payload ->> 'importance')::numeric AS importance,
               (payload ->> 'created_at')::timestamptz AS created FROM memories""",
    "legacy": """
        SELECT user_id AS owner, category, importance_score::numeric AS importance, created_at AS created
        FROM memories""",
    "hybrid": """
        SELECT coalesce(user_id, payload ->> 'user_id') AS owner,
               coalesce(category, payload ->> 'category') AS category,
               coalesce(importance_score::numeric, (payload ->> 'importance')::numeric) AS importance,
               coalesce(created_at, (payload ->> 'created_at')::timestamptz) AS created FROM memories""",
}
"""Memories as a person would tabulate them, by casts that only well-formed ones survive."""

MADE = "SELECT count(*) FROM plain WHERE created > now() - interval '{}'"
SIZED = "SELECT count(*) FROM (SELECT count(*) AS n FROM plain WHERE owner <> '' GROUP BY owner) AS s WHERE n BETWEEN "
WITHOUT = "SELECT '{0}', count(*) - count({1}) FROM plain"
MEMORY: dict[str, tuple[str, ...]] = {
    "Memories": ("SELECT count(*) FROM plain",),
    "Made in 24 h": (MADE.format("24 hours"),),
    "Made in 7 and 30 days": (MADE.format("7 days"), MADE.format("30 days")),
    "Newest": ("SELECT extract(epoch FROM max(created)) FROM plain",),
    "Whose": (
        "SELECT CASE WHEN owner ~ '^group:' THEN 'group' ELSE 'user' END, count(DISTINCT owner) FROM plain GROUP BY 1",
    ),
    "Mean importance": ("SELECT avg(importance) FROM plain",),
    "Left behind": (f"SELECT CASE WHEN to_regclass('memories_legacy') IS NOT NULL THEN {LEFT_BEHIND} END",),
    "Made per day": (
        (
            "SELECT to_char(current_date - created::date, 'FM00'), count(*) FROM plain"
            " WHERE created::date > current_date - 30 GROUP BY 1"
        ),
    ),
    "Categories": ("SELECT coalesce(category, 'uncategorized'), count(*) FROM plain GROUP BY 1",),
    "Importance": (
        (
            "SELECT to_char(greatest(0.1, ceil(importance * 10) / 10), 'FM0.0'), count(*) FROM plain"
            " WHERE importance IS NOT NULL GROUP BY 1"
        ),
    ),
    "Incomplete": (
        " UNION ALL ".join(
            WITHOUT.format(part, column)
            for part, column in (
                ("user", "owner"),
                ("category", "category"),
                ("importance", "importance"),
                ("created", "created"),
            )
        ),
    ),
    "Owners by number of memories": tuple(
        SIZED + bounds for bounds in ("1 AND 1", "2 AND 5", "6 AND 20", "21 AND 100", "101 AND 100000")
    ),
    "Most remembered": (
        (
            "SELECT row_number() OVER (ORDER BY count(*) DESC), count(*) FROM plain WHERE owner <> ''"
            " GROUP BY owner ORDER BY 1 LIMIT 10"
        ),
    ),
    "Read through": ("SELECT 1",),
}
"""Panel of HER / Memory -> a statement for each of its queries, of the view `plain`."""
