"""Every type of decision: its facts, its source, and its texts where they are asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from exporters.core.errors import Rejected
from exporters.her import decision_facts as facts
from exporters.her.events_decisions import parse_decision
from exporters.her.labels import EVENT_TYPES
from tests.her import sample_records as sample
from tests.her.sample_records import ABSENT, changed, decision

DEBATE = {
    "planner": {"tool_required": True, "action": "read the file", "assumptions": ["it exists"], "risk": "low"},
    "skeptic": {
        "approved": True,
        "tool_needed": True,
        "assumption_safe": True,
        "hallucination_risk": "low",
        "notes": "fine",
    },
    "approved": True,
}
DEBATED = (
    "planner: tool_required: True, action: read the file, assumptions: it exists, risk: low\n"
    "skeptic: approved: True, tool_needed: True, assumption_safe: True, hallucination_risk: low, notes: fine"
)
EXECUTION = {
    "timestamp": "2026-02-22T10:00:00.500100+00:00",
    "command": "cat secret.txt",
    "success": True,
    "output": "the output",
    "error": "",
    "exit_code": 0,
    "execution_time": 0.41,
    "user": "sandbox",
    "workdir": "/workspace",
}
PROFILE = {
    "engagement_score": 0.61,
    "initiative_level": 0.58,
    "mood_intensity": 0.5,
    "mood": "calm",
    "positive": True,
    "cold": False,
    "disabled": False,
    "ignored": False,
}
REPLY = {
    "message_preview": "Yes, it finished",
    "language": "en",
    "mode": "CHAT_MODE",
    "action_confidence": 0.1,
    "scheduled_tasks": 2,
}

REPLIED = facts.Replied(api=False, mode="CHAT_MODE", language="en", confidence=0.1, scheduled_tasks=2)

CASES: list[tuple[str, dict[str, Any], facts.Facts | None]] = [
    (
        "performance_timing",
        {"stage": "memory_lookup", "duration_ms": 5, "context_size": 3},
        facts.StageTimed("memory_lookup", 0.005),
    ),
    (
        "performance_timing",
        {"stage": "tool_execution", "duration_ms": 41.5, "command": "ls", "exit_code": 0},
        facts.StageTimed("tool_execution", 0.0415),
    ),
    (
        "autonomy_profile_updated",
        {**PROFILE, "response_seconds": 12.5},
        facts.ProfileMoved(0.61, 0.58, "calm", 0.5, 12.5),
    ),
    (
        "autonomy_profile_updated",
        {**PROFILE, "response_seconds": None},
        facts.ProfileMoved(0.61, 0.58, "calm", 0.5, None),
    ),
    (
        "reinforcement_event",
        {"score": -0.5, "label": "x", "reasoning": [], "task_succeeded": True},
        facts.ReplyScored(-0.5),
    ),
    ("assistant_response", REPLY, REPLIED),
    ("assistant_response_api", {**REPLY, "execution_id": None}, replace(REPLIED, api=True)),
    ("sandbox_execution", EXECUTION, None),
    ("scheduler_execution", {"task": "nightly", "type": "custom", "success": True, "error": "", "attempts": 2}, None),
    (
        "scheduler_system_job",
        {"job": "reminder_processor", "timestamp": "2026-02-22T12:00:00+00:00"},
        facts.Heartbeat(),
    ),
    ("timezone_conversion", {"event": "timezone_conversion", "user_id": 5551001, "user_timezone": "Europe/Rome"}, None),
    ("internal_debate", DEBATE, facts.Debated(approved=True)),
    ("internal_debate", {}, facts.Debated(approved=None)),
    (
        "verifier_result",
        {"verified": False, "confidence": 0.35, "notes": "no"},
        facts.Verified(verified=False, confidence=0.35),
    ),
    ("verifier_result", {"verified": True, "confidence": 95.0}, facts.Verified(verified=True, confidence=None)),
    ("verifier_result", {"verified": True, "confidence": "high"}, facts.Verified(verified=True, confidence=None)),
    ("verifier_result", {"verified": True, "confidence": True}, facts.Verified(verified=True, confidence=None)),
    ("verifier_result", {"verified": True, "confidence": -(10**400)}, facts.Verified(verified=True, confidence=None)),
    ("verifier_result", {"verified": True, "confidence": 1}, facts.Verified(verified=True, confidence=1.0)),
    ("agent_step", {"step": 3, "action": {"command": "ls", "background": False}}, facts.Stepped(3)),
    ("agent_step", {"step": 5, "action": {"done": True, "result": "done"}}, facts.Stepped(5)),
    (
        "reflection",
        {"event": "reflection", "date": "2026-02-22", "initiative_adjustment": -0.12},
        facts.Reflected(-0.12),
    ),
    (
        "proactive_outcome",
        {"sent": True, "error": "", "messages_sent_today": 1, "initiative_level": 0.4},
        facts.ProactiveEnded(sent=True, initiative=0.4),
    ),
    ("proactive_followup_scheduled", {"task_name": "proactive_5551001_1", "run_at": ""}, None),
    (
        "weekly_self_optimization",
        {"avg_score": 0.25, "strong_areas": [], "weak_areas": [], "notes": []},
        facts.SelfOptimized(0.25),
    ),
    (
        "capability_probe",
        {"capability": "internet", "available": True, "reason": "ok"},
        facts.Probed("internet", available=True),
    ),
    ("natural_schedule_created", {"task": {"name": "x"}, "persisted": True, "details": "saved"}, None),
    ("schedule_add", {"task": "x", "type": "reminder", "interval": "daily", "saved": True, "details": ""}, None),
    ("schedule_toggle", {"task": "x", "enabled": False, "saved": True, "details": ""}, None),
    ("schedule_interval_update", {"task": "x", "interval": "daily", "saved": True, "details": ""}, None),
    ("schedule_run_now", {"task": "x"}, None),
    (
        "llm_failover",
        {"primary_provider": "OpenAI", "fallback_provider": "groq", "status_code": 502},
        facts.FailedOver("openai", "groq", 502),
    ),
    ("personality_adjustment", {"trait": "warmth", "delta": 1, "new_value": 61}, None),
    ("tool_call", {"tool": "web_search", "query_preview": "q", "max_results": 5}, facts.ToolCalled("web_search")),
    (
        "tool_call",
        {"tool": "filesystem.list_directory", "args_preview": "{}"},
        facts.ToolCalled("filesystem.list_directory"),
    ),
    ("tool_result", {"tool": "web_search", "result_preview": "2 hits"}, None),
    ("unified_interpreter_decision", {}, None),
    ("unified_interpreter_schedule", {}, None),
    ("unified_interpreter_sandbox", {}, None),
    ("reminder_state_change", {"old_status": "PENDING", "new_status": "RETRY", "chat_id": 5551001}, None),
    ("autonomous_operator_action", {"action": "restart"}, None),
]


@pytest.mark.parametrize(("event_type", "details", "expected"), CASES)
def test_the_facts_of_each_type(event_type: str, details: dict[str, Any], expected: facts.Facts | None) -> None:
    event = parse_decision(decision(event_type, details))
    assert event.event_type == event_type
    assert event.facts == expected


def test_every_type_of_the_catalogue_is_tried() -> None:
    assert {event_type for event_type, _, _ in CASES} == set(EVENT_TYPES)


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_details_may_be_empty(event_type: str) -> None:
    parse_decision(decision(event_type, {}))


@pytest.mark.parametrize(
    ("event_type", "details", "expected"),
    [
        ("performance_timing", {"stage": "llm", "duration_ms": "fast"}, "wrong_type"),
        ("performance_timing", {"stage": "llm", "duration_ms": -1}, "unknown_value"),
        ("performance_timing", {"stage": 7, "duration_ms": 1}, "wrong_type"),
        ("autonomy_profile_updated", {**PROFILE, "engagement_score": 61}, "unknown_value"),
        ("autonomy_profile_updated", {**PROFILE, "response_seconds": -1}, "unknown_value"),
        ("internal_debate", {"approved": "yes"}, "wrong_type"),
        ("agent_step", {"step": "three"}, "wrong_type"),
        ("llm_failover", {"status_code": 99999}, "unknown_value"),
        ("proactive_outcome", {"sent": 1}, "wrong_type"),
    ],
)
def test_what_hers_own_code_writes_is_read_strictly(event_type: str, details: dict[str, Any], expected: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse_decision(decision(event_type, details))
    assert refused.value.reason == expected
    assert refused.value.detail.startswith("details.")


def test_no_user_and_no_source() -> None:
    event = parse_decision(changed(sample.DECISION, user_id="", source=ABSENT))
    assert (event.user_id, event.source) == ("", "runtime")


@pytest.mark.parametrize(
    ("event_type", "details", "chats", "expected"),
    [
        (
            "internal_debate",
            DEBATE,
            False,
            DEBATED,
        ),
        ("verifier_result", {"verified": False, "notes": "one command failed"}, False, "notes: one command failed"),
        ("agent_step", {"step": 1, "action": {"command": "ls"}}, False, "action: command: ls"),
        ("weekly_self_optimization", {"strong_areas": ["a", "b"], "notes": []}, False, "strong_areas: a; b"),
        ("assistant_response", REPLY, False, ""),
        ("assistant_response", REPLY, True, "message_preview: Yes, it finished"),
        ("sandbox_execution", EXECUTION, True, ""),
        ("agent_step", {"action": {"a": {"b": {"c": {"d": "deep"}}}}}, False, "action: a: b: c: …"),
    ],
)
def test_texts_where_they_are_asked_for(
    event_type: str, details: dict[str, Any], *, chats: bool, expected: str
) -> None:
    event = parse_decision(decision(event_type, details), keep_text=True, keep_chats=chats)
    assert event.summary == "llm 812.44ms"
    assert event.detail == expected
