"""Memories added up from what the server counted, in room that grows with their owners and not with their number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from math import ceil, fsum

from exporters.core.contract import Sample
from exporters.core.label import OTHER
from exporters.her import sql_metrics as m
from exporters.her.labels import RANK, THREAD_KIND
from exporters.her.names import member
from exporters.her.sql_views import WINDOWS

Counted = tuple[str, str | None, int]
"""Part of a memory, its text as the table has it, and how many memories have it."""

CATEGORIES_SHOWN = 20
MOST_CATEGORIES = 10_000
"""Different ones kept in mind at a time: the model makes them up."""
FROM_THE_FUTURE = timedelta(days=1)
"""Beyond the clocks of two machines; what claims to be later has no time that could be believed."""


class MemoryTally:
    """Takes counts of one part of the table after the other, and gives the gauges of all of it. now: aware."""

    def __init__(self, now: datetime) -> None:
        self._today = now.astimezone(UTC).date()
        self._latest = now + FROM_THE_FUTURE
        self._windows = [(window, now - back) for window, back in WINDOWS.items()]
        self._total = 0
        self._owners: Counter[str] = Counter()
        self._categories: Counter[str] = Counter()
        self._bands: Counter[str] = Counter()
        self._days: Counter[int] = Counter()
        self._made: Counter[str] = Counter()
        self._without: Counter[str] = Counter()
        self._shares: Counter[float] = Counter()
        self._newest: datetime | None = None
        self._takers = {
            "owner": self._count_owner,
            "category": self._count_category,
            "importance": self._count_importance,
            "created": self._count_time,
        }

    def add(self, counted: Iterable[Counted]) -> None:
        """Add these. Each memory has every part, if only NULL."""
        for part, text, count in counted:
            self._takers[part](text, count)

    def samples(self) -> list[Sample]:
        """The gauges. What there are known kinds of is 0 where none was found; means and moments are absent."""
        rated = self._total - self._without["importance"]
        # In whatever order the server told them, the same sum.
        importance = fsum(share * count for share, count in self._shares.items())
        sizes = Counter(map(_size, self._owners.values()))
        kinds = Counter("group" if owner.startswith("group:") else "user" for owner in self._owners)
        ranks = zip(RANK.values or (), (count for _, count in self._owners.most_common(10)), strict=False)
        return [
            Sample(m.MEMORIES, self._total),
            *([Sample(m.MEMORY_IMPORTANCE, importance / rated)] if rated else []),
            *([] if self._newest is None else [Sample(m.MEMORY_NEWEST, self._newest.timestamp())]),
            *(Sample(m.MEMORY_OWNERS, kinds[kind], (kind,)) for kind in THREAD_KIND.values or ()),
            *(Sample(m.MEMORY_OWNER_SIZES, sizes[size], (size,)) for size in m.SIZE.values or ()),
            *(Sample(m.MEMORY_LARGEST, count, (rank,)) for rank, count in ranks),
            *(Sample(m.MEMORY_BANDS, self._bands[band], (band,)) for band in m.BAND.values or ()),
            *(Sample(m.MEMORY_DAYS, self._days[int(day)], (day,)) for day in m.DAYS_AGO.values or ()),
            *(Sample(m.MEMORY_CREATED, self._made[window], (window,)) for window in m.WINDOW.values or ()),
            *(Sample(m.MEMORY_WITHOUT, self._without[part], (part,)) for part in m.PART.values or ()),
            *self._category_samples(),
        ]

    def _count_owner(self, owner: str | None, count: int) -> None:
        self._total += count
        if owner is None:
            self._without["user"] += count
        else:
            self._owners[owner] += count

    def _count_category(self, category: str | None, count: int) -> None:
        if category is None:
            self._without["category"] += count
            category = "uncategorized"
        name = member(category)
        known = name in self._categories or len(self._categories) < MOST_CATEGORIES
        self._categories[name if known else OTHER] += count

    def _count_importance(self, text: str | None, count: int) -> None:
        share = _share(text)
        if share is None:
            self._without["importance"] += count
            return
        self._shares[share] += count
        # Rounded first: a number that came out of a calculation lies beside its band's edge.
        self._bands[f"{max(1, ceil(round(share * 10, 9))) / 10:.1f}"] += count

    def _count_time(self, text: str | None, count: int) -> None:
        at = _time(text)
        if at is None or at > self._latest:
            self._without["created"] += count
            return
        self._newest = at if self._newest is None else max(at, self._newest)
        self._days[max(0, (self._today - at.date()).days)] += count
        for window, beginning in self._windows:
            if at > beginning:
                self._made[window] += count

    def _category_samples(self) -> list[Sample]:
        ranked = sorted(self._categories.items(), key=lambda item: (-item[1], item[0]))
        shown = dict(ranked[:CATEGORIES_SHOWN])
        if rest := self._total - sum(shown.values()):
            shown[OTHER] = shown.get(OTHER, 0) + rest
        return [Sample(m.MEMORY_CATEGORIES, count, (name,)) for name, count in shown.items()]


def _share(text: str | None) -> float | None:
    """A number from 0 to 1; None for everything else."""
    try:
        number = float(text) if text is not None else -1.0
    except ValueError:
        return None
    return number if 0 <= number <= 1 else None


def _time(text: str | None) -> datetime | None:
    """A time that says which, in UTC; None for everything else."""
    try:
        at = datetime.fromisoformat(text) if text is not None else None
        # The year 1 in a zone east of here has no time in UTC.
        return at.astimezone(UTC) if at is not None and at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def _size(count: int) -> str:
    edges = ((1, "1"), (5, "2-5"), (20, "6-20"), (100, "21-100"))
    return next((name for edge, name in edges if count <= edge), "over-100")
