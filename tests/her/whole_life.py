"""Everything the simulated HER can do, told once; a clock to tell it by, and its lists read back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import redis

from exporters.her.simulate import Her

DECISIONS = "her:decision:logs"
WORKFLOW = "her:workflow:events"
CAPS = {
    "her:metrics:events": 50,
    "her:logs": 200,
    "her:sandbox:executions": 100,
    "her:scheduler:jobs": 100,
    DECISIONS: 500,
    "her:reinforcement:events": 1000,
    "her:runtime:capabilities:history": 100,
    WORKFLOW: 2000,
}


class Clock:
    """A clock that stands still until it is told to move on; microseconds are zero unless asked for."""

    def __init__(self, at: datetime = datetime(2026, 2, 22, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def tell_everything(her: Her) -> None:
    """Every story the simulator knows, so that every kind of record exists."""
    her.startup()
    for _ in range(3):
        her.chat()
        her.api_chat()
    her.chat("failover")
    her.chat("error")
    her.api_chat("error")
    her.chat(in_group=True)
    for _ in range(6):
        her.schedule_chat(fallback_parser=True)
        her.agent_request()
    her.agent_request(failing=True)
    her.agent_request(disputed=True)
    her.agent_request(gives_up=True)
    for kind in ("time", "scan", "task_removal"):
        her.direct_request(kind)
    her.rate_limited()
    her.ignored_group_message()
    for _ in range(20):
        her.tick()
    for command in ("schedule_add", "schedule_toggle", "schedule_interval_update", "schedule_run_now"):
        her.schedule_command(command)
    her.personality()
    her.personality(of_system=True)
    her.tool_call()
    for number in range(9):
        her.trouble(number)
    her.daily()
    her.shutdown()


def rows(client: redis.Redis, key: str) -> list[dict[str, object]]:
    """The list under `key`, newest first."""
    decoded: list[dict[str, object]] = [json.loads(row) for row in client.lrange(key, 0, -1)]
    return decoded
