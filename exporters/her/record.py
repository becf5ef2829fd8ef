"""One JSON record of HER, read field by field: the declared type, or Rejected with the field's name, never its value.

A field that is absent is one thing, `null` another: what HER's present build always writes is *needed*; what older
builds lacked has a default; `null` is a wrong type unless the contract says "or null". Fields nobody asks for are
ignored, so that a newer HER does not silence the exporter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from exporters.core.errors import Rejected

MAX_RECORD_BYTES: Final = 64 * 1024 * 1024
"""5 MB of sandbox output are normal, and a NUL is six bytes of JSON; beyond this a record is not worth its memory."""

INT64: Final = 2**63 - 1
LONGEST: Final = 1e9
"""Seconds, some thirty years: no duration of HER's is longer, and one bad number must not spoil a sum for ever."""

NAME_CHARACTERS: Final = 200
"""Names become labels, tags or hashes; a longer one is cut, and is no known value either way."""

_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_EARLIEST: Final = 2000
_LATEST: Final = 2200
"""Years a clock can plausibly say; InfluxDB's own end in 2262."""


def load(raw: bytes) -> Fields:
    """The object in `raw`. Raises Rejected: too_large, not_utf8, not_json, not_object."""
    return Fields(_object(_decoded(raw)))


def load_any(raw: bytes) -> Any:
    """The JSON value in `raw`, whatever it is. Raises Rejected: too_large, not_utf8, not_json."""
    return _decoded(raw)


def instant(text: str) -> datetime | None:
    """The time in an ISO 8601 text with its offset, aware and in UTC; None if it is none."""
    if not _ISO.fullmatch(text) or not _EARLIEST <= int(text[:4]) < _LATEST:
        return None
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return None


def plausible(at: datetime | None, key: str = "at") -> datetime:
    """The time of a row, if a clock can have said it. Raises Rejected: bad_time."""
    if at is None or not _EARLIEST <= at.year < _LATEST:
        raise Rejected("bad_time", f"{key}: no time, or not of a year {_EARLIEST} to 2199")
    return at


def word(value: object, key: str) -> str:
    """The text of a column that may become a label or a tag, cut at NAME_CHARACTERS. Raises Rejected: wrong_type."""
    if not isinstance(value, str):
        raise Rejected("wrong_type", f"{key}: not a text")
    return value[:NAME_CHARACTERS]


def utf8_size(text: str) -> int:
    """Bytes of the text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


class Fields:
    """A JSON object. Every method returns the type it says or raises Rejected; `need_…` also if the field is absent."""

    __slots__ = ("_path", "_values")

    def __init__(self, values: Mapping[str, Any], path: str = "") -> None:
        self._values = values
        self._path = path

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def at(self, key: str = "timestamp") -> datetime:
        """A time. Raises Rejected: missing_field, bad_time."""
        value = self._need(key)
        found = instant(value) if isinstance(value, str) else None
        if found is None:
            raise Rejected("bad_time", f"{self._path}{key}: not ISO 8601 with an offset, of a year {_EARLIEST} to 2199")
        return found

    def time_or_none(self, key: str) -> datetime | None:
        """A time that may be absent, empty or unreadable: a plan, not a fact to count by."""
        value = self._values.get(key)
        return instant(value) if isinstance(value, str) else None

    def text(self, key: str) -> str:
        """Free text, as it is; `""` if absent. It may hold NULs and lone surrogates."""
        value = self._values.get(key, "")
        return value if isinstance(value, str) else self._wrong(key, "a text")

    def need_text(self, key: str) -> str:
        """Free text that must be there."""
        self._need(key)
        return self.text(key)

    def name(self, key: str, default: str = "") -> str:
        """A word that may become a label, a tag or a hash: Unicode without lone surrogates, cut at NAME_CHARACTERS."""
        if key not in self._values:
            return default
        value = self._values[key]
        if not isinstance(value, str):
            self._wrong(key, "a text")
        if not _encodable(value):
            self._wrong(key, "valid Unicode")
        return value[:NAME_CHARACTERS]

    def need_name(self, key: str) -> str:
        """A word that must be there."""
        self._need(key)
        return self.name(key)

    def integer(self, key: str, low: int = -INT64 - 1, high: int = INT64) -> int | None:
        """An integer within its range; None if absent. 64 bits are what every store behind us takes."""
        return self.need_integer(key, low, high) if key in self._values else None

    def need_integer(self, key: str, low: int = -INT64 - 1, high: int = INT64) -> int:
        """An integer that must be there."""
        value = self._need(key)
        if not isinstance(value, int) or isinstance(value, bool):
            self._wrong(key, "an integer")
        if not low <= value <= high:
            raise Rejected("unknown_value", f"{self._path}{key}: outside {low}..{high}")
        return value

    def number(self, key: str, low: float, high: float) -> float | None:
        """A number, integer or not, within its range; None if absent."""
        return self.need_number(key, low, high) if key in self._values else None

    def need_number(self, key: str, low: float, high: float) -> float:
        """A number that must be there."""
        value = self._need(key)
        if not isinstance(value, int | float) or isinstance(value, bool):
            self._wrong(key, "a number")
        # Compared before it is converted: an integer may be too long for a float. No comparison holds for a NaN.
        if not low <= value <= high:
            raise Rejected("unknown_value", f"{self._path}{key}: outside {low:g}..{high:g}")
        return float(value)

    def seconds(self, key: str) -> float | None:
        """A duration in seconds; None if absent."""
        return self.number(key, 0.0, LONGEST)

    def milliseconds(self, key: str) -> float | None:
        """A duration that HER writes in milliseconds, in seconds; None if absent."""
        value = self.number(key, 0.0, LONGEST * 1000)
        return None if value is None else value / 1000

    def flag(self, key: str) -> bool | None:
        """A boolean; None if absent."""
        return self.need_flag(key) if key in self._values else None

    def need_flag(self, key: str) -> bool:
        """A boolean that must be there."""
        value = self._need(key)
        return value if isinstance(value, bool) else self._wrong(key, "true or false")

    def fields(self, key: str) -> Fields:
        """An object inside; an empty one if absent."""
        value = self._values.get(key, {})
        return Fields(value, f"{self._path}{key}.") if isinstance(value, dict) else self._wrong(key, "an object")

    def objects(self, key: str) -> list[Fields]:
        """A list of objects; empty if absent."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self._wrong(key, "a list of objects")
        return [Fields(item, f"{self._path}{key}.") for item in value]

    def names(self, key: str, at_most: int) -> tuple[str, ...]:
        """The first words of a list of words; empty if absent."""
        value = self._values.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and _encodable(item) for item in value):
            self._wrong(key, "a list of texts")
        return tuple(item[:NAME_CHARACTERS] for item in value[:at_most])

    def children(self, key: str, at_most: int) -> dict[str, Fields]:
        """An object of objects whose names come from HER's configuration; empty if absent. Errors do not name them."""
        value = self.fields(key)._values  # noqa: SLF001 - its own kind
        if not all(isinstance(child, dict) for child in value.values()):
            self._wrong(f"{key}.*", "an object")
        named = [name for name in value if _encodable(name)][:at_most]
        return {name[:NAME_CHARACTERS]: Fields(value[name], f"{self._path}{key}.*.") for name in named}

    def loose(self, key: str) -> Any:
        """Whatever is there, None if nothing: for what a language model supplied and nobody vouches for."""
        return self._values.get(key)

    def _need(self, key: str) -> Any:
        if key not in self._values:
            raise Rejected("missing_field", f"{self._path}{key}")
        return self._values[key]

    def _wrong(self, key: str, wanted: str) -> NoReturn:
        raise Rejected("wrong_type", f"{self._path}{key}: not {wanted}")


def _decoded(raw: bytes) -> Any:
    if len(raw) > MAX_RECORD_BYTES:
        raise Rejected("too_large", f"{len(raw)} bytes")
    try:
        # Decoded here: json would guess UTF-16 and UTF-32 from the bytes.
        return _DECODER.decode(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise Rejected("not_utf8") from None
    except RecursionError:
        raise Rejected("not_json", "nested too deeply") from None
    except ValueError:  # also for an integer of thousands of digits
        raise Rejected("not_json") from None


def _no_constant(_name: str) -> NoReturn:
    raise Rejected("not_json", "NaN or Infinity")


_DECODER: Final = json.JSONDecoder(parse_constant=_no_constant)
"""Made once: json.loads makes one per call, which costs as much as reading a log line."""


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Rejected("not_object")
    return value


def _encodable(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
