r"""Line protocol as InfluxDB 2.9.1 reads it, oddities included, with the server's own words for what it refuses.

The oddities matter: the server first splits a body into lines, pairing every backslash with the next character, and
then scans names and tags, where a backslash only protects the one character after it. A text on which the two disagree
is torn apart. `exporters.core.line_protocol` never writes one, and this reader is how a test would notice.

Stricter than the server in what this product never writes: unsigned integers (`1u`), text between the end of a quoted
value and the next comma or space (the server ignores it), and field keys that end in a backslash.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

FieldValue = int | float | bool | str

MIN_TIME_NS = -9223372036854775806
MAX_TIME_NS = 9223372036854775806
MAX_KEY_BYTES = 65_535
TEXT_AFTER_STRING = "text after a quoted value"

_BLANK = " \t\0"
_BOOLEANS = {word: word[0] in "tT" for word in ("t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE")}
_NUMBER = re.compile(r"(?P<int>-?[0-9]+)i|-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TIME = re.compile(r"-?[0-9]+")


class Malformed(ValueError):  # noqa: N818 - the server speaks of the line
    """The line cannot be parsed; the text is the server's reason, without the line."""


def _refuse(reason: str) -> NoReturn:
    raise Malformed(reason)


@dataclass(frozen=True, slots=True)
class Point:
    """One point as read. time_ns is None where the line has no timestamp."""

    measurement: str
    tags: dict[str, str]
    fields: dict[str, FieldValue]
    time_ns: int | None


def split(body: str) -> list[str]:
    """The lines of a body, without blank ones and comments. A newline inside a quoted value does not end a line."""
    lines: list[str] = []
    start = 0
    while start < len(body):
        end = _end_of_line(body, start)
        line = body[start:end].lstrip(_BLANK)
        if line and not line.startswith("#"):
            lines.append(line)
        start = end + 1
    return lines


def _end_of_line(body: str, at: int) -> int:
    in_fields = quoted = False
    equals = commas = 0
    while at < len(body):
        char = body[at]
        if char == "\\" and at + 2 < len(body):
            at += 2
            continue
        in_fields = in_fields or char == " "
        if in_fields and char == '"' and equals > commas:
            quoted = not quoted
        elif in_fields and not quoted and char == "=":
            equals += 1
        elif in_fields and not quoted and char == ",":
            commas += 1
        elif char == "\n" and not quoted:
            break
        at += 1
    return at


def parse(line: str) -> Point:
    """One line, without its newline. Raises Malformed."""
    line = line.lstrip(_BLANK)
    measurement, tags, at = _series(line)
    series_bytes = len(line[:at].encode())
    at = _skip_blank(line, at)
    fields, at = _fields(line, at, series_bytes)
    at = _skip_blank(line, at)
    rest = line[at:].rstrip(" ")
    time_ns: int | None = None
    if rest:
        stamp, _, garbage = rest.partition(" ")
        if not _TIME.fullmatch(stamp):
            _refuse("bad timestamp")
        if garbage.strip(" "):
            _refuse("point is invalid")
        time_ns = int(stamp)
        if not MIN_TIME_NS <= time_ns <= MAX_TIME_NS:
            _refuse(f"time outside range {MIN_TIME_NS} - {MAX_TIME_NS}")
    return Point(measurement, tags, fields, time_ns)


def _skip_blank(line: str, at: int) -> int:
    while at < len(line) and line[at] in _BLANK:
        at += 1
    return at


def _until(line: str, at: int, stops: str) -> int:
    """Where the first of `stops` stands that no backslash precedes; len(line) if nowhere."""
    while at < len(line) and not (line[at] in stops and line[at - 1 : at] != "\\"):
        at += 1
    return at


def _series(line: str) -> tuple[str, dict[str, str], int]:
    if line.startswith(","):
        _refuse("missing measurement")
    at = _until(line, 1, ", ")
    if at >= len(line):
        _refuse("missing fields")
    measurement = re.sub(r"\\([, ])", r"\1", line[:at])
    tags: dict[str, str] = {}
    while line[at] == ",":
        start = at + 1
        if line[start : start + 1] in {"", " ", ",", "="}:
            _refuse("missing tag key")
        at = _until(line, start + 1, " ,=")
        if at >= len(line) or line[at] != "=":
            _refuse("missing tag value")
        key = _unescape_tag(line[start:at])
        start = at + 1
        if line[start : start + 1] in {"", " ", ","}:
            _refuse("missing tag value")
        at = _until(line, start + 1, " ,=")  # a value may begin with an equals sign, though not hold one
        if at >= len(line):
            _refuse("missing fields")
        if line[at] == "=":
            _refuse("invalid tag format")
        if key in tags:
            _refuse("duplicate tags")
        if key in {"time", "_field", "_measurement"}:
            _refuse(f'cannot use reserved tag key "{key}"')
        tags[key] = _unescape_tag(line[start:at])
    return measurement, tags, at


def _unescape_tag(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text)


def _fields(line: str, at: int, series_bytes: int) -> tuple[dict[str, FieldValue], int]:
    fields: dict[str, FieldValue] = {}
    if at >= len(line):
        _refuse("missing fields")
    while True:
        start = at
        at = _end_of_field_key(line, at)
        if at >= len(line) or line[at] != "=":
            _refuse("invalid field format")
        if at == start:
            _refuse("missing field key")
        if line[at - 1] == "\\":
            _refuse(f"invalid value: field-key={line[start:].split(' ')[0]}")
        key = re.sub(r'\\([,= "])', r"\1", line[start:at])
        if series_bytes + 4 + len(line[start:at].encode()) > MAX_KEY_BYTES:
            _refuse(f"max key length exceeded: {series_bytes + 4 + len(key)} > {MAX_KEY_BYTES}")
        fields[key], at = _value(line, at + 1)
        if line[at : at + 1] != ",":
            return fields, at
        at += 1


def _end_of_field_key(line: str, at: int) -> int:
    while at < len(line) and line[at] not in ",= ":
        at += 2 if line[at] == "\\" else 1
    return at


def _value(line: str, at: int) -> tuple[FieldValue, int]:
    if line[at : at + 1] in {"", ",", " "}:
        _refuse("missing field value")
    if line[at] == '"':
        return _string(line, at + 1)
    end = at
    while end < len(line) and line[end] not in ", ":
        end += 1
    word = line[at:end]
    if word[0] in "-.0123456789Nn":
        return _number(word), end
    if word not in _BOOLEANS:
        _refuse("invalid boolean")
    return _BOOLEANS[word], end


def _number(word: str) -> int | float:
    match = _NUMBER.fullmatch(word)
    if match is None:
        _refuse("invalid number")
    if match["int"] is not None:
        value = int(match["int"])
        if not -(2**63) <= value < 2**63:
            _refuse(f"unable to parse integer {value}: value out of range")
        return value
    real = float(word)
    if real in {float("inf"), float("-inf")}:
        _refuse("invalid float")
    return real


def _string(line: str, at: int) -> tuple[str, int]:
    start = at
    while at < len(line) and line[at] != '"':
        at += 2 if line[at] == "\\" else 1
    if at >= len(line):
        _refuse("unbalanced quotes")
    if line[at + 1 : at + 2] not in {"", ",", " "}:
        _refuse(TEXT_AFTER_STRING)
    return re.sub(r'\\(["\\])', r"\1", line[start:at]), at + 1
