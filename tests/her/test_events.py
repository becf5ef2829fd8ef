"""Each kind of record, as HER writes it, becomes the event it is."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from exporters.core.errors import Rejected
from exporters.her.decision_facts import StageTimed
from exporters.her.events_decisions import parse_decision
from exporters.her.events_executions import Execution, parse_execution
from exporters.her.events_interactions import Interaction, parse_interaction
from exporters.her.events_jobs import Job, error_family, parse_job, result_family
from exporters.her.events_reflections import Reflection, parse_reflection
from exporters.her.events_reinforcement import Reinforcement, parse_reinforcement
from exporters.her.events_scheduler import AutonomyRow, SchedulerState, Upcoming, parse_scheduler_state
from exporters.her.events_startups import parse_startup
from exporters.her.events_workflow import WorkflowEvent, parse_workflow_event
from exporters.her.labels import JOB_ERROR, JOB_RESULT
from tests.her import sample_records as sample
from tests.her.sample_records import ABSENT, changed


def at(hour: int, minute: int, second: int, microsecond: int) -> datetime:
    return datetime(2026, 2, 22, hour, minute, second, microsecond, tzinfo=UTC)


def test_an_interaction_keeps_sizes_and_no_text() -> None:
    assert parse_interaction(sample.INTERACTION) == Interaction(
        at=at(9, 15, 2, 118734), user_id="5551001", tokens_estimated=12, message_characters=19, reply_characters=25
    )


def test_an_execution() -> None:
    assert parse_execution(sample.EXECUTION) == Execution(
        at=at(10, 0, 0, 500100), exit_code=2, seconds=0.41, of_a_script=False, output_bytes=0, error_bytes=18
    )


def test_sizes_of_output_are_bytes() -> None:
    event = parse_execution(changed(sample.EXECUTION, output="é\x00\U0001f44d\udc80"))
    assert event.output_bytes == 2 + 1 + 4 + 3


def test_five_megabytes_of_output_are_ordinary() -> None:
    event = parse_execution(changed(sample.EXECUTION, output="x" * 5_000_000))
    assert event.output_bytes == 5_000_000
    assert event.output == ""


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("python3 /workspace/script_1771750000.py", True),
        ("cat > /workspace/script_1771750000.sh <<'EOF'\nls\nEOF", True),
        ("rm -f script_1771750000.py", True),
        ("python3 script_final.py", False),
        ("ls script_1771750000.pyc", False),
        ("ping -c 4 example.org", False),
    ],
)
def test_scripts_are_known_by_the_name_of_their_file(command: str, *, expected: bool) -> None:
    assert parse_execution(changed(sample.EXECUTION, command=command)).of_a_script is expected


def test_execution_time_may_be_the_integer_zero() -> None:
    assert parse_execution(changed(sample.EXECUTION, execution_time=0)).seconds == 0.0


def test_a_job() -> None:
    assert parse_job(sample.JOB) == Job(
        at=at(11, 0, 0, 20011),
        name="memory_reflection",
        type="memory_reflection",
        success=True,
        phrase="memory_reflection_completed",
        reason="none",
        seconds=0.00002,
        next_run=at(12, 0, 0, 0),
    )


def test_a_job_of_an_older_build() -> None:
    older = changed(
        sample.JOB, name=ABSENT, task="nightly", result=ABSENT, execution_time=ABSENT, next_run="", attempts=2
    )
    event = parse_job(older)
    assert (event.name, event.seconds, event.next_run, event.phrase) == ("nightly", None, None, "none")


def test_a_job_without_any_name_is_rejected() -> None:
    with pytest.raises(Rejected, match="missing_field: name"):
        parse_job(changed(sample.JOB, name=""))


@pytest.mark.parametrize(
    ("result", "family"),
    [
        ("memory_reflection_completed", "memory_reflection_completed"),
        ("custom_task_processed", "custom_task_processed"),
        ("self_optimization_avg=0.25", "self_optimization"),
        ("autonomy_reflections=3", "autonomy_reflections"),
        ("proactive_messages_scheduled=2", "proactive_scheduled"),
        ("proactive_sent", "proactive_sent"),
        ("proactive_disabled", "proactive_disabled"),
        ("proactive_opt_out", "proactive_opt_out"),
        ("proactive_blocked:quiet_hours", "proactive_blocked"),
        ("proactive_daily_cap_db_guard", "proactive_daily_cap"),
        ("reminder_sent_chat_5551001", "reminder_sent"),
        ("reminder_sent_chat_-1005551001", "reminder_sent"),
        ("already_terminal", "already_terminal"),
        ("workflow_completed", "workflow_completed"),
        ("workflow_skipped_no_steps", "workflow_skipped"),
        ("fetched 3 rows; wrote report", "text"),
        ("", "none"),
        ("a phrase of a newer build", "other"),
    ],
)
def test_results_are_known_by_their_family(result: str, family: str) -> None:
    assert result_family(result, "custom") == family
    assert JOB_RESULT.allows(family)


def test_a_single_step_of_a_workflow_is_text_too() -> None:
    assert result_family("fetched 3 rows", "workflow") == "text"


@pytest.mark.parametrize(
    ("error", "family", "reason"),
    [
        ("reminder_retry:transient_error", "reminder_retry", "transient_error"),
        ("reminder_failed:chat_not_found", "reminder_failed", "chat_not_found"),
        ("reminder_failed:forbidden", "reminder_failed", "forbidden"),
        ("proactive_send_failed:missing_token", "proactive_send_failed", "missing_token"),
        ("reminder_failed:because of me", "reminder_failed", "other"),
        ("chat_id missing or invalid", "chat_id_invalid", "none"),
        ("workflow_source_http_503", "workflow_source_http", "none"),
        ("workflow_source_error:name resolution failed", "workflow_source_error", "none"),
        ("workflow_assertion_failed:rows > 0", "workflow_assertion_failed", "none"),
        ("something else", "other", "none"),
        ("", "other", "none"),
    ],
)
def test_errors_are_known_by_family_and_reason(error: str, family: str, reason: str) -> None:
    assert error_family(error) == (family, reason)
    assert JOB_ERROR.allows(family)


def test_a_decision() -> None:
    event = parse_decision(sample.DECISION)
    assert (event.at, event.event_type, event.source, event.user_id) == (
        at(12, 0, 0, 1),
        "performance_timing",
        "telegram",
        "5551001",
    )
    assert event.facts == StageTimed("llm", 0.81244)
    assert (event.summary, event.detail) == ("", "")


def test_a_reinforcement() -> None:
    assert parse_reinforcement(sample.REINFORCEMENT) == Reinforcement(
        at=at(12, 0, 1, 500000),
        user_id="5551001",
        score=-0.5,
        sentiment="mild_dissatisfaction",
        task_succeeded=True,
        reasons=("strong_user_dissatisfaction", "concise_response"),
        concise=True,
        helpful=True,
        emotionally_aligned=True,
    )


def test_a_score_may_be_an_integer() -> None:
    assert parse_reinforcement(changed(sample.REINFORCEMENT, score=1)).score == 1.0


def test_the_scheduler_state() -> None:
    assert parse_scheduler_state(sample.SCHEDULER_STATE) == SchedulerState(
        at=at(12, 0, 2, 100),
        task_count=5,
        upcoming=(Upcoming("memory_reflection", "pending", at(13, 0, 0, 0)),),
        autonomy=(AutonomyRow(0.61, 0.58, "calm", 0, 1),),
        zone="UTC",
        user_zone="Europe/Rome",
    )


def test_the_scheduler_state_of_an_older_build() -> None:
    task = {"name": "old", "type": "reminder", "interval": "daily", "at": 930, "next_run": "", "enabled": True}
    state = parse_scheduler_state(
        changed(sample.SCHEDULER_STATE, system_tz=ABSENT, default_user_tz=ABSENT, autonomy=ABSENT, upcoming=[task])
    )
    assert state.autonomy is None
    assert state.upcoming == (Upcoming("reminder", "pending", None),)


def test_a_startup() -> None:
    event = parse_startup(sample.CAPABILITIES)
    assert (event.at, event.tools) == (at(8, 0, 0, 250000), 14)
    assert event.capabilities == {"internet": True, "sandbox": False}
    assert event.servers == {"fetch": "running", "brave-search": "disabled"}


def test_a_startup_where_everything_failed() -> None:
    event = parse_startup(
        changed(
            sample.CAPABILITIES,
            tool_count=0,
            capabilities={},
            mcp_servers={"mcp": {"status": "failed", "message": "x"}},
        )
    )
    assert (event.tools, event.capabilities, event.servers) == (0, {}, {"mcp": "failed"})


def test_a_reflection() -> None:
    assert parse_reflection(sample.REFLECTION) == Reflection(day=date(2026, 2, 22), trend="stable")


@pytest.mark.parametrize("day", ["20260222", "2026-W08-7", "2026-02-30", "yesterday", ""])
def test_a_reflection_without_a_day_is_rejected(day: str) -> None:
    with pytest.raises(Rejected, match="bad_time"):
        parse_reflection(changed(sample.REFLECTION, date=day))


def test_a_workflow_event() -> None:
    assert parse_workflow_event(sample.WORKFLOW) == WorkflowEvent(
        at=at(12, 0, 0, 100200),
        event_type="llm_completed",
        execution_id="0f3b6a0c6b3d4d0e9f6c2f4a5b6c7d8e",
        node="llm",
        status="success",
        seconds=843.2 / 1000,
    )


@pytest.mark.parametrize(
    ("event_type", "details", "expected"),
    [
        ("message_received", {"message": "hi"}, {"api": False}),
        ("message_received", {"message": "hi", "source": "api"}, {"api": True}),
        ("response_sent", {"total_latency_ms": 1500.0}, {"total_seconds": 1.5, "api": None}),
        ("response_sent", {"total_latency_ms": 1500, "debug": False}, {"total_seconds": 1.5, "api": True}),
        ("intent_detected", {"mode": "CHAT_MODE", "action_confidence": 0.0}, {"mode": "CHAT_MODE"}),
        ("tool_selected", {"selected": "llm_chat"}, {"selected": "llm_chat"}),
        ("llm_started", {"provider": "Ollama", "raw_messages": ["secret"]}, {"provider": "ollama"}),
        ("step_complete", {"execution_ms": 250.0, "verified": False}, {"seconds": 0.25}),
        ("tool_completed", {"phase": "initial_context", "duration_ms": 5.0, "context_size": 3}, {"seconds": 0.005}),
        ("debate", {"planner": {}, "skeptic": {}, "decision": "approved"}, {"seconds": None}),
    ],
)
def test_details_of_workflow_events(event_type: str, details: dict[str, object], expected: dict[str, object]) -> None:
    event = parse_workflow_event(changed(sample.WORKFLOW, event_type=event_type, details=details))
    assert {name: getattr(event, name) for name in expected} == expected


def test_unknown_values_are_kept_and_extra_fields_ignored() -> None:
    event = parse_decision(changed(sample.DECISION, event_type="brand_new", source="elsewhere", extra={"deep": [1]}))
    assert (event.event_type, event.source, event.facts) == ("brand_new", "elsewhere", None)


def test_events_do_not_show_ids_or_texts_when_printed() -> None:
    chat = parse_interaction(sample.INTERACTION, keep_text=True)
    assert "5551001" not in repr(chat)
    assert "backup" not in repr(chat)
    assert "nightly" not in repr(parse_job(changed(sample.JOB, name="nightly")))
