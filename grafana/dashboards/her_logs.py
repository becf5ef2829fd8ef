"""HER / Logs: how much, how bad, from where. The lines themselves are text, and in the restricted set."""

from __future__ import annotations

from exporters.core import health
from exporters.core.flux import events
from exporters.core.metric import Var
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import DECISIONS, JOBS, LOGS, newest, page, per_minute, stream
from grafana.dashboards.panels import (
    AGE,
    FINE_RATIO,
    NUMBER,
    Limits,
    bar_gauge,
    choice,
    column,
    event_table,
    go,
    label_table,
    line,
    members,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.system_page import share

CHOSEN = {lb.LEVEL: Var("level"), lb.LOGGER: Var("logger")}
BAD_LEVELS = ("error", "critical")
TROUBLE = ("warning", "error", "critical")

HOW_BAD = row(
    "How bad is it?",
    stat(
        "Errors",
        "How many errors did HER log in this time range?",
        m.LOG_LINES.increase("$__range", where={lb.LEVEL: BAD_LEVELS, lb.LOGGER: Var("logger")}),
        limits=Limits(bad_above=0),
        may_be_zero="HER made no error.",
    ),
    stat(
        "Warnings",
        "How many warnings did HER log in this time range?",
        m.LOG_LINES.increase("$__range", where={lb.LEVEL: "warning", lb.LOGGER: Var("logger")}),
        limits=Limits(warn_above=0),
        may_be_zero="HER had nothing to warn of.",
    ),
    stat(
        "Share of errors",
        "Which share of HER's log lines in this time range are errors?",
        share(
            m.LOG_LINES.increase("$__range", where={lb.LEVEL: BAD_LEVELS, lb.LOGGER: Var("logger")}),
            m.LOG_LINES.increase("$__range", where={lb.LOGGER: Var("logger")}),
        ),
        unit=FINE_RATIO,
        limits=Limits(warn_above=0.05, bad_above=0.2),
        may_be_zero="HER made no error.",
    ),
    stat(
        "Lines per minute",
        "How fast does HER log? Where INFO is on, its list of 200 lines turns over within minutes.",
        per_minute(m.LOG_LINES.rate(where=CHOSEN)),
        unit=NUMBER,
        interval="1m",
        trend=True,
        may_be_zero="a HER that only logs warnings can be silent for long.",
    ),
    stat("Newest line", "How long ago did HER log its newest line?", newest("logs"), unit=AGE),
    stat(
        "Gaps",
        "How often did lines pass faster than they could be read in this time range?",
        health.STREAM_GAPS.increase("$__range", where=stream("logs")),
        limits=Limits(warn_above=0),
        may_be_zero="every line was read.",
    ),
)

LEVELS = row(
    "Which levels?",
    timeseries(
        "Lines per minute by level",
        "How much does HER log at each level?",
        line(per_minute(m.LOG_LINES.rate(by=lb.LEVEL, where=CHOSEN)), lb.LEVEL),
        style="stacked",
        interval="1m",
        width=16,
    ),
    bar_gauge(
        "Lines by level",
        "How many lines of each level did HER log in this time range?",
        line(m.LOG_LINES.increase("$__range", by=lb.LEVEL, where=CHOSEN).call("sort_desc"), lb.LEVEL),
        colours={"debug": "#8e8e9c", "info": "blue", "warning": "orange", "error": "red", "critical": "dark-red"},
    ),
)

LOGGERS = row(
    "Who is talking?",
    timeseries(
        "Errors and warnings in the last hour",
        "Which loggers complain, and when?",
        line(m.LOG_LINES.increase("1h", by=lb.LOGGER, where={lb.LEVEL: TROUBLE}).topk(8), lb.LOGGER),
        may_be_zero="HER had nothing to complain about.",
        width=10,
    ),
    bar_gauge(
        "Loudest loggers",
        "Which loggers wrote most lines in this time range?",
        line(m.LOG_LINES.increase("$__range", by=lb.LOGGER, where=CHOSEN).topk(10), lb.LOGGER),
        width=7,
    ),
    bar_gauge(
        "Most errors and warnings",
        "Which loggers wrote most errors and warnings in this time range?",
        line(m.LOG_LINES.increase("$__range", by=lb.LOGGER, where={lb.LEVEL: TROUBLE}).topk(10), lb.LOGGER),
        colour="orange",
        may_be_zero="HER had nothing to complain about.",
        width=7,
    ),
)

MCP = row(
    "MCP error analytics",
    timeseries(
        "MCP lines in the last hour",
        "When did HER log about MCP or JSON-RPC, and at which level?",
        line(m.MCP_LOG_LINES.increase("1h", by=lb.LEVEL), lb.LEVEL),
        style="stacked",
        may_be_zero="MCP gave no trouble.",
        width=14,
    ),
    label_table(
        "MCP failures by server",
        "Which MCP servers failed in this time range, and how?",
        [
            column(lb.SERVER, "Server"),
            column(lb.MCP_FAILURE, "Failure"),
            number("Lines", m.MCP_FAILURES.increase("$__range", by=(lb.SERVER, lb.MCP_FAILURE)) > 0),
        ],
        sort_by="Lines",
        descending=True,
        may_be_empty="no MCP server failed in this time range.",
        nothing="No MCP server failed in this time range",
        width=10,
    ),
)

LINES = row(
    "Newest lines, without their text",
    event_table(
        "Log lines",
        "Which lines did HER log, and when? Their text is on HER / Log lines, in the restricted set.",
        events(m.LOG_POINT).where(CHOSEN).table(["level", "logger", "characters"], limit=200),
        [
            column(lb.LEVEL, "Level", wide=120),
            column(lb.LOGGER, "Logger", links=(go("Decisions", DECISIONS), go("Jobs", JOBS))),
            column("characters", "Characters", wide=120),
        ],
    ),
)

BOARD = page(
    "Logs",
    LOGS,
    "logs",
    "How much does HER log, how bad is it, and who is talking? What goes wrong with MCP?",
    [HOW_BAD, LEVELS, LOGGERS, MCP, LINES],
    choice(lb.LEVEL, "Level"),
    members(lb.LOGGER, "Logger", m.LOG_LINES),
)
