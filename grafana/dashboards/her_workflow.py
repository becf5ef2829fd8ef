"""HER / Workflow: the graph of HER's nodes, live; its last executions with their stages; and those that never ended."""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core.flux import events
from exporters.core.metric import Not, Where
from exporters.core.promql import Expr
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import DECISIONS, TRAFFIC, WORKFLOW, page, per_minute
from grafana.dashboards.panels import (
    AGE,
    FINE_RATIO,
    GOOD,
    NEUTRAL,
    RATIO,
    SECONDS,
    Limits,
    Unit,
    Variable,
    Word,
    column,
    event_table,
    gauge,
    go,
    heatmap,
    label_table,
    line,
    node_graph,
    number,
    outward_link,
    row,
    search_box,
    stage_bars,
    stat,
    timeseries,
)
from grafana.dashboards.system_page import share

RANGE = "$__range"
OWN_DEBUGGER = "http://localhost:8081/workflow"
"""Where HER's own debugger is, as the browser of whoever reads the page sees it; a box on the page changes it."""

PER_MINUTE = Unit("suffix: /min", 2)
WAYS: Where = {lb.SOURCE_NODE: Not(("start",))}
"""Without the arrival of a request, which comes from no node."""
MEASURED: Where = {lb.NODE: ("memory_lookup", "tool_executor", "llm")}
"""The nodes whose work HER itself times."""
BETWEEN = (lb.SOURCE_NODE, lb.TARGET_NODE)
COLOURS = {
    "input": "light-blue",
    "memory_lookup": "purple",
    "intent_classifier": "super-light-green",
    "tool_selector": "light-yellow",
    "tool_executor": "dark-purple",
    "llm": "blue",
    "response": "light-purple",
}
"""One colour per node wherever it stands; none is red, which means failure."""


def at_node(asked: Expr) -> Expr:
    """Ways by where they lead to, as figures of that node."""
    return asked.join_labels("node", "", lb.TARGET_NODE.name).aggregate("sum", (lb.NODE.name,))


VISITS = m.TRANSITIONS.increase(RANGE, by=lb.TARGET_NODE)
NODE_RATE = at_node(per_minute(m.TRANSITIONS.rate(by=lb.TARGET_NODE, window=RANGE)))
NODE_FAILED = at_node(share(m.TRANSITION_ERRORS.increase(RANGE, by=lb.TARGET_NODE), VISITS))
STEP_MEAN = at_node(share(m.TRANSITION_SECONDS.increase(RANGE, by=lb.TARGET_NODE), VISITS))
NODE_MEAN = share(
    m.NODE_SECONDS.rate_of_sum(by=lb.NODE, window=RANGE), m.NODE_SECONDS.rate(by=lb.NODE, window=RANGE)
).either(STEP_MEAN)
"""HER's own measure of a node's work; where it has none, the time from the event before to the node's first."""
PASSES = m.TRANSITIONS.increase(RANGE, by=BETWEEN, where=WAYS)
EDGE_RATE = per_minute(m.TRANSITIONS.rate(by=BETWEEN, where=WAYS, window=RANGE))
EDGE_MEAN = share(m.TRANSITION_SECONDS.increase(RANGE, by=BETWEEN, where=WAYS), PASSES)
EDGE_FAILED = share(m.TRANSITION_ERRORS.increase(RANGE, by=BETWEEN, where=WAYS), PASSES)

NOBODY = "nobody talked to HER in this time range."
NOBODY_TALKED = "Nobody talked to HER in this time range"

NO_DEBUGGER = "HER's debugger is listened to only where it is configured."
DEBUGGER: Mapping[float | str, Word] = {0: Word("Live", GOOD), 1: Word("Busy", NEUTRAL)}
"""Busy is no failure: HER answers nothing while it waits for its model."""

NOW = row(
    "Is it working?",
    stat(
        "Requests",
        "How many requests ended in this time range, whatever became of them?",
        m.REQUESTS.increase(RANGE),
        may_be_zero=NOBODY,
    ),
    stat(
        "In progress",
        "How many requests is HER working on right now?",
        m.IN_PROGRESS.sum(),
        trend=True,
        may_be_zero="between two requests there is none.",
    ),
    stat(
        "Oldest in progress",
        "How long has the oldest request that has not ended been under way? After ten silent minutes it is given up.",
        m.OLDEST_IN_PROGRESS.age(oldest=True),
        unit=AGE,
        nothing="none",
        may_be_empty="between two requests there is none.",
    ),
    stat(
        "Typical latency",
        "Within which time was half of the messages of this time range answered?",
        m.REQUEST_SECONDS.quantile(0.5, window=RANGE),
        unit=SECONDS,
        may_be_empty=NOBODY,
    ),
    stat(
        "Slowest twentieth",
        "Within which time were all but the slowest twentieth of this time range's messages answered?",
        m.REQUEST_SECONDS.quantile(0.95, window=RANGE),
        unit=SECONDS,
        may_be_empty=NOBODY,
    ),
    gauge(
        "Answered",
        "Which share of the requests that ended in this time range was answered without an error?",
        share(m.REQUESTS.increase(RANGE, where={lb.REQUEST_OUTCOME: "success"}), m.REQUESTS.increase(RANGE)),
        unit=RATIO,
        limits=Limits(warn_below=0.95, bad_below=0.8),
        nothing="no request",
        may_be_empty=NOBODY,
    ),
    stat(
        "HER's debugger",
        "Does HER's debugger tell its events as they happen? Busy: it answers nothing for now, because HER waits for"
        " its model. The numbers on this page do not depend on it; with it they come within a second.",
        m.DEBUGGER_BUSY.max(),
        words=DEBUGGER,
        nothing="not watched",
        may_be_zero="Live is told as 0.",
        may_be_empty=NO_DEBUGGER,
        width=6,
    ),
    stat(
        "Debugger last heard",
        "How long ago did HER's debugger say anything at all?",
        m.DEBUGGER_LAST_FRAME.age(),
        unit=AGE,
        nothing="not watched",
        may_be_empty=NO_DEBUGGER,
        width=6,
    ),
    stat(
        "Live, by node",
        "At which node does HER's debugger see requests right now?",
        line(m.LIVE_REQUESTS.sum(by=lb.NODE), lb.NODE),
        nothing="not watched",
        may_be_zero="between two requests there is none.",
        may_be_empty=NO_DEBUGGER,
        width=12,
    ),
)

GRAPH = row(
    "Which way do requests take?",
    node_graph(
        "Execution graph",
        "Which way did the requests of this time range take? In a node: visits per minute and the mean time of its"
        " work; its ring is red as far as requests failed there. On an edge, with the pointer on it: requests per"
        " minute and the mean time until the next node said something.",
        nodes=(NODE_RATE, NODE_MEAN, NODE_FAILED),
        node=lb.NODE,
        edges=(EDGE_RATE > 0, EDGE_MEAN, EDGE_FAILED),
        source=lb.SOURCE_NODE,
        target=lb.TARGET_NODE,
        rate_unit="/min",
        may_be_empty=NOBODY,
    ),
    label_table(
        "Nodes",
        "How often was each node visited in this time range, how long did its work take, and how often did it fail?",
        [
            column("node", "Node"),
            number("Visits per minute", NODE_RATE, PER_MINUTE),
            number("Mean time", NODE_MEAN, SECONDS),
            number("Failed", NODE_FAILED, FINE_RATIO, limits=Limits(warn_above=0.0, bad_above=0.2)),
        ],
        sort_by="Visits per minute",
        descending=True,
        may_be_empty=NOBODY,
        nothing=NOBODY_TALKED,
        width=10,
        height=11,
    ),
    label_table(
        "Ways",
        "How often did requests come from one node to another in this time range, how long did that take, and how"
        " many of them failed there?",
        [
            column("source_node", "From"),
            column("target_node", "To"),
            number("Per minute", EDGE_RATE > 0, PER_MINUTE),
            number("Mean time", EDGE_MEAN, SECONDS),
            number("Failed", EDGE_FAILED, FINE_RATIO, limits=Limits(warn_above=0.0, bad_above=0.2)),
        ],
        sort_by="Per minute",
        descending=True,
        may_be_empty=NOBODY,
        nothing=NOBODY_TALKED,
        width=14,
        height=11,
    ),
)

LATENCY = row(
    "Where does the time go?",
    timeseries(
        "Latency by node",
        "How long does each node work, by HER's own measure? The mean of the ten minutes before each moment.",
        line(m.NODE_SECONDS.mean(by=lb.NODE, where=MEASURED, window="10m"), lb.NODE),
        unit=SECONDS,
        colours=COLOURS,
        may_be_empty=NOBODY,
        width=8,
    ),
    timeseries(
        "Slowest twentieth by node",
        "Within which time are all but the slowest twentieth of a node's runs done?",
        line(m.NODE_SECONDS.quantile(0.95, by=lb.NODE, where=MEASURED, window="10m"), lb.NODE),
        unit=SECONDS,
        colours=COLOURS,
        may_be_empty=NOBODY,
        width=8,
    ),
    heatmap(
        "Total latency",
        "How do the times from message to reply spread?",
        m.REQUEST_SECONDS.distribution(),
        SECONDS,
        width=8,
        height=8,
        may_be_empty=NOBODY,
    ),
    timeseries(
        "Requests by node",
        "At which node are the requests in progress?",
        line(m.NODE_RUNNING.sum(by=lb.NODE), lb.NODE),
        style="stacked",
        colours=COLOURS,
        may_be_zero="between two requests there is none.",
        width=12,
    ),
    timeseries(
        "Visits per minute",
        "How many requests come to each node?",
        line(per_minute(m.TRANSITIONS.rate(by=lb.TARGET_NODE)), lb.TARGET_NODE),
        unit=PER_MINUTE,
        style="stacked",
        colours=COLOURS,
        interval="1m",
        may_be_zero=NOBODY,
        width=12,
    ),
)

_ENDED = events(m.REQUEST_POINT)
_STAGES = {f"at_{node}_seconds": (node, colour) for node, colour in COLOURS.items()}

EXECUTIONS = row(
    "What did the last executions do?",
    stage_bars(
        "Last executions",
        "How long did each of the last executions take, and at which node? By when they ended.",
        _ENDED.where({lb.REQUEST_OUTCOME: ("success", "error")}).table(list(_STAGES), limit=25),
        _STAGES,
        may_be_empty=NOBODY,
        nothing=NOBODY_TALKED,
        width=24,
        height=15,
    ),
    event_table(
        "Executions",
        "How did each execution end, how long did it take, and how much of that was the model? A click on one shows its"
        " steps.",
        _ENDED.table(["execution", "channel", "outcome", "duration_seconds", "llm_seconds", "events", "last_node"]),
        [
            column(
                "execution",
                "Execution",
                links=(go("Its steps", WORKFLOW, execution="${__value.raw}"), go("Decisions", DECISIONS)),
            ),
            column("channel", "Channel", wide=110),
            column(lb.REQUEST_OUTCOME, "Outcome", wide=120),
            column("duration_seconds", "Total", unit=SECONDS, wide=110),
            column("llm_seconds", "Model", unit=SECONDS, wide=110),
            column("events", "Events", wide=100),
            column("last_node", "Last node"),
        ],
        may_be_empty=NOBODY,
        nothing=NOBODY_TALKED,
        width=24,
        height=12,
    ),
    event_table(
        "Steps",
        "What happened in the chosen execution, step by step, and how long did each step take? All executions if none"
        " is chosen.",
        events(m.STEP_POINT)
        .contains("execution", "execution")
        .table(
            ["elapsed_seconds", "node", "event_type", "status", "step_seconds", "duration_seconds", "execution"],
            limit=300,
        ),
        [
            column("elapsed_seconds", "After", unit=SECONDS, wide=110),
            column(lb.NODE, "Node"),
            column(lb.WORKFLOW_EVENT, "Event"),
            column(lb.NODE_STATUS, "Status", wide=110),
            column("step_seconds", "Step", unit=SECONDS, wide=110),
            column("duration_seconds", "Work", unit=SECONDS, wide=110),
            column("execution", "Execution", links=(go("Only this one", WORKFLOW, execution="${__value.raw}"),)),
        ],
        may_be_empty=NOBODY,
        nothing="No step of such an execution in this time range",
        width=24,
        height=12,
    ),
)

NEVER = row(
    "What never ended?",
    stat(
        "Never ended",
        "How many requests of this time range ended with no answer within ten minutes? Refused ones and group messages"
        " that HER ignores are among them.",
        m.REQUESTS.increase(RANGE, where={lb.REQUEST_OUTCOME: "abandoned"}),
        colour="orange",
        may_be_zero="every request was answered, or failed.",
        width=4,
        height=8,
    ),
    timeseries(
        "Requests in the last hour",
        "How did the requests of the hour before each moment end?",
        line(m.REQUESTS.increase("1h", by=lb.REQUEST_OUTCOME), lb.REQUEST_OUTCOME),
        style="stacked",
        may_be_zero=NOBODY,
        width=8,
    ),
    event_table(
        "Executions without an end",
        "Which requests ended in nothing, and at which node were they last seen?",
        _ENDED.where({lb.REQUEST_OUTCOME: "abandoned"}).table(["execution", "channel", "last_node", "events"]),
        [
            column(
                "execution",
                "Execution",
                links=(go("Its steps", WORKFLOW, execution="${__value.raw}"), go("Traffic", TRAFFIC)),
            ),
            column("channel", "Channel"),
            column("last_node", "Last node"),
            column("events", "Events"),
        ],
        may_be_empty="every request ended.",
        nothing="Every request of this time range ended",
        width=12,
        height=8,
    ),
)

CHOSEN_EXECUTION: Variable = search_box("Execution", "execution")

BOARD = page(
    "Workflow",
    WORKFLOW,
    "workflow",
    "Which way do requests take through HER, how long does each node need, where do they fail, and what never ended?",
    [NOW, GRAPH, LATENCY, EXECUTIONS, NEVER],
    CHOSEN_EXECUTION,
    search_box("HER's own debugger", "debugger", typed=OWN_DEBUGGER),
    links=(outward_link("HER's own debugger", "debugger", "HER's page, as its own server shows it"),),
    start="now-1h",
)
