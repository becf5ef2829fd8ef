"""SigmaSight's life: which stories are told how often, live at a chosen pace, or at once as history."""

import heapq
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

import psycopg

from exporters.sigmasight.simulate_batch import nightly
from exporters.sigmasight.simulate_company import Company
from exporters.sigmasight.simulate_pen import Story
from exporters.sigmasight.simulate_upkeep import aggregate

Teller = Callable[[Company], Story]

# How often each story stands in the deck. A deck is dealt to its end before the next one is shuffled, so whatever can
# happen has happened after one deck.
DECK: Final[tuple[tuple[int, Teller], ...]] = (
    (24, Company.question),
    (3, Company.failure),
    (2, Company.rowless),
    (2, Company.arrival),
    (2, Company.visit),
    (1, Company.stumble),
    (2, Company.desk),
    (2, Company.calculation),
    (1, Company.tidy),
)
CALM_DECK: Final[tuple[tuple[int, Teller], ...]] = (
    (60, Company.question),
    (1, Company.failure),
    (1, Company.rowless),
    (2, Company.arrival),
    (2, Company.visit),
    (1, Company.stumble),
    (2, Company.desk),
    (1, Company.calculation),
    (1, Company.tidy),
)
"""The same on calm days."""
ROWS_PER_STORY: Final = 4.0
LONGEST_WAIT_SECONDS: Final = 0.25
OUTAGE_WAIT_SECONDS: Final = 0.5
NIGHT: Final = timedelta(hours=23, minutes=30)
"""When the cron process runs, by UTC, from Monday to Friday."""
WEEKDAYS: Final = range(5)
QUIET_TAIL: Final = timedelta(minutes=2)
"""History ends before life begins."""
LONGEST_STORY: Final = timedelta(minutes=13)
"""None begins later than this before the end of history."""


def stories(company: Company) -> Iterator[Story]:
    """An endless mix, deck after deck."""
    while True:
        deck = [teller for times, teller in (CALM_DECK if company.habits.calm else DECK) for _ in range(times)]
        company.pen.rng.shuffle(deck)
        for teller in deck:
            yield teller(company)


def backfill(
    company: Company, days: float, *, stories_per_day: float, aggregated: float, stop: threading.Event
) -> None:
    """A past of `days` that ends two minutes ago. aggregated: share of the days that somebody aggregated.

    One transaction per day and database: history is written, not lived.
    """
    pen = company.pen
    end = pen.db_now() - QUIET_TAIL
    at = end - timedelta(days=days)
    told = stories(company)
    while at < end and not stop.is_set():
        midnight = datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), datetime.min.time(), UTC)
        until = min(midnight, end)
        with pen.core.transaction(), pen.ai.transaction():
            _day(company, told, at, min(until, end - LONGEST_STORY), stories_per_day)
            if aggregated and until == midnight and pen.rng.random() < aggregated:
                pen.move_to(min(midnight + timedelta(hours=8), end))
                aggregate(pen, midnight.date() - timedelta(days=1))
                pen.move_to(None)
        at = until


def _day(company: Company, told: Iterator[Story], start: datetime, until: datetime, per_day: float) -> None:
    """The stories that begin between two moments of one day, more of them around 15:00 UTC, and the night's jobs."""
    pen = company.pen
    midnight = datetime.combine(start.astimezone(UTC).date(), datetime.min.time(), UTC)
    begins = sorted(midnight + timedelta(hours=_hour(pen.rng)) for _ in range(round(per_day)))
    begins = [at for at in begins if start <= at < until]
    for at in begins:
        pen.tell(next(told), at)
    night = midnight + NIGHT
    if start <= night < until and night.weekday() in WEEKDAYS:
        pen.tell(nightly(pen), night)


def _hour(rng: random.Random) -> float:
    """An hour of the day: half of all at any time, the others around 15:00."""
    return rng.uniform(0, 24) if rng.random() < 0.5 else rng.triangular(0, 24, 15)


@dataclass(slots=True)
class Chore:
    """Something that happens every so many seconds of real time, not as a story: a burst, a clean-up, log lines."""

    seconds: float
    do: Callable[[], object]
    last: float | None = None

    def due(self, at: float) -> bool:
        """Whether it is time; the first time one period after the first question."""
        if self.last is None or at - self.last >= self.seconds:
            first, self.last = self.last is None, at
            return not first
        return False


class Life:
    """SigmaSight alive: stories overlap in real time, each row is stamped when it is written.

    A database that fails drops every story under way, as a restarted back end does: `failed` counts them.
    """

    def __init__(
        self,
        company: Company,
        *,
        rate: float,
        stop: threading.Event,
        reconnect: Callable[[], None] | None = None,
        chores: Sequence[Chore] = (),
    ) -> None:
        self.company = company
        self.rate = rate
        self.failed = 0
        self._chores = chores
        self._stop = stop
        self._reconnect = reconnect
        self._stories = stories(company)
        self._active: list[tuple[float, int, Iterator[float]]] = []
        self._order = count()
        self._since = 0.0
        self._born = company.pen.produced.total()
        self._night = self._next_night()

    def live(self, seconds: float | None) -> None:
        """Live for `seconds` of wall clock (None: until `stop` is set), at about `rate` rows per second."""
        begun = self._since = at = time.monotonic()
        while not self._stop.is_set() and (seconds is None or at - begun < seconds):
            try:
                self._begin_due(at)
                self._continue_due(at)
                self._do_chores(at)
            except psycopg.OperationalError:
                if self._reconnect is None:
                    raise
                self._recover(self._reconnect)
            self._stop.wait(self._pause(at))
            at = time.monotonic()
        for _, _, story in self._active:
            _close(story)

    def _begin_due(self, at: float) -> None:
        written = self.company.pen.produced.total() - self._born
        if self.rate * (at - self._since) >= written:
            self._admit(at, next(self._stories))
        if self.company.pen.now() >= self._night:
            self._admit(at, nightly(self.company.pen))
            self._night = self._next_night()

    def _do_chores(self, at: float) -> None:
        """What they write is not the stories' share of the rate."""
        for chore in self._chores:
            if chore.due(at):
                before = self.company.pen.produced.total()
                chore.do()
                self._born += self.company.pen.produced.total() - before

    def _admit(self, at: float, story: Story) -> None:
        heapq.heappush(self._active, (at, next(self._order), story))

    def _continue_due(self, at: float) -> None:
        while self._active and self._active[0][0] <= at:
            _, order, story = heapq.heappop(self._active)
            with suppress(StopIteration):
                heapq.heappush(self._active, (at + next(story), order, story))

    def _recover(self, reconnect: Callable[[], None]) -> None:
        """The connection is gone, and with it every open transaction; the story that noticed ended with the error."""
        for _, _, story in self._active:
            _close(story)
        self.failed += 1 + len(self._active)
        self._active.clear()
        while not self._stop.wait(OUTAGE_WAIT_SECONDS):
            with suppress(psycopg.OperationalError):
                reconnect()
                break
        # Nobody makes up for what was not written meanwhile.
        self._since, self._born = time.monotonic(), self.company.pen.produced.total()

    def _pause(self, at: float) -> float:
        due = self._active[0][0] - at if self._active else LONGEST_WAIT_SECONDS
        return max(0.0, min(due, ROWS_PER_STORY / self.rate, LONGEST_WAIT_SECONDS))

    def _next_night(self) -> datetime:
        now = self.company.pen.now().astimezone(UTC)
        night = datetime.combine(now.date(), datetime.min.time(), UTC) + NIGHT
        while night <= now or night.weekday() not in WEEKDAYS:
            night += timedelta(days=1)
        return night


def _close(story: Story) -> None:
    with suppress(psycopg.Error, AttributeError):
        story.close()  # type: ignore[attr-defined]
