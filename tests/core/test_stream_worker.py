"""A stream's way through the house, and every place where it can be cut off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from exporters.core.admission import Admission
from exporters.core.contract import Effects, Json
from exporters.core.errors import StateError
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.stream_worker import StreamWorker
from tests.core.tiny import SEEN, THING, WORDS, Clock, Thing, Words, exposed, open_runtime, source, stream

WHO = 'deployment="default",source="words",stream="things",system="tiny"'
RED = 'tiny_seen_total{colour="red",deployment="default"}'
BLUE = 'tiny_seen_total{colour="blue",deployment="default"}'
EVENTS = f"observatory_stream_events_total{{{WHO}}}"


def worker(runtime: Runtime, words: Words, *, limit: int = 100, rebase: bool = False) -> StreamWorker[Words]:
    """A loaded worker over the words."""
    made = StreamWorker(source(words), stream(limit), runtime, Admission())
    made.load(rebase=rebase)
    return made


@contextmanager
def running(directory: Path, clock: Clock | None = None) -> Iterator[Runtime]:
    """A runtime that is closed at the end, as a process that ends."""
    runtime = open_runtime(directory, clock)
    try:
        yield runtime
    finally:
        runtime.checkpoint.close()


def outbox_lines(runtime: Runtime) -> list[str]:
    """Every waiting line."""
    with runtime.checkpoint.read() as connection:
        return [line for (line,) in connection.execute("SELECT line FROM outbox ORDER BY id")]


def test_counters_are_absent_until_the_first_catch_up_and_then_show_the_total(tmp_path: Path) -> None:
    words = Words()
    words.say(*(f"{n} red apple" for n in range(25)))
    with running(tmp_path) as runtime:
        work = worker(runtime, words, limit=10)
        assert work.run(words) is True
        assert RED not in exposed(runtime)
        assert work.run(words) is True
        assert work.run(words) is False
        assert exposed(runtime)[RED] == 25
        assert exposed(runtime)[BLUE] == 0, "a closed set starts at 0"
        assert exposed(runtime)[EVENTS] == 25


def test_a_new_member_of_an_open_set_shows_zero_first(tmp_path: Path) -> None:
    clock, words = Clock(), Words()
    words.say("1 red apple")
    with running(tmp_path, clock) as runtime:
        work = worker(runtime, words)
        work.run(words)
        apple, pear = (f'tiny_words_total{{deployment="default",word="{w}"}}' for w in ("apple", "pear"))
        assert exposed(runtime)[apple] == 1, "part of the first total"
        words.say("2 red pear", "3 red pear")
        work.run(words)
        assert exposed(runtime)[pear] == 0
        clock.seconds += 31
        assert exposed(runtime)[pear] == 2


def test_values_beyond_the_bound_become_other_and_are_counted(tmp_path: Path) -> None:
    clock, words = Clock(), Words()
    words.say("1 red a", "2 red b", "3 red c", "4 red d", "5 green a")
    with running(tmp_path, clock) as runtime:
        worker(runtime, words).run(words)
        clock.seconds += 31
        shown = exposed(runtime)
        assert shown['tiny_words_total{deployment="default",word="other"}'] == 1
        assert shown['tiny_seen_total{colour="other",deployment="default"}'] == 1
        clamped = 'observatory_label_values_clamped_total{deployment="default",label="%s",system="tiny"}'
        assert shown[clamped % "word"] == 1
        assert shown[clamped % "colour"] == 1


def test_rejected_and_defective_records_are_counted_and_nothing_else_is_lost(tmp_path: Path) -> None:
    words = Words()
    words.say("1 red a", "garbage", "3 red defect", "4 blue b")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)
        shown = exposed(runtime)
        assert shown[RED] == 1
        assert shown[BLUE] == 1
        assert shown[EVENTS] == 2
        rejected = (
            'observatory_stream_rejected_total{deployment="default",reason="%s",'
            'source="words",stream="things",system="tiny"}'
        )
        assert shown[rejected % "not_object"] == 1
        assert shown[rejected % "defect"] == 1


def test_after_a_restart_what_was_counted_shows_at_once_and_nothing_is_counted_twice(tmp_path: Path) -> None:
    words = Words()
    words.say("1 red a", "2 blue b")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)
    words.say("3 red a")
    with running(tmp_path) as runtime:
        work = worker(runtime, words)
        assert exposed(runtime)[RED] == 1
        assert exposed(runtime)['tiny_last_timestamp_seconds{deployment="default"}'] > 0, "a lasting time shows at once"
        work.run(words)
        assert exposed(runtime)[RED] == 2
        assert len(set(outbox_lines(runtime))) == len(outbox_lines(runtime)) == 3


class Killed(BaseException):
    """The process ends here."""


STEPS = ["before_read", "after_parse", "in_commit_before_stream", "in_commit_after_stream", "in_outbox", "after_commit"]


def kill_at(step: str, work: StreamWorker[Words], runtime: Runtime, words: Words, patch: pytest.MonkeyPatch) -> None:
    """Arrange that the next run ends at a step, as kill -9 would end it."""

    def die(*_: Any, **__: Any) -> None:
        raise Killed

    if step == "before_read":
        words.fail = die
    elif step == "after_parse":
        patch.setattr(work, "_commit", die)
    elif step == "in_commit_before_stream":
        patch.setattr("exporters.core.checkpoint._put_stream", die)
    elif step == "in_commit_after_stream":
        patch.setattr("exporters.core.checkpoint.write_series", die)
    elif step == "in_outbox":
        patch.setattr(Outbox, "append", die)
    elif step == "after_commit":
        patch.setattr("exporters.core.tally.Tally.apply", die)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_at_any_step_neither_loses_nor_doubles(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = Words()
    words.say("1 red a", "2 blue b")
    with running(tmp_path) as runtime:
        work = worker(runtime, words)
        work.run(words)
        words.say("3 red a", "4 red longerword", "nonsense")
        with monkeypatch.context() as patch:
            kill_at(step, work, runtime, words, patch)
            with pytest.raises(Killed):
                work.run(words)
    words.fail = lambda: None
    with running(tmp_path) as runtime:
        work = worker(runtime, words)
        work.run(words)
        shown = exposed(runtime)
        assert (shown[RED], shown[BLUE], shown[EVENTS]) == (3, 1, 4)
        assert shown['tiny_length_bytes_count{deployment="default"}'] == 4
        assert len(set(outbox_lines(runtime))) == len(outbox_lines(runtime)) == 4


def test_another_hash_key_finds_the_place_again_without_counting(tmp_path: Path) -> None:
    words = Words()
    words.say("1 red a", "2 blue b")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)
    with running(tmp_path) as runtime:
        runtime.checkpoint.forget_cursors("reason", "another key")
        assert runtime.checkpoint.placeless() == ["tiny/default/words/things"]
        work = worker(runtime, words, rebase=True)
        work.run(words)
        assert exposed(runtime)[RED] == 1
        assert exposed(runtime)[f"observatory_stream_gaps_total{{{WHO}}}"] == 1
        words.say("3 red a")
        work.run(words)
        assert exposed(runtime)[RED] == 2


def test_gauges_vanish_but_lasting_times_and_counters_stay(tmp_path: Path) -> None:
    clock, words = Clock(), Words()
    words.say("1 red a")
    with running(tmp_path, clock) as runtime:
        work = worker(runtime, words)
        work.run(words)
        clock.seconds += 11
        shown = exposed(runtime)
        assert RED in shown
        assert 'tiny_last_timestamp_seconds{deployment="default"}' in shown


def test_an_event_from_the_future_does_not_advance_the_last_event(tmp_path: Path) -> None:
    words = Words()
    words.say("5 red a", "999999 red b")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)
        last = exposed(runtime)[f"observatory_stream_last_event_timestamp_seconds{{{WHO}}}"]
        assert last == 1771761605.0


def test_a_clock_a_little_ahead_of_ours_tells_of_now(tmp_path: Path) -> None:
    """Two machines never agree; an event read within the second it was written in is not of the future."""
    words = Words()
    words.say("5 red a", "3630 red b")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)
        shown = exposed(runtime)
        now = runtime.now().timestamp()
        assert shown[f"observatory_stream_last_event_timestamp_seconds{{{WHO}}}"] == now
        assert shown[f"observatory_stream_lag_seconds{{{WHO}}}"] == 0


def test_what_cannot_be_written_as_a_line_is_counted_once_though_the_disk_is_full(tmp_path: Path) -> None:
    def fold(state: dict[str, Any], thing: Thing) -> tuple[dict[str, Any], Effects]:
        effects = Effects()
        effects.count(SEEN, thing.colour)
        effects.count(WORDS, thing.word)
        effects.point(THING, thing.at, {"length": 2**70}, colour=thing.colour)
        return {"last": thing.number, "padding": "x" * 100_000}, effects

    words, clock = Words(), Clock()
    words.say("1 red a", "2 red b", "3 red c", "4 red d")
    with running(tmp_path, clock) as runtime:
        odd = replace(stream(), fold=fold)
        work = StreamWorker(source(words, odd), odd, runtime, Admission())
        work.load(rebase=False)
        with runtime.checkpoint.read() as connection:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages}")
        for _ in range(3):
            with pytest.raises(StateError):
                work.run(words)
        with runtime.checkpoint.read() as connection:
            connection.execute("PRAGMA max_page_count = 100000")
        work.run(words)
        clock.seconds += 31
        shown = exposed(runtime)
        assert shown['observatory_influxdb_fields_dropped_total{bucket="tiny",reason="integer_range"}'] == 4
        assert shown['observatory_outbox_dropped_total{bucket="tiny",reason="unencodable"}'] == 4
        assert shown['observatory_label_values_clamped_total{deployment="default",label="word",system="tiny"}'] == 1
        assert shown[RED] == 4
        assert outbox_lines(runtime) == []


def test_state_of_another_shape_starts_again(tmp_path: Path) -> None:
    words = Words()
    words.say("1 red a")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)
    with running(tmp_path) as runtime:
        stored: Json = runtime.checkpoint.stream("tiny/default/words/things").state
        assert stored == {"last": 1}


def test_a_state_that_cannot_be_read_starts_again_and_stops_nobody(tmp_path: Path) -> None:
    words = Words()
    words.say("1 red a")
    with running(tmp_path) as runtime:
        worker(runtime, words).run(words)

    def decode(stored: Json) -> dict[str, Any]:
        return {"last": stored["other"]}

    words.say("2 red b")
    with running(tmp_path) as runtime:
        changed = replace(stream(), decode=decode)
        work = StreamWorker(source(words, changed), changed, runtime, Admission())
        work.load(rebase=False)
        work.run(words)
        assert exposed(runtime)[RED] == 2
