"""What each type of decision says that can be counted, measured or drawn.

What HER's own code wrote is read strictly: another type of value is another HER, and rejected. What a language model
supplied (the verifier's confidence) is taken where it makes sense and left out where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exporters.her.record import Fields


@dataclass(frozen=True, slots=True)
class StageTimed:
    """performance_timing. The list has milliseconds."""

    stage: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class ProfileMoved:
    """autonomy_profile_updated. Scores 0.1 to 1; response_seconds None where HER had not spoken before."""

    engagement: float | None
    initiative: float | None
    mood: str
    mood_intensity: float | None
    response_seconds: float | None


@dataclass(frozen=True, slots=True)
class ReplyScored:
    """reinforcement_event, a copy: the list of its own owns the count."""

    score: float | None


@dataclass(frozen=True, slots=True)
class Replied:
    """assistant_response (Telegram) and assistant_response_api. confidence: that an action was wanted, 0 to 1."""

    api: bool
    mode: str
    language: str
    confidence: float | None
    scheduled_tasks: int | None


@dataclass(frozen=True, slots=True)
class Debated:
    """internal_debate: was the plan approved? None in an entry that does not say."""

    approved: bool | None


@dataclass(frozen=True, slots=True)
class Verified:
    """verifier_result. confidence: the model's own figure, None where it is no number from 0 to 1."""

    verified: bool | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Stepped:
    """agent_step: number of the step."""

    step: int | None


@dataclass(frozen=True, slots=True)
class ProactiveEnded:
    """proactive_outcome."""

    sent: bool | None
    initiative: float | None


@dataclass(frozen=True, slots=True)
class FailedOver:
    """llm_failover."""

    primary: str
    fallback: str
    status_code: int | None


@dataclass(frozen=True, slots=True)
class Probed:
    """capability_probe; two per start."""

    capability: str
    available: bool | None


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """tool_call: `web_search` or `<server>.<tool>`."""

    tool: str


@dataclass(frozen=True, slots=True)
class Reflected:
    """reflection: how much initiative goes up or down."""

    initiative_adjustment: float | None


@dataclass(frozen=True, slots=True)
class SelfOptimized:
    """weekly_self_optimization: mean score, -1 to 1."""

    average: float | None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """scheduler_system_job: the scheduler's sign of life, once a minute for ever."""


Facts = (
    StageTimed
    | ProfileMoved
    | ReplyScored
    | Replied
    | Debated
    | Verified
    | Stepped
    | ProactiveEnded
    | FailedOver
    | Probed
    | ToolCalled
    | Reflected
    | SelfOptimized
    | Heartbeat
)


def facts_of(event_type: str, details: Fields) -> Facts | None:
    """The facts of a decision's `details`; None for types that have none, and for unknown types. Raises Rejected."""
    read = _READERS.get(event_type)
    return read(details) if read else None


def _share(details: Fields, key: str) -> float | None:
    return details.number(key, 0.0, 1.0)


def _profile_moved(details: Fields) -> ProfileMoved:
    unknown = details.loose("response_seconds") is None
    return ProfileMoved(
        engagement=_share(details, "engagement_score"),
        initiative=_share(details, "initiative_level"),
        mood=details.name("mood"),
        mood_intensity=_share(details, "mood_intensity"),
        response_seconds=None if unknown else details.seconds("response_seconds"),
    )


def _replied(details: Fields, *, api: bool) -> Replied:
    return Replied(
        api=api,
        mode=details.name("mode"),
        language=details.name("language"),
        confidence=_share(details, "action_confidence"),
        scheduled_tasks=details.integer("scheduled_tasks", low=0),
    )


def _verified(details: Fields) -> Verified:
    value = details.loose("confidence")
    plausible = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
    return Verified(details.flag("verified"), float(value) if plausible else None)


def _failed_over(details: Fields) -> FailedOver:
    return FailedOver(
        details.name("primary_provider").lower(),
        details.name("fallback_provider").lower(),
        details.integer("status_code", 0, 999),
    )


_READERS: Mapping[str, Callable[[Fields], Facts]] = MappingProxyType(
    {
        "performance_timing": lambda d: StageTimed(d.name("stage"), d.milliseconds("duration_ms")),
        "autonomy_profile_updated": _profile_moved,
        "reinforcement_event": lambda d: ReplyScored(d.number("score", -1.0, 1.0)),
        "assistant_response": lambda d: _replied(d, api=False),
        "assistant_response_api": lambda d: _replied(d, api=True),
        "internal_debate": lambda d: Debated(d.flag("approved")),
        "verifier_result": _verified,
        "agent_step": lambda d: Stepped(d.integer("step", 0, 1_000_000)),
        "proactive_outcome": lambda d: ProactiveEnded(d.flag("sent"), _share(d, "initiative_level")),
        "llm_failover": _failed_over,
        "capability_probe": lambda d: Probed(d.name("capability"), d.flag("available")),
        "tool_call": lambda d: ToolCalled(d.name("tool")),
        "reflection": lambda d: Reflected(d.number("initiative_adjustment", -1.0, 1.0)),
        "weekly_self_optimization": lambda d: SelfOptimized(d.number("avg_score", -1.0, 1.0)),
        "scheduler_system_job": lambda _: Heartbeat(),
    }
)
