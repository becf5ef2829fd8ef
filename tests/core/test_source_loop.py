"""A source's thread: failing, hanging, recovering, and never in another's way."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from exporters.core.contract import Probe, Sample
from exporters.core.errors import SourceDown, StreamError
from exporters.core.runtime import Runtime
from exporters.core.source_loop import SourceLoop
from tests.core.tiny import DEPTH, Clock, Words, exposed, open_runtime, source, stream

UP = 'observatory_source_up{deployment="default",source="words",system="tiny"}'
READ = 'observatory_stream_up{deployment="default",source="words",stream="%s",system="tiny"}'
RED = 'tiny_seen_total{colour="red",deployment="default"}'
DEPTH_LINE = 'tiny_depth{deployment="default"}'


def until(condition: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds} s: {what}")
        threading.Event().wait(0.005)


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on the real clock."""
    made = open_runtime(tmp_path, Clock())
    yield made
    made.checkpoint.close()


def depth(words: Words, now: object) -> list[Sample]:
    """How much was produced."""
    return [Sample(DEPTH, len(words.produced))]


def started(runtime: Runtime, words: Words, interval: float = 0.02) -> SourceLoop[Words]:
    """A running loop."""
    probe: Probe[Words] = Probe(name="depth", interval=interval, collect=depth, feeds=(DEPTH,))
    loop = SourceLoop(source(words, stream(interval=interval), probes=(probe,)), runtime)
    loop.start()
    return loop


def test_it_reads_recovers_and_tells(runtime: Runtime) -> None:
    words = Words()
    words.say("1 red a")
    loop = started(runtime, words)
    until(lambda: exposed(runtime).get(RED) == 1, "first read")
    until(lambda: loop.row.up is True, "up")

    def refuse() -> None:
        raise SourceDown("refused", "127.0.0.1:1")

    words.fail = refuse
    until(lambda: exposed(runtime)[UP] == 0, "down")
    assert exposed(runtime)[READ % "things"] == exposed(runtime)[READ % "depth"] == 0
    assert exposed(runtime)[RED] == 1, "a counter keeps its value"
    until(lambda: loop.row.note == "refused: 127.0.0.1:1", "the reason is told to people")
    words.say("2 red a")
    words.fail = lambda: None
    until(lambda: exposed(runtime)[RED] == 2, "recovery without restart")
    until(lambda: exposed(runtime)[UP] == 1, "up again")
    assert exposed(runtime)[READ % "things"] == exposed(runtime)[READ % "depth"] == 1
    loop.stop()
    loop.join(5)
    assert not loop.is_alive()


def test_it_is_not_up_before_everything_has_been_looked_at(runtime: Runtime) -> None:
    """Up without its gauges, it would seem that what they told is over."""
    words = Words()
    words.say("1 red a")
    release = threading.Event()

    def slow(connection: Words, now: object) -> list[Sample]:
        assert release.wait(30)
        return depth(connection, now)

    probe: Probe[Words] = Probe(name="depth", interval=60, collect=slow, feeds=(DEPTH,))
    loop = SourceLoop(source(words, stream(interval=60), probes=(probe,)), runtime)
    loop.start()
    until(lambda: exposed(runtime).get(RED) == 1, "the stream is read")
    assert exposed(runtime)[UP] == 0
    assert DEPTH_LINE not in exposed(runtime)
    release.set()
    until(lambda: exposed(runtime)[UP] == 1, "up")
    assert exposed(runtime)[DEPTH_LINE] == 1
    loop.stop()
    loop.join(5)


def test_a_probe_that_reads_in_parts_lets_others_read_between_and_shows_nothing_before_its_end(
    runtime: Runtime,
) -> None:
    words = Words()
    order: list[str] = []
    parts = 3
    seen_half: list[tuple[float, bool]] = []

    def in_parts(connection: Words, now: object) -> list[Sample] | None:
        order.append("part")
        seen_half.append((exposed(runtime)[UP], DEPTH_LINE in exposed(runtime)))
        until(lambda: time.monotonic() >= due[0], "the other is due again")
        return None if order.count("part") < parts else [Sample(DEPTH, 7)]

    def other(connection: Words, now: object) -> list[Sample]:
        order.append("other")
        due[0] = time.monotonic() + 0.02
        return []

    due = [0.0]
    probes: tuple[Probe[Words], ...] = (
        Probe(name="other", interval=0.02, collect=other, feeds=()),
        Probe(name="depth", interval=60, collect=in_parts, feeds=(DEPTH,)),
    )
    loop = SourceLoop(source(words, stream(interval=60), probes=probes), runtime)
    loop.start()
    until(lambda: exposed(runtime).get(DEPTH_LINE) == 7, "all parts")
    until(lambda: exposed(runtime)[UP] == 1, "up")
    loop.stop()
    loop.join(5)
    assert seen_half == [(0, False)] * parts, "neither the source nor the gauge is there before all of it was read"
    assert [name for name in order if name == "part"] == ["part"] * parts
    first = order.index("part")
    assert order[first : first + 5] == ["part", "other", "part", "other", "part"]


def test_one_failing_probe_does_not_lower_the_source_or_its_siblings(runtime: Runtime) -> None:
    words = Words()
    words.say("1 red a")

    def broken(connection: Words, now: object) -> list[Sample]:
        raise StreamError("wrong_type", "her:depth")

    def defective(connection: Words, now: object) -> list[Sample]:
        raise ZeroDivisionError

    probes: tuple[Probe[Words], ...] = (
        Probe(name="broken", interval=0.02, collect=broken, feeds=()),
        Probe(name="defective", interval=0.02, collect=defective, feeds=()),
        Probe(name="depth", interval=0.02, collect=depth, feeds=(DEPTH,)),
    )
    loop = SourceLoop(source(words, stream(interval=0.02), probes=probes), runtime)
    loop.start()
    until(lambda: exposed(runtime).get(DEPTH_LINE) == 1, "the sound probe")
    until(lambda: exposed(runtime).get(RED) == 1, "the stream")
    errors = (
        'observatory_stream_errors_total{deployment="default",reason="%s",source="words",stream="%s",system="tiny"}'
    )
    until(lambda: exposed(runtime)[errors % ("wrong_type", "broken")] >= 2, "counted by reason")
    until(lambda: exposed(runtime)[errors % ("defect", "defective")] >= 2, "a defect is counted too")
    assert exposed(runtime)[UP] == 1, "a probe that fails has been looked at"
    read = {name: exposed(runtime)[READ % name] for name in ("broken", "defective", "depth", "things")}
    assert read == {"broken": 0, "defective": 0, "depth": 1, "things": 1}, "an alert must know which of them was read"
    loop.stop()
    loop.join(5)


def test_a_hanging_source_delays_nobody_else(runtime: Runtime, tmp_path: Path) -> None:
    release = threading.Event()
    stuck, sound = Words(), Words()
    stuck.fail = lambda: (release.wait(30), None)[1]
    sound.say("1 red a")
    hanging = SourceLoop(source(stuck), runtime)
    other = open_runtime(tmp_path / "other", Clock())
    healthy = SourceLoop(source(sound), other)
    hanging.start()
    healthy.start()
    until(lambda: exposed(other).get(RED) == 1, "the sound source")
    assert exposed(runtime)[UP] == 0
    for loop in (hanging, healthy):
        loop.stop()
    release.set()
    for loop in (hanging, healthy):
        loop.join(5)
    other.checkpoint.close()


def test_what_has_more_does_not_starve_what_is_due(runtime: Runtime) -> None:
    words = Words()
    words.say(*(f"{n} red a" for n in range(300)))
    order: list[str] = []

    def noted(connection: Words, now: object) -> list[Sample]:
        order.append("probe")
        return [Sample(DEPTH, 1.0)]

    slow = stream(limit=1, interval=60)
    probe: Probe[Words] = Probe(name="depth", interval=0.005, collect=noted, feeds=(DEPTH,))
    loop = SourceLoop(source(words, slow, probes=(probe,)), runtime)
    loop.start()
    until(lambda: exposed(runtime).get(RED) == 300, "all of it", 30)
    assert len(order) > 3
    loop.stop()
    loop.join(5)


def test_one_that_ends_the_connection_cannot_keep_its_siblings_from_being_read(runtime: Runtime) -> None:
    """An answer too large for the time limit, say: each read of it ends the connection, a new one is let in."""
    words = Words()
    words.say("1 red a")

    def too_large(connection: Words, now: object) -> list[Sample]:
        raise SourceDown("timeout", "no answer in time")

    large: Probe[Words] = Probe(name="large", interval=0.02, collect=too_large, feeds=())
    small: Probe[Words] = Probe(name="depth", interval=0.02, collect=depth, feeds=(DEPTH,))
    loop = SourceLoop(source(words, stream(interval=0.02), probes=(large, small)), runtime)
    loop.start()
    until(lambda: exposed(runtime).get(DEPTH_LINE) == 1, "what comes after it is read")
    words.say("2 red a")
    until(lambda: exposed(runtime)[RED] == 2, "what comes before it is read on")
    errors = 'observatory_stream_errors_total{deployment="default",reason="timeout",source="words",stream="large"'
    until(lambda: exposed(runtime)[errors + ',system="tiny"}'] >= 2, "it is counted as its own trouble")
    until(lambda: exposed(runtime)[UP] == 1, "the source is up")
    assert "large: timeout" in loop.row.note
    loop.stop()
    loop.join(5)


def test_a_source_that_lets_in_and_answers_nothing_is_down(runtime: Runtime) -> None:
    words = Words()
    words.say("1 red a")
    loop = started(runtime, words)
    until(lambda: exposed(runtime)[UP] == 1, "up")
    connected = loop.source.connect

    def refuse() -> None:
        raise SourceDown("refused", "a replica that has lost its master")

    def let_in() -> Words:
        words.fail = lambda: None
        try:
            return connected()
        finally:
            words.fail = refuse

    object.__setattr__(loop.source, "connect", let_in)
    object.__setattr__(loop.source.probes[0], "collect", lambda connection, _: connection.fail())
    words.fail = refuse
    until(lambda: exposed(runtime)[UP] == 0, "down")
    refused = 'observatory_source_errors_total{deployment="default",reason="refused",source="words",system="tiny"}'
    until(lambda: exposed(runtime)[refused] >= 4, "counted as the source's")
    assert exposed(runtime)[UP] == 0
    loop.stop()
    loop.join(5)


def test_a_full_disk_stops_nothing_for_longer_than_it_lasts(runtime: Runtime) -> None:
    words = Words()
    words.say("1 red a")
    loop = started(runtime, words)
    until(lambda: exposed(runtime).get(RED) == 1, "first read")
    with runtime.checkpoint.read() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")
    words.say(*(f"{number} red {'x' * 1000}" for number in range(2, 90)))
    errors = 'observatory_stream_errors_total{deployment="default",reason="state",source="words",stream="things"'
    until(lambda: exposed(runtime)[errors + ',system="tiny"}'] >= 2, "it says so")
    assert exposed(runtime)[RED] == 1, "what is not stored does not show"
    assert exposed(runtime)[UP] == 1, "the source is there"
    with runtime.checkpoint.read() as connection:
        connection.execute("PRAGMA max_page_count = 1000000")
    until(lambda: exposed(runtime)[RED] == 89, "everything is read again, once")
    assert loop.is_alive()
    loop.stop()
    loop.join(5)


def test_a_connection_that_cannot_even_be_closed_is_given_up(runtime: Runtime) -> None:
    words = Words()
    words.say("1 red a")
    loop = started(runtime, words)
    until(lambda: exposed(runtime).get(RED) == 1, "first read")

    def refuse() -> None:
        raise SourceDown("refused", "gone")

    def explode(_: Words) -> None:
        raise ZeroDivisionError

    object.__setattr__(loop.source, "close", explode)
    words.fail = refuse
    until(lambda: exposed(runtime)[UP] == 0, "down")
    words.fail = lambda: None
    until(lambda: exposed(runtime)[UP] == 1, "up again")
    assert loop.is_alive()
    loop.stop()
    loop.join(5)
