"""How far the two copies of the decision log, Redis' list and PostgreSQL's table, differ.

HER writes each decision to both, the row a few milliseconds later, so that their times never compare equal. What can be
compared exactly is a stretch between two silences: where neither copy has anything for `2 * QUIET` seconds, a decision
and its row lie on the same side. Within a stretch the numbers by type and source must agree; where they do not, one
copy lacks something. A stretch is compared once both copies were read well after its end, the audit of the table
included, so that a late row is not called missing.

Only what happened while both copies were watched is compared: after a restart it begins anew at the next silence.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from exporters.core.contract import Effects, Json, Record, identity
from exporters.her import metrics

QUIET = 1.0
"""Seconds that a decision and its row may be apart by: two clocks of one machine, and a transaction."""

SETTLED_AFTER = 390.0
"""Seconds after which a stretch is compared: the audit's five minutes, a read, and a minute."""

MOST = 100_000
"""Entries kept of both copies; where no silence comes for so long, comparing begins anew."""

Kind = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CopiesState:
    """Committed with the rows. until: everything before was compared, in seconds since the epoch."""

    until: float = 0.0


def encode(state: CopiesState) -> Json:
    """The state as JSON."""
    return {"until": state.until}


def decode(stored: Json) -> CopiesState:
    """The state from JSON."""
    return CopiesState(stored["until"])


@dataclass(slots=True)
class Copy:
    """What was seen of one copy: record -> when and what. read: when it was last read to its end."""

    entries: dict[bytes, tuple[float, Kind]] = field(default_factory=dict)
    first_read: float | None = None
    read: float | None = None


class Copies:
    """Both copies of one deployment. Each is noted by its own source's thread, and compared by that of the table."""

    def __init__(self, *, settled_after: float = SETTLED_AFTER) -> None:
        self.redis = Copy()
        self.rows = Copy()
        self._settled_after = settled_after
        self._lock = threading.Lock()
        self._begin: float | None = None

    def note(self, copy: Copy, record: Record, at: datetime, event_type: str, source: str) -> None:
        """One record was parsed. A record that is read again, because its commit failed, is noted once.

        What is found before the copy was read to its end, history above all, is never compared. Where the other copy
        cannot be read for long, no more than MOST is kept: comparing then begins anew.
        """
        if copy.first_read is None:
            return
        key = blake2b(identity(record), digest_size=16).digest()
        with self._lock:
            if copy.first_read is not None:
                copy.entries[key] = (at.timestamp(), (event_type, source))
                self._bound()

    def was_read(self, copy: Copy, now: datetime) -> None:
        """One copy was read, and there was no more of it."""
        with self._lock:
            copy.read = now.timestamp()
            copy.first_read = copy.first_read or copy.read

    def compare(self, state: CopiesState) -> tuple[CopiesState, Effects]:
        """What is missing in the stretches that have settled since the state's time."""
        effects = Effects()
        with self._lock:
            if None in (self.redis.first_read, self.rows.first_read):
                self._forget(0.0)
                return state, effects
            begin = max(state.until, self._begin or self._watched())
            self._forget(begin)
            settled = min(self.redis.read or 0.0, self.rows.read or 0.0) - self._settled_after
            for end, redis, rows in self._stretches(begin, settled):
                # The first silence is where comparing begins: what lies before it was watched in part.
                if self._begin is None:
                    self._begin = end
                else:
                    _count(effects, redis, rows)
                state = CopiesState(end)
        return state, effects

    def _watched(self) -> float:
        return max(self.redis.first_read or 0.0, self.rows.first_read or 0.0)

    def _stretches(self, begin: float, settled: float) -> Iterator[tuple[float, Counter[Kind], Counter[Kind]]]:
        """Each stretch that ended, with a silence behind it, before `settled`: its end and what each copy has of it."""
        entries = [(at, True, kind) for at, kind in self.redis.entries.values()]
        entries += [(at, False, kind) for at, kind in self.rows.entries.values()]
        entries.sort()
        redis: Counter[Kind] = Counter()
        rows: Counter[Kind] = Counter()
        last = begin
        for at, in_redis, kind in [*entries, (float("inf"), True, ("", ""))]:
            silence_ends = min(at, settled)
            if silence_ends - last >= 2 * QUIET and (redis or rows or self._begin is None):
                yield last + QUIET, redis, rows
                redis, rows = Counter(), Counter()
            if at > settled:
                return
            (redis if in_redis else rows)[kind] += 1
            last = at

    def _forget(self, before: float) -> None:
        for copy in (self.redis, self.rows):
            if before:
                copy.entries = {key: entry for key, entry in copy.entries.items() if entry[0] >= before}
        self._bound()

    def _bound(self) -> None:
        if len(self.redis.entries) + len(self.rows.entries) > MOST:
            self.redis.entries.clear()
            self.rows.entries.clear()
            self._begin = None
            for copy in (self.redis, self.rows):
                copy.first_read = None


def _count(effects: Effects, redis: Counter[Kind], rows: Counter[Kind]) -> None:
    effects.count(metrics.COMPARED_COPIES, amount=redis.total())
    effects.count(metrics.MISSING_COPIES, "postgres", amount=(redis - rows).total())
    effects.count(metrics.MISSING_COPIES, "redis", amount=(rows - redis).total())
