"""What a system implements, and the values that travel between reader, parser, fold, checkpoint and exposition.

A **Source** is one endpoint: one thread, one connection, one `source_up`. In it live **Streams** (events in order, with
a cursor) and **Probes** (state now). The readers in `exporters.readers` know how to read; a system knows what it means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from exporters.core.bell import Bell
from exporters.core.listing import Listing
from exporters.core.measurement import FieldValue, Measurement
from exporters.core.metric import Metric
from exporters.core.sql import TextRows

Json = Any
"""A value that json.dumps accepts: cursors and fold states are stored as JSON."""

LabelValues = tuple[str, ...]
"""Values of a metric's own labels (without `deployment`), in declared order."""

Record = bytes | tuple[Any, ...]
"""What a reader hands to `parse`: raw bytes, or the columns of a row, of which the first is its key as text."""

E = TypeVar("E")
S = TypeVar("S")
C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Sample:
    """One gauge sample (or info, value 1)."""

    metric: Metric
    value: float
    labels: LabelValues = ()


@dataclass(frozen=True, slots=True)
class Point:
    """One InfluxDB point at the event's own time; `deployment` and the exact nanosecond are added by the runner."""

    measurement: Measurement
    at: datetime
    tags: Mapping[str, str]
    fields: Mapping[str, FieldValue]


@dataclass(slots=True)
class Effects:
    """What one event does.

    counts: (counter, label values, amount >= 0). observations: (histogram, label values, value). points: to InfluxDB.
    """

    counts: list[tuple[Metric, LabelValues, float]] = field(default_factory=list)
    observations: list[tuple[Metric, LabelValues, float]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    def count(self, metric: Metric, *labels: str, amount: float = 1) -> None:
        """Add to a counter."""
        self.counts.append((metric, labels, amount))

    def observe(self, metric: Metric, value: float, *labels: str) -> None:
        """Add an observation to a histogram."""
        self.observations.append((metric, labels, value))

    def point(self, measurement: Measurement, at: datetime, fields: Mapping[str, FieldValue], **tags: str) -> None:
        """Add a point. Tags with an empty value are left out, as line protocol has none.

        fields: not changed by anybody afterwards; the same object for many points is written once.
        """
        if "" in tags.values():
            tags = {k: v for k, v in tags.items() if v}
        self.points.append(Point(measurement, at, tags, fields))


def identity(record: Record) -> bytes:
    """What tells a record from others of the same time: its bytes, or its key."""
    if isinstance(record, bytes):
        return record
    key: str = record[0]
    return key.encode()


@dataclass(frozen=True, slots=True)
class SeenChange:
    """How one batch changes the ids a stream remembers; committed with its cursor.

    add: (keyed hash of an id, time of its record in microseconds since the epoch). forget_before: ids of records older
    than this are dropped; None drops none.
    """

    add: Sequence[tuple[bytes, int]] = ()
    forget_before: int | None = None

    def __bool__(self) -> bool:
        return bool(self.add) or self.forget_before is not None


UNCHANGED = SeenChange()


class SeenIds(Protocol):
    """The ids a stream has emitted and may meet again, as committed."""

    def among(self, hashes: Sequence[bytes]) -> set[bytes]:
        """Those of the hashes that are remembered."""

    def oldest(self) -> int | None:
        """The time of the oldest record that is remembered, in microseconds since the epoch; None: none is."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read of a stream returned.

    records: oldest first. next_cursor: where the next read goes on, once this batch is committed.
    lost: entries that are known to have passed unread (exact, from a companion counter). gap: continuity could not be
    shown. more: there is more to read right now. totals: for each companion counter how much it grew since the last
    cursor, None where that cannot be said (it fell back). as_of: when the source was read.

    Of readers that remember ids: history: older records remain, to be read when nothing else is due. seen: what to
    remember and to forget. late: how many of the records were found only by the wider look. pending: how many records
    were read again because an open transaction keeps the source from closing them; None where nobody looked.
    """

    records: Sequence[Record]
    next_cursor: Json
    as_of: datetime
    lost: int = 0
    gap: bool = False
    more: bool = False
    totals: Mapping[str, int | None] = field(default_factory=dict)
    history: bool = False
    seen: SeenChange = UNCHANGED
    late: int = 0
    pending: int | None = None


class StreamReader(Protocol[C_contra]):
    """How a stream is read."""

    def read(self, connection: C_contra, cursor: Json, now: datetime) -> Batch:
        """Everything after the cursor (None: first read ever), bounded in rows and bytes.

        Raises StreamError (this stream alone) or SourceDown (the whole source).
        """


@runtime_checkable
class RememberingReader(StreamReader[C_contra], Protocol[C_contra]):
    """A reader that knows a record again by its id, and reads what lies further back when there is time.

    `read` is the same for one who only looks, and remembers nothing.
    """

    def read_live(self, connection: C_contra, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """What is new. Raises as `read` does."""

    def read_history(self, connection: C_contra, cursor: Json, now: datetime, seen: SeenIds) -> Batch:
        """The next part of what was there before the first read. Called while the last batch said `history`.

        It may go on reading ahead, on the same connection, until `rest` is called.
        """

    def rest(self) -> None:
        """Called when a batch of history has been dealt with: the connection is nobody else's any more on return."""

    def place_anew(self) -> Json:
        """The cursor from which `read_live` finds the present place without emitting anything."""


@dataclass(frozen=True, kw_only=True)
class Stream(Generic[C, E, S]):
    """Events in order with a cursor.

    name: the label `stream`. interval: seconds between reads. feeds: the metrics this stream alone owns.
    parse: record -> event, raises Rejected. fold: pure. state values are JSON (`encode`/`decode` translate).
    event_time: the event's own time, None if it has none. resolution_ns: resolution of that time in the source; a
    point's stamp gets an offset below it. settle: effects of a batch's companion totals. expire: ends what never ended.
    view: gauges after each successful read. state_version: raise it when the state's shape changes (state restarts).
    """

    name: str
    interval: float
    reader: StreamReader[C]
    parse: Callable[[Any], E]
    fold: Callable[[S, E], tuple[S, Effects]]
    initial: Callable[[], S]
    event_time: Callable[[E], datetime | None]
    feeds: tuple[Metric, ...]
    resolution_ns: int = 1000
    settle: Callable[[Mapping[str, int | None], Sequence[E]], Effects] | None = None
    expire: Callable[[S, datetime], tuple[S, Effects]] | None = None
    view: Callable[[S, datetime], list[Sample]] | None = None
    encode: Callable[[S], Json] = lambda state: state
    decode: Callable[[Json], S] = lambda stored: stored
    state_version: int = 1


@dataclass(frozen=True, kw_only=True)
class Probe(Generic[C]):
    """State now. collect: one read -> gauge samples; raises StreamError or SourceDown. None: only a part has been read,
    and it is to be called again once what is due has been.

    trouble: what of the samples, though they could be read, a person should hear who has just configured this; empty
    for nothing. For `observatory check`: where a state is itself `unreachable`, a successful read is no good news.
    """

    name: str
    interval: float
    collect: Callable[[C, datetime], list[Sample] | None]
    feeds: tuple[Metric, ...]
    trouble: Callable[[Sequence[Sample]], str] = lambda _samples: ""

    def whole(self, connection: C, now: datetime) -> list[Sample]:
        """All of it, for who has nothing else to read meanwhile. Raises as `collect` does."""
        while (samples := self.collect(connection, now)) is None:
            continue
        return samples


@dataclass(frozen=True, kw_only=True)
class Source(Generic[C]):
    """One endpoint of one deployment of one system.

    connect: opens the connection (raises SourceDown), which carries its own per-command timeout. close: never raises.
    bells: stream -> bell that another source rings when it has seen news for that stream. optional: nothing is missing
    without it, only later; a source that owns a fact is not.
    """

    system: str
    deployment: str
    name: str
    connect: Callable[[], C]
    close: Callable[[C], None]
    streams: tuple[Stream[C, Any, Any], ...]
    probes: tuple[Probe[C], ...] = ()
    bells: Mapping[str, Bell] = field(default_factory=dict)
    optional: bool = False


@dataclass(frozen=True, kw_only=True)
class System:
    """One kind of watched system: THE registration value.

    metrics and measurements: everything it can emit. texts: rows that pages show where they
    are. listings: rows that `observatory export` lists. settings: the pydantic model of one deployment.
    from_environment: one deployment from the system's own variable names, None if they are not set.
    sources: one deployment's settings -> its sources. hash_key keys the hashes of user ids.
    """

    name: str
    title: str
    metrics: tuple[Metric, ...]
    measurements: tuple[Measurement, ...]
    settings: type[Any]
    from_environment: Callable[[Mapping[str, str]], Mapping[str, Any] | None]
    sources: Callable[[Any, bytes], tuple[Source[Any], ...]]
    texts: tuple[TextRows, ...] = ()
    listings: tuple[Listing, ...] = ()
