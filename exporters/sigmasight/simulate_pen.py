"""How the simulator writes: which connection, whose clock, which ids, and what has been written.

Everything the back end stamps with its own clock takes `Pen.now()`; what the database stamps takes `Pen.db_now()`.
"""

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from exporters.sigmasight.simulate_canary import Canaries

Connection = psycopg.Connection[Any]
Row = Mapping[str, object]
Story = Iterator[float]
"""Writes, and yields the seconds that pass before it goes on."""

AI_TABLES: Final = frozenset({"ai_feedback", "ai_memories", "ai_kb_documents", "ai_admin_annotations"})
JSON_NULL: Final = Jsonb(None)
"""The JSON value null, which is not SQL's NULL: the back end stores it for "no tool calls" and "no errors"."""
SECOND: Final = timedelta(seconds=1)


def utcnow() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class Pen:
    """Writes rows into `core` and `ai`, which may be one connection, both in autocommit.

    clock: what the database's clock and, plus `skew`, the back end's say. Stories told with `move_to` have a time of
    their own. produced: rows inserted and committed, by table.
    """

    def __init__(
        self,
        core: Connection,
        ai: Connection,
        *,
        rng: random.Random,
        clock: Callable[[], datetime],
        canaries: Canaries,
        another: Callable[[], Connection] | None = None,
    ) -> None:
        self.core = core
        self.ai = ai
        self.rng = rng
        self.canaries = canaries
        self.produced: Counter[str] = Counter()
        self.skew = timedelta(0)
        self._clock = clock
        self._another = another
        self._at: datetime | None = None
        self._inserts: dict[tuple[str, tuple[str, ...]], sql.Composed] = {}

    @property
    def living(self) -> bool:
        """Whether stories happen in real time; the database stamps its rows itself then."""
        return self._at is None

    def now(self) -> datetime:
        """The back end's clock: the story's time, off by `skew`."""
        return (self._at or self._clock()) + self.skew

    def db_now(self) -> datetime:
        """The database's clock."""
        return self._at or self._clock()

    def move_to(self, at: datetime | None) -> None:
        """Tell what follows as of then; None: as of now."""
        self._at = at

    def tell(self, story: Story, at: datetime | None = None) -> datetime:
        """A whole story at once, beginning at `at` (now); returns when it ended. Its later rows carry later stamps."""
        before = self._at
        self._at = at or before or self._clock()
        try:
            for seconds in story:
                self._at += seconds * SECOND
            return self._at
        finally:
            self._at = before

    def new_id(self) -> uuid.UUID:
        """A random UUID of the seed's."""
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def side(self, table: str) -> Connection:
        """Where a table lies."""
        return self.ai if table in AI_TABLES else self.core

    def insert(self, table: str, row: Row) -> uuid.UUID:
        """One row, as the application sends it, id first, a new one unless it has one; committed. Returns the id."""
        return self._insert(table, row if "id" in row else {"id": self.new_id(), **row})

    def insert_stamped(self, table: str, row: Row) -> uuid.UUID:
        """One row of the AI database, whose times are the database's own."""
        key = self.new_id()
        stamped = {"id": key, **row}
        if not self.living or self._clock is not utcnow:
            moment = self.db_now()
            stamped["created_at"] = moment
            if table in {"ai_kb_documents", "ai_admin_annotations"}:
                stamped["updated_at"] = moment
        return self._insert(table, stamped)

    def insert_late(self, table: str, row: Row, seconds: float) -> Story:
        """One row whose transaction commits `seconds` after its stamp: something else held the event loop."""
        if self._another is None or not self.living or seconds <= 0:
            self.insert(table, row)
            return
        with self.held() as connection:
            self.insert_on(connection, table, {"id": self.new_id(), **row})
            yield seconds
        self.produced[table] += 1

    @contextmanager
    def held(self) -> Iterator[Connection]:
        """A transaction of its own on the core database, committed at the end. Raises ValueError without `another`."""
        if self._another is None:
            message = "held transactions need a way to open another connection"
            raise ValueError(message)
        with self._another() as connection, connection.transaction():
            yield connection

    def update(self, table: str, key: uuid.UUID, changes: Row) -> None:
        """Change a row in place."""
        self.run(
            table,
            sql.SQL("UPDATE {} SET {} WHERE id = %(_id)s").format(
                sql.Identifier(table),
                sql.SQL(", ").join(
                    sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(name)) for name in changes
                ),
            ),
            {**changes, "_id": key},
        )

    def delete(self, table: str, key: uuid.UUID) -> None:
        """Delete a row, and what hangs on it by cascade."""
        self.run(table, sql.SQL("DELETE FROM {} WHERE id = %(_id)s").format(sql.Identifier(table)), {"_id": key})

    def run(self, table: str, statement: sql.Composed | sql.SQL, values: Row | None = None) -> int:
        """A statement where the table lies; returns how many rows it concerned."""
        return self.side(table).execute(statement, values).rowcount

    def _insert(self, table: str, row: Row) -> uuid.UUID:
        key = self.insert_on(self.side(table), table, row)
        self.produced[table] += 1
        return key

    def insert_on(self, connection: Connection, table: str, row: Row) -> uuid.UUID:
        """One row, its id among its columns, over a connection of one's own; `produced` is counted at its commit."""
        names = tuple(row)
        statement = self._inserts.get((table, names))
        if statement is None:
            statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
                sql.Identifier(table),
                sql.SQL(", ").join(map(sql.Identifier, names)),
                sql.SQL(", ").join(map(sql.Placeholder, names)),
            )
            self._inserts[table, names] = statement
        connection.execute(statement, row)
        key = row["id"]
        assert isinstance(key, uuid.UUID)  # noqa: S101 - for the type checker
        return key
