"""HER / State: is HER idle, at work, blocked or gone; who is there; what is planned, by HER's own tables?"""

from __future__ import annotations

from collections.abc import Mapping

from exporters.core.flux import events
from exporters.core.label import DEPLOYMENT
from exporters.core.metric import Not, Where
from exporters.core.promql import Expr
from exporters.her import labels as lb
from exporters.her import metrics as m
from exporters.her import sql_metrics as s
from grafana.dashboards.her_pages import STATE, TRUE_FALSE, page
from grafana.dashboards.panels import (
    AGE,
    BAD,
    FROM_NOW,
    GOOD,
    NEUTRAL,
    RATIO,
    WARNING,
    Limits,
    Word,
    bar_gauge,
    column,
    event_table,
    gauge,
    label_table,
    line,
    number,
    row,
    stat,
    states,
    timeseries,
)

RANGE = "$__range"
BUT_HEARTBEATS: Where = {lb.EVENT_TYPE: Not(("scheduler_system_job",))}
LATE = 75
"""Seconds: the sign of life comes once a minute."""
SILENT = 150
"""Two signs of life have failed to come."""
PICTURES: Mapping[float | str, Word] = {
    1.0: Word("Silent", BAD),
    2.0: Word("Blocked in a request", WARNING),
    3.0: Word("At work", GOOD),
    4.0: Word("Idle", NEUTRAL),
}


def sign_of_life() -> Expr:
    """Seconds since the newer of HER's two signs of life: the decision in Redis, the lock in PostgreSQL."""
    redis, postgres = m.HEARTBEAT_TIME.age(by=DEPLOYMENT), s.LOCK_TIME.age(by=DEPLOYMENT)
    return (redis < postgres).either(postgres).either(redis)


def picture() -> Expr:
    """1 silent, 2 blocked, 3 at work, 4 idle, per deployment.

    HER answers a request in the thread that also writes its signs of life: while a model thinks, both are late. A
    request in progress tells that from a HER that is gone, until it has gone without a sign for ten minutes.
    """
    busy = m.IN_PROGRESS.max(by=DEPLOYMENT) > 0
    age = sign_of_life()
    silent = (age > SILENT).unless(busy)
    blocked = busy.both(age > LATE)
    at_work = busy.unless(age > LATE)
    idle = age.unless(age > SILENT).unless(busy)
    numbered = [is_so * 0 + value for value, is_so in enumerate((silent, blocked, at_work, idle), start=1)]
    first, *others = numbered
    for other in others:
        first = first.either(other)
    return first


ALIVE = row(
    "Is HER idle, at work, blocked, or gone?",
    stat(
        "HER is",
        "Is HER idle, at work, blocked by a model call, or silent? One that dies in a request looks blocked for ten"
        " minutes.",
        line(picture(), DEPLOYMENT),
        words=PICTURES,
        nothing="unknown",
        width=6,
        height=5,
    ),
    stat(
        "Sign of life, Redis",
        "How long ago did HER's scheduler write its once-a-minute entry to the decision log?",
        m.HEARTBEAT_TIME.age(),
        unit=AGE,
        limits=Limits(warn_above=LATE, bad_above=SILENT),
        nothing="never",
        height=5,
    ),
    stat(
        "Sign of life, PostgreSQL",
        "How long ago did HER's reminder processor renew its lock? If only one of the two is late, that store fails.",
        s.LOCK_TIME.age(),
        unit=AGE,
        limits=Limits(warn_above=LATE, bad_above=SILENT),
        nothing="never",
        height=5,
    ),
    stat(
        "Requests in progress",
        "How many requests were begun and not ended within the last ten minutes?",
        m.IN_PROGRESS.sum(),
        may_be_zero="nobody is waiting for HER.",
        height=5,
    ),
    states(
        "HER over time",
        "When was HER idle, at work, blocked or silent?",
        line(picture(), DEPLOYMENT),
        words=PICTURES,
        height=5,
    ),
)

PLANNED = row(
    "What is planned, as it is now?",
    label_table(
        "The scheduler's own table",
        "What will run, what should have run, and what is paused? This is current; what HER publishes can be an hour"
        " old.",
        [
            column(s.JOB_KIND, "Kind"),
            number("Next run", s.SCHEDULED_NEXT.min(by=s.JOB_KIND) * 1000, FROM_NOW),
            number("Planned", s.SCHEDULED_JOBS.sum(by=s.JOB_KIND, where={s.JOB_STATE: "planned"})),
            number(
                "Overdue",
                s.SCHEDULED_JOBS.sum(by=s.JOB_KIND, where={s.JOB_STATE: "overdue"}),
                limits=Limits(bad_above=0),
            ),
            number("Paused", s.SCHEDULED_JOBS.sum(by=s.JOB_KIND, where={s.JOB_STATE: "paused"})),
        ],
        width=10,
        height=7,
    ),
    timeseries(
        "Jobs by state",
        "Does anything stay overdue? What HER is late with, it is too busy for, or nobody runs it.",
        line(s.SCHEDULED_JOBS.sum(by=s.JOB_STATE), s.JOB_STATE),
        style="stacked",
        colours={"planned": "blue", "overdue": "red", "paused": "purple"},
        width=10,
        height=7,
    ),
    stat(
        "Locks of tasks",
        "How many tasks ever took a lock? Those of one-shot tasks stay for ever.",
        s.TASK_LOCKS.sum(),
        height=7,
    ),
)

PEOPLE = row(
    "Who is there?",
    stat("Users", "How many users does HER's database know, its own pseudo user left out?", s.KNOWN_USERS.sum()),
    stat(
        "Active",
        "How many users were active in the last 24 hours, 7 and 30 days? Any decision about a user counts.",
        *(line(s.ACTIVE_USERS.sum(where={s.WINDOW: window}), window) for window in s.WINDOW.values or ()),
        may_be_zero="nobody talked to HER.",
        width=8,
    ),
    stat("Last activity", "How long ago was any user active?", s.USER_LAST_ACTIVITY.age(), unit=AGE, nothing="never"),
    timeseries(
        "Active in 24 hours",
        "How many users were active in the 24 hours before each moment?",
        line(s.ACTIVE_USERS.sum(where={s.WINDOW: "24h"}), "active"),
        line(s.KNOWN_USERS.sum(), "known"),
        width=12,
        height=7,
    ),
    bar_gauge(
        "Time zones",
        "In which time zones do users live, as they told HER?",
        line(s.USER_TIMEZONES.sum(by=s.TIMEZONE).topk(12).call("sort_desc"), s.TIMEZONE),
        width=12,
        height=7,
        may_be_empty="the account may not be allowed to read preferences, which also hold names.",
    ),
)

FEELING = row(
    "How does HER stand towards them? All users, not only the 30 most recent",
    gauge(
        "Engagement",
        "How engaged are users, on average? From 0.1 to 1.",
        s.PROFILE_ENGAGEMENT.avg(),
        unit=RATIO,
        nothing="unknown",
        height=7,
    ),
    gauge(
        "Initiative",
        "How much initiative does HER take, on average? From 0.1 to 1.",
        s.PROFILE_INITIATIVE.avg(),
        unit=RATIO,
        nothing="unknown",
        height=7,
    ),
    gauge(
        "Intensity of moods",
        "How intense are HER's moods, on average? From 0.1 to 1.",
        s.MOOD_INTENSITY.avg(),
        unit=RATIO,
        nothing="unknown",
        height=7,
    ),
    stat(
        "Profiles",
        "How many users have an autonomy profile?",
        s.AUTONOMY_PROFILES.sum(),
        height=7,
    ),
    stat(
        "Sent and failed today",
        "How many messages did HER send of its own accord today (UTC), and how many failed?",
        line(s.PROFILE_SENT_TODAY.sum(), "sent"),
        line(s.PROFILE_ERRORS_TODAY.sum(), "failed"),
        may_be_zero="HER only speaks first where that is switched on.",
        height=7,
    ),
    bar_gauge(
        "Moods",
        "In which mood is HER towards its users?",
        line(s.MOODS.sum(by=lb.MOOD), lb.MOOD),
        colour="purple",
        height=7,
    ),
)

COPIED = row(
    "What does the database hold of it?",
    timeseries(
        "Rows of the decision log",
        "How many decisions did HER write to PostgreSQL in the hour before each moment, without signs of life?",
        line(m.DECISION_ROWS.increase("1h", by=lb.SOURCE, where=BUT_HEARTBEATS), lb.SOURCE),
        style="stacked",
    ),
    stat(
        "Missing copies",
        "Of the decisions compared in this time range, how many does one of the two copies lack?",
        line(m.MISSING_COPIES.increase(RANGE, by=lb.COPY), lb.COPY),
        limits=Limits(warn_above=0),
        may_be_zero="both copies hold everything.",
        width=6,
    ),
    stat(
        "Compared",
        "How many decisions of this time range were found in both copies, or missed in one?",
        m.COMPARED_COPIES.increase(RANGE),
        may_be_zero="decisions are compared six minutes later.",
        width=6,
    ),
    bar_gauge(
        "First messages",
        "What did HER write first about, and did it arrive?",
        line(m.PROACTIVE_ROWS.increase(RANGE, by=(lb.MESSAGE_KIND, lb.OUTCOME)), (lb.MESSAGE_KIND, lb.OUTCOME)),
        may_be_zero="HER only speaks first where that is switched on.",
    ),
    bar_gauge(
        "Days reflected on",
        "What did HER conclude of its users' days, each counted once?",
        line(m.REFLECTION_ROWS.increase(RANGE, by=lb.TREND), lb.TREND),
        colour="purple",
        may_be_zero="HER reflects once a day.",
    ),
    event_table(
        "Rows, one by one",
        "What does the decision log in PostgreSQL hold, back to its first row?",
        events(m.DECISION_ROW_POINT).table(["event_type", "source", "late"]),
        [column("event_type", "Type"), column("source", "Source"), column("late", "Late", words=TRUE_FALSE)],
    ),
)

BOARD = page(
    "State",
    STATE,
    "state",
    "Is HER idle, at work, blocked or gone; who is there; what is planned, by HER's own tables?",
    [ALIVE, PLANNED, PEOPLE, FEELING, COPIED],
    reads=("postgres",),
)
