"""The state file: cursors, fold states, counters and the InfluxDB outbox in ONE transaction.

SQLite in WAL mode with synchronous=FULL: what a scrape has shown has been on disk before. The file is private (0600),
deleted rows are overwritten (secure_delete), and it is held exclusively: a second process is refused. It holds keyed
hashes of records; text only in outbox lines bound for a `_text` bucket.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from exporters.core.contract import UNCHANGED, Json, SeenChange
from exporters.core.errors import StateError
from exporters.core.metric import Metric
from exporters.core.outbox import Outbox, OutboxLine
from exporters.core.seen import SEEN_SCHEMA, StoredSeen, change_seen, forget_seen
from exporters.core.series import Values

VERSION = 2
"""Raised with each migration. A file with a higher number was written by a newer program, and is refused."""

_MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE stream (
        feed TEXT PRIMARY KEY, cursor TEXT, state TEXT, state_version INTEGER NOT NULL,
        caught_up INTEGER NOT NULL, last_event REAL, last_success REAL, stamps BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE series (
        feed TEXT NOT NULL, metric TEXT NOT NULL, labels TEXT NOT NULL, value REAL NOT NULL, buckets TEXT,
        PRIMARY KEY (feed, metric, labels)
    ) WITHOUT ROWID;
    CREATE TABLE shape (metric TEXT PRIMARY KEY, shape TEXT NOT NULL) WITHOUT ROWID;
    """,
    SEEN_SCHEMA,
)


@dataclass(frozen=True, slots=True)
class StoredStream:
    """What is remembered of one stream. cursor and state are JSON values; None: nothing yet."""

    cursor: Json = None
    state: Json = None
    state_version: int = 0
    caught_up: bool = False
    last_event: float | None = None
    last_success: float | None = None
    stamps: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One counter or histogram as stored."""

    metric: str
    values: Values
    value: float
    buckets: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Commit:
    """What one batch of one feed changes."""

    feed: str
    stream: StoredStream
    series: Sequence[tuple[Metric, Values, float, Sequence[int]]]
    lines: Sequence[OutboxLine]
    seen: SeenChange = UNCHANGED


class Checkpoint:
    """The open state file. One connection, one lock: writers of several sources take turns."""

    def __init__(self, path: Path, metrics: Sequence[Metric], outbox: Outbox) -> None:
        self.path = path
        self.outbox = outbox
        self._lock = threading.RLock()
        self._connection = _open(path)
        try:
            _migrate(self._connection, path)
            self._connection.executescript(outbox.schema)
            self._restart_changed(metrics)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise StateError(_explain(path, error)) from None
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Everything committed is on disk already; this gives the file back."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """The connection inside one transaction: all of it happens, or nothing."""
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """The connection for reading."""
        with self._lock:
            yield self._connection

    def write(self, connection: sqlite3.Connection, commit: Commit, oldest_ns: Mapping[str, int]) -> None:
        """Write one batch inside the caller's transaction. oldest_ns: as for Outbox.append."""
        _put_stream(connection, commit.feed, commit.stream)
        write_series(connection, commit.feed, commit.series)
        change_seen(connection, commit.feed, commit.seen)
        if commit.lines:
            self.outbox.append(connection, commit.lines, oldest_ns=oldest_ns)

    def outbox_fill(self) -> float:
        """How full the outbox is, 0 to 1."""
        with self.read() as connection:
            return self.outbox.fill(connection)

    def seen(self, feed: str) -> StoredSeen:
        """The ids a stream remembers; asks the file each time."""
        return StoredSeen(self.read, feed)

    def stream(self, feed: str) -> StoredStream:
        """What is remembered of a stream; an empty StoredStream if nothing is."""
        with self.read() as connection:
            row = connection.execute(
                "SELECT cursor, state, state_version, caught_up, last_event, last_success, stamps FROM stream"
                " WHERE feed = ?",
                (feed,),
            ).fetchone()
        if row is None:
            return StoredStream()
        cursor, state, version, caught_up, last_event, last_success, stamps = row
        return StoredStream(
            _loads(cursor), _loads(state), version, bool(caught_up), last_event, last_success, bytes(stamps)
        )

    def series(self, feed: str) -> list[StoredSeries]:
        """Every counter and histogram of a feed."""
        with self.read() as connection:
            rows = connection.execute(
                "SELECT metric, labels, value, buckets FROM series WHERE feed = ?", (feed,)
            ).fetchall()
        return [
            StoredSeries(metric, tuple(json.loads(labels)), value, tuple(json.loads(buckets)) if buckets else ())
            for metric, labels, value, buckets in rows
        ]

    def meta(self, key: str) -> str | None:
        """A remembered fact about the file itself."""
        with self.read() as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def set_meta(self, key: str, value: str) -> None:
        """Remember a fact about the file itself."""
        with self.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def forget_cursors(self) -> list[str]:
        """Drop every cursor, stamp and id (the hash key changed). Returns the feeds whose place is lost."""
        with self.transaction() as connection:
            feeds = [row[0] for row in connection.execute("SELECT feed FROM stream WHERE cursor IS NOT NULL")]
            connection.execute("UPDATE stream SET cursor = NULL, stamps = x''")
            forget_seen(connection)
        return feeds

    def size(self) -> int:
        """Bytes of the file and its write-ahead log."""
        total = 0
        for path in (self.path, self.path.with_name(self.path.name + "-wal")):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        return total

    def _restart_changed(self, metrics: Sequence[Metric]) -> None:
        """A metric whose labels or edges changed starts again: old sums under new names would be lies."""
        with self.transaction() as connection:
            stored = dict(connection.execute("SELECT metric, shape FROM shape"))
            for metric in metrics:
                shape = json.dumps([metric.kind.value, [label.name for label in metric.labels], metric.buckets])
                if stored.get(metric.name, shape) != shape:
                    connection.execute("DELETE FROM series WHERE metric = ?", (metric.name,))
                if stored.get(metric.name) != shape:
                    connection.execute("INSERT OR REPLACE INTO shape VALUES (?, ?)", (metric.name, shape))


def write_series(
    connection: sqlite3.Connection, feed: str, series: Sequence[tuple[Metric, Values, float, Sequence[int]]]
) -> None:
    """Store series at their new values, inside the caller's transaction."""
    connection.executemany(
        "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?)",
        [
            (feed, metric.name, json.dumps(values), value, json.dumps(list(buckets)) if buckets else None)
            for metric, values, value, buckets in series
        ],
    )


def _put_stream(connection: sqlite3.Connection, feed: str, stream: StoredStream) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO stream VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            feed,
            _dumps(stream.cursor),
            _dumps(stream.state),
            stream.state_version,
            int(stream.caught_up),
            stream.last_event,
            stream.last_success,
            stream.stamps,
        ),
    )


def _dumps(value: Json) -> str | None:
    return None if value is None else json.dumps(value, separators=(",", ":"))


def _loads(text: str | None) -> Json:
    return None if text is None else json.loads(text)


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # SQLite creates files as the umask says; the log and the file must be private from the first byte.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        path.chmod(0o600)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=1)
    except (OSError, sqlite3.Error) as error:
        msg = f"state file {path}: {error}"
        raise StateError(msg) from None
    try:
        # Exclusive before the first access in WAL mode: the lock is then held until close, without shared memory.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise StateError(_explain(path, error)) from None
    return connection


def _explain(path: Path, error: sqlite3.DatabaseError) -> str:
    if "locked" in str(error):
        return f"state file {path} is held by another running exporter; stop it, or give this one its own directory"
    return f"state file {path} cannot be used ({error}); restore it from a backup or move it away"


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    found = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if found > VERSION:
        msg = f"state file {path} has version {found}, this program knows {VERSION}: a newer program wrote it"
        raise StateError(msg)
    for number in range(found, VERSION):
        connection.executescript(f"BEGIN; {_MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;")
