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

A window that does not fit into one page goes on by time and key, over later snapshots; its horizon is the first page's,
because whatever that page did not see was written at or above it.

History on first start goes by primary key over the whole table, and ids are the one boundary: as long as it lasts
none is forgotten, so that a row is taken by whoever meets it first. (A boundary by horizon would lose rows that a
transaction open for days held above it, and every row once a rewritten table has new numbers.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import psycopg

from exporters.core.contract import Batch, Json, SeenChange, SeenIds
from exporters.core.errors import StreamError
from exporters.readers import postgres_place
from exporters.readers.list_cursor import RecordHash
from exporters.readers.postgres_client import Connection, reading
from exporters.readers.postgres_moment import Moment, Standing, replaced, standing, take
from exporters.readers.postgres_place import Place, Sweep, Tier
from exporters.readers.postgres_table import Row, Table

NARROW = timedelta(minutes=10)
WIDE = timedelta(hours=24)
AUDIT_EVERY = timedelta(minutes=5)
_ANY_AGE = 2**31 - 1
_ANEW = {"anew": True}
_ATTEMPTS = 3
_SMALLEST_PAGE = 100
_ENCODER = json.JSONEncoder(separators=(",", ":"), default=str)
"""Made once: json.dumps with arguments makes a new one for each record."""


class Nothing:
    """Remembers nothing: for who only looks. Implements contract.SeenIds."""

    def among(self, hashes: Sequence[bytes]) -> set[bytes]:
        """None of them."""
        del hashes
        return set()


class _Replaced(Exception):  # noqa: N818 - what happened to the table
    """The table was rewritten after the snapshot was taken."""


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
    _hashed: RecordHash = field(init=False, repr=False)
    # A page that took too long is tried smaller: on a slow disk each row of history is a seek.
    _pages: list[int] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if not timedelta(0) < self.narrow <= self.wide or self.page < 1 or self.history_page < 1:
            msg = f"{self.table.name}: 0 < narrow <= wide, and pages of at least one row"
            raise ValueError(msg)
        object.__setattr__(self, "_hashed", RecordHash(self.hash_key, b"row id"))
        self._pages.append(self.history_page)

    def read(self, connection: Connection, cursor: Json, now: datetime) -> Batch:
        """Rows of the wide window, a page at a time, without remembering any. Raises as `read_live`."""
        if cursor is not None:
            return self.read_live(connection, cursor, now, Nothing())
        try:
            with self._snapshot(connection) as (tx, moment, _):
                place = Place.first(moment, history=False, known=False)
                return self._sweep(tx, moment, place, now, Nothing())
        except _Replaced:
            raise _rewritten() from None

    def place_anew(self) -> Json:
        """The cursor from which the first sweep learns every id of the wide window and emits none."""
        return _ANEW

    def read_live(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """What has been committed since. On the very first read nothing: from here on is live, the rest is history.

        Raises StreamError or SourceDown. gap: the database is another than before; ids alone tell what is new in it.
        """
        for _ in range(_ATTEMPTS):
            try:
                return self._read_live(connection, cursor, now, seen)
            except _Replaced:
                continue
        raise _rewritten()

    def read_history(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """The next rows by key of what was there first. Raises as `read_live`."""
        for _ in range(_ATTEMPTS):
            try:
                return self._read_history(connection, postgres_place.decode(cursor), now, seen)
            except _Replaced:
                continue
            except StreamError as error:
                if error.reason == "timeout":
                    self._pages[0] = max(_SMALLEST_PAGE, self._pages[0] // 4)
                raise
        raise _rewritten()

    @contextmanager
    def _snapshot(self, connection: Connection) -> Iterator[tuple[psycopg.Cursor[Any], Moment, Standing]]:
        """A snapshot, itself described, and the table in it. Raises _Replaced at the end if it was no answer."""
        with reading(connection) as tx:
            moment = take(tx)
            stands = standing(tx, self.table)
            yield tx, moment, stands
            if replaced(tx, stands):
                raise _Replaced

    def _read_live(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        with self._snapshot(connection) as (tx, moment, _):
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
        tier = place.wide if wide else place.narrow
        n = moment.back_to(tier.horizon)
        if n is None:
            wide, tier = True, place.wide
        values: dict[str, Any] = {
            "start": self._since(tier, self.wide if wide else self.narrow, moment),
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
        tx.execute(self.table.window(filtered=n is not None, after=sweep is not None), values)
        rows = [self.table.row(row) for row in tx.fetchall()]
        fresh = self._fresh(rows, seen)
        again = len(rows) - len(fresh) + (sweep.again if sweep else 0)
        # Until history is through, what the narrow window missed is most likely just history.
        late = {row.key for row, _ in fresh if row.missed and place.history is None}
        complete = len(rows) < self.page
        if complete:
            after, forget = self._completed(place, sweep, moment, wide=wide)
        else:
            horizon, at, wide_ = (sweep.horizon, sweep.at, sweep.wide) if sweep else (moment.horizon, moment.at, wide)
            after = replace(place, sweep=Sweep(wide_, horizon, at, rows[-1].time, rows[-1].key, again))
            forget = None
        return Batch(
            records=[] if place.silent else [_record(row, late=row.key in late) for row, _ in fresh],
            next_cursor=postgres_place.encode(after),
            as_of=now,
            more=not complete,
            history=after.history is not None,
            seen=SeenChange([(hashed, row.at) for row, hashed in fresh], forget),
            late=0 if place.silent else len(late),
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

    def _read_history(self, connection: Connection, place: Place, now: datetime, seen: SeenIds) -> Batch:
        with self._snapshot(connection) as (tx, moment, _):
            place, gap = place.in_view_of(moment)
            limit = self._pages[0]
            tx.execute(self.table.history(after=bool(place.history)), {"limit": limit, "after_key": place.history})
            rows = [self.table.row(row) for row in tx.fetchall()]
        self._pages[0] = min(self.history_page, limit * 2)
        fresh = self._fresh(rows, seen)
        floor = self.table.floor(self._since(place.wide, self.wide, moment))
        after = replace(place, history=rows[-1].key if len(rows) == limit else None)
        return Batch(
            records=[_record(row, late=False) for row, _ in fresh],
            next_cursor=postgres_place.encode(after),
            as_of=now,
            gap=gap,
            history=after.history is not None,
            # Of older rows nothing need be kept: no window reaches back to them.
            seen=SeenChange([(hashed, row.at) for row, hashed in fresh if self.keeps_ids or row.at >= floor]),
        )

    def _fresh(self, rows: list[Row], seen: SeenIds) -> list[tuple[Row, bytes]]:
        """The rows not emitted before, each with the hash of its id."""
        hashes = [self._hashed(row.key.encode()) for row in rows]
        known = seen.among(hashes)
        return [(row, hashed) for row, hashed in zip(rows, hashes, strict=True) if hashed not in known]

    def _audit_is_due(self, place: Place, moment: Moment) -> bool:
        return not place.wide.at <= moment.at < place.wide.at + self.audit_every

    def _since(self, tier: Tier, back: timedelta, moment: Moment) -> datetime:
        """Where a window begins: so far before the last sweep of its kind, or before now if the clock went back."""
        return min(tier.at, moment.at) - back


def _record(row: Row, *, late: bool) -> bytes:
    return _ENCODER.encode({**row.record, "late": late}).encode()


def _rewritten() -> StreamError:
    return StreamError("busy", "the table is being rewritten")
