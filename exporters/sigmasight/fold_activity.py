"""Activity -> effects. Each row stands for itself: start and end of one request come in no order."""

from __future__ import annotations

from dataclasses import dataclass

from exporters.core.contract import Effects
from exporters.core.measurement import FieldValue
from exporters.core.pseudonym import Pseudonyms
from exporters.sigmasight import metrics
from exporters.sigmasight.events_activity import Activity


@dataclass(frozen=True, slots=True)
class FoldActivity:
    """The fold of one deployment."""

    pseudonyms: Pseudonyms

    def __call__(self, state: None, event: Activity) -> tuple[None, Effects]:
        """Count the event, and its error; a point at its own time, by whom distinct users are counted."""
        effects = Effects()
        effects.count(metrics.ACTIVITY_EVENTS, event.event_type)
        fields: dict[str, FieldValue] = {"events": 1}
        if event.error_code is not None:
            effects.count(metrics.ACTIVITY_ERRORS, event.step, event.error_code)
            fields["error_code"] = event.error_code
        effects.point(
            metrics.ACTIVITY_POINT,
            event.at,
            fields,
            event_type=event.event_type,
            user=self.pseudonyms.of(event.user),
        )
        return state, effects
