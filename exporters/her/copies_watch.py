"""The readers of the decision log's two copies, telling `Copies` what they have read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from exporters.core.contract import Batch, Json, Record, RememberingReader, SeenIds, StreamReader
from exporters.her.copies import Copies, Copy


class Told(Protocol):
    """What both copies say of a decision."""

    @property
    def at(self) -> datetime: ...

    @property
    def event_type(self) -> str: ...

    @property
    def source(self) -> str: ...


C = TypeVar("C")
R = TypeVar("R", bound=Record)
T = TypeVar("T", bound=Told)


def noting(copies: Copies, copy: Copy, parse: Callable[[R], T]) -> Callable[[R], T]:
    """`parse`, and what it found is noted."""

    def parse_and_note(record: R) -> T:
        event = parse(record)
        copies.note(copy, record, event.at, event.event_type, event.source)
        return event

    return parse_and_note


class WatchedList(Generic[C]):
    """A reader of Redis' copy. Implements contract.StreamReader."""

    def __init__(self, reader: StreamReader[C], copies: Copies) -> None:
        self._reader = reader
        self._copies = copies

    def read(self, connection: C, cursor: Json, now: datetime) -> Batch:
        """As its reader."""
        batch = self._reader.read(connection, cursor, now)
        if not batch.more:
            self._copies.was_read(self._copies.redis, now)
        return batch


class WatchedRows(Generic[C]):
    """A reader of PostgreSQL's copy. Implements contract.RememberingReader."""

    def __init__(self, reader: RememberingReader[C], copies: Copies) -> None:
        self._reader = reader
        self._copies = copies

    def read(self, connection: C, cursor: Json, now: datetime) -> Batch:
        """As its reader."""
        return self._reader.read(connection, cursor, now)

    def place_anew(self) -> Json:
        """As its reader."""
        return self._reader.place_anew()

    def read_live(self, connection: C, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """As its reader. Nothing is compared before history is through: its rows come in no order of time."""
        batch = self._reader.read_live(connection, cursor, now, seen)
        if not batch.more and not batch.history:
            self._copies.was_read(self._copies.rows, now)
        return batch

    def read_history(self, connection: C, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """As its reader."""
        return self._reader.read_history(connection, cursor, now, seen)

    def rest(self) -> None:
        """As its reader."""
        self._reader.rest()
