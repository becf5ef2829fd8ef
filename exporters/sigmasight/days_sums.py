"""One day of each table -> its sums, by the rules of the back end's own aggregation.

A day of more than 5000 rows is added up hour by hour, so that no statement takes long. Percentiles and numbers of
different users need all rows at once: of a day of more than 50 000 rows they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import psycopg

from exporters.core.contract import Json
from exporters.sigmasight.days_metrics import PERCENTILES
from exporters.sigmasight.events_ai_requests import MOST_TOKENS
from exporters.sigmasight.windows_bounds import MOST_ROWS

Cursor = psycopg.Cursor[Any]
Changes = Callable[[datetime, datetime], Sequence[datetime]]
"""The moments between two at which any price changes."""

HOUR = timedelta(hours=1)
AT_ONCE = 5000
"""Rows of one statement: 10 ms."""

_DAY = "created_at >= %(start)s AND created_at < %(end)s"
_VALID = {
    column: f"CASE WHEN {column} BETWEEN 0 AND {MOST_TOKENS} THEN {column}::bigint END"
    for column in ("input_tokens", "output_tokens", "total_tokens")
}
REQUEST_SUMS = (
    *("requests", "errors", "latency_rows", "latency_ms", "first_rows", "first_ms"),
    *("input_tokens", "output_tokens", "total_tokens", "tool_calls", "token_rows", "read", "written", "unsplit"),
)
"""Of requests to one model between two changes of prices; read, written, unsplit: those tokens that can be meant."""

_REQUESTS = f"""
SELECT left(model, 100), count(*), count(error_type), count(total_latency_ms), coalesce(sum(total_latency_ms), 0),
       count(first_token_ms), coalesce(sum(first_token_ms), 0),
       sum(input_tokens), sum(output_tokens), sum(total_tokens), coalesce(sum(tool_calls_count), 0),
       count(coalesce(input_tokens, output_tokens, total_tokens)),
       coalesce(sum(read), 0), coalesce(sum(written), 0),
       coalesce(sum(greatest(0, coalesce(split, 0) - coalesce(read, 0) - coalesce(written, 0)))
                FILTER (WHERE read IS NULL OR written IS NULL), 0)
FROM (SELECT *, {_VALID["input_tokens"]} AS read, {_VALID["output_tokens"]} AS written,
             {_VALID["total_tokens"]} AS split
      FROM (SELECT model, error_type, total_latency_ms, first_token_ms, input_tokens, output_tokens, total_tokens,
                   tool_calls_count
            FROM public.ai_request_metrics WHERE {_DAY}) AS plain) AS rows
GROUP BY 1
"""  # noqa: S608 - literals of ours
_PERCENTILES = f"""
SELECT percentile_cont(ARRAY[{", ".join(str(p / 100) for p in PERCENTILES)}]) WITHIN GROUP (ORDER BY total_latency_ms)
FROM public.ai_request_metrics WHERE {_DAY}
"""  # noqa: S608 - literals of ours
_EVENTS = f"""
SELECT left(event_type, 100), count(*), count(error_code) FROM public.user_activity_events WHERE {_DAY} GROUP BY 1
"""  # noqa: S608 - literals of ours
_USERS = f"SELECT count(DISTINCT user_id) FROM public.user_activity_events WHERE {_DAY}"  # noqa: S608 - literals of ours
_RUNS = """
SELECT count(*), count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'),
       count(*) FILTER (WHERE status = 'partial'),
       avg(extract(epoch FROM completed_at - started_at)) FILTER (WHERE isfinite(completed_at))::float8,
       coalesce(sum(total_jobs), 0), coalesce(sum(completed_jobs), 0), coalesce(sum(failed_jobs), 0)
FROM public.batch_run_history WHERE started_at >= %(start)s AND started_at < %(end)s
"""
_SIGN_UPS = f"SELECT count(*) FROM observatory.users WHERE {_DAY}"  # noqa: S608 - literals of ours


class RequestSums:
    """Of `ai_request_metrics`. changes: where a day has to be cut so that each part has one price per model."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes

    def __call__(self, cursor: Cursor, start: datetime, end: datetime) -> tuple[int, Json]:
        """{"parts": [["2026-01-12T00:00:00+00:00", {"gpt-5-mini": {"requests": 412, …}}]], "percentiles": [812, …]}"""
        rows = _rows(cursor, "ai_request_metrics", start, end)
        cuts = {start, end, *self._changes(start, end), *_hours(rows, start, end)}
        parts: list[tuple[str, dict[str, dict[str, int]]]] = []
        for begin, until in pairwise(sorted(cuts)):
            found = cursor.execute(_REQUESTS, {"start": begin, "end": until}).fetchall()
            parts.append((begin.isoformat(), {model: _named(sums) for model, *sums in found}))
        percentiles = None
        if rows <= MOST_ROWS:
            ((percentiles,),) = cursor.execute(_PERCENTILES, {"start": start, "end": end}).fetchall()
        count = sum(sums["requests"] for _, models in parts for sums in models.values())
        return count, {"parts": parts, "percentiles": percentiles}


def _named(sums: Sequence[int | Decimal | None]) -> dict[str, int]:
    """What is NULL is absent: no row had any."""
    return {name: int(value) for name, value in zip(REQUEST_SUMS, sums, strict=True) if value is not None}


def activity_sums(cursor: Cursor, start: datetime, end: datetime) -> tuple[int, Json]:
    """Of `user_activity_events`: {"events": {"chat.session_start": [31, 0], …}, "users": 12}"""
    rows = _rows(cursor, "user_activity_events", start, end)
    cuts = {start, end, *_hours(rows, start, end)}
    events: dict[str, list[int]] = {}
    for begin, until in pairwise(sorted(cuts)):
        for kind, count, errors in cursor.execute(_EVENTS, {"start": begin, "end": until}).fetchall():
            before = events.get(kind, (0, 0))
            events[kind] = [before[0] + count, before[1] + errors]
    users = None
    if rows <= MOST_ROWS:
        ((users,),) = cursor.execute(_USERS, {"start": start, "end": end}).fetchall()
    return sum(count for count, _ in events.values()), {"events": events, "users": users}


def run_sums(cursor: Cursor, start: datetime, end: datetime) -> tuple[int, Json]:
    """Of `batch_run_history`: {"runs": [3, 2, 0, 1, 212.4, 402, 401, 1]}"""
    ((count, *rest),) = cursor.execute(_RUNS, {"start": start, "end": end}).fetchall()
    return count, {"runs": [count, *rest]}


def sign_up_sums(cursor: Cursor, start: datetime, end: datetime) -> tuple[int, Json]:
    """Of `users`: {"sign_ups": 2}"""
    ((count,),) = cursor.execute(_SIGN_UPS, {"start": start, "end": end}).fetchall()
    return count, {"sign_ups": count}


def _rows(cursor: Cursor, table: str, start: datetime, end: datetime) -> int:
    """How many there are, one above the bound at most."""
    query = f"SELECT count(*) FROM (SELECT FROM public.{table} WHERE {_DAY} LIMIT %(most)s) AS found"  # noqa: S608 - names of ours
    ((count,),) = cursor.execute(query.encode(), {"start": start, "end": end, "most": MOST_ROWS + 1}).fetchall()
    return int(count)


def _hours(rows: int, start: datetime, end: datetime) -> Iterator[datetime]:
    """Where to cut a day of so many rows."""
    while rows > AT_ONCE and start < end:
        yield start
        start += HOUR
