"""What the catalog says of HER's memory table, or of a view over it: its columns, its size, about how many rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg

from exporters.core.errors import StreamError
from exporters.her.sql_memory_query import Columns

_COLUMNS = """
SELECT attname, format_type(atttypid, NULL), has_column_privilege(attrelid, attnum, 'SELECT'), attnum
FROM pg_attribute
WHERE attrelid = to_regclass(%(table)s) AND (attnum > 0 OR attname = 'ctid') AND NOT attisdropped
"""
# A view has no size. What it reads is known from its rule; of several tables the largest decides.
_HEAP = """
SELECT pg_relation_size(c.oid), c.reltuples, current_setting('block_size')::int
FROM pg_class AS c
WHERE c.relkind IN ('r', 'm') AND (c.oid = to_regclass(%(table)s) OR c.oid IN (
    SELECT d.refobjid FROM pg_rewrite AS r
    JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass
    WHERE r.ev_class = to_regclass(%(table)s)))
ORDER BY 1 DESC NULLS LAST LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Heap:
    """size: bytes, without indexes and outsourced values. pages: of it. estimate: rows; below 0, nobody knows."""

    size: int
    pages: int
    estimate: float


def columns_of(cursor: psycopg.Cursor[Any], table: str) -> Columns | None:
    """The columns the account may read, None without a table.

    From the catalog, not from information_schema: that one does not follow the search path.
    """
    rows = cursor.execute(_COLUMNS, {"table": table}).fetchall()
    types = {name: kind for name, kind, readable, _ in rows if readable}
    if rows and not any(readable and number > 0 for _, _, readable, number in rows):
        raise StreamError("no_permission", "the account may not read any column of the memory table")
    return Columns(types) if rows else None


def heap_of(cursor: psycopg.Cursor[Any], table: str) -> Heap:
    """Of the table, or of the one under a view; all 0 where there is none."""
    for size, estimate, block in cursor.execute(_HEAP, {"table": table}).fetchall():
        return Heap(int(size or 0), int(size or 0) // int(block), float(estimate))
    return Heap(0, 0, -1.0)
