"""Finished answers, each with whether it left a row among the AI requests. A reader of agent_messages.

The back end writes an answer when its request begins and once again when it has ended; the row of ai_request_metrics
follows in a task of its own, whose failures it only logs. So an answer is found by the snapshot horizon when it has
been finished, however long that took and whatever its clock says, and is looked up by its id:

    has a row                              ->  recorded "yes", at once: nearly all
    has none                               ->  waits, and is looked up again at each read
    has none ten minutes after it was found ->  recorded "no", for ever

Each is told once: what waits stands in the cursor, which is committed with the counts. Nothing is looked up but what
is new or waits, so that neither table's size matters.

The answers that were there before the first read are not told: a clean-up removes rows of requests after 30 days, and
answers stay. For the same reason an answer that is found only when it is nearly as old as that (nobody watched for
weeks) is `unknown`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from exporters.core.contract import Batch, Json, SeenIds
from exporters.core.errors import StreamError
from exporters.readers.postgres_client import Connection, reading
from exporters.readers.postgres_rows import PostgresRows
from exporters.readers.postgres_table import Row

SETTLES = timedelta(minutes=10)
"""From finding an answer to giving up on its row, which is written within seconds, by a busy back end in minutes."""

CLEANED_UP = timedelta(days=29)
"""The age at which requests may be removed, less a day for clocks."""

_AT_ONCE = 1000
_LOOK_UP = """
    SELECT a.id::text FROM unnest(%s::uuid[]) AS a (id)
    WHERE EXISTS (SELECT FROM public.ai_request_metrics AS r WHERE r.message_id = a.id)
"""


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One answer without a row so far. at: its own time, None where no calendar has it. until: when to give up."""

    id: str
    at: datetime | None
    until: datetime


@dataclass(frozen=True, kw_only=True)
class RecordedAnswers:
    """A `RememberingReader` of `Connection`. rows: reads the finished answers."""

    rows: PostgresRows
    settles: timedelta = SETTLES
    cleaned_up: timedelta = CLEANED_UP

    def read(self, connection: Connection, cursor: Json, now: datetime) -> Batch:
        """Answers of the wide window as they are now, without remembering any. Raises as `read_live`."""
        place, waiting = _decoded(cursor) if cursor is not None else (None, [])
        return self._told(connection, self.rows.read(connection, place, now), waiting, now)

    def place_anew(self) -> Json:
        """The cursor from which the first sweep learns what is there and tells none of it."""
        return {"rows": self.rows.place_anew(), "waiting": []}

    def read_live(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """Answers finished since, and what has become of those that wait. Raises StreamError or SourceDown."""
        place, waiting = _decoded(self.place_anew() if cursor is None else cursor)
        return self._told(connection, self.rows.read_live(connection, place, now, seen), waiting, now)

    def read_history(self, connection: Connection, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """There is none: what lies before the first read cannot be told."""
        return self.read_live(connection, cursor, now, seen)

    def rest(self) -> None:
        """The connection is nobody else's any more on return."""
        self.rows.rest()

    def _told(self, connection: Connection, batch: Batch, waiting: list[_Waiting], now: datetime) -> Batch:
        found: list[Row] = [record for record in batch.records if isinstance(record, tuple)]
        waiting = waiting + [_Waiting(key, at, now + self.settles) for key, at, _late in found]
        with_row = _with_row(connection, [answer.id for answer in waiting])
        records: list[Row] = []
        left: list[_Waiting] = []
        for answer in waiting:
            if answer.id in with_row:
                records.append(_record(answer, "yes"))
            elif self._is_too_old(answer, now):
                records.append(_record(answer, "unknown"))
            elif answer.until <= now:
                records.append(_record(answer, "no"))
            else:
                left.append(answer)
        cursor = {
            "rows": batch.next_cursor,
            "waiting": [_encoded(answer) for answer in left],
        }
        return replace(batch, records=records, next_cursor=cursor)

    def _is_too_old(self, answer: _Waiting, now: datetime) -> bool:
        return answer.at is not None and answer.at < now - self.cleaned_up  # `infinity` is younger than anything


def _with_row(connection: Connection, ids: list[str]) -> set[str]:
    """Those of the answers that have a row: one probe of an index for each, in snapshots of their own."""
    found: set[str] = set()
    for start in range(0, len(ids), _AT_ONCE):
        with reading(connection) as tx:
            found.update(row[0] for row in tx.execute(_LOOK_UP, (ids[start : start + _AT_ONCE],)).fetchall())
    return found


def _record(answer: _Waiting, recorded: str) -> Row:
    return (answer.id, answer.at, False, recorded)


def _encoded(answer: _Waiting) -> list[str | None]:
    return [answer.id, answer.at.isoformat() if answer.at else None, answer.until.isoformat()]


def _decoded(cursor: Json) -> tuple[Json, list[_Waiting]]:
    """The place among the answers, and those that wait. Raises StreamError for a cursor this program does not know."""
    try:
        waiting = [
            _Waiting(key, datetime.fromisoformat(at) if at else None, datetime.fromisoformat(until))
            for key, at, until in cursor["waiting"]
        ]
        return cursor["rows"], waiting
    except (KeyError, TypeError, ValueError):
        raise StreamError("defect", "a cursor that is none") from None
