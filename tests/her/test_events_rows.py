"""What a row of HER's tables may hold, and what is refused of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from exporters.core.errors import Rejected
from exporters.her.events_rows import (
    DecisionRow,
    ProactiveRow,
    ReflectionRow,
    parse_decision_row,
    parse_proactive_row,
    parse_reflection_row,
)

AT = datetime(2026, 2, 22, 12, 0, 0, 4711, UTC)
DAY = datetime(2026, 2, 22, tzinfo=UTC)
DONE = "2026-02-22T09:30:01.220000+00:00"
DONE_AT = datetime(2026, 2, 22, 9, 30, 1, 220_000, UTC)


def test_rows() -> None:
    assert parse_decision_row(("6f", AT, True, "tool_call", "api")) == DecisionRow(AT, "tool_call", "api", late=True)
    assert parse_proactive_row(("71", DAY, False, "checkin", True, DONE)) == ProactiveRow(
        DONE_AT, "checkin", success=True
    )
    assert parse_reflection_row(("80", DAY, False, "stable", DONE)) == ReflectionRow(DONE_AT, "stable")


@pytest.mark.parametrize("empty", [None, ""])
def test_what_may_be_empty(empty: str | None) -> None:
    assert parse_decision_row(("6f", AT, False, "tool_call", empty)).source == "runtime"
    assert parse_proactive_row(("71", DAY, False, empty, True, DONE)).message_kind == "other"
    assert parse_reflection_row(("80", DAY, False, empty, DONE)).trend == "other"


@pytest.mark.parametrize(
    ("parse", "row", "reason"),
    [
        (parse_decision_row, ("6f", None, False, "tool_call", "api"), "bad_time"),
        (parse_decision_row, ("6f", AT.replace(year=1999), False, "tool_call", "api"), "bad_time"),
        (parse_decision_row, ("6f", AT.replace(year=2200), False, "tool_call", "api"), "bad_time"),
        (parse_decision_row, ("6f", AT, False, None, "api"), "wrong_type"),
        (parse_decision_row, ("6f", AT, False, 7, "api"), "wrong_type"),
        (parse_decision_row, ("6f", AT, False, "tool_call", 7), "wrong_type"),
        (parse_proactive_row, ("71", DAY, False, "checkin", None, DONE), "wrong_type"),
        (parse_proactive_row, ("71", DAY, False, "checkin", True, None), "bad_time"),
        (parse_proactive_row, ("71", DAY, False, "checkin", True, "soon"), "bad_time"),
        (parse_reflection_row, ("80", DAY, False, ["stable"], DONE), "wrong_type"),
        (parse_reflection_row, ("80", DAY, False, "stable", None), "bad_time"),
    ],
)
def test_what_is_refused(parse: Callable[[Any], object], row: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse(row)
    assert refused.value.reason == reason


def test_a_name_is_cut() -> None:
    assert parse_decision_row(("6f", AT, False, "x" * 999, "y" * 999))[1:3] == ("x" * 200, "y" * 200)
