"""HER's whole life, told by the simulator with one seed and one clock: the same bytes in Redis and rows every time."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import psycopg
import redis

from exporters.demo.ports import free_port
from exporters.demo.postgres import Postgres
from exporters.demo.redis import Redis
from exporters.her.simulate import Her
from exporters.her.simulate_debugger import DebuggerServer
from exporters.her.simulate_life import DECK, TROUBLES_PER_DECK, stories
from exporters.her.simulate_memory import Tables
from exporters.her.simulate_ports import ApiServer, Fault, LivenessServer
from exporters.her.simulate_sql import KINDS, SqlTwin
from exporters.her.simulate_start import Breakage
from exporters.her.simulate_wire import DECISIONS
from exporters.her.simulate_words import WARNINGS
from tests.her.deployments import ALL_TEXT
from tests.her.whole_life import Clock

EXAMPLE: dict[str, Any] = {
    "redis": {"host": "127.0.0.1"},
    "postgres": {"host": "127.0.0.1", "user": "observer"},
    "workflow": {"url": "ws://127.0.0.1:8081/ws/workflow"},
    "http": {"liveness": "http://127.0.0.1:8000", "debugger": "http://127.0.0.1:8081", "api": "http://127.0.0.1:8082"},
    "text": ALL_TEXT,
}
"""One deployment as observatory.yml has it, everything switched on; nobody connects to it."""
SEED = 20260222
MINUTES_AFTERWARDS = 24
"""The scheduler's slower tasks come up, with every way they can end."""
QUIET_SECONDS = 45
"""After the last event: a new member of an open set has shown its zero, and nothing in progress has been given up."""
STORIES_PER_CHAPTER = 6
BREAKAGES: tuple[Breakage, ...] = (
    "missing_command",
    "crash",
    "initialization",
    "timeout",
    "cancelled",
    "bootstrap",
    "none",
)
RARE_RESULTS = (
    "proactive_disabled",
    "proactive_opt_out",
    "proactive_blocked:quiet_hours",
    "proactive_daily_cap_db_guard",
    "",
)
RARE_ERRORS = (
    "chat_id missing or invalid",
    "reminder_failed:missing_token",
    "reminder_failed:chat_not_found",
    "proactive_send_failed:forbidden",
)

CLOCK = """
CREATE SCHEMA clock;
CREATE TABLE clock.reading AS SELECT '2026-02-22 09:00:00+00'::timestamptz AS at;
CREATE FUNCTION clock.now() RETURNS timestamptz STABLE LANGUAGE sql AS 'SELECT at FROM clock.reading';
ALTER DATABASE postgres SET search_path = clock, pg_catalog, public;
"""
"""What is new in a table is told by the database's own clock, which here is that of the life."""

_PASSED_BY = dict.fromkeys(
    ("intent_classifier", "llm", "response", "tool_selector"), "what stops between two chapters has not come so far"
)
_LAST = {"response": "nothing follows the answer"}

NEVER: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("her_decisions_total", "event_type"): {
        "unified_interpreter_schedule": "nothing in HER calls its writer any more",
        "unified_interpreter_sandbox": "nothing in HER calls its writer any more",
    },
    ("her_decision_rows_total", "event_type"): {
        "unified_interpreter_schedule": "nothing in HER calls its writer any more",
        "unified_interpreter_sandbox": "nothing in HER calls its writer any more",
    },
    ("her_proactive_audit_rows_total", "message_kind"): {"joke": "it has a template, and HER never picks it"},
    ("her_log_lines_total", "level"): {"debug": "HER's handler begins at INFO"},
    ("her_mcp_log_lines_total", "level"): {
        "debug": "HER's handler begins at INFO",
        "critical": "HER's MCP code writes nothing at this level; libraries may",
    },
    ("her_workflow_node_seconds", "node"): dict.fromkeys(
        ("input", "intent_classifier", "tool_selector", "response"), "events of this node carry no duration"
    ),
    ("her_workflow_node_running", "node"): _PASSED_BY,
    ("her_workflow_live_requests", "node"): _PASSED_BY,
    ("her_workflow_transitions_total", "source_node"): _LAST,
    ("her_workflow_transition_seconds_total", "source_node"): {**_LAST, "start": "nothing is before a request begins"},
    ("her_workflow_transition_seconds_total", "target_node"): {"input": "a request begins there, in no time"},
    ("her_workflow_transition_errors_total", "source_node"): {
        **_LAST,
        "start": "what fails, fails later than at its beginning",
        **dict.fromkeys(
            ("input", "intent_classifier", "memory_lookup", "tool_executor"), "no error follows from there"
        ),
    },
    ("her_workflow_transition_errors_total", "target_node"): dict.fromkeys(
        ("input", "intent_classifier", "llm", "memory_lookup", "tool_selector"),
        "HER reports errors of its answer and of its tools",
    ),
    ("her_postgres_connections", "state"): {"hidden": "the account of this life is told everything"},
    ("gen_ai_client_operation_duration_seconds", "gen_ai_operation_name"): dict.fromkeys(
        ("text_completion", "generate_content", "embeddings", "execute_tool", "invoke_agent"), "HER only chats"
    ),
}
"""(metric, label) -> value that no HER of today brings forth -> why it is declared all the same."""
OTHERS: Mapping[tuple[str, str], str] = {
    ("her_memories_by_category", "category"): "a payload whose category is an object; no HER writes it",
    ("her_requests_total", "channel"): "nobody saw the beginning of a request that older builds left unfinished",
}
"""(metric, label) -> why its series `other` moves though everything in this life is as HER writes it."""


class HerLife:
    """One HER in one Redis and one PostgreSQL."""

    def __init__(
        self,
        client: redis.Redis,
        port: int,
        database: Postgres,
        debugger: DebuggerServer,
        ports: tuple[LivenessServer, ApiServer],
    ) -> None:
        self._clock = Clock()
        self._her = Her(client, seed=SEED, clock=self._clock)
        self._her.told = debugger.tell
        self._ports = ports
        self._client, self._port = client, port
        self.connection = psycopg.connect(database.dsn(), autocommit=True)
        self.connection.execute(CLOCK)
        self._tables = Tables(self.connection, seed=SEED, clock=self._clock, world=self._her.world)
        self._tables.create()
        self._twin = SqlTwin(self.connection, seed=SEED)
        self.deployment: dict[str, Any] = {
            "deployment": "golden",
            "redis": {"host": "127.0.0.1", "port": port},
            "postgres": {
                "host": "127.0.0.1",
                "port": database.port,
                "dbname": "postgres",
                "user": "postgres",
                "password_file": database.password_file,
            },
            "workflow": {"url": f"ws://127.0.0.1:{debugger.port}/ws/workflow"},
            "http": {
                "liveness": f"http://127.0.0.1:{ports[0].port}",
                "debugger": f"http://127.0.0.1:{debugger.port}",
                "api": f"http://127.0.0.1:{ports[1].port}",
                "timeout_seconds": 0.5,
            },
            "text": ALL_TEXT,
        }

    def clock(self) -> datetime:
        """The life's own time."""
        return self._clock()

    def chapters(self) -> Iterator[None]:
        """The chapters, PostgreSQL's clock going with the life's."""
        for _ in self._chapters():
            self.connection.execute("UPDATE clock.reading SET at = %s", (self._clock(),))
            yield

    def _chapters(self) -> Iterator[None]:
        """What older builds left; starts of every kind; stories; the scheduler's work; a stop and a last start."""
        her = self._her
        for planted in her.older_shapes():
            if planted.key == DECISIONS:
                self._twin(DECISIONS, json.loads(planted.raw), self._clock())
        her.pen.twin = self._twin
        yield
        self._tables.older_memory()
        faults: tuple[Fault, ...] = ("failing", "foreign", "silent")
        api = self._ports[1]
        for number, breakage in enumerate(BREAKAGES):
            self._clock.forward(60)
            her.startup(breakage)
            api.fault = faults[number] if number < len(faults) else ""
            if number == len(faults):
                api.stop()
            yield
        api.start()
        self._remember()
        self._redis_in_trouble()
        yield
        yield from self._stories()
        self._copies_differ()
        for minute in range(MINUTES_AFTERWARDS):
            self._clock.forward(60)
            her.tick()
            if minute % STORIES_PER_CHAPTER == 0:
                yield
        self._rarities()
        her.daily()
        her.shutdown()
        yield
        her.startup("timeout")
        for _ in range(2):
            self._clock.forward(60)
            her.chat()
            her.tick()
        her.rate_limited()
        yield
        self._tables.hybrid_memory()
        self._clock.forward(QUIET_SECONDS)
        yield

    def _redis_in_trouble(self) -> None:
        """Its memory is full, a key expires, and it has as many connections as it accepts."""
        ask: Callable[..., Any] = self._client.execute_command
        ask("CONFIG", "SET", "maxmemory-policy", "volatile-ttl", "maxmemory-samples", 64)
        junk = [f"junk:{number}" for number in range(64)]
        for name in junk:
            ask("SET", name, "x" * 16384, "EX", 600)
        ask("CONFIG", "SET", "maxmemory", ask("INFO", "memory")["used_memory"] - 65536)
        ask("SET", "junk:short", "x", "PX", 1)
        ask("CONFIG", "SET", "maxmemory", "256mb", "maxmemory-policy", "noeviction")
        while ask("EXISTS", "junk:short"):
            pass
        ask("DEL", *junk)
        allowed = ask("INFO", "clients")["maxclients"]
        ask("CONFIG", "SET", "maxclients", 1)
        with socket.create_connection(("127.0.0.1", self._port)) as refused:
            assert refused.recv(100).startswith(b"-ERR max number of clients")
        ask("CONFIG", "SET", "maxclients", allowed)

    def _remember(self) -> None:
        """What today's build keeps in its tables, in every form it can have."""
        tables = self._tables
        tables.start_memory()
        tables.backfill(30)
        tables.malformed()
        for person in tables.world.people:
            tables.seen(person)
            tables.failed_proactive(person)
        tables.system_user()
        tables.minute()
        tables.schedule(late=True)
        for _ in range(30):
            tables.remember(tables.world.people[1].user_id, "profile_identity", 0.95)

    def _stories(self) -> Iterator[None]:
        """Whatever can happen, once at least, a minute apart; then every kind of trouble."""
        her = self._her
        for number, story in enumerate(islice(stories(her), sum(times for times, _ in DECK) + TROUBLES_PER_DECK)):
            self._clock.forward(60)
            her.pen.tell(story)
            her.tick()
            if number % STORIES_PER_CHAPTER == 0:
                yield
        for kind in range(len(WARNINGS)):
            self._clock.forward(10)
            her.trouble(kind)
        yield

    def _copies_differ(self) -> None:
        """PostgreSQL refuses a row, and drops what follows for two seconds; Redis refuses an entry."""
        self._clock.forward(10)
        self._her.sandbox_execution(output="a NUL \x00, which jsonb has not")
        self._clock.forward(10)
        self._twin(DECISIONS, {"event_type": "tool_call", "source": "mcp_tools"}, self._clock())
        self._clock.forward(10)

    def _rarities(self) -> None:
        """What the dice seldom show."""
        her = self._her
        for exit_code in (2, 124, 127, -1):
            her.sandbox_execution(exit_code=exit_code)
        for result in RARE_RESULTS:
            her.scheduler_job("checkin", "proactive_message", result=result)
        for error in RARE_ERRORS:
            her.scheduler_job("call_back", "reminder", success=False, result="", error=error)
        for kind in range(len(KINDS)):
            error = "forbidden" if kind % 2 else ""
            her.decision("proactive_outcome", "autonomy", details={"sent": not error, "error": error})
        her.log("INFO", "httpx", "MCP transport ready")
        reasons = ["strong_user_dissatisfaction", "concise_response"]
        her.reinforcement(label="mild_dissatisfaction", overrides={"reasoning": reasons})


@contextmanager
def living(folder: Path) -> Iterator[HerLife]:
    """A real Redis and a real PostgreSQL with a HER in them."""
    quick = {"fsync": "off", "synchronous_commit": "off"}
    with (
        Redis(
            folder / "redis", free_port(), appendonly=True, options={"maxmemory": "256mb", "appendfsync": "no"}
        ) as server,
        Postgres(folder / "postgres", free_port(), password_file=folder / "password", settings=quick) as database,
    ):
        client, waiting = redis.Redis(port=server.port), socket.create_connection(("127.0.0.1", server.port))
        waiting.sendall(b"BLPOP what:nobody:pushes 0\r\n")
        debugger = DebuggerServer().start()
        ports = (LivenessServer().start(), ApiServer(free=debugger.free).start())
        try:
            life = HerLife(client, server.port, database, debugger, ports)
            with life.connection, psycopg.connect(database.dsn()) as idle:
                idle.execute("SELECT 1")
                yield life
        finally:
            for port in ports:
                port.stop()
            debugger.stop()
            waiting.close()
            client.close()
