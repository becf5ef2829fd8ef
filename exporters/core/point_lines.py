"""Points of one stream become lines of the outbox: tags held to their sets, fields to their types, a time of its own.

A line is made as soon as its event is folded, so that a large batch holds lines and not events, points and dicts.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from exporters.core.contract import Point
from exporters.core.errors import DeclarationError
from exporters.core.line_protocol import (
    MAX_TIME_NS,
    MIN_TIME_NS,
    FieldDropReason,
    FieldKeys,
    Unencodable,
    encode_plain,
    encode_undated,
    field_keys,
    head,
)
from exporters.core.measurement import FieldValue, Measurement
from exporters.core.outbox import OutboxLine
from exporters.core.seldom import Seldom
from exporters.core.stamp import Stamps

log = logging.getLogger(__name__)

_REMEMBERED = 1024
"""Tag sets kept ready per stream, some 600 bytes each. They repeat: all are closed sets but for a user or a task."""

_WRITTEN = 32
"""Fields kept ready per tag set."""


@dataclass(slots=True)
class _TagSet:
    """tags: as they are written, `deployment` included. series: measurement and tags, as they identify a point.
    head: as a line begins with both. keys: of the measurement's fields.

    cut: told the name of a field that is left out, and why. written: by identity, fields written lately, if none of
    them had to be left out, and the line they made: rows of a table often have the same, or one of a few.
    """

    tags: Mapping[str, str]
    series: str
    head: str
    keys: FieldKeys
    cut: Callable[[str, FieldDropReason], None]
    written: dict[int, tuple[Mapping[str, FieldValue], str]] = field(default_factory=dict)


class PointLines:
    """Makes the lines of one stream. Used by its source's thread alone.

    buckets: those that exist; points of others make no line. resolution_ns: as Stream has it. dropped: called with the
    bucket of a point that cannot be written as a line. cut: called with the bucket of a point that is written without
    one of its fields, and the reason.
    """

    def __init__(
        self,
        deployment: str,
        resolution_ns: int,
        buckets: Collection[str],
        dropped: Callable[[str], None],
        cut: Callable[[str, FieldDropReason], None],
    ) -> None:
        self._deployment = deployment
        self._resolution_ns = resolution_ns
        self._buckets = buckets
        self._dropped = dropped
        self._cut = cut
        self._seldom = Seldom()
        self._known: dict[tuple[Measurement, tuple[tuple[str, str], ...]], _TagSet] = {}

    def begin(self, stamps: bytes) -> LineBatch:
        """A batch without lines. stamps: the recent ones, as they were committed last."""
        return LineBatch(self, stamps)

    def make(self, point: Point, record: bytes, stamps: Stamps) -> OutboxLine | None:
        """The point's line at its own time; None where there is none."""
        measurement = point.measurement
        bucket = measurement.bucket
        if bucket not in self._buckets:
            return None
        try:
            known = self._tag_set(point)
            # They are held here, so that nothing else can have come to their place.
            written = known.written.get(id(point.fields))
            undated = written[1] if written is not None else _undated(measurement, point.fields, known)
            # Whole seconds first: a float of nanoseconds is not exact.
            event_ns = int(point.at.timestamp()) * 1_000_000_000 + point.at.microsecond * 1000
            if measurement.kind == "daily":
                # One per series and day: written again it must replace the one before, not stand beside it.
                time_ns = event_ns
            else:
                time_ns = stamps.assign(known.series, event_ns, self._resolution_ns, record)
            if not MIN_TIME_NS <= time_ns <= MAX_TIME_NS:
                raise Unencodable(reason="time_range", detail=str(time_ns))
            return OutboxLine(bucket, time_ns, f"{undated} {time_ns}")
        except (Unencodable, DeclarationError) as error:
            if times := self._seldom.times(str(error)):
                log.error("%d points of %s could not be written as lines: %s", times, measurement.name, error)
            self._dropped(bucket)
            return None

    def _tag_set(self, point: Point) -> _TagSet:
        measurement = point.measurement
        key = (measurement, tuple(point.tags.items()))
        known = self._known.get(key)
        if known is None:
            measurement.check_tags(point.tags)
            tags = {tag.name: tag.clamp(point.tags[tag.name]) for tag in measurement.tags if tag.name in point.tags}
            tags["deployment"] = self._deployment
            series = measurement.name + "".join(f",{k}={v}" for k, v in sorted(tags.items()))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            bucket = measurement.bucket
            known = self._known[key] = _TagSet(
                tags,
                series,
                head(measurement.name, tags),
                field_keys(measurement.types),
                lambda _, why: self._cut(bucket, why),
            )
        return known


def _undated(measurement: Measurement, fields: Mapping[str, FieldValue], known: _TagSet) -> str:
    plain = encode_plain(known.head, known.keys, fields)
    if plain is not None:
        _keep(known, fields, plain)
        return plain
    whole = True

    def cut(name: str, why: FieldDropReason) -> None:
        nonlocal whole
        whole = False
        known.cut(name, why)

    undated = encode_undated(measurement.name, known.tags, measurement.typed(fields), cut)
    # Left out once is left out, and counted, each time.
    if whole:
        _keep(known, fields, undated)
    return undated


def _keep(known: _TagSet, fields: Mapping[str, FieldValue], undated: str) -> None:
    if len(known.written) >= _WRITTEN:
        known.written.clear()
    known.written[id(fields)] = (fields, undated)


class LineBatch:
    """The lines of one batch, not yet committed."""

    def __init__(self, maker: PointLines, stamps: bytes) -> None:
        self._make = maker.make
        self._before = stamps
        self._stamps = Stamps(stamps)
        self.lines: list[OutboxLine] = []

    def add(self, point: Point, record: bytes) -> None:
        """Add a point's line. record: the raw bytes it came from, which give it its place within a tick."""
        line = self._make(point, record, self._stamps)
        if line is not None:
            self.lines.append(line)

    def stamps(self) -> bytes:
        """The recent stamps after this batch. Called once, at its end."""
        return self._stamps.packed() if self.lines else self._before
