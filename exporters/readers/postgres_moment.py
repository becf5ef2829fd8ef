"""What a snapshot says about itself: which database, and up to where its transactions are closed.

Every transaction below the **horizon** (`pg_snapshot_xmin`) had ended when the snapshot was taken: whatever it
committed is visible in it, and nothing below can appear later. Rows that a later snapshot shows and this one did not
show were therefore written at or above the horizon, savepoints included, whose numbers are above their parent's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from exporters.core.errors import StreamError
from exporters.readers.postgres_table import Table

_MOMENT = """
    SELECT (SELECT system_identifier FROM pg_control_system())::text || '/'
               || (SELECT timeline_id FROM pg_control_checkpoint())::text,
           pg_postmaster_start_time()::text,
           pg_snapshot_xmin(s)::text::bigint,
           age(pg_snapshot_xmin(s)::xid),
           now()
    FROM pg_current_snapshot() AS s
"""
_MINIMUM = 130_000
"""pg_current_snapshot and 64-bit transaction numbers came with PostgreSQL 13."""

_WRAPS_AT = 2**31 - 1
"""age() is a signed 32-bit difference, and says 2^31 - 1 for rows that never age."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One snapshot. database: system identifier and timeline. started: when the server did. at: by its clock.

    horizon: 64 bits, never wraps. next: the transaction number that would be given out now.
    """

    database: str
    started: str
    horizon: int
    next: int
    at: datetime

    def back_to(self, horizon: int | None) -> int | None:
        """The largest age a row not older than `horizon` can have; None where age() cannot tell."""
        if horizon is None:
            return None
        back = self.next - horizon
        return back if 0 <= back < _WRAPS_AT else None

    def continues(self, database: str, started: str) -> bool:
        """Whether it is of that database, and of the same run of its server."""
        return (self.database, self.started) == (database, started)


def take(cursor: psycopg.Cursor[Any]) -> Moment:
    """The snapshot of the transaction that the cursor is in: the first statement of it."""
    if cursor.connection.info.server_version < _MINIMUM:
        raise StreamError("missing", "the server is older than PostgreSQL 13")
    row = cursor.execute(_MOMENT).fetchone()
    if row is None:
        raise StreamError("defect", "the server has no snapshot")
    database, started, horizon, age, at = row
    return Moment(database, started, horizon, horizon + age, at)


@dataclass(frozen=True, slots=True)
class Standing:
    """The table as the snapshot sees it: its number, and the number of the file that holds its rows."""

    oid: int
    file: int


def standing(cursor: psycopg.Cursor[Any], table: Table) -> Standing:
    """Raises StreamError `missing`."""
    row = cursor.execute(
        "SELECT oid::bigint, relfilenode::bigint FROM pg_class WHERE oid = to_regclass(%s)", (table.regclass,)
    ).fetchone()
    if row is None:
        raise StreamError("missing", "there is no such table")
    return Standing(*row)


def replaced(cursor: psycopg.Cursor[Any], before: Standing) -> bool:
    """Whether the rows were put into another file after the snapshot was taken; asked once they have been read.

    ALTER TABLE and TRUNCATE do not heed older snapshots: to ours a table rewritten in between looks EMPTY. What was
    read then is no answer.
    """
    row = cursor.execute("SELECT pg_relation_filenode(%s::oid)::bigint", (before.oid,)).fetchone()
    return row is None or row[0] != before.file
