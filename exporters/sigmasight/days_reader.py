"""Days of a table, added up one by one when they are over: each becomes a record, and becomes one again later.

    2026-01-12 is over  ->  (412 rows, their sums)  ->  record  ->  one point per series at 2026-01-12 00:00 UTC

The points of a day written again replace those before them, so that a day is simply computed anew: the last two at
every read, for rows that came late, and one of the older ones in turn, so that all of them come round within hours. A
bucket that was made late, or restored, fills itself like that.

What must not happen is that a clean-up turns good history into zeros, as it does when the back end aggregates an old
day again. Rows are deleted 30 days after their creation. Hence, of a day that began longer ago:

- it is computed once, when it is first met, and only if a row of the day before it, or an older one, is still there:
  what a clean-up took was older than everything that it left;
- without rows it is left out, and not written as zeros.

And a day of which there are fewer rows than were seen before keeps its point, whoever deleted them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg

from exporters.core.contract import Batch, Json
from exporters.readers.postgres_client import Connection, reading

AT_ONCE = 4
"""Days of one read of the past."""

RECENT = 2
KEPT = timedelta(days=29)
"""A day less than the clean-up's 30: its clock may be ahead of ours."""

DAY = timedelta(days=1)
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No row is older, whatever its clock said."""

Sums = Callable[[psycopg.Cursor[Any], datetime, datetime], tuple[int, Json]]
"""One day -> how many rows it has, and what is to be known of them."""


@dataclass(frozen=True, slots=True)
class Days:
    """A table whose rows belong to days. time: the column that says which.

    cleaned: the column that the clean-up compares; empty where nothing is ever deleted.
    """

    table: str
    time: str
    cleaned: str
    sums: Sums


@dataclass(slots=True)
class _Place:
    """next: the day that follows those that were computed; None before the first. rows: by day, how many there were, of
    those that may be computed again. turn: the older one that came last.
    """

    next: date | None = None
    rows: dict[date, int] = field(default_factory=dict)
    turn: date = date.min

    @classmethod
    def of(cls, cursor: Json) -> _Place:
        if cursor is None:
            return cls()
        rows = {date.fromisoformat(day): count for day, count in cursor["rows"].items()}
        following = date.fromisoformat(cursor["next"]) if cursor["next"] else None
        return cls(following, rows, date.fromisoformat(cursor["turn"]))

    def cursor(self) -> Json:
        # Without a day there is a place all the same: what has none in the state file lost it with another hash key.
        following = self.next.isoformat() if self.next else None
        rows = {day.isoformat(): count for day, count in sorted(self.rows.items())}
        return {"next": following, "rows": rows, "turn": self.turn.isoformat()}


class DaysReader:
    """Implements StreamReader. The cursor has 30 entries at most."""

    def __init__(self, days: Days) -> None:
        self._days = days

    def read(self, connection: Connection, cursor: Json, now: datetime) -> Batch:
        """Records of days that are over: those that were not computed yet, oldest first, else some once more.

        Raises StreamError, SourceDown.
        """
        place = _Place.of(cursor)
        today = now.astimezone(UTC).date()
        safe = (now.astimezone(UTC) - KEPT).date() + DAY
        place.rows = {day: count for day, count in place.rows.items() if day >= safe}
        due: list[date] = []
        while len(due) < AT_ONCE and (day := self._following(connection, place, safe, today)) is not None:
            due.append(day)
            place.next = day + DAY
        records = [record for day in due or _again(place) if (record := self._computed(connection, place, day, safe))]
        return Batch(records, place.cursor(), now, more=len(due) == AT_ONCE)

    def _following(self, connection: Connection, place: _Place, safe: date, today: date) -> date | None:
        """The next day that is over and was not computed yet."""
        following = place.next
        if following is None or following < safe:
            found = self._first(connection, following, today)
            # From the first safe day on, a day without rows is one on which nothing happened.
            following = found if following is None else min(found or safe, safe)
        return following if following is not None and following < today else None

    def _first(self, connection: Connection, since: date | None, today: date) -> date | None:
        """The first day that has rows. What claims to be of the future is of no day yet."""
        at, table = self._days.time, self._days.table
        query = f"SELECT min({at}) FROM {table} WHERE {at} >= %s AND {at} < %s"  # noqa: S608 - literals of ours
        with reading(connection) as cursor:
            values = (_EARLIEST if since is None else midnight(since), midnight(today))
            ((first,),) = cursor.execute(query.encode(), values).fetchall()
        return None if first is None else first.astimezone(UTC).date()

    def _computed(self, connection: Connection, place: _Place, day: date, safe: date) -> bytes | None:
        with reading(connection) as cursor:
            if day < safe and not self._untouched(cursor, day):
                return None
            rows, found = self._days.sums(cursor, midnight(day), midnight(day + DAY))
        if rows < place.rows.get(day, 0) or (day < safe and not rows):
            return None
        if day >= safe:
            place.rows[day] = rows
        return json.dumps({"day": day.isoformat(), **found}).encode()

    def _untouched(self, cursor: psycopg.Cursor[Any], day: date) -> bool:
        """Whether no clean-up can have taken rows of this day. Its column and the day's may be a moment apart."""
        if not (column := self._days.cleaned):
            return True
        older = f"SELECT FROM {self._days.table} WHERE {column} >= %s AND {column} < %s"
        between = (_EARLIEST, midnight(day - DAY))
        ((found,),) = cursor.execute(f"SELECT EXISTS ({older})".encode(), between).fetchall()
        return bool(found)


def midnight(day: date) -> datetime:
    """Its beginning."""
    return datetime.combine(day, time(), UTC)


def _again(place: _Place) -> list[date]:
    """Of the days that are safe: the next of the older ones in turn, and the last ones."""
    days = sorted(place.rows)
    older, recent = days[:-RECENT], days[-RECENT:]
    if not older:
        return recent
    place.turn = next((day for day in older if day > place.turn), older[0])
    return [place.turn, *recent]
