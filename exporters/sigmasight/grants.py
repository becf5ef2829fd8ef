"""What accounts need to read SigmaSight, and no more: columns, never tables, and views without the texts.

Numbers (`core_numbers`, `ai_numbers`) are what the exporter reads. Some facts hide in columns that also hold texts or
addresses: the views of schema `observatory`, owned by SigmaSight's account, give the fact and keep the text. The text
account (`core_texts`, `ai_texts`) is another one, for pages that show words; nobody needs to create it. Neither may
read addresses, names, hashes, IP addresses, error messages, event data, activity logs or vectors.

`xmin` is granted where rows are read as events: it orders rows by transaction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

Half = Literal["core", "ai"]
Columns = Mapping[str, tuple[str, ...]]

SCHEMA: Final = "observatory"
"""Of the views. No table of SigmaSight's lies there."""

NUMBERS: Final[Mapping[Half, Columns]] = MappingProxyType(
    {
        "core": MappingProxyType(
            {
                "user_activity_events": (
                    *("id", "user_id", "event_type", "event_category", "error_code", "created_at", "xmin"),
                ),
                "ai_request_metrics": (
                    *("id", "message_id", "user_id", "model", "input_tokens", "output_tokens", "total_tokens"),
                    *("first_token_ms", "total_latency_ms", "tool_calls_count", "tool_calls", "error_type"),
                    *("created_at", "xmin"),
                ),
                "batch_run_history": (
                    *("id", "batch_run_id", "started_at", "completed_at", "status", "total_jobs", "completed_jobs"),
                    *("failed_jobs", "phase_durations", "created_at", "xmin"),
                ),
                "daily_metrics": ("date", "metric_type", "metric_value", "dimensions"),
                "agent_conversations": ("id", "mode", "created_at", "updated_at", "xmin"),
                "agent_messages": (
                    "id",
                    "conversation_id",
                    "role",
                    "first_token_ms",
                    "latency_ms",
                    "created_at",
                    "xmin",
                ),
                "users": ("created_at", "is_active", "tier"),
                "portfolios": ("created_at", "deleted_at"),
                "admin_sessions": ("expires_at",),
                "alembic_version": ("version_num",),
            }
        ),
        "ai": MappingProxyType(
            {
                "ai_feedback": ("id", "message_id", "rating", "created_at", "xmin"),
                "ai_memories": ("scope", "created_at"),
                "ai_kb_documents": ("scope", "created_at"),
                "ai_admin_annotations": (
                    *("id", "annotation_type", "severity", "status", "tags", "created_at", "updated_at", "xmin"),
                ),
                "alembic_version": ("version_num",),
            }
        ),
    }
)
"""Columns by table, for numbers. Tags of annotations are words that administrators choose from."""

TEXTS: Final[Mapping[Half, Columns]] = MappingProxyType(
    {
        "core": MappingProxyType(
            {
                "agent_conversations": ("id", "user_id", "mode", "created_at", "updated_at"),
                "agent_messages": (
                    *("id", "conversation_id", "role", "content", "first_token_ms", "latency_ms", "created_at"),
                ),
                "users": ("id", "created_at", "is_active", "tier"),
                "portfolios": ("id", "user_id", "created_at", "deleted_at"),
                "user_activity_events": (
                    *("id", "user_id", "event_type", "event_category", "error_code", "created_at"),
                ),
                "ai_request_metrics": (
                    *("id", "conversation_id", "message_id", "user_id", "model", "total_latency_ms", "error_type"),
                    "created_at",
                ),
            }
        ),
        "ai": MappingProxyType(
            {
                "ai_feedback": ("id", "message_id", "rating", "edited_text", "comment", "created_at", "ctid"),
                "ai_memories": ("id", "user_id", "scope", "content", "tags", "created_at", "ctid"),
                "ai_kb_documents": ("id", "scope", "title", "content", "created_at", "updated_at"),
                "ai_admin_annotations": (
                    *("id", "message_id", "annotation_type", "content", "suggested_response", "severity", "tags"),
                    *("status", "created_at", "updated_at"),
                ),
            }
        ),
    }
)
"""Columns by table, for an account that may show words: chats, feedback, memories, knowledge, annotations. `ctid` is
where a row lies: of a table without an index on time only the end is read."""

VIEWS: Final[Mapping[Half, Mapping[str, str]]] = MappingProxyType(
    {
        "core": MappingProxyType(
            {
                "users": """
SELECT created_at, is_active, tier, clerk_user_id IS NOT NULL AS with_clerk
FROM public.users""",
                "batch_runs": """
SELECT xmin, id, created_at, started_at, completed_at, status, total_jobs, completed_jobs, failed_jobs,
       phase_durations,
       batch_run_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' AS uuid_id,
       CASE WHEN triggered_by IN ('v2_cron', 'v2_cron_portfolio', 'cron', 'manual', 'admin', 'onboarding', 'settings',
                                  'system', 'unknown') THEN triggered_by
            WHEN triggered_by LIKE '%@%' THEN 'user'
            ELSE 'other' END AS trigger,
       CASE WHEN error_summary ->> 'batch_type' IN ('symbol_batch', 'portfolio_refresh')
            THEN error_summary ->> 'batch_type' END AS batch_type,
       CASE WHEN error_summary ->> 'calc_date' ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'
            THEN error_summary ->> 'calc_date' END AS calc_date,
       coalesce(jsonb_typeof(error_summary) = 'object' AND error_summary ?| ARRAY['errors', 'count', 'exception'],
                false) AS with_errors,
       coalesce(jsonb_typeof(error_summary) = 'object' AND error_summary ? 'exception', false) AS crashed,
       CASE WHEN jsonb_typeof(error_summary -> 'errors') = 'array'
            THEN jsonb_array_length(error_summary -> 'errors') END AS errors_listed
FROM public.batch_run_history""",
            }
        ),
        "ai": MappingProxyType(
            {
                "feedback": """
SELECT xmin, id, message_id, rating, created_at,
       edited_text IS NOT NULL AS with_edit, comment IS NOT NULL AS with_comment,
       coalesce(edited_text, '') <> '' AS with_edit_text, coalesce(comment, '') <> '' AS with_comment_text
FROM public.ai_feedback""",
                "annotations": """
SELECT xmin, id, message_id, annotation_type, severity, status, tags, created_at, updated_at,
       suggested_response IS NOT NULL AS with_suggestion
FROM public.ai_admin_annotations""",
                "memories": """
SELECT scope, created_at, user_id
FROM public.ai_memories""",
            }
        ),
    }
)
"""Facts about columns that no account may read. A view is read with its owner's rights."""

_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")


def numbers(half: Half, account: str) -> str:
    """The commands that let `account` read one half's numbers, to be run by the owner of the tables, repeatable.

    Raises ValueError for a name that SQL would want in quotes.
    """
    made = [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA};"]
    made += [f"CREATE OR REPLACE VIEW {SCHEMA}.{name} AS{query};" for name, query in VIEWS[half].items()]
    made.append(f"GRANT USAGE ON SCHEMA {SCHEMA} TO {_checked(account)};")
    made += [f"GRANT SELECT ON {SCHEMA}.{name} TO {account};" for name in VIEWS[half]]
    return "\n".join([*made, *_columns(NUMBERS[half], account), ""])


def texts(half: Half, account: str) -> str:
    """The commands that let `account` read one half's words; another account than the one for numbers."""
    return "\n".join([*_columns(TEXTS[half], _checked(account)), ""])


READER_BOUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "lock_timeout": "1s",
        "idle_in_transaction_session_timeout": "10s",
        "max_parallel_workers_per_gather": "0",
        "jit": "off",
        "standard_conforming_strings": "on",
    }
)
"""More of the text account's parameters. A Grafana sets none for its session, so they belong to the account."""


def reader(name: str) -> str:
    """The commands that make the account for words: one that can only read, and whose statements stay small."""
    bounds = "".join(f"ALTER ROLE {name} SET {key} = '{value}';\n" for key, value in READER_BOUNDS.items())
    return account(name) + bounds


def account(name: str) -> str:
    """The commands that make an account which can only read; its password is set with `\\password` afterwards."""
    return (
        f"CREATE ROLE {_checked(name)} LOGIN CONNECTION LIMIT 8;\n"
        f"ALTER ROLE {name} SET default_transaction_read_only = on;\n"
        f"ALTER ROLE {name} SET statement_timeout = '5s';\n"
    )


def _columns(columns: Columns, account: str) -> list[str]:
    return [f"GRANT SELECT ({', '.join(names)}) ON public.{table} TO {account};" for table, names in columns.items()]


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = f"an account's name consists of small letters, digits and _, not {name!r}"
        raise ValueError(message)
    return name
