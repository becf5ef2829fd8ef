"""The way of a request through HER's nodes: transitions, the time each step took, and where it failed.

The order is the one in which HER really worked (memory before intent), not the layout of its own debugger. Most nodes
tell only that they are done, so the time since the event before is what a step took.
"""

from __future__ import annotations

from dataclasses import replace

from exporters.core.contract import Effects
from exporters.her import metrics
from exporters.her.events_workflow import WorkflowEvent
from exporters.her.labels import NODE
from exporters.her.workflow_requests import Request

START = "start"
LONGEST_STEP = 3600.0
"""Seconds. A longer one is a clock gone astray: the step is counted, its time is not."""


def step_seconds(request: Request, event: WorkflowEvent) -> float:
    """Time since the request's event before this one; 0 for the first one and for threads that push out of order."""
    if not request.events:
        return 0.0
    passed = event.at.timestamp() - request.last
    return passed if 0.0 < passed <= LONGEST_STEP else 0.0


def moved(effects: Effects, request: Request, event: WorkflowEvent) -> Request:
    """Count what the event says about the way; returns the request at its node.

    A request whose beginning passed unseen came from nowhere: its first node is no transition.
    """
    node = NODE.clamp(event.node)
    seconds = step_seconds(request, event)
    if node != request.node:
        came_from = request.node or (START if event.event_type == "message_received" else "")
        request = replace(request, node=node, came_from=came_from, visit_failed=False)
        if came_from:
            effects.count(metrics.TRANSITIONS, came_from, node)
            effects.count(metrics.TRANSITION_SECONDS, came_from, node, amount=seconds)
    if event.status == "error" and not request.visit_failed:
        if request.came_from:
            effects.count(metrics.TRANSITION_ERRORS, request.came_from, node)
        request = replace(request, visit_failed=True)
    return replace(request, stages={**request.stages, node: request.stages.get(node, 0.0) + seconds})


def step_point(effects: Effects, execution: str, request: Request, event: WorkflowEvent) -> None:
    """The event as a point. request: as it was before the event. execution: keyed hash of its id."""
    fields: dict[str, float | str] = {"execution": execution, "step_seconds": step_seconds(request, event)}
    if request.began is not None:
        fields["elapsed_seconds"] = max(0.0, event.at.timestamp() - request.began)
    if event.seconds is not None:
        fields["duration_seconds"] = event.seconds
    effects.point(
        metrics.STEP_POINT, event.at, fields, node=event.node, event_type=event.event_type, status=event.status
    )
