"""What one poll of a decision log costs at 10 thousand and at 5 million rows, beside the aggregate it replaces.

    python -m tests.bench.bench_postgres_poll [ROWS]

In one run and one server: the stream `decision_rows` reads with nothing new, with five new rows, and as an audit; then
`SELECT event_type, source, count(*) … GROUP BY 1, 2`, which is how a generic SQL exporter gets the same numbers, at
every scrape. Milliseconds, the median and the fastest tenth, as others use the machine too. Not a test.
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

from exporters.core.contract import Json
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.her.simulate_tables import SCHEMA
from exporters.her.tables import DECISION_LOGS
from exporters.readers.postgres_client import Connection, close, connect, reading
from exporters.readers.postgres_moment import take
from exporters.readers.postgres_place import Place, encode
from exporters.readers.postgres_rows import PostgresRows
from tests.bench.bench_postgres_history import fill

SMALL = 10_000
ROUNDS = 60
AGGREGATE = "SELECT event_type, source, count(*) FROM decision_logs GROUP BY 1, 2"
INSERT = """
    INSERT INTO decision_logs (event_type, source, summary, details)
    SELECT 'tool_call', 'mcp_tools', '', '{}' FROM generate_series(1, 5)
"""


class Memory(set[bytes]):
    """Ids as the runner keeps them."""

    def among(self, hashes: Any) -> set[bytes]:
        return self.intersection(hashes)

    def oldest(self) -> int | None:
        return None


def timed(work: Callable[[], object], rounds: int, prepare: Callable[[], object] = lambda: None) -> str:
    took = []
    for _ in range(rounds):
        prepare()
        started = perf_counter()
        work()
        took.append((perf_counter() - started) * 1e3)
    took.sort()
    return f"{took[len(took) // 2]:9.1f} ms {took[len(took) // 10]:9.1f} ms"


def present(link: Connection) -> Json:
    """The place of a reader that has read everything up to now."""
    with reading(link) as tx:
        return encode(Place.first(take(tx), history=False, known=True))


def measure(label: str, writer: psycopg.Connection[tuple[Any, ...]], link: Connection) -> None:
    reader, memory = PostgresRows(table=DECISION_LOGS, hash_key=bytes(32)), Memory()
    cursor = present(link)

    def poll() -> None:
        nonlocal cursor
        batch = reader.read_live(link, cursor, datetime.now(UTC), memory)
        memory.update(hashed for hashed, _ in batch.seen.add)
        cursor = batch.next_cursor

    def audit_next() -> None:
        cursor["wide"][1] -= 301 * 1_000_000

    print(f"\n{label:<28}       median       fastest tenth")
    print(f"  poll, nothing new        {timed(poll, ROUNDS)}")
    print(f"  poll, 5 new rows         {timed(poll, ROUNDS, lambda: writer.execute(INSERT))}")
    print(f"  audit of 24 hours        {timed(poll, ROUNDS // 3, audit_next)}")
    print(f"  full aggregate           {timed(lambda: writer.execute(AGGREGATE).fetchall(), 5)}")


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000_000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        secret = folder / "password"
        quick = {"fsync": "off", "synchronous_commit": "off", "max_wal_size": "4GB", "shared_buffers": "512MB"}
        with Postgres(folder / "postgres", free_port(), password_file=secret, settings=quick) as server:
            writer = psycopg.connect(server.dsn(), autocommit=True)
            writer.execute(SCHEMA)
            link = connect(
                host="127.0.0.1", port=server.port, user="postgres", dbname="postgres", password=server.password
            )
            for rows in (SMALL, large):
                writer.execute("TRUNCATE decision_logs")
                fill(writer, rows)
                measure(f"{rows} rows in 90 days", writer, link)
            close(link)
            writer.close()


if __name__ == "__main__":
    main()
