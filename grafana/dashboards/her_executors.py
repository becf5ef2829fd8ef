"""HER / Executors: how do sandbox commands end, how long do they take, how much do they write?"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.flux import events
from exporters.core.metric import Like, Not, Var
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import EXECUTORS, HER, LOGS, page
from grafana.dashboards.panels import (
    BYTES,
    RATIO,
    SECONDS,
    Limits,
    bar_gauge,
    choice,
    column,
    event_table,
    gauge,
    go,
    heatmap,
    label_table,
    line,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.system_page import share

KIND = {lb.EXECUTION_KIND: Var("kind")}
CHOSEN = {lb.EXECUTION_OUTCOME: Var("outcome"), **KIND}
SANDBOX = {**HER, llm.TOOL: Like("sandbox.*")}
RANGE = "$__range"

HOW_MANY = row(
    "How do they end?",
    stat(
        "Commands",
        "How many sandbox commands ran in this time range? One Python snippet is three, a shell script four.",
        m.EXECUTIONS.increase(RANGE, where=CHOSEN),
    ),
    gauge(
        "Success rate",
        "Which share of the sandbox commands of this time range ended with exit code 0?",
        share(
            m.EXECUTIONS.increase(RANGE, where={lb.EXECUTION_OUTCOME: "success", **KIND}),
            m.EXECUTIONS.increase(RANGE, where=KIND),
        ),
        limits=Limits(warn_below=0.9, bad_below=0.7),
        nothing="no command",
    ),
    stat(
        "Failed",
        "How many commands ended with another exit code than 0 in this time range?",
        m.EXECUTIONS.increase(RANGE, where={lb.EXECUTION_OUTCOME: Not(("success",)), **KIND}),
        limits=Limits(bad_above=0),
        may_be_zero="every command succeeded.",
    ),
    stat(
        "Timed out",
        "How many commands ran out of time (exit code 124) in this time range?",
        m.EXECUTIONS.increase(RANGE, where={lb.EXECUTION_OUTCOME: "timeout", **KIND}),
        limits=Limits(warn_above=0),
        may_be_zero="no command ran out of time.",
    ),
    stat(
        "Never ran",
        "How many commands never ran because Docker itself failed (exit code -1) in this time range?",
        m.EXECUTIONS.increase(RANGE, where={lb.EXECUTION_OUTCOME: "never_ran", **KIND}),
        limits=Limits(bad_above=0),
        may_be_zero="Docker worked.",
    ),
    stat(
        "95 % faster than",
        "How long do all but the slowest twentieth of commands take?",
        llm.TOOL_DURATION.quantile(0.95, where=SANDBOX, window=RANGE),
        unit=SECONDS,
    ),
)

OVER_TIME = row(
    "Over time",
    timeseries(
        "Commands in the last hour",
        "How many commands ran in the hour before each moment, and how did they end?",
        line(m.EXECUTIONS.increase("1h", by=lb.EXECUTION_OUTCOME, where=CHOSEN), lb.EXECUTION_OUTCOME),
        style="stacked",
    ),
    timeseries(
        "Success rate of the last hour",
        "Does the share of commands that succeed change?",
        line(
            share(
                m.EXECUTIONS.increase("1h", by=lb.EXECUTION_KIND, where={lb.EXECUTION_OUTCOME: "success", **KIND}),
                m.EXECUTIONS.increase("1h", by=lb.EXECUTION_KIND, where=KIND),
            ),
            lb.EXECUTION_KIND,
        ),
        unit=RATIO,
        highest=1,
    ),
)

HOW_LONG = row(
    "How long do they take?",
    heatmap(
        "Durations",
        "How do the durations of commands spread over time?",
        llm.TOOL_DURATION.distribution(where=SANDBOX),
        SECONDS,
    ),
    timeseries(
        "Half and 95 % faster than",
        "How long do commands, and the snippets' housekeeping, usually take?",
        line(llm.TOOL_DURATION.quantile(0.5, by=llm.TOOL, where=SANDBOX, window="10m"), "{{gen_ai_tool_name}} half"),
        line(llm.TOOL_DURATION.quantile(0.95, by=llm.TOOL, where=SANDBOX, window="10m"), "{{gen_ai_tool_name}} 95 %"),
        unit=SECONDS,
    ),
)

HOW_EXACTLY = row(
    "How exactly?",
    bar_gauge(
        "Exit codes",
        "Which exit codes did commands end with in this time range?",
        line(m.EXIT_CODES.increase(RANGE, by=lb.EXIT_CODE).topk(12), lb.EXIT_CODE),
    ),
    label_table(
        "Commands and housekeeping",
        "Do commands somebody wanted end otherwise than the writing, running and removing of scripts?",
        [
            column(lb.EXECUTION_KIND, "Kind"),
            column(lb.EXECUTION_OUTCOME, "Outcome"),
            number("Runs", m.EXECUTIONS.increase(RANGE, by=(lb.EXECUTION_KIND, lb.EXECUTION_OUTCOME)) > 0),
        ],
        sort_by="Runs",
        descending=True,
        width=8,
    ),
    timeseries(
        "Output of one command",
        "How much do commands write to standard output? Megabytes weigh on Redis.",
        line(m.EXECUTION_OUTPUT.quantile(0.5, window="10m"), "half write less"),
        line(m.EXECUTION_OUTPUT.quantile(0.95, window="10m"), "95 % write less"),
        unit=BYTES,
        width=8,
    ),
)

RUNS = row(
    "Commands, one by one",
    event_table(
        "Executions",
        "Which commands ran, and how did each end? Command and output are on HER / Execution details.",
        events(m.EXECUTION_POINT)
        .where(CHOSEN)
        .table(["outcome", "kind", "exit_code", "duration_seconds", "output_bytes", "error_bytes"], limit=200),
        [
            column(lb.EXECUTION_OUTCOME, "Outcome", links=(go("Logs", LOGS),)),
            column(lb.EXECUTION_KIND, "Kind"),
            column("exit_code", "Exit code"),
            column("duration_seconds", "Duration", unit=SECONDS),
            column("output_bytes", "Output", unit=BYTES),
            column("error_bytes", "Errors", unit=BYTES),
        ],
        may_be_empty="no command of this kind ran in this time range.",
        nothing="No command of this kind ran in this time range",
    ),
)

BOARD = page(
    "Executors",
    EXECUTORS,
    "executors",
    "How do HER's sandbox commands end, how long do they take, and how much do they write?",
    [HOW_MANY, OVER_TIME, HOW_LONG, HOW_EXACTLY, RUNS],
    choice(lb.EXECUTION_OUTCOME, "Outcome"),
    choice(lb.EXECUTION_KIND, "Kind"),
)
