"""A table without a useful index, read through in parts: so many of its pages at a time as take a few milliseconds.

A range of `ctid` is found without looking at the pages before it, since PostgreSQL 14. Each part is a read of its own
with a snapshot of its own, and what is due goes between two parts. A row that moves meanwhile may so be met twice or
not at all, until the table is read through again: this is for numbers that are looked at anew, never for counting on.
"""

from __future__ import annotations

from dataclasses import dataclass

TID_RANGES_SINCE = 140000
"""server_version_num; an older server reads the whole table for every range of it."""

_TOO_LONG = 0.008
"""Seconds of one statement: less than half of a poll's budget, as not every part costs the same."""

_SHORT = 0.004
_FIRST = 16
"""Pages. A page holds anything from one row to a hundred, and what each refers to may lie elsewhere, compressed."""

_MOST = 4096


@dataclass(slots=True)
class Pages:
    """How many pages of one table a statement reads: more or fewer, by what the last ones took."""

    count: int = _FIRST

    def until(self, start: int, end: int) -> int | None:
        """Where the part that begins at page `start` ends; None: it is the last, and has no end, as tables grow."""
        return start + self.count if start + self.count < end else None

    def took(self, seconds: float) -> None:
        """How long a part of the full size took."""
        if seconds > _TOO_LONG:
            self.count = max(1, self.count // 2)
        elif seconds < _SHORT:
            self.count = min(_MOST, self.count * 2)

    def timed_out(self) -> None:
        """The server gave a part up."""
        self.count = max(1, self.count // 8)


def place(page: int | None) -> str | None:
    """Where a page begins, as PostgreSQL's type `tid` has it."""
    return None if page is None else f"({page},0)"
