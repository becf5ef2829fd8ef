"""HER / Jobs: what is coming, how did it go, what does HER do of its own accord?"""

from __future__ import annotations

from exporters.core.flux import events
from exporters.core.metric import Var
from exporters.core.promql import Expr, time
from exporters.her import labels as lb
from exporters.her import metrics as m
from grafana.dashboards.her_pages import DECISIONS, JOBS, LOGS, page
from grafana.dashboards.panels import (
    AGE,
    FROM_NOW,
    RATIO,
    SECONDS,
    Limits,
    bar_gauge,
    choice,
    column,
    event_table,
    gauge,
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

TYPE = {lb.JOB_TYPE: Var("type")}
CHOSEN = {**TYPE, lb.OUTCOME: Var("outcome")}
PERMANENT = ("chat_not_found", "forbidden")
RANGE = "$__range"


def _planned(status: str) -> Expr:
    """Enabled tasks in one state by type; 0 for a type with none in it."""
    some = m.UPCOMING.sum(by=lb.JOB_TYPE, where={lb.TASK_STATUS: status, **TYPE})
    return some.either(m.UPCOMING.sum(by=lb.JOB_TYPE, where=TYPE) * 0)


COMING = row(
    "What is coming?",
    stat("Tasks", "How many tasks are in HER's schedule, enabled or not?", m.TASKS.sum()),
    stat(
        "Next run in",
        "How long until the next task runs, as far as HER's published schedule knows?",
        (m.NEXT_RUN.value(where=TYPE) > time()).aggregate("min") - time(),
        unit=AGE,
        nothing="none planned",
    ),
    stat(
        "Schedule published",
        "How old is what HER tells about its schedule? It publishes on changes only, often just once an hour.",
        m.SCHEDULER_STATE_TIME.age(),
        unit=AGE,
        limits=Limits(warn_above=7200),
        nothing="never",
    ),
    stat(
        "Waiting for a retry",
        "How many enabled tasks are waiting for another attempt?",
        m.UPCOMING.sum(where={lb.TASK_STATUS: "retry", **TYPE}).or_zero(),
        limits=Limits(warn_above=0),
        may_be_zero="no task failed.",
    ),
    label_table(
        "Upcoming",
        "Which kinds of tasks are planned, how many, and when does the first of each run?",
        [
            column(lb.JOB_TYPE, "Type"),
            number("Next run", m.NEXT_RUN.min(by=lb.JOB_TYPE, where=TYPE) * 1000, FROM_NOW),
            number("Planned", m.UPCOMING.sum(by=lb.JOB_TYPE, where=TYPE)),
            number("In retry", _planned("retry"), limits=Limits(warn_above=0)),
            number("Failed", _planned("failed"), limits=Limits(bad_above=0)),
        ],
        sort_by="Next run",
        width=16,
    ),
    bar_gauge(
        "Upcoming by state",
        "In which state are the enabled tasks?",
        line(m.UPCOMING.sum(by=lb.TASK_STATUS, where=TYPE), lb.TASK_STATUS),
        colours={"pending": "blue", "sent": "green", "retry": "orange", "failed": "red"},
    ),
)

WENT = row(
    "How did it go?",
    stat("Runs", "How many tasks ran in this time range?", m.JOBS.increase(RANGE, where=CHOSEN)),
    gauge(
        "Success rate",
        "Which share of the runs of this time range succeeded?",
        share(m.JOBS.increase(RANGE, where={lb.OUTCOME: "success", **TYPE}), m.JOBS.increase(RANGE, where=TYPE)),
        limits=Limits(warn_below=0.95, bad_below=0.8),
        nothing="no run",
    ),
    stat(
        "Failed",
        "How many runs failed in this time range?",
        m.JOBS.increase(RANGE, where={lb.OUTCOME: "failed", **TYPE}),
        limits=Limits(bad_above=0),
        may_be_zero="every run succeeded.",
        may_be_empty="no task of this type ever ran.",
    ),
    stat(
        "Reminders failed",
        "How many reminders were given up in this time range? Somebody waits for each of them.",
        m.JOB_ERRORS.increase(RANGE, where={lb.JOB_ERROR: "reminder_failed"}),
        limits=Limits(bad_above=0),
        may_be_zero="every reminder was sent.",
    ),
    stat(
        "Time zones converted",
        "How many times of day did HER convert from a user's time zone for a reminder in this time range?",
        m.DECISIONS.increase(RANGE, where={lb.EVENT_TYPE: "timezone_conversion"}),
        may_be_zero="nobody asked for a reminder.",
    ),
    timeseries(
        "Runs in the last hour",
        "How many tasks ran in the hour before each moment, and how did they end?",
        line(m.JOBS.increase("1h", by=lb.OUTCOME, where=CHOSEN), lb.OUTCOME),
        style="stacked",
    ),
    timeseries(
        "Runs in the last hour by type",
        "Which kinds of tasks ran in the hour before each moment?",
        line(m.JOBS.increase("1h", by=lb.JOB_TYPE, where=CHOSEN), lb.JOB_TYPE),
        style="stacked",
    ),
)

WHY = row(
    "What did they say?",
    bar_gauge(
        "Results",
        "What did successful runs of this time range report?",
        line(m.JOB_RESULTS.increase(RANGE, by=lb.JOB_RESULT).topk(10), lb.JOB_RESULT),
    ),
    label_table(
        "Errors",
        "Why did runs of this time range fail?",
        [
            column(lb.JOB_ERROR, "Error"),
            column(lb.ERROR_REASON, "Reason"),
            number("Runs", m.JOB_ERRORS.increase(RANGE, by=(lb.JOB_ERROR, lb.ERROR_REASON)) > 0),
        ],
        sort_by="Runs",
        descending=True,
        may_be_empty="no run failed in this time range.",
        nothing="No run failed in this time range",
        width=8,
    ),
    timeseries(
        "Will it pass? Failed sending",
        "When could messages not be sent: for good (the chat is gone or forbidden), or for now?",
        line(m.JOB_ERRORS.increase("1h", where={lb.ERROR_REASON: PERMANENT}), "for good"),
        line(m.JOB_ERRORS.increase("1h", where={lb.ERROR_REASON: "transient_error"}), "for now"),
        line(m.JOB_ERRORS.increase("1h", where={lb.ERROR_REASON: "missing_token"}), "not set up"),
        style="stacked",
        colours={"for good": "red", "for now": "orange", "not set up": "purple"},
        may_be_zero="every message was sent.",
        width=8,
    ),
    timeseries(
        "95 % of runs are faster than",
        "How long do the slower runs of each kind of task take?",
        line(m.JOB_SECONDS.quantile(0.95, by=lb.JOB_TYPE, where=TYPE, window="1h"), lb.JOB_TYPE),
        unit=SECONDS,
        width=24,
        height=7,
    ),
)

AUTONOMY = row(
    "Autonomy snapshot",
    gauge(
        "Engagement",
        "How engaged are the 30 most recent users, on average? From 0.1 to 1.",
        m.AUTONOMY_ENGAGEMENT.avg(),
        may_be_empty="right after a start HER's snapshot is empty.",
        unit=RATIO,
        nothing="unknown",
        height=6,
    ),
    gauge(
        "Initiative",
        "How much initiative does HER take towards the 30 most recent users, on average? From 0.1 to 1.",
        m.AUTONOMY_INITIATIVE.avg(),
        may_be_empty="right after a start HER's snapshot is empty.",
        unit=RATIO,
        nothing="unknown",
    ),
    stat(
        "Sent today, and aim",
        "How many messages did HER send of its own accord today, and how many does it aim at?",
        line(m.AUTONOMY_SENT_TODAY.sum(), "sent"),
        line(m.AUTONOMY_TARGET.sum(), "aim"),
        may_be_zero="HER only speaks first where that is switched on.",
        width=5,
    ),
    bar_gauge(
        "Moods",
        "In which mood is HER towards its most recent users?",
        line(m.AUTONOMY_USERS.sum(by=lb.MOOD), lb.MOOD),
        may_be_zero="right after a start HER's snapshot is empty.",
        colour="purple",
        width=5,
        height=6,
    ),
    timeseries(
        "Sent of its own accord",
        "How many messages did HER send without being asked in the hour before each moment?",
        line(m.PROACTIVE.increase("1h", by=lb.OUTCOME), lb.OUTCOME),
        style="stacked",
        may_be_zero="HER only speaks first where that is switched on.",
        width=6,
        height=6,
    ),
)

RUNS = row(
    "Runs, one by one",
    event_table(
        "Runs",
        "Which tasks ran, when, and with what result? Names of tasks are keyed hashes: they hold words of users.",
        events(m.JOB_POINT).where(CHOSEN).table(["type", "outcome", "phrase", "duration_seconds", "task"], limit=200),
        [
            column(lb.JOB_TYPE, "Type", links=(go("Decisions", DECISIONS), go("Logs", LOGS))),
            column(lb.OUTCOME, "Outcome"),
            column("phrase", "Result or error"),
            column("duration_seconds", "Duration", unit=SECONDS),
            column("task", "Task"),
        ],
    ),
)

BOARD = page(
    "Jobs",
    JOBS,
    "jobs",
    "What is coming, how did past runs go, and what does HER do of its own accord?",
    [COMING, WENT, WHY, AUTONOMY, RUNS],
    members(lb.JOB_TYPE, "Type", m.JOBS),
    choice(lb.OUTCOME, "Outcome"),
)
