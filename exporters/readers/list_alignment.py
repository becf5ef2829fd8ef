"""Where one window of a list lies over another: pure, on hashes.

A list that is only pushed at the new end and trimmed at the old end is read by position: between two looks j entries
were taken back (the server came up from files that lacked its last writes) and k were pushed.

    prev   p0 p1 p2 p3 p4 p5            newest first
    cur    n0 n1 n2 p1 p2 p3 p4         j = 1 taken back (p0), k = 3 new

A single entry as anchor loses entries silently as soon as payloads repeat; an alignment that only allows k counted 32
where 2 were new after a power cut.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

HASH_BYTES = 16


@dataclass(frozen=True, slots=True)
class Alignment:
    """cur[new:] equals prev[rolled_back:] over their common length `overlap` (at least 1).

    witnesses: matched pairs whose hash occurs once in either window; eight in a row cannot be an accident, and none at
    all means that the payloads repeat and other alignments would fit as well. distinct: neither window has any hash
    twice. on_diagonal: new - rolled_back is what the companion counter says.
    """

    rolled_back: int
    new: int
    overlap: int
    witnesses: int
    distinct: bool
    on_diagonal: bool


def align(prev: Sequence[bytes], cur: Sequence[bytes], *, delta: int | None = None, floor: int = 0) -> Alignment | None:
    """The alignment with the smallest rolled_back + new, and of two equals the one that takes less back.

    prev, cur: hashes of 16 bytes, newest first; either may be only the newest part of its list, and the old end may
    have been trimmed since, so that they are compared over their common length. delta: the growth of a counter of
    pushes; alignments with new - rolled_back == delta go before all others. floor: at least so many are new (the list
    grew by them). None: no entry of one is in the other, in place.

    Cost: linear but for windows made of a few repeated payloads, where each equal end is one more candidate, compared
    as bytes (2000 x 2000 of them: milliseconds).
    """
    if not prev or not cur:
        return None
    windows = _Windows(prev, cur, floor)
    if delta is not None:
        found = windows.on_diagonal(delta)
        if found is not None:
            return windows.alignment(found, delta, on_diagonal=True)
    best: tuple[int, int, int] | None = None
    for diagonal in sorted(windows.diagonals(), key=lambda diagonal: _least(diagonal, floor)):
        if best is not None and _least(diagonal, floor) > best[0]:
            break
        found = windows.on_diagonal(diagonal)
        if found is not None:
            candidate = (2 * found + diagonal, found, diagonal)
            best = candidate if best is None else min(best, candidate)
    if best is None:
        return None
    return windows.alignment(best[1], best[2], on_diagonal=best[2] == delta)


def align_distinct(prev: Sequence[bytes], cur: Sequence[bytes], *, delta: int | None = None) -> Alignment | None:
    """The alignment on the newest entry that both windows hold, whatever lies below it.

    For windows with holes: prev remembers what was seen, and entries that had passed unread may be in sight again when
    a server comes up from older files. None if either window has a hash twice, or nothing is in both.
    """
    places = {item: place for place, item in enumerate(prev)}
    if len(places) != len(prev) or len(set(cur)) != len(cur):
        return None
    for new, item in enumerate(cur):
        rolled_back = places.get(item)
        if rolled_back is not None:
            common = sum(known in places for known in cur[new:])
            overlap = min(len(prev) - rolled_back, len(cur) - new)
            return Alignment(rolled_back, new, overlap, common, distinct=True, on_diagonal=new - rolled_back == delta)
    return None


def _least(diagonal: int, floor: int) -> int:
    """The smallest rolled_back + new on new - rolled_back == diagonal."""
    rolled_back = max(0, -diagonal, floor - diagonal)
    return 2 * rolled_back + diagonal


class _Windows:
    """Two windows, also as one string of bytes each: slices of those compare at the speed of memcmp."""

    def __init__(self, prev: Sequence[bytes], cur: Sequence[bytes], floor: int) -> None:
        self.prev, self.cur, self.floor = prev, cur, floor
        self._prev, self._cur = b"".join(prev), b"".join(cur)

    def diagonals(self) -> set[int]:
        """new - rolled_back of every alignment there can be: the overlap ends where one of the windows ends."""
        prev_last, cur_last = self.prev[-1], self.cur[-1]
        before, after = len(self.prev) - 1, len(self.cur) - 1
        ends = {after - place for place, item in enumerate(self.prev) if item == cur_last}
        return ends | {place - before for place, item in enumerate(self.cur) if item == prev_last}

    def on_diagonal(self, diagonal: int) -> int | None:
        """The smallest rolled_back from which on everything matches, None if not even the oldest pair does."""
        low = max(0, -diagonal, self.floor - diagonal)
        end = min(len(self.prev), len(self.cur) - diagonal)
        if end <= low or not self._equal(end - 1, end, diagonal):
            return None
        if self._equal(low, end, diagonal):
            return low
        wrong, right = low, end - 1  # [right, end) matches, [wrong, end) does not
        while right - wrong > 1:
            middle = (wrong + right) // 2
            if self._equal(middle, right, diagonal):
                right = middle
            else:
                wrong = middle
        return right

    def _equal(self, start: int, end: int, diagonal: int) -> bool:
        here, there = start * HASH_BYTES, end * HASH_BYTES
        shift = diagonal * HASH_BYTES
        return self._prev[here:there] == self._cur[here + shift : there + shift]

    def alignment(self, rolled_back: int, diagonal: int, *, on_diagonal: bool) -> Alignment:
        new = rolled_back + diagonal
        overlap = min(len(self.prev) - rolled_back, len(self.cur) - new)
        matched = self.prev[rolled_back : rolled_back + overlap]
        distinct = len(set(self.prev)) == len(self.prev) and len(set(self.cur)) == len(self.cur)
        witnesses = overlap if distinct else self._witnesses(matched)
        return Alignment(rolled_back, new, overlap, witnesses, distinct, on_diagonal)

    def _witnesses(self, matched: Sequence[bytes]) -> int:
        before, after = Counter(self.prev), Counter(self.cur)
        return sum(before[item] == 1 == after[item] for item in matched)
