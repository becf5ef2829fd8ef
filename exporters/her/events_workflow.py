"""`her:workflow:events` -> WorkflowEvent.

{"timestamp":"2026-02-22T12:00:00.100200+00:00","event_type":"llm_completed",
 "execution_id":"0f3b6a0c6b3d4d0e9f6c2f4a5b6c7d8e","node_id":"llm","status":"success",
 "details":{"used_fallback":false,"duration_ms":843.2}}
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from exporters.her import texts
from exporters.her.record import Fields, load
from exporters.her.workflow_texts import console_of


@dataclass(frozen=True, slots=True)
class WorkflowEvent:
    """One step of one request. Prompts, commands and outputs in `details` are read only where they are kept as text.

    api: True where only an API request says so (`source` of message_received, `debug` of response_sent), False for a
    message_received without it, None where the event does not tell. seconds: of work, from duration_ms or execution_ms.
    total_seconds: response_sent's own measure of the whole request. console: redacted and cut; empty unless kept.
    """

    at: datetime
    event_type: str
    execution_id: str = field(repr=False)
    node: str
    status: str
    api: bool | None = None
    provider: str = ""
    mode: str = ""
    selected: str = ""
    seconds: float | None = None
    total_seconds: float | None = None
    console: str = field(default="", repr=False)


def parse_workflow_event(raw: bytes, *, keep_text: bool = False, keep_chats: bool = False) -> WorkflowEvent:
    """One entry of the list. keep_text: prompts, commands and outputs; keep_chats: messages and replies with them.

    Raises Rejected.
    """
    return event_of(load(raw), keep_text=keep_text, keep_chats=keep_chats)


def event_of(fields: Fields, *, keep_text: bool = False, keep_chats: bool = False) -> WorkflowEvent:
    """The same object wherever it stands: in the list, in a frame, in a snapshot. Raises Rejected."""
    event_type = fields.need_name("event_type")
    details = fields.fields("details")
    api: bool | None = None
    if event_type == "message_received":
        api = details.name("source") == "api"
    elif event_type == "response_sent" and "debug" in details:
        api = True
    seconds = details.milliseconds("duration_ms")
    console = console_of(event_type, details, chats=keep_chats) if keep_text else ""
    return WorkflowEvent(
        at=fields.at(),
        event_type=event_type,
        execution_id=fields.need_name("execution_id"),
        node=fields.need_name("node_id"),
        status=fields.need_name("status"),
        api=api,
        provider=details.name("provider").lower() if event_type == "llm_started" else "",
        mode=details.name("mode") if event_type == "intent_detected" else "",
        selected=details.name("selected") if event_type == "tool_selected" else "",
        seconds=details.milliseconds("execution_ms") if seconds is None else seconds,
        total_seconds=details.milliseconds("total_latency_ms") if event_type == "response_sent" else None,
        console=texts.head(console, texts.CONSOLE_CHARACTERS) if console else "",
    )
