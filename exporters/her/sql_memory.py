"""What HER remembers for good, in numbers: the probe `memory` over the table `memories`, whatever its shape.

    {"data": "Prefers short answers", "user_id": "5551001", "category": "profile_identity", "importance": 0.95,
     "created_at": "2026-02-22T01:15:02.118734-08:00"}

becomes her_memories 1, her_memory_owners{kind="user"} 1, her_memories_by_category{category="profile_identity"} 1,
her_memories_by_importance{band="1.0"} 1, her_memories_by_day{days_ago="00"} 1 and the figures beside them. The text and
the vector are never selected.

Nothing indexes what is asked for. So the table is read through every five minutes, up to `LARGEST_HEAP`, and the server
counts: some 2.5 us a memory, a third of a second for as many as may be. It is asked in parts of a few milliseconds, of
which each is a read of its own, so that neither HER nor the other reads wait; for that the place of a row (`ctid`) must
be readable. Where it is not, only `LARGEST_AT_ONCE` is read through. Beyond these only the planner's own estimate is
shown, and her_memory_examined says 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from typing import Any

import psycopg

from exporters.core.contract import Sample
from exporters.core.errors import StreamError
from exporters.her import sql_metrics as m
from exporters.her.sql_grants import LEGACY_TABLE
from exporters.her.sql_memory_query import Columns, memory_query
from exporters.her.sql_memory_table import Heap, columns_of, heap_of
from exporters.her.sql_memory_tally import MemoryTally
from exporters.readers.postgres_client import Connection, reading
from exporters.readers.postgres_pages import TID_RANGES_SINCE, Pages, place

LARGEST_HEAP = 64 * 1024 * 1024
"""Bytes of the table without its indexes and outsourced values, where the vectors lie: some 150 000 memories."""

LARGEST_AT_ONCE = 2 * 1024 * 1024
"""Bytes of a table that cannot be read in parts: some 6000 memories, which take the server 15 ms."""

_LEGACY = f"SELECT count(*) FROM {LEGACY_TABLE}"  # noqa: S608 - a name of our own


@dataclass(slots=True)
class _Look:
    """One look at the whole table, half way through. page: where it goes on."""

    connection: Connection
    columns: Columns
    pages: int
    tally: MemoryTally
    beside: list[Sample]
    page: int = 0


class MemoryProbe:
    """Reads one memory table, part by part. table: its name, as the settings have checked it."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._pages = Pages()
        self._look: _Look | None = None
        self._surprised = False

    def collect(self, connection: Connection, now: datetime) -> list[Sample] | None:
        """The numbers, once the table has been read through; None before. No table is a shape too: Mem0 never started.

        Raises StreamError (no_permission if there is a table of which no column may be read), SourceDown; the next
        look then begins anew.
        """
        look, self._look = self._look, None
        if look is None or look.connection is not connection:
            return self._begin(connection, now)
        try:
            samples = self._go_on(look)
        except StreamError as error:
            # HER starts meanwhile, puts an old table out of the way and makes another. Twice is no coincidence.
            self._surprised = error.reason == "missing" and not self._surprised
            if not self._surprised:
                raise
            return None
        if samples is not None:
            self._surprised = False
        return samples

    def _begin(self, connection: Connection, now: datetime) -> list[Sample] | None:
        with reading(connection) as cursor:
            columns = columns_of(cursor, self._table)
            beside = _legacy(cursor)
            if columns is None or columns.shape == "none":
                return [*_shape("none"), *beside]
            beside = [*_shape(columns.shape), *beside]
            heap = heap_of(cursor, self._table)
            in_parts = columns.place is not None and connection.info.server_version >= TID_RANGES_SINCE
            if heap.size > (LARGEST_HEAP if in_parts else LARGEST_AT_ONCE):
                return [*beside, *_estimated(heap)]
            tally = MemoryTally(now)
            if not in_parts:
                tally.add(cursor.execute(memory_query(columns, self._table).encode()).fetchall())
                return [*beside, Sample(m.MEMORY_EXAMINED, 1), *tally.samples()]
        self._look = _Look(connection, columns, heap.pages, tally, beside)
        return None

    def _go_on(self, look: _Look) -> list[Sample] | None:
        end = self._pages.until(look.page, look.pages)
        query = memory_query(look.columns, self._table, after=True, before=end is not None)
        with reading(look.connection) as cursor:
            began = perf_counter()
            try:
                cursor.execute(query.encode(), {"start": place(look.page), "end": place(end)})
            except psycopg.errors.QueryCanceled:
                self._pages.timed_out()
                raise
            counted = cursor.fetchall()
            if end is not None:
                self._pages.took(perf_counter() - began)
        look.tally.add(counted)
        if end is None:
            return [*look.beside, Sample(m.MEMORY_EXAMINED, 1), *look.tally.samples()]
        look.page = end
        self._look = look
        return None


def _estimated(heap: Heap) -> list[Sample]:
    count = [Sample(m.MEMORIES, heap.estimate)] if heap.estimate >= 0 else []
    return [*count, Sample(m.MEMORY_EXAMINED, 0)]


def _legacy(cursor: psycopg.Cursor[Any]) -> list[Sample]:
    try:
        columns = columns_of(cursor, LEGACY_TABLE)
    except StreamError:  # left behind, and not ours to read: the table in use is what matters
        return []
    if columns is None or heap_of(cursor, LEGACY_TABLE).size > LARGEST_HEAP:
        return []
    ((count,),) = cursor.execute(_LEGACY).fetchall()
    return [Sample(m.MEMORY_LEGACY, count)]


def _shape(found: str) -> list[Sample]:
    return [Sample(m.MEMORY_SHAPE, float(shape == found), (shape,)) for shape in m.SHAPE.values or ()]
