"""HER / Database copies: do Redis and PostgreSQL tell the same of what HER decided, and what has only the latter?"""

from __future__ import annotations

from exporters.core import health
from exporters.core.flux import events
from exporters.core.metric import Not, Where
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import COPIES, DECISIONS, JOBS, STATE, TRUE_FALSE, page, stream
from grafana.dashboards.panels import (
    AGE,
    RATIO,
    Limits,
    bar_gauge,
    column,
    event_table,
    gauge,
    go,
    label_table,
    line,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.system_page import share

RANGE = "$__range"
BUT_HEARTBEATS: Where = {lb.EVENT_TYPE: Not(("scheduler_system_job",))}
NOT_YET = "decisions are compared six minutes later, once either copy is surely complete."
USUAL = "both copies hold everything."

AGREE = row(
    "Does PostgreSQL agree with Redis?",
    gauge(
        "PostgreSQL has",
        "Of the decisions that Redis held in this time range, which share did HER write to PostgreSQL, too?",
        share(m.MISSING_COPIES.increase(RANGE, where={lb.COPY: "postgres"}), m.COMPARED_COPIES.increase(RANGE)) * -1
        + 1,
        unit=RATIO,
        limits=Limits(warn_below=0.99, bad_below=0.9),
        may_be_empty=NOT_YET,
        nothing="not compared yet",
    ),
    stat(
        "Compared",
        "How many decisions of this time range were found in both copies, or missed in one?",
        m.COMPARED_COPIES.increase(RANGE),
        may_be_zero=NOT_YET,
    ),
    stat(
        "Missing copies",
        "How many decisions of this time range does one of the two copies lack? A few after a failed row are usual.",
        line(m.MISSING_COPIES.increase(RANGE, by=lb.COPY), lb.COPY),
        limits=Limits(warn_above=0),
        may_be_zero=USUAL,
        width=5,
    ),
    stat(
        "Newest",
        "How long ago was the newest entry of each copy written? If one is much older, HER does not reach that store.",
        line(health.STREAM_LAST_EVENT.age(where=stream("decisions")), "Redis"),
        line(health.STREAM_LAST_EVENT.age(where=stream("decision_rows")), "PostgreSQL"),
        unit=AGE,
        limits=Limits(warn_above=90, bad_above=300),
        width=5,
    ),
    timeseries(
        "Missing in the last hour",
        "When did HER write to one store only?",
        line(m.MISSING_COPIES.increase("1h", by=lb.COPY), lb.COPY),
        style="bars",
        may_be_zero=USUAL,
        width=6,
    ),
    label_table(
        "Both copies, by type",
        "Of which decisions does one copy of this time range have fewer? The last minutes may differ by what is on its"
        " way.",
        [
            column(lb.EVENT_TYPE, "Type", links=(go("Decisions", DECISIONS), go("Jobs", JOBS))),
            number("In Redis", m.DECISIONS.increase(RANGE, by=lb.EVENT_TYPE) > 0),
            number("In PostgreSQL", m.DECISION_ROWS.increase(RANGE, by=lb.EVENT_TYPE) > 0),
        ],
        sort_by="In Redis",
        descending=True,
        width=12,
        height=10,
    ),
    timeseries(
        "Rows of the decision log",
        "How many decisions did HER write to PostgreSQL in the hour before each moment, without signs of life?",
        line(m.DECISION_ROWS.increase("1h", by=lb.SOURCE, where=BUT_HEARTBEATS), lb.SOURCE),
        style="stacked",
        width=12,
        height=10,
    ),
)

ALONE = row(
    "What does only the database hold?",
    bar_gauge(
        "First messages",
        "What did HER write first about in this time range, and did it arrive?",
        line(m.PROACTIVE_ROWS.increase(RANGE, by=(lb.MESSAGE_KIND, lb.OUTCOME)) > 0, (lb.MESSAGE_KIND, lb.OUTCOME)),
        may_be_empty="HER only speaks first where that is switched on.",
        nothing="HER did not speak first",
        width=8,
    ),
    timeseries(
        "First messages in the last hour",
        "When did HER write first, and when did it fail to?",
        line(m.PROACTIVE_ROWS.increase("1h", by=lb.OUTCOME), lb.OUTCOME),
        style="stacked",
        may_be_zero="HER only speaks first where that is switched on.",
        width=8,
    ),
    bar_gauge(
        "Days reflected on",
        "What did HER conclude of its users' days, each counted once?",
        line(m.REFLECTION_ROWS.increase(RANGE, by=lb.TREND), lb.TREND),
        colour="purple",
        may_be_zero="HER reflects once a day.",
        width=8,
    ),
    event_table(
        "Rows, one by one",
        "What does the decision log in PostgreSQL hold, back to its first row?",
        events(m.DECISION_ROW_POINT).table(["event_type", "source", "late"]),
        [
            column("event_type", "Type", links=(go("State", STATE),)),
            column("source", "Source"),
            column("late", "Late", words=TRUE_FALSE),
        ],
    ),
)

BOARD = page(
    "Database copies",
    COPIES,
    "copies",
    "Do Redis and PostgreSQL tell the same of what HER decided, and what does only the latter hold?",
    [AGREE, ALONE],
    reads=("postgres",),
)
