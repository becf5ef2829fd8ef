"""What every fold of HER owes its reader: effects that are declared, and easy to compare."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from exporters.core.contract import Effects, Point, Stream
from exporters.core.measurement import Measurement
from exporters.core.metric import Kind, Metric
from exporters.her.metrics import MEASUREMENTS

Series = dict[tuple[str, ...], float]


def counted(effects: Effects, metric: Metric) -> Series:
    """Label values -> amount added to this counter."""
    found: Series = {}
    for counter, labels, amount in effects.counts:
        if counter is metric:
            found[labels] = found.get(labels, 0) + amount
    return found


def observed(effects: Effects, metric: Metric) -> dict[tuple[str, ...], list[float]]:
    """Label values -> what this histogram saw."""
    found: dict[tuple[str, ...], list[float]] = {}
    for histogram, labels, value in effects.observations:
        if histogram is metric:
            found.setdefault(labels, []).append(value)
    return found


def points(effects: Effects, measurement: Measurement) -> list[Point]:
    """The points of one measurement."""
    return [point for point in effects.points if point.measurement is measurement]


def only_point(effects: Effects, measurement: Measurement) -> Point:
    """The only point of one measurement."""
    (point,) = points(effects, measurement)
    return point


def assert_declared(effects: Effects, feeds: Iterable[Metric]) -> None:
    """Every effect names what is declared, in its declared shape, with a value a store takes."""
    allowed = set(feeds)
    for metric, labels, amount in effects.counts:
        assert metric in allowed
        assert metric.kind is Kind.COUNTER
        assert amount >= 0
        _assert_labels(metric, labels)
    for metric, labels, value in effects.observations:
        assert metric in allowed
        assert metric.kind is Kind.HISTOGRAM
        assert math.isfinite(value)
        assert value >= 0
        _assert_labels(metric, labels)
    for point in effects.points:
        assert point.measurement in MEASUREMENTS
        fields = point.measurement.check(point.tags, point.fields)
        assert fields
        assert point.at.utcoffset() is not None
        for text in (*point.tags.values(), *(field for field in fields.values() if isinstance(field, str))):
            text.encode()
        assert all(point.tags.values()), "an empty tag cannot be written"


def run(stream: Stream[Any, Any, Any], *records: bytes) -> tuple[Any, Effects]:
    """Parse and fold records through a stream; its state and all effects together, each of them checked."""
    state, everything = stream.initial(), Effects()
    for record in records:
        state, effects = stream.fold(state, stream.parse(record))
        assert_declared(effects, stream.feeds)
        everything.counts += effects.counts
        everything.observations += effects.observations
        everything.points += effects.points
    return state, everything


def _assert_labels(metric: Metric, labels: tuple[str, ...]) -> None:
    assert len(labels) == len(metric.own_labels), metric.name
    for value in labels:
        value.encode()
