"""`her:reflection:<user id>` -> Reflection.

{"date":"2026-02-22","engagement_trend":"stable","initiative_adjustment":0.0,"notes":"…","confidence":"medium"}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from exporters.core.errors import Rejected
from exporters.her.record import load


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
        # Of all ISO forms HER writes this one.
        parsed = date.fromisoformat(day) if len(day) == len("2026-02-22") and day[4] == "-" else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise Rejected("bad_time", "date: not YYYY-MM-DD")
    return Reflection(day=parsed, trend=fields.need_name("engagement_trend"))
