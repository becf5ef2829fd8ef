"""The restricted set: HER's own words. Each page has a filter and a search box, and shows only what was switched on."""

from __future__ import annotations

from exporters.core.flux import events
from exporters.core.metric import Var
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import page
from grafana.dashboards.panels import (
    SECONDS,
    bar_gauge,
    choice,
    column,
    counts_table,
    event_table,
    go,
    line,
    logs,
    members,
    row,
    search_box,
    timeseries,
)

NOT_FOUND = "Nothing found. Is this text switched on in the exporter's settings?"
WHY_EMPTY = "text leaves HER only where it was switched on."

_LINES = events(m.LOG_TEXT, "line_text").where({lb.LEVEL: Var("level"), lb.LOGGER: Var("logger")})
_FOUND_LINES = _LINES.contains("search", "line_text")

LOG_LINES = page(
    "Log lines",
    "her-log-lines",
    "log-lines",
    "What did HER log? Redacted: no bot tokens, no addresses with passwords, no long secrets.",
    [
        row(
            "How many?",
            timeseries(
                "Lines found",
                "When were lines logged that match the filters and the search?",
                line(_FOUND_LINES.count(by=(lb.LEVEL,)), lb.LEVEL),
                style="bars",
                interval="1m",
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=24,
                height=6,
            ),
        ),
        row(
            "Which lines?",
            logs(
                "Lines",
                "What did HER log, line by line?",
                events(m.LOG_TEXT)
                .where({lb.LEVEL: Var("level"), lb.LOGGER: Var("logger")})
                .contains("search", "line_text")
                .table(["line_text", "level", "logger"], limit=500),
                ["line_text", "level", "logger"],
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
            ),
        ),
        row(
            "What does it keep saying?",
            counts_table(
                "Most frequent lines",
                "Which lines come again and again?",
                "line_text",
                "Line",
                _FOUND_LINES.frequent("line_text", limit=20),
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=12,
            ),
            counts_table(
                "Most frequent lines about MCP",
                "What goes wrong with MCP, in HER's own words?",
                "line_text",
                "Line",
                events(m.LOG_TEXT, "line_text")
                .where({lb.LEVEL: ("warning", "error", "critical")})
                .frequent("line_text", "mcp|jsonrpc", limit=10),
                may_be_empty="MCP gave no trouble, or text is not switched on.",
                nothing="No warning and no error about MCP",
                width=12,
            ),
        ),
    ],
    choice(lb.LEVEL, "Level"),
    members(lb.LOGGER, "Logger", m.LOG_LINES),
    search_box(),
    text=True,
)

CHATS = page(
    "Chats",
    "her-chat-texts",
    "chats",
    "What did people write to HER, and what did it answer?",
    [
        row(
            "Who wrote how much?",
            timeseries(
                "Interactions found",
                "When were interactions that match the search?",
                line(
                    events(m.CHAT_TEXT, "message_text").contains("search", "message_text", "reply_text").count(),
                    "found",
                ),
                style="bars",
                interval="1m",
                colours={"found": "blue"},
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=24,
                height=6,
            ),
        ),
        row(
            "What was said?",
            event_table(
                "Interactions",
                "What did people write to HER, and what did it answer? Users are keyed hashes.",
                events(m.CHAT_TEXT)
                .contains("search", "message_text", "reply_text")
                .table(["user", "message_text", "reply_text"], limit=200),
                [
                    column("user", "User", wide=160),
                    column("message_text", "Message", wrap=True),
                    column("reply_text", "Reply", wrap=True),
                ],
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                height=24,
            ),
        ),
    ],
    search_box(),
    text=True,
)

_RUNS = events(m.EXECUTION_TEXT).where({lb.EXECUTION_OUTCOME: Var("outcome"), lb.EXECUTION_KIND: Var("kind")})

EXECUTIONS = page(
    "Execution details",
    "her-execution-details",
    "execution-details",
    "Which commands did HER run, and what did they write? Redacted, and the end of long outputs only.",
    [
        row(
            "How many?",
            timeseries(
                "Commands found",
                "When did commands run that match the filters and the search?",
                line(
                    events(m.EXECUTION_TEXT, "exit_code")
                    .where({lb.EXECUTION_OUTCOME: Var("outcome"), lb.EXECUTION_KIND: Var("kind")})
                    .contains("search", "command_text", "output_text", "error_text")
                    .count(by=(lb.EXECUTION_OUTCOME,)),
                    lb.EXECUTION_OUTCOME,
                ),
                style="bars",
                interval="1m",
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=24,
                height=6,
            ),
        ),
        row(
            "What ran?",
            event_table(
                "Commands",
                "Which commands ran, how did they end, and what did they write?",
                _RUNS.contains("search", "command_text", "output_text", "error_text").table(
                    ["outcome", "exit_code", "duration_seconds", "command_text", "output_text", "error_text"], limit=200
                ),
                [
                    column(lb.EXECUTION_OUTCOME, "Outcome", wide=110),
                    column("exit_code", "Exit code", wide=90),
                    column("duration_seconds", "Duration", unit=SECONDS, wide=100),
                    column("command_text", "Command", wrap=True),
                    column("output_text", "Output", wrap=True),
                    column("error_text", "Errors", wrap=True),
                ],
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                height=24,
            ),
        ),
    ],
    choice(lb.EXECUTION_OUTCOME, "Outcome"),
    choice(lb.EXECUTION_KIND, "Kind"),
    search_box(),
    text=True,
)

_DECIDED = {lb.EVENT_TYPE: Var("event_type"), lb.SOURCE: Var("source"), lb.VERDICT: Var("verdict")}

DECISIONS = page(
    "Decision details",
    "her-decision-details",
    "decision-details",
    "Why did HER decide as it did, in its own words? Redacted.",
    [
        row(
            "How many?",
            timeseries(
                "Decisions found",
                "When did HER decide what matches the filters and the search?",
                line(
                    events(m.DECISION_TEXT, "summary_text")
                    .where(_DECIDED)
                    .contains("search", "summary_text", "detail_text")
                    .count(by=(lb.SOURCE,)),
                    lb.SOURCE,
                ),
                style="bars",
                interval="1m",
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=16,
                height=7,
            ),
            bar_gauge(
                "Decisions found by type",
                "Which kinds of decisions match the filters and the search?",
                line(
                    events(m.DECISION_TEXT, "summary_text")
                    .where(_DECIDED)
                    .contains("search", "summary_text", "detail_text")
                    .total("count", by=(lb.EVENT_TYPE,), limit=10),
                ),
                rows=True,
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                height=7,
            ),
        ),
        row(
            "What was decided?",
            event_table(
                "Decisions",
                "What did HER decide, and why?",
                events(m.DECISION_TEXT)
                .where(_DECIDED)
                .contains("search", "summary_text", "detail_text")
                .table(["event_type", "source", "verdict", "summary_text", "detail_text", "user"], limit=300),
                [
                    column("event_type", "Type", wide=190),
                    column("source", "Source", wide=120),
                    column(lb.VERDICT, "Verdict", wide=90),
                    column("summary_text", "Summary", wrap=True),
                    column("detail_text", "Details", wrap=True),
                    column("user", "User", wide=160),
                ],
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                height=24,
            ),
        ),
    ],
    choice(lb.EVENT_TYPE, "Type"),
    choice(lb.SOURCE, "Source"),
    choice(lb.VERDICT, "Verdict"),
    search_box(),
    text=True,
)

_STEPS = {lb.NODE: Var("node"), lb.WORKFLOW_EVENT: Var("event_type"), lb.NODE_STATUS: Var("status")}

WORKFLOW = page(
    "Workflow console",
    "her-workflow-console",
    "workflow-console",
    "What went to the model and to tools, and what came back? Redacted and cut. Prompts quote chats and memories.",
    [
        row(
            "How many?",
            timeseries(
                "Steps found",
                "When were steps that match the filters and the search?",
                line(
                    events(m.WORKFLOW_TEXT, "console_text")
                    .where(_STEPS)
                    .contains("execution", "execution")
                    .contains("search", "console_text")
                    .count(by=(lb.NODE,)),
                    lb.NODE,
                ),
                style="bars",
                interval="1m",
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                width=24,
                height=6,
            ),
        ),
        row(
            "What was said?",
            event_table(
                "Console",
                "What did HER ask its model and its tools, and what came back?",
                events(m.WORKFLOW_TEXT)
                .where(_STEPS)
                .contains("execution", "execution")
                .contains("search", "console_text")
                .table(["node", "event_type", "status", "console_text", "execution"], limit=300),
                [
                    column(lb.NODE, "Node", wide=130),
                    column(lb.WORKFLOW_EVENT, "Event", wide=150),
                    column(lb.NODE_STATUS, "Status", wide=80),
                    column("console_text", "Text", wrap=True),
                    column(
                        "execution",
                        "Execution",
                        wide=160,
                        links=(go("Only this one", "her-workflow-console", execution="${__value.raw}"),),
                    ),
                ],
                may_be_empty=WHY_EMPTY,
                nothing=NOT_FOUND,
                height=24,
            ),
        ),
    ],
    choice(lb.NODE, "Node"),
    choice(lb.WORKFLOW_EVENT, "Event"),
    choice(lb.NODE_STATUS, "Status"),
    search_box("Execution", "execution"),
    search_box(),
    text=True,
)
