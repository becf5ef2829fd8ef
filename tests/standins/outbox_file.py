"""An outbox in an SQLite file of its own, with the durability of the state file."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from exporters.core.outbox import Appended, Outbox, OutboxLine
from exporters.core.outbox_store import TransactionalOutbox


class OutboxFile:
    """Transactions on one connection with one lock, as the state file's owner has them."""

    def __init__(self, path: Path, outbox: Outbox | None = None) -> None:
        self.outbox = outbox or Outbox()
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON"):
            self._connection.execute(f"PRAGMA {pragma}").fetchall()
        self._connection.executescript(self.outbox.schema)

    @property
    def store(self) -> TransactionalOutbox:
        """What the drainer is given."""
        return TransactionalOutbox(self, self.outbox)

    def append(self, lines: Iterable[OutboxLine]) -> Appended:
        """Append in a transaction of its own."""
        with self.transaction() as connection:
            return self.outbox.append(connection, lines)

    def dead_letters(self) -> list[tuple[str, str, str]]:
        """(bucket, reason, line), oldest first."""
        with self.read() as connection:
            return connection.execute("SELECT bucket, reason, line FROM dead_letter ORDER BY id").fetchall()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            yield self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def close(self) -> None:
        with self._lock:
            self._connection.close()
