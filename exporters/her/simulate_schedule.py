"""The scheduler's tasks as HER lists them, and when each of them is due, counted in minutes since HER started."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from exporters.her.simulate_wire import Record, iso

HOUR: Final = 60
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

RETRY_DELAY_SECONDS: Final = 30
REMINDER_MAX_RETRIES: Final = 2


def interval_text(every: int) -> str:
    """HER's word for a period in minutes: `hourly`, `daily`, `weekly`, `every_<n>_minutes`; 0 is `once`."""
    named = {0: "once", HOUR: "hourly", DAY: "daily", WEEK: "weekly"}
    if every in named:
        return named[every]
    if every % DAY == 0:
        return f"every_{every // DAY}_days"
    if every % HOUR == 0:
        return f"every_{every // HOUR}_hours"
    return f"every_{every}_minutes"


@dataclass(slots=True)
class Task:
    """One task. `due` is the minute of its next run, None when nothing will fire it again; `every` 0 means once."""

    name: str
    type: str
    every: int
    due: int | None
    timezone: str = "UTC"
    at: object = ""
    run_at: str = ""
    max_retries: int = 2
    retry_delay_seconds: int = RETRY_DELAY_SECONDS
    status: str = "PENDING"
    retry_count: int = 0
    last_error: str = ""
    chat_id: int | None = None
    user_id: str = ""
    enabled: bool = True
    plan: str = ""

    @property
    def one_time(self) -> bool:
        return self.every == 0

    def move_on(self, minute: int) -> None:
        """Set the run after the one at `minute`; a task that runs once has none."""
        self.due = None if self.one_time else minute + self.every

    def next_run(self, minute: int, now: datetime) -> str:
        """ISO UTC on the minute, or `""` when there is no further run."""
        if self.due is None:
            return ""
        at = now.replace(second=0, microsecond=0) + timedelta(minutes=max(1, self.due - minute))
        return iso(at)

    def listed(self, minute: int, now: datetime, *, running: bool) -> Record:
        """The element of `upcoming`; a stopped scheduler knows no next run."""
        return {
            "name": self.name,
            "type": self.type,
            "interval": interval_text(self.every),
            "timezone": self.timezone,
            "at": self.at,
            "run_at": self.run_at,
            "one_time": self.one_time,
            "max_retries": self.max_retries,
            "retry_delay_seconds": self.retry_delay_seconds,
            "status": self.status,
            "retry_count": self.retry_count,
            "last_error": self.last_error,
            "chat_id": self.chat_id,
            "next_run": self.next_run(minute, now) if running else "",
            "enabled": self.enabled,
        }


def default_tasks() -> list[Task]:
    """The tasks of HER's own configuration. Offsets let each of them run within the first minutes."""
    return [
        Task("memory_reflection", "memory_reflection", HOUR, HOUR),
        Task("self_optimization", "self_optimization", WEEK, 3),
        Task("autonomy_reflection", "autonomy_reflection", DAY, 2, at="03:00"),
        Task("proactive_daily_dispatcher", "proactive_daily_dispatcher", DAY, 1, at="00:05"),
        Task("twitter_digest", "twitter", 30, 7),
        Task("weekend_digest", "custom", WEEK, None, enabled=False),
    ]


def bring_forward(tasks: list[Task], minute: int) -> None:
    """Make HER's own daily and weekly tasks due soon after `minute`, as in a process that has just started."""
    first = {task.name: task.due for task in default_tasks() if task.every >= DAY}
    for task in tasks:
        due = first.get(task.name)
        if due is not None:
            task.due = minute + due


def upcoming(tasks: list[Task], minute: int, now: datetime, *, running: bool) -> list[Record]:
    """Enabled tasks as published: sorted by `next_run` text, empty ones last, at most 100."""
    rows = [task.listed(minute, now, running=running) for task in tasks if task.enabled]
    rows.sort(key=lambda row: (row["next_run"] == "", str(row["next_run"])))
    return rows[:100]
