"""What each type of decision does, and the heartbeat that tells a silent HER from an idle one."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from exporters.core.contract import Effects
from exporters.core.metric import Metric
from exporters.her import metrics
from tests.her import sample_records as sample
from tests.her.deployments import IDS, streams
from tests.her.effects_check import counted, observed, only_point, run
from tests.her.sample_records import decision

DECISIONS = streams()["decisions"]
USER = IDS.of("5551001")
NOON = datetime(2026, 2, 22, 12, tzinfo=UTC)


def fold(event_type: str, details: dict[str, Any], **fields: Any) -> Effects:
    return run(DECISIONS, decision(event_type, details, **fields))[1]


def test_a_decision() -> None:
    _, effects = run(DECISIONS, sample.DECISION)
    assert counted(effects, metrics.DECISIONS) == {("performance_timing", "telegram"): 1}
    assert observed(effects, metrics.STAGE_SECONDS) == {("llm",): [0.81244]}
    point = only_point(effects, metrics.DECISION_POINT)
    assert point.at == datetime(2026, 2, 22, 12, 0, 0, 1, tzinfo=UTC)
    assert point.tags == {"event_type": "performance_timing", "source": "telegram", "stage": "llm", "user": USER}
    assert point.fields == {"entries": 1, "duration_seconds": 0.81244}


PROFILE = {"engagement_score": 0.61, "initiative_level": 0.58, "mood_intensity": 0.5, "mood": "calm"}
REPLY = {"language": "en", "mode": "ACTION_MODE", "action_confidence": 0.95, "scheduled_tasks": 1}

COUNTED: list[tuple[str, dict[str, Any], Metric, tuple[str, ...]]] = [
    ("assistant_response", REPLY, metrics.REPLIES, ("telegram", "action")),
    ("assistant_response_api", REPLY | {"mode": "CHAT_MODE"}, metrics.REPLIES, ("api", "chat")),
    ("assistant_response", REPLY, metrics.REPLY_LANGUAGES, ("en",)),
    ("assistant_response", REPLY | {"language": "the user's own"}, metrics.REPLY_LANGUAGES, ("other",)),
    ("internal_debate", {"approved": True}, metrics.DEBATES, ("yes",)),
    ("internal_debate", {"approved": False}, metrics.DEBATES, ("no",)),
    ("internal_debate", {}, metrics.DEBATES, ("other",)),
    ("verifier_result", {"verified": False}, metrics.VERIFICATIONS, ("no",)),
    ("agent_step", {"step": 2}, metrics.AGENT_STEPS, ()),
    ("proactive_outcome", {"sent": True}, metrics.PROACTIVE, ("success",)),
    ("proactive_outcome", {"sent": False}, metrics.PROACTIVE, ("failed",)),
    ("tool_call", {"tool": "web_search"}, metrics.TOOL_CALLS, ("web_search",)),
    ("tool_call", {"tool": "filesystem.list_directory"}, metrics.TOOL_CALLS, ("filesystem.list_directory",)),
    ("tool_call", {"tool": "ask 5551001 for his password"}, metrics.TOOL_CALLS, ("other",)),
    (
        "llm_failover",
        {"primary_provider": "openai", "fallback_provider": "groq", "status_code": 503},
        metrics.FAILOVERS,
        ("openai", "groq", "503"),
    ),
    ("capability_probe", {"capability": "internet", "available": False}, metrics.CAPABILITY_PROBES, ("internet", "no")),
]


@pytest.mark.parametrize(("event_type", "details", "metric", "labels"), COUNTED)
def test_counters(event_type: str, details: dict[str, Any], metric: Metric, labels: tuple[str, ...]) -> None:
    effects = fold(event_type, details)
    assert counted(effects, metric) == {labels: 1}
    assert counted(effects, metrics.DECISIONS) == {(event_type, "telegram"): 1}


OBSERVED: list[tuple[str, dict[str, Any], Metric, list[float]]] = [
    ("autonomy_profile_updated", PROFILE, metrics.ENGAGEMENT, [0.61]),
    ("autonomy_profile_updated", PROFILE, metrics.INITIATIVE, [0.58]),
    ("autonomy_profile_updated", PROFILE | {"response_seconds": 12.5}, metrics.USER_RESPONSE, [12.5]),
    ("autonomy_profile_updated", PROFILE | {"response_seconds": None}, metrics.USER_RESPONSE, []),
    ("verifier_result", {"verified": True, "confidence": 0.9}, metrics.VERIFIER_CONFIDENCE, [0.9]),
    ("verifier_result", {"verified": True, "confidence": 95.0}, metrics.VERIFIER_CONFIDENCE, []),
]


@pytest.mark.parametrize(("event_type", "details", "metric", "values"), OBSERVED)
def test_histograms(event_type: str, details: dict[str, Any], metric: Metric, values: list[float]) -> None:
    assert observed(fold(event_type, details), metric).get((), []) == values


POINTS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, str]]] = [
    (
        "autonomy_profile_updated",
        PROFILE | {"response_seconds": 12.5},
        {"engagement_score": 0.61, "initiative_level": 0.58, "mood_intensity": 0.5, "response_seconds": 12.5},
        {"mood": "calm"},
    ),
    ("reinforcement_event", {"score": -1.0}, {"score": -1.0}, {}),
    ("weekly_self_optimization", {"avg_score": 0.25}, {"score": 0.25}, {}),
    ("assistant_response", REPLY, {"confidence": 0.95, "scheduled_tasks": 1}, {}),
    ("verifier_result", {"verified": True, "confidence": 0.9}, {"confidence": 0.9}, {"verdict": "yes"}),
    ("verifier_result", {"verified": True, "confidence": "high"}, {}, {"verdict": "yes"}),
    ("internal_debate", {"approved": False}, {}, {"verdict": "no"}),
    ("agent_step", {"step": 4}, {"step": 4}, {}),
    ("reflection", {"initiative_adjustment": -0.12}, {"initiative_adjustment": -0.12}, {}),
    ("proactive_outcome", {"sent": True, "initiative_level": 0.4}, {"initiative_level": 0.4}, {"verdict": "yes"}),
    ("capability_probe", {"capability": "sandbox", "available": True}, {}, {"verdict": "yes"}),
    ("timezone_conversion", {"user_id": 5551001}, {}, {}),
    ("brand_new", {"score": 4}, {}, {}),
]


@pytest.mark.parametrize(("event_type", "details", "fields", "tags"), POINTS)
def test_points(event_type: str, details: dict[str, Any], fields: dict[str, Any], tags: dict[str, str]) -> None:
    point = only_point(fold(event_type, details), metrics.DECISION_POINT)
    assert point.fields == {"entries": 1} | fields
    assert point.tags == {"event_type": event_type, "source": "telegram", "user": USER} | tags


@pytest.mark.parametrize("event_type", ["sandbox_execution", "scheduler_execution", "reinforcement_event"])
def test_copies_of_other_lists_are_counted_as_decisions_only(event_type: str) -> None:
    details = {"score": 1.0, "success": False, "exit_code": 1, "execution_time": 5.0, "name": "x", "type": "custom"}
    effects = fold(event_type, details, user_id="")
    assert counted(effects, metrics.DECISIONS) == {(event_type, "telegram"): 1}
    assert len(effects.counts) == 1
    assert effects.observations == []
