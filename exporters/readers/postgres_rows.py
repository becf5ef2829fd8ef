"""An append-only table as a stream: every row once, however late its transaction ends. By snapshot horizon.

One read, in one REPEATABLE READ READ ONLY transaction:

    SELECT … FROM pg_current_snapshot()                which database, and the horizon of this snapshot
    SELECT … FROM pg_class                             the table, and the file its rows are in
    WITH RECURSIVE …                                   where there is no index on the time alone: the values before it
    SELECT … WHERE time >= start AND age(xmin) BETWEEN 0 AND n ORDER BY time, key LIMIT …
    SELECT pg_relation_filenode(…)                     still the same file? then this was an answer

n makes xmin not older than the horizon stored last. Rows above it that were visible before come again; their ids tell.
Two windows with horizons of their own: a narrow one at each read, and a wide one every few minutes, which is the audit:
what only it finds was committed long after its own time, and is marked `late`. Rows older than the wide window when
they are committed are never found.

A window that does not fit into one page, and the wide one that is read in parts, goes on by time and key, over later
snapshots; its horizon is the first page's, because whatever a page did not see was written at or above it.

History on first start goes by primary key over the whole table, and ids are the one boundary: as long as it lasts
none is forgotten, so that a row is taken by whoever meets it first. (A boundary by horizon would lose rows that a
transaction open for days held above it, and every row once a rewritten table has new numbers.)
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import perf_counter
from typing import Any

import psycopg

from exporters.core.contract import Batch, Json, SeenChange, SeenIds
from exporters.readers import postgres_place
from exporters.readers.postgres_client import Connection
from exporters.readers.postgres_history import HistoryPages
from exporters.readers.postgres_ids import Nothing, RowIds
from exporters.readers.postgres_moment import Moment
from exporters.readers.postgres_place import Place, Sweep, Tier
from exporters.readers.postgres_slices import Slices
from exporters.readers.postgres_snapshot import snapshot, until_answered
from exporters.readers.postgres_table import Fetched, Table, microseconds

NARROW = timedelta(minutes=10)
WIDE = timedelta(hours=24)
AUDIT_EVERY = timedelta(minutes=5)
_ANY_AGE = 2**31 - 1
_ANEW = {"anew": True}


@dataclass(frozen=True, kw_only=True, eq=False)
class PostgresRows:
    """Reads one table. A `RememberingReader` of `Connection`.

    hash_key: keys the hashes of ids, 16 bytes or more. narrow, wide: how far back each read and each audit looks, from
    the last one of its kind, so that a pause is made up for. audit_every: between audits. keeps_ids: never forget an
    id: for a table whose rows are written again in place, each of which counts once. page: rows of one batch, and of
    one batch of history.
    """

    table: Table
    hash_key: bytes = field(repr=False)
    narrow: timedelta = NARROW
    wide: timedelta = WIDE
    audit_every: timedelta = AUDIT_EVERY
    keeps_ids: bool = False
    page: int = 5000
    history_page: int = 10_000
    _ids: RowIds = field(init=False, repr=False)
    _history: HistoryPages = field(init=False, repr=False)
    _slices: Slices = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.narrow <= self.wide or self.page < 1 or self.history_page < 1:
            msg = f"{self.table.name}: 0 < narrow <= wide, and pages of at least one row"
            raise ValueError(msg)
        object.__setattr__(self, "_ids", RowIds(self.table, self.hash_key, self.keeps_ids))
        object.__setattr__(self, "_history", HistoryPages(self.table, self.history_page))
        object.__setattr__(self, "_slices", Slices(self.wide))

    def read(self, connection: Connection, cursor: Json, now: datetime) -> Batch:
        """Rows of the wide window, a page at a time, without remembering any. Raises as `read_live`."""
        if cursor is not None:
            return self.read_live(connection, cursor, now, Nothing())

        def look() -> Batch:
            with snapshot(connection, self.table) as (tx, moment):
                place = Place.first(moment, history=False, known=False)
                return self._sweep(tx, moment, place, now, Nothing())

        return until_answered(look)

    def place_anew(self) -> Json:
        """The cursor from which the first sweep learns every id of the wide window and emits none."""
        return _ANEW

    def read_live(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """What has been committed since. On the very first read nothing: from here on is live, the rest is history.

        Raises StreamError or SourceDown. gap: the database is another than before; ids alone tell what is new in it.
        """
        return until_answered(lambda: self._read_live(connection, cursor, now, seen))

    def read_history(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """The next rows by key of what was there first. Raises as `read_live`. Reads on until `rest` is called."""
        place = postgres_place.decode(cursor)
        page = self._history.page(connection, place)
        gap = False
        # A page read ahead is of an older snapshot than the place: its numbers did not go back, it was taken before.
        if not page.moment.continues(place.database, place.started):
            place, gap = place.in_view_of(page.moment)
        floor = self.table.floor(self._since(place.wide, self.wide, page.moment))
        records, add = self._ids.fresh_of_history(page.fetched, floor, seen)
        after = replace(place, history=None if page.last else page.fetched[-1][0])
        return Batch(
            records=records,
            next_cursor=postgres_place.encode(after),
            as_of=now,
            gap=gap,
            history=after.history is not None,
            seen=SeenChange(add),
        )

    def rest(self) -> None:
        """Wait until nobody uses the connection any more."""
        self._history.rest()

    def _read_live(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        with snapshot(connection, self.table) as (tx, moment):
            if cursor is None:
                # Looked at all the same: an account that may not read it is found out now, not at the second read.
                tx.execute(self.table.history(after=False), {"limit": 1})
                place = Place.first(moment, history=True, known=True)
                return Batch([], postgres_place.encode(place), now, history=True, pending=0)
            if cursor == _ANEW:
                place, gap = Place.first(moment, history=False, known=False, silent=True), False
            else:
                place, gap = postgres_place.decode(cursor).in_view_of(moment)
            return replace(self._sweep(tx, moment, place, now, seen), gap=gap)

    def _sweep(self, tx: psycopg.Cursor[Any], moment: Moment, place: Place, now: datetime, seen: SeenIds) -> Batch:
        sweep = place.sweep
        wide = self._audit_is_due(place, moment) if sweep is None else sweep.wide
        aside = None
        if wide and self._slices.gives_way and moment.back_to(place.narrow.horizon) is not None:
            # What is new needs the narrow look alone. A narrow one larger than a page has the audit begin anew.
            aside, sweep, wide = sweep, None, False
        tier = place.wide if wide else place.narrow
        n = moment.back_to(tier.horizon)
        if n is None:
            wide, tier = True, place.wide
        start = self._start(tier, sweep, moment, wide=wide)
        after = sweep is not None and sweep.key is not None
        until = self._slices.until(start, moment.at, self.table.shortest(after=after)) if wide else None
        values: dict[str, Any] = {
            "start": sweep.time if sweep else start,
            "until": until,
            "early": self._since(place.narrow, self.narrow, moment) if wide and n is not None else None,
            "narrow": moment.back_to(place.narrow.horizon) if wide and n is not None else None,
            "n": n,
            "limit": self.page,
        }
        if values["narrow"] is None:
            values["narrow"], values["early"] = _ANY_AGE, None
        if sweep is not None:
            values |= {"after_time": sweep.time, "after_key": sweep.key}
        if self.table.lead:
            values["leads"] = [row[0] for row in tx.execute(self.table.leads()).fetchall()]
        began = perf_counter()
        try:
            tx.execute(self.table.window(filtered=n is not None, after=after, bounded=until is not None), values)
        except psycopg.errors.QueryCanceled:
            if wide:
                self._slices.timed_out()
            raise
        self._slices.gives_way = False
        # The last part is as long as what is left: it tells nothing, but where it is the whole window.
        if wide and (until is not None or sweep is None):
            self._slices.took(perf_counter() - began)
        rows: list[Fetched] = tx.fetchall()
        fresh, hashes = self._ids.fresh(rows, seen)
        times = self.table.times(fresh)
        again = len(rows) - len(fresh) + (sweep.again if sweep else 0)
        # Until history is through, what the narrow window missed is most likely just history.
        late = [bool(row[2]) and place.history is None for row in fresh]
        cut = len(rows) == self.page
        complete = not cut and until is None
        if complete:
            then, forget = self._completed(place, sweep, moment, wide=wide)
            then = replace(then, sweep=aside)
        else:
            horizon, at, wide_ = (sweep.horizon, sweep.at, sweep.wide) if sweep else (moment.horizon, moment.at, wide)
            time, key = (rows[-1][1], rows[-1][0]) if until is None or cut else (until.isoformat(), None)
            then, forget = replace(place, sweep=Sweep(wide_, horizon, at, time, key, again)), None
        return Batch(
            records=[]
            if place.silent
            else [(row[0], at, is_late, *row[3:]) for row, at, is_late in zip(fresh, times, late, strict=True)],
            next_cursor=postgres_place.encode(then),
            as_of=now,
            more=not complete,
            history=then.history is not None,
            seen=SeenChange(list(zip(hashes, map(microseconds, times), strict=True)), forget),
            late=0 if place.silent else sum(late),
            pending=again if complete else None,
        )

    def _completed(self, place: Place, sweep: Sweep | None, moment: Moment, *, wide: bool) -> tuple[Place, int | None]:
        """The place after a whole sweep, and up to where ids may be forgotten: below every window to come."""
        tier = Tier(sweep.horizon, sweep.at) if sweep else Tier(moment.horizon, moment.at)
        after = replace(place, narrow=tier, sweep=None, silent=False)
        if not wide:
            return after, None
        after = replace(after, wide=tier)
        if self.keeps_ids or after.history is not None:
            return after, None
        return after, self.table.floor(self._since(after.wide, self.wide, moment))

    def _start(self, tier: Tier, sweep: Sweep | None, moment: Moment, *, wide: bool) -> datetime | None:
        """Where this read of a window begins; None where no calendar here has a word for it."""
        if sweep is None:
            return self._since(tier, self.wide if wide else self.narrow, moment)
        return datetime.fromisoformat(sweep.time) if sweep.key is None else self.table.time_of(sweep.time)

    def _audit_is_due(self, place: Place, moment: Moment) -> bool:
        return not place.wide.at <= moment.at < place.wide.at + self.audit_every

    def _since(self, tier: Tier, back: timedelta, moment: Moment) -> datetime:
        """Where a window begins: so far before the last sweep of its kind, or before now if the clock went back."""
        return min(tier.at, moment.at) - back
