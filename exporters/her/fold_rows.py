"""Rows -> effects. They count what the database holds; what happened is counted from Redis."""

from __future__ import annotations

from exporters.core.contract import Effects
from exporters.her import metrics
from exporters.her.copies import CopiesState
from exporters.her.events_rows import DecisionRow, ProactiveRow, ReflectionRow

# The same objects for all rows: their text is made once.
_IN_TIME = {"rows": 1, "late": False}
_LATE = {"rows": 1, "late": True}


def fold_decision_row(state: CopiesState, event: DecisionRow) -> tuple[CopiesState, Effects]:
    """Count the row, and leave a point at the database's own time: the only copy that reaches back for months."""
    effects = Effects()
    effects.count(metrics.DECISION_ROWS, event.event_type, event.source)
    effects.point(
        metrics.DECISION_ROW_POINT,
        event.at,
        _LATE if event.late else _IN_TIME,
        event_type=event.event_type,
        source=event.source,
    )
    return state, effects


def fold_proactive_row(state: None, event: ProactiveRow) -> tuple[None, Effects]:
    """Count the message."""
    effects = Effects()
    effects.count(metrics.PROACTIVE_ROWS, event.message_kind, "success" if event.success else "failed")
    return state, effects


def fold_reflection_row(state: None, event: ReflectionRow) -> tuple[None, Effects]:
    """Count the reflection."""
    effects = Effects()
    effects.count(metrics.REFLECTION_ROWS, event.trend)
    return state, effects
