"""Reflection -> effects. Stream `reflections`."""

from __future__ import annotations

from exporters.core.contract import Effects
from exporters.her import metrics
from exporters.her.events_reflections import Reflection


def fold_reflection(state: None, event: Reflection) -> tuple[None, Effects]:
    """Count the reflection. No point: it has a day but no time, and the decision log has the same with one."""
    effects = Effects()
    effects.count(metrics.REFLECTIONS, event.trend)
    return state, effects
