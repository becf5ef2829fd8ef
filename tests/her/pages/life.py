"""What the HERs of these pages live through, and when."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from exporters.her.simulate import Her
from exporters.her.simulate_memory import Tables
from tests.her.whole_life import tell_everything

Shape = Literal["mem0", "legacy", "hybrid", "none"]
SHAPES: tuple[Shape, ...] = ("mem0", "legacy", "hybrid", "none")
LEFT_BEHIND = 12
"""Memories of an older build, in a table of their own."""


@dataclass
class Clock:
    """HER's, behind ours until it has started for the last time."""

    behind: timedelta = timedelta(seconds=90)

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self.behind


def remember(tables: Mapping[Shape, Tables]) -> None:
    """Of each shape, and of today's also what no HER writes."""
    for each in tables.values():
        each.create()
    tables["mem0"].older_memory(LEFT_BEHIND)
    tables["mem0"].start_memory()
    tables["mem0"].backfill(30)
    tables["legacy"].older_memory(80)
    tables["hybrid"].start_memory()
    tables["hybrid"].backfill(20)
    tables["hybrid"].hybrid_memory(9)


def before(her: Her, tables: Tables) -> None:
    """What is older than the range: a start, two chats, people, a schedule."""
    her.startup("none")
    her.chat()
    her.api_chat()
    her.agent_request()
    her.tick()
    her.daily()
    for person in tables.world.people:
        tables.seen(person)
    tables.system_user()
    tables.failed_proactive(tables.world.people[3])
    tables.schedule(late=True)
    tables.heartbeat()
    tables.ran("memory_reflection")


def within(her: Her, tables: Tables, clock: Clock) -> None:
    """Whatever HER can do; then it starts again and goes on."""
    tell_everything(her)
    for exit_code in (2, 124, 127, -1):
        her.sandbox_execution(exit_code=exit_code)
    for sent, error in ((True, ""), (False, "forbidden"), (True, "")):
        her.decision("proactive_outcome", "autonomy", user_id="5551001", details={"sent": sent, "error": error})
    her.startup("initialization")
    # What a new process knows of its users is empty for a minute.
    clock.behind = timedelta(0)
    for _ in range(3):
        her.chat()
    her.tick()
    her.publish_scheduler_state()
    her.rate_limited()
    for _ in range(3):
        tables.minute()
