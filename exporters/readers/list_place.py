"""The values that the books of a list are kept in: what is known of it, where a reader stands, what a look showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Counters = Mapping[str, int | None]
"""Values of companion and accumulators; None: the key holds something that is no count."""

PROOF = 8
"""So many matched entries that occur once each prove an alignment, whatever the rest of the list holds."""

HISTORY = 256
"""Hashes kept of entries that were trimmed: a server that comes up from older files shows them again."""

_LEAST_DEPTH = 10_000


@dataclass(frozen=True, slots=True)
class Rules:
    """What is known about a list. repeats: identical entries are normal."""

    cap: int
    companion: str | None = None
    repeats: bool = False

    @property
    def depth(self) -> int:
        """Entries looked at. Only a list that nobody trims is longer; what lies deeper counts as lost."""
        return max(_LEAST_DEPTH, 4 * self.cap)

    @property
    def memory(self) -> int:
        """Hashes remembered beyond what the list holds. Where entries repeat they would suggest false alignments."""
        return 0 if self.repeats else self.cap + HISTORY


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader stands: what a cursor holds.

    hashes: newest first, as of the last look, with a memory of trimmed ones. length: of the list then. pending: of the
    newest, so many are not emitted yet. unsettled: counters whose totals are None until pending is 0.
    """

    hashes: tuple[bytes, ...] = ()
    length: int = 0
    pending: int = 0
    counters: Counters = field(default_factory=dict)
    unsettled: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Seen:
    """One look, all of one moment. hashes: the newest entries; complete: they are all there is (to the depth)."""

    hashes: Sequence[bytes]
    length: int
    counters: Counters
    complete: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What a look changes. place.pending counts the new entries too: nothing is emitted yet."""

    place: Place
    lost: int
    gap: bool
    totals: Counters
