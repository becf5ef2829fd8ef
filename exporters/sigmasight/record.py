"""What every row says: its time. Rows come as JSON objects of our own making, typed by their columns."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from exporters.core.errors import Rejected

_EARLIEST: Final = 1970
_LATEST: Final = 2200
"""Years a clock can plausibly say; PostgreSQL knows `infinity` too, and years that no calendar here has."""

_DECODER: Final = json.JSONDecoder()
"""Made once, for text that is UTF-8: json.loads of bytes looks for other encodings first."""


def load(raw: bytes) -> tuple[datetime, dict[str, Any]]:
    """The row's time, aware and in UTC, and its values. Raises Rejected: not_json, not_object, bad_time."""
    try:
        row = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError):
        raise Rejected("not_json") from None
    if not isinstance(row, dict):
        raise Rejected("not_object")
    try:
        at = datetime.fromisoformat(row["at"])
    except (KeyError, TypeError, ValueError):
        raise Rejected("bad_time", "at: no time of this calendar") from None
    if at.tzinfo is not UTC:
        if at.tzinfo is None:
            raise Rejected("bad_time", "at: without an offset")
        at = at.astimezone(UTC)
    if not _EARLIEST <= at.year < _LATEST:
        raise Rejected("bad_time", f"at: not of a year {_EARLIEST} to {_LATEST - 1}")
    return at, row


def text(row: dict[str, Any], column: str) -> str:
    """A text that is never NULL. Raises Rejected."""
    value = row.get(column)
    if not isinstance(value, str):
        raise Rejected("wrong_type" if column in row else "missing_field", column)
    return value


def text_or_null(row: dict[str, Any], column: str) -> str | None:
    """A text, None for NULL. Raises Rejected."""
    value = row.get(column)
    if value is None and column not in row:
        raise Rejected("missing_field", column)
    if value is not None and not isinstance(value, str):
        raise Rejected("wrong_type", column)
    return value
