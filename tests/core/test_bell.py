"""A bell: rung by a source that sees news first, answered by the loop that reads them properly, at its own pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from exporters.core.bell import Bell
from exporters.core.runtime import Runtime
from exporters.core.source_loop import SHORTEST_PAUSE, SourceLoop
from tests.core.test_source_loop import RED, until
from tests.core.tiny import Clock, Words, exposed, open_runtime, source, stream


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Runtime]:
    """A runtime on the real clock."""
    made = open_runtime(tmp_path, Clock())
    yield made
    made.checkpoint.close()


def test_a_bell_is_answered_sooner_than_the_interval(runtime: Runtime) -> None:
    words, bell = Words(), Bell()
    words.say("1 red a")
    loop = SourceLoop(replace(source(words, stream(interval=60)), bells={stream().name: bell}), runtime)
    bell.ring()
    loop.start()
    until(lambda: exposed(runtime).get(RED) == 1, "the first read")
    words.say("2 red a")
    rung = time.monotonic()
    bell.ring()
    until(lambda: exposed(runtime)[RED] == 2, "read because it rang")
    assert time.monotonic() - rung < 5, "not after the interval"
    loop.stop()
    loop.join(5)


def test_a_thousand_rings_are_a_few_reads_and_the_last_one_is_heard(runtime: Runtime) -> None:
    words, bell, reads = Words(), Bell(), [0]

    def counted() -> None:
        reads[0] += 1

    words.fail = counted
    loop = SourceLoop(replace(source(words, stream(limit=100_000, interval=60)), bells={stream().name: bell}), runtime)
    loop.start()
    until(lambda: reads[0] >= 1, "the first read")
    began, first = time.monotonic(), reads[0]
    said = 0
    while time.monotonic() - began < 1.2:
        said += 1
        words.say(f"{said} red a")
        bell.ring()
        threading.Event().wait(0.001)
    until(lambda: exposed(runtime).get(RED) == said, "also what came with the last ring")
    assert said > 100
    assert reads[0] - first <= 2 + (time.monotonic() - began) / SHORTEST_PAUSE
    loop.stop()
    loop.join(5)


def test_a_bell_that_nobody_answers_is_silent() -> None:
    Bell().ring()
