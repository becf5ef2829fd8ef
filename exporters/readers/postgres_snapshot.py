"""One snapshot of one table: what it says about itself, and whether what was read in it was an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg

from exporters.core.errors import StreamError
from exporters.readers.postgres_client import Connection, reading
from exporters.readers.postgres_moment import Moment, replaced, standing, take
from exporters.readers.postgres_table import Table

T = TypeVar("T")
_ATTEMPTS = 3


class Replaced(Exception):  # noqa: N818 - what happened to the table
    """The table was rewritten after the snapshot was taken: what was read then is no answer."""


@contextmanager
def snapshot(connection: Connection, table: Table) -> Iterator[tuple[psycopg.Cursor[Any], Moment]]:
    """A snapshot, itself described. Raises Replaced at the end if it was no answer, else StreamError or SourceDown."""
    with reading(connection) as tx:
        moment = take(tx)
        stands = standing(tx, table)
        yield tx, moment
        if replaced(tx, stands):
            raise Replaced


def until_answered(read: Callable[[], T]) -> T:
    """What `read` returns once the table is not rewritten meanwhile. Raises as it does, and StreamError in the end."""
    for _ in range(_ATTEMPTS):
        try:
            return read()
        except Replaced:
            continue
    raise StreamError("busy", "the table is being rewritten")
