"""How far one query of the audit looks: as much of the wide window as takes a few milliseconds in this database.

A day of a busy table is a hundred thousand rows to look at, though next to none of them is new: 44 ms in one query,
which is more than a watched system should feel. Cut by time, each part is a read of its own, what is due goes between,
and the parts grow and shrink with what they took. One that ran out of time lets what is new go first, and is tried
again a quarter as long.
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

_BEARABLE = 0.25
_SMALLEST_AT_ALL = 48 * 32
"""Where parts run out of time there may be many, rather than none: a minute each, of a day."""


@dataclass(slots=True)
class Slices:
    """Of one table. whole: the window. gives_way: the last part ran out of time, what is new is to be read first."""

    whole: timedelta
    length: timedelta = field(init=False)
    gives_way: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.length = self.whole / _FIRST_PART

    def until(self, start: datetime | None, now: datetime, least: timedelta = timedelta(0)) -> datetime | None:
        """Where the part that begins at `start` ends; None: it is the last, and has no end, as clocks may be ahead.

        least: what it must be long, so that anything lies in it at all.
        """
        length = max(self.length, least)
        if start is None or start >= now - length:
            return None
        return start + length

    def took(self, seconds: float) -> None:
        """How long a part took."""
        smallest = self.whole / _SMALLEST_PART
        if self.length < smallest:
            if seconds < _BEARABLE:
                self.length = min(smallest, self.length * 2)
        elif seconds > _TOO_LONG:
            self.length = max(smallest, self.length / 2)
        elif seconds < _SHORT:
            self.length = min(self.whole, self.length * 2)

    def timed_out(self) -> None:
        """The server gave a part up. Without this a part that grew on a quiet day would be asked for unchanged."""
        self.length = max(self.whole / _SMALLEST_AT_ALL, self.length / 4)
        self.gives_way = True
