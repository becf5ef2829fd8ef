"""What SigmaSight's database feels of being watched, at 10 thousand and at 10 million requests; and the first start.

    python -m tests.bench.bench_sigmasight_poll [ROWS] [HISTORY]

A PostgreSQL of its own is filled with requests over 30 days, and with a question and an answer for each. Then each
stream reads with nothing new, with five new rows, and as an audit, which goes in parts, each a read of its own:
milliseconds, the median and the fastest tenth, and the longest statement as the server itself has it
(pg_stat_statements, of PostgreSQL's contrib). Beside it, in the same server, what a generic SQL exporter asks at every
scrape: all rows counted, and the percentiles of a day. At the end HISTORY rows (as many as there are) of the large
table are read as the runner reads them on its first start, without an outbox, and 2 million with one: rows per second,
and the resident memory on the way, with its slope. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import linear_regression
from typing import Any

import psutil
import psycopg

from exporters.core.contract import Json, RememberingReader, Source, Stream
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_client import Connection, reading
from exporters.readers.postgres_moment import take
from exporters.readers.postgres_place import Place, encode
from exporters.sigmasight import metrics, schema, simulate_bulk
from exporters.sigmasight.settings import SigmaSightSettings
from exporters.sigmasight.sources import sources
from tests.sigmasight.running import Running
from tests.standins.remembered_ids import RememberedIds

SMALL, LARGE = 10_000, 10_000_000
WITH_OUTBOX = 2_000_000
ROUNDS = 40
DAYS = 30.0
"""A tenth of the rows in a tenth of the days are as dense, and cost an audit as much."""
CHUNK = 500_000
WAITING = 300
HASH_KEY = b"a hash key of the benchmark's, 32+"
QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_wal_size": "4GB",
    "shared_buffers": "1GB",
    "maintenance_work_mem": "512MB",
    "shared_preload_libraries": "pg_stat_statements",
}
AGGREGATE = "SELECT model, error_type, count(*), sum(total_latency_ms) FROM ai_request_metrics GROUP BY 1, 2"
PERCENTILES = """
    SELECT model, count(*), count(error_type),
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY total_latency_ms)
    FROM ai_request_metrics WHERE created_at > now() - interval '24 hours' GROUP BY 1
"""
LONGEST = """
    SELECT max(max_exec_time) FROM pg_stat_statements
    WHERE query LIKE '%FROM%' || '{table}' || '%' AND query NOT LIKE '%INSERT%' AND query NOT LIKE '%percentile_cont%'
"""
MESSAGES = """
    INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, first_token_ms, latency_ms, created_at)
    SELECT CASE WHEN answer THEN r.message_id ELSE gen_random_uuid() END, r.conversation_id,
           CASE WHEN answer THEN 'assistant' ELSE 'user' END, 'some words that nobody reads here', '[]',
           CASE WHEN answer THEN r.first_token_ms END, CASE WHEN answer THEN r.total_latency_ms END,
           r.created_at - make_interval(secs => r.total_latency_ms / 1000.0)
    FROM (SELECT * FROM ai_request_metrics WHERE created_at >= %(low)s AND created_at < %(high)s) AS r
    CROSS JOIN (VALUES (false), (true)) AS side (answer)
"""
WITHOUT_INDEXES = """
    DROP INDEX idx_agent_messages_conversation_id, idx_agent_messages_created_at;
    ALTER TABLE agent_messages DROP CONSTRAINT agent_messages_pkey;
"""
WITH_INDEXES = """
    ALTER TABLE agent_messages ADD CONSTRAINT agent_messages_pkey PRIMARY KEY (id);
    CREATE INDEX idx_agent_messages_conversation_id ON agent_messages (conversation_id);
    CREATE INDEX idx_agent_messages_created_at ON agent_messages (created_at);
"""
NEW_REQUESTS = """
    INSERT INTO ai_request_metrics (conversation_id, message_id, user_id, model, first_token_ms, total_latency_ms,
                                    tool_calls)
    SELECT gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'gpt-5-mini', 700, 4000, 'null'
    FROM generate_series(1, 5)
"""
NEW_ANSWERS = """
    INSERT INTO agent_messages (id, conversation_id, role, tool_calls, latency_ms, created_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'assistant', 'null', 4000, now() FROM generate_series(1, %s)
"""


class Poll:
    """One stream that has read everything up to now."""

    def __init__(self, stream: Stream[Connection, Any, Any], link: Connection) -> None:
        assert isinstance(stream.reader, RememberingReader)
        self.reader: RememberingReader[Connection] = stream.reader
        self.link = link
        self.memory = RememberedIds()
        with reading(link) as tx:
            place = encode(Place.first(take(tx), history=False, known=True))
        self.cursor: Json = {"rows": place, "waiting": []} if stream.name == "ai_messages" else place
        self.more = False

    def __call__(self) -> None:
        batch = self.reader.read_live(self.link, self.cursor, datetime.now(UTC), self.memory)
        self.memory.update(batch.seen.add)
        self.cursor, self.more = batch.next_cursor, batch.more

    def audit(self) -> list[float]:
        """Five minutes pass. How long each part of the audit took."""
        self.cursor.get("rows", self.cursor)["wide"][1] -= 301 * 1_000_000
        parts = times(self, 1)
        while self.more:
            parts += times(self, 1)
        return parts


def times(work: Callable[[], object], rounds: int, prepare: Callable[[], object] = lambda: None) -> list[float]:
    took = []
    for _ in range(rounds):
        prepare()
        started = time.perf_counter()
        work()
        took.append((time.perf_counter() - started) * 1e3)
    return took


def shown(label: str, took: list[float]) -> None:
    took = sorted(took)
    print(f"  {label:<36}{took[len(took) // 2]:9.1f} ms {took[len(took) // 10]:9.1f} ms", flush=True)


def fill(writer: psycopg.Connection[Any], rows: int) -> None:
    """Requests that end now, evenly over 30 days, and their messages; no conversations, which nobody reads."""
    writer.execute("TRUNCATE ai_request_metrics, agent_messages")
    until = datetime.now(UTC)
    simulate_bulk.fill(writer, rows, until=until, days=DAYS)
    writer.execute("SET session_replication_role = replica")
    writer.execute(WITHOUT_INDEXES)
    step = timedelta(days=DAYS) * min(1.0, CHUNK / rows)
    low = until - timedelta(days=DAYS)
    while low <= until:
        writer.execute(MESSAGES, {"low": low, "high": low + step})
        low += step
    writer.execute(WITH_INDEXES)
    writer.execute("VACUUM (ANALYZE) agent_messages")


def measure(rows: int, writer: psycopg.Connection[Any], source: Source[Any]) -> None:
    streams = {stream.name: stream for stream in source.streams}
    link = source.connect()
    print(f"\n{rows} requests in 30 days, {2 * rows} messages       median       fastest tenth", flush=True)
    for name, table, new in (
        ("ai_requests", "ai_request_metrics", lambda: writer.execute(NEW_REQUESTS)),
        ("ai_messages", "agent_messages", lambda: writer.execute(NEW_ANSWERS, (5,))),
    ):
        poll = Poll(streams[name], link)
        for _ in range(3):
            poll.audit()  # its parts find their size
        writer.execute("SELECT pg_stat_statements_reset()")
        shown(f"{name}, nothing new", times(poll, ROUNDS))
        shown(f"{name}, 5 new rows", times(poll, ROUNDS, new))
        audits = [poll.audit() for _ in range(ROUNDS // 2)]
        shown(f"{name}, audit: its longest part", [max(parts) for parts in audits])
        shown(f"{name}, audit: all of its parts", [sum(parts) for parts in audits])
        ((longest,),) = writer.execute(LONGEST.format(table=table).encode()).fetchall()
        print(f"  parts of an audit: {max(map(len, audits))}; the server's longest statement: {longest:.1f} ms")
    writer.execute(NEW_ANSWERS, (WAITING,))
    shown(f"ai_messages, {len(poll.cursor['waiting']) + WAITING} that wait", times(poll, ROUNDS))
    shown("peer: all requests counted", times(lambda: writer.execute(AGGREGATE).fetchall(), 3))
    shown("peer: percentiles of 24 hours", times(lambda: writer.execute(PERCENTILES).fetchall(), 5))
    source.close(link)


def first_start(folder: Path, source: Source[Any], rows: int, *, influx: bool) -> None:
    source = replace(source, streams=tuple(s for s in source.streams if s.name == "ai_requests"))
    process = psutil.Process()
    with closing(Running(folder / f"state-{influx}.db", source, influx=influx)) as running:
        print(f"\nfirst start, {'with' if influx else 'without'} an outbox", flush=True)
        began, spent = time.perf_counter(), sum(process.cpu_times()[:2])
        running.live()
        batches = 0
        resident: list[tuple[int, float]] = []
        while running.workers[0].history and batches * 10_000 < rows:
            running.history(most=1)
            batches += 1
            if batches % max(1, rows // 200_000) == 0:
                resident.append((batches * 10_000, process.memory_info().rss / 2**20))
                if len(resident) % 2 == 0:
                    passed = time.perf_counter() - began
                    print(f"  {resident[-1][0]:>9} rows {passed:7.1f} s {resident[-1][1]:6.0f} MiB", flush=True)
        took, spent = time.perf_counter() - began, sum(process.cpu_times()[:2]) - spent
        if len(resident) > 3:
            slope = linear_regression(*zip(*resident[len(resident) // 5 :], strict=True)).slope * 1e6
            print(f"  memory after its first fifth grows by {slope:.2f} MiB per million rows")
        # Not shown before history is through: counted in the state file.
        stored = running.checkpoint.series(running.workers[0].feed.name)
        counted = sum(series.value for series in stored if series.metric == metrics.AI_REQUESTS.name)
        print(
            f"  {counted:.0f} rows counted, {counted / took:,.0f} rows/s; {counted / spent:,.0f} per second of our CPU"
        )


@contextmanager
def server(folder: Path) -> Iterator[Postgres]:
    with Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings=QUICK) as made:
        yield made


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else LARGE
    history = min(large, int(sys.argv[2]) if len(sys.argv) > 2 else large)
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as postgres:
        address = {"host": "127.0.0.1", "port": postgres.port, "user": "postgres", "dbname": "postgres"}
        settings = SigmaSightSettings(core={**address, "password_file": postgres.password_file, "timeout_seconds": 30})
        source = sources(settings, HASH_KEY)[0]
        with psycopg.connect(postgres.dsn(), autocommit=True) as writer:
            writer.execute("CREATE EXTENSION pg_stat_statements")
            schema.create(writer, "core")
            for rows in (SMALL, large):
                began = time.perf_counter()
                fill(writer, rows)
                print(f"\n(filled in {time.perf_counter() - began:.0f} s)", flush=True)
                measure(rows, writer, source)
        for influx in (False, True):
            first_start(Path(name), source, min(history, WITH_OUTBOX) if influx else history, influx=influx)


if __name__ == "__main__":
    main()
