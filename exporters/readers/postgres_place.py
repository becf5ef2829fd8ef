"""How far a table has been read, as a JSON value.

    {"v": 1, "database": "7301…/1", "started": "2026-02-22 08:00:00.1+00",
     "narrow": [734, 1771761600000000], "wide": [730, 1771761300000000],
     "sweep": null, "history": {"after": "6f1c…"}, "silent": false}

A page ends between two rows, so the key of one row stands in `sweep` and in `history` while they last. Ids that must be
known again are not here: they are rows of the state file, as keyed hashes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from exporters.core.contract import Json
from exporters.core.errors import StreamError
from exporters.readers.postgres_moment import Moment

VERSION = 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Tier:
    """One look back. horizon: of the snapshot of its last complete sweep; None after the numbers began anew.

    at: when that was, by the server's clock.
    """

    horizon: int | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Sweep:
    """A look back that did not fit into one page. wide: which tier. horizon, at: of its first page's snapshot.

    time, key: the last row read, or where the next part begins if there is no key. again: rows met again so far.
    """

    wide: bool
    horizon: int
    at: datetime
    time: str
    key: str | None
    again: int


@dataclass(frozen=True, slots=True)
class Place:
    """How far a table has been read. history: the last key read of what was there first; None once all is.

    silent: the present sweep only finds the place again, and emits nothing.
    """

    database: str
    started: str
    narrow: Tier
    wide: Tier
    sweep: Sweep | None = None
    history: str | None = None
    silent: bool = False

    @classmethod
    def first(cls, moment: Moment, *, history: bool, known: bool, silent: bool = False) -> Place:
        """Where reading begins. known: at this horizon; otherwise the first sweep takes the whole window."""
        tier = Tier(moment.horizon if known else None, moment.at)
        return cls(moment.database, moment.started, tier, tier, None, "" if history else None, silent)

    def in_view_of(self, moment: Moment) -> tuple[Place, bool]:
        """This place as it stands in the database that is there now, and whether that is a gap.

        Horizons hold as long as transaction numbers go on: not in another cluster, nor on another timeline, nor where
        they went back. There the whole window is read once more and ids tell what is new. A restart of the server is
        treated alike though nothing is missing: numbers that a crash lost are given out again.
        """
        known = max((tier.horizon for tier in (self.narrow, self.wide) if tier.horizon is not None), default=0)
        another = moment.database != self.database or moment.next < known
        if not another and moment.started == self.started:
            return self, False
        return (
            replace(
                self,
                database=moment.database,
                started=moment.started,
                narrow=replace(self.narrow, horizon=None),
                wide=replace(self.wide, horizon=None),
                sweep=None,
            ),
            another,
        )


def encode(place: Place) -> Json:
    """The place as JSON."""
    sweep = place.sweep
    return {
        "v": VERSION,
        "database": place.database,
        "started": place.started,
        "narrow": [place.narrow.horizon, _micros(place.narrow.at)],
        "wide": [place.wide.horizon, _micros(place.wide.at)],
        "sweep": None
        if sweep is None
        else [sweep.wide, sweep.horizon, _micros(sweep.at), sweep.time, sweep.key, sweep.again],
        "history": None if place.history is None else {"after": place.history},
        "silent": place.silent,
    }


def decode(cursor: Json) -> Place:
    """The place in a stored value. Raises StreamError for one this program does not know."""
    try:
        if cursor["v"] != VERSION:
            raise StreamError("defect", "a cursor of another version")
        sweep = cursor["sweep"]
        return Place(
            database=cursor["database"],
            started=cursor["started"],
            narrow=Tier(cursor["narrow"][0], _time(cursor["narrow"][1])),
            wide=Tier(cursor["wide"][0], _time(cursor["wide"][1])),
            sweep=None if sweep is None else Sweep(sweep[0], sweep[1], _time(sweep[2]), *sweep[3:6]),
            history=None if cursor["history"] is None else cursor["history"]["after"],
            silent=cursor["silent"],
        )
    except (KeyError, TypeError, IndexError, AttributeError):
        raise StreamError("defect", "a cursor that is none") from None


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND


def _time(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
