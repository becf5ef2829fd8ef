"""How much of SigmaSight's words pages look through and show: bounds that keep a statement small."""

from __future__ import annotations

LONGEST = 2000
"""Characters of a text that are shown and searched."""

LARGEST_READ = 4 * 1024 * 1024
"""Bytes of a table without an index on time that are read, from its end."""


AI_DATABASE = "ai_database"
"""The variable of pages over the AI database; the others have `database`."""


def end_of(table: str) -> str:
    """A condition: the row lies in the last part of its table. New rows may fill gaps further up; most do not."""
    first = (
        f"format('(%s,0)', greatest(0, pg_relation_size('public.{table}') - {LARGEST_READ})"
        " / current_setting('block_size')::bigint)"
    )
    # A subselect is computed once, so that only that range of blocks is read (from PostgreSQL 14 on).
    return f"ctid >= (SELECT {first}::tid)"


def cut(column: str) -> str:
    """The beginning of a text; nothing of one that is empty."""
    return f"left(nullif({column}, ''), {LONGEST})"
