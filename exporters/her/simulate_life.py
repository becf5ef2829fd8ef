"""HER's life: which stories are told how often, live at a chosen pace, or all at once as history."""

import heapq
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import Final, TypeVar

import redis

from exporters.her import simulate_wire as wire
from exporters.her.simulate_agent import agent_request
from exporters.her.simulate_chat import api_chat, chat, direct_request, goes_nowhere, schedule_chat
from exporters.her.simulate_chatter import trouble
from exporters.her.simulate_jobs import run_due
from exporters.her.simulate_older import list_shaped_context
from exporters.her.simulate_requests import SCHEDULE_COMMANDS, personality, schedule_command, tool_call
from exporters.her.simulate_schedule import bring_forward
from exporters.her.simulate_start import shutdown, startup
from exporters.her.simulate_wire import Story
from exporters.her.simulate_writers import Writers

T = TypeVar("T")
Teller = Callable[[Writers], Story]

# How often each story stands in the deck. A deck is dealt to its end before the next one is shuffled, so whatever can
# happen has happened after one deck.
DECK: Final[tuple[tuple[int, Teller], ...]] = (
    (8, chat),
    (2, lambda her: chat(her, "failover")),
    (1, lambda her: chat(her, "error")),
    (2, lambda her: chat(her, in_group=True)),
    (4, api_chat),
    (1, lambda her: api_chat(her, "error")),
    (1, schedule_chat),
    (1, lambda her: schedule_chat(her, fallback_parser=True)),
    (3, agent_request),
    (1, lambda her: agent_request(her, failing=True)),
    (1, lambda her: agent_request(her, disputed=True)),
    (1, lambda her: agent_request(her, gives_up=True)),
    (2, direct_request),
    (1, lambda her: direct_request(her, "scan")),
    (1, goes_nowhere),
    (1, lambda her: goes_nowhere(her, group_message=True)),
    *((1, partial(schedule_command, command=command)) for command in SCHEDULE_COMMANDS),
    (1, personality),
    (1, lambda her: personality(her, of_system=True)),
    (1, tool_call),
)
TROUBLES_PER_DECK: Final = 3
FIRST_RESTART_MINUTE: Final = 5
MINUTES_BETWEEN_RESTARTS: Final = 45
MINUTE_SECONDS: Final = 60.0
ENTRIES_PER_STORY: Final = 18.0
LONGEST_WAIT_SECONDS: Final = 0.25
OUTAGE_WAIT_SECONDS: Final = 0.5


def stories(her: Writers) -> Iterator[Story]:
    """An endless mix, deck after deck; each deck holds ordinary trouble of the next three kinds in turn."""
    kinds = count()
    while True:
        deck = [teller for times, teller in DECK for _ in range(times)]
        deck += [partial(trouble, kind=next(kinds)) for _ in range(TROUBLES_PER_DECK)]
        her.rng.shuffle(deck)
        for teller in deck:
            yield teller(her)


def tick(her: Writers, minute: int) -> None:
    """One minute of the scheduler: the heartbeat, then every task that is due."""
    her.heartbeat()
    run_due(her, minute)


def restarts(minute: int) -> bool:
    """Whether HER is restarted in this minute: soon once, then rarely."""
    since = minute - FIRST_RESTART_MINUTE
    return since >= 0 and since % MINUTES_BETWEEN_RESTARTS == 0


class Life:
    """HER alive: stories overlap in real time, each record is stamped when it is written.

    A Redis that fails drops the story it failed, silently, as HER's writers do: `failed` counts these.
    """

    def __init__(self, her: Writers, *, rate: float, stop: threading.Event) -> None:
        self.her = her
        self.rate = rate
        self._stop = stop
        self.failed = 0
        self._stories = stories(her)
        self._active: list[tuple[float, int, Iterator[float]]] = []
        self._order = count()
        self._started = 0
        self._allowance = ENTRIES_PER_STORY
        self._born = sum(her.pen.produced.values())

    def live(self, seconds: float | None) -> None:
        """Start up, live for `seconds` of wall clock (None: until `stop` is set), stop cleanly."""
        begun = at = time.monotonic()
        first_minute = self.her.minute + 1
        minute = self.her.minute
        bring_forward(self.her.tasks, minute)
        self._begin(startup(self.her), at)
        self._survive(lambda: list_shaped_context(self.her))
        while not self._stop.is_set() and (seconds is None or at - begun < seconds):
            current = first_minute + int((at - begun) // MINUTE_SECONDS)
            if current > minute:
                # One tick for a minute that took longer: a scheduler that was held up does not repeat what it missed.
                minute = current
                self._new_minute(minute, at)
            self._play_due(at)
            self._begin_stories(at)
            ends = [begun + seconds] if seconds is not None else []
            due = min([at + LONGEST_WAIT_SECONDS, *ends, *(story[0] for story in self._active[:1])])
            self._stop.wait(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            # The cap keeps a pause (a stopped process, an outage) from being made up for in one flood.
            self._allowance = min(self._allowance + (now - at) * self.rate, max(40.0, 2 * self.rate))
            at = now
        self._survive(lambda: shutdown(self.her))

    def _new_minute(self, minute: int, at: float) -> None:
        self._survive(lambda: tick(self.her, minute))
        if restarts(minute):
            self._begin(startup(self.her), at)

    def _begin(self, story: Story, at: float) -> None:
        heapq.heappush(self._active, (at, next(self._order), story.beats))

    def _begin_stories(self, at: float) -> None:
        while self._allowance > 0:
            self._begin(next(self._stories), at)
            self._started += 1
            written = sum(self.her.pen.produced.values()) - self._born
            # What a story costs is learned; before there is anything to learn from, it is guessed.
            weight = min(1.0, self._started / 40)
            self._allowance -= (1 - weight) * ENTRIES_PER_STORY + weight * max(1.0, written / self._started)

    def _play_due(self, at: float) -> None:
        while self._active and self._active[0][0] <= at:
            due, order, beats = heapq.heappop(self._active)
            beat = self._survive(lambda: next(beats, None))  # noqa: B023 - called before the loop goes on
            if beat is not None:
                heapq.heappush(self._active, (due + beat, order, beats))

    def _survive(self, write: Callable[[], T]) -> T | None:
        try:
            return write()
        except redis.RedisError:
            self.failed += 1
            self._stop.wait(OUTAGE_WAIT_SECONDS)
            return None


def backfill(her: Writers, hours: float, *, stories_per_hour: float, stop: threading.Event) -> None:
    """Write the last `hours` as if HER had lived through them, oldest first, up to two minutes ago.

    In a Redis that already has a history only the time after its newest decision is filled. Keys with a time to live
    get what would be left of it; the lists keep their caps. At most one story a minute is told.
    Ends early when `stop` is set.
    """
    end = her.pen.clock() - timedelta(minutes=2)
    newest = newest_decision(her)
    start = end - timedelta(hours=hours)
    if newest is not None:
        start = max(start, newest + timedelta(seconds=1))
    minutes = int((end - start).total_seconds() // MINUTE_SECONDS)
    told = stories(her)
    her.pen.replaying_history = True
    try:
        for past in range(minutes):
            if stop.is_set():
                return
            minute = her.minute + 1
            her.pen.move_to(start + timedelta(minutes=past))
            if past == 0 or restarts(minute):
                her.pen.tell(startup(her))
            tick(her, minute)
            if her.rng.random() < stories_per_hour / 60:
                her.pen.move_to(her.pen.now() + timedelta(seconds=her.rng.uniform(0, 20)))
                her.pen.tell(next(told))
    finally:
        her.pen.replaying_history = False
        her.pen.move_to(None)


def newest_decision(her: Writers) -> datetime | None:
    """When the newest readable decision was written; None without one."""
    newest = her.pen.client.lindex(wire.DECISIONS, 0)
    if newest is None:
        return None
    for entry in wire.decode_thread(b"[" + (newest.encode() if isinstance(newest, str) else newest) + b"]"):
        try:
            at = datetime.fromisoformat(str(entry.get("timestamp")))
        except ValueError:
            return None
        return at if at.tzinfo is not None else None
    return None
