"""The odd rows of `batch_run_history`."""

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from psycopg.types.json import Jsonb

from exporters.sigmasight.simulate_batch import address, phantom
from exporters.sigmasight.simulate_pen import JSON_NULL, Pen

MICROSECOND: Final = timedelta(microseconds=1)
HOUR: Final = timedelta(hours=1)
V2: Final[dict[str, object]] = {"batch_type": "symbol_batch", "calc_date": "2026-01-13"}
SUMMARIES: Final[tuple[tuple[object, str], ...]] = (
    (None, "finished, and SQL NULL"),
    (JSON_NULL, "finished without errors: JSON null"),
    (Jsonb({"count": 2, "types": ["Phase 3 (P&L) error"], "details": ["a", "b"]}), "errors counted"),
    (Jsonb({"exception": "boom", "type": "OperationalError", "crashed_after_dates": 1}), "crashed"),
    (Jsonb({"errors": ["phase 6 was tolerated"]}), "errors on a completed run"),
    (Jsonb(V2), "a V2 run's facts: no errors in it"),
    (Jsonb({**V2, "errors": ["no price"]}), "a V2 run with errors"),
    (Jsonb({}), "an empty object"),
    (Jsonb([]), "a list"),
    (Jsonb("text"), "text"),
    (Jsonb({"errors": "many"}), "errors is no list"),
)


def batch_edges(pen: Pen, now: datetime) -> Iterator[tuple[uuid.UUID, str]]:
    """Plant them and tell (id, what is odd)."""
    for days in (7, 14, 30, 60, 90):
        for delta, why in ((timedelta(0), "inside"), (-MICROSECOND, "outside"), (MICROSECOND, "inside")):
            at = now - timedelta(days=days) + delta
            yield _run(pen, at), f"{days} d ago, {why}"
    yield _run(pen, now + 5 * HOUR), "begun and created 5 h in the future: inside a window without an end"
    yield _run(pen, now - 2 * HOUR, created_at=None), "no created_at: in no window, never cleaned"
    yield (
        _run(pen, now + 6 * HOUR, created_at=None, status="running", completed_at=None),
        "no created_at, running, and the most recent of all",
    )
    for _ in range(2):
        yield _run(pen, now - 3 * HOUR, batch_run_id="batch_20260114_090000"), "a run id that occurs twice"
    yield _run(pen, now - HOUR, status="running", completed_at=None, error_summary=None), "stuck: its end came too soon"
    yield _run(pen, now - 40 * 24 * HOUR, status="running", completed_at=None), "stuck for 40 days"
    yield phantom(pen, address(pen, 0)), "a phantom by an address"
    yield phantom(pen, "unknown"), "a phantom by nobody"
    yield _run(pen, now - HOUR, status="cancelled"), "an unknown status"
    yield _run(pen, now - HOUR, triggered_by="a script of ours"), "an unknown trigger"
    yield _run(pen, now - HOUR, completed_at=now - 2 * HOUR), "ended before it began"
    yield _run(pen, now - HOUR, completed_at=now - HOUR), "took no time"
    yield _run(pen, now - HOUR, total_jobs=0, completed_jobs=0), "no jobs"
    yield _run(pen, now - HOUR, total_jobs=3, completed_jobs=5), "more jobs done than there were"
    yield _run(pen, now - HOUR, phase_durations=Jsonb({"phase_9_new": 4.5, "total_duration": 9})), "an unknown phase"
    yield _run(pen, now - HOUR, phase_durations=Jsonb({"phase_3_factors": "long"})), "a duration that is text"
    yield _run(pen, now - HOUR, phase_durations=Jsonb([])), "durations that are a list"
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    yield _run(pen, midnight - MICROSECOND, created_at=midnight), "begun yesterday, created today"
    for summary, why in SUMMARIES:
        yield _run(pen, now - HOUR, error_summary=summary), why


def _run(pen: Pen, at: datetime, **changes: object) -> uuid.UUID:
    row: dict[str, object] = {
        "batch_run_id": f"batch_{at:%Y%m%d_%H%M%S}_{pen.rng.getrandbits(24):06x}",
        "triggered_by": "manual",
        "started_at": at,
        "completed_at": at + timedelta(minutes=4),
        "status": "completed",
        "total_jobs": 3,
        "completed_jobs": 3,
        "failed_jobs": 0,
        "phase_durations": Jsonb({"phase_1_5_symbol_factors": 61.5, "total_duration": 240}),
        "error_summary": JSON_NULL,
        "created_at": at,
        **changes,
    }
    return pen.insert("batch_run_history", row)
