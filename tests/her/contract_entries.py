"""HER's list entries and documents as the data contract's section 1 gives them; imports nothing of the product."""

from __future__ import annotations

import re

from tests.her.contract_shapes import (
    Shape,
    anything,
    array,
    boolean,
    either,
    fields,
    integer,
    mapping,
    null,
    number,
    offset_time,
    one_of,
    real,
    require,
    stamp,
    text,
    true,
)

STAMP_OR_EMPTY = either(one_of(""), stamp)
USER_ID = text(nonempty=True)
UNIT = real(0.1, 1.0)

EVENT = fields(
    {
        "timestamp": stamp,
        "user_id": USER_ID,
        "user_message": text(),
        "response_message": text(),
        "token_estimate": integer(0),
    }
)

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG = fields({"timestamp": stamp, "level": one_of(*LEVELS), "name": text(nonempty=True), "message": text()})

_SANDBOX = fields(
    {
        "timestamp": stamp,
        "command": text(),
        "success": boolean,
        "output": text(),
        "error": text(),
        "exit_code": integer(-1, 255),
        "execution_time": number(0),
        "user": one_of("sandbox"),
        "workdir": text(nonempty=True),
    }
)


def sandbox(path: str, value: object) -> None:
    _SANDBOX(path, value)
    if isinstance(value, dict):
        agrees = value["success"] == (value["exit_code"] == 0)
        require(f"{path}.success", value["success"], holds=agrees, rule="is true exactly when exit_code is 0")


_JOB = fields(
    {
        "timestamp": stamp,
        "name": text(nonempty=True),
        "type": text(nonempty=True),
        "success": boolean,
        "result": text(),
        "error": text(),
        "execution_time": real(0),
        "next_run": STAMP_OR_EMPTY,
    }
)
RESULT = re.compile(
    r"memory_reflection_completed|custom_task_processed|self_optimization_avg=-?\d+(\.\d+)?|autonomy_reflections=\d+"
    r"|proactive_messages_scheduled=\d+|proactive_sent|proactive_disabled|proactive_opt_out|proactive_blocked:\w+"
    r"|proactive_daily_cap_db_guard|reminder_sent_chat_-?\d+|already_terminal|workflow_completed"
    r"|workflow_skipped_no_steps|.+; .+"
)
REASON = r"(missing_token|chat_not_found|forbidden|transient_error)"
ERROR = re.compile(
    rf"reminder_retry:{REASON}|reminder_failed:{REASON}|chat_id missing or invalid|workflow_source_http_\d+"
    rf"|workflow_source_error:.+|workflow_assertion_failed:.+|proactive_send_failed:{REASON}"
)


def job(path: str, value: object) -> None:
    _JOB(path, value)
    if isinstance(value, dict):
        result, error = str(value["result"]), str(value["error"])
        if value["success"]:
            require(path, error, holds=error == "", rule="error is empty on success")
            require(path, result, holds=RESULT.fullmatch(result) is not None, rule="result is of a known family")
        else:
            require(path, result, holds=result == "", rule="result is empty on failure")
            require(path, error, holds=ERROR.fullmatch(error) is not None, rule="error is of a known family")


SCORES = {
    "strong_approval": 1.0,
    "mild_approval": 0.5,
    "neutral": 0.0,
    "mild_dissatisfaction": -0.5,
    "failure_or_correction": -1.0,
}
REASONING = one_of(
    "task_failed",
    "strong_user_approval",
    "mild_user_approval",
    "strong_user_dissatisfaction",
    "mild_user_dissatisfaction",
    "user_correction_detected",
    "concise_response",
    "non_concise_response",
    "helpful_response",
    "low_helpfulness",
    "emotional_alignment",
    "emotional_misalignment",
)
SCORED: dict[str, Shape] = {
    "score": one_of(*SCORES.values()),
    "label": one_of(*SCORES),
    "reasoning": array(REASONING),
    "task_succeeded": boolean,
}
_REINFORCEMENT = fields(
    {
        "timestamp": stamp,
        "user_id": USER_ID,
        **SCORED,
        "user_message_preview": text(most=200),
        "assistant_message_preview": text(most=200),
        "concise": boolean,
        "helpful": boolean,
        "emotionally_aligned": boolean,
    }
)


def label_fits_score(path: str, value: object) -> None:
    if isinstance(value, dict):
        fits = SCORES[str(value["label"])] == value["score"]
        require(f"{path}.score", value["score"], holds=fits, rule=f"belongs to the label {value['label']!r}")


def reinforcement(path: str, value: object) -> None:
    _REINFORCEMENT(path, value)
    label_fits_score(path, value)


PROFILE = fields(
    {name: text(pattern=r"0(\.\d{1,4})?|1(\.0{1,4})?") for name in ("concise", "helpful", "empathy", "initiative")}
)

CAPABILITY = fields({"available": boolean, "reason": text()})
SERVER = fields({"status": one_of("running", "disabled", "unavailable", "failed"), "message": text()})
CAPABILITIES = fields(
    {
        "timestamp": stamp,
        "tool_count": integer(0),
        "capabilities": either(fields({}), fields({"internet": CAPABILITY, "sandbox": CAPABILITY})),
        "mcp_servers": mapping(SERVER),
    }
)

REFLECTION_FIELDS: dict[str, Shape] = {
    "date": text(pattern=r"\d{4}-\d\d-\d\d"),
    "engagement_trend": one_of("stable", "over_initiating", "under_engaged", "friction"),
    "initiative_adjustment": one_of(-0.12, -0.08, 0.0, 0.08),
    "notes": text(),
    "confidence": one_of("medium"),
}
REFLECTION = fields(REFLECTION_FIELDS)

UPCOMING = fields(
    {
        "name": text(nonempty=True),
        "type": text(nonempty=True),
        "interval": text(pattern=r"once|hourly|daily|weekly|every_\d+_(minutes|hours|days)"),
        "timezone": text(nonempty=True),
        "at": text(pattern=r"(\d\d:\d\d)?"),
        "run_at": either(one_of(""), offset_time),
        "one_time": boolean,
        "max_retries": integer(0),
        "retry_delay_seconds": integer(0),
        "status": one_of("PENDING", "SENT", "RETRY", "FAILED"),
        "retry_count": integer(0),
        "last_error": text(),
        "chat_id": either(null, integer()),
        "next_run": STAMP_OR_EMPTY,
        "enabled": true,
    }
)
AUTONOMY = fields(
    {
        "user_id": USER_ID,
        "engagement_score": UNIT,
        "initiative_level": UNIT,
        "mood_intensity": UNIT,
        "messages_sent_today": integer(0, 3),
        "current_mood": one_of("calm", "reflective", "supportive", "curious", "playful"),
        "daily_target": integer(0, 3),
        "last_proactive_at": either(one_of(""), offset_time),
    }
)
_STATE = fields(
    {
        "timestamp": stamp,
        "task_count": integer(0),
        "system_tz": text(nonempty=True),
        "default_user_tz": text(nonempty=True),
        "upcoming": array(UPCOMING, most=100),
        "autonomy": array(AUTONOMY, most=30),
    }
)
OLDER_STATE = fields(
    {"timestamp": stamp, "task_count": integer(0), "upcoming": array(mapping(anything), most=100)},
    {"system_tz": text(), "default_user_tz": text(), "autonomy": array(AUTONOMY, most=30)},
)


def scheduler_state(path: str, value: object) -> None:
    _STATE(path, value)
    if isinstance(value, dict):
        shown = [task["next_run"] for task in value["upcoming"]]
        in_order = shown == sorted(shown, key=lambda run: (run == "", run))
        require(f"{path}.upcoming", shown, holds=in_order, rule="is sorted by next_run, empty ones last")
        require(path, value["task_count"], holds=value["task_count"] >= len(shown), rule="task_count counts every task")
        for task in value["upcoming"]:
            plain = task["type"] == "reminder" or task["status"] == "PENDING"
            require(f"{path}.upcoming", task["status"], holds=plain, rule="only reminders leave PENDING")


def thread(*, group: bool) -> Shape:
    """A context: at most 20 messages of a user, 120 of a group, where every text names its speaker."""
    said = text(pattern=r"(?s)[^:]+: .*") if group else text()
    return array(fields({"role": one_of("user", "assistant"), "message": said}), most=120 if group else 20)
