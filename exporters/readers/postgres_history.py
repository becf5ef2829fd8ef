"""Pages of a whole table by primary key: the next one is read while the last one is counted and committed.

The server and this program work at the same time, which a backfill of millions of rows needs. A page read ahead is of
an older snapshot than the commit before it; that is no harm: whoever wants it asks then which of its ids are known.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from exporters.core.errors import ObservatoryError, StreamError
from exporters.readers.postgres_client import Connection
from exporters.readers.postgres_moment import Moment
from exporters.readers.postgres_place import Place
from exporters.readers.postgres_snapshot import snapshot, until_answered
from exporters.readers.postgres_table import Fetched, Table

_SMALLEST_PAGE = 100


@dataclass(frozen=True, slots=True)
class Page:
    """Rows by key after the key `after` (empty: from the beginning), as one snapshot had them. last: none follow."""

    moment: Moment
    after: str
    fetched: list[Fetched]
    last: bool


@dataclass(slots=True)
class _Ahead:
    """A page being read by a thread of its own, or what came of it; None: it is to be read again by who wants it."""

    connection: Connection
    after: str
    came: Page | ObservatoryError | None = None
    thread: threading.Thread | None = None


@dataclass(slots=True)
class HistoryPages:
    """Reads one table by key. Used by its source's thread alone. size: rows of a page at most."""

    table: Table
    size: int
    limit: int = field(init=False)
    """A page that took too long is tried smaller: on a slow disk each row of history is a seek."""
    _ahead: _Ahead | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.limit = self.size

    def page(self, connection: Connection, place: Place) -> Page:
        """The page after the place's key, and begin to read the one after it. Raises StreamError or SourceDown."""
        page = self._read_ahead(connection, place) or until_answered(lambda: self._fetch(connection, place.history))
        if not page.last:
            self._begin(connection, page.fetched[-1][0])
        return page

    def rest(self) -> None:
        """Wait until nobody uses the connection any more: as long as one statement may take, at most."""
        if self._ahead is not None and self._ahead.thread is not None:
            self._ahead.thread.join()
            self._ahead.thread = None

    def _read_ahead(self, connection: Connection, place: Place) -> Page | None:
        """The page that was read ahead, if it is the one that is wanted now."""
        self.rest()
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead.connection is not connection or ahead.after != place.history:
            return None
        if isinstance(ahead.came, ObservatoryError):
            raise ahead.came
        if ahead.came is None or not ahead.came.moment.continues(place.database, place.started):
            return None
        return ahead.came

    def _begin(self, connection: Connection, after: str) -> None:
        ahead = self._ahead = _Ahead(connection, after)

        def fetch() -> None:
            try:
                ahead.came = self._fetch(connection, after)
            except ObservatoryError as error:
                ahead.came = error
            except Exception:
                # The table was rewritten, or a defect. What a thread lets go is printed with its text, which may be the
                # table's: read again by the source's own thread it is told without.
                return

        ahead.thread = threading.Thread(target=fetch, name=f"{self.table.name} ahead", daemon=True)
        ahead.thread.start()

    def _fetch(self, connection: Connection, after: str | None) -> Page:
        limit = self.limit
        try:
            with snapshot(connection, self.table) as (tx, moment):
                tx.execute(self.table.history(after=bool(after)), {"limit": limit, "after_key": after})
                fetched = tx.fetchall()
        except StreamError as error:
            if error.reason == "timeout":
                self.limit = max(_SMALLEST_PAGE, limit // 4)
            raise
        self.limit = min(self.size, limit * 2)
        return Page(moment, after or "", fetched, last=len(fetched) < limit)
