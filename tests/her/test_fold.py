"""What each record does: counters, observations and points, without a server."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from exporters.core.contract import Effects
from exporters.core.llm import TOOL_DURATION
from exporters.her import metrics
from exporters.her.events_interactions import parse_interaction
from exporters.her.fold_interactions import MESSAGES_KEY, TOKENS_KEY, settle
from exporters.her.labels import EXECUTION_OUTCOME
from tests.her import sample_records as sample
from tests.her.deployments import IDS, streams
from tests.her.effects_check import counted, observed, only_point, points, run
from tests.her.sample_records import ABSENT, changed

STREAMS = streams()
USER = IDS.of("5551001")


def fold(stream: str, *records: bytes) -> Effects:
    return run(STREAMS[stream], *records)[1]


def test_an_interaction_is_observed_and_not_counted() -> None:
    effects = fold("interactions", sample.INTERACTION)
    assert effects.counts == []
    assert observed(effects, metrics.INTERACTION_TOKENS) == {(): [12]}
    point = only_point(effects, metrics.INTERACTION_POINT)
    assert point.at == datetime(2026, 2, 22, 9, 15, 2, 118734, tzinfo=UTC)
    assert point.tags == {"user": USER}
    assert point.fields == {"tokens_estimated": 12, "message_characters": 19, "reply_characters": 25}


def test_an_interaction_without_a_user_has_no_tag() -> None:
    effects = fold("interactions", changed(sample.INTERACTION, user_id=""))
    assert only_point(effects, metrics.INTERACTION_POINT).tags == {}


@pytest.mark.parametrize(
    ("totals", "interactions", "tokens"),
    [
        ({MESSAGES_KEY: 7, TOKENS_KEY: 100}, 7, 100),
        ({MESSAGES_KEY: 0, TOKENS_KEY: 0}, 0, 0),
        ({MESSAGES_KEY: None, TOKENS_KEY: None}, 2, 24),
        ({MESSAGES_KEY: 7, TOKENS_KEY: None}, 7, 24),
        ({MESSAGES_KEY: None, TOKENS_KEY: 100}, 2, 100),
        ({}, 2, 24),
    ],
)
def test_hers_own_counters_count_unless_they_fell(
    totals: dict[str, int | None], interactions: int, tokens: int
) -> None:
    effects = settle(totals, [parse_interaction(sample.INTERACTION)] * 2)
    assert counted(effects, metrics.INTERACTIONS) == {(): interactions}
    assert counted(effects, metrics.TOKENS) == {(): tokens}


def test_a_log_line() -> None:
    effects = fold("logs", sample.LOG)
    assert counted(effects, metrics.LOG_LINES) == {("warning", "her_mcp.manager"): 1}
    assert counted(effects, metrics.MCP_LOG_LINES) == {("warning",): 1}
    assert counted(effects, metrics.MCP_FAILURES) == {("pdf", "skipped"): 1}
    point = only_point(effects, metrics.LOG_POINT)
    assert (point.tags, point.fields) == ({"level": "warning", "logger": "her_mcp.manager"}, {"characters": 48})


@pytest.mark.parametrize(
    ("name", "logger"),
    [
        (ABSENT, "unnamed"),
        ("", "unnamed"),
        ("httpx", "httpx"),
        ("apscheduler.executors.default", "apscheduler.executors.default"),
        ("a sentence by somebody", "other"),
        ("chat.5551001", "other"),
        ("x" * 65, "other"),
        ("token=abc", "other"),
        ("größe", "other"),
    ],
)
def test_loggers_that_do_not_look_like_a_name_are_other(name: object, logger: str) -> None:
    effects = fold("logs", changed(sample.LOG, name=name, message="x"))
    assert counted(effects, metrics.LOG_LINES) == {("warning", logger): 1}
    assert only_point(effects, metrics.LOG_POINT).tags["logger"] == logger


def test_a_server_with_a_strange_name_is_other() -> None:
    effects = fold("logs", changed(sample.LOG, message="Skipping MCP server 'see /etc, 5551001': x"))
    assert counted(effects, metrics.MCP_FAILURES) == {("other", "skipped"): 1}


@pytest.mark.parametrize(
    ("exit_code", "outcome", "label"),
    [
        (0, "success", "0"),
        (1, "failed", "1"),
        (2, "failed", "2"),
        (124, "timeout", "124"),
        (127, "not_found", "127"),
        (-1, "never_ran", "-1"),
        (255, "failed", "255"),
        (256, "failed", "other"),
        (-2, "failed", "other"),
    ],
)
def test_an_execution_by_exit_code(exit_code: int, outcome: str, label: str) -> None:
    effects = fold("executions", changed(sample.EXECUTION, exit_code=exit_code, success=exit_code == 0))
    assert counted(effects, metrics.EXECUTIONS) == {(outcome, "command"): 1}
    assert counted(effects, metrics.EXIT_CODES) == {(label,): 1}
    error = "" if outcome == "success" else outcome
    assert observed(effects, TOOL_DURATION) == {("her", "sandbox", error): [0.41]}
    assert EXECUTION_OUTCOME.allows(outcome)


def test_the_point_of_an_execution() -> None:
    effects = fold("executions", sample.EXECUTION)
    assert observed(effects, metrics.EXECUTION_OUTPUT) == {(): [0]}
    point = only_point(effects, metrics.EXECUTION_POINT)
    assert point.tags == {"outcome": "failed", "kind": "command"}
    assert point.fields == {"duration_seconds": 0.41, "exit_code": 2, "output_bytes": 0, "error_bytes": 18}
    assert points(effects, metrics.EXECUTION_TEXT) == []


def test_a_snippet_is_housekeeping_and_a_tool_of_its_own() -> None:
    commands = ("cat > script_1.py", "python3 script_1.py", "rm -f script_1.py")
    effects = fold("executions", *(changed(sample.EXECUTION, command=c, exit_code=0, success=True) for c in commands))
    assert counted(effects, metrics.EXECUTIONS) == {("success", "housekeeping"): 3}
    assert observed(effects, TOOL_DURATION) == {("her", "sandbox_script", ""): [0.41] * 3}


def test_a_job() -> None:
    effects = fold("jobs", sample.JOB)
    assert counted(effects, metrics.JOBS) == {("memory_reflection", "success"): 1}
    assert counted(effects, metrics.JOB_RESULTS) == {("memory_reflection_completed",): 1}
    assert counted(effects, metrics.JOB_ERRORS) == {}
    assert observed(effects, metrics.JOB_SECONDS) == {("memory_reflection",): [0.00002]}
    point = only_point(effects, metrics.JOB_POINT)
    assert point.tags == {"type": "memory_reflection", "outcome": "success", "task": IDS.of("memory_reflection")}
    assert point.fields == {
        "phrase": "memory_reflection_completed",
        "duration_seconds": 0.00002,
        "next_run_seconds": datetime(2026, 2, 22, 12, tzinfo=UTC).timestamp(),
    }


def test_a_failed_job_of_an_older_build() -> None:
    older = changed(
        sample.JOB, type="reminder", success=False, result="", error="reminder_failed:forbidden",
        execution_time=ABSENT, next_run="",
    )  # fmt: skip
    effects = fold("jobs", older)
    assert counted(effects, metrics.JOBS) == {("reminder", "failed"): 1}
    assert counted(effects, metrics.JOB_RESULTS) == {}
    assert counted(effects, metrics.JOB_ERRORS) == {("reminder_failed", "forbidden"): 1}
    assert observed(effects, metrics.JOB_SECONDS) == {}
    assert only_point(effects, metrics.JOB_POINT).fields == {"phrase": "reminder_failed"}


def test_a_reinforcement() -> None:
    effects = fold("reinforcement", sample.REINFORCEMENT)
    assert counted(effects, metrics.REINFORCEMENT) == {("mild_dissatisfaction",): 1}
    assert counted(effects, metrics.REINFORCEMENT_REASONS) == {
        ("strong_user_dissatisfaction",): 1,
        ("concise_response",): 1,
    }
    assert counted(effects, metrics.REINFORCED_TASKS) == {("success",): 1}
    point = only_point(effects, metrics.REINFORCEMENT_POINT)
    assert point.tags == {"label": "mild_dissatisfaction", "user": USER}
    assert point.fields == {
        "score": -0.5,
        "task_succeeded": True,
        "concise": True,
        "helpful": True,
        "emotionally_aligned": True,
    }


def test_a_list_of_reasons_is_bounded() -> None:
    effects = fold("reinforcement", changed(sample.REINFORCEMENT, reasoning=["concise_response"] * 5000))
    assert counted(effects, metrics.REINFORCEMENT_REASONS) == {("concise_response",): 16}


def test_a_startup() -> None:
    effects = fold("startups", sample.CAPABILITIES)
    assert counted(effects, metrics.STARTUPS) == {(): 1}
    assert only_point(effects, metrics.STARTUP_POINT).fields == {
        "tools": 14,
        "internet": 1,
        "sandbox": 0,
        "mcp_running": 1,
        "mcp_total": 2,
        "mcp_failed": 0,
    }


def test_a_startup_that_probed_nothing_does_not_say_that_nothing_works() -> None:
    broken = changed(
        sample.CAPABILITIES, tool_count=0, capabilities={}, mcp_servers={"mcp": {"status": "failed", "message": "x"}}
    )
    assert only_point(fold("startups", broken), metrics.STARTUP_POINT).fields == {
        "tools": 0,
        "mcp_running": 0,
        "mcp_total": 1,
        "mcp_failed": 1,
    }


def test_a_reflection_is_counted_and_leaves_no_point() -> None:
    effects = fold("reflections", sample.REFLECTION, sample.REFLECTION)
    assert counted(effects, metrics.REFLECTIONS) == {("stable",): 2}
    assert effects.points == []


def test_only_reflections_have_no_time() -> None:
    event = STREAMS["reflections"].parse(sample.REFLECTION)
    assert STREAMS["reflections"].event_time(event) is None
    event = STREAMS["jobs"].parse(sample.JOB)
    assert STREAMS["jobs"].event_time(event) == datetime(2026, 2, 22, 11, 0, 0, 20011, tzinfo=UTC)
