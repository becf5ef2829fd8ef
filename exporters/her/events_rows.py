"""Rows of HER's tables -> DecisionRow, ProactiveRow, ReflectionRow. What a row brings is said in `tables`.

{"id":"6f1c…","at":"2026-02-22T12:00:00.004711+00:00","event_type":"performance_timing","source":"telegram","late":false}
{"id":"71aa…","at":"2026-02-22T00:00:00+00:00","message_kind":"checkin","success":true,"done_at":"2026-…","late":false}
{"id":"80e2…","at":"2026-02-22T00:00:00+00:00","engagement_trend":"stable","done_at":"2026-…","late":false}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from exporters.core.errors import Rejected
from exporters.core.label import OTHER
from exporters.her.events_decisions import DEFAULT_SOURCE
from exporters.her.record import Fields, load


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """One row of decision_logs. at: the database's transaction time. late: found by the wider look back alone."""

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


def parse_decision_row(raw: bytes) -> DecisionRow:
    """Raises Rejected."""
    fields = load(raw)
    return DecisionRow(
        at=fields.at("at"),
        event_type=fields.need_name("event_type"),
        source=_or_null(fields, "source") or DEFAULT_SOURCE,
        late=fields.need_flag("late"),
    )


def parse_proactive_row(raw: bytes) -> ProactiveRow:
    """Raises Rejected."""
    fields = load(raw)
    return ProactiveRow(
        at=fields.at("done_at"),
        message_kind=_or_null(fields, "message_kind") or OTHER,
        success=fields.need_flag("success"),
    )


def parse_reflection_row(raw: bytes) -> ReflectionRow:
    """Raises Rejected."""
    fields = load(raw)
    return ReflectionRow(at=fields.at("done_at"), trend=_or_null(fields, "engagement_trend") or OTHER)


def _or_null(fields: Fields, key: str) -> str:
    """A word of a column that may be NULL, which is empty here."""
    if key not in fields:
        raise Rejected("missing_field", key)
    return "" if fields.loose(key) is None else fields.name(key)
