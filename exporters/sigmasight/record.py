"""What every row says: its time. Rows come as tuples: key, time, whether it is late, then the columns in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from exporters.core.errors import Rejected
from exporters.readers.postgres_table import Row

_EARLIEST: Final = 1970
_LATEST: Final = 2200
"""Years a clock can plausibly say; PostgreSQL knows `infinity` too, and years that no calendar here has."""

_BOOKKEEPING: Final = 3
"""Key, time, and whether only the wider look back found it."""


def load(row: Row, columns: Sequence[str]) -> tuple[datetime, dict[str, Any]]:
    """The row's time, aware and in UTC, and its values by column. Raises Rejected: bad_time, wrong_type."""
    if len(row) != _BOOKKEEPING + len(columns):
        raise Rejected("wrong_type", "the row has other columns")
    at = row[1]
    if not isinstance(at, datetime) or not _EARLIEST <= at.year < _LATEST:
        raise Rejected("bad_time", f"at: no time, or not of a year {_EARLIEST} to {_LATEST - 1}")
    return at, dict(zip(columns, row[_BOOKKEEPING:], strict=True))


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
