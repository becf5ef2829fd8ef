"""SigmaSight / Overview: does it answer, does it compute, do people arrive and like what they get?"""

from __future__ import annotations

from exporters.core import health, llm
from exporters.sigmasight import batch_metrics as b
from exporters.sigmasight import health_metrics as h
from exporters.sigmasight import labels as lb
from exporters.sigmasight import metrics as m
from exporters.sigmasight import tuning_metrics as t
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    AGE,
    SECONDS,
    UP_DOWN,
    YES_NO,
    Limits,
    alerts,
    bar_gauge,
    foreign,
    gauge,
    go,
    line,
    row,
    stat,
    timeseries,
)
from grafana.dashboards.sigmasight_pages import (
    AI,
    BATCH,
    DAY,
    MONTH,
    NO_ERROR,
    NO_RATING,
    ONBOARDING,
    OVERVIEW,
    RANGE,
    SIGMASIGHT,
    TOO_MANY,
    TUNING,
    page,
    within,
)

WORKING = row(
    "Is it working?",
    stat(
        "Sources",
        "Can the exporter reach SigmaSight's databases and back end? If not, what is shown stands still.",
        line(health.SOURCE_UP.min(by=health.SOURCE, where=SIGMASIGHT), health.SOURCE),
        words=UP_DOWN,
        nothing="unknown",
        width=6,
    ),
    stat(
        "Back end",
        "Does the back end answer at its health endpoints?",
        line(h.HEALTHY.min(by=h.ENDPOINT), h.ENDPOINT),
        words=YES_NO,
        nothing="not watched",
        may_be_zero="it warms up, and the panel says so.",
        may_be_empty="no address of the back end is configured.",
        width=6,
    ),
    stat("Users", "How many people have an account?", w.USERS.sum(), links=(go("Onboarding", ONBOARDING),)),
    stat(
        "AI requests",
        "How many requests went to the model in this time range?",
        m.AI_REQUESTS.increase(RANGE),
        may_be_zero="nobody asked anything.",
        links=(go("AI performance", AI),),
    ),
    stat(
        "Alerts firing",
        "How many alerts about SigmaSight are firing?",
        foreign("ALERTS", alertstate="firing", system="sigmasight").aggregate("count").or_zero(),
        limits=Limits(warn_above=0),
        may_be_zero="nothing is wrong.",
    ),
)

RESULTS = row(
    "How well?",
    stat(
        "95 % within",
        "Within which time were 95 % of the successful requests of the last 24 hours answered, exactly?",
        w.LATENCY.max(where={w.DAYS: DAY, w.STATISTIC: "p95"}),
        unit=SECONDS,
        limits=Limits(warn_above=20, bad_above=60),
        may_be_empty=TOO_MANY,
        links=(go("AI performance", AI),),
    ),
    gauge(
        "Failed requests",
        "Which share of the requests of 24 hours failed, as SigmaSight's own page says?",
        w.ERROR_RATIO.max(where=within(DAY)),
        limits=Limits(warn_above=0.02, bad_above=0.1),
        may_be_zero=NO_ERROR,
        may_be_empty=TOO_MANY,
    ),
    gauge(
        "Conversion",
        "How many portfolios were made per registration begun, in 30 days, as SigmaSight says? It can pass 100 %.",
        w.CONVERSION.max(where={w.DAYS: MONTH, w.STEP: "portfolio_complete"}),
        may_be_zero="sign-ups through a third party write no events.",
        may_be_empty=TOO_MANY,
        links=(go("Onboarding", ONBOARDING),),
    ),
    gauge(
        "Good ratings",
        "Which share of the ratings of 30 days is good?",
        w.POSITIVE.max(where=within(MONTH)),
        limits=Limits(warn_below=0.7, bad_below=0.4),
        may_be_zero=NO_RATING,
        links=(go("AI tuning", TUNING),),
    ),
    stat(
        "Last nightly run",
        "How long ago did the nightly run complete?",
        b.LAST_END.age(where={b.TRIGGER: "v2_cron", b.STATUS: "completed"}),
        unit=AGE,
        limits=Limits(warn_above=86_400 * 3, bad_above=86_400 * 4),
        may_be_empty="no nightly run was seen.",
        links=(go("Batch", BATCH),),
    ),
    stat(
        "To review",
        "How many annotations has nobody reviewed?",
        t.QUEUE.sum(),
        may_be_zero="everything is reviewed.",
        links=(go("AI tuning", TUNING),),
    ),
)

TRAFFIC = row(
    "What happens?",
    timeseries(
        "AI requests in the last hour",
        "How many requests were there in the hour before each moment, by model?",
        line(m.AI_REQUESTS.increase("1h", by=llm.MODEL), llm.MODEL),
        style="stacked",
        may_be_zero="nobody asked anything.",
    ),
    timeseries(
        "What users did in the last hour",
        "How many events were there in the hour before each moment, by kind?",
        line(m.ACTIVITY_EVENTS.increase("1h", by=lb.EVENT_TYPE), lb.EVENT_TYPE),
        style="stacked",
        may_be_zero="nobody was there.",
    ),
    bar_gauge(
        "Log records by level",
        "How much did the back end log in this time range, and how bad was it?",
        line(h.LINES.increase(RANGE, by=h.LEVEL), h.LEVEL),
        may_be_zero="it logs little.",
        may_be_empty="no log is configured.",
        width=6,
    ),
    bar_gauge(
        "Errors by part",
        "Which parts of the back end logged errors in this time range?",
        line(h.ERRORS.increase(RANGE, by=h.LOGGER).topk(10), h.LOGGER),
        colour="orange",
        may_be_zero=NO_ERROR,
        may_be_empty="no log is configured, or it has no error.",
        width=6,
    ),
    alerts("Alerts", "Which alerts about SigmaSight are firing or about to?", '{system="sigmasight"}', width=12),
)

BOARD = page(
    "Overview",
    OVERVIEW,
    "overview",
    "Does SigmaSight answer, does it compute, do people arrive, and do they like what they get?",
    [WORKING, RESULTS, TRAFFIC],
)
