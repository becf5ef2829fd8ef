"""Which keys of a pattern exist, found by SCAN in small steps, and what they are. Never KEYS.

SCAN shows the names of all keys of the database to whoever may run it, and only names: the account's grant still
decides what can be read. Names may carry user ids, and are for use inside the program only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, cast, get_args

import redis

from exporters.core.errors import SourceDown, StreamError
from exporters.readers.redis_client import Command, exchange, reply_of

Kind = Literal["string", "list", "set", "zset", "hash", "stream", "other"]

_PIPELINE = 100
"""Keys asked about in one round trip: their answers are a few kilobytes."""

_SIZES: Mapping[str | None, str] = {"string": "STRLEN", "list": "LLEN", "set": "SCARD"}


class Keyspace:
    """The keys of one pattern, brought up to date a few steps at a time.

    pattern: as MATCH takes it. max_keys: more are not remembered, and `truncated` says so. steps, count: SCAN calls per
    `advance`, and how many keys each may visit (about 30 us per 100).
    """

    def __init__(self, pattern: str, *, max_keys: int = 10_000, steps: int = 4, count: int = 100) -> None:
        self._pattern, self._max, self._steps, self._count = pattern, max_keys, steps, count
        self._cursor = 0
        self._pass: set[bytes] = set()
        self._last: frozenset[bytes] = frozenset()
        self._overflow = self._truncated = False
        self._complete = False

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Sorted: those of the last full pass, and those the present pass has found so far."""
        return tuple(sorted(self._last | self._pass)[: self._max])

    @property
    def complete(self) -> bool:
        """Whether a full pass has ended: a key that is not in `keys` did not exist then."""
        return self._complete

    @property
    def truncated(self) -> bool:
        """Whether there are more than max_keys."""
        return self._overflow or self._truncated

    def advance(self, connection: redis.Redis) -> bool:
        """A few SCAN steps. True when a full pass has ended with this call: what it did not find is forgotten."""
        for _ in range(self._steps):
            command: Command = ("SCAN", self._cursor, "MATCH", self._pattern, "COUNT", self._count)
            self._cursor, found = _scanned(exchange(connection, [command])[0])
            for key in found:
                if len(self._pass) < self._max or key in self._pass:
                    self._pass.add(key)
                else:
                    self._overflow = True
            if self._cursor == 0:
                self._last, self._pass = frozenset(self._pass), set()
                self._truncated, self._overflow = self._overflow, False
                self._complete = True
                return True
        return False


def _scanned(reply: Any) -> tuple[int, list[bytes]]:
    if isinstance(reply, StreamError):
        raise reply
    if not isinstance(reply, (list, tuple)) or len(reply) != 2 or not isinstance(reply[1], list):
        raise SourceDown("protocol", "SCAN was answered with something else")
    return int(reply[0]), [reply_of(bytes, key) for key in reply[1]]


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key. size: bytes of a string, entries of a list or set, None otherwise. ttl: seconds, None for no expiry."""

    key: bytes
    kind: Kind
    ttl: int | None
    size: int | None


def describe(connection: redis.Redis, keys: Iterable[bytes]) -> list[KeyFacts]:
    """Type, time to live and size of each key; those that are gone, or went while they were asked about, are left out.

    Two round trips per 100 keys. Raises StreamError no_permission, or SourceDown.
    """
    facts: list[KeyFacts] = []
    for chunk in _chunks(keys):
        replies = exchange(connection, [command for key in chunk for command in (("TYPE", key), ("TTL", key))])
        kinds = [_kind(reply) for reply in replies[::2]]
        ttls = [reply_of(int, reply) for reply in replies[1::2]]
        sized = [(key, _SIZES[kind]) for key, kind in zip(chunk, kinds, strict=True) if kind in _SIZES]
        answers = exchange(connection, [(command, key) for key, command in sized]) if sized else []
        sizes = {key: _unless_changed(int, reply) for (key, _), reply in zip(sized, answers, strict=True)}
        for key, kind, ttl in zip(chunk, kinds, ttls, strict=True):
            changed = key in sizes and sizes[key] is None
            emptied = kind != "string" and sizes.get(key) == 0  # Redis has no empty lists and sets
            if kind is None or ttl == -2 or changed or emptied:
                continue
            facts.append(KeyFacts(key, kind, ttl if ttl >= 0 else None, sizes.get(key)))
    return facts


def hashes(connection: redis.Redis, keys: Iterable[bytes]) -> dict[bytes, dict[bytes, bytes]]:
    """The fields of each hash among the keys; whatever is no hash, or is gone, is left out."""
    found: dict[bytes, dict[bytes, bytes]] = {}
    for chunk in _chunks(keys):
        replies = exchange(connection, [("HGETALL", key) for key in chunk])
        for key, reply in zip(chunk, replies, strict=True):
            fields = _unless_changed(dict, reply)
            if fields:
                found[key] = fields
    return found


def strings(connection: redis.Redis, facts: Iterable[KeyFacts], *, max_bytes: int) -> dict[bytes, bytes]:
    """The values of the strings among the facts, a round trip per max_bytes; larger ones are left out."""
    wanted = [fact for fact in facts if fact.kind == "string" and fact.size is not None and fact.size <= max_bytes]
    found: dict[bytes, bytes] = {}
    for group in _groups(wanted, max_bytes):
        for key, reply in zip(group, exchange(connection, [("GET", key) for key in group]), strict=True):
            value = None if reply is None else _unless_changed(bytes, reply)
            if value is not None:
                found[key] = value
    return found


def lists(connection: redis.Redis, facts: Iterable[KeyFacts], *, max_bytes: int) -> dict[bytes, list[bytes]]:
    """The entries of the lists among the facts, index 0 first; larger ones, by MEMORY USAGE, are left out.

    So are all of them where the account may not ask for MEMORY USAGE.
    """
    found: dict[bytes, list[bytes]] = {}
    for chunk in _chunks(fact.key for fact in facts if fact.kind == "list"):
        sizes = exchange(connection, [("MEMORY", "USAGE", key, "SAMPLES", 0) for key in chunk])
        small = [
            KeyFacts(key, "list", None, size) for key, size in zip(chunk, sizes, strict=True) if isinstance(size, int)
        ]
        for group in _groups([fact for fact in small if (fact.size or 0) <= max_bytes], max_bytes):
            replies = exchange(connection, [("LRANGE", key, 0, -1) for key in group])
            for key, reply in zip(group, replies, strict=True):
                entries = _unless_changed(list, reply)
                if entries:
                    found[key] = [reply_of(bytes, entry) for entry in entries]
    return found


def _kind(reply: object) -> Kind | None:
    name = reply_of(bytes, reply).decode("ascii", "replace")
    if name == "none":
        return None
    return cast("Kind", name) if name in get_args(Kind) else "other"


def _unless_changed(kind: type[Any], reply: object) -> Any:
    """The reply, or None if the key holds another type than a moment ago."""
    if isinstance(reply, StreamError) and reply.reason == "wrong_type":
        return None
    return reply_of(kind, reply)


def _chunks(keys: Iterable[bytes]) -> Iterator[Sequence[bytes]]:
    source = iter(keys)
    while chunk := tuple(islice(source, _PIPELINE)):
        yield chunk


def _groups(facts: Sequence[KeyFacts], max_bytes: int) -> Iterator[Sequence[bytes]]:
    """Keys whose values together stay within max_bytes, and within a pipeline."""
    group: list[bytes] = []
    total = 0
    for fact in facts:
        if group and (total + (fact.size or 0) > max_bytes or len(group) == _PIPELINE):
            yield group
            group, total = [], 0
        group.append(fact.key)
        total += fact.size or 0
    if group:
        yield group
