"""WorkflowEvent -> effects. Stream `workflow`.

A request ends with `response_sent`, or on Telegram with `error`, which nothing follows; through the API `error` is
followed by `response_sent`, and the two are one failed request. What ends in neither is abandoned after ten minutes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from exporters.core import llm
from exporters.core.contract import Effects, Sample
from exporters.core.label import OTHER
from exporters.core.measurement import FieldValue
from exporters.core.pseudonym import Pseudonyms
from exporters.her import metrics
from exporters.her.events_workflow import WorkflowEvent
from exporters.her.labels import NODE, NODES
from exporters.her.names import member, mode
from exporters.her.workflow_path import moved, step_point
from exporters.her.workflow_requests import Request, WorkflowState

SYSTEM_NAME = "her"
OPERATION = "chat"
UNKNOWN_PROVIDER = "unknown"
TELEGRAM, API = "telegram", "api"


def fold_workflow(
    state: WorkflowState, event: WorkflowEvent, *, pseudonyms: Pseudonyms
) -> tuple[WorkflowState, Effects]:
    """Count the event, time its node, and carry its request on."""
    effects = Effects()
    _count(effects, event)
    state = replace(state, newest=event.at.timestamp())
    key = pseudonyms.of(event.execution_id)
    if not key:
        return state, effects
    known = state.open.get(key)
    if event.event_type == "llm_completed" and event.seconds is not None:
        provider = known.provider if known else state.ended.get(key, "")
        failure = llm.UNNAMED_ERROR if event.status == "error" else llm.NO_ERROR
        effects.observe(
            llm.OPERATION_DURATION,
            event.seconds,
            SYSTEM_NAME,
            provider or UNKNOWN_PROVIDER,
            OPERATION,
            llm.UNKNOWN_MODEL,
            failure,
        )
    if event.console:
        _told(effects, key, event, pseudonyms)
    fresh = known or Request(last=event.at.timestamp())
    step_point(effects, key, fresh, event)
    if known is None and key in state.ended:
        return state, effects
    request = _carried_on(moved(effects, fresh, event), event)
    state = state.with_request(key, request)
    if event.event_type == "response_sent":
        return _answered(state, key, request, event, effects)
    if event.event_type == "error" and request.channel == TELEGRAM:
        return _ended(state, key, request, "error", effects), effects
    for oldest, forgotten in state.overflow():
        state = _ended(state, oldest, forgotten, "abandoned", effects)
    return state, effects


def expire(state: WorkflowState, now: datetime) -> tuple[WorkflowState, Effects]:
    """End what has given no sign for ten minutes. One that failed and was never answered is an error, not abandoned."""
    effects = Effects()
    state = state.at_check(now)
    for key, request in state.overdue(now):
        if request.failed:
            # Nothing followed its error: that is how requests through Telegram end.
            request = replace(request, channel=request.channel or TELEGRAM)
        state = _ended(state, key, request, "error" if request.failed else "abandoned", effects)
    return state, effects


def view(state: WorkflowState, _now: datetime) -> list[Sample]:
    """Requests in progress, by the node each is at; one that failed only waits for its apology."""
    working = [request for request in state.open.values() if not request.failed]
    at = Counter(NODE.clamp(request.node) for request in working)
    samples = [Sample(metrics.IN_PROGRESS, len(working))]
    samples += [Sample(metrics.NODE_RUNNING, at[node], (node,)) for node in (*NODES, *([OTHER] if at[OTHER] else []))]
    if working:
        samples.append(Sample(metrics.OLDEST_IN_PROGRESS, min(request.first_sign for request in working)))
    return samples


def _count(effects: Effects, event: WorkflowEvent) -> None:
    effects.count(metrics.WORKFLOW_EVENTS, event.event_type, event.node, event.status)
    if event.seconds is not None:
        effects.observe(metrics.NODE_SECONDS, event.seconds, event.node)
    if event.event_type == "intent_detected":
        effects.count(metrics.INTENTS, mode(event.mode))
    if event.event_type == "tool_selected":
        effects.count(metrics.SELECTIONS, event.selected)


def _told(effects: Effects, key: str, event: WorkflowEvent, pseudonyms: Pseudonyms) -> None:
    fields: dict[str, FieldValue] = {"console_text": pseudonyms.disguise(event.console), "execution": key}
    effects.point(
        metrics.WORKFLOW_TEXT, event.at, fields, node=event.node, event_type=event.event_type, status=event.status
    )


def _carried_on(request: Request, event: WorkflowEvent) -> Request:
    at = event.at.timestamp()
    carried = replace(request, last=max(request.last, at), events=request.events + 1)
    if event.api is not None:
        carried = replace(carried, channel=API if event.api else carried.channel or TELEGRAM)
    match event.event_type:
        case "message_received":
            return replace(carried, began=at)
        case "llm_started" if event.provider:
            # OpenTelemetry's names for HER's providers are HER's own: openai and groq; it has none for the others.
            return replace(carried, provider=member(event.provider))
        case "llm_completed" if event.seconds is not None:
            return replace(carried, llm_seconds=carried.llm_seconds + event.seconds)
        case "error":
            return replace(carried, failed=True)
    return carried


def _answered(
    state: WorkflowState, key: str, request: Request, event: WorkflowEvent, effects: Effects
) -> tuple[WorkflowState, Effects]:
    # Only an answer through the API tells its channel; where the beginning was not seen, it was the other one.
    request = replace(request, channel=request.channel or TELEGRAM)
    if event.total_seconds is not None:
        effects.observe(metrics.REQUEST_SECONDS, event.total_seconds, request.channel)
    outcome = "success" if event.status == "success" and not request.failed else "error"
    return _ended(state, key, request, outcome, effects, event.total_seconds), effects


def _ended(
    state: WorkflowState, key: str, request: Request, outcome: str, effects: Effects, seconds: float | None = None
) -> WorkflowState:
    channel = request.channel or OTHER
    effects.count(metrics.REQUESTS, channel, outcome)
    fields: dict[str, FieldValue] = {
        "events": request.events,
        "llm_seconds": request.llm_seconds,
        "execution": key,
        "last_node": request.node or OTHER,
        **{f"at_{node}_seconds": request.stages[node] for node in NODES if node in request.stages},
    }
    if seconds is None and outcome == "error" and request.began is not None:
        seconds = max(0.0, request.last - request.began)
    if seconds is not None:
        fields["duration_seconds"] = seconds
    at = datetime.fromtimestamp(request.last, UTC)
    effects.point(metrics.REQUEST_POINT, at, fields, channel=channel, outcome=outcome)
    return state.without_request(key, request)
