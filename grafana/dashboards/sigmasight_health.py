"""SigmaSight / Data health: are the thirty days kept and no more, aggregated, and is anything missing from them?"""

from __future__ import annotations

from exporters.core import health
from exporters.sigmasight import health_metrics as h
from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    AGE,
    COUNT,
    NUMBER,
    SECONDS,
    YES_NO,
    Limits,
    bar_chart,
    column,
    gauge,
    label_table,
    line,
    number,
    row,
    stat,
    states,
    timeseries,
)
from grafana.dashboards.sigmasight_pages import DATA_HEALTH, NO_TOKENS, RANGE, SIGMASIGHT, TOO_MANY, page
from grafana.dashboards.system_page import share

RETENTION = row(
    "Are thirty days kept, and no more?",
    label_table(
        "Tables",
        "How many rows has each table, how old is the oldest, and how many should have been deleted?",
        [
            column(w.TABLE, "Table"),
            number("Rows", w.TABLE_ROWS.max(by=w.TABLE)),
            number("Counted", w.TABLE_COUNTED.max(by=w.TABLE), words=YES_NO),
            number("Last 24 h", w.TABLE_RECENT.max(by=w.TABLE)),
            number("Oldest", w.OLDEST.age(by=w.TABLE, oldest=True), AGE),
            number("Overdue", w.OVERDUE.max(by=w.TABLE), COUNT, limits=Limits(warn_above=0)),
        ],
        sort_by="Rows",
        descending=True,
        width=16,
    ),
    gauge(
        "Days aggregated",
        "Which share of the last 30 days has aggregates?",
        w.COVERAGE.max(where={w.DAYS: "30"}),
        limits=Limits(warn_below=0.9, bad_below=0.5),
        may_be_zero="nothing starts the aggregation in production.",
        height=8,
    ),
    stat(
        "Newest aggregates",
        "How long ago was the newest day that was aggregated?",
        w.NEWEST_DAY.age(),
        unit=AGE,
        may_be_empty="nothing starts the aggregation in production.",
        nothing="never",
        height=8,
    ),
    stat(
        "Days without aggregates",
        "How many of the last 1, 7, 14 and 30 days have none?",
        *(
            line(w.DAYS_PRESENT.max(where={w.DAYS: str(days), w.PRESENCE: "missing"}), f"of {days}")
            for days in w.WINDOWS
        ),
        may_be_zero="every day has them.",
        width=12,
    ),
    stat(
        "Administrators' sessions",
        "How many sessions of administrators have not expired?",
        w.ADMIN_SESSIONS.sum(),
        may_be_zero="nobody is logged in.",
        width=12,
    ),
)

COMPLETE = row(
    "Is anything missing?",
    gauge(
        "Answers without a row",
        "Which share of the answers of this time range left no row among the AI requests?",
        share(m.AI_MESSAGES.increase(RANGE, where={lb.RECORDED: "no"}), m.AI_MESSAGES.increase(RANGE)),
        limits=Limits(warn_above=0.01, bad_above=0.1),
        may_be_zero="every answer has a row.",
        may_be_empty="nobody was answered.",
        height=8,
    ),
    label_table(
        "Answers by window",
        "How many answers have a row among the AI requests? A clean-up takes requests and leaves answers.",
        [
            column(w.DAYS, "Days"),
            number("With a row", w.ANSWERS.max(by=w.DAYS, where={w.ANSWERED: "yes"})),
            number("Without", w.ANSWERS.max(by=w.DAYS, where={w.ANSWERED: "no"})),
            number("Computed", w.ANSWERS_COMPUTED.max(by=w.DAYS), words=YES_NO),
        ],
        sort_by="Days",
        width=8,
    ),
    timeseries(
        "Late rows in the last hour",
        "How many rows became visible long after their own time?",
        line(health.STREAM_LATE.increase("1h", by=health.STREAM, where=SIGMASIGHT), health.STREAM),
        may_be_zero="all rows come in time.",
        width=12,
    ),
    bar_chart(
        "AI requests, by days ago",
        "How many requests were there on each of the last 30 days? 0 is today, by UTC.",
        w.DAY_REQUESTS.max(by=w.DAYS_AGO),
        w.DAYS_AGO,
        axis="Days ago",
        name="Requests",
        backwards=True,
        may_be_zero="nobody asked anything.",
        may_be_empty=TOO_MANY,
        width=12,
    ),
    label_table(
        "Tokens by day",
        "How many tokens do the rows of each day carry?",
        [
            column(w.DAYS_AGO, "Days ago"),
            number("Tokens", w.DAY_TOKENS.max(by=w.DAYS_AGO, where={w.TOKENS: "total"})),
            number("Read per request", w.DAY_TOKENS_MEAN.max(by=w.DAYS_AGO, where={w.TOKENS: "input"}), NUMBER),
            number("Written per request", w.DAY_TOKENS_MEAN.max(by=w.DAYS_AGO, where={w.TOKENS: "output"}), NUMBER),
        ],
        sort_by="Days ago",
        may_be_empty=NO_TOKENS,
        nothing="No row carries tokens",
        width=12,
    ),
)

NOT_WATCHED = "no address of the back end is configured."
BACK_END = row(
    "Does the back end answer?",
    states(
        "Health endpoints",
        "When did each endpoint say that it is healthy?",
        line(h.HEALTHY.min(by=h.ENDPOINT), h.ENDPOINT),
        words=YES_NO,
        may_be_zero="it warms up, and the panel says so.",
        may_be_empty=NOT_WATCHED,
        width=12,
    ),
    timeseries(
        "Time to answer",
        "How long do the health endpoints take?",
        line(h.ANSWER_SECONDS.max(by=h.ENDPOINT), h.ENDPOINT),
        unit=SECONDS,
        may_be_empty=NOT_WATCHED,
        width=6,
        height=6,
    ),
    stat(
        "HTTP status",
        "What did each endpoint answer last?",
        line(h.STATUS.max(by=h.ENDPOINT), h.ENDPOINT),
        may_be_empty=NOT_WATCHED,
        width=6,
        height=6,
    ),
    timeseries(
        "Log records in the last hour",
        "How much did the back end log, and how bad was it?",
        line(h.LINES.increase("1h", by=h.LEVEL), h.LEVEL),
        style="stacked",
        may_be_zero="it logs little.",
        may_be_empty="no log is configured.",
        width=18,
    ),
    stat(
        "Lines of tracebacks",
        "How many lines belong to the record before them, in this time range?",
        h.CONTINUED.increase(RANGE),
        may_be_zero="there was none.",
        may_be_empty="no log is configured.",
        width=6,
        height=8,
    ),
)

BOARD = page(
    "Data health",
    DATA_HEALTH,
    "data-health",
    "Are thirty days kept and no more, are they aggregated, and is anything missing from them?",
    [RETENTION, COMPLETE, BACK_END],
)
