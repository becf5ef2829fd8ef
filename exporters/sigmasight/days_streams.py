"""The streams `days_…` of the core database: days that are over become points that are kept for ever.

They are computed from the rows by exact SQL, and not from the points of the other bucket: a late row still changes its
day, a clean-up does not, and neither does an InfluxDB that was away. What a day costs is a few milliseconds per
thousand rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from exporters.core.contract import Effects, Stream
from exporters.core.prices import PriceTable
from exporters.readers.postgres_client import Connection
from exporters.sigmasight.days_fold import Day, FoldRequests, fold_activity, fold_runs, fold_sign_ups, parse_day
from exporters.sigmasight.days_reader import Days, DaysReader
from exporters.sigmasight.days_sums import RequestSums, activity_sums, run_sums, sign_up_sums

Fold = Callable[[None, Day], tuple[None, Effects]]


def day_streams(
    interval: Callable[[str], float], prices: PriceTable | None
) -> tuple[Stream[Connection, Day, None], ...]:
    """Of the source `core`.

    {"day": "2026-01-12", "parts": [["2026-01-12T00:00:00+00:00", {"gpt-5-mini": {"requests": 412, "errors": 3, …}}]],
     "percentiles": [4310.0, …]}

    sigmasight_daily_requests,deployment=home requests=412i,errors=3i,latency_p50_seconds=4.31,… 1768176000000000000
    sigmasight_daily_model,deployment=home,gen_ai_request_model=gpt-5-mini requests=412i,errors=3i 1768176000000000000
    """
    changes = prices.changes if prices is not None else lambda _after, _before: []
    requests = Days("public.ai_request_metrics", "created_at", "created_at", RequestSums(changes))
    activity = Days("public.user_activity_events", "created_at", "created_at", activity_sums)
    runs = Days("public.batch_run_history", "started_at", "created_at", run_sums)
    # Nobody's row is deleted with the account.
    sign_ups = Days("observatory.users", "created_at", "", sign_up_sums)
    parts: tuple[tuple[str, Days, Fold], ...] = (
        ("days_requests", requests, FoldRequests(prices)),
        ("days_activity", activity, fold_activity),
        ("days_batch", runs, fold_runs),
        ("days_people", sign_ups, fold_sign_ups),
    )
    return tuple(_stream(name, interval(name), days, fold) for name, days, fold in parts)


def _stream(name: str, interval: float, days: Days, fold: Fold) -> Stream[Connection, Day, None]:
    return Stream(
        name=name,
        interval=interval,
        reader=DaysReader(days),
        parse=parse_day,
        fold=fold,
        initial=_nothing,
        event_time=_timeless,
        feeds=(),
    )


def _nothing() -> None:
    """Each day stands for itself."""
    return


def _timeless(_day: Any) -> None:
    """A day that is computed once more is no news, and not late."""
    return
