"""Rows of user_activity_events -> Activity. What a row brings is said in `tables`.

("6f1c…", 2026-01-12 09:15:02.118734 UTC, False, "71aa…", "onboarding.portfolio_error", "CSVValidationError")
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from exporters.core.label import OTHER
from exporters.readers.postgres_table import Row
from exporters.sigmasight import labels as lb
from exporters.sigmasight import names
from exporters.sigmasight.record import load, text, text_or_null
from exporters.sigmasight.tables import ACTIVITY

_COLUMNS = tuple(ACTIVITY.columns)
_STEP = {f"onboarding.{step}_error": step for step in lb.STEPS}


class Activity(NamedTuple):
    """One event. at: when it was written, by the back end's clock, which does not keep start and end in order.

    user: empty before somebody is known. error_code: None without one. step: what failed; empty if nothing did.
    """

    at: datetime
    user: str
    event_type: str
    error_code: str | None
    step: str


def parse_activity(record: Row) -> Activity:
    """Raises Rejected."""
    at, row = load(record, _COLUMNS)
    event_type = text(row, "event_type")
    code = text_or_null(row, "error_code")
    return Activity(
        at,
        text_or_null(row, "user") or "",
        lb.EVENT_TYPE.clamp(event_type),
        None if code is None else names.error_code(code),
        "" if code is None else _STEP.get(event_type, OTHER),
    )
