"""The ids a stream has emitted and may meet again: rows in the state file, changed one by one.

A table's rows are read by a moving window, and some are met more than once. As rows of SQLite, 333 000 ids cost half
a millisecond per commit; as one value of the cursor they would be rewritten whole each time. Kept are keyed hashes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from exporters.core.contract import SeenChange
from exporters.core.insert_many import insert_many

SEEN_SCHEMA = """
    CREATE TABLE seen_feed (number INTEGER PRIMARY KEY, feed TEXT NOT NULL UNIQUE);
    CREATE TABLE seen (
        feed INTEGER NOT NULL, id BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (feed, id)
    ) WITHOUT ROWID;
    CREATE INDEX seen_at ON seen (feed, at);
"""
"""at: time of the record in microseconds since the epoch, by which ids leave."""

_ASKED_AT_ONCE = 500


class StoredSeen:
    """One stream's ids, as committed. Implements contract.SeenIds."""

    def __init__(self, reading: Callable[[], AbstractContextManager[sqlite3.Connection]], feed: str) -> None:
        self._reading = reading
        self._feed = feed

    def among(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of the hashes that are remembered."""
        found: set[bytes] = set()
        with self._reading() as connection:
            number = _number(connection, self._feed)
            if number is None:
                return found
            for start in range(0, len(hashes), _ASKED_AT_ONCE):
                part = hashes[start : start + _ASKED_AT_ONCE]
                marks = ",".join("?" * len(part))
                rows = connection.execute(
                    f"SELECT id FROM seen WHERE feed = ? AND id IN ({marks})",  # noqa: S608 - question marks
                    (number, *part),
                )
                found.update(row[0] for row in rows)
        return found

    def oldest(self) -> int | None:
        """The time of the oldest record that is remembered, in microseconds since the epoch; None: none is."""
        with self._reading() as connection:
            number = _number(connection, self._feed)
            row = connection.execute("SELECT min(at) FROM seen WHERE feed = ?", (number,)).fetchone()
        return None if row is None or row[0] is None else int(row[0])


def change_seen(connection: sqlite3.Connection, feed: str, change: SeenChange) -> None:
    """Remember and forget, inside the caller's transaction."""
    if not change:
        return
    connection.execute("INSERT OR IGNORE INTO seen_feed (feed) VALUES (?)", (feed,))
    number = _number(connection, feed)
    # Sorted: hashes come in random order, and a B-tree takes sorted keys several times as fast.
    rows = sorted((number, hashed, at) for hashed, at in change.add)
    # An id met again keeps the later time: a row that was moved must not be forgotten by where it was.
    insert_many(
        connection,
        "INSERT INTO seen VALUES",
        rows,
        "ON CONFLICT (feed, id) DO UPDATE SET at = max(at, excluded.at)",
    )
    if change.forget_before is not None:
        connection.execute("DELETE FROM seen WHERE feed = ? AND at < ?", (number, change.forget_before))


def forget_seen(connection: sqlite3.Connection) -> None:
    """Forget every id of every stream, inside the caller's transaction."""
    connection.execute("DELETE FROM seen")


def _number(connection: sqlite3.Connection, feed: str) -> int | None:
    row = connection.execute("SELECT number FROM seen_feed WHERE feed = ?", (feed,)).fetchone()
    return None if row is None else int(row[0])
