"""A reader of one table in a process of its own, which ends itself where it is told to: before, in or after a commit.

    python -m tests.system.horizon_reader STATE_DIRECTORY PORT PASSWORD_FILE WHERE COMMITS

WHERE: `before`, `in` or `after` the commit number COMMITS, by SIGKILL; `never` reads until all is read, then ends.
Every row leaves one line in the state file's outbox, which the test reads when the process is gone.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint, Commit
from exporters.core.contract import Effects, Source, Stream
from exporters.core.errors import StreamError
from exporters.core.health_counters import HealthCounters
from exporters.core.label import closed
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import counter
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime, utcnow
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker
from exporters.readers.postgres_client import Connection, close, connect
from exporters.readers.postgres_rows import PostgresRows
from exporters.readers.postgres_table import Row, Table

KIND = closed("kind", "Kind of row.", "a", "b", "c")
ROWS = counter("facts_rows_total", "Rows.", (KIND,))
ROW = Measurement("facts", "facts_row", "A row.", (KIND,), (Field("number", "int", "Its number."),))
METRICS = (*health.METRICS, ROWS)
TABLE = Table(
    name="facts",
    key="fact_id",
    time="happened_at",
    lead="kind",
    columns={"kind": "left(kind, 20)", "number": "number"},
)
PAGE, HISTORY_PAGE = 40, 100
HASH_KEY = b"a hash key of the test's, 32 or more"


@dataclass(frozen=True)
class Fact:
    """One row."""

    at: datetime
    kind: str
    number: int


def parse(row: Row) -> Fact:
    _, at, _, kind, number = row
    return Fact(at, kind, number)


def fold(state: None, fact: Fact) -> tuple[None, Effects]:
    effects = Effects()
    effects.count(ROWS, fact.kind)
    effects.point(ROW, fact.at, {"number": fact.number}, kind=fact.kind)
    return state, effects


def nothing() -> None:
    return None


class Ending(Checkpoint):
    """A state file whose process dies at a certain commit of the stream."""

    where = "never"
    left = 0

    def write(self, connection: sqlite3.Connection, commit: Commit, oldest_ns: Mapping[str, int]) -> None:
        """As its parent, but the process may not survive it."""
        type(self).left -= 1
        if self.where == "before" and self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(connection, commit, oldest_ns)
        if self.where == "in" and self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """As its parent."""
        with super().transaction() as connection:
            yield connection
        if self.where == "after" and self.left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def open_runtime(directory: Path) -> Runtime:
    """The state file and what belongs to it."""
    store = SeriesStore(METRICS)
    checkpoint = Ending(directory / "state.db", METRICS, Outbox())
    own = HealthCounters(store, checkpoint)
    own.load(health.METRICS)
    return Runtime(checkpoint, store, own, {metric.name: metric for metric in METRICS}, {"facts": None}, utcnow)


def facts(port: int, password: str) -> Source[Connection]:
    """The source with the one stream."""
    reader = PostgresRows(
        table=TABLE, hash_key=HASH_KEY, audit_every=timedelta(seconds=3), page=PAGE, history_page=HISTORY_PAGE
    )
    stream: Stream[Connection, Fact, None] = Stream(
        name="facts",
        interval=0.1,
        reader=reader,
        parse=parse,
        fold=fold,
        initial=nothing,
        event_time=lambda fact: fact.at,
        feeds=(ROWS,),
    )
    return Source(
        system="test",
        deployment="default",
        name="postgres",
        connect=lambda: connect(host="127.0.0.1", port=port, user="reader", dbname="postgres", password=password),
        close=close,
        streams=(stream,),
    )


def main() -> int:
    directory, port, password_file, Ending.where, commits = sys.argv[1:]
    Ending.left = int(commits)
    runtime = open_runtime(Path(directory))
    source = facts(int(port), Path(password_file).read_text().strip())
    work = StreamWorker(source, source.streams[0], runtime, Admission())
    work.load(rebase=False)
    connection = source.connect()
    quiet = 0
    began = datetime.now(UTC)
    while Ending.where != "never" or quiet < 5 or datetime.now(UTC) - began < timedelta(seconds=4):
        before = runtime.store.get(work.feed, health.STREAM_EVENTS, ("default", "test", "postgres", "facts"))
        try:
            more = work.run(connection)
            if work.history:
                work.run_history(connection)
        except StreamError:  # the table is being altered; the runner would count it and come back, too
            quiet = 0
            continue
        after = runtime.store.get(work.feed, health.STREAM_EVENTS, ("default", "test", "postgres", "facts"))
        still = before is not None and after is not None and before.value == after.value
        quiet = quiet + 1 if still and not more and not work.history else 0
        if not more:
            time.sleep(0.05)
    runtime.health.flush()
    runtime.checkpoint.close()
    source.close(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main())
