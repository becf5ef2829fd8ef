"""Rows of HER's tables -> DecisionRow, ProactiveRow, ReflectionRow. Which columns a row brings is said in `tables`.

("6f1c…", 2026-02-22 12:00:00.004711 UTC, False, "performance_timing", "telegram")
("71aa…", 2026-02-22, False, "checkin", True, "2026-02-22T09:30:01.220000+00:00")
("80e2…", 2026-02-22, False, "stable", "2026-02-22T03:00:00.120000+00:00")
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from exporters.core.errors import Rejected
from exporters.core.label import OTHER
from exporters.her.events_decisions import DEFAULT_SOURCE
from exporters.her.record import instant, plausible, word
from exporters.readers.postgres_table import Row


class DecisionRow(NamedTuple):
    """One row of decision_logs. at: the database's transaction time. late: found by the wider look back alone.

    A named tuple, because a first start makes millions: it costs a third of a frozen dataclass.
    """

    at: datetime
    event_type: str
    source: str
    late: bool


@dataclass(frozen=True, slots=True)
class ProactiveRow:
    """One row of proactive_message_audit. at: when it was sent, or should have been."""

    at: datetime
    message_kind: str
    success: bool


@dataclass(frozen=True, slots=True)
class ReflectionRow:
    """One row of autonomy_reflections, as it was first found. at: when it was last written."""

    at: datetime
    trend: str


def parse_decision_row(row: Row) -> DecisionRow:
    """Raises Rejected."""
    _, at, late, event_type, source = row
    return DecisionRow(plausible(at), word(event_type, "event_type"), word(source or DEFAULT_SOURCE, "source"), late)


def parse_proactive_row(row: Row) -> ProactiveRow:
    """Raises Rejected."""
    _, _, _, kind, success, done_at = row
    if not isinstance(success, bool):
        raise Rejected("wrong_type", "success: not true or false")
    return ProactiveRow(_done(done_at), word(kind or OTHER, "message_kind"), success)


def parse_reflection_row(row: Row) -> ReflectionRow:
    """Raises Rejected."""
    _, _, _, trend, done_at = row
    return ReflectionRow(_done(done_at), word(trend or OTHER, "engagement_trend"))


def _done(text: object) -> datetime:
    return plausible(instant(text) if isinstance(text, str) else None, "done_at")
