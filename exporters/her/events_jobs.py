"""`her:scheduler:jobs` -> Job.

    {"timestamp":"2026-02-22T11:00:00.020011+00:00","name":"memory_reflection","type":"memory_reflection",
     "success":true,"result":"memory_reflection_completed","error":"","execution_time":0.00002,
     "next_run":"2026-02-22T12:00:00.000000+00:00"}

HER says how a job ended in a machine phrase with ids and free text glued to it; what is kept is the phrase's family.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from exporters.core.errors import Rejected
from exporters.core.label import OTHER
from exporters.her.labels import ERROR_REASON
from exporters.her.record import Fields, load

NO_REASON = "none"
_WORKFLOW = "workflow"

# Longest first where one begins another; a phrase is known by its beginning.
_RESULTS = (
    ("memory_reflection_completed", "memory_reflection_completed"),
    ("custom_task_processed", "custom_task_processed"),
    ("self_optimization_avg=", "self_optimization"),
    ("autonomy_reflections=", "autonomy_reflections"),
    ("proactive_messages_scheduled=", "proactive_scheduled"),
    ("proactive_sent", "proactive_sent"),
    ("proactive_disabled", "proactive_disabled"),
    ("proactive_opt_out", "proactive_opt_out"),
    ("proactive_blocked:", "proactive_blocked"),
    ("proactive_daily_cap", "proactive_daily_cap"),
    ("reminder_sent_chat_", "reminder_sent"),
    ("already_terminal", "already_terminal"),
    ("workflow_completed", "workflow_completed"),
    ("workflow_skipped", "workflow_skipped"),
)
# With the reason that stands behind the phrase, or without one.
_ERRORS_WITH_REASON = (
    ("reminder_retry:", "reminder_retry"),
    ("reminder_failed:", "reminder_failed"),
    ("proactive_send_failed:", "proactive_send_failed"),
)
_ERRORS = (
    ("chat_id missing or invalid", "chat_id_invalid"),
    ("workflow_source_http_", "workflow_source_http"),
    ("workflow_source_error", "workflow_source_error"),
    ("workflow_assertion_failed", "workflow_assertion_failed"),
)


@dataclass(frozen=True, slots=True)
class Job:
    """One finished run. name: holds user ids, hence only ever hashed. phrase: family of the result or of the error.

    reason: of a message that could not be sent, else `none`. seconds: None in entries of older builds.
    next_run: None where nothing is planned.
    """

    at: datetime
    name: str = field(repr=False)
    type: str
    success: bool
    phrase: str
    reason: str
    seconds: float | None
    next_run: datetime | None


def parse_job(raw: bytes) -> Job:
    """One entry of the list; older builds wrote `task` for `name`, and no result or execution_time. Raises Rejected."""
    fields = load(raw)
    job_type, success = fields.need_name("type"), fields.need_flag("success")
    result, error = fields.text("result"), fields.text("error")
    phrase, reason = (result_family(result, job_type), NO_REASON) if success else error_family(error)
    return Job(
        at=fields.at(),
        name=_name(fields),
        type=job_type,
        success=success,
        phrase=phrase,
        reason=reason,
        seconds=fields.seconds("execution_time"),
        next_run=fields.time_or_none("next_run"),
    )


def result_family(result: str, job_type: str) -> str:
    """The family of a result: a value of the label `result`."""
    if not result:
        return "none"
    for beginning, family in _RESULTS:
        if result.startswith(beginning):
            return family
    # What the steps of a workflow put out, joined.
    return "text" if job_type == _WORKFLOW or "; " in result else OTHER


def error_family(error: str) -> tuple[str, str]:
    """The family of an error and its reason: values of the labels `error` and `reason`."""
    for beginning, family in _ERRORS_WITH_REASON:
        if error.startswith(beginning):
            return family, ERROR_REASON.clamp(error.removeprefix(beginning).strip()[:64])
    for beginning, family in _ERRORS:
        if error.startswith(beginning):
            return family, NO_REASON
    return OTHER, NO_REASON


def _name(fields: Fields) -> str:
    name = fields.name("name") or fields.name("task")
    if not name:
        raise Rejected("missing_field", "name")
    return name
