"""Many rows into SQLite by few statements.

`executemany` runs one statement per row, and gives up and takes back the interpreter's lock for each: three times the
time by itself, and a switch of threads per row while others want to run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from typing import Any

_PARAMETERS = 1000
"""At most this many per statement; SQLite's own limit is 32 766. Two hundred rows of five gain all there is to gain."""


def insert_many(connection: sqlite3.Connection, into: str, rows: Sequence[tuple[Any, ...]], then: str = "") -> None:
    """Insert rows of equal width, inside the caller's transaction.

    into: `INSERT INTO thing (a, b) VALUES`. then: what follows the values, such as an upsert clause.
    """
    if not rows:
        return
    row = f"({','.join('?' * len(rows[0]))})"
    step = max(1, _PARAMETERS // len(rows[0]))
    whole = len(rows) - len(rows) % step
    if whole:
        statement = f"{into} {','.join([row] * step)} {then}"
        for start in range(0, whole, step):
            connection.execute(statement, tuple(chain.from_iterable(rows[start : start + step])))
    if whole < len(rows):
        # One by one: a statement for every possible number of rows would push all others out of the cache.
        connection.executemany(f"{into} {row} {then}", rows[whole:])
