"""The requests HER is working on, as far as its workflow events tell: the state of stream `workflow`.

Keys are keyed hashes of execution ids. Bounded: MOST_OPEN requests that have not ended, and MOST_ENDED that have, so
that an event which comes after its request's end (HER's threads push out of order) does not open it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from exporters.core.contract import Json

MOST_OPEN = 512
MOST_ENDED = 512
PATIENCE = 600.0
"""Seconds without any event after which a request will not be answered: rate-limited requests and ignored group
messages stop after their first step, and HER writes nothing to say so."""

_FARTHEST_AHEAD = 3600.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Times in seconds since the epoch, by HER's clock.

    began: of message_received, None where the list began in the middle of the request. channel: empty until an event
    tells. provider: of the last llm_started. failed: an `error` event was seen. node: of the last event. came_from: the
    node before it. visit_failed: an event of this stay at the node was an error. stages: seconds by node.
    """

    last: float
    began: float | None = None
    channel: str = ""
    provider: str = ""
    llm_seconds: float = 0.0
    events: int = 0
    failed: bool = False
    node: str = ""
    came_from: str = ""
    visit_failed: bool = False
    stages: Mapping[str, float] = field(default_factory=dict)

    @property
    def first_sign(self) -> float:
        """When it began, or else when it was last heard of."""
        return self.last if self.began is None else self.began


@dataclass(frozen=True, slots=True)
class WorkflowState:
    """open, ended: by keyed hash, oldest first; of an ended request only the provider is kept.

    newest: time of the last event to arrive. checked, checked_at: the newest event when `expire` last saw a new one,
    and the exporter's clock then: what has passed since is told by one clock, so the two may differ.
    """

    open: Mapping[str, Request] = field(default_factory=dict)
    ended: Mapping[str, str] = field(default_factory=dict)
    newest: float | None = None
    checked: float | None = None
    checked_at: float = 0.0

    def with_request(self, key: str, request: Request) -> WorkflowState:
        """A request opened or changed. The caller ends what `overflow` then names."""
        return replace(self, open={**self.open, key: request})

    def without_request(self, key: str, request: Request) -> WorkflowState:
        """A request that ended."""
        still_open = {k: r for k, r in self.open.items() if k != key}
        ended = {**self.ended, key: request.provider}
        for oldest in list(ended)[: max(0, len(ended) - MOST_ENDED)]:
            del ended[oldest]
        return replace(self, open=still_open, ended=ended)

    def overflow(self) -> list[tuple[str, Request]]:
        """The oldest requests beyond the bound."""
        return list(self.open.items())[: max(0, len(self.open) - MOST_OPEN)]

    def at_check(self, now: datetime) -> WorkflowState:
        """The state with the newest event's arrival noted; itself if there was none since the last check."""
        if self.newest == self.checked:
            return self
        return replace(self, checked=self.newest, checked_at=now.timestamp())

    def overdue(self, now: datetime) -> list[tuple[str, Request]]:
        """Requests without a sign of life for PATIENCE. A busy HER is not late: its own clock is what counts."""
        clock = self._clock_of_her(now)
        return [(key, request) for key, request in self.open.items() if clock - request.last >= PATIENCE]

    def _clock_of_her(self, now: datetime) -> float:
        present = now.timestamp()
        if self.newest is None or self.newest > present + _FARTHEST_AHEAD:
            return present  # a stamp gone astray must not end everything that is open
        return self.newest + max(0.0, present - self.checked_at)


def encode(state: WorkflowState) -> Json:
    """The state as JSON."""
    return {
        "open": {
            key: [
                *(r.last, r.began, r.channel, r.provider, r.llm_seconds, r.events, r.failed),
                *(r.node, r.came_from, r.visit_failed, dict(r.stages)),
            ]
            for key, r in state.open.items()
        },
        "ended": dict(state.ended),
        "newest": state.newest,
        "checked": state.checked,
        "checked_at": state.checked_at,
    }


def decode(stored: Json) -> WorkflowState:
    """The state from JSON. What an older program stored lacks the last values, and their defaults are right."""
    return WorkflowState(
        open={key: Request(*values) for key, values in stored["open"].items()},
        ended=dict(stored["ended"]),
        newest=stored["newest"],
        checked=stored["checked"],
        checked_at=stored["checked_at"],
    )
