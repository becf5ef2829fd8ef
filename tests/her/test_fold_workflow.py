"""Requests: each ends exactly once, whatever order its events come in, however many of them never end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core.contract import Effects
from exporters.core.llm import OPERATION_DURATION
from exporters.her import metrics
from exporters.her.workflow_requests import MOST_ENDED, MOST_OPEN, PATIENCE, WorkflowState
from tests.her.deployments import IDS, streams
from tests.her.effects_check import assert_declared, counted, observed, only_point, points, run

WORKFLOW = streams()["workflow"]
NOON = datetime(2026, 2, 22, 12, tzinfo=UTC)
WAY = ("execution", "last_node")
ID = "0f3b6a0c6b3d4d0e9f6c2f4a5b6c7d8e"


def event(
    event_type: str, node: str, status: str = "success", *, after: float = 0.0, of: str = ID, **details: Any
) -> bytes:
    at = NOON + timedelta(seconds=after)
    record = {
        "timestamp": at.isoformat(),
        "event_type": event_type,
        "execution_id": of,
        "node_id": node,
        "status": status,
        "details": details,
    }
    return json.dumps(record).encode()


def received(*, after: float = 0.0, of: str = ID, api: bool = False) -> bytes:
    origin = {"source": "api"} if api else {}
    return event("message_received", "input", after=after, of=of, message="hi", **origin)


def sent(status: str = "success", *, after: float = 2.0, of: str = ID, **details: Any) -> bytes:
    return event("response_sent", "response", status, after=after, of=of, total_latency_ms=after * 1000, **details)


def failed(*, after: float = 1.0, of: str = ID) -> bytes:
    return event("error", "response", "error", after=after, of=of, error="All providers failed")


def started(provider: str, *, after: float = 0.5, of: str = ID) -> bytes:
    return event("llm_started", "llm", "running", after=after, of=of, provider=provider, raw_messages=["hi"])


def completed(ms: float = 843.2, status: str = "success", *, after: float = 1.5, of: str = ID) -> bytes:
    return event("llm_completed", "llm", status, after=after, of=of, used_fallback=False, duration_ms=ms)


def expired(state: WorkflowState, after: float) -> tuple[WorkflowState, Effects]:
    assert WORKFLOW.expire is not None
    state, effects = WORKFLOW.expire(state, NOON + timedelta(seconds=after))
    assert_declared(effects, WORKFLOW.feeds)
    return state, effects


def in_progress(state: WorkflowState) -> float:
    assert WORKFLOW.view is not None
    samples = WORKFLOW.view(state, NOON)
    (total,) = (sample.value for sample in samples if sample.metric is metrics.IN_PROGRESS)
    by_node = [sample.value for sample in samples if sample.metric is metrics.NODE_RUNNING]
    assert sum(by_node) == total, "every request is at one node"
    return total


def told(effects: Effects) -> dict[str, Any]:
    """The request's own figures; its way through the nodes is tested beside it."""
    fields = only_point(effects, metrics.REQUEST_POINT).fields
    return {name: value for name, value in fields.items() if not name.startswith("at_") and name not in WAY}


def requests(effects: Effects) -> dict[tuple[str, ...], float]:
    return counted(effects, metrics.REQUESTS)


def test_a_chat() -> None:
    state, effects = run(
        WORKFLOW,
        received(),
        event("tool_execution_started", "memory_lookup", "running", phase="initial_context"),
        event("tool_completed", "memory_lookup", phase="initial_context", duration_ms=5.0, context_size=3),
        event("intent_detected", "intent_classifier", mode="CHAT_MODE", action_confidence=0.0, has_schedule_word=False),
        event("tool_selected", "tool_selector", selected="llm_chat"),
        event("tool_completed", "memory_lookup", phase="semantic_search", duration_ms=9.0, search_results=2),
        started("openai"),
        event("llm_stream_token", "llm", "running", token="x"),
        completed(),
        sent(),
    )
    assert requests(effects) == {("telegram", "success"): 1}
    assert observed(effects, metrics.REQUEST_SECONDS) == {("telegram",): [2.0]}
    assert observed(effects, metrics.NODE_SECONDS) == {("memory_lookup",): [0.005, 0.009], ("llm",): [843.2 / 1000]}
    assert counted(effects, metrics.INTENTS) == {("chat",): 1}
    assert counted(effects, metrics.SELECTIONS) == {("llm_chat",): 1}
    assert observed(effects, OPERATION_DURATION) == {("her", "openai", "chat", "unknown", ""): [843.2 / 1000]}
    assert counted(effects, metrics.WORKFLOW_EVENTS)["tool_completed", "memory_lookup", "success"] == 2
    point = only_point(effects, metrics.REQUEST_POINT)
    assert point.at == NOON + timedelta(seconds=2)
    assert point.tags == {"channel": "telegram", "outcome": "success"}
    stages = {name: value for name, value in point.fields.items() if name.startswith("at_")}
    assert {name: value for name, value in point.fields.items() if name not in stages} == {
        "duration_seconds": 2.0,
        "llm_seconds": 843.2 / 1000,
        "events": 10,
        "execution": IDS.of(ID),
        "last_node": "response",
    }
    assert stages == {
        "at_input_seconds": 0.0,
        "at_memory_lookup_seconds": 0.0,
        "at_intent_classifier_seconds": 0.0,
        "at_tool_selector_seconds": 0.0,
        "at_llm_seconds": 1.5,
        "at_response_seconds": 0.5,
    }
    assert in_progress(state) == 0
    assert not state.open


def test_an_agent_may_select_twice() -> None:
    _, effects = run(
        WORKFLOW,
        received(),
        event("intent_detected", "intent_classifier", mode="ACTION_MODE"),
        event("tool_selected", "tool_selector", selected="execute_agent"),
        event("step_complete", "tool_selector", step_number=0, action="plan", verified=True),
        event("step_complete", "tool_executor", step_number=1, action="command", verified=False, execution_ms=250.0),
        event("tool_selected", "tool_selector", selected="llm_chat"),
        sent(),
    )
    assert counted(effects, metrics.SELECTIONS) == {("execute_agent",): 1, ("llm_chat",): 1}
    assert counted(effects, metrics.INTENTS) == {("action",): 1}
    assert observed(effects, metrics.NODE_SECONDS) == {("tool_executor",): [0.25]}
    assert requests(effects) == {("telegram", "success"): 1}


def test_a_direct_handler_that_fails() -> None:
    _, effects = run(WORKFLOW, received(), sent("error", after=0.3, direct_runtime_handler=True))
    assert requests(effects) == {("telegram", "error"): 1}
    assert observed(effects, metrics.REQUEST_SECONDS) == {("telegram",): [0.3]}


def test_through_the_api() -> None:
    _, effects = run(WORKFLOW, received(api=True), sent(debug=False))
    assert requests(effects) == {("api", "success"): 1}


def test_an_error_on_telegram_is_the_end() -> None:
    state, effects = run(WORKFLOW, received(), started("groq"), failed(after=4.0))
    assert requests(effects) == {("telegram", "error"): 1}
    assert observed(effects, metrics.REQUEST_SECONDS) == {}
    assert told(effects) == {
        "duration_seconds": 4.0,
        "llm_seconds": 0.0,
        "events": 3,
    }
    assert observed(effects, OPERATION_DURATION) == {}
    assert in_progress(state) == 0


def test_an_error_through_the_api_and_its_apology_are_one_failed_request() -> None:
    state, effects = run(WORKFLOW, received(api=True), failed())
    assert requests(effects) == {}
    assert in_progress(state) == 0
    assert len(state.open) == 1
    _, effects = run(WORKFLOW, received(api=True), failed(), sent("success", debug=False))
    assert requests(effects) == {("api", "error"): 1}
    assert observed(effects, metrics.REQUEST_SECONDS) == {("api",): [2.0]}


def test_an_error_through_the_api_that_nobody_apologised_for() -> None:
    state, _ = run(WORKFLOW, received(api=True), failed())
    state, _ = expired(state, 5)
    state, effects = expired(state, 1 + PATIENCE + 5)
    assert requests(effects) == {("api", "error"): 1}


def test_the_list_begins_in_the_middle_of_a_request() -> None:
    _, effects = run(WORKFLOW, completed(), sent())
    assert requests(effects) == {("telegram", "success"): 1}
    assert observed(effects, OPERATION_DURATION) == {("her", "unknown", "chat", "unknown", ""): [843.2 / 1000]}
    _, effects = run(WORKFLOW, completed(), sent(debug=True))
    assert requests(effects) == {("api", "success"): 1}


def test_an_error_of_a_request_whose_channel_is_not_known() -> None:
    state, effects = run(WORKFLOW, completed(), failed(after=2.0))
    assert requests(effects) == {}
    _, answered = WORKFLOW.fold(state, WORKFLOW.parse(sent("error", after=2.1, debug=False)))
    assert requests(answered) == {("api", "error"): 1}
    state, _ = expired(state, 2)
    _, ended = expired(state, 2 + PATIENCE)
    assert requests(ended) == {("telegram", "error"): 1}


def test_a_failed_model_call() -> None:
    _, effects = run(WORKFLOW, received(), started("ollama"), completed(status="error"))
    assert observed(effects, OPERATION_DURATION) == {("her", "ollama", "chat", "unknown", "_OTHER"): [843.2 / 1000]}


def test_the_last_provider_to_start_is_the_one_that_answered() -> None:
    _, effects = run(WORKFLOW, received(), started("ollama"), started("groq", after=0.7), completed())
    assert observed(effects, OPERATION_DURATION) == {("her", "groq", "chat", "unknown", ""): [843.2 / 1000]}


def test_a_provider_that_is_no_name_is_other() -> None:
    _, effects = run(WORKFLOW, received(), started("https://me:pw@host/v1"), completed())
    assert observed(effects, OPERATION_DURATION) == {("her", "other", "chat", "unknown", ""): [843.2 / 1000]}


def test_events_that_come_after_the_end_do_not_open_the_request_again() -> None:
    state, effects = run(WORKFLOW, received(), started("groq"), sent(after=2.0), completed(after=1.9))
    assert requests(effects) == {("telegram", "success"): 1}
    assert observed(effects, OPERATION_DURATION) == {("her", "groq", "chat", "unknown", ""): [843.2 / 1000]}
    assert not state.open
    _, effects = expired(state, 10 * PATIENCE)
    assert requests(effects) == {}


def test_an_answer_that_comes_twice_is_one_request() -> None:
    _, effects = run(WORKFLOW, received(), sent(), sent())
    assert requests(effects) == {("telegram", "success"): 1}


def test_two_requests_do_not_mix() -> None:
    _, effects = run(
        WORKFLOW,
        *(received(of="a"), received(of="b", api=True), started("groq", of="a"), started("ollama", of="b")),
        *(completed(100.0, of="b"), completed(200.0, of="a"), sent(of="b"), sent("error", of="a")),
    )
    assert requests(effects) == {("api", "success"): 1, ("telegram", "error"): 1}
    assert observed(effects, OPERATION_DURATION) == {
        ("her", "ollama", "chat", "unknown", ""): [0.1],
        ("her", "groq", "chat", "unknown", ""): [0.2],
    }


def test_without_an_id_an_event_is_counted_and_belongs_to_no_request() -> None:
    state, effects = run(WORKFLOW, completed(of=""))
    assert len(counted(effects, metrics.WORKFLOW_EVENTS)) == 1
    assert not state.open


def test_a_request_that_stops_is_abandoned_after_ten_minutes() -> None:
    state, _ = run(WORKFLOW, received(), completed(after=3.0))
    assert in_progress(state) == 1
    state, effects = expired(state, 5)
    assert requests(effects) == {}
    state, effects = expired(state, 4 + PATIENCE)
    assert requests(effects) == {}
    state, effects = expired(state, 5 + PATIENCE)
    assert requests(effects) == {("telegram", "abandoned"): 1}
    assert told(effects) == {"llm_seconds": 843.2 / 1000, "events": 2}
    assert only_point(effects, metrics.REQUEST_POINT).at == NOON + timedelta(seconds=3)
    assert in_progress(state) == 0
    assert requests(expired(state, 9 * PATIENCE)[1]) == {}


def test_a_request_that_still_gives_signs_is_not_abandoned() -> None:
    state, _ = run(WORKFLOW, received(), *(completed(after=minute * 60.0) for minute in range(1, 30)))
    _, effects = expired(state, 29 * 60.0 + 5)
    assert requests(effects) == {}


def test_what_was_already_old_when_it_was_read_is_abandoned_at_once() -> None:
    state, _ = run(WORKFLOW, received(of="old"), received(of="new", after=2 * PATIENCE))
    _, effects = expired(state, 86_400)
    assert requests(effects) == {("telegram", "abandoned"): 1}


@pytest.mark.parametrize("skew", [-900.0, 900.0, 7200.0])
def test_clocks_that_differ_abandon_nobody_too_early(skew: float) -> None:
    state, _ = run(WORKFLOW, received())
    state, effects = expired(state, skew)
    assert requests(effects) == {}
    state, effects = expired(state, skew + PATIENCE - 1)
    assert requests(effects) == {}
    _, effects = expired(state, skew + PATIENCE)
    assert requests(effects) == {("telegram", "abandoned"): 1}


def test_one_stamp_from_the_far_future_ends_nothing() -> None:
    state, _ = run(WORKFLOW, received(of="a"), completed(of="b", after=1e9))
    _, effects = expired(state, 5)
    assert requests(effects) == {}


def test_nothing_read_nothing_expires() -> None:
    state = WORKFLOW.initial()
    assert expired(state, 5)[0] is state


def test_a_poll_without_news_leaves_the_state_as_it_is() -> None:
    state, _ = run(WORKFLOW, received())
    state, _ = expired(state, 5)
    assert expired(state, 10)[0] is state


def test_the_oldest_requests_beyond_the_bound_are_abandoned() -> None:
    state, effects = run(WORKFLOW, *(received(of=f"{n}", after=n / 1000) for n in range(MOST_OPEN + 3)))
    assert requests(effects) == {("telegram", "abandoned"): 3}
    assert len(state.open) == MOST_OPEN
    assert IDS.of("0") not in state.open
    assert IDS.of("3") in state.open


def test_the_state_is_bounded_json_and_holds_no_id_of_hers() -> None:
    ids = [f"{n:032x}" for n in range(MOST_ENDED + 50)]
    records = [record for of in ids for record in (received(of=of), started("groq", of=of), sent(of=of))]
    state, _ = run(WORKFLOW, *records, received(of="f" * 32))
    assert len(state.ended) == MOST_ENDED
    stored = json.dumps(WORKFLOW.encode(state))
    assert WORKFLOW.decode(json.loads(stored)) == state
    assert len(stored) < 64 * 1024
    assert not any(of in stored for of in [*ids, "f" * 32])


def test_a_fold_leaves_the_old_state_alone() -> None:
    before, _ = run(WORKFLOW, received(of="a"))
    kept = json.dumps(WORKFLOW.encode(before))
    WORKFLOW.fold(before, WORKFLOW.parse(sent(of="a")))
    WORKFLOW.fold(before, WORKFLOW.parse(received(of="b")))
    expired(before, 10 * PATIENCE)
    assert json.dumps(WORKFLOW.encode(before)) == kept


def lives(number: int, kind: str) -> Iterator[bytes]:
    """The events of one request, without their order among those of others."""
    of = f"{kind}-{number}"
    yield received(of=of, api=kind.startswith("api"))
    yield started("groq", of=of)
    if kind == "silent":
        return
    if kind.endswith("error"):
        yield failed(of=of)
        if kind == "api error":
            yield sent("error", of=of, debug=False)
        return
    yield completed(of=of)
    yield sent(of=of, debug=True) if kind == "api" else sent(of=of)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["chat", "api", "api error", "chat error", "silent"]), max_size=12), st.randoms())
def test_every_request_ends_once_however_its_events_are_mixed(kinds: list[str], random: Any) -> None:
    waiting = [list(lives(number, kind)) for number, kind in enumerate(kinds)]
    order: list[bytes] = []
    while any(waiting):
        order.append(random.choice([events for events in waiting if events]).pop(0))
    state, effects = run(WORKFLOW, *order)
    state, _ = expired(state, 3)
    _, late = expired(state, 3 + PATIENCE)
    ended = Counter(requests(effects)) + Counter(requests(late))
    wanted = {
        "chat": ("telegram", "success"),
        "api": ("api", "success"),
        "api error": ("api", "error"),
        "chat error": ("telegram", "error"),
        "silent": ("telegram", "abandoned"),
    }
    assert ended == Counter(wanted[kind] for kind in kinds)
    assert len(points(effects, metrics.REQUEST_POINT)) + len(points(late, metrics.REQUEST_POINT)) == len(kinds)
