"""What SigmaSight's databases feel of their state being asked, at realistic sizes and at two million requests.

    python -m tests.bench.bench_sigmasight_state [ROWS ...]

For each number of requests over 30 days (two messages and one activity event each, with 2000 users, 5000 ratings,
20 000 memories and 2000 batch runs) a PostgreSQL of its own is filled, and every probe and the stream of batch runs is
read by the exporter's own account: milliseconds, the median of ROUNDS looks, in how many parts, of which each is a read
of its own, the longest of them, and the slowest single statement of all. Not a test: numbers depend on the machine.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import psycopg

from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.readers.postgres_account import log_in
from exporters.readers.postgres_client import Connection
from exporters.sigmasight import probes_intervals, simulate_bulk
from exporters.sigmasight.batch_stream import batch_runs
from exporters.sigmasight.probes_system import ai_probes, core_probes
from exporters.sigmasight.tuning_source import ratings_source
from tests.sigmasight.databases import Databases, prepare
from tests.sigmasight.houses import HASH_KEY, House, make_account

SIZES = (10_000, 30_000, 2_000_000)
ROUNDS = 15
PACE = probes_intervals.INTERVALS.__getitem__
FILL_CORE = (
    """INSERT INTO users (id, email, hashed_password, full_name, is_active, created_at, updated_at)
       SELECT gen_random_uuid(), n || '@mail.invalid', '', '', true, now() - n * interval '1 hour', now()
       FROM generate_series(1, 2000) AS n""",
    """INSERT INTO agent_conversations (id, user_id, mode, provider, created_at, updated_at, metadata)
       SELECT conversation_id, min(user_id::text)::uuid, 'green', 'openai', min(created_at), max(created_at), '{}'
       FROM ai_request_metrics GROUP BY 1""",
    """INSERT INTO agent_messages (id, conversation_id, role, content, tool_calls, latency_ms, created_at)
       SELECT CASE WHEN answer THEN message_id ELSE gen_random_uuid() END, conversation_id,
              CASE WHEN answer THEN 'assistant' ELSE 'user' END, repeat('words ', 40), '[]',
              CASE WHEN answer THEN total_latency_ms END, created_at
       FROM ai_request_metrics CROSS JOIN (VALUES (false), (true)) AS v (answer)""",
    """INSERT INTO user_activity_events (user_id, event_type, event_category, error_code, created_at)
       SELECT user_id, CASE WHEN random() < 0.5 THEN 'chat.session_start' ELSE 'onboarding.login_success' END, 'x',
              CASE WHEN random() < 0.05 THEN 'CSVValidationError' END, created_at FROM ai_request_metrics""",
    """INSERT INTO batch_run_history (id, batch_run_id, triggered_by, started_at, completed_at, status, total_jobs,
           phase_durations, error_summary, created_at, activity_log)
       SELECT gen_random_uuid(), 'batch_' || n, 'manual', now() - n * interval '20 minutes',
              now() - n * interval '20 minutes' + interval '4 minutes', 'completed', 3,
              '{"phase_1_5_symbol_factors": 61.5, "total_duration": 240}', 'null',
              now() - n * interval '20 minutes', (SELECT jsonb_agg(repeat('log', 30)) FROM generate_series(1, 300))
       FROM generate_series(1, 2000) AS n""",
    "ANALYZE",
    "VACUUM",
)
FILL_AI = (
    """INSERT INTO ai_memories (user_id, scope, content)
       SELECT md5((n / 10)::text)::uuid, 'user', repeat('words ', 40) FROM generate_series(1, 20000) AS n""",
    """INSERT INTO ai_admin_annotations (message_id, admin_user_id, annotation_type, content, tags)
       SELECT gen_random_uuid(), gen_random_uuid(), 'flag', 'words', '["tone"]' FROM generate_series(1, 2000)""",
    "ANALYZE",
    "VACUUM",
)


class Timed:
    """Statements of one connection, timed."""

    def __init__(self, connection: Connection) -> None:
        self.slowest = 0.0
        execute = psycopg.Cursor.execute
        timed = self

        class Cursor(psycopg.Cursor[Any]):
            def execute(self, *given: Any, **more: Any) -> Any:
                began = time.perf_counter()
                try:
                    return execute(self, *given, **more)
                finally:
                    timed.slowest = max(timed.slowest, time.perf_counter() - began)

        connection.cursor_factory = Cursor


def main() -> int:
    """Print a table for each size."""
    sizes = tuple(int(given) for given in sys.argv[1:]) or SIZES
    for rows in sizes:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), rows)
    return 0


def measure(folder: Path, rows: int) -> None:
    """One size."""
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "shared_buffers": "512MB"}
    with Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings=quick) as server:
        prepare(server)
        make_account(server)
        with Databases(server) as databases, closing(House(databases, folder)) as house:
            simulate_bulk.fill(databases.core, rows, until=datetime.now(UTC) - timedelta(minutes=1))
            for query in FILL_CORE:
                databases.core.execute(query.encode())
            messages = databases.rows("SELECT message_id FROM ai_request_metrics LIMIT 5000")
            with databases.ai.cursor() as cursor:
                cursor.executemany("INSERT INTO ai_feedback (message_id, rating) VALUES (%s, 'up')", messages)
            for query in FILL_AI:
                databases.ai.execute(query.encode())
            print(f"\n{rows} requests in 30 days   ms: median of a look, in parts, longest, slowest statement ever")
            _probes(house)


def _probes(house: House) -> None:
    core, ai = log_in(house.settings().core), log_in(house.settings().ai_database)
    pair_source = ratings_source(house.settings(), PACE)
    pair = pair_source.connect()
    reader = batch_runs(PACE, HASH_KEY).reader
    batch = reader.read(core, None, datetime.now(UTC))
    while batch.more:  # the first look takes everything; what is measured is a poll with nothing new
        batch = reader.read(core, batch.next_cursor, datetime.now(UTC))
    cursor = batch.next_cursor
    reads: list[tuple[str, Any, tuple[Connection, ...]]] = [
        ("batch_runs (stream)", _timed(lambda: reader.read(core, cursor, datetime.now(UTC))), (core,))
    ]
    for probes, connection in ((core_probes(PACE), core), (ai_probes(PACE), ai)):
        for probe in probes:
            reads.append((probe.name, _collect(probe, connection), (connection,)))  # noqa: PERF401
    reads.append((pair_source.probes[0].name, _collect(pair_source.probes[0], pair), (pair.core, pair.ai)))
    for name, read, connections in reads:
        timers = [Timed(connection) for connection in connections]
        read()
        for timer in timers:
            timer.slowest = 0.0
        looks = [read() for _ in range(ROUNDS)]
        whole, longest = median(map(sum, looks)), median(map(max, looks))
        statement = max(timer.slowest for timer in timers) * 1000
        print(f"  {name:28} {whole:14.1f} {len(looks[0]):6} {longest:8.1f} {statement:10.1f}", flush=True)
    pair_source.close(pair)
    core.close()
    ai.close()


def _timed(read: Callable[[], object]) -> Callable[[], list[float]]:
    def timed() -> list[float]:
        began = time.perf_counter()
        read()
        return [(time.perf_counter() - began) * 1000]

    return timed


def _collect(probe: Any, connection: Any) -> Any:
    """One look of a probe, part by part, between which the source's other reads go. Returns what each took, in ms."""

    def look() -> list[float]:
        now, took, samples = datetime.now(UTC), [], None
        while samples is None:
            began = time.perf_counter()
            samples = probe.collect(connection, now)
            took.append((time.perf_counter() - began) * 1000)
        return took

    return look


if __name__ == "__main__":
    sys.exit(main())
