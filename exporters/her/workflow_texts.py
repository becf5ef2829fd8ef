"""The tool and model console: what a workflow event says in words, where the operator asked for it.

What people wrote and what HER answered belong to `chats`, and are left out unless those are switched on too. Prompts
hold memories and recent conversation; whoever switches the console on gets them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from exporters.her.record import Fields

_KEYS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "llm_started": ("provider", "raw_messages"),
        "debate": ("planner", "skeptic", "verifier", "decision"),
        "step_start": ("step_number", "action"),
        "step_complete": ("step_number", "action", "verified", "output_preview"),
        "tool_execution_started": ("command",),
        "tool_stdout": ("stream", "line"),
        "tool_completed": ("command", "exit_code", "tool_output", "tool_error"),
        "error": ("error",),
    }
)
_CHATS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"message_received": ("message",), "response_sent": ("response_preview",), "llm_stream_token": ("token",)}
)
_NOTHING: tuple[Any, ...] = (None, "", [], {})


def console_of(event_type: str, details: Fields, *, chats: bool) -> str:
    """One paragraph per field that says something, not yet redacted. chats: messages and replies too."""
    keys = _KEYS.get(event_type, ()) + (_CHATS.get(event_type, ()) if chats else ())
    said = [(key, details.loose(key)) for key in keys]
    return "\n".join(f"{key}: {_words(value)}" for key, value in said if value not in _NOTHING)


def _words(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return "\n--\n".join(value)
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return "…"
