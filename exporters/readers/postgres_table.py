"""A table whose rows are events, and the three queries that read it: as few conversions per row as can be.

    Table(name="decision_logs", key="decision_id", time="timestamp", lead="event_type",
          columns={"event_type": "left(event_type, 200)", "source": "left(source, 200)"})

Nothing here comes from outside the program: names and expressions are literals of the systems' own folders.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

TimeType = Literal["timestamptz", "date"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FOR_EVER = 2**62
_LAST = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND

Fetched = tuple[Any, ...]
"""A row as the queries return it: key, time as text, whether the narrow window missed it, then the columns."""

Row = tuple[Any, ...]
"""A record: key as text, time (None where it is none), whether it is late, then the columns in their order."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """One table.

    key: its primary key, of SQL type key_type; unique, and never reused. time: the column that the windows move over,
    and time_type. It must be served by an index: by itself, or after `lead`, whose distinct values (few: each costs an
    index probe) are then enumerated first. columns: name in the record -> SQL expression over granted columns.
    only: an SQL condition over granted columns, for rows that are events only when it has come true: a row that an
    UPDATE makes fit is found like one that was inserted then, if its time still lies in the window.

    A date is compared a day wider than asked for, because it is a day in a zone nobody names.
    """

    name: str
    key: str
    key_type: str = "uuid"
    time: str
    time_type: TimeType = "timestamptz"
    lead: str | None = None
    columns: Mapping[str, str]
    only: str = ""
    schema: str = "public"

    @property
    def regclass(self) -> str:
        """The table's name as SQL writes it."""
        return f'"{self.schema}"."{self.name}"'

    # ORDER BY takes an output column of that name before the table's own: the texts must not be called like what they
    # are made from, or rows are sorted as texts, and no index serves.

    @property
    def granted(self) -> tuple[str, ...]:
        """Columns of bookkeeping that the account must be able to read, beside those in `columns`."""
        return tuple(dict.fromkeys(filter(None, (self.key, self.time, self.lead, "xmin"))))

    def leads(self) -> str:
        """The distinct values of `lead`, each by one probe of the index: a table of millions has a few dozen."""
        lead, table = f'"{self.lead}"', self.regclass
        return (
            f"WITH RECURSIVE known AS (("  # noqa: S608 - literals of ours
            f"SELECT {lead} AS v FROM {table} WHERE {lead} IS NOT NULL ORDER BY {lead} LIMIT 1) UNION ALL "
            f"SELECT (SELECT {lead} FROM {table} WHERE {lead} > known.v ORDER BY {lead} LIMIT 1) FROM known"
            f" WHERE known.v IS NOT NULL) SELECT v FROM known WHERE v IS NOT NULL"
        )

    def window(self, *, filtered: bool, after: bool, bounded: bool = False) -> str:
        """Rows since `start`, by time and key. filtered: only those not older than the horizon stored last.

        after: behind the row of `after_time` and `after_key`. bounded: before `until`.

        `missed`: a row that the narrow window should have had long ago, if `early` and `narrow` say where that lies.
        """
        where = [f'"{self.time}" >= {self._bound("start")}']
        if bounded:
            where.append(f'"{self.time}" < {self._bound("until")}')
        if self.lead:
            where.append(f'"{self.lead}" = ANY(%(leads)s)')
        if filtered:
            where.append("age(xmin) BETWEEN 0 AND %(n)s")
        if self.only:
            where.append(f"({self.only})")
        if after:
            where.append(
                f'("{self.time}", "{self.key}") > (%(after_time)s::{self.time_type}, %(after_key)s::{self.key_type})'
            )
        missed = f'"{self.time}" < {self._bound("early")} OR age(xmin) NOT BETWEEN 0 AND %(narrow)s'
        return (
            f'SELECT "{self.key}"::text AS k, "{self.time}"::text AS t, {missed}{self._values()} FROM {self.regclass}'  # noqa: S608 - names of ours
            f' WHERE {" AND ".join(where)} ORDER BY "{self.time}", "{self.key}" LIMIT %(limit)s'
        )

    def history(self, *, after: bool) -> str:
        """Every row, by key."""
        wanted = [f'"{self.key}" > %(after_key)s::{self.key_type}'] if after else []
        wanted += [f"({self.only})"] if self.only else []
        where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
        texts = f'"{self.key}"::text AS k, "{self.time}"::text AS t'
        return (
            f'SELECT {texts}, false{self._values()} FROM {self.regclass}{where} ORDER BY "{self.key}" LIMIT %(limit)s'  # noqa: S608 - names of ours
        )

    def times(self, fetched: Sequence[Fetched]) -> list[datetime | None]:
        """When each row was, aware and in UTC; None for one that has no time, or one no calendar here has."""
        try:
            if self.time_type == "timestamptz":
                return [datetime.fromisoformat(row[1]) for row in fetched]
        except (TypeError, ValueError):
            pass
        return [self.time_of(row[1]) for row in fetched]

    def floor(self, start: datetime) -> int:
        """Microseconds since the epoch below which no row of a window since `start` lies."""
        if self.time_type == "date":
            start = datetime.combine(start.date() - timedelta(days=1), datetime.min.time(), UTC)
        return (start - _EPOCH) // _MICROSECOND

    def shortest(self, *, after: bool) -> timedelta:
        """How long a bounded window must be to have a day of a date column in it. after: behind a row of `start`.

        The first day of a window since T is that before T, and that of one behind a row is the row's own.
        """
        return timedelta(0) if self.time_type != "date" else timedelta(days=2 if after else 1)

    def _bound(self, name: str) -> str:
        return f"%({name})s::date - 1" if self.time_type == "date" else f"%({name})s::timestamptz"

    def _values(self) -> str:
        return "".join(f", {expression}" for expression in self.columns.values())

    def time_of(self, text: str | None) -> datetime | None:
        """The time in the text of the time column; None for none, and for one no calendar here has (`infinity`)."""
        try:
            if text is None:
                return None
            if self.time_type == "date":
                return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
            return datetime.fromisoformat(text)
        except ValueError:
            return None


def microseconds(at: datetime | None) -> int:
    """Since the epoch. What has no time (`infinity`, say) is never over."""
    return _FOR_EVER if at is None else (at - _EPOCH) // _MICROSECOND


def instant(micros: int) -> datetime:
    """The time so many microseconds after the epoch, or the last there is."""
    return _EPOCH + timedelta(microseconds=micros) if micros < _LAST else _EPOCH + timedelta(microseconds=_LAST)
