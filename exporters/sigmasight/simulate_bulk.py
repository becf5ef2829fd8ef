"""Millions of rows of `ai_request_metrics`, made inside the server: for benchmarks.

Everything is a hash of (seed, number), so the same call makes the same rows. Indexes are dropped and made again, which
a table of ten million takes in a third of the time.
"""

from datetime import datetime, timedelta
from typing import Any, Final, LiteralString

import psycopg

from exporters.sigmasight import simulate_names as names

INSERT: Final[LiteralString] = """
    INSERT INTO ai_request_metrics (id, conversation_id, message_id, user_id, model, first_token_ms, total_latency_ms,
        tool_calls_count, tool_calls, error_type, error_message, created_at)
    SELECT md5(%(seed)s::text || 'id' || n)::uuid,
           md5(%(seed)s::text || 'conversation' || n / 7)::uuid,
           md5(%(seed)s::text || 'message' || n)::uuid,
           md5(%(seed)s::text || 'user' || h %% 2000)::uuid,
           CASE WHEN h %% 20 = 0 THEN %(other)s::text ELSE %(model)s::text END,
           CASE WHEN failed THEN NULL ELSE 400 + (h >> 8) %% 3000 END,
           CASE WHEN failed THEN 150 ELSE 1500 + (h >> 8) %% 3000 + (h >> 20) %% 9000 END,
           tools,
           CASE tools WHEN 0 THEN 'null'::jsonb
                      WHEN 1 THEN jsonb_build_object('tools', jsonb_build_array(
                          jsonb_build_object('name', (%(tools)s::text[])[first_tool], 'id', 'call_' || n)))
                      ELSE jsonb_build_object('tools', jsonb_build_array(
                          jsonb_build_object('name', (%(tools)s::text[])[first_tool], 'id', 'call_' || n),
                          jsonb_build_object('name', (%(tools)s::text[])[next_tool], 'id', 'call_' || n || '_2'))) END,
           CASE WHEN failed THEN (%(errors)s::text[])[1 + (h >> 16) %% %(error_count)s] END,
           CASE WHEN failed THEN 'upstream refused' END,
           %(first)s::timestamptz + n * %(step)s::interval
    FROM (SELECT n, h, h %% 50 = 1 AS failed, CASE WHEN h %% 50 = 1 THEN 0 ELSE (h >> 12) %% 3 END::int AS tools,
                 1 + (h >> 4) %% %(tool_count)s AS first_tool, 1 + (h >> 8) %% %(tool_count)s AS next_tool
          FROM (SELECT n, hashtextextended(n::text, %(number)s::bigint) & 9223372036854775807 AS h
                FROM generate_series(%(low)s::bigint, %(high)s::bigint) AS n) AS numbers) AS drawn
"""
INDEXES: Final[LiteralString] = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = 'ai_request_metrics'::regclass AND NOT indisprimary
"""
CHUNK: Final = 1_000_000


def fill(connection: psycopg.Connection[Any], rows: int, *, until: datetime, days: float = 30.0, seed: int = 1) -> None:
    """`rows` requests spread evenly over the `days` before `until`, the newest at `until`; production's shape.

    One row in fifty is an error, two in three call tools. The connection is in autocommit and owns the table.
    """
    step = timedelta(days=days) / rows
    values = {
        "seed": str(seed),
        "number": seed,
        "model": names.MODEL,
        "other": "gpt-5",
        "tools": list(names.TOOLS),
        "tool_count": len(names.TOOLS),
        "errors": list(names.AI_ERRORS),
        "error_count": len(names.AI_ERRORS),
        "first": until - step * rows,
        "step": step,
    }
    with connection.transaction():
        indexes = connection.execute(INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}".encode())
        for low in range(1, rows + 1, CHUNK):
            connection.execute(INSERT, {**values, "low": low, "high": min(low + CHUNK - 1, rows)})
        for _, definition in indexes:
            connection.execute(definition.encode())
    connection.execute("VACUUM (ANALYZE) ai_request_metrics")
