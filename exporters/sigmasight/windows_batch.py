"""What `/admin/batch/history/summary` computes, and the truer rate beside it; conversations begun: `windows_batch`.

The window has no end: rows of a clock that is ahead count. Rows without created_at are in no window. The back end
divides by all rows, so that phantoms, which run for ever, depress its rate; by those that have ended is the other one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from exporters.core.contract import Sample
from exporters.core.label import OTHER
from exporters.readers.postgres_client import Connection, reading
from exporters.sigmasight import windows_metrics as m
from exporters.sigmasight.tuning_metrics import MODE
from exporters.sigmasight.windows_bounds import affordable, ratio, share, start

_RUNS = """
SELECT status, count(*), count(*) FILTER (WHERE isfinite(completed_at) AND isfinite(started_at)),
       coalesce(sum(extract(epoch FROM completed_at - started_at))
                FILTER (WHERE isfinite(completed_at) AND isfinite(started_at)), 0)
FROM public.batch_run_history WHERE created_at >= %(start)s GROUP BY 1
"""
_NEWEST = "SELECT extract(epoch FROM max(started_at)) FROM public.batch_run_history WHERE started_at < 'infinity'"
_MODES = "SELECT mode, count(*) FROM public.agent_conversations WHERE created_at >= %(start)s GROUP BY 1"


def collect(connection: Connection, now: datetime) -> list[Sample]:
    """Every window -> sigmasight_window_batch_runs{days="30",status="completed"} 44 and the rest.

    Raises StreamError, SourceDown.
    """
    samples: list[Sample] = []
    for days in m.WINDOWS:
        values = {"start": start(now, days)}
        with reading(connection) as cursor:
            runs = cursor.execute(_RUNS, values).fetchall()
        samples += _runs(str(days), runs)
    with reading(connection) as cursor:
        windows = affordable(cursor, "agent_conversations", now)
    for days in windows:
        with reading(connection) as cursor:
            samples += _conversations(str(days), cursor.execute(_MODES, {"start": start(now, days)}).fetchall())
    with reading(connection) as cursor:
        ((newest,),) = cursor.execute(_NEWEST).fetchall()
    if newest is not None:
        samples.append(Sample(m.BATCH_RECENT, float(newest)))
    return samples


def _conversations(days: str, rows: Sequence[tuple[str, int]]) -> list[Sample]:
    modes: Counter[str] = Counter(dict.fromkeys(MODE.values or (), 0))
    for mode, count in rows:
        modes[MODE.clamp(mode)] += count
    return [Sample(m.CONVERSATIONS, count, (days, mode)) for mode, count in modes.items()]


def _runs(days: str, rows: Sequence[Any]) -> list[Sample]:
    statuses: Counter[str] = Counter(dict.fromkeys(m.RUN_STATUS.values or (), 0))
    timed, duration = 0, Decimal(0)
    for status, count, with_end, took in rows:
        statuses[m.RUN_STATUS.clamp(status)] += count
        if status == "completed":
            timed, duration = with_end, took
    every = sum(statuses.values())
    ended = every - statuses["running"]
    completed = statuses["completed"]
    samples = [Sample(m.BATCH_RUNS, n, (days, status)) for status, n in statuses.items() if n or status != OTHER]
    samples.append(Sample(m.BATCH_SUCCESS, ratio(share(completed, every, 1)) if every else 1.0, (days, "all")))
    if ended:
        samples.append(Sample(m.BATCH_SUCCESS, completed / ended, (days, "ended")))
    if timed and duration:  # a mean of exactly 0 is falsy to the back end, which then shows nothing
        samples.append(Sample(m.BATCH_DURATION, float(duration / timed), (days,)))
    return samples
