"""HER's signs of life, timed by our clock: a wrong clock is neither death nor life."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics, streams_words
from exporters.her.copies import Copies
from exporters.her.heartbeat import KEPT, Heartbeats
from tests.her import sample_records as sample
from tests.her.deployments import HASH_KEY, settings
from tests.her.sample_records import changed

DECISIONS = streams_words.decisions(settings(), HASH_KEY, Pseudonyms(HASH_KEY), Copies())
NOON = datetime(2026, 2, 22, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
READ = timedelta(seconds=5)


def heartbeat(at: datetime) -> bytes:
    return changed(
        sample.DECISION, timestamp=at.isoformat(), event_type="scheduler_system_job", source="scheduler", user_id="",
        details={"job": "reminder_processor", "timestamp": at.isoformat()},
    )  # fmt: skip


def read(state: Heartbeats, now: datetime, *records: bytes) -> Heartbeats:
    """One read at `now`, as the runner does it, stored and loaded again."""
    for record in records:
        state, _ = DECISIONS.fold(state, DECISIONS.parse(record))
    assert DECISIONS.expire is not None
    state, effects = DECISIONS.expire(state, now)
    assert effects.counts == []
    loaded = DECISIONS.decode(json.loads(json.dumps(DECISIONS.encode(state))))
    assert loaded == state
    return state


def alive(state: Heartbeats, start: datetime, minutes: int, offset: timedelta = timedelta()) -> Heartbeats:
    """HER beats once a minute, with a clock that far from ours; each beat is read five seconds later."""
    for minute in range(minutes):
        at = start + minute * MINUTE
        state = read(state, at + READ, heartbeat(at + offset))
    return state


def shown(state: Heartbeats, now: datetime) -> tuple[float | None, float | None]:
    """How long ago the last sign of life came, and how far HER's clock is from ours, in seconds."""
    assert DECISIONS.view is not None
    found = {sample.metric: sample.value for sample in DECISIONS.view(state, now)}
    heard = found.get(metrics.HEARTBEAT_TIME)
    return None if heard is None else now.timestamp() - heard, found.get(metrics.CLOCK_OFFSET)


def test_without_a_heartbeat_nothing_is_claimed() -> None:
    assert shown(read(Heartbeats(), NOON, sample.DECISION), NOON) == (None, None)


@pytest.mark.parametrize("offset", [0, -600, 3600, -86_400, 30])
def test_whatever_its_clock_says_a_her_that_beats_was_heard_now(offset: int) -> None:
    state = alive(Heartbeats(), NOON, 6, timedelta(seconds=offset))
    assert shown(state, NOON + 5 * MINUTE + READ) == (0, offset - 5)


@pytest.mark.parametrize("offset", [0, -600, 3600])
def test_a_her_that_stops_is_missed_whatever_its_clock_says(offset: int) -> None:
    state = alive(Heartbeats(), NOON, 6, timedelta(seconds=offset))
    last = NOON + 5 * MINUTE + READ
    # Other entries go on coming: they are no sign of the scheduler's life.
    state = read(state, last + 4 * MINUTE, sample.DECISION)
    assert shown(state, last + 4 * MINUTE) == (240, offset - 5)
    assert shown(state, last + 6 * MINUTE) == (360, None)


def test_one_slow_read_does_not_move_the_clock() -> None:
    state = alive(Heartbeats(), NOON, 3)
    at = NOON + 3 * MINUTE
    state = read(state, at + timedelta(seconds=50), heartbeat(at))
    assert shown(state, at + timedelta(seconds=50)) == (0, -5)


def test_at_the_first_look_the_stamp_is_all_there_is() -> None:
    """A HER that died ten minutes before anybody looked was not heard just now; one of the future not later."""
    dead = read(Heartbeats(), NOON, heartbeat(NOON - 10 * MINUTE))
    assert shown(dead, NOON) == (600, None)
    ahead = read(Heartbeats(), NOON, heartbeat(NOON + timedelta(days=30)))
    assert shown(ahead, NOON) == (0, None)
    assert shown(ahead, NOON + 10 * MINUTE) == (600, None)


@pytest.mark.parametrize("offset", [0, -600, 3600])
def test_what_piled_up_unseen_is_as_old_as_a_clock_known_before_says(offset: int) -> None:
    """The exporter was away for an hour, and HER died in the middle of it."""
    ours = timedelta(seconds=offset)
    state = alive(Heartbeats(), NOON, 6, ours)
    back = NOON + timedelta(hours=1)
    missed = [heartbeat(NOON + n * MINUTE + ours) for n in range(6, 31)]
    age, clock = shown(read(state, back, *missed), back)
    assert age == pytest.approx(30 * 60, abs=10)
    assert clock is None


@pytest.mark.parametrize("offset", [0, -600, 3600])
def test_a_her_that_lived_on_while_nobody_looked_was_heard(offset: int) -> None:
    ours = timedelta(seconds=offset)
    state = alive(Heartbeats(), NOON, 6, ours)
    back = NOON + timedelta(hours=1)
    state = read(state, back, *(heartbeat(NOON + n * MINUTE + ours) for n in range(6, 60)))
    assert shown(state, back) == (0, offset - 5)


def test_a_list_read_in_parts_is_no_life() -> None:
    """A first look of several reads within a moment: HER has been dead for an hour all the same."""
    start = NOON - timedelta(hours=8)
    state = Heartbeats()
    parts: Sequence[range] = (range(200), range(200, 400), range(400, 421))
    for number, part in enumerate(parts):
        moment = NOON + number * timedelta(milliseconds=20)
        state = read(state, moment, *(heartbeat(start + n * MINUTE) for n in part))
    age, clock = shown(state, NOON + timedelta(milliseconds=40))
    assert age == pytest.approx(3600, abs=1)
    assert clock is None


@pytest.mark.parametrize("step", [-7200, 7200])
def test_a_clock_that_is_put_right_is_known_again_at_once(step: int) -> None:
    state = alive(Heartbeats(), NOON, KEPT + 1, timedelta(seconds=step))
    later = NOON + (KEPT + 1) * MINUTE
    state = read(state, later + READ, heartbeat(later))
    assert shown(state, later + READ) == (0, None)
    state = read(state, later + MINUTE + READ, heartbeat(later + MINUTE))
    assert shown(state, later + MINUTE + READ) == (0, -5)


def test_our_own_clock_put_back_is_got_over_with_the_next_heartbeat() -> None:
    state = alive(Heartbeats(), NOON, KEPT)
    back = NOON - timedelta(hours=1)
    state = read(state, back + READ, heartbeat(NOON + KEPT * MINUTE))
    age, _ = shown(state, back + READ)
    assert age == 0
    state = read(state, back + MINUTE + READ, heartbeat(NOON + (KEPT + 1) * MINUTE))
    age, clock = shown(state, back + MINUTE + READ)
    assert age == 0
    assert clock == pytest.approx(3600 + KEPT * 60 - 5)


def test_a_state_file_from_before_the_clocks_were_compared_is_read() -> None:
    old = DECISIONS.decode({"heartbeat": (NOON - 10 * MINUTE).timestamp()})
    assert shown(old, NOON) == (600, None)
    assert shown(alive(old, NOON, 2), NOON + MINUTE + READ) == (0, -5)
    assert DECISIONS.decode({"heartbeat": None}) == Heartbeats()
