"""The hand that writes: HER's keys, caps and bytes, and nothing about what the records mean.

Every list is pushed with LPUSH and trimmed by a second, separate command, so a reader can see cap + 1 entries for
a moment. Only the metrics group is one MULTI/EXEC. Values are JSON text, non-ASCII escaped, without spaces.
"""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import redis

Record = dict[str, object]

TOKENS: Final = "her:metrics:tokens"
MESSAGES: Final = "her:metrics:messages"
USERS: Final = "her:metrics:users"
LAST_RESPONSE: Final = "her:metrics:last_response"
EVENTS: Final = "her:metrics:events"
LOGS: Final = "her:logs"
SANDBOX: Final = "her:sandbox:executions"
JOBS: Final = "her:scheduler:jobs"
SCHEDULER_STATE: Final = "her:scheduler:state"
DECISIONS: Final = "her:decision:logs"
REINFORCEMENT: Final = "her:reinforcement:events"
PROFILE_PREFIX: Final = "her:reinforcement:profile:"
CAPABILITIES: Final = "her:runtime:capabilities"
CAPABILITIES_HISTORY: Final = "her:runtime:capabilities:history"
CONTEXT_PREFIX: Final = "her:context:"
GROUP_CONTEXT_PREFIX: Final = "her:context:group:"
WORKFLOW: Final = "her:workflow:events"
EXECUTION_PREFIX: Final = "her:workflow:execution:"
REFLECTION_PREFIX: Final = "her:reflection:"

CAPS: Final[Mapping[str, int]] = {
    EVENTS: 50,
    LOGS: 200,
    SANDBOX: 100,
    JOBS: 100,
    DECISIONS: 500,
    REINFORCEMENT: 1000,
    CAPABILITIES_HISTORY: 100,
    WORKFLOW: 2000,
}
REFLECTION_CAP: Final = 61
USER_CONTEXT_CAP: Final = 20
GROUP_CONTEXT_CAP: Final = 120
DAY_SECONDS: Final = 86_400

ONE_MICROSECOND: Final = timedelta(microseconds=1)


def utcnow() -> datetime:
    """Current time, aware, UTC."""
    return datetime.now(UTC)


def iso(at: datetime) -> str:
    """ISO 8601 as Python prints it: `+00:00`, microseconds, and no fraction at all when it is exactly zero."""
    return at.astimezone(UTC).isoformat()


def encode(value: object) -> str:
    """JSON text as HER stores it: non-ASCII as `\\uXXXX`, no spaces after `,` and `:`."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def decode_thread(stored: bytes | str) -> list[Record]:
    """A stored context thread; anything that is not an array of objects is an empty one."""
    try:
        entries = json.loads(stored)
    except ValueError:
        return []
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def cap_of(key: str) -> int:
    """Most entries the list `key` keeps. KeyError for a key that HER does not cap."""
    return REFLECTION_CAP if key.startswith(REFLECTION_PREFIX) else CAPS[key]


Twin = Callable[[str, Mapping[str, object], datetime], None]
"""Writes the copy of a list entry into PostgreSQL: key of the list, record, time of the story."""


class Story(NamedTuple):
    """Something HER does that takes time: `beats` writes, yields seconds to wait, writes, …; they sum to `seconds`."""

    seconds: float
    beats: Iterator[float]


class Pen:
    """Writes to one Redis, stamps what it writes and counts the list entries it produced, by key.

    Stamps rise by at least one microsecond, as two writes of one process do: no two entries are equal by accident.
    Safe to use from several threads; the push and its trim stay two commands, like HER's, whatever the others do.
    Redis errors are raised as they are. Give it a client that does not retry: a retried LPUSH can be stored twice.
    """

    def __init__(self, client: redis.Redis, clock: Callable[[], datetime]) -> None:
        self.client = client
        self.clock = clock
        self.produced: Counter[str] = Counter()
        self.replaying_history = False
        self.twin: Twin | None = None
        self._scene: datetime | None = None
        self._last: datetime | None = None
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The time of the story being told, else the clock's."""
        return self._scene or self.clock().astimezone(UTC)

    def stamp(self) -> datetime:
        """A timestamp for one record, later than every one before."""
        with self._lock:
            at = self.now()
            if self._last is not None and at <= self._last:
                at = self._last + ONE_MICROSECOND
            self._last = at
            return at

    def move_to(self, at: datetime | None) -> None:
        """Tell what follows at `at` (never earlier than the last stamp), or by the clock again when None."""
        self._scene = at if at is None or self._last is None else max(at, self._last)

    def tell(self, story: Story) -> None:
        """Write a whole story at once, with the stamps it would have had: it ends now, or as soon after its own
        beginning as history allows. Stories told faster than they could happen are squeezed between the last stamp
        and now, so stamps never lie in the future of the clock by more than microseconds.
        """
        if self._scene is not None:
            self._play(story, self._scene, 1.0)
            return
        end = self.clock().astimezone(UTC)
        start = end - timedelta(seconds=story.seconds)
        if self._last is not None and start <= self._last:
            start = self._last + ONE_MICROSECOND
        room = max(0.0, (end - start).total_seconds())
        try:
            self._play(story, start, min(1.0, room / story.seconds) if story.seconds else 1.0)
        finally:
            self._scene = None

    def _play(self, story: Story, start: datetime, pace: float) -> None:
        self._scene = start
        for beat in story.beats:
            self._scene += timedelta(seconds=beat * pace)

    def push(self, key: str, record: Mapping[str, object]) -> None:
        """LPUSH, then LTRIM: two commands. What also has a table goes there afterwards, as HER does it."""
        self.push_raw(key, encode(record).encode())
        self.mirror(key, record)

    def mirror(self, key: str, record: Mapping[str, object]) -> None:
        """Write the copy in PostgreSQL, where there is one."""
        if self.twin is not None:
            self.twin(key, record, self.now())

    def push_raw(self, key: str, raw: bytes) -> None:
        """LPUSH of bytes that may be no record at all, then LTRIM."""
        self.client.lpush(key, raw)
        self.count(key)
        self.client.ltrim(key, 0, cap_of(key) - 1)

    def count(self, key: str, entries: int = 1) -> None:
        """Remember that `entries` went into the list `key`."""
        with self._lock:
            self.produced[key] += entries

    def interaction(self, event: Mapping[str, object], *, user_id: str, tokens: int) -> None:
        """The metrics group: counters, user set, last response and event in one MULTI/EXEC."""
        text = encode(event)
        with self.client.pipeline(transaction=True) as group:
            group.incrby(TOKENS, tokens)
            group.incr(MESSAGES)
            group.sadd(USERS, user_id)
            group.set(LAST_RESPONSE, text)
            group.lpush(EVENTS, text)
            group.ltrim(EVENTS, 0, CAPS[EVENTS] - 1)
            group.execute()
        self.count(EVENTS)

    def keep(self, key: str, value: object) -> None:
        """SET: a document that is overwritten and never expires."""
        self.client.set(key, encode(value))

    def keep_for_a_day(self, key: str, value: object) -> None:
        """SETEX with 24 hours; history is written with what would be left of them today."""
        ttl = DAY_SECONDS
        if self.replaying_history:
            ttl -= int((self.clock().astimezone(UTC) - self.now()).total_seconds())
        if ttl > 0:
            self.set_for(key, min(ttl, DAY_SECONDS), encode(value))

    def set_for(self, key: str, ttl: int, text: str) -> None:
        """SETEX, as HER sends it; the client library would rather have us send SET with an option."""
        self.client.execute_command("SETEX", key, ttl, text)  # type: ignore[no-untyped-call]

    def keep_profile(self, user_id: str, traits: Mapping[str, str]) -> None:
        """HSET of a reinforcement profile."""
        pairs = [part for pair in traits.items() for part in pair]
        self.client.hset(PROFILE_PREFIX + user_id, items=pairs)
