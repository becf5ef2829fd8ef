"""Writer of `her:decision:logs`: the audit trail that nearly every other fact also leaves a copy in."""

from collections.abc import Mapping

from exporters.her import simulate_wire as wire
from exporters.her.simulate_marks import mark
from exporters.her.simulate_process import NONE, Overrides, Process, changed
from exporters.her.simulate_wire import Record, iso


class DecisionWriter(Process):
    """Decision events and the heartbeat."""

    def decision(
        self,
        event_type: str,
        source: str,
        *,
        summary: str = "",
        user_id: str = "",
        details: Mapping[str, object] | None = None,
        overrides: Overrides = NONE,
    ) -> Record:
        """One decision event; free texts inside `details` carry their canaries."""
        marked = mark(self.canaries, "decision", details or {})
        return self._decide(event_type, source, summary or event_type.replace("_", " "), user_id, marked, overrides)

    def heartbeat(self) -> Record:
        """The reminder processor's decision: one a minute, for ever."""
        inner = iso(self.pen.stamp())
        details = {"job": "reminder_processor", "timestamp": inner}
        return self._decide("scheduler_system_job", "scheduler", "Reminder processor ran", "", details)

    def _decide(
        self,
        event_type: str,
        source: str,
        summary: str,
        user_id: str,
        details: Mapping[str, object],
        overrides: Overrides = NONE,
    ) -> Record:
        record = changed(
            {
                "timestamp": iso(self.pen.stamp()),
                "event_type": event_type,
                "summary": self.canaries.tail("decision.summary", summary),
                "user_id": user_id,
                "source": source,
                "details": dict(details),
            },
            overrides,
        )
        self.pen.push(wire.DECISIONS, record)
        return record
