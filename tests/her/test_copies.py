"""The two copies of the decision log, compared between silences: what is missing counts for the copy that lacks it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from exporters.core.contract import Effects
from exporters.her import metrics
from exporters.her.copies import MOST, Copies, CopiesState, Copy, decode, encode
from tests.her.effects_check import counted

START = datetime(2026, 2, 22, 12, 0, tzinfo=UTC)
SETTLED_AFTER = 60.0


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


class Watch:
    """Both copies, read to their ends at START, and what comparing them has counted."""

    def __init__(self) -> None:
        self.copies = Copies(settled_after=SETTLED_AFTER)
        self.state = CopiesState()
        self.effects = Effects()
        self.read(0)

    def note(
        self, copy: Copy, times: Iterable[float], event_type: str = "tool_call", source: str = "mcp_tools"
    ) -> None:
        for time in times:
            raw = f"{time} {event_type} {source}".encode()
            self.copies.note(copy, raw, at(time), event_type, source)

    def both(self, *times: float) -> None:
        self.note(self.copies.redis, times)
        self.note(self.copies.rows, [time + 0.004 for time in times])

    def read(self, seconds: float) -> None:
        self.copies.was_read(self.copies.redis, at(seconds))
        self.copies.was_read(self.copies.rows, at(seconds))

    def compare(self, seconds: float) -> tuple[float, float, float]:
        """Compared, missing in Redis, missing in PostgreSQL, since the beginning."""
        self.read(seconds)
        self.state, effects = self.copies.compare(decode(encode(self.state)))
        self.effects.counts += effects.counts
        missing = counted(self.effects, metrics.MISSING_COPIES)
        compared = counted(self.effects, metrics.COMPARED_COPIES)
        return compared.get((), 0), missing.get(("redis",), 0), missing.get(("postgres",), 0)


def test_copies_that_agree() -> None:
    watch = Watch()
    watch.both(10, 10.5, 20, 30)
    assert watch.compare(40) == (0, 0, 0), "nothing has settled"
    assert watch.compare(30 + SETTLED_AFTER + 3) == (4, 0, 0)
    assert watch.compare(500) == (4, 0, 0), "and nothing is compared twice"


def test_what_one_copy_lacks() -> None:
    watch = Watch()
    watch.both(10, 20, 30)
    watch.note(watch.copies.redis, [10.2, 30.1])
    watch.note(watch.copies.rows, [20.2])
    assert watch.compare(200) == (5, 1, 2)


def test_what_one_lacks_does_not_make_up_for_what_the_other_lacks() -> None:
    watch = Watch()
    watch.note(watch.copies.redis, [10], "tool_call")
    watch.note(watch.copies.rows, [10.1], "reflection")
    assert watch.compare(200) == (1, 1, 1)


def test_a_record_that_is_read_again_is_noted_once() -> None:
    watch = Watch()
    watch.both(10)
    watch.both(10)
    assert watch.compare(200) == (1, 0, 0)


def test_a_row_that_comes_late_is_not_missing() -> None:
    watch = Watch()
    watch.note(watch.copies.redis, [10])
    assert watch.compare(10 + SETTLED_AFTER) == (0, 0, 0)
    watch.note(watch.copies.rows, [10.01])
    assert watch.compare(200) == (1, 0, 0)


def test_a_stretch_waits_for_the_copy_that_is_behind() -> None:
    watch = Watch()
    watch.both(10)
    watch.note(watch.copies.redis, [20])
    watch.copies.was_read(watch.copies.redis, at(500))
    assert watch.copies.compare(watch.state)[0] == watch.state, "PostgreSQL was not read since"
    watch.note(watch.copies.rows, [20.1])
    assert watch.compare(500) == (2, 0, 0)


def test_without_a_silence_it_waits() -> None:
    watch = Watch()
    watch.both(*(3 + n for n in range(100)))
    watch.note(watch.copies.redis, [3.5])
    assert watch.compare(100) == (0, 0, 0)
    assert watch.compare(103 + SETTLED_AFTER + 2) == (101, 0, 1)


def test_what_began_before_both_were_watched_is_left_out() -> None:
    watch = Watch()
    watch.note(watch.copies.redis, [-5, 0.5, 1.5])
    watch.note(watch.copies.rows, [1.6])
    watch.both(10)
    assert watch.compare(200) == (1, 0, 0)


def test_nothing_is_compared_while_one_copy_was_never_read() -> None:
    copies = Copies()
    copies.was_read(copies.redis, at(0))
    copies.note(copies.redis, b"1", at(10), "tool_call", "mcp_tools")
    copies.note(copies.rows, b"2", at(10), "tool_call", "mcp_tools")
    assert copies.rows.entries == {}, "history is not kept"
    state, effects = copies.compare(CopiesState())
    assert (state, effects.counts) == (CopiesState(), [])


def test_a_commit_that_fails_is_compared_again() -> None:
    watch = Watch()
    watch.both(10)
    watch.note(watch.copies.redis, [10.1])
    watch.read(200)
    first, lost = watch.copies.compare(watch.state)
    assert lost.counts
    assert watch.state != first
    assert watch.compare(201) == (2, 0, 1)


def test_a_log_without_silences_does_not_fill_the_memory() -> None:
    watch = Watch()
    for number in range(MOST + 1):
        watch.copies.note(watch.copies.redis, number.to_bytes(8, "big"), at(number / 1000), "tool_call", "mcp_tools")
    assert watch.copies.redis.entries == {}, "PostgreSQL is away, and nobody compares"
    watch.read(1000)
    watch.both(1010)
    assert watch.compare(2000) == (1, 0, 0), "it begins anew"


@pytest.mark.parametrize("until", [0.0, START.timestamp() + 15])
def test_a_restart_takes_up_at_the_state(until: float) -> None:
    watch = Watch()
    watch.state = CopiesState(until)
    watch.both(10, 20)
    assert watch.compare(200)[0] == (2 if not until else 1)
