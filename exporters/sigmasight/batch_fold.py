"""BatchRun -> effects, and what is remembered of the last runs.

Remembered, per kind and end: the newest ends, and per kind the newest runs with their phases. A few of each, because
one row of a clock that is ahead must not hide the runs of today; `batch_view` takes the newest that can be true.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from exporters.core.contract import Effects
from exporters.core.measurement import FieldValue
from exporters.sigmasight import batch_metrics as m
from exporters.sigmasight.batch_events import BatchRun

State = dict[str, Any]
"""{"ends": {"v2_cron completed": [microseconds, …]}, "runs": {"v2_cron": [[microseconds, seconds, {phase: seconds}],
…]}, "days": {"v2_cron": ["2026-01-12", …]}}, newest first."""

KEPT = 8
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def initial() -> State:
    """Before the first run."""
    return {"ends": {}, "runs": {}, "days": {}}


def microseconds(at: datetime) -> int:
    """Since the epoch."""
    return (at - _EPOCH) // _MICROSECOND


def fold_batch_run(state: State, run: BatchRun) -> tuple[State, Effects]:
    """Count the run in its own unit; remember it among the last."""
    effects = Effects()
    effects.count(m.RUNS, run.trigger, run.status)
    if run.with_errors:
        effects.count(m.WITH_ERRORS, run.trigger, run.status)
    if run.crashed:
        effects.count(m.CRASHES, run.trigger)
    if run.seconds is not None:
        effects.observe(m.DURATION, run.seconds, run.trigger)
    for column in run.odd:
        effects.count(m.ODD_VALUES, column)
    unit = _jobs(run, effects)
    _points(run, unit, effects)
    return _remember(state, run), effects


def _jobs(run: BatchRun, effects: Effects) -> str:
    """What the row counts, in the unit of its kind, which is returned; trackers count nothing."""
    if run.trigger in m.NIGHTLY:
        metric, unit = (m.SYMBOLS, "symbols") if run.trigger == m.SYMBOL_BATCH else (m.PORTFOLIOS, "portfolios")
        effects.count(metric, "planned", amount=run.total)
        effects.count(metric, "done", amount=run.completed)
        # Not jobs: how many errors were listed.
        effects.count(m.ERROR_MESSAGES, run.trigger, amount=run.failed)
        return unit
    if run.trigger in m.OVER_DATES:
        effects.count(m.DATES, run.trigger, "done", amount=run.completed)
        effects.count(m.DATES, run.trigger, "failed", amount=run.failed)
        return "dates"
    return ""


def _points(run: BatchRun, unit: str, effects: Effects) -> None:
    fields: dict[str, FieldValue] = {
        "runs": 1,
        "jobs_total": run.total,
        "jobs_completed": run.completed,
        "jobs_failed": run.failed,
        "with_errors": int(run.with_errors),
        "crashed": int(run.crashed),
    }
    if run.seconds is not None:
        fields["duration_seconds"] = run.seconds
    if unit:
        fields["unit"] = unit
    if run.market_date is not None:
        fields["market_date"] = run.market_date.isoformat()
    effects.point(m.RUN_POINT, run.at, fields, trigger=run.trigger, status=run.status)
    for phase, seconds in run.phases.items():
        effects.observe(m.PHASE_DURATION, seconds, phase)
        effects.point(m.PHASE_POINT, run.at, {"seconds": seconds}, trigger=run.trigger, phase=phase)


def _remember(state: State, run: BatchRun) -> State:
    end = microseconds(run.end)
    ends, runs, days = dict(state["ends"]), dict(state["runs"]), dict(state["days"])
    key = f"{run.trigger} {run.status}"
    ends[key] = _newest({*ends.get(key, ()), end})
    one = [end, run.seconds, dict(run.phases)]
    runs[run.trigger] = sorted([*runs.get(run.trigger, ()), one], key=lambda kept: -kept[0])[:KEPT]
    if run.market_date is not None and run.status == "completed":
        days[run.trigger] = _newest({*days.get(run.trigger, ()), run.market_date.isoformat()})
    return {"ends": ends, "runs": runs, "days": days}


def _newest(values: Iterable[Any]) -> list[Any]:
    return sorted(values, reverse=True)[:KEPT]
