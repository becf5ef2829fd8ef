"""The last thirty days, day by day, as `/admin/ai/tokens` and `/admin/onboarding/daily` list them: `windows_daily`.

Days are those of UTC, as the back end's are where its database's zone is: elsewhere its days are the session's, and it
is these that are the same for everybody. Today is not over. A day without a row is absent there, and 0 here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from exporters.core.contract import Sample
from exporters.core.in_parts import Look
from exporters.core.metric import Metric
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.windows_bounds import MICROSECOND, PIECE, affordable, mean

DAYS = 30
_AGO = "%(today)s::date - (created_at AT TIME ZONE 'UTC')::date"
_W = "created_at >= %(since)s AND created_at < %(until)s"
_REQUESTS = f"""
SELECT {_AGO}, count(*), count(input_tokens), sum(input_tokens), count(output_tokens), sum(output_tokens),
       count(total_tokens), sum(total_tokens)
FROM public.ai_request_metrics WHERE {_W} GROUP BY 1
"""  # noqa: S608 - literals of ours
_EVENTS = f"""
SELECT {_AGO}, event_type, count(*) FROM public.user_activity_events
WHERE {_W} AND event_type = ANY(%(events)s) GROUP BY 1, 2
"""  # noqa: S608 - literals of ours


def look(connection: Connection, now: datetime) -> Look:
    """Both tables -> sigmasight_day_requests{days_ago="00"} 412, sigmasight_day_events{days_ago="00",event_type="…"} 3.

    A table with too many rows for its window of 30 days is left out. Raises StreamError, SourceDown.
    """
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    pieces = [
        {"today": midnight.date(), "since": since, "until": min(since + PIECE, now + MICROSECOND)}
        for since in (midnight - timedelta(days=DAYS - 1) + n * PIECE for n in range(-(-DAYS // PIECE.days)))
    ]
    samples: list[Sample] = []
    for table, query, told in (
        ("ai_request_metrics", _REQUESTS, _requests),
        ("user_activity_events", _EVENTS, _events),
    ):
        with reading(connection) as cursor:
            affords = max(affordable(cursor, table, now), default=0) >= DAYS
        rows: list[Any] = []
        for piece in pieces if affords else ():
            yield
            with reading(connection) as cursor:
                rows += cursor.execute(query, {**piece, "events": list(m.DAILY_EVENTS)}).fetchall()
        if affords:
            samples += told(rows)
        yield
    return samples


def _requests(rows: Sequence[Any]) -> Iterator[Sample]:
    found = {ago: rest for ago, *rest in rows}
    for ago in range(DAYS):
        count, *tokens = found.get(ago, (0,) * 7)
        day = f"{ago:02}"
        yield Sample(m.DAY_REQUESTS, count, (day,))
        for kind, rows_with, total in zip(("input", "output", "total"), tokens[::2], tokens[1::2], strict=True):
            if rows_with:
                yield Sample(m.DAY_TOKENS, total, (day, kind))
            if kind != "total":
                yield from _mean(m.DAY_TOKENS_MEAN, total, rows_with, (day, kind))


def _mean(metric: Metric, total: int | None, count: int, labels: tuple[str, ...]) -> Iterator[Sample]:
    if (found := mean(total, count)) is not None:
        yield Sample(metric, float(found), labels)


def _events(rows: Sequence[tuple[int, str, int]]) -> Iterator[Sample]:
    found = {(ago, event): count for ago, event, count in rows}
    for ago in range(DAYS):
        for event in m.DAILY_EVENTS:
            yield Sample(m.DAY_EVENTS, found.get((ago, event), 0), (f"{ago:02}", event))
