"""The catalogue of decision events as the contract's section 1.5 gives it; imports nothing of the product."""

from __future__ import annotations

from typing import NamedTuple

from tests.her.contract_entries import REFLECTION_FIELDS, SCORED, UNIT, USER_ID, job, label_fits_score, sandbox
from tests.her.contract_shapes import (
    Shape,
    anything,
    array,
    boolean,
    either,
    fields,
    integer,
    mapping,
    moment,
    null,
    number,
    offset_time,
    one_of,
    real,
    require,
    stamp,
    text,
)
from tests.her.contract_workflow import HEX_32, PLANNER, SKEPTIC, VERIFIER

SOURCES = (
    "telegram",
    "api",
    "scheduler",
    "autonomy",
    "reinforcement",
    "sandbox_tools",
    "mcp_tools",
    "personality_agent",
)


class Known(NamedTuple):
    """One event type: its only source, whether it names a user, its details."""

    source: str
    user: bool
    details: Shape


def scored(path: str, value: object) -> None:
    fields(SCORED)(path, value)
    label_fits_score(path, value)


_PREVIEW = {
    "message_preview": text(most=120),
    "language": text(nonempty=True),
    "mode": one_of("CHAT_MODE", "ACTION_MODE"),
    "action_confidence": real(),
    "scheduled_tasks": integer(0),
}
_SAVED: dict[str, Shape] = {"saved": boolean, "details": text()}
_MS = {"duration_ms": real(0)}

TIP: dict[str, Known] = {
    "performance_timing": Known(
        "telegram",
        user=True,
        details=either(
            fields({"stage": one_of("memory_lookup"), **_MS, "context_size": integer(0)}),
            fields({"stage": one_of("memory_lookup"), **_MS, "search_results": integer(0)}),
            fields({"stage": one_of("llm"), **_MS, "used_fallback": boolean}),
            fields({"stage": one_of("scheduler"), **_MS, "created_tasks": integer(0), "persisted": boolean}),
        ),
    ),
    "autonomy_profile_updated": Known(
        "autonomy",
        user=True,
        details=fields(
            {
                "engagement_score": UNIT,
                "initiative_level": UNIT,
                "mood_intensity": UNIT,
                "mood": text(nonempty=True),
                "positive": boolean,
                "cold": boolean,
                "disabled": boolean,
                "ignored": boolean,
                "response_seconds": either(null, real(0)),
            }
        ),
    ),
    "reinforcement_event": Known("reinforcement", user=True, details=scored),
    "assistant_response": Known("telegram", user=True, details=fields(_PREVIEW)),
    "assistant_response_api": Known(
        "api", user=True, details=fields({**_PREVIEW, "execution_id": either(null, HEX_32)})
    ),
    "sandbox_execution": Known("sandbox_tools", user=False, details=sandbox),
    "scheduler_execution": Known("scheduler", user=False, details=job),
    "scheduler_system_job": Known(
        "scheduler", user=False, details=fields({"job": one_of("reminder_processor"), "timestamp": stamp})
    ),
    "timezone_conversion": Known(
        "telegram",
        user=True,
        details=fields(
            {
                "event": text(nonempty=True),
                "user_id": integer(),
                "user_timezone": text(nonempty=True),
                "local_time": offset_time,
                "stored_utc": stamp,
            }
        ),
    ),
    "internal_debate": Known(
        "telegram", user=True, details=fields({"planner": PLANNER, "skeptic": SKEPTIC, "approved": boolean})
    ),
    "verifier_result": Known("telegram", user=True, details=VERIFIER),
    "agent_step": Known(
        "telegram",
        user=True,
        details=fields(
            {
                "step": integer(1, 5),
                "action": either(
                    fields({"command": text(), "background": boolean}),
                    fields({"write_to": text(), "code": text()}),
                    fields({"done": boolean, "result": text()}),
                ),
            }
        ),
    ),
    "reflection": Known("scheduler", user=True, details=fields({"event": text(nonempty=True), **REFLECTION_FIELDS})),
    "proactive_outcome": Known(
        "autonomy",
        user=True,
        details=fields(
            {
                "sent": boolean,
                "error": text(),
                "messages_sent_today": integer(0, 3),
                "error_count_today": integer(0),
                "initiative_level": UNIT,
            }
        ),
    ),
    "proactive_followup_scheduled": Known(
        "scheduler", user=True, details=fields({"task_name": text(nonempty=True), "run_at": offset_time})
    ),
    "weekly_self_optimization": Known(
        "scheduler",
        user=False,
        details=fields(
            {
                "avg_score": real(-1, 1),
                "strong_areas": array(text()),
                "weak_areas": array(text()),
                "notes": array(text()),
            }
        ),
    ),
    "capability_probe": Known(
        "mcp_tools",
        user=False,
        details=fields({"capability": one_of("internet", "sandbox"), "available": boolean, "reason": text()}),
    ),
    "natural_schedule_created": Known(
        "telegram",
        user=True,
        details=fields({"task": mapping(anything), "persisted": boolean, "details": text()}),
    ),
    "schedule_add": Known(
        "telegram", user=True, details=fields({"task": text(), "type": text(), "interval": text(), **_SAVED})
    ),
    "schedule_toggle": Known("telegram", user=True, details=fields({"task": text(), "enabled": boolean, **_SAVED})),
    "schedule_interval_update": Known(
        "telegram", user=True, details=fields({"task": text(), "interval": text(), **_SAVED})
    ),
    "schedule_run_now": Known("telegram", user=True, details=fields({"task": text()})),
    "llm_failover": Known(
        "telegram",
        user=True,
        details=fields({"primary_provider": text(), "fallback_provider": text(), "status_code": one_of(502, 503)}),
    ),
    "personality_adjustment": Known(
        "personality_agent", user=True, details=fields({"trait": text(), "delta": integer(), "new_value": integer()})
    ),
    "tool_call": Known(
        "mcp_tools",
        user=False,
        details=either(
            fields({"tool": one_of("web_search"), "query_preview": text(most=160), "max_results": integer(1)}),
            fields({"tool": text(pattern=r"[^.]+\..+"), "args_preview": text(most=200)}),
        ),
    ),
}

# What only older builds or unreachable writers leave.
OLDER: dict[str, Known] = {
    "scheduler_execution": Known(
        "scheduler",
        user=False,
        details=fields(
            {"task": text(nonempty=True)},
            {"type": text(), "success": boolean, "error": text(), "next_run": text(), "attempts": integer(0)},
        ),
    ),
    "reminder_state_change": Known(
        "scheduler",
        user=False,
        details=fields(
            {
                "event": text(),
                "reminder_id": text(nonempty=True),
                "old_status": one_of("PENDING", "SENT", "RETRY", "FAILED"),
                "new_status": one_of("PENDING", "SENT", "RETRY", "FAILED"),
                "retry_count": integer(0),
                "max_retries": integer(0),
                "last_error": text(),
                "chat_id": either(null, integer()),
                "next_run": text(),
            }
        ),
    ),
    "performance_timing": Known(
        "telegram",
        user=True,
        details=fields({"stage": one_of("tool_execution"), **_MS, "command": text(), "exit_code": integer()}),
    ),
    "verifier_result": Known(
        "telegram", user=True, details=fields({"verified": boolean, "confidence": number(), "notes": text()})
    ),
    "autonomous_operator_action": Known("telegram", user=True, details=mapping(anything)),
    "unified_interpreter_decision": Known("telegram", user=True, details=mapping(anything)),
    "unified_interpreter_schedule": Known("telegram", user=True, details=mapping(anything)),
    "unified_interpreter_sandbox": Known("telegram", user=True, details=mapping(anything)),
    "tool_result": Known(
        "mcp_tools", user=False, details=fields({"tool": text(nonempty=True), "result_preview": text(most=300)})
    ),
}

_DECISION = fields(
    {
        "timestamp": stamp,
        "event_type": text(nonempty=True),
        "summary": text(nonempty=True),
        "user_id": text(),
        "source": one_of(*SOURCES),
        "details": mapping(anything),
    }
)


def decision(path: str, value: object, *, older: bool = False) -> None:
    """One decision at tip; with `older` also what older builds wrote, under any source."""
    if older and isinstance(value, dict) and value.get("source") == "runtime":
        value = value | {"source": "telegram"}
        value["details"] = {"stage": "llm", "duration_ms": 0.0, "used_fallback": False} | value["details"]
    _DECISION(path, value)
    if not isinstance(value, dict):
        return
    kind = value["event_type"]
    known = [catalogue[kind] for catalogue in ((TIP, OLDER) if older else (TIP,)) if kind in catalogue]
    require(f"{path}.event_type", kind, holds=bool(known), rule="is in the catalogue")
    one_of(*{row.source for row in known})(f"{path}.source", value["source"])
    either(*(USER_ID if row.user else one_of("") for row in known))(f"{path}.user_id", value["user_id"])
    either(*(row.details for row in known))(f"{path}.details", value["details"])
    inner = value["details"].get("timestamp")
    if inner is not None:
        earlier = moment(path, inner) <= moment(path, value["timestamp"])
        require(f"{path}.details.timestamp", inner, holds=earlier, rule="is not later than the decision's own")
