"""What HER's workflow debugger tells while it happens: where the requests are. It never counts; the list does.

{"type":"event","event":{"timestamp":"2026-02-22T12:00:00.100200+00:00","event_type":"llm_completed",
 "execution_id":"0f3b6a0c6b3d4d0e9f6c2f4a5b6c7d8e","node_id":"llm","status":"success","details":{...}}}
{"type":"snapshot","payload":{"nodes":[...],"edges":[...],"executions":[{...,"events":[...]}]}}

Events can come twice (a snapshot holds what is still queued), half a minute late, in a burst, or not at all. So a frame
only says how far a request has come, by the event's own time, and that it is worth looking at the list.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from exporters.core.contract import Sample
from exporters.core.errors import Rejected
from exporters.core.label import OTHER
from exporters.her import metrics
from exporters.her.events_workflow import WorkflowEvent, event_of
from exporters.her.labels import NODE, NODES
from exporters.her.record import Fields, load
from exporters.her.workflow_requests import PATIENCE

MOST_REQUESTS = 512
LARGEST_PARSED = 8 * 1024 * 1024
"""Characters of a frame that is looked into. A snapshot is 130 kB, an event one; tens of megabytes of prompts are not
worth the memory: what is still under way says so with its next event."""

ENDS = frozenset({"response_sent", "error"})


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a request is, and since when by HER's clock."""

    node: str
    at: float
    ended: bool


class DebuggerView:
    """Where each request is. Frames come from the listener's thread, questions from the source's."""

    def __init__(self, news: Callable[[], None]) -> None:
        """news: called for every frame that may stand for a new event."""
        self._news = news
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._newest: float | None = None

    @property
    def newest(self) -> float | None:
        """The newest event's own time."""
        return self._newest

    def take(self, text: str) -> None:
        """One frame, whatever it holds. What cannot be understood is left alone."""
        if len(text) <= LARGEST_PARSED:
            try:
                self._look(load(text.encode("utf-8", "surrogatepass")))
            except Rejected:
                return  # none of HER's, or from a HER of another time: the list will say
        self._news()

    def running(self, now: datetime) -> list[Sample]:
        """Requests under way by node; one without a sign for ten minutes is none any more."""
        with self._lock:
            present = max(now.timestamp() - PATIENCE, 0.0)
            under_way = [p.node for p in self._places.values() if not p.ended and p.at >= present]
        at = Counter(under_way)
        shown = (*NODES, *([OTHER] if at[OTHER] else []))
        return [Sample(metrics.LIVE_REQUESTS, at[node], (node,)) for node in shown]

    def forget(self) -> None:
        """A new connection begins with a snapshot of its own."""
        with self._lock:
            self._places.clear()

    def _look(self, frame: Fields) -> None:
        kind = frame.need_name("type")
        if kind == "event":
            self._place(event_of(frame.fields("event")))
        elif kind == "snapshot":
            for execution in frame.fields("payload").objects("executions"):
                for event in execution.objects("events"):
                    with contextlib.suppress(Rejected):
                        self._place(event_of(event))

    def _place(self, event: WorkflowEvent) -> None:
        at = event.at.timestamp()
        with self._lock:
            known = self._places.pop(event.execution_id, None)
            if known is not None and (known.at > at or known.ended):
                self._places[event.execution_id] = known
                return
            self._places[event.execution_id] = _Place(NODE.clamp(event.node), at, event.event_type in ENDS)
            self._newest = max(self._newest or at, at)
            for oldest in list(self._places)[: max(0, len(self._places) - MOST_REQUESTS)]:
                del self._places[oldest]
