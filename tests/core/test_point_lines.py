"""Points become lines: declared tags and fields only, and a time for each that is no other's of its series."""

from __future__ import annotations

from datetime import timedelta

import pytest

from exporters.core import point_lines
from exporters.core.contract import Point
from exporters.core.measurement import Field, FieldValue, Measurement
from exporters.core.point_lines import PointLines
from tests.core.tiny import START, THING

SECOND_NS = int(START.timestamp()) * 10**9


class Maker(PointLines):
    """Lines of the deployment `home`; buckets of points that could not be written, and of those that lost a field."""

    def __init__(self, *buckets: str) -> None:
        self.lost: list[str] = []
        self.cut: list[tuple[str, str]] = []
        super().__init__("home", 1000, buckets, self.lost.append, lambda *why: self.cut.append(why))


def point(seconds: int = 0, **fields: FieldValue) -> Point:
    return Point(THING, START + timedelta(seconds=seconds), {"colour": "red"}, fields or {"length": 3})


def test_a_line_carries_its_deployment_and_a_nanosecond_within_its_microsecond() -> None:
    batch = Maker("tiny").begin(b"")
    batch.add(point(), b"first")
    batch.add(point(), b"second")
    assert len({line.time_ns for line in batch.lines}) == 2
    for line in batch.lines:
        assert line.bucket == "tiny"
        assert SECOND_NS <= line.time_ns < SECOND_NS + 1000
        assert line.line == f"tiny_thing,colour=red,deployment=home length=3i {line.time_ns}"


def test_a_daily_point_stands_at_its_day_and_replaces_the_one_before() -> None:
    daily = Measurement(
        "tiny", "tiny_daily_things", "Things.", (), (Field("things", "int", "How many."),), kind="daily"
    )
    stamps = b""
    for things in (3, 4):
        batch = Maker("tiny_daily").begin(stamps)
        batch.add(Point(daily, START, {}, {"things": things}), b"%d" % things)
        (line,) = batch.lines
        assert line.line == f"tiny_daily_things,deployment=home things={things}i {SECOND_NS}"
        stamps = batch.stamps()


def test_without_its_bucket_a_point_makes_no_line() -> None:
    batch = Maker("another").begin(b"8 before")
    batch.add(point(), b"first")
    assert batch.lines == []
    assert batch.stamps() == b"8 before", "and takes no place"


@pytest.mark.parametrize(
    ("tags", "fields"),
    [
        ({"colour": "red", "size": "large"}, {"length": 3}),
        ({"colour": "red"}, {"width": 3}),
        ({"colour": "red"}, {"length": "three"}),
        ({"colour": "red"}, {"length": True}),
        ({"colour": "red"}, {"length": 2**70}),
    ],
)
def test_what_cannot_be_written_is_told_and_counted_and_the_rest_is_written(
    tags: dict[str, str], fields: dict[str, FieldValue], caplog: pytest.LogCaptureFixture
) -> None:
    maker = Maker("tiny")
    batch = maker.begin(b"")
    for _ in range(2):
        batch.add(Point(THING, START, tags, fields), b"odd")
    batch.add(point(), b"good")
    assert [line.line.split(" ")[1] for line in batch.lines] == ["length=3i"]
    assert maker.lost == ["tiny", "tiny"]
    assert "tiny_thing" in caplog.text
    assert "three" not in caplog.text


def test_a_field_no_server_takes_is_left_out_and_counted() -> None:
    maker = Maker("tiny")
    measurement = Measurement(
        "tiny", "tiny_pair", "Two numbers.", (), (THING.fields[0], Field("other", "int", "Another."))
    )
    batch = maker.begin(b"")
    fields: dict[str, FieldValue] = {"length": 2**70, "other": 1}
    for mark in (b"x", b"y"):
        batch.add(Point(measurement, START, {}, fields), mark)
    assert [line.line.split(" ")[1] for line in batch.lines] == ["other=1i"] * 2
    assert maker.cut == [("tiny", "integer_range")] * 2
    assert maker.lost == []


def test_the_same_fields_of_many_points_are_written_as_if_each_had_its_own() -> None:
    shared: dict[str, FieldValue] = {"length": 3}
    points = [Point(THING, START, {"colour": colour}, shared) for colour in ("red", "blue", "red")]
    points[1:1] = [point(length=4)]
    written, alone = Maker("tiny").begin(b""), Maker("tiny").begin(b"")
    for each in points:
        written.add(each, b"x")
        alone.add(Point(each.measurement, each.at, each.tags, dict(each.fields)), b"x")
    assert written.lines == alone.lines
    assert [line.line.split(" ")[1] for line in written.lines] == ["length=3i", "length=4i", "length=3i", "length=3i"]


def test_an_unknown_tag_value_becomes_other() -> None:
    batch = Maker("tiny").begin(b"")
    batch.add(Point(THING, START, {"colour": "green"}, {"length": 3}), b"x")
    assert batch.lines[0].line.startswith("tiny_thing,colour=other,deployment=home ")


def test_memory_of_tag_sets_is_bounded_and_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def lines(remembered: int) -> list[str]:
        monkeypatch.setattr(point_lines, "_REMEMBERED", remembered)
        batch = Maker("tiny").begin(b"")
        for number in range(20):
            colour = ("red", "blue", "green")[number % 3]
            batch.add(Point(THING, START, {"colour": colour}, {"length": number}), b"%d" % number)
        return [line.line for line in batch.lines]

    assert lines(1) == lines(1024)


def test_a_batch_goes_on_where_the_last_one_ended() -> None:
    maker = Maker("tiny")
    first = maker.begin(b"")
    first.add(point(), b"same")
    second = maker.begin(first.stamps())
    second.add(point(), b"same")
    assert first.lines[0].time_ns != second.lines[0].time_ns
    again = maker.begin(first.stamps())
    again.add(point(), b"same")
    assert again.lines == second.lines, "a batch that was not committed is made again as it was"
