"""Decision -> effects. Stream `decisions`; its state is the scheduler's last sign of life (see heartbeat.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exporters.core.contract import Effects
from exporters.core.label import OTHER
from exporters.core.measurement import FieldValue
from exporters.core.metric import Metric
from exporters.core.pseudonym import Pseudonyms
from exporters.her import decision_facts as facts
from exporters.her import metrics
from exporters.her.events_decisions import Decision
from exporters.her.heartbeat import Heartbeats
from exporters.her.names import member, mode, verdict

_TEXT_TAGS = frozenset(tag.name for tag in metrics.DECISION_TEXT.tags)


def fold_decision(state: Heartbeats, event: Decision, *, pseudonyms: Pseudonyms) -> tuple[Heartbeats, Effects]:
    """Count the decision and what it says. Copies of executions, jobs and scores are counted as decisions only."""
    effects = Effects()
    effects.count(metrics.DECISIONS, event.event_type, event.source)
    if isinstance(event.facts, facts.Heartbeat):
        state = state.told_of(event.at)
    said = _take(effects, event.facts)
    tags = {
        "event_type": event.event_type,
        "source": event.source,
        "user": pseudonyms.of(event.user_id),
        **said.tags,
    }
    fields: dict[str, FieldValue] = {"entries": 1}
    fields |= {name: value for name, value in said.fields.items() if value is not None}
    effects.point(metrics.DECISION_POINT, event.at, fields, **tags)
    texts = {"summary_text": event.summary, "detail_text": event.detail}
    shown = {name: pseudonyms.disguise(text, event.user_id) for name, text in texts.items() if text}
    if shown:
        kept = {name: value for name, value in tags.items() if name in _TEXT_TAGS}
        effects.point(metrics.DECISION_TEXT, event.at, shown, **kept)
    return state, effects


@dataclass(frozen=True, slots=True)
class _Said:
    """What the point shows of a decision's facts; a field without a value is left out."""

    fields: Mapping[str, FieldValue | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


def _take(effects: Effects, said: facts.Facts | None) -> _Said:
    """Count and measure the facts; returns what the point shows of them."""
    match said:
        case facts.StageTimed(stage, seconds):
            _observe(effects, metrics.STAGE_SECONDS, seconds, stage)
            return _Said({"duration_seconds": seconds}, {"stage": stage})
        case facts.ProfileMoved():
            return _profile_moved(effects, said)
        case facts.Replied():
            effects.count(metrics.REPLIES, "api" if said.api else "telegram", mode(said.mode))
            effects.count(metrics.REPLY_LANGUAGES, member(said.language))
            return _Said({"confidence": said.confidence, "scheduled_tasks": said.scheduled_tasks})
        case facts.Debated(approved):
            effects.count(metrics.DEBATES, verdict(approved))
            return _Said(tags={"verdict": verdict(approved)})
        case facts.Verified(verified, confidence):
            effects.count(metrics.VERIFICATIONS, verdict(verified))
            _observe(effects, metrics.VERIFIER_CONFIDENCE, confidence)
            return _Said({"confidence": confidence}, {"verdict": verdict(verified)})
        case facts.ProactiveEnded(sent, initiative):
            effects.count(metrics.PROACTIVE, "success" if sent else OTHER if sent is None else "failed")
            return _Said({"initiative_level": initiative}, {"verdict": verdict(sent)})
        case facts.Probed(capability, available):
            effects.count(metrics.CAPABILITY_PROBES, capability, verdict(available))
            return _Said(tags={"verdict": verdict(available)})
        case facts.FailedOver(primary, fallback, status):
            code = "none" if status is None else str(status)
            effects.count(metrics.FAILOVERS, member(primary), member(fallback), code)
        case facts.ToolCalled(tool):
            effects.count(metrics.TOOL_CALLS, member(tool))
        case facts.Stepped(step):
            effects.count(metrics.AGENT_STEPS)
            return _Said({"step": step})
        case facts.ReplyScored(score) | facts.SelfOptimized(score):
            return _Said({"score": score})
        case facts.Reflected(adjustment):
            return _Said({"initiative_adjustment": adjustment})
        case facts.Heartbeat() | None:
            pass
    return _Said()


def _profile_moved(effects: Effects, said: facts.ProfileMoved) -> _Said:
    _observe(effects, metrics.ENGAGEMENT, said.engagement)
    _observe(effects, metrics.INITIATIVE, said.initiative)
    _observe(effects, metrics.USER_RESPONSE, said.response_seconds)
    fields = {
        "engagement_score": said.engagement,
        "initiative_level": said.initiative,
        "mood_intensity": said.mood_intensity,
        "response_seconds": said.response_seconds,
    }
    return _Said(fields, {"mood": said.mood})


def _observe(effects: Effects, metric: Metric, value: float | None, *labels: str) -> None:
    if value is not None:
        effects.observe(metric, value, *labels)
