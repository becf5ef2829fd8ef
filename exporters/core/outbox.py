"""The InfluxDB outbox: lines wait in the state file until InfluxDB has taken them.

Lines are appended in the transaction that also stores cursors and counters, so a line exists if and only if the event
behind it is counted. They leave in exactly one of five ways, and a ledger row per bucket, changed in the same
transaction, says how many left by which:

    appended = waiting + written + partial_dropped + dropped + expired + dead_lettered

through kill -9 and restarts. Every operation here works on a connection it is handed and inside a transaction of its
caller; none begins or commits one.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, NamedTuple

from exporters.core.insert_many import insert_many

DeadLetterReason = Literal["malformed", "too_large"]
"""Why a line can never be written: a closed set. The server's own words quote the line, so they are not kept."""

_DEAD_LETTER_CHARACTERS = 65_536
"""A dead letter is for a person to look at: a larger line is cut, its real size stays in `size`."""


class OutboxLine(NamedTuple):
    """A line to be appended. time_ns: the point's own time, which decides whether its bucket still takes it."""

    bucket: str
    time_ns: int
    line: str


class StoredLine(NamedTuple):
    """A waiting line. id grows with every append and is never used again. size: bytes as posted, newline included."""

    id: int
    time_ns: int
    size: int
    line: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """One bucket's account. lines and bytes: waiting now. oldest_queued_ns: when the first of them was appended."""

    lines: int
    bytes: int
    appended: int
    written: int
    partial_dropped: int
    dropped: int
    expired: int
    dead_lettered: int
    oldest_queued_ns: int | None


@dataclass(frozen=True, slots=True)
class Appended:
    """What one append did. dropped: oldest lines over the bound, by bucket. expired: too old for their bucket."""

    appended: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    expired: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outbox:
    """Operations on the outbox's tables, and its bounds.

    max_lines, max_bytes: over either, the oldest lines of all buckets go first, so that one bucket nobody can write to
    gives way and cannot push out the others' new lines. max_bytes counts line protocol; SQLite adds some 60 a line.
    """

    max_lines: int = 2_000_000
    max_bytes: int = 512 * 1024 * 1024
    max_dead_letters: int = 1000

    schema: ClassVar[str] = """
        CREATE TABLE IF NOT EXISTS outbox (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bucket TEXT NOT NULL,
            time_ns INTEGER NOT NULL,
            queued_ns INTEGER NOT NULL,
            size INTEGER NOT NULL,
            line TEXT NOT NULL
        ) STRICT;
        CREATE INDEX IF NOT EXISTS outbox_bucket ON outbox (bucket);
        CREATE TABLE IF NOT EXISTS outbox_ledger (
            bucket TEXT PRIMARY KEY,
            lines INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            appended INTEGER NOT NULL DEFAULT 0,
            written INTEGER NOT NULL DEFAULT 0,
            partial_dropped INTEGER NOT NULL DEFAULT 0,
            dropped INTEGER NOT NULL DEFAULT 0,
            expired INTEGER NOT NULL DEFAULT 0,
            dead_lettered INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE IF NOT EXISTS dead_letter (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            bucket TEXT NOT NULL,
            time_ns INTEGER NOT NULL,
            dead_ns INTEGER NOT NULL,
            reason TEXT NOT NULL,
            size INTEGER NOT NULL,
            line TEXT NOT NULL
        ) STRICT;
    """

    def append(
        self,
        conn: sqlite3.Connection,
        rows: Iterable[OutboxLine],
        *,
        oldest_ns: Mapping[str, int] | None = None,
        now_ns: int | None = None,
    ) -> Appended:
        """Append lines, then drop the oldest over the bound.

        oldest_ns: per bucket the time below which a point is older than the bucket's retention; such a line is counted
        as expired and not stored. now_ns: wall clock, for the age of the backlog.
        """
        queued_ns = time.time_ns() if now_ns is None else now_ns
        cutoffs = oldest_ns or {}
        lines: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        expired: Counter[str] = Counter()
        values: list[tuple[str, int, int, int, str]] = []
        for bucket, time_ns, line in rows:
            if bucket in cutoffs and time_ns < cutoffs[bucket]:
                expired[bucket] += 1
                continue
            size = (len(line) if line.isascii() else len(line.encode())) + 1
            values.append((bucket, time_ns, queued_ns, size, line))
            lines[bucket] += 1
            sizes[bucket] += size
        insert_many(conn, "INSERT INTO outbox (bucket, time_ns, queued_ns, size, line) VALUES", values)
        for bucket in lines.keys() | expired.keys():
            conn.execute(
                "INSERT INTO outbox_ledger (bucket, lines, bytes, appended, expired) VALUES (?1, ?2, ?3, ?2 + ?4, ?4)"
                " ON CONFLICT (bucket) DO UPDATE SET lines = lines + ?2, bytes = bytes + ?3,"
                " appended = appended + ?2 + ?4, expired = expired + ?4",
                (bucket, lines[bucket], sizes[bucket], expired[bucket]),
            )
        return Appended(len(values), self._drop_oldest(conn), dict(expired))

    def _drop_oldest(self, conn: sqlite3.Connection) -> dict[str, int]:
        waiting, size = self._totals(conn)
        if waiting <= self.max_lines and size <= self.max_bytes:
            return {}
        last_id = 0
        gone: Counter[str] = Counter()
        freed: Counter[str] = Counter()
        oldest = conn.execute("SELECT id, bucket, size FROM outbox ORDER BY id")
        for line_id, bucket, bytes_ in oldest:
            if waiting <= self.max_lines and size <= self.max_bytes:
                break
            last_id = line_id
            waiting -= 1
            size -= bytes_
            gone[bucket] += 1
            freed[bucket] += bytes_
        oldest.close()
        conn.execute("DELETE FROM outbox WHERE id <= ?", (last_id,))
        for bucket, count in gone.items():
            conn.execute(
                "UPDATE outbox_ledger SET lines = lines - ?2, bytes = bytes - ?3, dropped = dropped + ?2"
                " WHERE bucket = ?1",
                (bucket, count, freed[bucket]),
            )
        return dict(gone)

    def peek(self, conn: sqlite3.Connection, bucket: str, max_lines: int, max_bytes: int) -> list[StoredLine]:
        """The oldest waiting lines of a bucket, at most this many lines and bytes, but one line however large."""
        found: list[StoredLine] = []
        left = max_bytes
        cursor = conn.execute(
            "SELECT id, time_ns, size, line FROM outbox WHERE bucket = ? ORDER BY id LIMIT ?", (bucket, max_lines)
        )
        for row in cursor:
            left -= row[2]
            if left < 0 and found:
                break
            found.append(StoredLine._make(row))
        cursor.close()
        return found

    def delete(self, conn: sqlite3.Connection, ids: Sequence[int], *, partial_dropped: int = 0) -> int:
        """Remove lines that were posted; partial_dropped of them the server said it did not store.

        A line that the bound dropped while it was on its way is in the ledger already and is not counted again, though
        the server may have it. Returns how many were still here.
        """
        return self._settle(conn, ids, "written", partial_dropped)

    def expire(self, conn: sqlite3.Connection, ids: Sequence[int]) -> int:
        """Remove lines that became older than their bucket's retention while they waited. Returns how many."""
        return self._settle(conn, ids, "expired", 0)

    def _settle(
        self, conn: sqlite3.Connection, ids: Sequence[int], column: Literal["written", "expired"], partial: int
    ) -> int:
        gone: Counter[str] = Counter()
        freed: Counter[str] = Counter()
        for bucket, size in conn.execute(
            "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each(?)) RETURNING bucket, size",
            (json.dumps(list(ids)),),
        ).fetchall():
            gone[bucket] += 1
            freed[bucket] += size
        for bucket, count in gone.items():
            refused = min(partial, count)
            partial -= refused
            conn.execute(
                f"UPDATE outbox_ledger SET lines = lines - ?2, bytes = bytes - ?3, {column} = {column} + ?2 - ?4,"  # noqa: S608 - a literal of ours
                " partial_dropped = partial_dropped + ?4 WHERE bucket = ?1",
                (bucket, count, freed[bucket], refused),
            )
        return gone.total()

    def dead_letter(
        self, conn: sqlite3.Connection, line_id: int, reason: DeadLetterReason, *, now_ns: int | None = None
    ) -> bool:
        """Put one line aside for ever; of those put aside the oldest go. False: the line is not here any more."""
        row = conn.execute(
            "DELETE FROM outbox WHERE id = ? RETURNING bucket, time_ns, size, line", (line_id,)
        ).fetchone()
        if row is None:
            return False
        bucket, time_ns, size, line = row
        dead_ns = time.time_ns() if now_ns is None else now_ns
        kept = conn.execute(
            "INSERT INTO dead_letter (bucket, time_ns, dead_ns, reason, size, line) VALUES (?, ?, ?, ?, ?, ?)",
            (bucket, time_ns, dead_ns, reason, size, line[:_DEAD_LETTER_CHARACTERS]),
        ).lastrowid
        conn.execute("DELETE FROM dead_letter WHERE id <= ?", ((kept or 0) - self.max_dead_letters,))
        conn.execute(
            "UPDATE outbox_ledger SET lines = lines - 1, bytes = bytes - ?2, dead_lettered = dead_lettered + 1"
            " WHERE bucket = ?1",
            (bucket, size),
        )
        return True

    def backlog(self, conn: sqlite3.Connection) -> dict[str, Ledger]:
        """Every bucket's account: a few rows and an index look-up each, whatever waits."""
        rows = conn.execute(
            "SELECT bucket, lines, bytes, appended, written, partial_dropped, dropped, expired, dead_lettered,"
            " (SELECT queued_ns FROM outbox o WHERE o.bucket = l.bucket ORDER BY o.id LIMIT 1)"
            " FROM outbox_ledger l ORDER BY bucket"
        ).fetchall()
        return {bucket: Ledger(*account) for bucket, *account in rows}

    def fill(self, conn: sqlite3.Connection) -> float:
        """How full the outbox is, 0 to 1, by the bound that is nearer."""
        lines, size = self._totals(conn)
        return max(lines / self.max_lines, size / self.max_bytes)

    @staticmethod
    def _totals(conn: sqlite3.Connection) -> tuple[int, int]:
        lines, size = conn.execute("SELECT total(lines), total(bytes) FROM outbox_ledger").fetchone()
        return int(lines), int(size)
