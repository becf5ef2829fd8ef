"""The simulator's PostgreSQL: what HER keeps there about people, its schedule and its memories, changed in place.

    tables = Tables(psycopg.connect(...), seed=7, world=her.world)
    tables.create()
    tables.backfill(30)             # memories of a month, in the shape HER makes today
    tables.minute()                 # the heartbeat, the schedule, somebody talks

`simulate_postgres` joins it to a HER who also writes to Redis.
"""

import random
import threading
import uuid
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import psycopg
from psycopg.types.json import Jsonb

from exporters.her import simulate_tables as ddl
from exporters.her.simulate_canary import Canaries
from exporters.her.simulate_schedule import Task, default_tasks
from exporters.her.simulate_world import Person, World, populate

PACIFIC: Final = timezone(timedelta(hours=-8))
"""Mem0 writes its times with this offset, wherever it runs."""
MOODS: Final = ("calm", "reflective", "supportive", "curious", "playful")
TIP_MEMORIES: Final = (("reinforcement_lesson", 0.7), ("profile_identity", 0.95))
"""Category and importance as HER writes them today."""
OLDER_CATEGORIES: Final = ("group_summary", "group_signal", "telegram_message", "conversation", "general")
SENTENCES: Final = (
    "Prefers short answers",
    "Waters the tomatoes every other evening",
    "Wants backups checked before the weekend",
    "Reads about harbours and lighthouses",
    "Asks for recipes without onions",
)
VECTOR_LENGTH: Final = 8
"""Of a stand-in: long enough to be an array, short enough to write thousands."""
NEXT_IN_MINUTES: Final = 60
MINUTE_SECONDS: Final = 60.0


def utcnow() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class Tables:
    """One HER's database. The connection may create tables; each method commits.

    `seed` and `clock` fix every value, as in `simulate.Her`. world: its people; without it one of their own is made.
    """

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        *,
        seed: int,
        clock: Callable[[], datetime] = utcnow,
        users: int = 12,
        world: World | None = None,
        canaries: MutableMapping[str, str] | None = None,
    ) -> None:
        self.connection = connection
        self.rng = random.Random(seed)  # noqa: S311 - invented data, no cryptography
        self.canaries = Canaries(canaries, self.rng)
        self.world = world or populate(users, self.rng, self.canaries)
        self.tasks: list[Task] = default_tasks()
        self._clock = clock
        self._moods = 0

    def create(self) -> None:
        """What HER's start-up script and its scheduler create; memories come with `start_memory`."""
        self._run(ddl.SCHEMA)

    def start_memory(self) -> None:
        """Mem0 starts: a table of the legacy shape is renamed, if the name is free; then its own is made if missing."""
        columns = self.columns("memories")
        if "memory_text" in columns and "payload" not in columns and not self.columns("memories_legacy"):
            self._run(ddl.OUT_OF_THE_WAY)
        self._run(ddl.MEM0)

    def older_memory(self, rows: int = 12) -> None:
        """A table as builds of two weeks made it, with memories in it."""
        self._run(ddl.LEGACY)
        for index in range(rows):
            person = self.world.people[index % len(self.world.people)]
            at = self._clock() - timedelta(days=index, minutes=5)
            category = OLDER_CATEGORIES[index % 5] if index % 4 else None
            self.remember_legacy(person.user_id, category, round(0.1 * (index % 11), 1) if index % 5 else None, at)

    def hybrid_memory(self, rows: int = 6) -> None:
        """The columns of both shapes in one table, some memories with columns of their own, the others without."""
        self._run(ddl.HYBRID)
        for index in range(rows):
            person = self.world.people[index % len(self.world.people)]
            self._run(
                "INSERT INTO memories (id, vector, memory_text, user_id, category, importance_score, created_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s)",
                (self._uuid(), self._vector(), self._text(), person.user_id, "general", 0.4, self._clock()),
            )

    def remember(
        self, owner: str, category: str, importance: object, at: datetime | None = None, **payload: object
    ) -> uuid.UUID:
        """A memory as HER writes it today; payload replaces or adds fields."""
        made = (at or self._clock()).astimezone(PACIFIC).isoformat()
        text = self._text()
        whole = {
            "data": text,
            "hash": f"{self.rng.getrandbits(128):032x}",
            "user_id": owner,
            "category": category,
            "importance": importance,
            "created_at": made,
            **payload,
        }
        return self.remember_raw(whole)

    def remember_raw(self, payload: object) -> uuid.UUID:
        """A row with any payload."""
        row = self._uuid()
        self._run(
            "INSERT INTO memories (id, vector, payload) VALUES (%s, %s, %s)", (row, self._vector(), Jsonb(payload))
        )
        return row

    def remember_legacy(self, owner: str | None, category: str | None, importance: float | None, at: datetime) -> None:
        """A row of the legacy shape."""
        self._run(
            "INSERT INTO memories (memory_id, user_id, memory_text, embedding, category, importance_score, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            (self._uuid(), owner, self._text(), self._vector(), category, importance, at),
        )

    def forget(self, row: uuid.UUID) -> None:
        """The model decided DELETE."""
        self._run("DELETE FROM memories WHERE id = %s", (row,))

    def malformed(self) -> int:
        """Payloads that no HER writes and that must abort no query. Returns how many."""
        times = ("yesterday", "2026-02-31T01:00:00-08:00", "2026-02-29T01:00:00-08:00", "2026-02-22T01:00:00", "", "0")
        payloads: list[object] = [
            *({"data": "x", "user_id": "5551001", "created_at": at} for at in times),
            *({"user_id": "5551001", "importance": value} for value in ("high", 7, -1, True, None, [0.5], "1e400")),
            {"user_id": "5551001", "created_at": ["2026"], "category": {"a": 1}, "metadata": "none"},
            {"user_id": "5551001", "created_at": "2093-01-01T00:00:00Z", "metadata": {"category": "nested"}},
            {"user_id": {"id": 1}, "category": ""},
            *([], {}, "text", 3, None, [{"user_id": "5551001"}]),
        ]
        for payload in payloads:
            self.remember_raw(payload)
        return len(payloads)

    def backfill(self, days: int, *, per_day: int = 6) -> None:
        """Memories of the last days, more of them lately, and one owner with many."""
        people, groups = self.world.people, self.world.groups
        for day in range(days):
            for _ in range(self.rng.randint(1, max(1, per_day * (days - day) // days)) + 1):
                at = self._clock() - timedelta(days=day, seconds=self.rng.uniform(60, 80_000))
                self._one_memory(people[min(len(people) - 1, int(self.rng.expovariate(0.4)))], at)
        for group in groups:
            self.remember(f"group:{group}", "group_summary", round(self.rng.random(), 2), self._clock())
        owner = people[0].user_id
        for index in range(110):
            at = self._clock() - timedelta(hours=7 * index + 1)
            self.remember(owner, OLDER_CATEGORIES[index % 5], round(self.rng.random(), 2), at)

    def seen(self, person: Person) -> None:
        """A decision or a score about the user: the row is bumped, whatever it was about."""
        now = self._clock()
        preferences = {
            "name": person.name,
            "user_timezone": person.timezone,
            "preferred_language": person.language,
            **({"chat_id": person.chat_id, "telegram_user_id": person.chat_id} if person.chat_id else {}),
        }
        self._run(
            "INSERT INTO users (user_id, username, created_at, last_interaction, preferences)"
            " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (user_id) DO UPDATE SET username = excluded.username,"
            " last_interaction = excluded.last_interaction, preferences = excluded.preferences",
            (person.user_id, person.username, now, now, Jsonb(preferences)),
        )
        # In turn, so that a small house has every mood.
        self._moods += 1
        mood = MOODS[self._moods % len(MOODS)]
        scores = [round(self.rng.uniform(0.1, 1.0), 3) for _ in range(3)]
        self._run(
            "INSERT INTO autonomy_profiles (user_id, engagement_score, initiative_level, messages_sent_today,"
            " proactive_day, error_count_today, updated_at) VALUES (%(user)s, %(e)s, %(i)s, 1, %(day)s, 0, %(now)s)"
            " ON CONFLICT (user_id) DO UPDATE SET engagement_score = %(e)s, initiative_level = %(i)s,"
            " updated_at = %(now)s",
            {"user": person.user_id, "e": scores[0], "i": scores[1], "day": now.date(), "now": now},
        )
        self._run(
            "INSERT INTO emotional_states (user_id, current_mood, mood_intensity, last_updated)"
            " VALUES (%(user)s, %(mood)s, %(how)s, %(now)s)"
            " ON CONFLICT (user_id) DO UPDATE SET current_mood = %(mood)s, mood_intensity = %(how)s,"
            " last_updated = %(now)s",
            {"user": person.user_id, "mood": mood, "how": scores[2], "now": now},
        )

    def failed_proactive(self, person: Person) -> None:
        """A message HER wanted to send of its own accord and could not."""
        self._run(
            "UPDATE autonomy_profiles SET error_count_today = error_count_today + 1, proactive_day = %s"
            " WHERE user_id = %s",
            (self._clock().date(), person.user_id),
        )

    def system_user(self) -> None:
        """Personality tuning leaves a user that is nobody."""
        self._run(
            "INSERT INTO users (user_id, last_interaction) VALUES ('system', %s) ON CONFLICT DO NOTHING",
            (self._clock(),),
        )

    def heartbeat(self) -> None:
        """The reminder processor takes its lock, once a minute."""
        self._lock("system:reminder_processor")

    def ran(self, name: str) -> None:
        """A task ran, and its lock stays."""
        self._lock(f"task:{name}")

    def schedule(self, *, late: bool = False) -> None:
        """The scheduler's own table: every enabled task with its next run, a paused one, HER's own job.

        late: the first task should have run ten minutes ago.
        """
        now = self._clock().timestamp()
        jobs: dict[str, float | None] = {"system:reminder_processor": now + MINUTE_SECONDS}
        for index, task in enumerate(self.tasks):
            due = now + MINUTE_SECONDS * (NEXT_IN_MINUTES if task.due is None else task.due)
            jobs[f"task:{task.name}"] = (now - 600 if late and index == 0 else due) if task.enabled else None
        reminder = self.canaries.tail("task.name", f"reminder_{self.world.people[0].user_id}")
        jobs[f"task:{reminder}"] = now + 1200
        for job, at in jobs.items():
            self._run(
                "INSERT INTO apscheduler_jobs VALUES (%s, %s, %s) ON CONFLICT (id) DO UPDATE SET next_run_time = %s",
                (job, at, b"\x80\x05N.", at),
            )

    def minute(self) -> None:
        """One minute of HER: the heartbeat, the schedule, somebody talks, sometimes something is remembered."""
        self.heartbeat()
        self.schedule()
        self.ran(self.rng.choice(self.tasks).name)
        for person in self.rng.sample(self.world.people, 2):
            self.seen(person)
        if self.rng.random() < 0.5:
            self._one_memory(self.rng.choice(self.world.people), self._clock())

    def run(self, stop: threading.Event, *, minute_seconds: float = 20.0) -> None:
        """Live until `stop` is set; a minute passes every `minute_seconds`."""
        while not stop.is_set():
            self.minute()
            stop.wait(minute_seconds)

    def _one_memory(self, person: Person, at: datetime) -> None:
        category, importance = self.rng.choice(TIP_MEMORIES)
        if self.rng.random() < 0.25:
            category, importance = self.rng.choice(OLDER_CATEGORIES), round(self.rng.random(), 2)
        self.remember(person.user_id, category, importance, at)

    def _lock(self, name: str) -> None:
        now = self._clock()
        self._run(
            "INSERT INTO scheduler_job_locks VALUES (%s, %s, %s) ON CONFLICT (lock_name) DO UPDATE SET updated_at = %s",
            (name, self.canaries.word("holder", "her-host"), now, now),
        )

    def _text(self) -> str:
        return self.canaries.tail("memory.text", self.rng.choice(SENTENCES))

    def _uuid(self) -> uuid.UUID:
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def _vector(self) -> list[float]:
        return [round(self.rng.uniform(-1, 1), 4) for _ in range(VECTOR_LENGTH)]

    def columns(self, table: str) -> set[str]:
        """The names of its columns, none without the table."""
        rows = self.connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0", (table,)
        ).fetchall()
        self.connection.commit()
        return {name for (name,) in rows}

    def _run(self, statement: Any, values: Any = None) -> None:
        self.connection.execute(statement, values)
        self.connection.commit()
