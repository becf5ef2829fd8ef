"""Reinforcement -> effects. Stream `reinforcement`."""

from __future__ import annotations

from exporters.core.contract import Effects
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics
from exporters.her.events_reinforcement import Reinforcement


def fold_reinforcement(state: None, event: Reinforcement, *, pseudonyms: Pseudonyms) -> tuple[None, Effects]:
    """Count the score and its reasons. One interaction has one or two scores: the second judges the reply before."""
    effects = Effects()
    effects.count(metrics.REINFORCEMENT, event.sentiment)
    for reason in event.reasons:
        effects.count(metrics.REINFORCEMENT_REASONS, reason)
    effects.count(metrics.REINFORCED_TASKS, "success" if event.task_succeeded else "failed")
    effects.point(
        metrics.REINFORCEMENT_POINT,
        event.at,
        {
            "score": event.score,
            "task_succeeded": event.task_succeeded,
            "concise": event.concise,
            "helpful": event.helpful,
            "emotionally_aligned": event.emotionally_aligned,
        },
        label=event.sentiment,
        user=pseudonyms.of(event.user_id),
    )
    return state, effects
