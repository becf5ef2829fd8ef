"""Two ways to look at a Redis list: at once, or entry by entry where that would be too much.

LRANGE has no bound in bytes: 20 entries of 5 MB are 100 MB in the server's output buffer and more in ours. What
`MEMORY USAGE` says is small is read with LRANGE; the rest with single LINDEX, whose texts are hashed and dropped.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from exporters.core.errors import StreamError
from exporters.readers.list_cursor import RecordHash
from exporters.readers.list_place import Counters, Rules, Seen
from exporters.readers.redis_client import Command, reply_of, transaction

_COUNT = re.compile(rb"[0-9]{1,19}")
_CHASE = 64
"""Pushes in between that an entry is followed through before its look is given up."""


@dataclass(frozen=True, slots=True)
class Target:
    """One list and the counters that are read in the same transaction: the companion first, if there is one."""

    key: str | bytes
    counters: tuple[str, ...]
    rules: Rules
    hashed: RecordHash

    def commands(self, last: Command) -> list[Command]:
        """GET each counter, LLEN, and one more."""
        return [*(("GET", name) for name in self.counters), ("LLEN", self.key), last]

    def counted(self, replies: Sequence[Any]) -> tuple[Counters, int]:
        """Counters and length out of the replies. A counter that holds no count is None; the list is read without."""
        length = reply_of(int, replies[len(self.counters)])
        values = {name: self._count(name, reply, length) for name, reply in zip(self.counters, replies, strict=False)}
        return values, length

    def _count(self, name: str, reply: object, length: int) -> int | None:
        if reply is None:  # no INCR so far: 0, but entries that nobody counted have no companion
            return None if name == self.rules.companion and length else 0
        if isinstance(reply, StreamError):
            return None
        value = reply_of(bytes, reply)
        return int(value) if _COUNT.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class Glance:
    """The cheapest look, of one moment: counters, length, newest entry (None: there is none)."""

    counters: Counters
    length: int
    head: bytes | None


def glance(connection: redis.Redis, target: Target) -> Glance:
    """Raises StreamError (wrong_type, no_permission) or SourceDown."""
    replies = transaction(connection, target.commands(("LINDEX", target.key, 0)))
    counters, length = target.counted(replies)
    head = replies[-1]
    return Glance(counters, length, None if head is None else reply_of(bytes, head))


class AtOnce:
    """LRANGE of the newest entries, together with counters and length; each look is a moment of its own."""

    def __init__(self, connection: redis.Redis, target: Target) -> None:
        self._connection, self._target = connection, target
        self._entries: list[bytes] = []

    def look(self, count: int) -> Seen:
        """The newest `count` entries as of now."""
        depth = self._target.rules.depth
        last = ("LRANGE", self._target.key, 0, min(count, depth) - 1)
        replies = transaction(self._connection, self._target.commands(last))
        counters, length = self._target.counted(replies)
        self._entries = [reply_of(bytes, entry) for entry in reply_of(list, replies[-1])]
        hashes = tuple(map(self._target.hashed, self._entries))
        return Seen(hashes, length, counters, complete=len(hashes) >= min(length, depth))

    def reaches(self, index: int) -> bool:
        """Whether `entry` knows the text at this place."""
        return index < len(self._entries)

    def entry(self, index: int, expected: bytes | None) -> bytes | None:  # noqa: ARG002 - as OneByOne has it
        """The entry at this place of the last look."""
        return self._entries[index]


class OneByOne:
    """LINDEX of one entry at a time, all as of the moment of the glance it starts from.

    A push moves every entry to the next place. How far they have moved since the glance is told by the companion, read
    in the same transaction; without one by an entry that is known, the smallest of the newest few: if that one is not
    where it was, both are looked for one place further.
    """

    def __init__(self, connection: redis.Redis, target: Target, start: Glance, keep_bytes: int) -> None:
        self._connection, self._target, self._start, self._keep = connection, target, start, keep_bytes
        name = target.rules.companion
        self._companion = name if name is not None and start.counters[name] is not None else None
        self._shift = 0
        self._kept: deque[tuple[int, bytes]] = deque()
        self._kept_bytes = 0
        self._hashes: list[bytes] = []
        self._anchor, self._anchor_size = 0, 0
        self._ended = start.head is None
        if start.head is not None:
            self._remember(start.head)

    def look(self, count: int) -> Seen:
        """The newest `count` entries there were at the glance. StreamError busy: the list turned over meanwhile."""
        end = min(self._start.length, self._target.rules.depth)
        while not self._ended and len(self._hashes) < min(count, end):
            raw = self._fetch(len(self._hashes))
            if raw is None:
                self._ended = True  # trimmed since the glance
            else:
                self._remember(raw)
        complete = self._ended or len(self._hashes) >= end
        return Seen(tuple(self._hashes), self._start.length, self._start.counters, complete=complete)

    def reaches(self, index: int) -> bool:  # noqa: ARG002 - as AtOnce has it
        """Always: `entry` asks the server."""
        return True

    def entry(self, index: int, expected: bytes | None) -> bytes | None:
        """The entry that was at this place, known by its hash; None: trimmed. StreamError busy: not found any more."""
        kept = next((text for place, text in self._kept if place == index), None)
        if kept is not None:
            return kept
        if self._companion is not None:
            raw = self._counted(index)
            if raw is None or self._is(raw, expected):
                return raw
            raise _too_fast()
        for _ in range(_CHASE):
            raw = self._ask(("LINDEX", self._target.key, index + self._shift))[0]
            if raw is None or self._is(raw, expected):
                return raw
            self._shift += 1
        raise _too_fast()

    def _remember(self, raw: bytes) -> None:
        place = len(self._hashes)
        self._hashes.append(self._target.hashed(raw))
        if place == 0 or (place < _CHASE and len(raw) < self._anchor_size):
            self._anchor, self._anchor_size = place, len(raw)
        # The oldest new entries are wanted first, so that the newest are the ones to forget.
        self._kept.append((place, raw))
        self._kept_bytes += len(raw)
        while self._kept_bytes > self._keep:
            self._kept_bytes -= len(self._kept.popleft()[1])

    def _fetch(self, index: int) -> bytes | None:
        return self._anchored(index) if self._companion is None else self._counted(index)

    def _counted(self, index: int) -> bytes | None:
        name = self._companion or ""
        then = self._start.counters[name] or 0
        for _ in range(_CHASE):
            value, raw = self._ask(("GET", name), ("LINDEX", self._target.key, index + self._shift))
            moved = int(value or 0) - then
            if moved == self._shift:
                return raw
            if moved < 0:
                break
            self._shift = moved
        raise _too_fast()

    def _anchored(self, index: int) -> bytes | None:
        for _ in range(_CHASE):
            known, raw = self._ask(
                ("LINDEX", self._target.key, self._anchor + self._shift),
                ("LINDEX", self._target.key, index + self._shift),
            )
            if known is None:
                break
            if self._is(known, self._hashes[self._anchor]):
                return raw
            self._shift += 1
        raise _too_fast()

    def _ask(self, *commands: Command) -> list[bytes | None]:
        replies = transaction(self._connection, commands)
        return [None if reply is None else reply_of(bytes, reply) for reply in replies]

    def _is(self, raw: bytes, expected: bytes | None) -> bool:
        return expected is None or self._target.hashed(raw) == expected


def _too_fast() -> StreamError:
    return StreamError("busy", "the list changed faster than it could be read")
