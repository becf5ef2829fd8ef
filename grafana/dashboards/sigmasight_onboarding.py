"""SigmaSight / Onboarding: who begins, who arrives, and what stops the others?"""

from __future__ import annotations

from exporters.core.flux import events
from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import tuning_metrics as t
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    RATIO,
    YES_NO,
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
from grafana.dashboards.sigmasight_pages import MONTH, NO_ERROR, ONBOARDING, RANGE, TOO_MANY, page

STEPS = {
    "register_start": "Registration begun",
    "register_complete": "Registered",
    "login_success": "Logged in",
    "portfolio_start": "Portfolio begun",
    "portfolio_complete": "Portfolio made",
}
"""Step -> what people call it, in their order."""
RECENT = {"24h": "24 hours", "7d": "7 days", "30d": "30 days"}
NOBODY = "nobody was there, or sign-ups go through a third party, which writes no events."

FUNNEL = row(
    "Who arrives?",
    bar_gauge(
        "Funnel of 30 days",
        "How many events reached each step?",
        *(line(w.STEP_EVENTS.max(where={w.DAYS: MONTH, w.STEP: step}), name) for step, name in STEPS.items()),
        may_be_zero=NOBODY,
        may_be_empty=TOO_MANY,
        height=10,
    ),
    bar_gauge(
        "People in 30 days",
        "How many different people reached each step? Nobody is known before a registration.",
        *(
            line(w.STEP_USERS.max(where={w.DAYS: MONTH, w.STEP: step}), name)
            for step, name in STEPS.items()
            if step != "register_start"
        ),
        may_be_zero=NOBODY,
        may_be_empty=TOO_MANY,
        height=10,
    ),
    bar_gauge(
        "Conversion in 30 days",
        "How many events of each step per registration begun, as SigmaSight's own page says? It can pass 100 %.",
        *(line(w.CONVERSION.max(where={w.DAYS: MONTH, w.STEP: step}), name) for step, name in STEPS.items()),
        unit=RATIO,
        may_be_zero=NOBODY,
        may_be_empty=TOO_MANY,
        height=10,
    ),
    stat("Users", "How many accounts are there, by what they pay?", line(w.USERS.sum(by=w.TIER), w.TIER), width=6),
    stat(
        "Through a third party", "How many users sign in through Clerk?", w.WITH_CLERK.sum(), may_be_zero="nobody does."
    ),
    stat(
        "Signed up",
        "How many users signed up in the last day, week and month, and are still there?",
        *(line(w.SIGNED_UP.max(where={t.RECENT: recent}), words) for recent, words in RECENT.items()),
        may_be_zero="nobody did.",
        width=6,
    ),
    stat("Portfolios", "How many portfolios are kept?", w.PORTFOLIOS.sum(where={w.PORTFOLIO_STATE: "kept"})),
    label_table(
        "Conversion by window",
        "Which share of registrations ended with a portfolio? Above 50 000 events a window is not computed.",
        [
            column(w.DAYS, "Days"),
            number("Registrations", w.STEP_EVENTS.max(by=w.DAYS, where={w.STEP: "register_start"})),
            number("Portfolios", w.STEP_EVENTS.max(by=w.DAYS, where={w.STEP: "portfolio_complete"})),
            number("Conversion", w.CONVERSION.max(by=w.DAYS, where={w.STEP: "portfolio_complete"}), RATIO),
            number("Computed", w.ONBOARDING_COMPUTED.max(by=w.DAYS), words=YES_NO),
        ],
        sort_by="Days",
        may_be_empty=TOO_MANY,
        width=12,
    ),
    timeseries(
        "Conversion over time",
        "Which share of the registrations of 30 days, and of 7, ended with a portfolio?",
        *(
            line(w.CONVERSION.max(where={w.DAYS: days, w.STEP: "portfolio_complete"}), f"of {days} days")
            for days in ("7", MONTH)
        ),
        unit=RATIO,
        may_be_zero=NOBODY,
        may_be_empty=TOO_MANY,
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
            number("Times", w.STEP_ERRORS.max(by=(lb.EVENT_TYPE, lb.ERROR_CODE), where={w.DAYS: MONTH})),
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
    label_table(
        "Events",
        "What did people do in this time range?",
        [column(lb.EVENT_TYPE, "Event"), number("Times", m.ACTIVITY_EVENTS.increase(RANGE, by=lb.EVENT_TYPE) > 0)],
        sort_by="Times",
        descending=True,
        may_be_empty=NOBODY,
        nothing="Nobody was there",
        width=8,
        height=12,
    ),
    event_table(
        "Events, one by one",
        "What did people do, and what stopped them? Users are keyed hashes.",
        events(m.ACTIVITY_POINT).table(["event_type", "error_code", "user"]),
        [column("event_type", "Event"), column("error_code", "Error"), column("user", "User")],
        may_be_empty=NOBODY,
        width=16,
        height=12,
    ),
)

DAILY = row(
    "Day by day",
    bar_chart(
        "Sign-ups, by days ago",
        "How many of today's users signed up on each of the last 30 days? 0 is today, by UTC.",
        w.SIGNED_UP_BY_DAY.max(by=w.DAYS_AGO),
        w.DAYS_AGO,
        axis="Days ago",
        name="Sign-ups",
        backwards=True,
        may_be_zero="nobody signed up.",
        width=12,
    ),
    bar_chart(
        "Portfolios, by days ago",
        "How many portfolios were completed on each of the last 30 days? 0 is today, by UTC.",
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
