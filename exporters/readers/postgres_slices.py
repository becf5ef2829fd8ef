"""How far one query of the audit looks: as much of the wide window as takes a few milliseconds in this database.

A day of a busy table is a hundred thousand rows to look at, though next to none of them is new: 44 ms in one query,
which is more than a watched system should feel. Cut by time, each part is a read of its own, what is due goes between,
and the parts grow and shrink with what they took.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

_TOO_LONG = 0.010
"""Seconds of one query; the budget of a poll is twice that, and half of it goes to knowing the snapshot."""

_SHORT = 0.003
_FIRST_PART = 24
_SMALLEST_PART = 48
"""Parts of the window: each costs some two milliseconds by itself, so that there must not be many."""


@dataclass(slots=True)
class Slices:
    """Of one table. whole: the window."""

    whole: timedelta
    length: timedelta = field(init=False)

    def __post_init__(self) -> None:
        self.length = self.whole / _FIRST_PART

    def until(self, start: datetime | None, now: datetime) -> datetime | None:
        """Where the part that begins at `start` ends; None: it is the last, and has no end, as clocks may be ahead."""
        if start is None or start >= now - self.length:
            return None
        return start + self.length

    def took(self, seconds: float) -> None:
        """How long a part took."""
        if seconds > _TOO_LONG:
            self.length = max(self.whole / _SMALLEST_PART, self.length / 2)
        elif seconds < _SHORT:
            self.length = min(self.whole, self.length * 2)
