"""What HER says about a decision in words, where the operator asked for it: plan, objections, notes, previews.

Not here, though `details` has them: command and output of executions and results of jobs, which belong to their own
lists, and the previews of chat messages unless chats are switched on too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from exporters.her.record import Fields

_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "internal_debate": ("planner", "skeptic"),
        "verifier_result": ("notes",),
        "agent_step": ("action",),
        "reflection": ("engagement_trend", "notes"),
        "proactive_outcome": ("error",),
        "weekly_self_optimization": ("strong_areas", "weak_areas", "notes"),
        "capability_probe": ("reason",),
        "timezone_conversion": ("user_timezone", "local_time", "stored_utc"),
        "natural_schedule_created": ("details",),
        "schedule_add": ("type", "interval", "details"),
        "schedule_toggle": ("enabled", "details"),
        "schedule_interval_update": ("interval", "details"),
        "tool_call": ("query_preview", "args_preview"),
        "tool_result": ("result_preview",),
        "reminder_state_change": ("old_status", "new_status", "retry_count", "last_error"),
        "personality_adjustment": ("trait", "delta", "new_value"),
    }
)
_CHATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"assistant_response": ("message_preview",), "assistant_response_api": ("message_preview",)}
)


_NOTHING: tuple[Any, ...] = (None, "", [], {})
_DEEPEST = 3
"""HER nests once; a model could be made to nest a thousand times."""


def detail_of(event_type: str, details: Fields, *, chats: bool) -> str:
    """One line per field that says something, not yet redacted. chats: previews of replies too."""
    keys = _KEYS.get(event_type, ()) + (_CHATS.get(event_type, ()) if chats else ())
    lines = [f"{key}: {_words(details.loose(key))}" for key in keys if details.loose(key) not in _NOTHING]
    return "\n".join(lines)


def _words(value: Any, depth: int = 0) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list) and depth == _DEEPEST:
        return "…"
    if isinstance(value, list):
        return "; ".join(_words(item, depth + 1) for item in value)
    if isinstance(value, dict):
        named = ((name, inner) for name, inner in value.items() if inner not in _NOTHING)
        return ", ".join(f"{name}: {_words(inner, depth + 1)}" for name, inner in named)
    return str(value)
