"""HER / Traffic: how much, how fast, how many requests fail, and for whom?"""

from __future__ import annotations

from exporters.core import llm
from exporters.core.flux import events
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import DECISIONS, HER, LOGS, TRAFFIC, page, per_minute
from grafana.dashboards.panels import (
    ALTERNATIVE,
    COUNT,
    RATIO,
    SECONDS,
    Limits,
    bar_gauge,
    column,
    event_table,
    gauge,
    go,
    heatmap,
    line,
    row,
    stat,
    timeseries,
    totals_table,
)
from grafana.dashboards.system_page import share

RANGE = "$__range"

HOW_MUCH = row(
    "How much?",
    stat("Interactions", "How many messages did HER answer in this time range?", m.INTERACTIONS.increase(RANGE)),
    stat(
        "Tokens (estimate)",
        "How many estimated tokens went back and forth in this time range?",
        m.TOKENS.increase(RANGE),
        colour=ALTERNATIVE,
    ),
    stat("Users", "How many different people have ever talked to HER?", m.USERS.sum()),
    stat(
        "Typical reply time",
        "Within which time did HER answer half of the messages of this time range?",
        m.REQUEST_SECONDS.quantile(0.5, window=RANGE),
        unit=SECONDS,
    ),
    gauge(
        "Answered",
        "Which share of the requests that ended in this time range was answered without an error?",
        share(m.REQUESTS.increase(RANGE, where={lb.REQUEST_OUTCOME: "success"}), m.REQUESTS.increase(RANGE)),
        unit=RATIO,
        limits=Limits(warn_below=0.95, bad_below=0.8),
        nothing="no request",
    ),
    stat(
        "In progress",
        "How many requests is HER working on right now?",
        m.IN_PROGRESS.sum(),
        trend=True,
        may_be_zero="between two requests there is none.",
    ),
    timeseries(
        "Interactions in the last hour",
        "How many messages did HER answer in the hour before each moment?",
        m.INTERACTIONS.increase("1h"),
    ),
    timeseries(
        "Tokens in the last hour (estimate)",
        "How many estimated tokens went back and forth in the hour before each moment?",
        line(m.TOKENS.increase("1h"), "tokens"),
        colours={"tokens": ALTERNATIVE},
    ),
    timeseries(
        "Interactions by hour",
        "How many messages did HER answer in each hour, by their own time?",
        line(events(m.INTERACTION_POINT, "tokens_estimated").count(every="1h"), "interactions"),
        style="bars",
        colours={"interactions": "blue"},
    ),
    timeseries(
        "Tokens by hour (estimate)",
        "How many estimated tokens went back and forth in each hour, by their own time?",
        line(events(m.INTERACTION_POINT, "tokens_estimated").window("sum", every="1h", empty=True), "tokens"),
        style="bars",
        colours={"tokens": ALTERNATIVE},
    ),
)

HOW_FAST = row(
    "How fast?",
    timeseries(
        "Reply time",
        "How long do people wait for an answer? Half of them, and all but the slowest twentieth, by channel.",
        line(m.REQUEST_SECONDS.quantile(0.5, by=lb.CHANNEL, window="10m"), "{{channel}} half"),
        line(m.REQUEST_SECONDS.quantile(0.95, by=lb.CHANNEL, window="10m"), "{{channel}} 95 %"),
        unit=SECONDS,
    ),
    heatmap(
        "Reply times",
        "How do reply times spread?",
        m.REQUEST_SECONDS.distribution(),
        SECONDS,
    ),
    timeseries(
        "Waiting for the model",
        "How long does the model take? Half of the calls, and all but the slowest twentieth, by provider.",
        line(
            llm.OPERATION_DURATION.quantile(0.5, by=llm.PROVIDER, where=HER, window="10m"),
            "{{gen_ai_provider_name}} half",
        ),
        line(
            llm.OPERATION_DURATION.quantile(0.95, by=llm.PROVIDER, where=HER, window="10m"),
            "{{gen_ai_provider_name}} 95 %",
        ),
        unit=SECONDS,
        width=8,
    ),
    timeseries(
        "Stages (mean)",
        "Which stage of a request takes HER's time, as its decision log times it?",
        line(m.STAGE_SECONDS.mean(by=lb.STAGE, window="10m"), lb.STAGE),
        unit=SECONDS,
        width=8,
    ),
    timeseries(
        "Workflow nodes (mean)",
        "Which node of the workflow takes HER's time?",
        line(m.NODE_SECONDS.mean(by=lb.NODE, window="10m"), lb.NODE),
        unit=SECONDS,
        width=8,
    ),
)

WHAT = row(
    "What for?",
    timeseries(
        "Requests in the last hour",
        "How did the requests of the hour before each moment end?",
        line(m.REQUESTS.increase("1h", by=lb.REQUEST_OUTCOME), lb.REQUEST_OUTCOME),
        style="stacked",
        width=12,
    ),
    timeseries(
        "Workflow events per minute",
        "How busy is HER's workflow, and do its steps fail?",
        line(per_minute(m.WORKFLOW_EVENTS.rate(by=lb.NODE_STATUS)), lb.NODE_STATUS),
        interval="1m",
        style="stacked",
        width=12,
    ),
    bar_gauge(
        "Replies",
        "Through which channel and in which mode did HER answer in this time range?",
        line(m.REPLIES.increase(RANGE, by=(lb.CHANNEL, lb.MODE)), (lb.CHANNEL, lb.MODE)),
        may_be_zero="nobody talked to HER.",
        width=6,
    ),
    bar_gauge(
        "Intents",
        "Did HER take messages of this time range for chat or for something to do?",
        line(m.INTENTS.increase(RANGE, by=lb.MODE), lb.MODE),
        width=4,
    ),
    bar_gauge(
        "Chosen",
        "What did the tool selector choose in this time range?",
        line(m.SELECTIONS.increase(RANGE, by=lb.SELECTED), lb.SELECTED),
        width=4,
    ),
    bar_gauge(
        "Languages",
        "In which languages did HER answer in this time range?",
        line(m.REPLY_LANGUAGES.increase(RANGE, by=lb.LANGUAGE).topk(8), lb.LANGUAGE),
        colour="purple",
        width=4,
    ),
    heatmap(
        "Tokens of one interaction (estimate)",
        "How long are message and reply together?",
        m.INTERACTION_TOKENS.distribution(),
        COUNT,
        width=6,
    ),
)

WHO = row(
    "For whom?",
    totals_table(
        "Busiest users",
        "Who uses HER most in this time range? Users are keyed hashes.",
        lb.USER,
        "User",
        [
            (name, events(m.INTERACTION_POINT, "tokens_estimated").total(how, by=(lb.USER,), limit=30, name=name))
            for name, how in (("Interactions", "count"), ("Tokens (estimate)", "sum"))
        ],
        may_be_empty="nobody talked to HER in this time range.",
        nothing="Nobody talked to HER in this time range",
        width=10,
        height=10,
    ),
    event_table(
        "Requests",
        "How did each request end, how long did it take, and how much of that was the model?",
        events(m.REQUEST_POINT).table(["channel", "outcome", "duration_seconds", "llm_seconds", "events"]),
        [
            column("channel", "Channel"),
            column(lb.REQUEST_OUTCOME, "Outcome", links=(go("Decisions", DECISIONS), go("Logs", LOGS))),
            column("duration_seconds", "Reply time", unit=SECONDS),
            column("llm_seconds", "Model", unit=SECONDS),
            column("events", "Events", unit=COUNT),
        ],
        may_be_empty="nobody talked to HER in this time range.",
        nothing="Nobody talked to HER in this time range",
        width=14,
    ),
)

BOARD = page(
    "Traffic",
    TRAFFIC,
    "traffic",
    "How much traffic is there, how fast does HER answer, what do people want, and who are the busiest?",
    [HOW_MUCH, HOW_FAST, WHAT, WHO],
)
