"""Where a window begins, when it holds too many rows to be added up again and again, and how the back end rounds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any

import psycopg

from exporters.core.contract import Sample
from exporters.core.metric import Metric
from exporters.sigmasight import windows_metrics as m

MOST_ROWS = 50_000
"""Rows of a window that are added up; a system that answers 1600 requests a day reaches that in 30 days."""

PIECE = timedelta(days=4)
"""Of a window, read at once: 7000 rows, where there are as many as are added up at all."""

MICROSECOND = timedelta(microseconds=1)
"""All that a row's time can tell apart: below `now + MICROSECOND` is up to and with `now`."""

_BEYOND = {
    table: (
        f"SELECT EXISTS (SELECT FROM public.{table} WHERE created_at >= %(start)s AND created_at <= %(now)s"  # noqa: S608 - names of ours
        " ORDER BY created_at OFFSET %(most)s)"
    )
    for table in m.WINDOWED
}


def start(now: datetime, days: int) -> datetime:
    """Where a window begins: whole times 24 hours back, and inside."""
    return now - timedelta(hours=24 * days)


def affordable(cursor: psycopg.Cursor[Any], table: str, now: datetime) -> tuple[int, ...]:
    """The windows of a table that are added up. One that holds too many rows is larger than all that do not."""
    for count in range(len(m.WINDOWS), 0, -1):
        values = {"start": start(now, m.WINDOWS[count - 1]), "now": now, "most": MOST_ROWS}
        ((beyond,),) = cursor.execute(_BEYOND[table], values).fetchall()
        if not beyond:
            return m.WINDOWS[:count]
    return ()


def computed(metric: Metric, windows: tuple[int, ...]) -> Iterator[Sample]:
    """Which windows' numbers are there."""
    return (Sample(metric, float(days in windows), (str(days),)) for days in m.WINDOWS)


def rounded(value: Decimal, digits: int) -> Decimal:
    """Half to even."""
    return value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)


def mean(total: Decimal | int | None, count: int, digits: int = 1) -> Decimal | None:
    """A mean as the back end shows it: None of nothing, and None where it is exactly 0, which is falsy to it."""
    if total is None or not count or total == 0:
        return None
    return rounded(_quotient(total, count), digits)


def share(part: int, whole: int, digits: int) -> Decimal:
    """A percentage, rounded; 0 of nothing."""
    return rounded(_quotient(part * 100, whole), digits) if whole else Decimal(0)


def _quotient(part: Decimal | int, whole: int) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return Decimal(part) / Decimal(whole)


def seconds(milliseconds: Decimal) -> float:
    """Exact as a number can be."""
    return float(milliseconds / 1000)


def ratio(percent: Decimal) -> float:
    """Exact as a number can be."""
    return float(percent / 100)
