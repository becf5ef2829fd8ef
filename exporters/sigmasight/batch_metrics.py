"""Every metric and measurement of SigmaSight's batch runs, from `batch_run_history`.

A run is counted when it has ended, once, by its row; what has not ended is a gauge. Jobs are of another unit for each
kind of run, so that each unit has a metric of its own and nothing adds them up.
"""

from __future__ import annotations

from exporters.core.label import closed
from exporters.core.measurement import Field, Measurement
from exporters.core.metric import Metric, counter, gauge, histogram

SYMBOL_BATCH, PORTFOLIO_REFRESH = "v2_cron", "v2_cron_portfolio"
NIGHTLY = (SYMBOL_BATCH, PORTFOLIO_REFRESH)
OVER_DATES = ("cron", "manual", "admin", "onboarding", "settings")
"""What the orchestrator runs for; a job of theirs is a trading date."""
TRACKERS = ("system", "unknown", "user")
"""Whom the tracker in memory names in rows that never end; `user` stands for every address."""
STATUSES = ("completed", "failed", "partial")
PHASES = (
    "phase_0_daily_valuations",
    "phase_1_market_data",
    "phase_1_5_symbol_factors",
    "phase_1_75_symbol_metrics",
    "phase_2_fundamentals",
    "phase_3_factors",
    "portfolio_refresh",
)
UNFINISHED = ("running", "stuck", "phantom")
ODDITIES = ("future", "without_created_at", "duplicate_run_id")
COLUMNS = ("completed_at", "phase_durations", "total_jobs", "completed_jobs", "failed_jobs")

TRIGGER = closed(
    "trigger", "What started the run; `user` stands for every e-mail address.", *NIGHTLY, *OVER_DATES, *TRACKERS
)
STATUS = closed("status", "How the run ended.", *STATUSES)
PHASE = closed("phase", "Part of a run; the total duration is none.", *PHASES)
RESULT = closed("result", "Jobs there were, and jobs that were done.", "planned", "done")
DATE_RESULT = closed("result", "What became of a trading date.", "done", "failed")
STATE = closed(
    "state",
    "`running`; `stuck`: running for longer than any run takes; `phantom`: a tracker's row, which nobody ever ends.",
    *UNFINISHED,
)
ODDITY = closed(
    "oddity", "Begun in the future, without a time of creation, or with a run id that another row has too.", *ODDITIES
)
COLUMN = closed("column", "Column of a run's row.", *COLUMNS)

EDGES = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14400.0)

# Rows that have ended -- stream `batch_runs`

RUNS = counter("sigmasight_batch_runs_total", "Batch runs that have ended, each row once.", (TRIGGER, STATUS))
WITH_ERRORS = counter(
    "sigmasight_batch_runs_with_errors_total",
    "Those of them that list or count errors; a completed run can have some, a nightly summary alone is none.",
    (TRIGGER, STATUS),
)
CRASHES = counter("sigmasight_batch_crashes_total", "Runs that an exception ended.", (TRIGGER,))
DURATION = histogram("sigmasight_batch_duration_seconds", "How long runs took.", EDGES, (TRIGGER,))
PHASE_DURATION = histogram("sigmasight_batch_phase_duration_seconds", "How long a run's phases took.", EDGES, (PHASE,))
SYMBOLS = counter(
    "sigmasight_batch_symbols_total", "Symbols of nightly runs: planned, and done, which means priced.", (RESULT,)
)
PORTFOLIOS = counter(
    "sigmasight_batch_portfolios_total",
    "Portfolios of nightly refreshes: planned, and done, which means that a snapshot was made.",
    (RESULT,),
)
DATES = counter(
    "sigmasight_batch_dates_total",
    "Trading dates of the orchestrator's runs; dates that were done before are in no row.",
    (TRIGGER, DATE_RESULT),
    start=tuple((trigger, result) for trigger in OVER_DATES for result in ("done", "failed")),
)
ERROR_MESSAGES = counter(
    "sigmasight_batch_error_messages_total",
    "Errors that nightly runs listed, those of completed runs included.",
    (TRIGGER,),
    start=tuple((trigger,) for trigger in NIGHTLY),
)
ODD_VALUES = counter(
    "sigmasight_batch_odd_values_total",
    "Values of runs that enter no metric, as they cannot be meant: negative, above a week, of another shape.",
    (COLUMN,),
)
LAST_END = gauge(
    "sigmasight_batch_last_end_timestamp_seconds",
    "When the last run of this kind ended like this; the last success is status `completed`.",
    (TRIGGER, STATUS),
    lasting=True,
)
LAST_DURATION = gauge("sigmasight_batch_last_duration_seconds", "How long the last run of this kind took.", (TRIGGER,))
LAST_PHASE = gauge("sigmasight_batch_last_phase_seconds", "How long each phase of the last run took.", (TRIGGER, PHASE))
MARKET_DATE = gauge(
    "sigmasight_batch_market_date_timestamp_seconds",
    "Midnight UTC of the newest market day that a nightly run has completed.",
    (TRIGGER,),
    lasting=True,
)
NIGHTS_MISSED = gauge(
    "sigmasight_batch_nights_missed",
    "Nights in a row that should have had a run and left no row; nights of days without a market are none.",
    (TRIGGER,),
)

# Rows that have not ended -- probe `batch_now`

UNFINISHED_RUNS = gauge(
    "sigmasight_batch_unfinished_runs", "Rows that say running, by what they really are.", (TRIGGER, STATE)
)
OLDEST_RUNNING = gauge(
    "sigmasight_batch_oldest_running_timestamp_seconds", "When the oldest run that has not ended began.", (STATE,)
)
ODD_ROWS = gauge(
    "sigmasight_batch_odd_rows", "Rows of the last 45 days that no window of times serves well.", (ODDITY,)
)

METRICS: tuple[Metric, ...] = (
    RUNS, WITH_ERRORS, CRASHES, DURATION, PHASE_DURATION, SYMBOLS, PORTFOLIOS, DATES, ERROR_MESSAGES, ODD_VALUES,
    LAST_END, LAST_DURATION, LAST_PHASE, MARKET_DATE, NIGHTS_MISSED,
    UNFINISHED_RUNS, OLDEST_RUNNING, ODD_ROWS,
)  # fmt: skip

RUN_POINT = Measurement(
    "sigmasight", "sigmasight_batch_run", "One batch run that has ended, at its beginning.",
    (TRIGGER, STATUS),
    (
        Field("runs", "int", "Always 1."),
        Field("duration_seconds", "float", "From beginning to end; absent without an end.", "seconds"),
        Field("unit", "str", "What a job of this run is: symbols, portfolios, dates; absent where there are none."),
        Field("jobs_total", "int", "Jobs, as the row counts them."),
        Field("jobs_completed", "int", "Jobs done, as the row counts them."),
        Field("jobs_failed", "int", "Jobs that failed; errors listed, for a nightly run."),
        Field("with_errors", "int", "1 if the run lists or counts errors, else 0."),
        Field("crashed", "int", "1 if an exception ended it, else 0."),
        Field("market_date", "str", "Market day of a nightly run, YYYY-MM-DD; absent for others."),
    ),
)  # fmt: skip
PHASE_POINT = Measurement(
    "sigmasight", "sigmasight_batch_phase", "One phase of a batch run, at the run's beginning.",
    (TRIGGER, PHASE),
    (Field("seconds", "float", "How long it took.", "seconds"),),
)  # fmt: skip
MEASUREMENTS: tuple[Measurement, ...] = (RUN_POINT, PHASE_POINT)
