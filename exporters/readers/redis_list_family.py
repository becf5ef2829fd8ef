"""Capped Redis lists of one pattern (one per user, say) as one stream.

Keys are found by SCAN in small steps, so a list is read some polls after it appears. Each is aligned by itself. The
cursor names a key by a keyed hash of its name, as names carry user ids; the names are found again after a restart.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

import redis

from exporters.core.contract import Batch, Json
from exporters.core.errors import StreamError
from exporters.readers import list_cursor
from exporters.readers.list_cursor import RecordHash
from exporters.readers.list_place import Place
from exporters.readers.redis_keyspace import Keyspace
from exporters.readers.redis_list import RedisList

_SEARCHED = 10
"""Keys remembered, in multiples of max_keys: more than are read, so that those read already are found among them."""


@dataclass(slots=True)
class _Stand:
    """What the cursor holds. places: by hash of the key's name. complete: every key there was has been read once.

    unreadable: keys that hold no list. over: there are more keys than are read.
    """

    places: dict[str, Place] = field(default_factory=dict)
    complete: bool = False
    unreadable: set[str] = field(default_factory=set)
    over: bool = False


class RedisListFamily:
    """Reads all lists of a pattern. A `StreamReader` of `redis.Redis`.

    pattern: as SCAN's MATCH takes it. cap, hash_key, max_poll_bytes, max_batch_records: as in `RedisList`, of each list
    and of each batch. repeats: identical entries are normal. max_keys: at most so many lists are read; when there are
    more, those read so far go on and the rest is one flagged gap. keys_per_read: lists read in one go.

    Flagged as gaps too, each once: a list that was deleted (SCAN shows it some polls later), a key that holds no list
    (its siblings are read on), a list that is as long as the cap when it is first seen after all others were read.
    The first read ever waits for a full pass of SCAN; until then batches are empty and have `more`.
    """

    def __init__(
        self,
        *,
        pattern: str,
        cap: int,
        hash_key: bytes,
        repeats: bool = True,
        max_keys: int = 256,
        keys_per_read: int = 32,
        max_poll_bytes: int = 8 * 1024 * 1024,
        max_batch_records: int = 1000,
    ) -> None:
        self._list = RedisList(
            key=pattern,
            cap=cap,
            hash_key=hash_key,
            repeats=repeats,
            max_poll_bytes=max_poll_bytes,
            max_batch_records=max_batch_records,
        )
        self._named = RecordHash(hash_key, person=b"key name")
        self._keyspace = Keyspace(pattern, max_keys=_SEARCHED * max_keys)
        self._max_keys, self._per_read = max_keys, keys_per_read
        self._round: deque[bytes] = deque()

    def read(self, connection: redis.Redis, cursor: Json, now: datetime) -> Batch:
        """The next few lists' new entries: oldest first within a list. Raises StreamError or SourceDown."""
        stand = _decode(cursor)
        if not stand.complete and not self._keyspace.complete:
            self._keyspace.advance(connection)
            return Batch(records=[], next_cursor=cursor, as_of=now, more=True)
        lost, gap = 0, False
        if not self._round:
            lost, gap = self._start_round(connection, stand)
        records: list[bytes] = []
        size = 0
        for _ in range(min(self._per_read, len(self._round))):
            room = self._list.max_poll_bytes - size
            if room <= 0 or len(records) >= self._list.max_batch_records:
                break
            key = self._round.popleft()
            name = self._name(key)
            before = stand.places.get(name, Place() if stand.complete else None)
            try:
                reading = self._list.read_place(
                    connection, before, key=key, records=self._list.max_batch_records - len(records), size=room
                )
            except StreamError as error:
                if error.reason != "wrong_type":
                    raise
                gap |= name not in stand.unreadable
                stand.unreadable.add(name)
                continue
            stand.unreadable.discard(name)
            stand.places[name] = reading.place
            records += reading.records
            size += reading.size
            lost += reading.lost
            gap |= reading.gap
            if reading.place.pending:
                self._round.appendleft(key)
                break
        stand.complete |= not self._round
        return Batch(records=records, next_cursor=_encode(stand), as_of=now, lost=lost, gap=gap, more=bool(self._round))

    def _name(self, key: bytes) -> str:
        return self._named(key).hex()

    def _start_round(self, connection: redis.Redis, stand: _Stand) -> tuple[int, bool]:
        """Look for keys, forget those that are gone, and line up what is to be read. Returns (lost, gap)."""
        lost, gap = 0, False
        ended = self._keyspace.advance(connection)
        names = {self._name(key): key for key in self._keyspace.keys}
        if ended and not self._keyspace.truncated:
            for name in stand.places.keys() - names.keys():
                place = stand.places.pop(name)
                lost += place.pending
                gap |= place.length > 0
            stand.unreadable &= names.keys()
        known = [key for name, key in names.items() if name in stand.places]
        others = [key for name, key in names.items() if name not in stand.places]
        self._round.extend(known)
        self._round.extend(others[: max(0, self._max_keys - len(stand.places))])
        over = len(stand.places) + len(others) > self._max_keys or self._keyspace.truncated
        gap |= over and not stand.over
        stand.over = over
        return lost, gap


def _encode(stand: _Stand) -> Json:
    return {
        "v": list_cursor.VERSION,
        "keys": {name: list_cursor.encode(place) for name, place in sorted(stand.places.items())},
        "complete": stand.complete,
        "unreadable": sorted(stand.unreadable),
        "over": stand.over,
    }


def _decode(cursor: Json) -> _Stand:
    if cursor is None:
        return _Stand()
    if not isinstance(cursor, dict) or cursor.get("v") != list_cursor.VERSION:
        raise StreamError("defect", "the cursor is of another version of this program")
    places = {name: place for name, value in cursor["keys"].items() if (place := list_cursor.decode(value))}
    return _Stand(places, cursor["complete"], set(cursor["unreadable"]), cursor["over"])
