"""First start on a long decision log: rows per second into counters and outbox, and memory while it lasts.

    python -m tests.bench.bench_postgres_history [ROWS]

A PostgreSQL of its own is filled with ROWS (1 million) rows of HER's decision_logs over 90 days; then the stream
`decision_rows` reads them as the runner does, by key, each batch one commit. Prints the resident memory at every tenth
of the way. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import psutil
import psycopg

from exporters.core import health
from exporters.core.admission import Admission
from exporters.core.checkpoint import Checkpoint
from exporters.core.health_counters import HealthCounters
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore
from exporters.core.stream_worker import StreamWorker
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.her.labels import EVENT_TYPES, SOURCES
from exporters.her.metrics import DECISION_ROWS
from exporters.her.settings import HerSettings
from exporters.her.simulate_tables import SCHEMA
from exporters.her.sources import sources
from exporters.registry import METRICS

FILL = """
    INSERT INTO decision_logs ("timestamp", event_type, source, summary, details)
    SELECT now() - make_interval(secs => n::float8 * %(step)s), (%(types)s::text[])[1 + n %% %(kinds)s],
           (%(sources)s::text[])[1 + n %% %(parts)s], 'a sentence of usual length about decision ' || n,
           jsonb_build_object('stage', 'llm', 'duration_ms', n %% 1000, 'used_fallback', false)
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS n
"""
DAYS = 90
CHUNK = 250_000


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


def open_runtime(folder: Path) -> Runtime:
    """A state file that takes lines for InfluxDB."""
    store = SeriesStore(METRICS)
    checkpoint = Checkpoint(folder / "state.db", METRICS, Outbox())
    own = HealthCounters(store, checkpoint)
    own.load(health.METRICS)
    return Runtime(checkpoint, store, own, {metric.name: metric for metric in METRICS}, {"her": None})


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = folder / "password"
        quick = {"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}
        with Postgres(folder / "postgres", free_port(), password_file=secret, settings=quick) as server:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(SCHEMA)
                fill(connection, rows)
            address = {"host": "127.0.0.1", "port": server.port, "user": "postgres", "dbname": "postgres"}
            settings = HerSettings(redis={"host": "127.0.0.1"}, postgres=address | {"password_file": secret})
            source = sources(settings, b"a hash key of the benchmark's, 32+")[1]
            runtime = open_runtime(folder)
            work = StreamWorker(source, source.streams[0], runtime, Admission())
            work.load(rebase=False)
            process = psutil.Process()
            link = source.connect()
            began, spent = time.perf_counter(), sum(process.cpu_times()[:2])
            work.run(link)
            batches = 0
            while work.history:
                work.run_history(link)
                batches += 1
                if batches % max(1, rows // 100_000) == 0:
                    resident = process.memory_info().rss / 2**20
                    print(f"  {batches * 10_000:>9} rows  {time.perf_counter() - began:6.1f} s  {resident:6.0f} MiB")
            took, spent = time.perf_counter() - began, sum(process.cpu_times()[:2]) - spent
            work.run(link)
            counted = sum(
                series.value
                for values in runtime.store.members(work.feed, DECISION_ROWS)
                if (series := runtime.store.get(work.feed, DECISION_ROWS, values))
            )
            print(f"history of {rows} rows: {took:.1f} s, {rows / took:,.0f} rows/s, counted {counted:.0f}")
            print(f"the exporter's own CPU: {spent:.1f} s, {rows / spent:,.0f} rows per second of it")
            source.close(link)
            runtime.checkpoint.close()


if __name__ == "__main__":
    main()
