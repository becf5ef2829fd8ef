"""A capped Redis list (LPUSH, then LTRIM) as a stream: every entry once, and an exact number for what was lost.

One read, in commands:

    MULTI; GET companion; LLEN key; LINDEX key 0; EXEC        unchanged? then this was all
    MEMORY USAGE key SAMPLES 0                                how much would LRANGE bring?
    MULTI; GET companion; LLEN key; LRANGE key 0 31; EXEC     then 127, … until the place of the last read is proven

The texts of entries leave this module in `Batch.records` only: the cursor holds keyed hashes, errors hold neither.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import redis

from exporters.core.contract import Batch, Json
from exporters.core.errors import StreamError
from exporters.readers import list_cursor
from exporters.readers.list_cursor import RecordHash
from exporters.readers.list_ledger import account, stay
from exporters.readers.list_looks import AtOnce, Glance, OneByOne, Target, glance
from exporters.readers.list_place import PROOF, Place, Rules, Step
from exporters.readers.redis_client import exchange

FIRST_LOOK = 32
_WIDER = 4
_FIRST_SINGLES = PROOF + 1
_MORE_SINGLES = 1.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What one read of a list brought: `Batch` with the place not yet encoded, and the records' size in bytes."""

    records: list[bytes]
    size: int
    place: Place
    lost: int
    gap: bool
    totals: Mapping[str, int | None]


@dataclass(frozen=True, kw_only=True, eq=False)
class RedisList:
    """Reads one list. A `StreamReader` of `redis.Redis`.

    key: the list, newest entry at index 0. cap: what its writer trims it to. companion: a counter that its writer
    raises by 1 in the transaction of each push; with it `lost` is exact. accumulators: further counters of that
    transaction, reported in `totals` with the companion. hash_key: keys the hashes in the cursor, 16 bytes or more.
    max_poll_bytes: what one LRANGE, and one batch, may bring; a single larger entry still comes, alone.
    repeats: identical entries are normal, so that an unchanged head and length prove nothing.

    A batch that is bounded has `more`; what it reports as lost, gap and totals is not reported again by the next one.
    While the newest entry is huge every poll reads it anew: LINDEX is the only proof that it still is the newest.
    """

    key: str
    cap: int
    hash_key: bytes = field(repr=False)
    companion: str | None = None
    accumulators: tuple[str, ...] = ()
    repeats: bool = False
    max_poll_bytes: int = 8 * 1024 * 1024
    max_batch_records: int = 1000
    _target: Target = field(init=False, repr=False)
    # The runner hands back the very cursor it was given: its 2000 hashes need not be decoded at each poll.
    _decoded: list[tuple[Json, Place | None]] = field(init=False, repr=False, default_factory=lambda: [(None, None)])
    _unmeasured: list[weakref.ref[redis.Redis]] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if self.cap < 1 or self.max_poll_bytes < 1 or self.max_batch_records < 1:
            msg = f"{self.key}: cap, max_poll_bytes and max_batch_records must be 1 or more"
            raise ValueError(msg)
        rules = Rules(self.cap, self.companion, self.repeats)
        counters = ((self.companion,) if self.companion else ()) + self.accumulators
        object.__setattr__(self, "_target", Target(self.key, counters, rules, RecordHash(self.hash_key)))

    def read(self, connection: redis.Redis, cursor: Json, now: datetime) -> Batch:
        """Everything after the cursor, oldest first. Raises StreamError or SourceDown.

        lost: exact with a companion; without one, only entries that were seen and trimmed before they were emitted.
        totals: empty when nothing moved.
        """
        known, place = self._decoded[0]
        before = place if cursor is known else list_cursor.decode(cursor)
        reading = self.read_place(connection, before)
        unchanged = reading.place == before
        next_cursor = cursor if unchanged else list_cursor.encode(reading.place)
        self._decoded[0] = (next_cursor, reading.place)
        return Batch(
            records=reading.records,
            next_cursor=next_cursor,
            as_of=now,
            lost=reading.lost,
            gap=reading.gap,
            more=reading.place.pending > 0,
            totals={} if unchanged else reading.totals,
        )

    def read_place(
        self,
        connection: redis.Redis,
        before: Place | None,
        *,
        key: bytes | None = None,
        records: int | None = None,
        size: int | None = None,
    ) -> Reading:
        """`read` on places. key: another list with the same rules. records, size: tighter bounds of this batch."""
        target = self._target if key is None else replace(self._target, key=key)
        seen = glance(connection, target)
        same = before is not None and self._same(before, seen)
        large = self._is_large(connection, target) if not same or (before is not None and before.pending) else False
        looks = OneByOne(connection, target, seen, self.max_poll_bytes) if large else AtOnce(connection, target)
        if before is not None and same and (large or not before.pending):
            step = stay(before, seen.counters)
        else:
            step = self._step(before, looks, self._pushed(before, seen))
        return _emitted(step, looks, records or self.max_batch_records, size or self.max_poll_bytes)

    def _same(self, before: Place, seen: Glance) -> bool:
        """Nothing was pushed or taken back. Proven by the newest entry, as long as no other entry is like it."""
        if seen.length != before.length or (self.repeats and seen.length):
            return False
        if self.companion is not None and seen.counters[self.companion] != before.counters.get(self.companion):
            return False
        return seen.head is None or self._target.hashed(seen.head) == before.hashes[0]

    def _pushed(self, before: Place | None, seen: Glance) -> int:
        """How many entries the companion says are new; 0 where it cannot say."""
        then = before.counters.get(self.companion) if before is not None and self.companion is not None else None
        now = seen.counters[self.companion] if self.companion is not None else None
        return max(0, now - then) if then is not None and now is not None else 0

    def _step(self, before: Place | None, looks: AtOnce | OneByOne, pushed: int) -> Step:
        single = isinstance(looks, OneByOne)
        depth = self._target.rules.depth
        pending = before.pending if before is not None else depth
        enough = min(pushed, depth) + PROOF
        count = max(_FIRST_SINGLES, enough) if single else max(FIRST_LOOK, pending + enough)
        while True:
            seen = looks.look(count)
            step = account(before, seen, self._target.rules)
            if step is not None and (step.place.pending == 0 or looks.reaches(step.place.pending - 1)):
                return step
            count = int(count * _MORE_SINGLES) if single else count * _WIDER

    def _is_large(self, connection: redis.Redis, target: Target) -> bool:
        """Whether LRANGE could bring more than is good. An account that may not ask reads entry by entry.

        The server counts compressed nodes (`list-compress-depth`, off by default) as they are, compressed.
        """
        if any(known() is connection for known in self._unmeasured):
            return True
        reply = exchange(connection, [("MEMORY", "USAGE", target.key, "SAMPLES", 0)])[0]
        if isinstance(reply, StreamError):
            if reply.reason != "no_permission":
                raise reply
            self._unmeasured[:] = [weakref.ref(connection)]  # each refusal fills the server's ACL LOG
            return True
        return isinstance(reply, int) and reply > self.max_poll_bytes


def _emitted(step: Step, looks: AtOnce | OneByOne, records: int, size: int) -> Reading:
    """The oldest pending entries, as many as the bounds allow, and at least one."""
    place, lost = step.place, step.lost
    pending, batch, total = place.pending, list[bytes](), 0
    while pending and len(batch) < records:
        expected = place.hashes[pending - 1] if pending <= len(place.hashes) else None
        try:
            raw = looks.entry(pending - 1, expected)
        except StreamError:
            if not batch:
                raise
            break
        if raw is None:
            lost += 1
        elif batch and total + len(raw) > size:
            break
        else:
            batch.append(raw)
            total += len(raw)
        pending -= 1
    place = replace(place, pending=pending, unsettled=place.unsettled if pending else frozenset())
    return Reading(batch, total, place, lost, step.gap, step.totals)
