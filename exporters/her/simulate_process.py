"""HER's process: its random choices, its people, its tasks, and what a record looks like with a field changed."""

import random
from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

import redis

from exporters.her import simulate_world as world
from exporters.her.simulate_canary import Canaries
from exporters.her.simulate_schedule import Task, default_tasks
from exporters.her.simulate_wire import Pen, Record, utcnow
from exporters.her.simulate_workflow import Execution

ABSENT: Final = object()

Overrides = Mapping[str, object]
NONE: Final[Overrides] = MappingProxyType({})


def changed(record: Record, overrides: Overrides) -> Record:
    """`record` with fields replaced, added, or removed where the override is ABSENT."""
    merged = record | dict(overrides)
    return {name: value for name, value in merged.items() if value is not ABSENT}


class Process:
    """One run of HER, writing to one Redis.

    `seed` fixes every random choice; with the same clock the same calls write the same bytes. `clock` returns aware
    times. `canaries` is filled with field -> token as fields get written. `info_logs` is the build in which INFO lines
    reach the log list. `pen.produced` counts the entries that went into each list.
    """

    def __init__(
        self,
        redis_client: redis.Redis,
        *,
        seed: int,
        clock: Callable[[], datetime] = utcnow,
        users: int = 12,
        canaries: MutableMapping[str, str] | None = None,
        info_logs: bool = False,
    ) -> None:
        self.rng = random.Random(seed)  # noqa: S311 - invented data, no cryptography
        self.canaries = Canaries(canaries, self.rng)
        self.pen = Pen(redis_client, clock)
        self.world = world.populate(users, self.rng, self.canaries)
        self.info_logs = info_logs
        self.tasks: list[Task] = default_tasks()
        self.minute = 0
        self._threads: dict[str, list[Record]] = {}
        self._implicit: dict[str, Execution] = {}
        self.told: Callable[[Execution, Record], None] | None = None
        """Told of every workflow event once it is in the list: HER's debugger."""
