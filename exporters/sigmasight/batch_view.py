"""What the remembered runs say now, and the nights without one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from exporters.core.contract import Sample
from exporters.sigmasight import batch_metrics as m
from exporters.sigmasight.batch_calendar import nights_missed
from exporters.sigmasight.batch_fold import State, microseconds

AHEAD = timedelta(hours=14)
"""A process east or west of UTC stamps its rows that far ahead at most; what is farther ahead tells no time."""

_SECOND = 1_000_000


def batch_view(state: State, now: datetime) -> list[Sample]:
    """The last ends, durations and market days, and the nights missed. What ended ahead of now is shown as now."""
    samples: list[Sample] = []
    for key, ends in state["ends"].items():
        if (end := _newest(ends, now)) is not None:
            trigger, status = key.split(" ")
            samples.append(Sample(m.LAST_END, min(end / _SECOND, now.timestamp()), (trigger, status)))
    for trigger, runs in state["runs"].items():
        samples += _last(trigger, runs, now)
    for trigger, days in state["days"].items():
        known = [day for text in days if (day := date.fromisoformat(text)) <= now.date() + timedelta(days=1)]
        if known:
            midnight = datetime.combine(known[0], time(), UTC)
            samples.append(Sample(m.MARKET_DATE, midnight.timestamp(), (trigger,)))
    return samples


def _last(trigger: str, runs: Sequence[Any], now: datetime) -> list[Sample]:
    """The last run of a kind, and for a nightly one the nights since. Runs of no known kind say nothing."""
    end = _newest([run[0] for run in runs], now)
    if end is None:
        return []
    _, seconds, phases = next(run for run in runs if run[0] == end)
    samples = [Sample(m.LAST_PHASE, value, (trigger, phase)) for phase, value in phases.items()]
    if seconds is not None:
        samples.append(Sample(m.LAST_DURATION, seconds, (trigger,)))
    if trigger in m.NIGHTLY:
        missed = nights_missed(datetime.fromtimestamp(end / _SECOND, UTC), now)
        samples.append(Sample(m.NIGHTS_MISSED, missed, (trigger,)))
    return samples


def _newest(ends: Sequence[int], now: datetime) -> int | None:
    latest = microseconds(now + AHEAD)
    return next((end for end in ends if end <= latest), None)
