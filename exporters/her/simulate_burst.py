"""Many entries into one list at once: what a reader meets when HER is busier than it can read."""

import copy
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import count
from typing import Final, Literal

from exporters.her import simulate_wire as wire
from exporters.her.simulate_wire import Pen
from exporters.her.simulate_writers import Writers

Stream = Literal[
    "events", "logs", "sandbox", "jobs", "decisions", "reinforcement", "workflow", "capabilities", "reflections"
]
KEYS: Final[Mapping[Stream, str]] = {
    "events": wire.EVENTS,
    "logs": wire.LOGS,
    "sandbox": wire.SANDBOX,
    "jobs": wire.JOBS,
    "decisions": wire.DECISIONS,
    "reinforcement": wire.REINFORCEMENT,
    "workflow": wire.WORKFLOW,
    "capabilities": wire.CAPABILITIES_HISTORY,
}
PIPELINED: Final = 100


class BurstPen(Pen):
    """Writes like its parent, but pipelined, and only into the list `only`; everything else stays unwritten.

    A pipeline without MULTI keeps HER's atomicity: push and trim are still two commands that a reader can come between.
    """

    def __init__(self, parent: Pen, only: str) -> None:
        super().__init__(parent.client, parent.clock)
        self._parent = parent
        self._only = only
        self._pipe = parent.client.pipeline(transaction=False)
        self._waiting = 0

    def now(self) -> datetime:
        return self._parent.now()

    def stamp(self) -> datetime:
        return self._parent.stamp()

    def push_raw(self, key: str, raw: bytes) -> None:
        if key != self._only:
            return
        self._pipe.lpush(key, raw)
        self._pipe.ltrim(key, 0, wire.cap_of(key) - 1)
        self._waiting += 1
        if self._waiting == PIPELINED:
            self.flush()

    def flush(self) -> None:
        """Send what waits, and count it."""
        if self._waiting:
            self._pipe.execute()
            self._parent.count(self._only, self._waiting)
            self._waiting = 0

    def mirror(self, key: str, record: Mapping[str, object]) -> None:
        if key == self._only:
            self._parent.mirror(key, record)

    def interaction(self, event: Mapping[str, object], *, user_id: str, tokens: int) -> None:
        if self._only == wire.EVENTS:
            self._parent.interaction(event, user_id=user_id, tokens=tokens)

    def keep(self, key: str, value: object) -> None:
        # The document is by contract element 0 of its history: the two stay together.
        if key == wire.CAPABILITIES and self._only == wire.CAPABILITIES_HISTORY:
            self.flush()
            self._parent.keep(key, value)

    def keep_for_a_day(self, key: str, value: object) -> None:
        """Not part of a burst."""

    def keep_profile(self, user_id: str, traits: Mapping[str, str]) -> None:
        """Not part of a burst."""


def burst(her: Writers, stream: Stream, n: int) -> int:
    """`n` entries into the list of `stream`, as fast as they go, and into no other list; returns `n`.

    Copies elsewhere (decisions of executions, profiles, snapshots) are left out, so that a test can fill exactly one
    list to cap, cap + 1 or three times its cap. Interactions keep their transaction, one each.
    """
    person = her.world.people[0]
    key = wire.REFLECTION_PREFIX + person.user_id if stream == "reflections" else KEYS[stream]
    fast = copy.copy(her)
    fast.pen = BurstPen(her.pen, key)
    events = _workflow_events(fast)
    today = her.pen.now().date()
    number = count()
    write: Mapping[Stream, Callable[[], object]] = {
        "events": fast.interaction,
        "logs": lambda: fast.log("WARNING", "her-main", f"burst line {next(number)}"),
        "sandbox": fast.sandbox_execution,
        "jobs": fast.scheduler_job,
        "decisions": fast.heartbeat,
        "reinforcement": fast.reinforcement,
        "workflow": lambda: next(events),
        "capabilities": fast.publish_capabilities,
        "reflections": lambda: fast.reflection(person, date=(today - timedelta(days=n - next(number))).isoformat()),
    }
    for _ in range(n):
        write[stream]()
    fast.pen.flush()
    return n


def _workflow_events(her: Writers) -> Iterator[None]:
    """One workflow event per step, chat after chat."""
    steps: tuple[tuple[str, str, str, dict[str, object]], ...] = (
        ("message_received", "input", "success", {"message": "is the backup done?"}),
        ("tool_execution_started", "memory_lookup", "running", {"phase": "initial_context"}),
        (
            "tool_completed",
            "memory_lookup",
            "success",
            {"phase": "initial_context", "duration_ms": 4.2, "context_size": 3},
        ),
        ("llm_started", "llm", "running", {"provider": "ollama", "raw_messages": ["is the backup done?"]}),
        ("llm_completed", "llm", "success", {"used_fallback": False, "duration_ms": 650.0}),
        ("response_sent", "response", "success", {"response_preview": "Yes.", "total_latency_ms": 655.5}),
    )
    while True:
        flow = her.open_execution(her.world.people[0].user_id, "is the backup done?")
        for event_type, node, status, details in steps:
            her.workflow_event(event_type, node, status, details, execution=flow)
            yield
