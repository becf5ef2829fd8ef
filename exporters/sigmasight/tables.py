"""Which tables of SigmaSight's core database are read as streams, by which index, and which of their columns.

Never: error_message, event_data, ip_address, user_agent, content, and whatever else holds people's words or secrets.
"""

from __future__ import annotations

from exporters.readers.postgres_table import Table

LARGEST_TOOL_LIST = 65_536
"""Bytes of `tool_calls`, as they are stored; a list of calls without arguments is never as long."""

AI_REQUESTS = Table(
    name="ai_request_metrics",
    key="id",
    time="created_at",
    columns={
        "user": "user_id::text",
        "model": "model",
        "error_type": "error_type",
        "first_token_ms": "first_token_ms",
        "total_latency_ms": "total_latency_ms",
        "input_tokens": "input_tokens",
        "output_tokens": "output_tokens",
        "total_tokens": "total_tokens",
        "tool_calls_count": "tool_calls_count",
        # NULL: no tools, which the back end writes as the JSON value null. Empty: another shape than it writes.
        "tools": (
            "CASE WHEN tool_calls IS NULL OR jsonb_typeof(tool_calls) = 'null' THEN NULL"
            f" WHEN jsonb_typeof(tool_calls) = 'object' AND pg_column_size(tool_calls) <= {LARGEST_TOOL_LIST}"
            " THEN coalesce((tool_calls -> 'tools')::text, '') ELSE '' END"
        ),
    },
)
ACTIVITY = Table(
    name="user_activity_events",
    key="id",
    time="created_at",
    columns={"user": "user_id::text", "event_type": "event_type", "error_code": "error_code"},
)
ANSWERS = Table(
    name="agent_messages",
    key="id",
    time="created_at",
    columns={},
    # An assistant's message is written when the request begins, and once again when it has ended.
    only="role = 'assistant' AND latency_ms IS NOT NULL",
)

READ = {
    "ai_request_metrics": (
        "id", "message_id", "user_id", "model", "input_tokens", "output_tokens", "total_tokens", "first_token_ms",
        "total_latency_ms", "tool_calls_count", "tool_calls", "error_type", "created_at", "xmin",
    ),
    "user_activity_events": ("id", "user_id", "event_type", "error_code", "created_at", "xmin"),
    "agent_messages": ("id", "role", "latency_ms", "created_at", "xmin"),
}  # fmt: skip
"""The columns of the core database that the streams need, and no others; message_id to look answers up."""
