"""The way through the nodes: transitions in the order HER works, the time of each step, errors where they happened."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporters.core.contract import Effects
from exporters.her import metrics
from exporters.her.labels import NODES
from exporters.her.workflow_requests import WorkflowState
from tests.her.deployments import IDS, streams
from tests.her.effects_check import counted, only_point, points, run
from tests.her.test_fold_workflow import ID, NOON, WORKFLOW, completed, event, failed, received, sent, started

TOKEN = "bot5551009001:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"


def looked_up(phase: str, after: float) -> tuple[bytes, bytes]:
    return (
        event("tool_execution_started", "memory_lookup", "running", after=after, phase=phase),
        event("tool_completed", "memory_lookup", after=after + 0.1, phase=phase, duration_ms=100.0),
    )


def chat() -> tuple[bytes, ...]:
    return (
        received(),
        *looked_up("initial_context", 0.2),
        event("intent_detected", "intent_classifier", after=0.5, mode="CHAT_MODE"),
        event("tool_selected", "tool_selector", after=0.6, selected="llm_chat"),
        *looked_up("semantic_search", 0.7),
        started("ollama", after=1.0),
        completed(3000.0, after=4.0),
        sent(after=4.5),
    )


def nodes_running(state: WorkflowState) -> dict[str, float]:
    assert WORKFLOW.view is not None
    return {s.labels[0]: s.value for s in WORKFLOW.view(state, NOON) if s.metric is metrics.NODE_RUNNING and s.value}


def test_a_chat_goes_to_memory_before_its_intent_and_again_after_it() -> None:
    _, effects = run(WORKFLOW, *chat())
    assert counted(effects, metrics.TRANSITIONS) == {
        ("start", "input"): 1,
        ("input", "memory_lookup"): 1,
        ("memory_lookup", "intent_classifier"): 1,
        ("intent_classifier", "tool_selector"): 1,
        ("tool_selector", "memory_lookup"): 1,
        ("memory_lookup", "llm"): 1,
        ("llm", "response"): 1,
    }
    seconds = counted(effects, metrics.TRANSITION_SECONDS)
    assert seconds["memory_lookup", "intent_classifier"] == pytest.approx(0.2)
    assert seconds["llm", "response"] == pytest.approx(0.5)
    assert counted(effects, metrics.TRANSITION_ERRORS) == {}


def test_every_transition_of_a_usual_request_starts_at_zero() -> None:
    _, effects = run(WORKFLOW, *chat())
    assert set(counted(effects, metrics.TRANSITIONS)) <= set(metrics.TRANSITIONS.start)
    assert metrics.TRANSITIONS.start == metrics.TRANSITION_ERRORS.start == metrics.TRANSITION_SECONDS.start


def test_the_steps_of_a_request_add_up_to_all_of_its_time() -> None:
    _, effects = run(WORKFLOW, *chat())
    request = only_point(effects, metrics.REQUEST_POINT)
    stages = {name: value for name, value in request.fields.items() if name.startswith("at_")}
    assert sum(float(value) for value in stages.values()) == pytest.approx(4.5)
    assert stages["at_llm_seconds"] == pytest.approx(3.2), "0.2 s to write the prompt, 3 s to wait for the answer"
    assert stages["at_memory_lookup_seconds"] == pytest.approx(0.5)
    steps = points(effects, metrics.STEP_POINT)
    assert sum(float(step.fields["step_seconds"]) for step in steps) == pytest.approx(4.5)
    assert {step.fields["execution"] for step in steps} == {request.fields["execution"]} == {IDS.of(ID)}
    (answered,) = (step for step in steps if step.tags["event_type"] == "llm_completed")
    assert answered.fields["duration_seconds"] == 3.0, "HER's own measure of the work"
    assert answered.fields["elapsed_seconds"] == pytest.approx(4.0)
    assert answered.at.timestamp() == NOON.timestamp() + 4.0, "when it happened, not when it was told"


def test_an_error_belongs_to_the_way_to_the_node_that_failed_and_counts_once_per_stay() -> None:
    _, effects = run(
        WORKFLOW,
        received(api=True),
        started("ollama"),
        completed(900.0, "error", after=1.0),
        completed(900.0, "error", after=1.1),
        failed(after=1.2),
        sent("error", after=1.3, debug=False),
    )
    assert counted(effects, metrics.TRANSITION_ERRORS) == {("input", "llm"): 1, ("llm", "response"): 1}
    assert counted(effects, metrics.TRANSITIONS)["llm", "response"] == 1
    assert only_point(effects, metrics.REQUEST_POINT).fields["last_node"] == "response"


def test_a_request_is_at_one_node_until_it_ends() -> None:
    records = chat()
    assert nodes_running(run(WORKFLOW, *records[:3])[0]) == {"memory_lookup": 1}
    assert nodes_running(run(WORKFLOW, *records[:8])[0]) == {"llm": 1}
    assert nodes_running(run(WORKFLOW, *records)[0]) == {}


def test_the_oldest_request_in_progress_is_told_by_its_beginning() -> None:
    state, _ = run(WORKFLOW, received(after=5.0), received(after=2.0, of="b"), started("ollama", after=9.0, of="b"))
    assert WORKFLOW.view is not None
    (oldest,) = (s.value for s in WORKFLOW.view(state, NOON) if s.metric is metrics.OLDEST_IN_PROGRESS)
    assert oldest == NOON.timestamp() + 2.0
    assert metrics.OLDEST_IN_PROGRESS not in {s.metric for s in WORKFLOW.view(WORKFLOW.initial(), NOON)}


def test_what_never_ends_says_where_it_stopped() -> None:
    state, _ = run(WORKFLOW, *chat()[:3])
    assert WORKFLOW.expire is not None
    state, _ = WORKFLOW.expire(state, NOON)
    _, effects = WORKFLOW.expire(state, NOON.replace(hour=13))
    point = only_point(effects, metrics.REQUEST_POINT)
    assert (point.tags["outcome"], point.fields["last_node"]) == ("abandoned", "memory_lookup")


def test_a_request_whose_beginning_passed_unseen_came_from_nowhere() -> None:
    _, effects = run(WORKFLOW, *chat()[7:])
    assert counted(effects, metrics.TRANSITIONS) == {("llm", "response"): 1}
    assert all("elapsed_seconds" not in step.fields for step in points(effects, metrics.STEP_POINT))


def test_a_clock_gone_astray_takes_no_time() -> None:
    _, effects = run(WORKFLOW, received(), started("ollama", after=86_400.0), completed(after=3.0), sent(after=3.5))
    assert counted(effects, metrics.TRANSITION_SECONDS)["input", "llm"] == 0
    assert all(float(step.fields["step_seconds"]) == 0 for step in points(effects, metrics.STEP_POINT))


def test_a_node_nobody_knows_is_other() -> None:
    _, effects = run(WORKFLOW, received(), event("started", "telepathy", "running", after=1.0), sent())
    assert counted(effects, metrics.TRANSITIONS)["input", "other"] == 1
    assert counted(effects, metrics.TRANSITIONS)["other", "response"] == 1


def test_a_restart_in_the_middle_changes_nothing() -> None:
    whole = run(WORKFLOW, *chat())[1]
    state, first = run(WORKFLOW, *chat()[:6])
    state = WORKFLOW.decode(json.loads(json.dumps(WORKFLOW.encode(state))))
    second = Effects()
    for record in chat()[6:]:
        state, effects = WORKFLOW.fold(state, WORKFLOW.parse(record))
        second.counts += effects.counts
        second.points += effects.points
    both = Effects(counts=first.counts + second.counts)
    assert counted(both, metrics.TRANSITIONS) == counted(whole, metrics.TRANSITIONS)
    assert only_point(second, metrics.REQUEST_POINT) == only_point(whole, metrics.REQUEST_POINT)


def test_the_state_of_the_program_before_this_one_is_taken_up() -> None:
    older = {
        "open": {"k": [NOON.timestamp(), NOON.timestamp(), "telegram", "ollama", 0.5, 3, False]},
        "ended": {},
        "newest": None,
        "checked": None,
        "checked_at": 0.0,
    }
    state = WORKFLOW.decode(older)
    assert nodes_running(state) == {"other": 1}
    assert state.open["k"].events == 3


STEPS = st.lists(
    st.tuples(
        st.sampled_from([*NODES, "unheard of"]), st.sampled_from(["running", "success", "error"]), st.integers(0, 9)
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_whatever_way_it_takes_arrivals_and_changes_of_node_agree(steps: list[tuple[str, str, int]]) -> None:
    records = [received()]
    at = 0.0
    for node, status, pause in steps:
        at += pause
        records.append(event("step", node, status, after=at))
    _, effects = run(WORKFLOW, *records)
    way = ["start", "input", *("other" if node == "unheard of" else node for node, _, _ in steps)]
    changes = [pair for pair in pairwise(way) if pair[0] != pair[1]]
    assert sum(counted(effects, metrics.TRANSITIONS).values()) == len(changes)
    errors = counted(effects, metrics.TRANSITION_ERRORS)
    assert all(errors[pair] <= counted(effects, metrics.TRANSITIONS)[pair] for pair in errors)
    assert sum(counted(effects, metrics.TRANSITION_SECONDS).values()) <= at + 1e-6
    assert sum(float(s.fields["step_seconds"]) for s in points(effects, metrics.STEP_POINT)) == pytest.approx(at)


def console(record: bytes, **text: Any) -> str:
    _, effects = run(streams(**text)["workflow"], record)
    found = points(effects, metrics.WORKFLOW_TEXT)
    return str(found[0].fields["console_text"]) if found else ""


def test_the_console_is_off_unless_it_is_switched_on() -> None:
    assert console(started("ollama")) == ""
    assert console(started("ollama"), chats=True, executions=True, logs=True, decisions=True) == ""


def test_the_console_shows_prompts_and_outputs_redacted_and_cut() -> None:
    prompts = [f"You are HER. Use {TOKEN}.", "user 5551001 asks"]
    record = event("llm_started", "llm", "running", provider="ollama", raw_messages=prompts)
    assert console(record, workflow=True) == (
        f"provider: ollama\nraw_messages: You are HER. Use bot[redacted].\n--\nuser id:{IDS.of('5551001')} asks"
    )
    output = event("tool_completed", "tool_executor", command="ls", exit_code=0, tool_output="w ord " * 2000)
    said = console(output, workflow=True)
    assert said.startswith("command: ls\nexit_code: 0\ntool_output: w ord")
    assert len(said) == 4000


def test_messages_and_replies_stay_with_the_chats() -> None:
    assert console(received(), workflow=True) == ""
    assert console(received(), workflow=True, chats=True) == "message: hi"


def test_a_plan_is_shown_as_it_is_however_deep() -> None:
    deep: Any = "bottom"
    for _ in range(200):
        deep = [deep]
    assert "bottom" in console(event("debate", "tool_selector", planner={"action": deep}), workflow=True)
