"""Rows of ai_request_metrics -> AiRequest. What a row brings is said in `tables`.

("6f1c…", 2026-01-12 09:15:02.118734 UTC, False, "71aa…", "gpt-5-mini", None, 820, 4310, None, None, None, 1,
 '[{"id": "call_1", "name": "get_company_profile"}]')
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final, NamedTuple

from exporters.core.errors import Rejected
from exporters.readers.postgres_table import Row
from exporters.sigmasight import names
from exporters.sigmasight.record import load, text, text_or_null
from exporters.sigmasight.tables import AI_REQUESTS

_COLUMNS: Final = tuple(AI_REQUESTS.columns)

LONGEST_MS: Final = 86_400_000
"""A day. The times are differences of a wall clock: one that is set meanwhile makes them negative, or years long."""

MOST_TOKENS: Final = 2**31 - 1
MOST_TOOLS: Final = 1000
"""Tool calls of one request that are listed; more is no request of this back end."""


class AiRequest(NamedTuple):
    """One request. at: its end, by the back end's clock. error_type: empty for success, as the back end counts.

    Times in milliseconds, None for NULL, tool_calls as the row counts them, tools by name as the row lists them. odd:
    columns whose values cannot be meant: they are as the row has them, because the back end takes them for good.
    """

    at: datetime
    user: str
    model: str
    error_type: str
    first_token_ms: int | None
    latency_ms: int | None
    input_tokens: int | None
    output_tokens: int | None
    total_tokens: int | None
    tool_calls: int
    tools: tuple[str, ...]
    odd: tuple[str, ...]


def parse_ai_request(record: Row) -> AiRequest:
    """Raises Rejected."""
    at, row = load(record, _COLUMNS)
    odd: list[str] = []
    tools = row.get("tools")
    return AiRequest(
        at,
        text_or_null(row, "user") or "",
        names.model(text(row, "model")),
        names.error_type(text_or_null(row, "error_type")),
        _number(row, "first_token_ms", LONGEST_MS, odd),
        _number(row, "total_latency_ms", LONGEST_MS, odd),
        _number(row, "input_tokens", MOST_TOKENS, odd),
        _number(row, "output_tokens", MOST_TOKENS, odd),
        _number(row, "total_tokens", MOST_TOKENS, odd),
        _number(row, "tool_calls_count", MOST_TOKENS, odd) or 0,
        () if tools is None else _listed(tools, odd),
        tuple(odd),
    )


def _number(row: dict[str, Any], column: str, most: int, odd: list[str]) -> int | None:
    """What a column says, None for NULL. What cannot be meant is noted."""
    try:
        value = row[column]
    except KeyError:
        raise Rejected("missing_field", column) from None
    if value is None:
        return None
    if type(value) is not int:
        raise Rejected("wrong_type", column)
    if not 0 <= value <= most:
        odd.append(column)
    return value


def _listed(tools: Any, odd: list[str]) -> tuple[str, ...]:
    """The names of the calls. The back end calls one without a name `unknown`."""
    try:
        calls = json.loads(tools)
    except (TypeError, ValueError, RecursionError):
        calls = None
    if not isinstance(calls, list):
        odd.append("tool_calls")
        return ()
    known = [call for call in calls[:MOST_TOOLS] if isinstance(call, dict)]
    if len(known) < len(calls):
        odd.append("tool_calls")
    return tuple(_name(call.get("name")) for call in known)


def _name(name: Any) -> str:
    return names.member(name) if isinstance(name, str) and name else names.UNKNOWN_TOOL
