"""Every question of HER's own dashboard, as far as HER's Redis can answer it, is answered by a panel with a name.

What the old pages showed, promised and never had, or showed wrongly, one line each.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

GENERATED = Path(__file__).parents[2] / "grafana" / "dashboards" / "generated"

ANSWERS: list[tuple[str, str, tuple[str, ...]]] = [
    # The overview.
    ("totals of messages, tokens and users", "her-overview", ("Interactions", "Tokens (estimate)", "Users")),
    ("is the internet there, is the sandbox", "her-overview", ("Internet", "Sandbox")),
    ("how many MCP servers run, in which state are the others", "her-overview", ("MCP servers", "MCP server states")),
    ("how did it start, each time", "her-overview", ("Starts", "What each start found", "Starts, one by one")),
    (
        "MCP warnings and errors over time",
        "her-overview",
        ("Warnings and errors", "MCP lines in the last hour"),
    ),
    ("MCP failures by server, whatever form the line has", "her-overview", ("Failures by server", "Failures by kind")),
    (
        "messages and tokens per hour",
        "her-overview",
        ("Interactions in the last hour", "Tokens in the last hour (estimate)"),
    ),
    ("log lines by level", "her-overview", ("Log lines per minute",)),
    ("how much is in short memory", "her-overview", ("Short memory",)),
    ("is it alive at all", "her-overview", ("Sign of life", "Redis", "Running for")),
    # System health.
    (
        "which Redis, how full, how many connections",
        "her-system",
        ("Redis server", "Redis memory", "Redis connections"),
    ),
    ("which PostgreSQL, how large", "her-system", ("PostgreSQL server", "Database size", "PostgreSQL connections")),
    ("what it could do when it started", "her-system", ("Last start", "Starts", "Capabilities")),
    ("settings that are no secrets", "her-system", ("Time zones", "Texts that leave HER")),
    ("do its ports answer, and how fast", "her-system", ("Ports", "Ports now", "Time to answer")),
    # Logs.
    ("levels", "her-logs", ("Lines per minute by level", "Lines by level")),
    ("loggers", "her-logs", ("Loudest loggers", "Most errors and warnings")),
    ("MCP errors by server and kind", "her-logs", ("MCP failures by server", "MCP lines in the last hour")),
    ("the newest lines, with a filter by level", "her-logs", ("Log lines",)),
    ("the lines themselves, with a filter and a search", "her-log-lines", ("Lines", "Lines found")),
    ("the most frequent messages about MCP", "her-log-lines", ("Most frequent lines about MCP",)),
    # Recent chats.
    ("is history being persisted", "her-chats", ("Newest interaction", "Newest memory", "Interactions", "Lost")),
    ("the newest events", "her-chats", ("Interactions",)),
    ("their texts", "her-chat-texts", ("Interactions",)),
    (
        "conversations: users, groups, roles",
        "her-chats",
        ("Conversations", "Messages", "Longest conversations"),
    ),
    ("the trace of a chat, API replies included", "her-chats", ("Trace",)),
    # Executors.
    ("runs, successes, success rate", "her-executors", ("Commands", "Success rate", "Failed")),
    ("runs and failures per hour", "her-executors", ("Commands in the last hour", "Success rate of the last hour")),
    ("durations and exit codes", "her-executors", ("Durations", "Half and 95 % faster than", "Exit codes")),
    ("each run, with a filter by outcome", "her-executors", ("Executions",)),
    ("command, output and errors of a run", "her-execution-details", ("Commands",)),
    # Jobs.
    ("what is coming", "her-jobs", ("Upcoming", "Next run in", "Upcoming by state")),
    ("how old is that", "her-jobs", ("Schedule published",)),
    ("outcomes, and each run", "her-jobs", ("Runs in the last hour", "Success rate", "Runs")),
    ("time zones of reminders", "her-jobs", ("Time zones converted",)),
    (
        "reminders that failed, for good or for now",
        "her-jobs",
        ("Reminders failed", "Will it pass? Failed sending", "Errors"),
    ),
    (
        "autonomy: engagement, initiative, mood, messages sent",
        "her-jobs",
        ("Engagement", "Initiative", "Moods", "Sent today, and aim"),
    ),
    # Decisions.
    ("the audit trail", "her-decisions", ("Audit trail",)),
    ("decisions by type", "her-decisions", ("By type", "By source")),
    ("the reasoning flow", "her-decisions", ("Reasoning flow", "Agent steps")),
    ("the debate: approved or verified", "her-decisions", ("Debate trace", "Plans approved", "Steps verified")),
    ("daily reflections", "her-decisions", ("Daily reflections", "Reflections, one by one")),
    ("reinforcement", "her-decisions", ("Judgements in the last hour", "Mean score", "Reasons", "Traits", "Profiles")),
    ("the autonomy trend", "her-decisions", ("Autonomy trend",)),
    ("HER's own words about it", "her-decision-details", ("Decisions",)),
    # Metrics, and what that page promised.
    ("totals", "her-traffic", ("Interactions", "Tokens (estimate)", "Users")),
    ("tokens per hour", "her-traffic", ("Tokens by hour (estimate)", "Interactions by hour")),
    ("messages and tokens per user", "her-traffic", ("Busiest users",)),
    ("response times", "her-traffic", ("Reply time", "Reply times", "Typical reply time")),
    ("where the time goes", "her-traffic", ("Waiting for the model", "Stages (mean)", "Workflow nodes (mean)")),
    ("how requests end", "her-traffic", ("Answered", "Requests in the last hour", "Requests")),
    ("the newest memories, and those that a person looks for", "her-memory-texts", ("Memories", "Found")),
    # System health.
    (
        "is Redis reached, what does reading it cost",
        "observatory-health",
        ("Sources", "Sources now", "95 % of reads are faster than"),
    ),
    ("is anything lost, late or refused", "observatory-health", ("Lost", "Gaps", "Refused", "From event to commit")),
    ("does InfluxDB take the points", "observatory-health", ("Waiting points", "Points stored per minute", "Buckets")),
    ("does a transaction stay open, do rows come late", "observatory-health", ("Tables", "Rows looked at again")),
    # HER's database, where it is watched.
    ("dead, blocked, at work or idle", "her-overview", ("HER is",)),
    ("the same, with both signs of life", "her-state", ("HER is", "Sign of life, PostgreSQL", "HER over time")),
    ("what is planned, as it is now", "her-state", ("The scheduler's own table", "Jobs by state")),
    ("users, and their time zones", "her-state", ("Users", "Active", "Time zones")),
    ("how much is remembered, of whom, since when", "her-memory", ("Memories", "Whose", "Made per day", "Categories")),
    ("do Redis and PostgreSQL agree", "her-copies", ("PostgreSQL has", "Missing copies", "Both copies, by type")),
    ("what HER wrote first, and its reflections", "her-copies", ("First messages", "Days reflected on")),
    # All systems.
    ("every system, its state, its pages", "observatory-home", ("Every system", "Pages", "Alerts")),
    (
        "models and tools side by side",
        "observatory-systems",
        ("Every system", "Calls per minute", "Tool calls per minute"),
    ),
]

BOARDS = {d["uid"]: d for d in (json.loads(f.read_text(encoding="utf-8")) for f in GENERATED.glob("*/*/*.json"))}


@pytest.mark.parametrize(("question", "uid", "panels"), ANSWERS, ids=[f"{uid}: {q}" for q, uid, _ in ANSWERS])
def test_a_panel_answers(question: str, uid: str, panels: tuple[str, ...]) -> None:
    titles = [panel["title"] for panel in BOARDS[uid]["panels"] if panel["type"] != "row"]
    assert [panel for panel in panels if panel not in titles] == [], question


@pytest.mark.parametrize(
    ("uid", "filters"),
    [
        ("her-logs", {"level", "logger"}),
        ("her-executors", {"outcome", "kind"}),
        ("her-jobs", {"type", "outcome"}),
        ("her-decisions", {"event_type", "source"}),
        ("her-log-lines", {"level", "logger", "search"}),
        ("her-chat-texts", {"search"}),
        ("her-memory-texts", {"database", "owner", "category", "search"}),
        ("her-execution-details", {"outcome", "kind", "search"}),
        ("her-decision-details", {"event_type", "source", "verdict", "search"}),
    ],
)
def test_a_page_can_be_filtered(uid: str, filters: set[str]) -> None:
    assert {v["name"] for v in BOARDS[uid]["templating"]["list"]} == filters | {"deployment"}


@pytest.mark.parametrize(
    ("uid", "others"),
    [
        ("her-decisions", {"her-logs", "her-jobs"}),
        ("her-logs", {"her-decisions", "her-jobs"}),
        ("her-jobs", {"her-decisions", "her-logs"}),
    ],
)
def test_decisions_logs_and_jobs_lead_to_each_other(uid: str, others: set[str]) -> None:
    text = json.dumps(BOARDS[uid])
    for other in others:
        assert f"/d/{other}?${{__url_time_range}}&${{deployment:queryparam}}" in text


@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.startswith("her-")])
def test_main_questions_are_answered_without_influxdb(uid: str) -> None:
    """Flux gives single events and calendar hours; what a page is about comes from Prometheus."""
    if BOARDS[uid]["title"] in {
        "HER / Log lines",
        "HER / Chats",
        "HER / Execution details",
        "HER / Decision details",
        "HER / Workflow console",
        "HER / Memories",
    }:
        return
    asked = [p["datasource"]["type"] for p in BOARDS[uid]["panels"] if p.get("targets")]
    assert asked.count("prometheus") > asked.count("influxdb")


@pytest.mark.parametrize("uid", [uid for uid in BOARDS if uid.startswith("her-")])
def test_a_page_of_her_shows_when_her_started(uid: str) -> None:
    assert [a["name"] for a in BOARDS[uid]["annotations"]["list"]] == ["HER started"]
