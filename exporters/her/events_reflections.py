"""`her:reflection:<user id>` -> Reflection.

{"date":"2026-02-22","engagement_trend":"stable","initiative_adjustment":0.0,"notes":"…","confidence":"medium"}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from exporters.core.errors import Rejected
from exporters.her.record import load

# Python also reads 20260222 and week dates, which HER does not write.
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reflection:
    """One daily reflection. It has a day and no time, and the same day's may come twice. `notes` is never read."""

    day: date
    trend: str


def parse_reflection(raw: bytes) -> Reflection:
    """One entry of one user's list. Raises Rejected."""
    fields = load(raw)
    day = fields.need_name("date")
    try:
        parsed = date.fromisoformat(day) if _DAY.fullmatch(day) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise Rejected("bad_time", "date: not YYYY-MM-DD")
    return Reflection(day=parsed, trend=fields.need_name("engagement_trend"))
