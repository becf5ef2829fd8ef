"""HER's short memory as gauges: the probe contexts.

    her:context:5551001         string, 20 entries at most   [{"role":"user","message":"is the backup done?"}, …]
    her:context:group:-1001234  string, 120 entries at most
                                a list of one JSON object per element in older builds

    -> her_context_threads{kind="user",storage="string"} 12      her_context_messages{role="assistant"} 97
       her_context_largest_messages{rank="1"} 118                her_context_last_activity_timestamp_seconds 1.77e9

Of each entry only the role is looked at. A thread says nothing about when it was written; its time to live does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from exporters.core.contract import Sample
from exporters.core.errors import Rejected
from exporters.core.label import OTHER
from exporters.her import metrics
from exporters.her.labels import RANK, ROLE
from exporters.her.record import load_any
from exporters.readers.redis_keyspace import KeyFacts, Keyspace, describe, lists, strings

PATTERN = "her:context:*"
GROUP_PREFIX = b"her:context:group:"
LIFETIME = 86_400
"""Seconds to live that HER sets at every write."""

MOST_THREADS = 1000
LARGEST_THREAD = 256 * 1024
BYTES_PER_READ = 1024 * 1024
FIRST_PASS_STEPS = 25
"""Calls of four hundred keys each that the first read may take, 3 ms per ten thousand keys."""

_KINDS = ("user", "group")
_STORAGES = ("string", "list")


@dataclass(frozen=True, slots=True)
class Thread:
    """What one read of a thread showed. mark: size and last write then; while they stand the roles do."""

    mark: tuple[int | None, int]
    roles: Counter[str]


class ContextProbe:
    """Counts threads at every read, and reads those that changed: BYTES_PER_READ at most, the rest at the next read.

    A thread above LARGEST_THREAD is counted as a thread, but never read. Used by its source's thread alone.
    """

    def __init__(self) -> None:
        self._keyspace = Keyspace(PATTERN, max_keys=MOST_THREADS)
        self._threads: dict[bytes, Thread] = {}

    def collect(self, connection: redis.Redis, now: datetime) -> list[Sample]:
        """The gauges; none until all keys were looked through once. Raises StreamError, SourceDown."""
        for _ in range(1 if self._keyspace.complete else FIRST_PASS_STEPS):
            self._keyspace.advance(connection)
            if self._keyspace.complete:
                break
        if not self._keyspace.complete:
            return []
        facts = [fact for fact in describe(connection, self._keyspace.keys) if fact.kind in _STORAGES]
        present = int(now.timestamp())
        written = {fact.key: present - (LIFETIME - fact.ttl) for fact in facts if fact.ttl is not None}
        self._refresh(connection, facts, written)
        return [*_thread_samples(facts), *self._message_samples(), *_activity_samples(written.values())]

    def _refresh(self, connection: redis.Redis, facts: Sequence[KeyFacts], written: dict[bytes, int]) -> None:
        self._threads = {fact.key: self._threads[fact.key] for fact in facts if fact.key in self._threads}
        chosen: list[KeyFacts] = []
        room = BYTES_PER_READ
        for fact in sorted((f for f in facts if self._changed(f, written)), key=lambda f: f.key in self._threads):
            size = _bytes_of(fact)
            if size <= room:
                chosen.append(fact)
                room -= size
        bodies: dict[bytes, Iterable[Any]] = {}
        for key, raw in strings(connection, chosen, max_bytes=LARGEST_THREAD).items():
            bodies[key] = _entries(raw)
        for key, elements in lists(connection, chosen, max_bytes=LARGEST_THREAD).items():
            bodies[key] = [entry for raw in elements for entry in _element(raw)]
        for fact in chosen:
            mark = (fact.size, written.get(fact.key, 0))
            self._threads[fact.key] = Thread(mark, Counter(map(_role, bodies.get(fact.key, ()))))

    def _changed(self, fact: KeyFacts, written: dict[bytes, int]) -> bool:
        known = self._threads.get(fact.key)
        if known is None:
            return True
        size, at = known.mark
        # TTL is told in whole seconds, so the same write can seem a second apart.
        return size != fact.size or abs(at - written.get(fact.key, 0)) > 1

    def _message_samples(self) -> list[Sample]:
        roles: Counter[str] = Counter(dict.fromkeys(ROLE.values or (), 0))
        for thread in self._threads.values():
            roles.update(thread.roles)
        largest = sorted((thread.roles.total() for thread in self._threads.values()), reverse=True)
        return [
            *(Sample(metrics.CONTEXT_MESSAGES, count, (role,)) for role, count in roles.items()),
            *(
                Sample(metrics.CONTEXT_LARGEST, length, (rank,))
                for rank, length in zip(RANK.values or (), largest, strict=False)
                if length
            ),
        ]


def _thread_samples(facts: Sequence[KeyFacts]) -> list[Sample]:
    counts = Counter(("group" if fact.key.startswith(GROUP_PREFIX) else "user", str(fact.kind)) for fact in facts)
    pairs = [(kind, storage) for kind in _KINDS for storage in _STORAGES]
    return [Sample(metrics.CONTEXT_THREADS, counts[pair], pair) for pair in pairs]


def _activity_samples(written: Iterable[int]) -> list[Sample]:
    newest = max(written, default=None)
    return [] if newest is None else [Sample(metrics.CONTEXT_LAST_ACTIVITY, newest)]


def _bytes_of(fact: KeyFacts) -> int:
    """What reading the thread costs. Of a list only the number of entries is known; `lists` measures it first."""
    size = fact.size or 0
    if fact.kind == "list":
        return LARGEST_THREAD
    return size if size <= LARGEST_THREAD else 0


def _entries(raw: bytes) -> list[Any]:
    try:
        value = load_any(raw)
    except Rejected:
        return []
    return value if isinstance(value, list) else []


def _element(raw: bytes) -> list[Any]:
    try:
        return [load_any(raw)]
    except Rejected:
        return []


def _role(entry: Any) -> str:
    role = entry.get("role") if isinstance(entry, dict) else None
    return ROLE.clamp(role) if isinstance(role, str) else OTHER
