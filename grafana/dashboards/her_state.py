"""HER / State: is HER idle, at work, blocked or gone; who is there; what is planned, by HER's own tables?"""

from __future__ import annotations

from exporters.core.label import DEPLOYMENT
from exporters.her import labels as lb
from exporters.her import metrics as m
from exporters.her import sql_metrics as s
from grafana.dashboards.her_pages import STATE, page
from grafana.dashboards.her_picture import LATE, PICTURES, SILENT, picture, working
from grafana.dashboards.panels import (
    AGE,
    FROM_NOW,
    RATIO,
    Limits,
    bar_gauge,
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

ALIVE = row(
    "Is HER idle, at work, blocked, or gone?",
    stat(
        "HER is",
        "Is HER idle, at work, blocked by a model call, or silent? One that dies in a request looks blocked for ten"
        " minutes. Out of sight: its Redis cannot be read.",
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
        "How many requests does HER work on? Those that a rate limit stopped, or that were a group's chatter, never end"
        " and are left out.",
        working(),
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

BOARD = page(
    "State",
    STATE,
    "state",
    "Is HER idle, at work, blocked or gone; who is there; what is planned, by HER's own tables?",
    [ALIVE, PLANNED, PEOPLE, FEELING],
    reads=("postgres",),
)
