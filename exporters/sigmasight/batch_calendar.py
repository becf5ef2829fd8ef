"""Which nights SigmaSight's cron process has something to do: 23:30 UTC from Monday to Friday, unless the New York
Stock Exchange was closed that day. On such a day it writes no row, and that is no failure.

The exchange's full-day holidays by its own rules; days of mourning and of storms are not foreseen here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final

SLOT: Final = time(23, 30, tzinfo=UTC)
GRACE: Final = timedelta(hours=2)
"""From the slot until its run's row must be there; it is written at the run's end."""
EARLY: Final = timedelta(hours=7)
"""What the cron process's clock may be behind: one whose zone is Kolkata's stamps its rows five and a half hours in the
past. A run that ended that much before the slot is therefore the night's.
"""
LONGEST_LOOK: Final = 366

_SATURDAY, _SUNDAY = 5, 6
_MONDAY, _THURSDAY = 0, 3


def nights_missed(last_end: datetime, now: datetime) -> int:
    """Nights since `last_end` that should have had a run by now; a year of them at most."""
    return sum(1 for slot in slots(now) if slot > last_end + EARLY)


def slots(now: datetime) -> Iterator[datetime]:
    """The moments at which a run was due, newest first, a year back; only those whose grace is over."""
    day = now.astimezone(UTC).date()
    for _ in range(LONGEST_LOOK):
        slot = datetime.combine(day, SLOT)
        if slot + GRACE <= now and is_trading_day(day):
            yield slot
        day -= timedelta(days=1)


def is_trading_day(day: date) -> bool:
    """Whether the exchange opens on that day."""
    return day.weekday() < _SATURDAY and day not in holidays(day.year)


@lru_cache(maxsize=8)
def holidays(year: int) -> frozenset[date]:
    """Days of the week on which the exchange is closed all day. A holiday on a weekend is kept on the day beside it;
    New Year's Day on a Saturday is not, because the books of the old year close on that Friday.
    """
    fixed = [date(year, 6, 19), date(year, 7, 4), date(year, 12, 25)]
    observed = {_observed(day) for day in fixed}
    new_year = date(year, 1, 1)
    if new_year.weekday() != _SATURDAY:
        observed.add(_observed(new_year))
    return frozenset(
        observed
        | {
            _nth(year, 1, _MONDAY, 3),  # Martin Luther King, Jr.
            _nth(year, 2, _MONDAY, 3),  # Washington's Birthday
            _easter(year) - timedelta(days=2),  # Good Friday
            _last_monday_of_may(year),  # Memorial Day
            _nth(year, 9, _MONDAY, 1),  # Labor Day
            _nth(year, 11, _THURSDAY, 4),  # Thanksgiving
        }
    )


def _observed(day: date) -> date:
    if day.weekday() == _SATURDAY:
        return day - timedelta(days=1)
    return day + timedelta(days=1) if day.weekday() == _SUNDAY else day


def _nth(year: int, month: int, weekday: int, which: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (which - 1))


def _last_monday_of_may(year: int) -> date:
    last = date(year, 5, 31)
    return last - timedelta(days=last.weekday())


def _easter(year: int) -> date:
    """Easter Sunday of the Gregorian calendar, by the anonymous algorithm (Meeus, Astronomical Algorithms)."""
    golden, century, rest = year % 19, year // 100, year % 100
    leap = century - century // 4 - (century - (century + 8) // 25 + 1) // 3
    moon = (19 * golden + leap + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * shift + 114, 31)
    return date(year, month, day + 1)
