"""SigmaSight / Batch: did the runs of the night do their work, and where does their time go?"""

from __future__ import annotations

from exporters.core.flux import events
from exporters.sigmasight import batch_metrics as b
from exporters.sigmasight import windows_metrics as w
from grafana.dashboards.panels import (
    AGE,
    COUNT,
    NEUTRAL,
    RATIO,
    SECONDS,
    Limits,
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
from grafana.dashboards.sigmasight_pages import BATCH, MONTH, RANGE, page

NO_RUN = "no run ended in this time range."
DONE = {b.RESULT: "done"}

NOW = row(
    "Does it run?",
    stat(
        "Last success",
        "How long ago did each of the nightly runs complete? Other kinds are below.",
        *(line(b.LAST_END.age(where={b.TRIGGER: kind, b.STATUS: "completed"}), kind) for kind in b.NIGHTLY),
        unit=AGE,
        may_be_empty="no run was seen.",
        width=8,
        height=6,
    ),
    stat(
        "Nights missed",
        "How many nights in a row should have had a run and left no row?",
        line(b.NIGHTS_MISSED.max(by=b.TRIGGER), b.TRIGGER),
        limits=Limits(bad_above=0),
        may_be_zero="every night had its run.",
        may_be_empty="no nightly run was seen.",
        width=5,
        height=6,
    ),
    stat(
        "Not ended",
        "How many rows say running, by what they really are? Phantoms are rows nobody ever ends.",
        line(b.UNFINISHED_RUNS.sum(by=b.STATE), b.STATE),
        may_be_zero="nothing runs, and nothing is left over.",
        width=6,
        height=6,
    ),
    stat(
        "Oldest that runs",
        "How long ago did the oldest run begin that has not ended?",
        line(b.OLDEST_RUNNING.age(by=b.STATE, oldest=True), b.STATE),
        unit=AGE,
        may_be_empty="nothing runs.",
        nothing="nothing runs",
        width=5,
        height=6,
    ),
    stat(
        "Market day",
        "How long ago was midnight of the newest market day that was computed?",
        line(b.MARKET_DATE.age(by=b.TRIGGER), b.TRIGGER),
        unit=AGE,
        may_be_empty="no nightly run was seen.",
        width=6,
    ),
    stat(
        "Newest start",
        "How long ago did any run start? Below 0: a clock is ahead.",
        w.BATCH_RECENT.age(),
        unit=AGE,
        may_be_empty="no run was seen.",
        width=4,
    ),
    stat(
        "Odd rows",
        "How many rows of 45 days began in the future, lack a time of creation, or share a run id?",
        line(b.ODD_ROWS.sum(by=b.ODDITY), b.ODDITY),
        may_be_zero="all rows are sound.",
        width=8,
    ),
    stat(
        "Odd values",
        "How many values of runs of this time range cannot be meant?",
        b.ODD_VALUES.increase(RANGE),
        limits=Limits(warn_above=0),
        may_be_zero="all rows are sound.",
        width=6,
    ),
)

TREND = row(
    "How do runs end?",
    timeseries(
        "Runs in the last day",
        "How did the runs of the day before each moment end?",
        # A state nobody is in would be a line on top of the others, in its own colour.
        line(b.RUNS.increase("24h", by=b.STATUS) > 0, b.STATUS),
        colours={"completed": "green", "partial": "orange"},
        style="stacked",
        may_be_empty=NO_RUN,
        width=8,
    ),
    timeseries(
        "Success in 30 days",
        "Which share of the runs completed: of all rows, as SigmaSight says, and of those that ended?",
        line(w.BATCH_SUCCESS.max(where={w.DAYS: MONTH, w.RUNS: "ended"}), "of those that ended"),
        line(w.BATCH_SUCCESS.max(where={w.DAYS: MONTH, w.RUNS: "all"}), "of all rows"),
        colours={"of those that ended": "green", "of all rows": NEUTRAL},
        unit=RATIO,
        highest=1,
        may_be_zero="nothing completed.",
        width=8,
    ),
    bar_gauge(
        "Work done",
        "What did runs of this time range get done, each in its own unit?",
        line(b.SYMBOLS.increase(RANGE, where=DONE), "symbols"),
        line(b.PORTFOLIOS.increase(RANGE, where=DONE), "portfolios"),
        line(b.DATES.increase(RANGE, where={b.DATE_RESULT: "done"}), "dates"),
        may_be_zero=NO_RUN,
        width=8,
    ),
    label_table(
        "By window",
        "How many runs were there in SigmaSight's windows, and how long did the completed ones take?",
        [
            column(w.DAYS, "Days"),
            *(
                number(status.capitalize(), w.BATCH_RUNS.max(by=w.DAYS, where={w.RUN_STATUS: status}))
                for status in w.RUN_STATUS.values or ()
            ),
            number("Success of all", w.BATCH_SUCCESS.max(by=w.DAYS, where={w.RUNS: "all"}), RATIO),
            number("Of those that ended", w.BATCH_SUCCESS.max(by=w.DAYS, where={w.RUNS: "ended"}), RATIO),
            number("Mean duration", w.BATCH_DURATION.max(by=w.DAYS), SECONDS),
        ],
        sort_by="Days",
        height=7,
    ),
    label_table(
        "By kind",
        "How did each kind of run do: the last one, and those of this time range? Completed runs can list errors.",
        [
            column(b.TRIGGER, "Kind"),
            number("Last success", b.LAST_END.age(by=b.TRIGGER, where={b.STATUS: "completed"}), AGE),
            number("Last took", b.LAST_DURATION.max(by=b.TRIGGER), SECONDS),
            number("Ended", b.RUNS.increase(RANGE, by=b.TRIGGER) > 0),
            number("With errors", b.WITH_ERRORS.increase(RANGE, by=b.TRIGGER) > 0),
            number("Errors listed", b.ERROR_MESSAGES.increase(RANGE, by=b.TRIGGER) > 0),
            number("Crashed", b.CRASHES.increase(RANGE, by=b.TRIGGER) > 0),
        ],
        sort_by="Last success",
        may_be_empty="no run was seen.",
        height=9,
    ),
)

TIME = row(
    "Where does the time go?",
    bar_gauge(
        "Phases of the last nightly run",
        "Which phase of the last nightly run took its time?",
        line(b.LAST_PHASE.max(by=b.PHASE, where={b.TRIGGER: "v2_cron"}), b.PHASE),
        unit=SECONDS,
        may_be_empty="no nightly run was seen.",
    ),
    timeseries(
        "Mean duration of runs",
        "How long did runs of the day before each moment take?",
        line(b.DURATION.mean(by=b.TRIGGER, window="24h") > 0, b.TRIGGER),
        unit=SECONDS,
        may_be_empty=NO_RUN,
        width=8,
    ),
    timeseries(
        "Mean duration of phases",
        "How long did the phases of those runs take?",
        line(b.PHASE_DURATION.mean(by=b.PHASE, window="24h") > 0, b.PHASE),
        unit=SECONDS,
        may_be_empty=NO_RUN,
        width=8,
    ),
    event_table(
        "Runs, one by one",
        "What did each run do, in its own unit?",
        events(b.RUN_POINT).table(
            [
                "trigger",
                "status",
                "duration_seconds",
                "jobs_completed",
                "jobs_total",
                "jobs_failed",
                "unit",
                "market_date",
            ]
        ),
        [
            column("trigger", "Kind"),
            column("status", "Status"),
            column("duration_seconds", "Duration", unit=SECONDS),
            column("jobs_completed", "Done", unit=COUNT),
            column("jobs_total", "Of", unit=COUNT),
            column("jobs_failed", "Failed", unit=COUNT),
            column("unit", "Unit"),
            column("market_date", "Market day"),
        ],
        may_be_empty=NO_RUN,
    ),
    timeseries(
        "Phases over time",
        "How long did each phase of each run take?",
        line(events(b.PHASE_POINT, "seconds").window("mean", by=(b.PHASE,)), b.PHASE),
        unit=SECONDS,
        may_be_empty=NO_RUN,
        width=24,
    ),
)

BOARD = page(
    "Batch",
    BATCH,
    "batch",
    "Did the runs of the night do their work, and where does their time go?",
    [NOW, TREND, TIME],
)
