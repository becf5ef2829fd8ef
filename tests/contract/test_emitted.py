"""Lived through by its simulator, a system emits what it declares and nothing else.

What a system of today can never bring forth, and is declared all the same, stands in `NEVER` of its golden life, with
the reason; an entry that has come true fails as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pytest
from prometheus_client import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from exporters.core import llm
from exporters.core.contract import System
from exporters.core.label import OTHER, Label
from exporters.core.measurement import Measurement
from exporters.core.metric import Kind, Metric
from exporters.registry import METRICS, SYSTEMS
from tests.contract.observer import Observed
from tests.contract.rooms import life_module, parts
from tests.standins.line_parser import Point, parse

pytestmark = pytest.mark.servers
each_system = pytest.mark.parametrize("system", SYSTEMS, ids=lambda system: system.name)
SUFFIXES = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum")}


def emits(system: System) -> tuple[Metric, ...]:
    """The system's own metrics, and the shared families it feeds."""
    fed = {metric for _, part in parts(system) for metric in part.feeds}
    return (*system.metrics, *(family for family in llm.FAMILIES if family in fed))


EMITTED = [(system, metric) for system in SYSTEMS for metric in emits(system)]
CLOSED = [(s, metric, label) for s, metric in EMITTED for label in metric.own_labels if label.values is not None]
STORED = [(system, measurement) for system in SYSTEMS for measurement in system.measurements]


def exposed(lived: Observed) -> Iterable[Family]:
    """The exposition, as a scraper reads it."""
    return text_string_to_metric_families(lived.exposition)


def never(system: System, thing: str, part: str) -> Mapping[str, str]:
    """Values that cannot come up -> why."""
    reasons: Mapping[str, str] = life_module(system).NEVER.get((thing, part), {})
    return reasons


# Prometheus.


@each_system
def test_nothing_undeclared_is_exposed(system: System, lived: Observed) -> None:
    declared = {metric.name + suffix: metric for metric in METRICS for suffix in SUFFIXES.get(metric.kind, ("",))}
    problems = []
    for family in exposed(lived):
        for sample in family.samples:
            metric = declared.get(sample.name)
            if metric is None:
                problems.append(f"{sample.name} is not declared")
                continue
            labels = sample.labels.keys() - ({"le"} if sample.name.endswith("_bucket") else set())
            if labels != {label.name for label in metric.labels}:
                problems.append(f"{sample.name} has the labels {sorted(labels)}")
            problems += [
                f"{sample.name}: {label.name}={sample.labels[label.name]!r} is not in its closed set"
                for label in metric.labels
                if label.name in sample.labels and not label.allows(sample.labels[label.name])
            ]
    assert problems == []


@each_system
def test_types_and_help_are_the_declared_ones(system: System, lived: Observed) -> None:
    declared = {metric.name.removesuffix("_total"): metric for metric in METRICS}
    for family in exposed(lived):
        metric = declared[family.name]
        assert family.documentation == metric.help
        assert family.type == ("gauge" if metric.kind is Kind.INFO else metric.kind.value)


@pytest.mark.parametrize(("system", "metric"), EMITTED, ids=[f"{s.name}-{m.name}" for s, m in EMITTED])
def test_it_comes_up(system: System, metric: Metric, lived: Observed) -> None:
    """A gauge is shown; a counter counts; a histogram sees something."""
    assert metric.name in lived.moved, "never shown"
    if metric.kind in (Kind.COUNTER, Kind.HISTOGRAM):
        assert lived.moved[metric.name], "never other than 0"


@pytest.mark.parametrize(
    ("system", "metric", "label"), CLOSED, ids=[f"{s.name}-{m.name}-{label.name}" for s, m, label in CLOSED]
)
def test_every_value_of_a_closed_set_comes_up(system: System, metric: Metric, label: Label, lived: Observed) -> None:
    came = lived.moved[metric.name].get(label.name, set())
    excused = never(system, metric.name, label.name)
    missing = set(label.values or ()) - came - excused.keys()
    assert missing == set(), "no series with it ever moved; say why in NEVER"
    assert came & excused.keys() == set(), "NEVER says it cannot come up, and it did"
    assert excused.keys() <= set(label.values or ())


@each_system
def test_what_becomes_other_has_been_thought_of(system: System, lived: Observed) -> None:
    """The simulator writes what the contract describes: an `other` would be a value we forgot to declare."""
    others = {
        (metric.name, label.name)
        for metric in emits(system)
        for label in metric.own_labels
        if OTHER in lived.moved[metric.name].get(label.name, ())
    }
    assert others == life_module(system).OTHERS.keys()


@each_system
def test_the_exporter_had_no_trouble(system: System, lived: Observed) -> None:
    """No read failed, no record was a defect, nothing went by unread: what is emitted is the whole of it."""
    for family in exposed(lived):
        for sample in family.samples:
            if sample.name == "observatory_stream_rejected_total" and sample.labels["reason"] == "defect":
                assert sample.value == 0, sample.labels
            if sample.name in {"observatory_stream_errors_total", "observatory_stream_lost_total"}:
                assert sample.value == 0, sample.labels
            if sample.name == "observatory_outbox_dropped_total" and sample.labels["reason"] == "unencodable":
                assert sample.value == 0, sample.labels


# InfluxDB.


def points(lived: Observed, measurement: Measurement) -> list[Point]:
    """Its lines, read as InfluxDB reads them."""
    mine = re.compile(rf"{measurement.name}[, ]")
    return [parse(line) for bucket, line in lived.lines if bucket == measurement.bucket and mine.match(line)]


@each_system
def test_no_line_is_of_an_undeclared_measurement(system: System, lived: Observed) -> None:
    names = {re.split(r"[, ]", line, maxsplit=1)[0] for _, line in lived.lines}
    assert names <= {measurement.name for measurement in system.measurements}
    assert {bucket for bucket, _ in lived.lines} == {measurement.bucket for measurement in system.measurements}


@pytest.mark.parametrize(("system", "measurement"), STORED, ids=[measurement.name for _, measurement in STORED])
def test_its_points_have_every_tag_and_field(system: System, measurement: Measurement, lived: Observed) -> None:
    found = points(lived, measurement)
    assert found, "no line"
    excused = never(system, measurement.name, "tags and fields")
    declared = {tag.name for tag in measurement.all_tags} | {field.name for field in measurement.fields}
    came = {name for point in found for name in (*point.tags, *point.fields)}
    assert came <= declared
    assert declared - came == excused.keys()


@pytest.mark.parametrize(("system", "measurement"), STORED, ids=[measurement.name for _, measurement in STORED])
def test_its_points_keep_their_types(system: System, measurement: Measurement, lived: Observed) -> None:
    types = {"int": int, "float": float, "bool": bool, "str": str}
    for point in points(lived, measurement):
        for name, value in point.fields.items():
            assert type(value) is types[measurement.field(name).type], name


@each_system
def test_no_two_points_are_one(system: System, lived: Observed) -> None:
    """InfluxDB keeps one point per series and nanosecond. A day's is written again, to replace the one before."""
    daily = {measurement.bucket for measurement in system.measurements if measurement.kind == "daily"}
    keys = [(bucket, line.split(" ")[0], line.rsplit(" ", 1)[1]) for bucket, line in lived.lines if bucket not in daily]
    assert len(set(keys)) == len(keys)
