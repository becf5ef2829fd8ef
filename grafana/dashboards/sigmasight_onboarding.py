"""SigmaSight / Onboarding: who begins, who arrives, and what stops the others?"""

from __future__ import annotations

from exporters.core.flux import events
from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import tuning_metrics as t
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    RATIO,
    bar_chart,
    bar_gauge,
    column,
    event_table,
    label_table,
    line,
    number,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.sigmasight_pages import MONTH, NO_ERROR, ONBOARDING, RANGE, TOO_MANY, page, within

NOBODY = "nobody was there, or sign-ups go through a third party, which writes no events."

FUNNEL = row(
    "Who arrives?",
    label_table(
        "Funnel of 30 days",
        "How many events and how many different people reached each step? Conversion is per registration begun.",
        [
            column(w.STEP, "Step"),
            number("Events", w.STEP_EVENTS.max(by=w.STEP, where=within(MONTH))),
            number("People", w.STEP_USERS.max(by=w.STEP, where=within(MONTH))),
            number("Conversion", w.CONVERSION.max(by=w.STEP, where=within(MONTH)), RATIO),
        ],
        sort_by="Events",
        descending=True,
        may_be_empty=TOO_MANY,
        width=12,
    ),
    timeseries(
        "Conversion by window",
        "Which share of registrations ended with a portfolio, in each of SigmaSight's windows?",
        line(w.CONVERSION.max(by=w.DAYS, where={w.STEP: "portfolio_complete"}), w.DAYS),
        unit=RATIO,
        may_be_zero=NOBODY,
        may_be_empty=TOO_MANY,
    ),
    stat("Users", "How many accounts are there, by what they pay?", line(w.USERS.sum(by=w.TIER), w.TIER), width=6),
    stat(
        "Through a third party", "How many users sign in through Clerk?", w.WITH_CLERK.sum(), may_be_zero="nobody does."
    ),
    stat(
        "Signed up",
        "How many users signed up in the last day, week and month, and are still there?",
        line(w.SIGNED_UP.max(by=t.RECENT), t.RECENT),
        may_be_zero="nobody did.",
        width=6,
    ),
    stat("Portfolios", "How many portfolios are kept?", w.PORTFOLIOS.sum(where={w.PORTFOLIO_STATE: "kept"})),
    stat(
        "Windows computed",
        "How many of the four windows are small enough to be added up?",
        w.ONBOARDING_COMPUTED.sum(),
    ),
)

ERRORS = row(
    "What stops them?",
    label_table(
        "Errors of 30 days",
        "Which errors did people meet, and where?",
        [
            column(lb.EVENT_TYPE, "Step"),
            column(lb.ERROR_CODE, "Error"),
            number("Times", w.STEP_ERRORS.max(by=(lb.EVENT_TYPE, lb.ERROR_CODE), where=within(MONTH))),
        ],
        sort_by="Times",
        descending=True,
        may_be_empty=NO_ERROR,
        nothing="Nobody met an error",
        width=12,
    ),
    timeseries(
        "Errors in the last hour",
        "How many errors did people meet in the hour before each moment, by step?",
        line(m.ACTIVITY_ERRORS.increase("1h", by=lb.STEP), lb.STEP),
        style="stacked",
        may_be_zero=NO_ERROR,
        may_be_empty=NO_ERROR,
    ),
    bar_gauge(
        "Events",
        "What did people do in this time range?",
        line(m.ACTIVITY_EVENTS.increase(RANGE, by=lb.EVENT_TYPE), lb.EVENT_TYPE),
        may_be_zero=NOBODY,
        height=10,
    ),
    event_table(
        "Events, one by one",
        "What did people do, and what stopped them? Users are keyed hashes.",
        events(m.ACTIVITY_POINT).table(["event_type", "error_code", "user"]),
        [column("event_type", "Event"), column("error_code", "Error"), column("user", "User")],
        may_be_empty=NOBODY,
        width=16,
    ),
)

DAILY = row(
    "Day by day",
    bar_chart(
        "Sign-ups by day",
        "How many of today's users signed up on each of the last 30 days?",
        w.SIGNED_UP_BY_DAY.max(by=w.DAYS_AGO),
        w.DAYS_AGO,
        axis="Days ago",
        name="Sign-ups",
        backwards=True,
        may_be_zero="nobody signed up.",
        width=12,
    ),
    bar_chart(
        "Portfolios by day",
        "How many portfolios were completed on each of the last 30 days?",
        w.DAY_EVENTS.max(by=w.DAYS_AGO, where={w.DAILY_EVENT: "onboarding.portfolio_complete"}),
        w.DAYS_AGO,
        axis="Days ago",
        name="Portfolios",
        backwards=True,
        may_be_zero=NOBODY,
        may_be_empty=TOO_MANY,
        width=12,
    ),
)

BOARD = page(
    "Onboarding",
    ONBOARDING,
    "onboarding",
    "Who begins, who arrives, and what stops the others?",
    [FUNNEL, ERRORS, DAILY],
)
