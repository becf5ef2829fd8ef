"""A writer that pushes as watched systems do, and a consumer that commits cursors as the runner does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import redis

from exporters.core.contract import Batch, Json, StreamReader

HASH_KEY = bytes(range(32))
KEY = "her:metrics:events"
COMPANION = "her:metrics:messages"
TOKENS = "her:metrics:tokens"
NOW = datetime(2026, 2, 22, 12, tzinfo=UTC)


@dataclass
class Pusher:
    """LPUSH and LTRIM; in one transaction with its counters where there are any, two commands otherwise."""

    client: redis.Redis
    cap: int = 50
    key: str = KEY
    counted: bool = True
    size: int = 0
    name: str = "entry"
    pushed: list[bytes] = field(default_factory=list)

    def push(self, count: int = 1, payload: bytes | None = None) -> None:
        for _ in range(count):
            entry = (
                payload if payload is not None else f"{self.name} {len(self.pushed)} ".encode().ljust(self.size, b".")
            )
            self.pushed.append(entry)
            with self.client.pipeline(transaction=self.counted) as pipeline:
                pipeline.lpush(self.key, entry)
                pipeline.ltrim(self.key, 0, self.cap - 1)
                if self.counted:
                    pipeline.incr(COMPANION)
                    pipeline.incrby(TOKENS, 10)
                pipeline.execute()


@dataclass
class Consumer:
    """Reads, and keeps the cursor as JSON text; `read(commit=False)` is a crash before the commit."""

    reader: StreamReader[redis.Redis]
    connection: redis.Redis
    stored: str = "null"
    emitted: list[bytes] = field(default_factory=list)
    lost: int = 0
    gaps: int = 0
    totals: list[dict[str, int | None]] = field(default_factory=list)

    def read(self, *, commit: bool = True) -> Batch:
        cursor: Json = json.loads(self.stored)
        batch = self.reader.read(self.connection, cursor, NOW)
        if commit:
            self.stored = json.dumps(batch.next_cursor)
            self.emitted += texts(batch)
            self.lost += batch.lost
            self.gaps += batch.gap
            if batch.totals:
                self.totals.append(dict(batch.totals))
        return batch

    def drain(self) -> Sequence[Batch]:
        batches = [self.read()]
        while batches[-1].more:
            batches.append(self.read())
        return batches

    @property
    def accounted(self) -> int:
        """Emitted and lost."""
        return len(self.emitted) + self.lost

    def copy(self, **changes: Any) -> Consumer:
        fresh = Consumer(self.reader, self.connection, self.stored, list(self.emitted), self.lost, self.gaps)
        for name, value in changes.items():
            setattr(fresh, name, value)
        return fresh


def texts(batch: Batch) -> list[bytes]:
    """The records of a list: bytes, each of them."""
    found = [record for record in batch.records if isinstance(record, bytes)]
    assert len(found) == len(batch.records)
    return found
