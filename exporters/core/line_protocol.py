r"""InfluxDB line protocol, written by hand.

    encode("her_decision", {"source": "agent", "deployment": "home"}, {"count": 1, "score": 0.5}, 1700000000000000001)
    -> her_decision,deployment=home,source=agent count=1i,score=0.5 1700000000000000001

`encode` yields a line InfluxDB 2 can parse, or raises; what a server would refuse never reaches the outbox. It prints
what `influxdb_client.Point.to_line_protocol()` prints, except where that is wrong (each seen on InfluxDB 2.9.1):

- Backslashes at the end of a name or tag value: Point appends a space, and the server stores `abc ` for `abc\`.
  Before a space in a tag: the server's line splitter pairs backslashes and its tag scanner does not, so a string field
  with a newline further on tears the line in two. Before `,`, `=`, `"` or a space in a field key: the field scanner
  pairs them too; in a measurement: stored, but no query ever finds it. None can be written down: they become `/`.
- NUL in a name or tag value is blank space to the server wherever a token starts: it becomes `\x00`, spelled out.
- A lone surrogate has no UTF-8: it becomes U+FFFD.
- Point prints integers beyond 64 bits, times out of range, strings over 1 MiB, keys over 65 535 bytes, empty field
  keys, reserved names and measurements that start with `#`; the server refuses the line, the point, or (a comment)
  answers 204 and stores nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from math import isfinite
from typing import Final, Literal, get_args

from exporters.core.errors import ObservatoryError
from exporters.core.measurement import FieldValue

FieldDropReason = Literal["not_finite", "integer_range", "string_length", "name"]
"""Why one field was left out of a point that was still written: a closed set, because it is a label."""

UnencodableReason = Literal["no_fields", "time_range", "key_length", "name"]
"""Why no line can be made of a point at all: a closed set, because it is a label."""

FIELD_DROP_REASONS: Final[tuple[str, ...]] = get_args(FieldDropReason)

MIN_TIME_NS: Final = -(2**63) + 2
MAX_TIME_NS: Final = 2**63 - 2
MAX_STRING_BYTES: Final = 1_048_576
MAX_KEY_BYTES: Final = 65_535
RESERVED_TAGS: Final = frozenset({"time", "_field", "_measurement"})
RESERVED_FIELDS: Final = frozenset({"time"})

_MIN_INT, _MAX_INT = -(2**63), 2**63 - 1
_KEY_SEPARATOR_BYTES = 4
"""The server joins series key and field key with four bytes before it compares with its limit."""

_SPELLED_OUT = {"\n": r"\n", "\t": r"\t", "\r": r"\r", "\0": r"\x00"}
_ESCAPE_MEASUREMENT = str.maketrans({",": r"\,", " ": r"\ "} | _SPELLED_OUT)
_ESCAPE_KEY = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "} | _SPELLED_OUT)
_ESCAPE_STRING = str.maketrans({'"': r"\"", "\\": r"\\"})
_UNSAFE_IN_TAG = re.compile(r"\\+(?= |\Z)")
_UNSAFE_IN_NAME = re.compile(r'\\+(?=[,= "]|\Z)')


class Unencodable(ObservatoryError):  # noqa: N818 - the point is, not the program
    """No line can be made of this point. Never carries the point's values."""

    def __init__(self, reason: UnencodableReason, detail: str = "") -> None:
        self.reason: UnencodableReason = reason
        super().__init__(f"{reason}: {detail}" if detail else reason)


class _Dropped(Exception):  # noqa: N818 - control flow of this module only
    def __init__(self, reason: FieldDropReason) -> None:
        self.reason: FieldDropReason = reason


def encode(
    measurement: str,
    tags: Mapping[str, str],
    fields: Mapping[str, FieldValue],
    time_ns: int,
    on_drop: Callable[[str, FieldDropReason], None] | None = None,
) -> str:
    """One line, without its newline; tags and fields sorted, so that the same point is the same bytes.

    The Python type decides the field's: int `1i`, float `1` (a float to InfluxDB), bool `true`, str `"…"`.
    A tag with an empty key or value is left out: line protocol has none. A field no server would take (NaN, an
    infinity, an integer beyond 64 bits, a string over 1 MiB, an empty or reserved name) is left out, and on_drop is
    called with its name and the reason; the other fields are written.

    Raises Unencodable when no field is left, and for a time, a name or a key length the server refuses.
    """
    if not MIN_TIME_NS <= time_ns <= MAX_TIME_NS:
        raise Unencodable(reason="time_range", detail=str(time_ns))
    return f"{encode_undated(measurement, tags, fields, on_drop)} {time_ns}"


def encode_undated(
    measurement: str,
    tags: Mapping[str, str],
    fields: Mapping[str, FieldValue],
    on_drop: Callable[[str, FieldDropReason], None] | None = None,
) -> str:
    """A line without its time, which many points of the same tags and fields have in common. As `encode` otherwise."""
    series = _series(measurement, *tags.items())
    written: list[str] = []
    for name in sorted(fields):
        value = fields[name]
        try:
            # The two common types are written here: a call per field costs a fifth of the whole line.
            if type(value) is int and _MIN_INT <= value <= _MAX_INT:
                written.append(f"{_field_key(name)}{value}i")
            else:
                written.append(_field_key(name) + _value(value))
        except _Dropped as dropped:
            if on_drop is not None:
                on_drop(name, dropped.reason)
    if not written:
        raise Unencodable(reason="no_fields", detail=measurement)
    line = f"{series} {','.join(written)}"
    if not line.isascii():
        line = _valid_unicode(line)
    # A character is at most four bytes: only a long line can hold a long key.
    if len(line) > MAX_KEY_BYTES // 4:
        _check_key_length(series, fields)
    return line


FieldKeys = tuple[tuple[str, str, type], ...]
"""Name, name as it is written, and type of every field that a point may have, sorted."""


def field_keys(types: Mapping[str, type]) -> FieldKeys:
    """Of fields by name. Those whose name no server would take are left out."""
    keys = []
    for name, wanted in sorted(types.items()):
        with suppress(_Dropped):
            keys.append((name, _field_key(name), wanted))
    return tuple(keys)


def head(measurement: str, tags: Mapping[str, str]) -> str:
    """What all lines of these tags begin with. Raises Unencodable."""
    return _series(measurement, *tags.items())


def encode_plain(head: str, keys: FieldKeys, fields: Mapping[str, FieldValue]) -> str | None:
    """What `encode_undated` says of fields with nothing odd about them, in half the time; None where it must be asked.

    Nothing odd: each is among the keys and has its type, numbers are finite and not too large, texts short and ASCII.
    """
    written: list[str] = []
    for name, key, wanted in keys:
        if name not in fields:
            continue
        value = fields[name]
        if type(value) is not wanted:
            return None
        if wanted is int:
            if not _MIN_INT <= value <= _MAX_INT:  # type: ignore[operator] # its type has just been asked
                return None
            written.append(f"{key}{value}i")
        elif wanted is float:
            text = repr(value)
            if text.endswith(".0"):
                text = text[:-2]
            elif text[-1] in "fn":  # inf and nan
                return None
            written.append(key + text)
        else:
            if isinstance(value, str) and len(value) > MAX_KEY_BYTES:
                return None
            written.append(key + _value(value))
    line = f"{head} {','.join(written)}"
    if not written or len(written) != len(fields) or len(line) > MAX_KEY_BYTES // 4 or not line.isascii():
        return None
    return line


# Tag sets repeat (closed label sets), so the sorted and escaped head of a line is made once per series.
@lru_cache(maxsize=8192)
def _series(measurement: str, *tags: tuple[str, str]) -> str:
    name = _UNSAFE_IN_NAME.sub(_slashes, measurement).translate(_ESCAPE_MEASUREMENT)
    if not name or name.startswith("#"):
        raise Unencodable(reason="name", detail="a measurement is not empty and does not start with '#'")
    if RESERVED_TAGS.intersection(key for key, _ in tags):
        raise Unencodable(reason="name", detail=f"a tag key cannot be one of {sorted(RESERVED_TAGS)}")
    # A dict, because two different keys may be spelled out alike, and a tag given twice is refused.
    written = {_tag_token(key): _tag_token(value) for key, value in sorted(tags) if key and value}
    return ",".join([name, *(f"{key}={value}" for key, value in written.items())])


def _tag_token(text: str) -> str:
    return _UNSAFE_IN_TAG.sub(_slashes, text).translate(_ESCAPE_KEY)


@lru_cache(maxsize=4096)
def _field_key(name: str) -> str:
    if not name or name in RESERVED_FIELDS:
        raise _Dropped(reason="name")
    return _UNSAFE_IN_NAME.sub(_slashes, name).translate(_ESCAPE_KEY) + "="


def _slashes(backslashes: re.Match[str]) -> str:
    return "/" * len(backslashes[0])


def _value(value: FieldValue) -> str:
    if isinstance(value, float):
        if not isfinite(value):
            raise _Dropped(reason="not_finite")
        text = float.__repr__(value)
        return text[:-2] if text.endswith(".0") else text
    if isinstance(value, str):
        if len(value) > MAX_STRING_BYTES // 4 and len(value.encode("utf-8", "replace")) > MAX_STRING_BYTES:
            raise _Dropped(reason="string_length")
        return f'"{value.translate(_ESCAPE_STRING)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if not _MIN_INT <= value <= _MAX_INT:
        raise _Dropped(reason="integer_range")
    return f"{int(value)}i"


def _valid_unicode(line: str) -> str:
    try:
        line.encode()
    except UnicodeEncodeError:
        return line.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return line


def _check_key_length(series: str, fields: Mapping[str, FieldValue]) -> None:
    longest = max(len(name.translate(_ESCAPE_KEY).encode("utf-8", "replace")) for name in fields)
    if len(series.encode("utf-8", "replace")) + _KEY_SEPARATOR_BYTES + longest > MAX_KEY_BYTES:
        raise Unencodable(reason="key_length")
