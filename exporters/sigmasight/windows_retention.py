"""What `/system` computes: rows and their age by table, and the days that were aggregated. Probe `retention`.

Nothing cleans up or aggregates by itself: both happen when a super administrator asks for it. So what the clean-up
would remove, and which days lack aggregates, is worth an alert.

A table may have millions of rows. No number here needs more than an index probe or 50 000 entries of an index: beyond
that rows are estimated by the planner's statistics, and those overdue are `more`, shown as 50 001.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any, NamedTuple

import psycopg

from exporters.core.contract import Sample
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import windows_metrics as m

MOST = 50_000
KEPT = timedelta(days=30)
SESSIONS_KEPT = timedelta(days=7)
DAY = timedelta(hours=24)


class Aged(NamedTuple):
    """A table. time: the column that the clean-up compares. recent: the one `/system/health` does, if it shows it."""

    table: str
    time: str
    kept: timedelta
    recent: str | None


AGED = (
    Aged("user_activity_events", "created_at", KEPT, "created_at"),
    Aged("ai_request_metrics", "created_at", KEPT, "created_at"),
    Aged("batch_run_history", "created_at", KEPT, "started_at"),
    Aged("admin_sessions", "expires_at", SESSIONS_KEPT, None),
)

_ESTIMATE = "SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass(%(table)s)"
_PRESENT = """
SELECT count(*), count(*) FILTER (WHERE date < %(today)s)
FROM (SELECT DISTINCT date FROM public.daily_metrics WHERE date >= %(since)s) AS found
"""
_NEWEST = "SELECT max(date) FROM public.daily_metrics WHERE date <= %(latest)s"


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """Five tables -> sigmasight_table_rows{table="ai_request_metrics"} 12044, sigmasight_table_rows_overdue and so on.

    Raises StreamError, SourceDown.
    """
    samples: list[Sample] = []
    for aged in AGED:
        with reading(connection) as cursor:
            samples += _table(cursor, aged, now)
    with reading(connection) as cursor:
        samples += _rows(cursor, "daily_metrics")
        samples += _coverage(cursor, now)
    return samples


def _table(cursor: psycopg.Cursor[Any], aged: Aged, now: datetime) -> Iterator[Sample]:
    name = (aged.table,)
    yield from _rows(cursor, aged.table)
    yield Sample(m.OVERDUE, _entries(cursor, aged.table, f"{aged.time} < %(at)s", at=now - aged.kept), name)
    if aged.recent is not None:
        yield Sample(m.TABLE_RECENT, _entries(cursor, aged.table, f"{aged.recent} >= %(at)s", at=now - DAY), name)
    oldest = f"SELECT extract(epoch FROM min({aged.time})) FROM public.{aged.table} WHERE {aged.time} > '-infinity'"  # noqa: S608 - names of ours
    ((at,),) = cursor.execute(oldest.encode()).fetchall()
    if at is not None:
        yield Sample(m.OLDEST, float(at), name)


def _rows(cursor: psycopg.Cursor[Any], table: str) -> Iterator[Sample]:
    ((estimate,),) = cursor.execute(_ESTIMATE, {"table": f"public.{table}"}).fetchall()
    # A table that is known to be large is not counted up to the bound in vain.
    rows = estimate if estimate > 2 * MOST else _entries(cursor, table, "true")
    counted = rows <= MOST
    yield Sample(m.TABLE_ROWS, rows if counted else max(estimate, rows), (table,))
    yield Sample(m.TABLE_COUNTED, float(counted), (table,))


def _entries(cursor: psycopg.Cursor[Any], table: str, where: str, **values: object) -> int:
    """How many rows, one above the bound at most."""
    query = f"SELECT count(*) FROM (SELECT FROM public.{table} WHERE {where} LIMIT %(most)s) AS found"  # noqa: S608 - names of ours
    ((count,),) = cursor.execute(query.encode(), {**values, "most": MOST + 1}).fetchall()
    return int(count)


def _coverage(cursor: psycopg.Cursor[Any], now: datetime) -> Iterator[Sample]:
    """Of the days before today; those present may be today's and tomorrow's too, so that the ratio can pass 1."""
    today = now.astimezone(UTC).date()
    for days in m.WINDOWS:
        values = {"since": today - timedelta(days=days), "today": today}
        ((present, wanted),) = cursor.execute(_PRESENT, values).fetchall()
        yield Sample(m.DAYS_PRESENT, present, (str(days), "present"))
        yield Sample(m.DAYS_PRESENT, days - wanted, (str(days), "missing"))
        yield Sample(m.COVERAGE, present / days, (str(days),))
    ((newest,),) = cursor.execute(_NEWEST, {"latest": today + timedelta(days=1)}).fetchall()
    if newest is not None:
        yield Sample(m.NEWEST_DAY, datetime.combine(newest, time(), UTC).timestamp())
