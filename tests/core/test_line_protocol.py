"""Lines are valid whatever goes in, read back as it went in, and equal to the client library's where that is right."""

from __future__ import annotations

import contextlib
import math
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from influxdb_client.client.write.point import Point

from exporters.core.line_protocol import (
    FIELD_DROP_REASONS,
    MAX_KEY_BYTES,
    MAX_STRING_BYTES,
    MAX_TIME_NS,
    MIN_TIME_NS,
    FieldDropReason,
    Unencodable,
    encode,
    encode_plain,
    encode_undated,
    field_keys,
    head,
)
from exporters.core.measurement import FieldValue
from tests.standins.influx_servers import BOTH, Kind, influx_server
from tests.standins.line_parser import parse, split

NOW = 1_700_000_000_000_000_001

# Every character the format gives a meaning, and neighbours that could be mistaken for one.
AWKWARD = st.text(alphabet='ab\\ ,="\n\t\r\0#\x01\x85\u2028é😀\ud800\udc00', max_size=8)
TEXT = st.one_of(AWKWARD, st.text(max_size=20))
FIELD_VALUES = st.one_of(
    st.integers(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.booleans(),
    TEXT,
)
TIMES = st.integers(MIN_TIME_NS, MAX_TIME_NS)
TAGS = st.dictionaries(TEXT, TEXT, max_size=4)
FIELDS = st.dictionaries(TEXT, FIELD_VALUES, min_size=1, max_size=4)


def encoded(
    measurement: str,
    tags: dict[str, str],
    fields: dict[str, FieldValue],
    time_ns: int,
    on_drop: Callable[[str, FieldDropReason], None] | None = None,
) -> str:
    """The line, or nothing where there can be none."""
    try:
        return encode(measurement, tags, fields, time_ns, on_drop)
    except Unencodable:
        empty_name = not measurement or measurement.startswith("#") or bool({"time"} & set(tags))
        unwritable = all(
            name in {"", "time"}
            or (isinstance(value, float) and not math.isfinite(value))
            or (isinstance(value, int) and not -(2**63) <= value < 2**63)
            for name, value in fields.items()
        )
        assert empty_name or unwritable, "refused without need"
        return ""


def client_library_is_right(measurement: str, tags: dict[str, str], fields: dict[str, FieldValue]) -> bool:
    """Where `Point` writes a line that InfluxDB reads back as what went in, or both leave the same things out."""
    names = [measurement, *tags, *fields]
    texts = [*names, *tags.values(), *(value for value in fields.values() if isinstance(value, str))]
    tokens = [*tags, *tags.values()]
    return (
        bool(measurement)
        and not measurement.startswith("#")
        and not any(0xD800 <= ord(character) < 0xE000 for text in texts for character in text)
        and not any("\0" in name for name in [*names, *tags.values()])
        and not any(text.endswith("\\") or "\\ " in text for text in tokens)
        and not any(name.endswith("\\") or any(f"\\{c}" in name for c in ',= "') for name in [measurement, *fields])
        and "" not in fields
        and "time" not in fields
        and not {"time", "_field", "_measurement"} & set(tags)
        and all(-(2**63) <= value < 2**63 for value in fields.values() if isinstance(value, int))
        and any(not isinstance(value, float) or math.isfinite(value) for value in fields.values())
    )


@given(measurement=TEXT, tags=TAGS, fields=FIELDS, time_ns=TIMES)
@example("m", {"t": r"a\,b"}, {"f": 1}, 0)
@example("m", {"t": r"a\=b", r"k\\x": "v"}, {r"f\x": 1.0}, 0)
@example("m", {"t": "", "": "v"}, {"f": float("nan"), "g": -0.0}, 0)
@example("m", {}, {"f": 1e300, "g": 5e-324, "h": True, "i": 'a\n"b"\\'}, 0)
def test_it_equals_the_client_library_where_that_is_right(
    measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], time_ns: int
) -> None:
    assume(client_library_is_right(measurement, tags, fields))
    point = Point(measurement)  # type: ignore[no-untyped-call]
    point.time(time_ns)  # type: ignore[no-untyped-call]
    for key, tag in tags.items():
        point.tag(key, tag)  # type: ignore[no-untyped-call]
    for key, value in fields.items():
        point.field(key, value)  # type: ignore[no-untyped-call]
    written = point.to_line_protocol()  # type: ignore[no-untyped-call]
    assert encode(measurement, tags, fields, time_ns) == written


@given(measurement=TEXT, tags=TAGS, fields=FIELDS, time_ns=TIMES)
@example("m", {"t": "a\\ b", "u": 'y"'}, {"f": 'p\nq"'}, 0)
@example("m", {"t": "a\\ b\\,c", "u": "x"}, {"f": "p\nq"}, 0)
@example("m", {}, {"a\\,b": "p\nq"}, 0)
@example("m\0", {"\0": "\0"}, {"\0f": "\0"}, 0)
@example("\\", {"\\": "\\"}, {"\\": "\\"}, 0)
def test_whatever_goes_in_one_valid_line_comes_out(
    measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], time_ns: int
) -> None:
    line = encoded(measurement, tags, fields, time_ns)
    assume(line)
    line.encode()
    # Between others in a body it is still one line, and the others stay whole.
    before, after = 'a s="x\ny" 1', "b f=1 2"
    assert split(f"{before}\n{line}\n{after}") == [before, line, after]
    read = parse(line)
    assert read.time_ns == time_ns
    assert parse(encode(read.measurement, read.tags, read.fields, time_ns)) == read


@given(measurement=TEXT, tags=TAGS, fields=FIELDS, undeclared=st.booleans(), long=st.booleans())
@example(measurement="m", tags={}, fields={"a": 1, "b": -0.0, "c": 1e16}, undeclared=False, long=False)
@example(measurement="m", tags={}, fields={"a": "x", "b": "é"}, undeclared=False, long=True)
def test_the_quick_way_writes_the_same_line_or_none(
    measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], *, undeclared: bool, long: bool
) -> None:
    types = {name: type(value) for name, value in fields.items()}
    if undeclared:
        types.popitem()
    if long:
        fields = {name: value * 400_000 if isinstance(value, str) else value for name, value in fields.items()}
    try:
        begins = head(measurement, tags)
    except Unencodable:
        return
    plain = encode_plain(begins, field_keys(types), fields)
    odd = undeclared or long or not all(map(_is_plain, fields.values())) or not (begins + "".join(fields)).isascii()
    assert odd or plain is not None or "" in fields or "time" in fields, "what is plain takes the quick way"
    assert plain is None or plain == encode_undated(measurement, tags, fields)


def _is_plain(value: FieldValue) -> bool:
    if isinstance(value, str):
        return value.isascii()
    return isinstance(value, bool) or -(2**63) <= value < 2**63


PLAIN_NAME = st.text(alphabet='ab ,="é😀\x85', min_size=1, max_size=8).filter(lambda name: name != "time")
STORABLE = st.one_of(
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20),
    st.text(alphabet='a\\ ,="\n\r\t\0', max_size=8),
)


@given(
    measurement=PLAIN_NAME,
    tags=st.dictionaries(PLAIN_NAME, PLAIN_NAME, max_size=3),
    fields=st.dictionaries(PLAIN_NAME, STORABLE, min_size=1, max_size=3),
    time_ns=TIMES,
)
def test_what_can_be_written_is_read_back_unchanged(
    measurement: str, tags: dict[str, str], fields: dict[str, FieldValue], time_ns: int
) -> None:
    read = parse(encode(measurement, tags, fields, time_ns))
    assert (read.measurement, read.tags, read.time_ns) == (measurement, tags, time_ns)
    assert read.fields == fields
    assert {name: type(value) for name, value in read.fields.items()} == {n: type(v) for n, v in fields.items()}


@given(fields=FIELDS)
def test_every_field_is_written_or_reported(fields: dict[str, FieldValue]) -> None:
    dropped: dict[str, str] = {}
    line = encoded("m", {}, fields, NOW, dropped.__setitem__)
    written = parse(line).fields if line else {}
    assert set(dropped.values()) <= set(FIELD_DROP_REASONS)
    assert len(written) + len(dropped) <= len(fields)
    # Two names may be spelled out alike, but then only because of characters a name cannot hold.
    if not any(set(name) & set("\\/\n\t\r\0\ufffd\ud800\udc00") for name in fields):
        assert len(written) + len(dropped) == len(fields)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not_finite"),
        (float("-inf"), "not_finite"),
        (2**63, "integer_range"),
        (-(2**63) - 1, "integer_range"),
        ("x" * (MAX_STRING_BYTES + 1), "string_length"),
        ("é" * (MAX_STRING_BYTES // 2 + 1), "string_length"),
    ],
    ids=["nan", "-inf", "int64+1", "int64-1", "string", "string in bytes"],
)
def test_a_field_no_server_takes_is_left_out_and_reported(value: FieldValue, reason: str) -> None:
    dropped: list[tuple[str, str]] = []
    line = encode("m", {}, {"bad": value, "good": 1}, 5, lambda name, why: dropped.append((name, why)))
    assert line == "m good=1i 5"
    assert dropped == [("bad", reason)]
    with pytest.raises(Unencodable, match="no_fields"):
        encode("m", {}, {"bad": value}, 5)


def test_the_type_of_a_field_is_the_type_of_its_value() -> None:
    fields: dict[str, FieldValue] = {"a": 1, "b": 1.0, "c": True, "d": "1", "e": 0.1, "f": -0.0, "g": False}
    assert encode("m", {}, fields, 0) == 'm a=1i,b=1,c=true,d="1",e=0.1,f=-0,g=false 0'


@pytest.mark.parametrize(
    ("name", "in_measurement", "in_tag", "in_field_key"),
    [
        ("a b", r"a\ b", r"a\ b", r"a\ b"),
        ("a,b", r"a\,b", r"a\,b", r"a\,b"),
        ("a=b", "a=b", r"a\=b", r"a\=b"),
        ('a"b', 'a"b', 'a"b', 'a"b'),
        (r"a\b", r"a\b", r"a\b", r"a\b"),
        (r"a\\b", r"a\\b", r"a\\b", r"a\\b"),
        ("a\nb\tc\rd", r"a\nb\tc\rd", r"a\nb\tc\rd", r"a\nb\tc\rd"),
        # From here on the client library writes something that is read back wrongly, or not at all.
        ("a\0b", r"a\x00b", r"a\x00b", r"a\x00b"),
        ("a\\", "a/", "a/", "a/"),
        ("a\\\\", "a//", "a//", "a//"),
        (r"a\ b", r"a/\ b", r"a/\ b", r"a/\ b"),
        (r"a\,b", r"a/\,b", r"a\\,b", r"a/\,b"),
        (r"a\=b", "a/=b", r"a\\=b", r"a/\=b"),
        (r"a\"b", 'a/"b', r"a\"b", 'a/"b'),
        ("a\ud800b", "a\ufffdb", "a\ufffdb", "a\ufffdb"),
    ],
)
def test_how_each_awkward_character_is_written(name: str, in_measurement: str, in_tag: str, in_field_key: str) -> None:
    line = encode(name, {name: name}, {name: 1}, 5)
    assert line == f"{in_measurement},{in_tag}={in_tag} {in_field_key}=1i 5"


@pytest.mark.parametrize("time_ns", [MIN_TIME_NS - 1, MAX_TIME_NS + 1])
def test_a_time_no_server_takes_is_refused(time_ns: int) -> None:
    with pytest.raises(Unencodable, match="time_range"):
        encode("m", {}, {"f": 1}, time_ns)


@pytest.mark.parametrize("tag", ["time", "_field", "_measurement"])
def test_a_reserved_tag_is_refused(tag: str) -> None:
    with pytest.raises(Unencodable, match="name"):
        encode("m", {tag: "v"}, {"f": 1}, 0)


@pytest.mark.parametrize("measurement", ["", "#note"])
def test_a_measurement_that_would_vanish_is_refused(measurement: str) -> None:
    with pytest.raises(Unencodable, match="name"):
        encode(measurement, {}, {"f": 1}, 0)


def test_an_error_never_shows_a_value() -> None:
    with pytest.raises(Unencodable) as caught:
        encode("m", {"t": "canary-7f3a"}, {"f": float("nan"), "": "canary-7f3a"}, 0)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kind", BOTH)
def test_the_longest_key_and_string_are_what_the_server_takes(kind: Kind, tmp_path: Path) -> None:
    longest = MAX_KEY_BYTES - len("m,t=") - 4 - len("f")
    with pytest.raises(Unencodable, match="key_length"):
        encode("m", {"t": "x" * (longest + 1)}, {"f": 1}, NOW)
    lines = [
        encode("m", {"t": "x" * longest}, {"f": 1}, NOW),
        encode("m", {"t": "\\ " * 10}, {"s": '"' * MAX_STRING_BYTES}, NOW),
    ]
    with influx_server(kind, tmp_path) as server:
        server.bucket("b")
        token = tmp_path / "token"
        token.write_text(server.operator_token())
        with server.endpoint(token).client() as client:
            client.write_api(write_options=_synchronous()).write("b", record=lines)
        assert len(server.stored("b")) == 2


def _synchronous() -> object:
    from influxdb_client.client.write_api import SYNCHRONOUS

    return SYNCHRONOUS


def awkward_points(seed: int, count: int) -> list[tuple[str, dict[str, str], dict[str, FieldValue]]]:
    """Points whose every name and value is made of the characters that the format gives a meaning."""
    chance = random.Random(seed)

    def text(most: int = 6) -> str:
        return "".join(chance.choice('ab\\\\ ,="\n\t\0#\x01é😀\ud800') for _ in range(chance.randint(0, most)))

    def value() -> FieldValue:
        return chance.choice(
            [chance.randint(-(2**63), 2**63 - 1), chance.uniform(-1e9, 1e9), 10.0 ** chance.randint(-308, 308), True]
            + [text(12) for _ in range(4)]
        )

    points = []
    for number in range(count):
        # Names end in a number: InfluxDB keeps one type per field for ever, and no two points shall merge.
        tags = {f"{text()}{end}": text() for end in range(chance.randint(0, 3))}
        fields = {f"{text()}{chance.choice(['', 'z'])}": value() for _ in range(chance.randint(1, 3))}
        points.append((f"{text()}{number}", tags, fields))
    return points


@pytest.mark.parametrize("kind", BOTH)
def test_a_server_stores_what_was_meant(kind: Kind, tmp_path: Path) -> None:
    """Thousands of awkward points in one post: one torn or merged line would show in its neighbours too."""
    started = time.time_ns() - 10**12
    lines: list[str] = []
    for number, (measurement, tags, fields) in enumerate(awkward_points(seed=20, count=3000)):
        with contextlib.suppress(Unencodable):
            lines.append(encode(measurement, tags, fields, started + number))
    assert len(lines) > 2000
    with influx_server(kind, tmp_path) as server:
        server.bucket("b")
        token = tmp_path / "token"
        token.write_text(server.operator_token())
        with server.endpoint(token).client() as client:
            client.write_api(write_options=_synchronous()).write("b", record="\n".join(lines).encode())
        stored = server.stored("b")
    assert len(stored) == len(lines)
    for line in lines:
        point = parse(line)
        assert point.time_ns is not None
        found = stored[point.measurement, tuple(sorted(point.tags.items())), point.time_ns]
        # A query answers in CSV, where a line break inside a text is always \r\n.
        assert {name: _line_breaks(value) for name, value in found.items()} == point.fields


def _line_breaks(value: FieldValue) -> FieldValue:
    return value.replace("\r\n", "\n") if isinstance(value, str) else value
