"""Activity -> effects. Each row stands for itself: start and end of one request come in no order."""

from __future__ import annotations

from functools import lru_cache

from exporters.core.contract import Effects
from exporters.core.measurement import FieldValue
from exporters.core.pseudonym import Pseudonyms
from exporters.sigmasight import metrics
from exporters.sigmasight.events_activity import Activity

_REMEMBERED = 4096


class FoldActivity:
    """The fold of one deployment."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._user = lru_cache(maxsize=_REMEMBERED)(pseudonyms.of)

    def __call__(self, state: None, event: Activity) -> tuple[None, Effects]:
        """Count the event, and its error; a point at its own time, by whom distinct users are counted."""
        effects = Effects()
        effects.count(metrics.ACTIVITY_EVENTS, event.event_type)
        fields: dict[str, FieldValue] = {"events": 1}
        if event.user:
            fields["user"] = self._user(event.user)
        if event.error_code is not None:
            effects.count(metrics.ACTIVITY_ERRORS, event.step, event.error_code)
            fields["error_code"] = event.error_code
        effects.point(metrics.ACTIVITY_POINT, event.at, fields, event_type=event.event_type)
        return state, effects
