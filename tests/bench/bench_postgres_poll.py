"""What one poll of a decision log costs at 10 thousand and at 5 million rows, beside the aggregate it replaces.

    python -m tests.bench.bench_postgres_poll [ROWS]

In one run and one server: the stream `decision_rows` reads with nothing new, with five new rows, and as an audit, which
goes in parts, each a read of its own; then `SELECT event_type, source, count(*) … GROUP BY 1, 2`, which is how a
generic SQL exporter gets the same numbers, at every scrape; then 300 000 rows as history. Milliseconds, the
median and the fastest tenth, as others use the machine too. Not a test.
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
from tests.bench.bench_postgres_history import PLAIN, both, fill

SMALL = 10_000
ROUNDS = 60
BACKFILL = 300_000
"""Rows of the large table, and of a plain one, that are then read as history."""
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


def timed(work: Callable[[], object], rounds: int, prepare: Callable[[], object] = lambda: None) -> list[float]:
    took = []
    for _ in range(rounds):
        prepare()
        started = perf_counter()
        work()
        took.append((perf_counter() - started) * 1e3)
    return took


def shown(label: str, took: list[float]) -> None:
    took = sorted(took)
    print(f"  {label:<25}{took[len(took) // 2]:9.1f} ms {took[len(took) // 10]:9.1f} ms", flush=True)


def present(link: Connection) -> Json:
    """The place of a reader that has read everything up to now."""
    with reading(link) as tx:
        return encode(Place.first(take(tx), history=False, known=True))


def measure(label: str, writer: psycopg.Connection[tuple[Any, ...]], link: Connection) -> None:
    reader, memory = PostgresRows(table=DECISION_LOGS, hash_key=bytes(32)), Memory()
    cursor = present(link)

    more = False

    def poll() -> None:
        nonlocal cursor, more
        batch = reader.read_live(link, cursor, datetime.now(UTC), memory)
        memory.update(hashed for hashed, _ in batch.seen.add)
        cursor, more = batch.next_cursor, batch.more

    def audit() -> list[float]:
        """How long each part of one audit took."""
        cursor["wide"][1] -= 301 * 1_000_000
        parts = timed(poll, 1)
        while more:
            parts += timed(poll, 1)
        return parts

    for _ in range(3):
        audit()  # its parts find their size
    audits = [audit() for _ in range(ROUNDS // 3)]
    print(f"\n{label:<28}       median       fastest tenth")
    shown("poll, nothing new", timed(poll, ROUNDS))
    shown("poll, 5 new rows", timed(poll, ROUNDS, lambda: writer.execute(INSERT)))
    shown("audit, its longest part", [max(parts) for parts in audits])
    shown("audit, all of its parts", [sum(parts) for parts in audits])
    print(f"  parts of an audit        {max(map(len, audits)):9}")
    shown("full aggregate", timed(lambda: writer.execute(AGGREGATE).fetchall(), 5))


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
            writer.execute(PLAIN.format(rows=BACKFILL))
            both(folder, server, secret, BACKFILL)
            close(link)
            writer.close()


if __name__ == "__main__":
    main()
