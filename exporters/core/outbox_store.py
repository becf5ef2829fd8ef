"""The outbox as its drainer uses it: no connections, one short transaction per call."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from exporters.core.outbox import DeadLetterReason, Ledger, Outbox, StoredLine


class Transactions(Protocol):
    """Whoever owns the state file: hands out connections inside a transaction that it begins, commits or rolls back."""

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection for reading one consistent state."""

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection inside a write transaction, committed when the block ends without an exception."""


class OutboxStore(Protocol):
    """The outbox as the drainer sees it: one short transaction per call, from the drainer's own thread."""

    def peek(self, bucket: str, max_lines: int, max_bytes: int) -> list[StoredLine]:
        """See Outbox.peek."""

    def delete(self, ids: Sequence[int], *, partial_dropped: int = 0) -> int:
        """See Outbox.delete."""

    def expire(self, ids: Sequence[int]) -> int:
        """See Outbox.expire."""

    def dead_letter(self, line_id: int, reason: DeadLetterReason) -> bool:
        """See Outbox.dead_letter."""

    def backlog(self) -> dict[str, Ledger]:
        """See Outbox.backlog."""


@dataclass(frozen=True, slots=True)
class TransactionalOutbox:
    """OutboxStore on the transactions of the state file's owner."""

    transactions: Transactions
    outbox: Outbox
    clock_ns: Callable[[], int] = time.time_ns

    def peek(self, bucket: str, max_lines: int, max_bytes: int) -> list[StoredLine]:
        """See Outbox.peek."""
        with self.transactions.read() as conn:
            return self.outbox.peek(conn, bucket, max_lines, max_bytes)

    def delete(self, ids: Sequence[int], *, partial_dropped: int = 0) -> int:
        """See Outbox.delete."""
        with self.transactions.transaction() as conn:
            return self.outbox.delete(conn, ids, partial_dropped=partial_dropped)

    def expire(self, ids: Sequence[int]) -> int:
        """See Outbox.expire."""
        with self.transactions.transaction() as conn:
            return self.outbox.expire(conn, ids)

    def dead_letter(self, line_id: int, reason: DeadLetterReason) -> bool:
        """See Outbox.dead_letter."""
        with self.transactions.transaction() as conn:
            return self.outbox.dead_letter(conn, line_id, reason, now_ns=self.clock_ns())

    def backlog(self) -> dict[str, Ledger]:
        """See Outbox.backlog."""
        with self.transactions.read() as conn:
            return self.outbox.backlog(conn)
