"""What HER remembers for good, in numbers: the probe `memory` over the table `memories`, whatever its shape.

    {"data": "Prefers short answers", "user_id": "5551001", "category": "profile_identity", "importance": 0.95,
     "created_at": "2026-02-22T01:15:02.118734-08:00"}

becomes her_memories 1, her_memory_owners{kind="user"} 1, her_memories_by_category{category="profile_identity"} 1,
her_memories_by_importance{band="1.0"} 1, her_memories_by_day{days_ago="00"} 1 and the figures beside them. The text and
the vector are never selected.

Nothing indexes what is asked for, so that one sequential scan answers all of it, every five minutes, and only up to
`LARGEST_HEAP`: beyond that only the planner's own estimate of the rows is shown, and her_memory_examined says 0.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg

from exporters.core.contract import Sample
from exporters.core.errors import StreamError
from exporters.her import sql_metrics as m
from exporters.her.sql_grants import LEGACY_TABLE
from exporters.her.sql_memory_query import Columns, memory_query
from exporters.her.sql_memory_tally import MemoryTally
from exporters.readers.postgres_client import Connection, reading

LARGEST_HEAP = 64 * 1024 * 1024
"""Bytes of the table without its indexes and outsourced values, where the vectors lie: some 150 000 memories."""
ROWS_AT_ONCE = 2000

_COLUMNS = """
SELECT attname, format_type(atttypid, NULL), has_column_privilege(attrelid, attnum, 'SELECT')
FROM pg_attribute WHERE attrelid = to_regclass(%(table)s) AND attnum > 0 AND NOT attisdropped
"""
_SIZE = "SELECT pg_relation_size(oid), reltuples FROM pg_class WHERE oid = to_regclass(%(table)s)"
_LEGACY = f"SELECT count(*) FROM {LEGACY_TABLE}"  # noqa: S608 - a name of our own


class MemoryProbe:
    """Reads one memory table. table: its name, as the settings have checked it."""

    def __init__(self, table: str) -> None:
        self._table = table

    def collect(self, connection: Connection, now: datetime) -> list[Sample]:
        """The numbers of one snapshot. No table is a shape too: Mem0 never started.

        Raises StreamError (no_permission if there is a table of which no column may be read), SourceDown.
        """
        with reading(connection) as cursor:
            columns = _columns(cursor, self._table)
            legacy = _legacy(cursor)
            if columns is None or columns.shape == "none":
                return [*_shape("none"), *legacy]
            heap, estimate = _size(cursor, self._table)
            if heap > LARGEST_HEAP:
                count = [Sample(m.MEMORIES, estimate)] if estimate >= 0 else []
                return [*_shape(columns.shape), *legacy, *count, Sample(m.MEMORY_EXAMINED, 0)]
            tally = MemoryTally(now)
            # A cursor in the server: neither side ever holds the whole table.
            with cursor.connection.cursor("memories") as rows:
                rows.execute(memory_query(columns, self._table))
                while some := rows.fetchmany(ROWS_AT_ONCE):
                    tally.add(some)
        return [*_shape(columns.shape), *legacy, Sample(m.MEMORY_EXAMINED, 1), *tally.samples()]


def _columns(cursor: psycopg.Cursor[Any], table: str) -> Columns | None:
    """The columns the account may read, None without a table.

    From the catalog, not from information_schema: that one does not follow the search path.
    """
    cursor.execute(_COLUMNS, {"table": table})
    rows = cursor.fetchall()
    types = {name: kind for name, kind, readable in rows if readable}
    if rows and not types:
        raise StreamError("no_permission", "the account may not read any column of the memory table")
    return Columns(types) if rows else None


def _size(cursor: psycopg.Cursor[Any], table: str) -> tuple[int, float]:
    cursor.execute(_SIZE, {"table": table})
    ((size, tuples),) = cursor.fetchall()
    return int(size or 0), float(tuples)


def _legacy(cursor: psycopg.Cursor[Any]) -> list[Sample]:
    columns = _columns_or_none(cursor)
    if columns is None or _size(cursor, LEGACY_TABLE)[0] > LARGEST_HEAP:
        return []
    cursor.execute(_LEGACY)
    ((count,),) = cursor.fetchall()
    return [Sample(m.MEMORY_LEGACY, count)]


def _columns_or_none(cursor: psycopg.Cursor[Any]) -> Columns | None:
    try:
        return _columns(cursor, LEGACY_TABLE)
    except StreamError:  # left behind, and not ours to read: the table in use is what matters
        return None


def _shape(found: str) -> list[Sample]:
    return [Sample(m.MEMORY_SHAPE, float(shape == found), (shape,)) for shape in m.SHAPE.values or ()]
