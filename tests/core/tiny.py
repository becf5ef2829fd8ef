"""A system small enough to see through: a list of numbered words, read by position."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exporters.core import health
from exporters.core.checkpoint import Checkpoint
from exporters.core.contract import Batch, Effects, Json, Probe, Sample, Source, Stream
from exporters.core.errors import Rejected
from exporters.core.health_counters import HealthCounters
from exporters.core.label import closed, opened
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Metric, counter, gauge, histogram
from exporters.core.outbox import Outbox
from exporters.core.runtime import Runtime
from exporters.core.series import SeriesStore

COLOUR = closed("colour", "A colour.", "red", "blue")
WORD = opened("word", "A word.", 3)
SEEN = counter("tiny_seen_total", "Things seen.", (COLOUR,))
WORDS = counter("tiny_words_total", "Words seen.", (WORD,))
LENGTH = histogram("tiny_length_bytes", "Length of a word.", (1.0, 4.0, 16.0))
DEPTH = gauge("tiny_depth", "Things waiting.")
LAST = gauge("tiny_last_timestamp_seconds", "When the last thing came.", lasting=True)
THING = Measurement("tiny", "tiny_thing", "One thing.", (COLOUR,), (Field("length", "int", "Its length."),))
METRICS: tuple[Metric, ...] = (*health.METRICS, SEEN, WORDS, LENGTH, DEPTH, LAST)

START = datetime(2026, 2, 22, 12, 0, tzinfo=UTC)


@dataclass
class Words:
    """The connection: what has been produced so far, and how reading may go wrong."""

    produced: list[bytes] = field(default_factory=list)
    fail: Callable[[], None] = lambda: None

    def say(self, *words: str) -> None:
        """Produce `colour word` records."""
        self.produced += [word.encode() for word in words]


@dataclass(frozen=True)
class WordReader:
    """Reads by position, at most `limit` at a time."""

    limit: int = 100

    def read(self, connection: Words, cursor: Json, now: datetime) -> Batch:
        """Everything after the position."""
        connection.fail()
        start = int(cursor or 0)
        records = connection.produced[start : start + self.limit]
        end = start + len(records)
        return Batch(records, end, now, more=end < len(connection.produced))


@dataclass(frozen=True)
class Thing:
    """One parsed record."""

    number: int
    colour: str
    word: str

    @property
    def at(self) -> datetime:
        """Each thing comes a second after the one before."""
        return START + timedelta(seconds=self.number)


def parse(record: bytes) -> Thing:
    """`number colour word`."""
    parts = record.decode().split()
    if len(parts) != 3:
        raise Rejected("not_object")
    if parts[2] == "defect":
        raise ZeroDivisionError
    return Thing(int(parts[0]), parts[1], parts[2])


def fold(state: dict[str, Any], thing: Thing) -> tuple[dict[str, Any], Effects]:
    """Counts, and remembers the last number."""
    effects = Effects()
    effects.count(SEEN, thing.colour)
    effects.count(WORDS, thing.word)
    effects.observe(LENGTH, len(thing.word))
    effects.point(THING, thing.at, {"length": len(thing.word)}, colour=thing.colour)
    return {"last": thing.number}, effects


def view(state: dict[str, Any], now: datetime) -> list[Sample]:
    """The time of the last thing."""
    if "last" not in state:
        return []
    return [Sample(LAST, (START + timedelta(seconds=state["last"])).timestamp())]


def stream(limit: int = 100, interval: float = 5.0) -> Stream[Words, Thing, dict[str, Any]]:
    """The stream of things."""
    return Stream(
        name="things",
        interval=interval,
        reader=WordReader(limit),
        parse=parse,
        fold=fold,
        initial=dict,
        event_time=lambda thing: thing.at,
        feeds=(SEEN, WORDS, LENGTH, LAST),
        view=view,
    )


def source(words: Words, *streams: Stream[Words, Any, Any], probes: tuple[Probe[Words], ...] = ()) -> Source[Words]:
    """One endpoint."""

    def connect() -> Words:
        words.fail()
        return words

    return Source(
        system="tiny",
        deployment="default",
        name="words",
        connect=connect,
        close=lambda _: None,
        streams=streams or (stream(),),
        probes=probes,
    )


@dataclass
class Clock:
    """A monotonic clock a test moves."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        """Seconds."""
        return self.seconds


def open_runtime(directory: Path, clock: Clock | None = None, *, influx: bool = True) -> Runtime:
    """A state file, a store and what belongs to them. Close with `runtime.checkpoint.close()`."""
    store = SeriesStore(METRICS, newborn_seconds=30.0, clock=clock or Clock())
    checkpoint = Checkpoint(directory / "state.db", METRICS, Outbox())
    own = HealthCounters(store, checkpoint)
    own.load(health.METRICS)
    return Runtime(
        checkpoint=checkpoint,
        store=store,
        health=own,
        metrics={metric.name: metric for metric in METRICS},
        buckets={"tiny": None} if influx else {},
        now=lambda: START + timedelta(hours=1),
    )


def exposed(runtime: Runtime) -> dict[str, float]:
    """Every exposed sample, `name{labels}` -> value."""
    lines = runtime.store.render(openmetrics=False).splitlines()
    samples = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name: float(value) for name, value in samples}
