"""A table of a real PostgreSQL, who writes it, and who reads it by snapshot horizon."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import psycopg

from exporters.core.contract import Batch, Json
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_client import Connection, close, connect
from exporters.readers.postgres_rows import PostgresRows
from exporters.readers.postgres_table import Table
from tests.standins.remembered_ids import RememberedIds

HASH_KEY = b"a hash key of the test's, 32 or more"
NOW = datetime(2026, 2, 22, tzinfo=UTC)
FACTS = Table(name="facts", key="id", key_type="bigint", time="at", columns={"word": "left(word, 20)"})
DAYS = Table(name="facts", key="id", key_type="bigint", time="day", time_type="date", columns={"word": "word"})
BY_KIND = Table(name="facts", key="id", key_type="bigint", time="at", lead="kind", columns={"word": "left(word, 20)"})
SCHEMA = """
    CREATE TABLE facts (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(), day date,
                        kind text DEFAULT 'a', word text);
    CREATE INDEX facts_at ON facts (at);
    CREATE INDEX facts_kind ON facts (kind, at DESC);
    CREATE INDEX facts_day ON facts (day);
"""


class Memory(RememberedIds):
    """Ids as the state file keeps them."""

    def change(self, batch: Batch) -> None:
        self.update(batch.seen.add)
        if batch.seen.forget_before is not None:
            for hashed in [hashed for hashed, at in self.items() if at < batch.seen.forget_before]:
                del self[hashed]


class House:
    """A table, who writes it, and who reads it."""

    def __init__(self, server: Postgres, table: Table = FACTS, **options: Any) -> None:
        self.server = server
        self.writer = psycopg.connect(server.dsn(), autocommit=True)
        self.link = self.connect()
        self.memory = Memory()
        self.cursor: Json = None
        self.batches: list[Batch] = []
        self.words: list[str] = []
        self.reader = PostgresRows(table=table, hash_key=HASH_KEY, **options)

    def connect(self) -> Connection:
        return connect(
            host="127.0.0.1",
            port=self.server.port,
            user="postgres",
            dbname="postgres",
            password=self.server.password,
            timeout=2.0,
        )

    def close(self) -> None:
        self.writer.close()
        close(self.link)

    def say(self, *words: str, ago: float = 0, kind: str = "a") -> None:
        for word in words:
            self.writer.execute(
                "INSERT INTO facts (at, word, kind) VALUES (clock_timestamp() - make_interval(secs => %s), %s, %s)",
                (ago, word, kind),
            )

    def live(self) -> Batch:
        return self._take(self.reader.read_live(self.link, self.cursor, NOW, self.memory))

    def history(self) -> Batch:
        batch = self.reader.read_history(self.link, self.cursor, NOW, self.memory)
        self.reader.rest()
        return self._take(batch)

    def everything(self) -> list[str]:
        """Read until there is nothing; the words of this time."""
        before = len(self.words)
        batch = self.live()
        while batch.more:
            batch = self.live()
        while batch.history:
            batch = self.history()
        return self.words[before:]

    def audit_next(self) -> None:
        """Five minutes pass."""
        self.cursor["wide"][1] -= 301 * 1_000_000

    def _take(self, batch: Batch) -> Batch:
        self.cursor = json.loads(json.dumps(batch.next_cursor))
        self.memory.change(batch)
        self.batches.append(batch)
        self.words += [str(record[-1]) for record in batch.records]
        return batch


def another(house: House, table: Table = FACTS, **options: Any) -> House:
    """Another reader of the same table."""
    return House(house.server, table, **options)
