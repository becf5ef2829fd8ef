"""Living: at a rate, through an outage, with chores beside it; as a program; by the million; and over HTTP."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest

from exporters.demo.loopback import request
from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.process import Server
from exporters.sigmasight.simulate import Habits, Sigma
from exporters.sigmasight.simulate_backend import Backend
from exporters.sigmasight.simulate_bulk import fill
from exporters.sigmasight.simulate_command import parse_arguments
from exporters.sigmasight.simulate_life import Chore
from exporters.sigmasight.simulate_log import DECK, Diary, append
from tests.sigmasight.databases import NOW, Databases

SECONDS = 2.0


def now() -> datetime:
    return datetime.now(UTC)


def test_it_lives_at_about_the_rate_and_stops(databases: Databases) -> None:
    sigma = databases.sigma(seed=41, clock=now)
    sigma.found(4)
    before = now()
    produced = sigma.run(seconds=SECONDS, rate=120)
    assert 120 * SECONDS * 0.15 < sum(produced.values()) < 120 * SECONDS * 2
    first = databases.number("SELECT min(created_at) FROM agent_messages")
    assert first > before, "nothing is stamped with a past"
    assert databases.number("SELECT max(created_at) FROM user_activity_events") <= now()
    stop = threading.Event()
    stop.set()
    assert sigma.run(stop=stop) == {}


def test_some_rows_become_visible_late(databases: Databases) -> None:
    sigma = databases.sigma(seed=42, clock=now, habits=Habits(late_seconds=30.0))
    sigma.found(4)
    story = sigma.pen.insert_late("ai_request_metrics", {**sigma._request()}, 5.0)
    assert next(story) == 5.0
    asked = "SELECT count(*) FROM ai_request_metrics"
    assert databases.number(asked) == 0
    assert next(story, None) is None
    assert databases.number(asked) == 1


def test_chores_come_by_the_clock() -> None:
    chore = Chore(10.0, lambda: None)
    assert [chore.due(at) for at in (100.0, 105.0, 110.0, 111.0, 119.9, 120.0, 200.0, 201.0)] == [
        *(False, False, True, False, False, True, True, False)
    ]


def test_bursts_and_clean_ups_happen_beside_the_stories(databases: Databases) -> None:
    sigma = databases.sigma(seed=43, clock=now)
    sigma.found(4)
    sigma.pen.move_to(now() - timedelta(days=31))
    sigma.burst(3)
    sigma.pen.move_to(None)
    chores = [Chore(0.4, lambda: sigma.burst(50)), Chore(0.7, sigma.clean_up)]
    sigma.run(seconds=1.2, rate=5, chores=chores)
    together = databases.rows("SELECT count(*) FROM ai_request_metrics GROUP BY xmin::text HAVING count(*) > 10")
    assert together
    assert {count for (count,) in together} == {50}
    assert (
        databases.number("SELECT count(*) FROM ai_request_metrics WHERE created_at < now() - interval '30 days'") == 0
    )


def test_it_outlives_its_database(tmp_path: Path) -> None:
    with Postgres(tmp_path / "postgres", free_port(), password_file=tmp_path / "password") as server:

        def connect() -> psycopg.Connection[tuple[object, ...]]:
            return psycopg.connect(server.dsn(), autocommit=True)

        sigma = Sigma(connect(), seed=44, another=connect, habits=Habits(late_seconds=5))
        sigma.create()
        sigma.found(3)
        stop = threading.Event()
        life = threading.Thread(
            target=sigma.run,
            kwargs={"rate": 200, "stop": stop, "reconnect": lambda: sigma.connect(connect())},
        )
        life.start()
        try:
            wait_until(lambda: sigma.produced["ai_request_metrics"] > 0 or sigma.produced.total() > 120)
            server.stop()
            server.start().wait_ready()
            before = sigma.produced.total()
            wait_until(lambda: sigma.produced.total() > before + 60)
        finally:
            stop.set()
            life.join(20)
        assert not life.is_alive()
        sigma.pen.core.close()


def test_without_a_way_to_connect_again_it_says_so(databases: Databases) -> None:
    sigma = databases.sigma(seed=45, clock=now)
    sigma.found(2)
    databases.core.close()
    with pytest.raises(psycopg.OperationalError):
        sigma.run(seconds=5, rate=50)


@contextmanager
def program(databases: Databases, folder: Path, *flags: str) -> Iterator[Server]:
    """The simulator as a program of its own, ready."""
    log = folder / "simulator.log"
    argv: list[str | Path] = [sys.executable, "-m", "exporters.sigmasight.simulate", *flags]
    argv += ["--core.port", str(databases.server.port), "--core.dbname", databases.core_name]
    with Server(
        "simulator",
        [*argv, "--core.password-file", databases.server.password_file],
        log=log,
        ready=lambda: "SigmaSight writes to" in log.read_text(errors="replace"),
    ) as server:
        yield server


def test_the_program_makes_tables_lives_and_ends(sigmasight_postgres: Postgres, tmp_path: Path) -> None:
    with Databases(sigmasight_postgres) as databases:
        databases.core.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        databases.core.execute("CREATE ROLE watcher; CREATE ROLE core_words; CREATE ROLE ai_words")
        port = free_port()
        written = tmp_path / "backend.log"
        flags = ["--seed", "1", "--rate", "80", "--backfill-days", "1", "--edges", "--core.observer", "watcher"]
        flags += ["--ai.dbname", databases.ai_name, "--backend.port", str(port), "--log.file", str(written)]
        flags += ["--core.reader", "core_words", "--ai.reader", "ai_words"]
        with program(databases, tmp_path, *flags) as server:
            assert request(port, "/health").status == 200
            asked = "SELECT count(*) FROM ai_request_metrics"
            begun = databases.number(asked)
            assert begun > 30
            wait_until(lambda: databases.number(asked) > begun)
            wait_until(written.exists)
            server.stop()
        log = (tmp_path / "simulator.log").read_text()
        assert re.search(r"simulate: stopped after \d+ rows", log)
        assert "Traceback" not in log
        assert databases.number("SELECT has_column_privilege('watcher', 'ai_request_metrics', 'model', 'SELECT')")
        words = "SELECT has_column_privilege(%(who)s, %(table)s, 'content', 'SELECT')"
        assert databases.number(words, {"who": "core_words", "table": "agent_messages"})
        assert databases.number(words, {"who": "ai_words", "table": "ai_memories"}, half="ai")
        assert not databases.number(words, {"who": "watcher", "table": "agent_messages"})
        people = databases.number("SELECT count(*) FROM admin_users")
        with program(databases, tmp_path, "--seed", "1", "--ai.dbname", databases.ai_name, "--rate", "60"):
            before = databases.number(asked)
            wait_until(lambda: databases.number(asked) > before)
        assert databases.number("SELECT count(*) FROM admin_users") == people, "it knows who is there"


def test_the_program_makes_databases_and_accounts_and_one_past(sigmasight_postgres: Postgres, tmp_path: Path) -> None:
    words = {
        "fresh_core_observer": "number's \\ word",
        "fresh_ai_observer": "b",
        "fresh_core_reader": "c",
        "fresh_ai_reader": "d",
    }
    halves = {"core": "fresh_core", "ai": "fresh_ai"}
    flags = ["--make-databases", "--backfill-days", "2", "--rate", "20", "--calm", "--nightly-minutes", "0.002"]
    for half, dbname in halves.items():
        flags += [f"--{half}.dbname", dbname, f"--{half}.port", str(sigmasight_postgres.port)]
        flags += [f"--{half}.password-file", str(sigmasight_postgres.password_file)]
        for role in ("observer", "reader"):
            account = f"fresh_{half}_{role}"
            (tmp_path / account).write_text(words[account] + "\n")
            flags += [f"--{half}.{role}", account, f"--{half}.{role}-password-file", str(tmp_path / account)]

    def ask(account: str, half: str, question: LiteralString) -> tuple[Any, ...]:
        where = f"host=127.0.0.1 port={sigmasight_postgres.port}"
        with psycopg.connect(where, user=account, dbname=halves[half], password=words[account]) as reader:
            return reader.execute(question).fetchone() or ()

    past = "SELECT count(*), min(created_at) FROM batch_run_history WHERE created_at < now() - interval '3 minutes'"
    nights = "SELECT count(*) FROM batch_run_history WHERE completed_at > now() - interval '1 minute'"
    log = tmp_path / "simulator.log"
    seen = []
    with psycopg.connect(sigmasight_postgres.dsn(), autocommit=True) as admin:
        try:
            for _ in range(2):
                with Server(
                    "simulator",
                    [sys.executable, "-m", "exporters.sigmasight.simulate", *flags],
                    log=log,
                    ready=lambda: "SigmaSight writes to" in log.read_text(errors="replace"),
                ):
                    seen.append(ask("fresh_core_observer", "core", past))
                    wait_until(lambda: ask("fresh_core_observer", "core", nights)[0] > 1)
                log.unlink()
            assert seen[0] == seen[1], "a second start adds no second past"
            assert ask("fresh_ai_observer", "ai", "SELECT count(*) FROM ai_kb_documents") >= (36,)
            assert ask("fresh_core_reader", "core", "SELECT content FROM agent_messages LIMIT 1")
            assert ask("fresh_ai_reader", "ai", "SELECT title FROM ai_kb_documents LIMIT 1")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                ask("fresh_core_observer", "core", "SELECT content FROM agent_messages LIMIT 1")
        finally:
            for dbname in halves.values():
                admin.execute(f"DROP DATABASE IF EXISTS {dbname} WITH (FORCE)".encode())
            for account in words:
                admin.execute(f"DROP ROLE IF EXISTS {account}".encode())


def test_on_calm_days_little_fails(databases: Databases) -> None:
    sigma = databases.sigma(seed=46, clock=now, habits=Habits(calm=True))
    sigma.found(4, days_ago=10)
    first, last = databases.rows("SELECT min(created_at), max(created_at) FROM users")[0]
    assert last - first > timedelta(days=5), "people came one by one"
    sigma.backfill(10, stories_per_day=70)
    failed, requests = databases.rows("SELECT count(error_type), count(*) FROM ai_request_metrics")[0]
    assert 0 < failed < 0.05 * requests
    old = "SELECT count(*) FROM batch_run_history WHERE status = 'running' AND batch_run_id LIKE 'batch%'"
    assert databases.number(old + " AND started_at < now() - interval '7 hours'") == 0


def test_a_diary_is_mostly_well(databases: Databases, tmp_path: Path) -> None:
    diary = Diary(databases.sigma(seed=47, clock=now).pen, tmp_path / "app.log")
    for _ in range(sum(DECK)):
        diary.write(1)
    levels = re.findall(r"(?m)^[-\d]+ [:,\d]+ - [\w.]+ - ([A-Z]+) - ", (tmp_path / "app.log").read_text())
    assert len(levels) == sum(DECK)
    assert 0 < levels.count("ERROR") < 0.1 * len(levels)
    assert "CRITICAL" not in levels


def test_a_refusing_database_is_told_without_a_traceback(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "exporters.sigmasight.simulate", "--core.port", str(free_port())]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("simulate: ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "flags", [["--rate", "0"], ["--tokens", "2"], ["--aggregated", "-1"], ["--backfill-days", "-1"], ["--nonsense"]]
)
def test_wrong_flags_are_refused(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse_arguments(["--core.port", "5432", *flags])
    assert flags[0] in capsys.readouterr().err


def test_bulk_rows_are_productions_and_the_same_each_time(databases: Databases, one_database: Databases) -> None:
    for target in (databases, one_database):
        fill(target.core, 5000, until=NOW, days=30, seed=2)
    rows, again = (
        target.rows("SELECT r::text FROM ai_request_metrics AS r ORDER BY id") for target in (databases, one_database)
    )
    assert rows == again
    assert len(rows) == 5000
    ((oldest, newest, errors, tokens, wrong, models),) = databases.rows(
        "SELECT min(created_at), max(created_at), count(error_type), count(total_tokens), count(*) FILTER (WHERE"
        " tool_calls_count <> CASE WHEN jsonb_typeof(tool_calls) = 'null' THEN 0"
        " ELSE jsonb_array_length(tool_calls -> 'tools') END), count(DISTINCT model) FROM ai_request_metrics"
    )
    assert newest == NOW
    assert timedelta(days=29) < NOW - oldest <= timedelta(days=30)
    assert 50 < errors < 150
    assert (tokens, wrong, models) == (0, 0, 2)
    indexes = databases.number("SELECT count(*) FROM pg_indexes WHERE tablename = 'ai_request_metrics'")
    assert indexes == 7, "they are made again"


def test_health_is_open_and_the_rest_is_not() -> None:
    with Backend() as backend:
        for path in ("/health", "/health/live", "/health/ready", "/health/status", "/health/prerequisites"):
            assert request(backend.port, path).status == 200
            assert request(backend.port, f"/api/v1{path}").json() == {"status": "healthy"}
        assert request(backend.port, "/api/v1/system/health").status == 401
        assert request(backend.port, "/api/v1/admin/system/health").status == 404
        assert request(backend.port, "/").status == 404
        backend.warming = True
        assert [request(backend.port, path).status for path in ("/health/ready", "/health/live")] == [503, 200]
        backend.broken = True
        assert request(backend.port, "/health/live").status == 500
        backend.silent = True
        with pytest.raises(TimeoutError):
            request(backend.port, "/health", timeout=0.2)
        assert backend.asked[-1] == "/health"
    with pytest.raises(OSError, match="refused"), socket.create_connection(("127.0.0.1", backend.port), timeout=1):
        pass


def test_log_lines_carry_levels_errors_and_secrets(databases: Databases, tmp_path: Path) -> None:
    tokens: dict[str, str] = {}
    sigma = databases.sigma(seed=46, canaries=tokens)
    file = tmp_path / "backend.log"
    lines = append(file, sigma.pen, 60)
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) == lines > 60
    heads = re.findall(r"^2026-01-14 09:00:00,000 - [a-z0-9_.]+ - (DEBUG|INFO|WARNING|ERROR|CRITICAL) - ", text, re.M)
    assert len(heads) == 60
    assert set(heads) == {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}
    assert text.count("Traceback") == 8
    assert "upstream error rate_limit_exceeded" in text
    assert tokens["log.email"] in text
    assert tokens["log.traceback"] in text


def wait_until(holds: object) -> None:
    assert callable(holds)
    deadline = now() + timedelta(seconds=40)
    pause = threading.Event()
    while not holds():
        assert now() < deadline
        pause.wait(0.02)
