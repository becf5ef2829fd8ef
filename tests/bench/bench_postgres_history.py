"""First start on a long table: rows per second into counters and outbox, and memory while it lasts.

    python -m tests.bench.bench_postgres_history [ROWS]

A PostgreSQL of its own is filled with ROWS (1 million) rows of HER's decision_logs over 90 days, and with as many of a
plain table; then their streams read them as the runner does, by key, each batch one commit. As others use the machine
too, it prints how long it waited for a CPU, and the CPU time of both sides. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import psutil
import psycopg

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import Source
from exporters.core.health_counters import HealthCounters
from exporters.core.metric import Metric
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.her.labels import EVENT_TYPES, SOURCES
from exporters.her.settings import HerSettings
from exporters.her.simulate_tables import SCHEMA
from exporters.her.sources import sources
from exporters.readers.postgres_client import Connection, connect
from exporters.readers.postgres_rows import PostgresRows
from exporters.registry import METRICS
from tests.system import horizon_reader

FILL = """
    INSERT INTO decision_logs ("timestamp", event_type, source, summary, details)
    SELECT now() - make_interval(secs => n::float8 * %(step)s), (%(types)s::text[])[1 + n %% %(kinds)s],
           (%(sources)s::text[])[1 + n %% %(parts)s], 'a sentence of usual length about decision ' || n,
           jsonb_build_object('stage', 'llm', 'duration_ms', n %% 1000, 'used_fallback', false)
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
DAYS = 90
CHUNK = 250_000
PAGE = 10_000


def fill(connection: psycopg.Connection[tuple[object, ...]], rows: int, first: int = 1) -> None:
    """Rows first … rows, the oldest 90 days ago, as analysed as autovacuum would leave them."""
    for start in range(first, rows + 1, CHUNK):
        values = {
            "step": DAYS * 86_400 / rows,
            "types": list(EVENT_TYPES),
            "kinds": len(EVENT_TYPES),
            "sources": list(SOURCES),
            "parts": len(SOURCES),
            "first": start,
            "last": min(rows, start + CHUNK - 1),
        }
        connection.execute(FILL, values)
    connection.execute("VACUUM ANALYZE decision_logs")


def open_runtime(folder: Path, metrics: Sequence[Metric], bucket: str) -> Runtime:
    """A state file that takes lines for InfluxDB, and has room for all."""
    store = SeriesStore(metrics)
    checkpoint = Checkpoint(folder / "state.db", metrics, Outbox(max_lines=10**8, max_bytes=10**11))
    own = HealthCounters(store, checkpoint)
    own.load(health.METRICS)
    return Runtime(checkpoint, store, own, {metric.name: metric for metric in metrics}, {bucket: None})


PLAIN = """
    CREATE TABLE facts (fact_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), happened_at timestamptz NOT NULL,
                        kind text NOT NULL, number int NOT NULL);
    CREATE INDEX ON facts (kind, happened_at DESC);
    INSERT INTO facts (happened_at, kind, number)
    SELECT now() - make_interval(secs => n * 7), (array['a', 'b', 'c'])[1 + n % 3], n
    FROM generate_series(1, {rows}) AS n;
    ANALYZE facts;
"""


@dataclass
class Spent:
    """Seconds: of the clock, of our CPU, of the server's, and of waiting for a CPU that others had."""

    clock: float
    own: float
    server: float
    queued: float

    @classmethod
    def now(cls, server: psutil.Process) -> Spent:
        own = sum(psutil.Process().cpu_times()[:2])
        return cls(time.perf_counter(), own, sum(server.cpu_times()[:2]), _queued())

    def since(self, before: Spent) -> Spent:
        return Spent(*(getattr(self, f.name) - getattr(before, f.name) for f in fields(self)))


def _queued() -> float:
    """How long this thread has waited for a CPU; 0 where the system does not say."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError, ValueError):
        return 0.0


def backfill(source: Source[Connection], runtime: Runtime, label: str, at_most: int) -> None:
    """Read the history of the source's first stream as the runner does, and print what it took."""
    work = StreamWorker(source, source.streams[0], runtime, Admission())
    work.load(rebase=False)
    link = source.connect()
    server, process = psutil.Process(link.info.backend_pid), psutil.Process()
    resident: list[float] = []
    work.run(link)
    before, batches = Spent.now(server), 0
    while work.history and batches * PAGE < at_most:
        work.run_history(link)
        batches += 1
        resident.append(process.memory_info().rss / 2**20)
    took = Spent.now(server).since(before)
    who = (source.deployment, source.system, source.name, source.streams[0].name)
    counted = runtime.store.get(work.feed, health.STREAM_EVENTS, who)
    rows = int(counted.value) if counted else 0
    tenth = max(1, len(resident) // 10)
    slope = (resident[-1] - resident[tenth]) / max(1, len(resident) - tenth) * batches / rows * 1e6
    print(f"\n{label}: {rows} rows")
    print(f"  by the clock        {rows / took.clock:>9,.0f} rows/s   {took.clock / rows * 1e6:6.1f} us per row")
    print(f"  of it for a CPU     {took.queued / took.clock:>9.0%} of the time, as others used it")
    print(f"  without that wait   {rows / (took.clock - took.queued):>9,.0f} rows/s")
    print(f"  our own CPU         {rows / took.own:>9,.0f} rows/s   {took.own / rows * 1e6:6.1f} us per row")
    print(f"  the server's CPU    {rows / took.server:>9,.0f} rows/s   {took.server / rows * 1e6:6.1f} us per row")
    print(
        f"  memory              {resident[tenth]:>9.0f} MiB after a tenth, {resident[-1]:.0f} MiB at the end,", end=" "
    )
    print(f"{slope:.1f} MiB per million rows", flush=True)
    source.close(link)
    runtime.checkpoint.close()


def decision_rows(server: Postgres, secret: Path) -> Source[Connection]:
    """HER's source `postgres`."""
    address = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}
    settings = HerSettings(redis={"host": "127.0.0.1"}, postgres=address | {"password_file": secret})
    return sources(settings, b"a hash key of the benchmark's, 32+")[1]


def plain_rows(server: Postgres) -> Source[Connection]:
    """A table of three columns and a key."""
    made = horizon_reader.facts(server.port, server.password)
    (stream,) = made.streams
    whole = replace(stream, reader=PostgresRows(table=horizon_reader.TABLE, hash_key=horizon_reader.HASH_KEY))

    def link() -> Connection:
        return connect(host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", password=server.password)

    return replace(made, streams=(whole,), connect=link)


def both(folder: Path, server: Postgres, secret: Path, at_most: int) -> None:
    """HER's rows, then those of a plain table."""
    for name in ("her", "plain"):
        (folder / name).mkdir()
    backfill(decision_rows(server, secret), open_runtime(folder / "her", METRICS, "her"), "decision_logs", at_most)
    runtime = open_runtime(folder / "plain", horizon_reader.METRICS, "facts")
    backfill(plain_rows(server), runtime, "three columns and a key", at_most)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = folder / "password"
        quick = {"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB", "shared_buffers": "512MB"}
        with Postgres(folder / "postgres", free_port(), password_file=secret, settings=quick) as server:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(SCHEMA)
                fill(connection, rows)
                connection.execute(PLAIN.format(rows=rows))
            both(folder, server, secret, rows)


if __name__ == "__main__":
    main()
