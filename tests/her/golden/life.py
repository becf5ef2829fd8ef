"""HER's whole life, told by the simulator with one seed and one clock: the same bytes in Redis every time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import redis

from exporters.demo.ports import free_port
from exporters.demo.redis import Redis
from exporters.her.simulate import Her
from exporters.her.simulate_debugger import DebuggerServer
from exporters.her.simulate_life import DECK, TROUBLES_PER_DECK, stories
from exporters.her.simulate_start import Breakage
from exporters.her.simulate_words import WARNINGS
from tests.her.deployments import ALL_TEXT
from tests.her.whole_life import Clock

EXAMPLE: dict[str, Any] = {
    "redis": {"host": "127.0.0.1"},
    "workflow": {"url": "ws://127.0.0.1:8081/ws/workflow"},
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

_PASSED_BY = dict.fromkeys(
    ("intent_classifier", "llm", "response", "tool_selector"), "what stops between two chapters has not come so far"
)
_LAST = {"response": "nothing follows the answer"}

NEVER: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("her_decisions_total", "event_type"): {
        "unified_interpreter_schedule": "nothing in HER calls its writer any more",
        "unified_interpreter_sandbox": "nothing in HER calls its writer any more",
    },
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
    ("gen_ai_client_operation_duration_seconds", "gen_ai_operation_name"): dict.fromkeys(
        ("text_completion", "generate_content", "embeddings", "execute_tool", "invoke_agent"), "HER only chats"
    ),
}
"""(metric, label) -> value that no HER of today brings forth -> why it is declared all the same."""
OTHERS: Mapping[tuple[str, str], str] = {
    ("her_requests_total", "channel"): "nobody saw the beginning of a request that older builds left unfinished",
}
"""(metric, label) -> why its series `other` moves though everything in this life is as HER writes it."""


class HerLife:
    """One HER in one Redis."""

    def __init__(self, client: redis.Redis, port: int, debugger: DebuggerServer) -> None:
        self._clock = Clock()
        self._her = Her(client, seed=SEED, clock=self._clock)
        self._her.told = debugger.tell
        self.deployment: dict[str, Any] = {
            "deployment": "golden",
            "redis": {"host": "127.0.0.1", "port": port},
            "workflow": {"url": f"ws://127.0.0.1:{debugger.port}/ws/workflow"},
            "text": ALL_TEXT,
        }

    def clock(self) -> datetime:
        """The life's own time."""
        return self._clock()

    def chapters(self) -> Iterator[None]:
        """What older builds left; starts of every kind; stories; the scheduler's work; a stop and a last start."""
        her = self._her
        her.older_shapes()
        yield
        for breakage in BREAKAGES:
            self._clock.forward(60)
            her.startup(breakage)
            yield
        yield from self._stories()
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
        self._clock.forward(QUIET_SECONDS)
        yield

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

    def _rarities(self) -> None:
        """What the dice seldom show."""
        her = self._her
        for exit_code in (2, 124, 127, -1):
            her.sandbox_execution(exit_code=exit_code)
        for result in RARE_RESULTS:
            her.scheduler_job("checkin", "proactive_message", result=result)
        for error in RARE_ERRORS:
            her.scheduler_job("call_back", "reminder", success=False, result="", error=error)
        her.decision("proactive_outcome", "autonomy", details={"sent": False, "error": "forbidden"})
        her.log("INFO", "httpx", "MCP transport ready")
        reasons = ["strong_user_dissatisfaction", "concise_response"]
        her.reinforcement(label="mild_dissatisfaction", overrides={"reasoning": reasons})


@contextmanager
def living(folder: Path) -> Iterator[HerLife]:
    """A real Redis with a HER in it."""
    with Redis(folder / "redis", free_port()) as server:
        client = redis.Redis(port=server.port)
        debugger = DebuggerServer().start()
        try:
            yield HerLife(client, server.port, debugger)
        finally:
            debugger.stop()
            client.close()
