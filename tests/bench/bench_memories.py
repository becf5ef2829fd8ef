"""What HER's PostgreSQL feels of its memories being counted, at a thousand, 20 thousand and 140 thousand of them.

    python -m tests.bench.bench_memories [ROWS ...]

In one run and one server: the probe `memory` goes through the table in parts, each a read of its own, between which the
source's other reads go; then the statement that a generic SQL exporter would send for the same numbers, all of it at
once; then the rows one by one, as a client would fetch them to count for itself. Milliseconds, the median and the
slowest of several rounds, as others use the machine too; and what the server itself says its statements took
(pg_stat_statements, of PostgreSQL's contrib). Not a test.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import psycopg

from exporters.core.contract import Sample
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.her.simulate_tables import MEM0
from exporters.her.sql_memory import MemoryProbe
from exporters.her.sql_memory_query import Columns, memory_query
from exporters.her.sql_metrics import MEMORIES, MEMORY_EXAMINED
from exporters.readers.postgres_client import Connection, close, connect, reading

SIZES = (1_000, 20_000, 140_000)
ROUNDS = 7
OWNERS = 200
FILL = """
    INSERT INTO memories (id, payload)
    SELECT gen_random_uuid(), jsonb_build_object(
        'data', 'Wants backups checked before the weekend, and said so ' || n || ' times', 'hash', md5(n::text),
        'user_id', (5551000 + n %% %(owners)s)::text,
        'category', (ARRAY['profile_identity', 'reinforcement_lesson', 'general'])[1 + n %% 3],
        'importance', (n %% 21) / 20.0,
        'created_at', to_char(now() AT TIME ZONE '-8' - make_interval(secs => 40 * n),
                              'YYYY-MM-DD"T"HH24:MI:SS.US') || '-08:00')
    FROM generate_series(1, %(rows)s) AS n
"""
WHOLE = Columns({"payload": "jsonb"})
ONE_BY_ONE = """
    SELECT payload ->> 'user_id', payload ->> 'category', payload ->> 'importance', payload ->> 'created_at'
    FROM memories
"""


def timed(work: Callable[[], object]) -> float:
    started = perf_counter()
    work()
    return (perf_counter() - started) * 1e3


def look(probe: MemoryProbe, link: Connection, rows: int) -> list[float]:
    """How long each part of one look at the table took."""
    found: list[Sample] | None = None

    def part() -> None:
        nonlocal found
        found = probe.collect(link, datetime.now(UTC))

    took = []
    while found is None:
        took.append(timed(part))
    values = {sample.metric: sample.value for sample in found}
    if (values[MEMORIES], values[MEMORY_EXAMINED]) != (rows, 1):
        message = f"not every memory was counted: {values[MEMORIES]:g} of {rows}"
        raise RuntimeError(message)
    return took


def asked(link: Connection, query: str) -> Callable[[], object]:
    def ask() -> object:
        with reading(link) as cursor:
            return cursor.execute(query.encode()).fetchall()

    return ask


def shown(label: str, took: list[float]) -> None:
    took = sorted(took)
    print(f"  {label:<32}{took[len(took) // 2]:9.1f} ms {took[-1]:9.1f} ms", flush=True)


def by_the_server(writer: psycopg.Connection[Any]) -> None:
    """Its own account of the statements of all looks since the last time it was asked."""
    query = """
        SELECT max(max_exec_time), sum(total_exec_time) / %(rounds)s FROM pg_stat_statements
        WHERE query LIKE '%%AS MATERIALIZED%%'
    """
    ((longest, whole),) = writer.execute(query, {"rounds": ROUNDS}).fetchall()
    print(f"  the server: longest statement   {longest:9.1f} ms; all of a look {whole:.0f} ms", flush=True)


def measure(rows: int, writer: psycopg.Connection[Any], link: Connection) -> None:
    writer.execute("TRUNCATE memories")
    writer.execute(FILL, {"rows": rows, "owners": OWNERS})
    writer.execute("VACUUM (ANALYZE) memories")
    probe = MemoryProbe("memories")
    first = look(probe, link, rows)  # its parts find their size
    writer.execute("SELECT pg_stat_statements_reset()")
    looks = [look(probe, link, rows) for _ in range(ROUNDS)]
    print(f"\n{rows:>7} memories                     median         slowest")
    shown("one part", [part for parts in looks for part in parts])
    shown("the longest part of a look", [max(parts) for parts in looks])
    shown("all parts of a look", [sum(parts) for parts in looks])
    print(f"  parts                           {len(looks[-1]):9}    ({len(first)} at first, {sum(first):.0f} ms)")
    by_the_server(writer)
    shown("the same in one statement", [timed(asked(link, memory_query(WHOLE, "memories"))) for _ in range(ROUNDS)])
    shown("rows fetched one by one", [timed(asked(link, ONE_BY_ONE)) for _ in range(ROUNDS)])


def main() -> None:
    sizes = [int(rows) for rows in sys.argv[1:]] or SIZES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        quick = {"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB", "shared_buffers": "256MB"}
        quick["shared_preload_libraries"] = "pg_stat_statements"
        with (
            Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings=quick) as server,
            psycopg.connect(server.dsn(), autocommit=True) as writer,
        ):
            writer.execute("CREATE EXTENSION pg_stat_statements")
            writer.execute(MEM0)
            link = connect(
                host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", password=server.password
            )
            for rows in sizes:
                measure(rows, writer, link)
            close(link)


if __name__ == "__main__":
    main()
