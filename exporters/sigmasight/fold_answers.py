"""Answer -> effects."""

from __future__ import annotations

from exporters.core.contract import Effects
from exporters.sigmasight import metrics
from exporters.sigmasight.events_answers import Answer


def fold_answer(state: None, event: Answer) -> tuple[None, Effects]:
    """Count the answer."""
    effects = Effects()
    effects.count(metrics.AI_MESSAGES, event.recorded)
    return state, effects
