"""HER / Overview: is it alive, what can it do, what did it do, what broke?"""

from __future__ import annotations

from exporters.core import health
from exporters.core.flux import events
from exporters.core.label import DEPLOYMENT
from exporters.core.metric import Where
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import FOUND, HER, LOGS, OVERVIEW, SYSTEM_HEALTH, WORKS, page, per_minute
from grafana.dashboards.her_picture import LATE, PICTURES, SILENT, picture, working
from grafana.dashboards.panels import (
    AGE,
    ALTERNATIVE,
    UP_DOWN,
    Limits,
    alerts,
    bar_gauge,
    column,
    event_table,
    foreign,
    go,
    label_table,
    line,
    row,
    stat,
    timeseries,
)

REDIS: Where = {**HER, health.SOURCE: "redis"}

WORKING = row(
    "Is it working?",
    stat(
        "HER is",
        "Is HER idle, at work, blocked in a request, silent, or out of our sight because its Redis cannot be read?",
        line(picture(), DEPLOYMENT),
        words=PICTURES,
        nothing="unknown",
    ),
    stat(
        "Sign of life",
        "How long ago did HER's scheduler write its once-a-minute sign of life? Above three minutes HER is silent.",
        line(m.HEARTBEAT_TIME.age(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        limits=Limits(warn_above=LATE, bad_above=SILENT),
        nothing="never seen",
    ),
    stat(
        "Redis",
        "Can the exporter reach HER's Redis? If not, everything below stands still.",
        line(health.SOURCE_UP.min(by=DEPLOYMENT, where=REDIS), DEPLOYMENT),
        words=UP_DOWN,
        nothing="Unknown",
        links=(go("System health", SYSTEM_HEALTH),),
        width=3,
    ),
    stat(
        "Running for",
        "When did HER's process start last, as far as it said so?",
        line(m.CAPABILITIES_TIME.age(by=DEPLOYMENT), DEPLOYMENT),
        unit=AGE,
        nothing="unknown",
    ),
    stat(
        "In progress",
        "How many requests does HER work on? Those that a rate limit stopped, or that were a group's chatter, never end"
        " and are left out.",
        working(),
        may_be_zero="between two requests there is none.",
        width=3,
    ),
    stat(
        "Entries lost",
        "Did HER write more than could be read in this time range? How many entries are known to be lost?",
        health.STREAM_LOST.increase("$__range", where=HER),
        limits=Limits(bad_above=0),
        may_be_zero="nothing was lost.",
        width=3,
    ),
    stat(
        "Alerts firing",
        "How many alerts about HER are firing?",
        (foreign("ALERTS", alertstate="firing", system="her").aggregate("count")).or_zero(),
        limits=Limits(warn_above=0),
        may_be_zero="nothing is wrong.",
        width=3,
    ),
)

TOTALS = row(
    "How much did it do?",
    stat("Interactions", "How many messages has HER answered since its Redis was new?", m.INTERACTIONS.sum()),
    stat(
        "Tokens (estimate)",
        "How many words and punctuation marks went back and forth since HER's Redis was new?",
        m.TOKENS.sum(),
        colour=ALTERNATIVE,
    ),
    stat("Users", "How many different people have talked to HER?", m.USERS.sum()),
    stat("Short memory", "How many conversations does HER remember word for word?", m.CONTEXT_THREADS.sum()),
    stat("Commands", "How many sandbox commands ran in this time range?", m.EXECUTIONS.increase("$__range")),
    stat("Jobs", "How many scheduled tasks ran in this time range?", m.JOBS.increase("$__range")),
    timeseries(
        "Interactions in the last hour",
        "How many messages did HER answer in the hour before each moment?",
        m.INTERACTIONS.increase("1h"),
        height=7,
    ),
    timeseries(
        "Tokens in the last hour (estimate)",
        "How many estimated tokens went back and forth in the hour before each moment?",
        line(m.TOKENS.increase("1h"), "tokens"),
        colours={"tokens": ALTERNATIVE},
        height=7,
    ),
)

CAPABILITIES = row(
    "What could it do when it last started?",
    stat(
        "Internet",
        "Did HER reach the internet when it last started?",
        m.CAPABILITY_AVAILABLE.min(where={lb.CAPABILITY: "internet"}),
        may_be_zero="it is what HER found, and the panel says so.",
        words=WORKS,
        nothing="Unknown",
    ),
    stat(
        "Sandbox",
        "Did HER's sandbox work when it last started?",
        m.CAPABILITY_AVAILABLE.min(where={lb.CAPABILITY: "sandbox"}),
        may_be_zero="it is what HER found, and the panel says so.",
        words=WORKS,
        nothing="Unknown",
    ),
    stat("Tools", "How many tools did HER have when it last started?", m.TOOLS.sum(), width=3),
    bar_gauge(
        "MCP servers",
        "How many MCP servers ran when HER last started, and in which state were the others?",
        line(m.MCP_SERVERS.sum(by=lb.MCP_STATUS), lb.MCP_STATUS),
        colours={"running": "green", "disabled": "#8e8e9c", "unavailable": "orange", "failed": "red"},
        width=5,
    ),
    label_table(
        "MCP server states",
        "Which MCP servers ran when HER last started, and which did not?",
        [
            column(DEPLOYMENT, "Deployment"),
            column(lb.SERVER, "Server"),
            column(lb.MCP_STATUS, "State"),
        ],
        asked=m.MCP_SERVER_STATUS.value().equals(1),
        sort_by="State",
        width=8,
        height=6,
    ),
)

STARTS = row(
    "Start-up history",
    stat(
        "Starts",
        "How often did HER start in this time range?",
        m.STARTUPS.increase("$__range"),
        may_be_zero="a HER that runs does not start.",
        width=3,
    ),
    timeseries(
        "What each start found",
        "Did HER have the same tools and MCP servers after each start?",
        line(events(m.STARTUP_POINT, "tools").window("last"), "tools"),
        line(events(m.STARTUP_POINT, "mcp_running").window("last"), "MCP servers running"),
        line(events(m.STARTUP_POINT, "mcp_failed").window("last"), "MCP servers failed"),
        colours={"tools": "blue", "MCP servers running": "green", "MCP servers failed": "red"},
        may_be_empty="HER did not start in this time range.",
        nothing="HER did not start in this time range",
        width=8,
    ),
    event_table(
        "Starts, one by one",
        "What did each start of HER find?",
        events(m.STARTUP_POINT).table(
            ["deployment", "tools", "internet", "sandbox", "mcp_running", "mcp_total", "mcp_failed"]
        ),
        [
            column("deployment", "Deployment"),
            column("tools", "Tools"),
            column("internet", "Internet", words=FOUND),
            column("sandbox", "Sandbox", words=FOUND),
            column("mcp_running", "Running"),
            column("mcp_total", "Servers"),
            column("mcp_failed", "Failed", limits=Limits(bad_above=0)),
        ],
        may_be_empty="HER did not start in this time range.",
        nothing="HER did not start in this time range",
        width=13,
        height=8,
    ),
)

MCP = row(
    "What goes wrong with MCP?",
    stat(
        "Warnings and errors",
        "How many warnings and errors about MCP or JSON-RPC did HER log in this time range?",
        m.MCP_LOG_LINES.increase("$__range", where={lb.LEVEL: ("warning", "error", "critical")}),
        limits=Limits(warn_above=0),
        may_be_zero="MCP gave no trouble.",
        links=(go("Logs", LOGS),),
    ),
    timeseries(
        "MCP lines in the last hour",
        "When did HER log trouble about MCP or JSON-RPC, and how bad was it?",
        line(m.MCP_LOG_LINES.increase("1h", by=lb.LEVEL, where={lb.LEVEL: ("warning", "error", "critical")}), lb.LEVEL),
        style="stacked",
        may_be_zero="MCP gave no trouble.",
        width=8,
    ),
    bar_gauge(
        "Failures by server",
        "Which MCP servers failed in this time range? One broken server writes two or three lines.",
        line(m.MCP_FAILURES.increase("$__range", by=lb.SERVER).topk(10), lb.SERVER),
        colour="orange",
        may_be_zero="no server failed.",
        may_be_empty="no server ever failed.",
        width=6,
    ),
    bar_gauge(
        "Failures by kind",
        "How did MCP servers fail in this time range?",
        line(m.MCP_FAILURES.increase("$__range", by=lb.MCP_FAILURE).call("sort_desc"), lb.MCP_FAILURE),
        colour="orange",
        may_be_zero="no server failed.",
        may_be_empty="no server ever failed.",
        width=6,
    ),
)

NOISE = row(
    "What does it say?",
    timeseries(
        "Log lines per minute",
        "How much does HER log, and how bad is it?",
        line(per_minute(m.LOG_LINES.rate(by=lb.LEVEL)), lb.LEVEL),
        style="stacked",
        interval="1m",
        width=14,
    ),
    alerts("Alerts", "Which alerts about HER are firing or about to?", '{system="her"}', width=10),
)

BOARD = page(
    "Overview",
    OVERVIEW,
    "overview",
    "Is HER alive, what can it do, what did it do, and what goes wrong?",
    [WORKING, TOTALS, CAPABILITIES, MCP, NOISE, STARTS],
)
