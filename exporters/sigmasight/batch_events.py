"""Rows of batch_run_history that have ended -> BatchRun.

("6f1c…", 2026-01-12 23:30:04.1 UTC, False, "completed", 212.4, 402, 401, 2,
 '{"phase_1_market_data": 127.4, "phase_3_factors": 63.7}',
 '{"trigger": "v2_cron", "calc_date": "2026-01-12", "with_errors": true, "crashed": false}')
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from exporters.core.errors import Rejected
from exporters.readers.postgres_table import Row
from exporters.sigmasight.batch_metrics import PHASE, STATUS, TRIGGER
from exporters.sigmasight.record import load, text

LONGEST: Final = 7 * 86_400.0
"""Seconds. A clock that is set while a run goes on makes it negative, or years long."""
COLUMNS: Final = ("status", "seconds", "total", "completed", "failed", "phases", "facts")
TOTAL_DURATION: Final = "total_duration"


class BatchRun(NamedTuple):
    """One run that has ended. at: its beginning. trigger, status and phases are members of their labels, or `other`.

    seconds: None without an end, or with one that cannot be meant. market_date: of nightly runs. odd: columns whose
    values cannot be meant; counts among them are 0 here.
    """

    at: datetime
    trigger: str
    status: str
    seconds: float | None
    phases: Mapping[str, float]
    total: int
    completed: int
    failed: int
    with_errors: bool
    crashed: bool
    market_date: date | None
    odd: tuple[str, ...]

    @property
    def end(self) -> datetime:
        """When it ended; its beginning where nobody knows."""
        return self.at + timedelta(seconds=self.seconds or 0.0)


def parse_batch_run(record: Row) -> BatchRun:
    """Raises Rejected."""
    at, row = load(record, COLUMNS)
    odd: list[str] = []
    facts = _object(text(row, "facts"))
    if facts is None:
        raise Rejected("wrong_type", "facts")
    return BatchRun(
        at,
        TRIGGER.clamp(text(facts, "trigger")),
        STATUS.clamp(text(row, "status")),
        _seconds(row, odd),
        _phases(text(row, "phases"), odd),
        _count(row, "total", "total_jobs", odd),
        _count(row, "completed", "completed_jobs", odd),
        _count(row, "failed", "failed_jobs", odd),
        facts.get("with_errors") is True,
        facts.get("crashed") is True,
        _day(facts.get("calc_date")),
        tuple(odd),
    )


def _seconds(row: dict[str, Any], odd: list[str]) -> float | None:
    value = row.get("seconds")
    if value is None:
        return None
    if not isinstance(value, int | float):
        raise Rejected("wrong_type", "seconds")
    if not 0 <= value <= LONGEST:
        odd.append("completed_at")
        return None
    return float(value)


def _phases(listed: str, odd: list[str]) -> dict[str, float]:
    """Seconds by phase; phases nobody knows are one. A value that is no duration leaves its phase out."""
    found: dict[str, float] = {}
    given = _object(listed)
    strange = given is None
    for name, value in (given or {}).items():
        if name == TOTAL_DURATION:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LONGEST:
            strange = True
            continue
        phase = PHASE.clamp(name)
        found[phase] = found.get(phase, 0.0) + float(value)
    if strange:
        odd.append("phase_durations")
    return found


def _count(row: dict[str, Any], name: str, column: str, odd: list[str]) -> int:
    value = row.get(name)
    if type(value) is not int:
        raise Rejected("wrong_type" if name in row else "missing_field", name)
    if value < 0:
        odd.append(column)
        return 0
    return value


def _day(value: object) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _object(document: str) -> dict[str, Any] | None:
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
