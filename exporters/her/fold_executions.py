"""Execution -> effects. Stream `executions`."""

from __future__ import annotations

from exporters.core import llm
from exporters.core.contract import Effects
from exporters.core.label import OTHER
from exporters.core.measurement import FieldValue
from exporters.her import metrics
from exporters.her.events_executions import Execution

SYSTEM_NAME = "her"
SANDBOX = "sandbox"
SANDBOX_SCRIPT = "sandbox_script"
"""The tool behind the three or four entries of one snippet: apart, because most of them take milliseconds."""

_OUTCOMES = {0: "success", 124: "timeout", 127: "not_found", -1: "never_ran"}
_EXIT_CODES = range(-1, 256)


def fold_execution(state: None, event: Execution) -> tuple[None, Effects]:
    """Count and time the command. Texts are already redacted; their ids stay, a file's size looks like one."""
    effects = Effects()
    outcome = _OUTCOMES.get(event.exit_code, "failed")
    kind = "housekeeping" if event.of_a_script else "command"
    effects.count(metrics.EXECUTIONS, outcome, kind)
    effects.count(metrics.EXIT_CODES, str(event.exit_code) if event.exit_code in _EXIT_CODES else OTHER)
    effects.observe(metrics.EXECUTION_OUTPUT, event.output_bytes)
    tool = SANDBOX_SCRIPT if event.of_a_script else SANDBOX
    error = llm.NO_ERROR if outcome == "success" else outcome
    effects.observe(llm.TOOL_DURATION, event.seconds, SYSTEM_NAME, tool, error)
    effects.point(
        metrics.EXECUTION_POINT,
        event.at,
        {
            "duration_seconds": event.seconds,
            "exit_code": event.exit_code,
            "output_bytes": event.output_bytes,
            "error_bytes": event.error_bytes,
        },
        outcome=outcome,
        kind=kind,
    )
    if event.command or event.output or event.error:
        effects.point(metrics.EXECUTION_TEXT, event.at, _texts(event), outcome=outcome, kind=kind)
    return state, effects


def _texts(event: Execution) -> dict[str, FieldValue]:
    texts = {"command_text": event.command, "output_text": event.output, "error_text": event.error}
    fields: dict[str, FieldValue] = {name: text for name, text in texts.items() if text}
    return fields | {"exit_code": event.exit_code, "duration_seconds": event.seconds}
